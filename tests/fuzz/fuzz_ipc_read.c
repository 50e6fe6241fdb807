/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all: the reader must stop, stay inside its bounds and hand out
 * only arrays whose every value can be reached. */
#include "arrow/ipc_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* More rows than this have no bytes behind them. */
enum { MAX_ROWS = 1 << 16 };

static uint64_t sum_bytes(const uint8_t *at, size_t len) {
  uint64_t sum = 0;
  for (size_t i = 0; i < len; i++) {
    sum += at[i];
  }
  return sum;
}

static uint64_t visit_strings(const oa_field *field, const oa_array *array) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < array->length; i++) {
    if (field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY) {
      size_t size = 0;
      const uint8_t *at = oa_array_bytes(array, i, &size);
      sum += sum_bytes(at, size);
    }
  }
  return sum;
}

static uint64_t visit(const oa_field *field, const oa_array *array) {
  uint64_t sum = 0;
  if (array->length > MAX_ROWS) {
    return 0;
  }
  for (int64_t i = 0; i < array->length; i++) {
    sum += oa_array_is_null(array, i) ? 1 : 0;
    if (field->dictionary && field->index_type == OA_TYPE_INT32 &&
        field->type == OA_TYPE_UTF8 && !oa_array_is_null(array, i)) {
      size_t size = 0;
      const uint8_t *at = oa_array_dict_bytes(array, i, &size);
      sum += sum_bytes(at, size);
    }
    if (field->type == OA_TYPE_LIST) {
      int64_t begin = 0;
      int64_t end = 0;
      oa_array_range(array, i, &begin, &end);
      for (; begin < end; begin++) {
        sum += oa_array_is_null(&array->children[0], begin) ? 1 : 0;
      }
    }
  }
  if (!field->dictionary) {
    sum += visit_strings(field, array);
  }
  if (array->values != NULL) {
    sum += sum_bytes(array->values, array->values_size);
  }
  for (size_t i = 0; i < field->child_count; i++) {
    sum += visit(&field->children[i], &array->children[i]);
  }
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const oa_ipc_limits limits = {.max_message = 1 << 20,
                                       .max_memory = 1 << 22,
                                       .max_fields = 256,
                                       .max_depth = 16};
  oa_ipc_reader *reader = NULL;
  volatile uint64_t sum = 0;
  if (oa_ipc_reader_new(&reader, &limits) != OA_OK) {
    return 0;
  }
  for (size_t at = 0; at < len;) {
    size_t used = 0;
    oa_ipc_event event = OA_IPC_EOS;
    oa_error error;
    if (oa_ipc_read(reader, data + at, len - at, &used, &event, &error) !=
        OA_OK) {
      break;
    }
    if (event == OA_IPC_BATCH) {
      int64_t rows = 0;
      const oa_schema *schema = oa_ipc_reader_schema(reader);
      const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
      for (size_t i = 0; i < schema->field_count; i++) {
        sum += visit(&schema->fields[i], &columns[i]);
      }
    }
    at += used;
  }
  oa_ipc_reader_free(reader);
  (void)sum; /* volatile, so that the bytes are read at all */
  return 0;
}
