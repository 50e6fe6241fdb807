/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/c_data_lend.h"

#include <stdatomic.h>
#include <string.h>

#include "arrow/ipc_read_impl.h"
#include "base/mem.h"

/* A dictionary that batches share, and its bytes. */
typedef struct shared {
  atomic_size_t holders;
  uint64_t version; /* of the reader's dictionary */
  oa_array array;
  uint8_t bytes[];
} shared;

struct oa_c_lender {
  oa_ipc_reader *reader;
  shared **known; /* for each dictionary of the reader; NULL = not copied yet */
};

/* What one batch lies in. */
typedef struct loan {
  oa_arena arena;
  oa_buf message;
  const oa_ipc_dict *dicts; /* only compared with, they may be gone */
  size_t count;
  shared *taken[];
} loan;

/* --- dictionaries --- */

static void drop(shared *s) {
  if (s != NULL &&
      atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) == 1) {
    oa_free(s);
  }
}

static size_t padded(size_t len) {
  return (len + 15) & ~(size_t)15;
}

/* Copies BUF to *AT and moves that on. */
static const void *put(uint8_t **at, const oa_buf *buf) {
  uint8_t *here = *at;
  if (buf->len == 0) {
    return NULL;
  }
  memcpy(here, buf->data, buf->len);
  *at += padded(buf->len);
  return here;
}

static shared *copy(const oa_ipc_dict *dict) {
  const size_t head = padded(sizeof(shared)) - sizeof(shared);
  const size_t size = head + padded(dict->validity.len) +
                      padded(dict->offsets.len) + padded(dict->bytes.len);
  shared *s = oa_malloc(sizeof *s + size);
  if (s == NULL) {
    return NULL;
  }
  atomic_init(&s->holders, 1);
  uint8_t *at = s->bytes + head;
  s->version = dict->version;
  s->array = dict->array;
  s->array.offsets = put(&at, &dict->offsets);
  s->array.values = put(&at, &dict->bytes);
  const void *validity = put(&at, &dict->validity);
  s->array.validity = dict->array.null_count == 0 ? NULL : validity;
  return s;
}

/* The copy of dictionary I as it is now, held once more. */
static shared *hold(oa_c_lender *lender, size_t i) {
  const oa_ipc_dict *dict = &lender->reader->dicts[i];
  shared *s = lender->known[i];
  if (s == NULL || s->version != dict->version) {
    s = copy(dict);
    if (s == NULL) {
      return NULL;
    }
    drop(lender->known[i]);
    lender->known[i] = s;
  }
  atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
  return s;
}

/* --- loans --- */

static void end_loan(void *context) {
  loan *l = context;
  for (size_t i = 0; i < l->count; i++) {
    drop(l->taken[i]);
  }
  oa_arena_free(&l->arena);
  oa_buf_free(&l->message);
  oa_free(l);
}

static loan *begin_loan(oa_c_lender *lender) {
  const size_t count = lender->reader->dict_count;
  loan *l = oa_calloc(1, sizeof *l + count * sizeof(shared *));
  if (l == NULL) {
    return NULL;
  }
  l->dicts = lender->reader->dicts;
  l->count = count;
  for (size_t i = 0; i < count; i++) {
    l->taken[i] = hold(lender, i);
    if (l->taken[i] == NULL) {
      end_loan(l);
      return NULL;
    }
  }
  return l;
}

static const oa_array *find(void *context, const oa_array *dictionary) {
  const loan *l = context;
  for (size_t i = 0; i < l->count; i++) {
    if (dictionary == &l->dicts[i].array) {
      return &l->taken[i]->array;
    }
  }
  return dictionary;
}

/* Whether a buffer of ARRAY's tree lies in BUF. */
static bool points_into(const struct ArrowArray *array, const oa_buf *buf) {
  const uintptr_t begin = (uintptr_t)buf->data;
  for (int64_t i = 0; i < array->n_buffers; i++) {
    const uintptr_t at = (uintptr_t)array->buffers[i];
    if (at >= begin && at - begin < buf->cap) {
      return true;
    }
  }
  for (int64_t i = 0; i < array->n_children; i++) {
    if (points_into(array->children[i], buf)) {
      return true;
    }
  }
  return false; /* dictionaries are copies */
}

/* --- the lender --- */

oa_status oa_c_lender_new(oa_c_lender **out, oa_ipc_reader *reader) {
  oa_c_lender *lender = oa_calloc(1, sizeof *lender);
  if (lender == NULL) {
    return OA_ERR_NOMEM;
  }
  lender->reader = reader;
  lender->known = oa_calloc(reader->dict_count + 1, sizeof(shared *));
  if (lender->known == NULL) {
    oa_free(lender);
    return OA_ERR_NOMEM;
  }
  *out = lender;
  return OA_OK;
}

void oa_c_lender_free(oa_c_lender *lender) {
  if (lender == NULL) {
    return;
  }
  for (size_t i = 0; i < lender->reader->dict_count; i++) {
    drop(lender->known[i]);
  }
  oa_free(lender->known);
  oa_free(lender);
}

oa_status oa_c_lender_export(oa_c_lender *lender, struct ArrowArray *out,
                             const oa_c_rows *rows, oa_buf *message) {
  oa_ipc_reader *reader = lender->reader;
  oa_c_rows moved = *rows;
  loan *l = begin_loan(lender);
  if (l == NULL) {
    return OA_ERR_NOMEM;
  }
  moved.dictionary = find;
  const oa_c_owner owner = {.release = end_loan, .context = l};
  const oa_status status = oa_c_array_export(out, &moved, owner);
  if (status != OA_OK) {
    end_loan(l);
    return status;
  }
  if (points_into(out, message)) {
    l->message = *message;
    *message = (oa_buf){.purse = message->purse};
  }
  /* An arena is not tied to its place. */
  l->arena = reader->batch_arena;
  oa_arena_init(&reader->batch_arena, l->arena.max);
  reader->batch_arena.purse = l->arena.purse;
  oa_ipc_reader_drop_batch(reader);
  return OA_OK;
}
