/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of whole buffers, written so that a compiler can vectorize them. */
#include <string.h>

#include "arrow/ipc_read_impl.h"

int64_t oa_ipc_count_nulls(const uint8_t *bits, int64_t length) {
  int64_t valid = 0;
  int64_t i = 0;
  for (; i + 64 <= length; i += 64) {
    uint64_t word;
    memcpy(&word, bits + i / 8, sizeof word);
    valid += __builtin_popcountll(word);
  }
  for (; i < length; i++) {
    valid += oa_bit(bits, i) ? 1 : 0;
  }
  return length - valid;
}

bool oa_ipc_offsets32_valid(const int32_t *offsets, int64_t length,
                            int64_t end) {
  bool falls = offsets[0] < 0 || offsets[length] > end;
  for (int64_t i = 0; i < length; i++) {
    falls |= offsets[i + 1] < offsets[i];
  }
  return !falls;
}

bool oa_ipc_offsets64_valid(const int64_t *offsets, int64_t length,
                            int64_t end) {
  bool falls = offsets[0] < 0 || offsets[length] > end;
  for (int64_t i = 0; i < length; i++) {
    falls |= offsets[i + 1] < offsets[i];
  }
  return !falls;
}

/* A negative index seen as unsigned is above every limit, as the limit of a
 * signed type is at most the count of its natural numbers.  What stands under
 * a null is mostly 0, so that all rows are looked at first, which is fast. */
#define DEFINE_CHECK(NAME, TYPE, MOST)                           \
  static bool NAME(const TYPE *indices, const uint8_t *validity, \
                   int64_t length, uint64_t limit) {             \
    if (limit > (MOST)) {                                        \
      return true;                                               \
    }                                                            \
    TYPE most = 0;                                               \
    for (int64_t i = 0; i < length; i++) {                       \
      most = indices[i] > most ? indices[i] : most;              \
    }                                                            \
    if (length == 0 || most < limit || validity == NULL) {       \
      return length == 0 || most < limit;                        \
    }                                                            \
    bool outside = false;                                        \
    for (int64_t i = 0; i < length; i++) {                       \
      outside |= (indices[i] >= limit) & oa_bit(validity, i);    \
    }                                                            \
    return !outside;                                             \
  }

DEFINE_CHECK(check8, uint8_t, UINT8_MAX)
DEFINE_CHECK(check16, uint16_t, UINT16_MAX)
DEFINE_CHECK(check32, uint32_t, UINT32_MAX)
DEFINE_CHECK(check64, uint64_t, INT64_MAX)

static uint64_t index_limit(oa_type type, int64_t count) {
  uint64_t most = INT64_MAX;
  switch (type) {
    case OA_TYPE_INT8:
      most = (uint64_t)INT8_MAX + 1;
      break;
    case OA_TYPE_INT16:
      most = (uint64_t)INT16_MAX + 1;
      break;
    case OA_TYPE_INT32:
      most = (uint64_t)INT32_MAX + 1;
      break;
    default:
      break;
  }
  return (uint64_t)count < most ? (uint64_t)count : most;
}

bool oa_ipc_indices_valid(const oa_array *array, oa_type type, int64_t count) {
  const uint64_t limit = index_limit(type, count);
  if (array->length == array->null_count) {
    return true;
  }
  switch (oa_type_width(type)) {
    case 1:
      return check8(array->values, array->validity, array->length, limit);
    case 2:
      return check16(array->values, array->validity, array->length, limit);
    case 4:
      return check32(array->values, array->validity, array->length, limit);
    default:
      return check64(array->values, array->validity, array->length, limit);
  }
}

int64_t oa_ipc_index(const void *indices, oa_type type, int64_t i) {
  switch (oa_type_width(type)) {
    case 1:
      return ((const uint8_t *)indices)[i];
    case 2:
      return ((const uint16_t *)indices)[i];
    case 4:
      return ((const uint32_t *)indices)[i];
    default:
      return ((const int64_t *)indices)[i];
  }
}

void oa_ipc_fold_nulls(oa_array *array, oa_type type, uint8_t *bits) {
  const oa_array *values = array->dictionary;
  int64_t nulls = 0;
  memset(bits, 0, ((size_t)array->length + 7) / 8);
  for (int64_t i = 0; i < array->length; i++) {
    const bool valid =
        !oa_array_is_null(array, i) &&
        !oa_array_is_null(values, oa_ipc_index(array->values, type, i));
    bits[i / 8] |= (uint8_t)((valid ? 1U : 0U) << (i % 8));
    nulls += valid ? 0 : 1;
  }
  array->null_count = nulls;
  array->validity = nulls == 0 ? NULL : bits;
}
