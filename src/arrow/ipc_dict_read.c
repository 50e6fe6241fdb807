/* SPDX-License-Identifier: Apache-2.0 */
/* DictionaryBatch messages: whole dictionaries, and values added to them. */
#include <string.h>

#include "arrow/ipc_read_impl.h"

/* Senders replace a dictionary when it has become full, and fill it again:
 * buffers of up to so many bytes wait for that. */
enum { KEPT = 8 * 1024 * 1024 };

static oa_status damaged(oa_error *error, const char *what) {
  return oa_error_set(error, OA_ERR_MALFORMED, "Arrow dictionary: %s", what);
}

void oa_ipc_dict_reset(oa_ipc_dict *dict) {
  oa_buf_free(&dict->validity);
  oa_buf_free(&dict->offsets);
  oa_buf_free(&dict->bytes);
  dict->array = (oa_array){0};
  dict->known = false;
}

static size_t held(const oa_ipc_dict *dict) {
  return dict->validity.len + dict->offsets.len + dict->bytes.len;
}

static size_t bits_size(int64_t bits) {
  return (size_t)((bits + 7) / 8);
}

/* Appends COUNT bits of BITS (NULL: all of them VALUE) behind the first AT. */
static oa_status add_bits(oa_buf *to, int64_t at, const uint8_t *bits,
                          int64_t count, bool value) {
  OA_TRY(oa_buf_put_zeros(to, bits_size(at + count) - to->len));
  if (at % 8 != 0) {
    /* Bits of an earlier try that failed may stand there. */
    to->data[at / 8] &= (uint8_t)((1U << (at % 8)) - 1);
  }
  for (int64_t i = 0; i < count; i++) {
    const bool bit = bits == NULL ? value : oa_bit(bits, i);
    if (bit) {
      to->data[(at + i) / 8] |= (uint8_t)(1U << ((at + i) % 8));
    }
  }
  return OA_OK;
}

static oa_status add_validity(oa_ipc_dict *dict, const oa_array *more) {
  const int64_t length = dict->array.length;
  if (dict->array.null_count == 0 && more->null_count == 0) {
    return OA_OK;
  }
  if (dict->validity.len == 0) {
    OA_TRY(add_bits(&dict->validity, 0, NULL, length, true));
  }
  return add_bits(&dict->validity, length, more->validity, more->length,
                  more->null_count == 0);
}

static oa_status add_strings32(oa_ipc_dict *dict, const oa_array *more,
                               oa_error *error) {
  const int32_t *offsets = more->offsets;
  const int32_t first = offsets == NULL ? 0 : offsets[0];
  const int32_t last = offsets == NULL ? 0 : offsets[more->length];
  const size_t size = (size_t)(last - first);
  if (dict->bytes.len + size > INT32_MAX) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "Arrow dictionary: deltas make it longer than 2 GiB");
  }
  const int32_t base = (int32_t)dict->bytes.len - first;
  OA_TRY(oa_buf_reserve(&dict->offsets,
                        ((size_t)more->length + 1) * sizeof(int32_t)));
  if (dict->offsets.len == 0) {
    (void)oa_buf_put_zeros(&dict->offsets, sizeof(int32_t));
  }
  int32_t *out = (void *)(dict->offsets.data + dict->offsets.len);
  for (int64_t i = 1; i <= more->length; i++) {
    *out++ = base + (offsets == NULL ? 0 : offsets[i]);
  }
  dict->offsets.len += (size_t)more->length * sizeof *out;
  return size == 0 ? OA_OK
                   : oa_buf_put(&dict->bytes,
                                (const uint8_t *)more->values + first, size);
}

static oa_status add_strings64(oa_ipc_dict *dict, const oa_array *more) {
  const int64_t *offsets = more->offsets;
  const int64_t first = offsets == NULL ? 0 : offsets[0];
  const int64_t last = offsets == NULL ? 0 : offsets[more->length];
  const int64_t base = (int64_t)dict->bytes.len - first;
  OA_TRY(oa_buf_reserve(&dict->offsets,
                        ((size_t)more->length + 1) * sizeof(int64_t)));
  if (dict->offsets.len == 0) {
    (void)oa_buf_put_zeros(&dict->offsets, sizeof(int64_t));
  }
  int64_t *out = (void *)(dict->offsets.data + dict->offsets.len);
  for (int64_t i = 1; i <= more->length; i++) {
    *out++ = base + (offsets == NULL ? 0 : offsets[i]);
  }
  dict->offsets.len += (size_t)more->length * sizeof *out;
  return last == first
             ? OA_OK
             : oa_buf_put(&dict->bytes, (const uint8_t *)more->values + first,
                          (size_t)(last - first));
}

static oa_status add_values(oa_ipc_dict *dict, const oa_array *more,
                            oa_error *error) {
  OA_TRY(add_validity(dict, more));
  switch (dict->values.type) {
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return add_strings32(dict, more, error);
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return add_strings64(dict, more);
    case OA_TYPE_BOOL:
      return add_bits(&dict->bytes, dict->array.length, more->values,
                      more->length, false);
    default:
      return oa_buf_put(&dict->bytes, more->values,
                        (size_t)more->length * oa_field_width(&dict->values));
  }
}

/* What MORE adds at most: with bitmaps, offsets and data. */
static uint64_t cost(const oa_array *more) {
  return (uint64_t)more->length / 4 + 2 +
         (more->offsets == NULL ? 8 : ((uint64_t)more->length + 1) * 8) +
         more->values_size;
}

/* Appends MORE to DICT; on failure DICT has the values it had. */
static oa_status append(oa_ipc_reader *reader, oa_ipc_dict *dict,
                        const oa_array *more, oa_error *error) {
  const oa_ipc_dict before = *dict;
  const uint64_t used = reader->dict_bytes + reader->batch_arena.used;
  if (more->length > INT64_MAX / 16 - dict->array.length ||
      cost(more) > reader->limits.max_memory ||
      used > reader->limits.max_memory - cost(more)) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "Arrow dictionary: all together take more than the "
                        "limit of %zu bytes",
                        reader->limits.max_memory);
  }
  oa_status status = add_values(dict, more, error);
  if (status != OA_OK) {
    /* Buffers may have grown and moved, but hold the old values in front. */
    dict->validity.len = before.validity.len;
    dict->offsets.len = before.offsets.len;
    dict->bytes.len = before.bytes.len;
  } else {
    dict->array.length += more->length;
    dict->array.null_count += more->null_count;
    dict->array.values_size = dict->bytes.len;
  }
  dict->array.validity =
      dict->array.null_count == 0 ? NULL : dict->validity.data;
  dict->array.offsets = dict->offsets.data;
  dict->array.values = dict->bytes.data;
  return status;
}

static oa_status add(oa_ipc_reader *reader, oa_ipc_dict *dict,
                     const oa_array *values, oa_error *error) {
  const size_t before = held(dict);
  OA_TRY(append(reader, dict, values, error));
  reader->dict_bytes += held(dict) - before;
  return OA_OK;
}

/* Empties BUF, whose memory the values to come may use again. */
static void empty(oa_buf *buf) {
  if (buf->cap > KEPT) {
    oa_buf_free(buf);
  }
  buf->len = 0;
}

/* VALUES instead of those of DICT; on failure it has none. */
static oa_status replace(oa_ipc_reader *reader, oa_ipc_dict *dict,
                         const oa_array *values, oa_error *error) {
  reader->replacements += dict->known ? 1 : 0;
  reader->dict_bytes -= held(dict);
  empty(&dict->validity);
  empty(&dict->offsets);
  empty(&dict->bytes);
  dict->array = (oa_array){0};
  dict->known = false;
  OA_TRY(append(reader, dict, values, error));
  reader->dict_bytes += held(dict);
  dict->known = true;
  return OA_OK;
}

static oa_status find(oa_ipc_reader *reader, const oa_flat_table *head,
                      oa_ipc_dict **out, oa_flat_table *batch, int64_t *delta,
                      oa_error *error) {
  int64_t id = 0;
  if (!oa_flat_get(head, OA_DICTIONARY_ID, 8, 0, &id) ||
      !oa_flat_get_table(head, OA_DICTIONARY_DATA, batch) ||
      !oa_flat_get(head, OA_DICTIONARY_IS_DELTA, 1, 0, delta)) {
    return damaged(error, "it is not a valid flatbuffer");
  }
  if (batch->bytes == NULL) {
    return damaged(error, "it has no data");
  }
  for (size_t i = 0; i < reader->dict_count; i++) {
    if (reader->dicts[i].id == id) {
      *out = &reader->dicts[i];
      return OA_OK;
    }
  }
  return oa_error_set(error, OA_ERR_MALFORMED,
                      "Arrow dictionary: no column has a dictionary %lld",
                      (long long)id);
}

oa_status oa_ipc_read_dictionary(oa_ipc_reader *reader,
                                 const oa_ipc_message *message,
                                 const uint8_t *body, oa_error *error) {
  oa_ipc_dict *dict = NULL;
  oa_flat_table batch;
  oa_ipc_walk walk;
  oa_array values;
  int64_t delta = 0;
  int64_t rows = 0;
  OA_TRY(find(reader, &message->head, &dict, &batch, &delta, error));
  OA_TRY(oa_ipc_walk_open(&walk, reader, &batch, body, message->body_len, &rows,
                          error));
  OA_TRY(oa_ipc_walk_array(&walk, &dict->values, &values));
  OA_TRY(oa_ipc_walk_close(&walk));
  if (values.length != rows) {
    return damaged(error, "its values are not as many as its rows");
  }
  if (delta != 0 && !dict->known) {
    return damaged(error, "values are added to one that was not sent");
  }
  dict->version++;
  return delta != 0 ? add(reader, dict, &values, error)
                    : replace(reader, dict, &values, error);
}
