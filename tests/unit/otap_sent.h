/* SPDX-License-Identifier: Apache-2.0 */
/* otap_sent.h - OTAP messages that an encoder sent, taken apart: which
 * payloads they hold and which Arrow messages these.
 *
 * Include it after cmocka.h.
 */
#ifndef OA_TESTS_UNIT_OTAP_SENT_H
#define OA_TESTS_UNIT_OTAP_SENT_H

#include <stdlib.h>
#include <string.h>

#include "arrow/flat.h"
#include "arrow/ipc_format.h"
#include "base/buf.h"
#include "otap/encode.h"
#include "otap/payload.h"
#include "wire/cursor.h"

enum { SENT_MAX = 64 };

/* A sink that keeps what it gets, up to FAIL_AT messages. */
typedef struct sent {
  oa_buf messages[SENT_MAX];
  size_t count;
  size_t fail_at; /* 0 = never */
} sent;

static inline oa_status keep_sent(void *context, const uint8_t *message,
                                  size_t len) {
  sent *all = context;
  if (all->fail_at != 0 && all->count + 1 == all->fail_at) {
    return OA_ERR_IO;
  }
  assert_true(all->count < SENT_MAX);
  OA_TRY(oa_buf_put(&all->messages[all->count], message, len));
  all->count++;
  return OA_OK;
}

static inline void sent_free(sent *all) {
  for (size_t i = 0; i < SENT_MAX; i++) {
    oa_buf_free(&all->messages[i]);
  }
  *all = (sent){0};
}

/* What one payload holds. */
typedef struct part {
  int type;
  char schema_id[24];
  size_t schemas;
  size_t whole;    /* DictionaryBatches that replace or begin */
  size_t deltas;   /* and those that add */
  int64_t entries; /* of all of them */
  size_t batches;
  int64_t rows;
} part;

enum { PARTS_MAX = 20 };

typedef struct parts {
  int64_t batch_id;
  part part[PARTS_MAX];
  size_t count;
} parts;

static inline void read_ipc_message(const uint8_t *meta, size_t len, part *out,
                                    int64_t *body) {
  oa_flat_table message;
  oa_flat_table header;
  oa_flat_table data;
  int64_t type;
  int64_t flag;
  int64_t rows;
  assert_true(oa_flat_root(meta, len, &message));
  assert_true(oa_flat_get(&message, OA_MESSAGE_HEADER_TYPE, 1, 0, &type));
  assert_true(oa_flat_get(&message, OA_MESSAGE_BODY_LENGTH, 8, 0, body));
  assert_true(oa_flat_get_table(&message, OA_MESSAGE_HEADER, &header));
  if (type == OA_IPC_HEADER_SCHEMA) {
    out->schemas++;
  } else if (type == OA_IPC_HEADER_DICTIONARY) {
    assert_true(oa_flat_get(&header, OA_DICTIONARY_IS_DELTA, 1, 0, &flag));
    assert_true(oa_flat_get_table(&header, OA_DICTIONARY_DATA, &data));
    assert_true(oa_flat_get(&data, OA_BATCH_LENGTH, 8, 0, &rows));
    out->entries += rows;
    *(flag != 0 ? &out->deltas : &out->whole) += 1;
  } else {
    assert_int_equal(type, OA_IPC_HEADER_BATCH);
    assert_true(oa_flat_get(&header, OA_BATCH_LENGTH, 8, 0, &out->rows));
    out->batches++;
  }
}

static inline void read_record(oa_cursor record, part *out) {
  while (!oa_cursor_done(&record)) {
    uint32_t words[2];
    int64_t body = 0;
    assert_true(oa_cursor_left(&record) >= sizeof words);
    memcpy(words, record.at, sizeof words);
    assert_int_equal(words[0], OA_IPC_CONTINUATION);
    read_ipc_message(record.at + OA_IPC_PREFIX, words[1], out, &body);
    assert_int_equal(body % 8, 0);
    assert_true(oa_cursor_left(&record) >=
                OA_IPC_PREFIX + words[1] + (size_t)body);
    record.at += OA_IPC_PREFIX + words[1] + (size_t)body;
  }
}

static inline void read_payload(oa_cursor payload, part *out) {
  *out = (part){0};
  while (!oa_cursor_done(&payload)) {
    uint32_t tag = 0;
    uint64_t number = 0;
    oa_cursor bytes = {0};
    assert_int_equal(oa_cursor_tag(&payload, &tag), OA_OK);
    if (tag == OA_TAG(2, OA_WIRE_VARINT)) {
      assert_int_equal(oa_cursor_varint(&payload, &number), OA_OK);
      out->type = (int)number;
      continue;
    }
    assert_int_equal(oa_cursor_bytes(&payload, &bytes), OA_OK);
    if (tag == OA_TAG(1, OA_WIRE_BYTES)) {
      assert_true(oa_cursor_left(&bytes) < sizeof out->schema_id);
      memcpy(out->schema_id, bytes.at, oa_cursor_left(&bytes));
    } else {
      assert_int_equal(tag, OA_TAG(3, OA_WIRE_BYTES));
      read_record(bytes, out);
    }
  }
  /* What every payload of ours must be. */
  assert_int_equal(out->batches, 1);
  assert_true(out->rows > 0);
}

static inline parts parts_of(const sent *all, size_t message) {
  parts out = {0};
  assert_true(message < all->count);
  oa_cursor at =
      oa_cursor_over(all->messages[message].data, all->messages[message].len);
  while (!oa_cursor_done(&at)) {
    uint32_t tag = 0;
    uint64_t number = 0;
    oa_cursor payload = {0};
    assert_int_equal(oa_cursor_tag(&at, &tag), OA_OK);
    if (tag == OA_TAG(1, OA_WIRE_VARINT)) {
      assert_int_equal(oa_cursor_varint(&at, &number), OA_OK);
      out.batch_id = (int64_t)number;
      continue;
    }
    assert_int_equal(tag, OA_TAG(2, OA_WIRE_BYTES));
    assert_int_equal(oa_cursor_bytes(&at, &payload), OA_OK);
    assert_true(out.count < PARTS_MAX);
    read_payload(payload, &out.part[out.count++]);
  }
  return out;
}

/* The payload of TYPE, or NULL. */
static inline const part *find_part(const parts *p, oa_payload_type type) {
  for (size_t i = 0; i < p->count; i++) {
    if (p->part[i].type == (int)type) {
      return &p->part[i];
    }
  }
  return NULL;
}

static inline part part_of(const sent *all, size_t message,
                           oa_payload_type type) {
  const parts p = parts_of(all, message);
  const part *found = find_part(&p, type);
  assert_non_null(found);
  return *found;
}

#endif
