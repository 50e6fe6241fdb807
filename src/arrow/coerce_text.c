/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "arrow/bits.h"
#include "arrow/coerce.h"

/* Texts that a dictionary repeats are written out where the table has no
 * dictionary: a small message must not make gigabytes that way. */
enum { MAX_FLAT_BYTES = 128 * 1024 * 1024 };

static int compare(const void *a, const void *b) {
  const int32_t x = *(const int32_t *)a;
  const int32_t y = *(const int32_t *)b;
  return x < y ? -1 : x > y;
}

/* The indices in use, each once and sorted. */
static oa_status used_values(const oa_array *array, oa_arena *arena,
                             int32_t **out, size_t *count) {
  const int32_t *indices = array->values;
  void *block = NULL;
  size_t used = 0;

  OA_TRY(oa_arena_get(arena, (size_t)array->length * sizeof *indices, &block));
  int32_t *values = block;
  for (int64_t i = 0; i < array->length; i++) {
    if (!oa_array_is_null(array, i)) {
      values[used++] = indices[i];
    }
  }
  qsort(values, used, sizeof *values, compare);
  size_t kept = 0;
  for (size_t i = 0; i < used; i++) {
    if (kept == 0 || values[kept - 1] != values[i]) {
      values[kept++] = values[i];
    }
  }
  *out = values;
  *count = kept;
  return OA_OK;
}

/* The COUNT texts of VALUES that PICKED names, with 64-bit offsets. */
static oa_status copy_texts(const oa_array *values, bool large,
                            const int32_t *picked, size_t count,
                            oa_arena *arena, oa_array *out) {
  void *offsets = NULL;
  void *bytes = NULL;
  size_t len;
  size_t size = 0;

  OA_TRY(oa_arena_get(arena, (count + 1) * sizeof(int64_t), &offsets));
  int64_t *ends = offsets;
  ends[0] = 0;
  for (size_t i = 0; i < count; i++) {
    oa_text_of(values, large, picked[i], &len);
    size += len;
    ends[i + 1] = (int64_t)size;
  }
  OA_TRY(oa_arena_get(arena, size, &bytes));
  for (size_t i = 0; i < count; i++) {
    const uint8_t *text = oa_text_of(values, large, picked[i], &len);
    memcpy((uint8_t *)bytes + ends[i], text, len);
  }
  *out = (oa_array){.length = (int64_t)count,
                    .offsets = offsets,
                    .values = bytes,
                    .values_size = size};
  return OA_OK;
}

oa_status oa_coerce_small_dictionary(oa_array *array, bool large,
                                     oa_arena *arena) {
  const int32_t *indices = array->values;
  int32_t *used = NULL;
  size_t count = 0;
  void *ranks = NULL;
  void *values = NULL;

  OA_TRY(used_values(array, arena, &used, &count));
  OA_TRY(oa_arena_get_zeroed(arena, (size_t)array->length, sizeof *indices,
                             &ranks));
  OA_TRY(oa_arena_get(arena, sizeof(oa_array), &values));
  int32_t *to = ranks;
  for (int64_t i = 0; i < array->length; i++) {
    if (!oa_array_is_null(array, i)) {
      const int32_t *at =
          bsearch(&indices[i], used, count, sizeof *used, compare);
      to[i] = at == NULL ? 0 : (int32_t)(at - used);
    }
  }
  OA_TRY(copy_texts(array->dictionary, large, used, count, arena, values));
  array->values = ranks;
  array->dictionary = values;
  return OA_OK;
}

static const uint8_t *row_text(const oa_array *array, bool large, int64_t i,
                               size_t *len) {
  *len = 0;
  if (oa_array_is_null(array, i)) {
    return (const uint8_t *)"";
  }
  return array->dictionary != NULL
             ? oa_text_of(array->dictionary, large,
                          ((const int32_t *)array->values)[i], len)
             : oa_text_of(array, large, i, len);
}

oa_status oa_coerce_flat_text(oa_array *array, bool *large, oa_arena *arena) {
  void *offsets = NULL;
  void *bytes = NULL;
  size_t len;
  size_t size = 0;

  OA_TRY(oa_arena_get(arena, ((size_t)array->length + 1) * sizeof(int32_t),
                      &offsets));
  int32_t *ends = offsets;
  ends[0] = 0;
  for (int64_t i = 0; i < array->length; i++) {
    row_text(array, *large, i, &len);
    if (len > INT32_MAX - size ||
        (array->dictionary != NULL && size + len > MAX_FLAT_BYTES)) {
      return OA_ERR_LIMIT;
    }
    size += len;
    ends[i + 1] = (int32_t)size;
  }
  OA_TRY(oa_arena_get(arena, size, &bytes));
  for (int64_t i = 0; i < array->length; i++) {
    const uint8_t *text = row_text(array, *large, i, &len);
    memcpy((uint8_t *)bytes + ends[i], text, len);
  }
  array->offsets = offsets;
  array->values = bytes;
  array->values_size = size;
  array->dictionary = NULL;
  *large = false;
  return OA_OK;
}

oa_status oa_coerce_text_to_fixed(oa_array *array, bool large, size_t width,
                                  const oa_coercion *how) {
  void *block = NULL;
  void *bits = NULL;
  size_t len;

  OA_TRY(oa_arena_get_zeroed(how->arena, (size_t)array->length, width, &block));
  OA_TRY(
      oa_arena_get_zeroed(how->arena, (size_t)array->length / 8 + 1, 1, &bits));
  for (int64_t i = 0; i < array->length; i++) {
    const uint8_t *text = row_text(array, large, i, &len);
    if (len == width) {
      memcpy((uint8_t *)block + (size_t)i * width, text, width);
      oa_bits_put(bits, i, 1, 1);
    } else if (len != 0) {
      char why[64];
      snprintf(why, sizeof why, "%zu bytes, not %zu", len, width);
      how->refuse(how->context, i, why);
    }
  }
  array->values = block;
  array->validity = bits;
  array->null_count = 1; /* the bits say which */
  array->offsets = NULL;
  return OA_OK;
}

oa_status oa_coerce_fixed_to_text(oa_array *array, size_t width,
                                  oa_arena *arena) {
  void *block = NULL;
  if ((uint64_t)array->length > INT32_MAX / width) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_arena_get(arena, ((size_t)array->length + 1) * sizeof(int32_t),
                      &block));
  int32_t *offsets = block;
  for (int64_t i = 0; i <= array->length; i++) {
    offsets[i] = (int32_t)((size_t)i * width);
  }
  array->offsets = offsets;
  array->values_size = (size_t)array->length * width;
  return OA_OK;
}
