/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/coerce.h"

#include "arrow/bits.h"

/* A dictionary with more values than this for each row is cut down first, so
 * that work depends on the rows alone. */
enum { VALUES_PER_ROW = 4, FEW_VALUES = 1024 };

oa_array oa_array_head(const oa_array *array, int64_t rows) {
  oa_array head = *array;
  if (array->null_count == 0 || array->null_count == array->length) {
    head.validity = NULL;
  }
  head.null_count =
      head.null_count == 0 ? 0 : (head.validity == NULL ? rows : 1);
  head.length = rows;
  return head;
}

static bool all_null(const oa_array *array) {
  return array->validity == NULL && array->null_count != 0;
}

static bool is_text(oa_type type) {
  return type == OA_TYPE_UTF8 || type == OA_TYPE_LARGE_UTF8;
}

static bool is_binary(oa_type type) {
  return type == OA_TYPE_BINARY || type == OA_TYPE_LARGE_BINARY;
}

static bool is_large(oa_type type) {
  return type == OA_TYPE_LARGE_UTF8 || type == OA_TYPE_LARGE_BINARY;
}

/* Buffers that are left out stand for zeros; appending reads real ones. */
static oa_status put_zeros(oa_array *array, size_t width, bool offsets,
                           oa_arena *arena) {
  const size_t rows = (size_t)array->length + (offsets ? 1 : 0);
  void *block = NULL;
  if (offsets ? array->offsets != NULL : array->values != NULL) {
    return OA_OK;
  }
  OA_TRY(oa_arena_get_zeroed(arena, rows, width, &block));
  if (offsets) {
    array->offsets = block;
  } else {
    array->values = block;
  }
  return OA_OK;
}

/* --- dictionaries --- */

static oa_status gather_fixed(oa_array *array, size_t width, oa_arena *arena) {
  const oa_array *values = array->dictionary;
  const int32_t *indices = array->values;
  const uint8_t *from = values->values;
  void *block = NULL;

  OA_TRY(oa_arena_get_zeroed(arena, (size_t)array->length, width, &block));
  uint8_t *to = block;
  for (int64_t i = 0; i < array->length && from != NULL; i++, to += width) {
    if (!oa_array_is_null(array, i)) {
      memcpy(to, from + (size_t)indices[i] * width, width);
    }
  }
  array->values = block;
  return OA_OK;
}

/* A dictionary column where the table has a plain one. */
static oa_status flatten(oa_array *array, const oa_field *have, bool *large,
                         oa_arena *arena) {
  OA_TRY(oa_coerce_indices(array, have->index_type, arena));
  if (is_text(have->type) || is_binary(have->type)) {
    OA_TRY(oa_coerce_flat_text(array, large, arena));
  } else if (oa_field_width(have) > 0) {
    OA_TRY(gather_fixed(array, oa_field_width(have), arena));
  } else {
    return OA_ERR_UNSUPPORTED;
  }
  array->dictionary = NULL;
  return OA_OK;
}

static oa_status make_numbers(oa_source *out, int64_t count, oa_arena *arena) {
  void *numbers = NULL;
  void *wanted = NULL;
  const size_t size = (size_t)count * sizeof(int32_t);
  OA_TRY(oa_arena_get(arena, size, &numbers));
  OA_TRY(oa_arena_get(arena, size, &wanted));
  memset(numbers, 0xFF, size); /* OA_NUMBER_UNKNOWN */
  out->numbers = numbers;
  out->wanted = wanted;
  return OA_OK;
}

static oa_status make_dictionary(oa_source *out, const oa_field *want,
                                 const oa_field *have, const oa_coercion *how) {
  oa_array *array = &out->array;

  if (want->type == OA_TYPE_UTF8 ? !is_text(have->type)
                                 : !is_binary(have->type)) {
    return OA_ERR_UNSUPPORTED;
  }
  out->large = is_large(have->type);
  out->plain = !have->dictionary;
  if (all_null(array)) {
    out->absent = want->nullable;
    return OA_OK;
  }
  if (out->plain) {
    return make_numbers(out, array->length, how->arena);
  }
  OA_TRY(oa_coerce_indices(array, have->index_type, how->arena));
  if (array->dictionary->length / VALUES_PER_ROW >
      array->length + FEW_VALUES / VALUES_PER_ROW) {
    OA_TRY(oa_coerce_small_dictionary(array, out->large, how->arena));
    out->large = true;
  }
  return make_numbers(out, array->dictionary->length, how->arena);
}

/* --- plain columns --- */

static oa_status make_text(oa_source *out, const oa_field *want,
                           const oa_field *have, const oa_coercion *how) {
  if (want->type == OA_TYPE_BINARY && have->type == OA_TYPE_FIXED_BINARY &&
      have->width > 0) {
    OA_TRY(put_zeros(&out->array, (size_t)have->width, false, how->arena));
    return oa_coerce_fixed_to_text(&out->array, (size_t)have->width,
                                   how->arena);
  }
  if (want->type == OA_TYPE_UTF8 ? !is_text(have->type)
                                 : !is_binary(have->type)) {
    return OA_ERR_UNSUPPORTED;
  }
  return put_zeros(&out->array, out->large ? sizeof(int64_t) : sizeof(int32_t),
                   true, how->arena);
}

static oa_status make_fixed(oa_source *out, const oa_field *want,
                            const oa_field *have, const oa_coercion *how) {
  const size_t width = (size_t)want->width;
  if (is_binary(have->type)) {
    const bool large = out->large;
    out->large = false;
    return oa_coerce_text_to_fixed(&out->array, large, width, how);
  }
  if (have->type != OA_TYPE_FIXED_BINARY || have->width != want->width) {
    return OA_ERR_UNSUPPORTED;
  }
  return put_zeros(&out->array, width, false, how->arena);
}

static oa_status make_plain(oa_source *out, const oa_field *want,
                            const oa_field *have, const oa_coercion *how) {
  switch (want->type) {
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return make_text(out, want, have, how);
    case OA_TYPE_FIXED_BINARY:
      return make_fixed(out, want, have, how);
    case OA_TYPE_BOOL:
      return have->type != OA_TYPE_BOOL
                 ? OA_ERR_UNSUPPORTED
                 : put_zeros(&out->array, 1, false, how->arena);
    default:
      if (oa_type_width(have->type) == 0) {
        return OA_ERR_UNSUPPORTED;
      }
      OA_TRY(
          put_zeros(&out->array, oa_type_width(have->type), false, how->arena));
      return oa_coerce_number(&out->array, want, have, how);
  }
}

oa_status oa_source_make(oa_source *out, const oa_field *want,
                         const oa_field *have, const oa_array *array,
                         int64_t rows, const oa_coercion *how) {
  *out = (oa_source){.field = want, .array = oa_array_head(array, rows)};
  out->zero_is_null = want->type == OA_TYPE_TIMESTAMP && want->nullable;
  if (have->type == OA_TYPE_NULL || rows == 0) {
    out->absent = true;
    return OA_OK;
  }
  if (want->dictionary) {
    return make_dictionary(out, want, have, how);
  }
  out->large = is_large(have->type);
  if (all_null(&out->array)) {
    /* The type must be one that could be taken all the same. */
    const oa_array none = {.length = 0};
    out->absent = true;
    oa_source trial = {.array = none, .large = out->large};
    return make_plain(&trial, want, have, how);
  }
  if (have->dictionary) {
    OA_TRY(flatten(&out->array, have, &out->large, how->arena));
  }
  return make_plain(out, want, have, how);
}

oa_status oa_source_make_list(oa_source *out, const oa_field *want,
                              const oa_array *array, int64_t rows,
                              const oa_coercion *how) {
  *out = (oa_source){.field = want, .array = oa_array_head(array, rows)};
  out->absent = rows == 0 || all_null(&out->array) || array->offsets == NULL;
  return out->absent
             ? OA_OK
             : put_zeros(&out->array, sizeof(int32_t), true, how->arena);
}

/* --- clean copies --- */

static oa_status clean_values(oa_source *source, int64_t rows,
                              oa_arena *arena) {
  const bool bits = source->field->type == OA_TYPE_BOOL;
  const size_t width = bits ? 1 : oa_field_width(source->field);
  const uint8_t *from = source->array.values;
  void *block = NULL;

  OA_TRY(oa_arena_get_zeroed(arena, (size_t)rows, width, &block));
  uint8_t *to = block;
  for (int64_t i = 0; i < rows && !source->absent; i++) {
    if (oa_array_is_null(&source->array, i)) {
      continue;
    }
    if (bits) {
      oa_bits_put(to, i, 1, oa_bit(from, i) ? 1 : 0);
    } else {
      memcpy(to + (size_t)i * width, from + (size_t)i * width, width);
    }
  }
  source->array.values = block;
  return OA_OK;
}

oa_status oa_source_clean(oa_source *source, int64_t rows, oa_arena *arena) {
  const oa_type type = source->field->type;
  if (source->absent) {
    source->array = (oa_array){.length = rows, .null_count = rows};
  }
  if (type == OA_TYPE_UTF8 || type == OA_TYPE_BINARY) {
    OA_TRY(oa_coerce_flat_text(&source->array, &source->large, arena));
  } else {
    OA_TRY(clean_values(source, rows, arena));
  }
  source->absent = false;
  return OA_OK;
}
