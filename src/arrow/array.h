/* SPDX-License-Identifier: Apache-2.0 */
/* array.h - a finished column: pointers into memory that someone else owns.
 *
 * This is the one form between those that make columns (the builder in
 * table.h, the IPC reader) and those that use them (the IPC writer, the OTLP
 * encoder).  It has the buffers of the Arrow columnar format and nothing else.
 *
 * Two short-hands keep columns that nobody filled free of charge:
 *  - validity NULL: every value is valid when null_count is 0, and every
 *    value is null when null_count equals length.  Nothing else is possible.
 *  - values or offsets NULL: the buffer is all zero bytes.
 * Use oa_array_is_null() and check for NULL before indexing.
 */
#ifndef OA_ARROW_ARRAY_H
#define OA_ARROW_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arrow/type.h"

typedef struct oa_array {
  int64_t length;
  int64_t null_count;
  const uint8_t *validity; /* bit i%8 of byte i/8; see above */
  const void *offsets;     /* length + 1 int32 (int64 for LARGE types) */
  const void *values;      /* data bytes, bits, or dictionary indices */
  size_t values_size;      /* bytes in values (binary and utf8: data bytes) */
  const struct oa_array *children;   /* as many as the field has */
  const struct oa_array *dictionary; /* with field->dictionary */
} oa_array;

static inline bool oa_bit(const uint8_t *bits, int64_t i) {
  return ((bits[i >> 3] >> (i & 7)) & 1) != 0;
}

static inline bool oa_array_is_null(const oa_array *array, int64_t i) {
  if (array->validity == NULL) {
    return array->null_count != 0;
  }
  return !oa_bit(array->validity, i);
}

/* The bytes of value I of a plain BINARY or UTF8 array. */
static inline const uint8_t *oa_array_bytes(const oa_array *array, int64_t i,
                                            size_t *len) {
  const int32_t *offsets = array->offsets;
  if (offsets == NULL) {
    *len = 0;
    return (const uint8_t *)"";
  }
  *len = (size_t)(offsets[i + 1] - offsets[i]);
  return *len == 0 ? (const uint8_t *)""
                   : (const uint8_t *)array->values + offsets[i];
}

/* The same through an INT32 dictionary; the value must not be null. */
static inline const uint8_t *oa_array_dict_bytes(const oa_array *array,
                                                 int64_t i, size_t *len) {
  const int32_t *indices = array->values;
  return oa_array_bytes(array->dictionary, indices == NULL ? 0 : indices[i],
                        len);
}

/* The rows [begin, end) of the child that belong to row I of a LIST. */
static inline void oa_array_range(const oa_array *array, int64_t i,
                                  int64_t *begin, int64_t *end) {
  const int32_t *offsets = array->offsets;
  *begin = offsets == NULL ? 0 : offsets[i];
  *end = offsets == NULL ? 0 : offsets[i + 1];
}

#endif
