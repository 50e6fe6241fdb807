/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_stream.h - reads whole streams the way the tests of the IPC reader need.
 *
 * Include it after cmocka.h.
 */
#ifndef OA_TESTS_UNIT_IPC_STREAM_H
#define OA_TESTS_UNIT_IPC_STREAM_H

#include "arrow/flat.h"
#include "arrow/ipc_format.h"
#include "arrow/ipc_read.h"
#include "base/mem.h"
#include "ipc_sample.h"

static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                   OA_CODING_ZSTD};

static inline oa_ipc_reader *open_reader(const oa_ipc_limits *limits) {
  oa_ipc_reader *reader = NULL;
  assert_int_equal(oa_ipc_reader_new(&reader, limits), OA_OK);
  return reader;
}

/* Touches all values of all columns, so that a sanitizer sees what a user of
 * the arrays would. */
static inline void touch(const oa_ipc_reader *reader) {
  int64_t rows = 0;
  const oa_schema *schema = oa_ipc_reader_schema(reader);
  const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
  for (size_t i = 0; i < schema->field_count; i++) {
    assert_int_equal(columns[i].length, rows);
    /* Columns without bytes may be of any length. */
    if (rows < 10000) {
      assert_true(sample_equal(&schema->fields[i], &columns[i], &columns[i]));
    }
  }
}

/* Reads until the end or the first failure, from memory of the exact size. */
static inline oa_status read_all(const uint8_t *bytes, size_t len, size_t shift,
                                 const oa_ipc_limits *limits, size_t *batches,
                                 oa_error *error) {
  oa_ipc_reader *reader = NULL;
  OA_TRY(oa_ipc_reader_new(&reader, limits));
  uint8_t *block = oa_malloc(len + shift + 1);
  if (block == NULL) {
    oa_ipc_reader_free(reader);
    return OA_ERR_NOMEM;
  }
  uint8_t *copy = block + 1 + shift;
  memcpy(copy, bytes, len);
  oa_status status = OA_OK;
  oa_ipc_event event = OA_IPC_SCHEMA;
  *batches = 0;
  for (size_t at = 0; status == OA_OK && event != OA_IPC_EOS;) {
    size_t used = 0;
    status = oa_ipc_read(reader, copy + at, len - at, &used, &event, error);
    if (status == OA_OK) {
      assert_true(used >= 8 && used <= len - at);
      at += used;
      if (event == OA_IPC_BATCH) {
        touch(reader);
        (*batches)++;
      }
    } else if (status == OA_ERR_TRUNCATED) {
      assert_true(used > len - at);
    }
  }
  oa_free(block);
  oa_ipc_reader_free(reader);
  return status;
}

/* The place of a scalar field in the flatbuffer of the message at BYTES. */
static inline uint8_t *slot_of(uint8_t *bytes, const oa_flat_table *table,
                               size_t id) {
  (void)bytes;
  uint16_t offset = 0;
  memcpy(&offset, table->bytes + table->vtable + 4 + 2 * id, sizeof offset);
  assert_true(offset != 0);
  return bytes + 8 + table->at + offset;
}

static inline oa_flat_table head_of(const uint8_t *bytes) {
  uint32_t len = 0;
  oa_flat_table message;
  oa_flat_table head;
  memcpy(&len, bytes + 4, sizeof len);
  assert_true(oa_flat_root(bytes + 8, len, &message));
  assert_true(oa_flat_get_table(&message, OA_MESSAGE_HEADER, &head));
  return head;
}

#endif
