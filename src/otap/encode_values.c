/* SPDX-License-Identifier: Apache-2.0 */
/* Columns whose values go over as they are: pointed at where they lie when
 * the rows follow each other, else gathered. */
#include "otap/encode_impl.h"

void oa_send_set_bits(uint8_t *bits, int64_t begin, int64_t end) {
  for (; begin < end && begin % 8 != 0; begin++) {
    bits[begin >> 3] |= (uint8_t)(1U << (begin & 7));
  }
  if (end - begin >= 8) {
    const int64_t bytes = (end - begin) / 8;
    memset(bits + begin / 8, 0xFF, (size_t)bytes);
    begin += bytes * 8;
  }
  for (; begin < end; begin++) {
    bits[begin >> 3] |= (uint8_t)(1U << (begin & 7));
  }
}

static void set_bit(uint8_t *bits, int64_t i) {
  bits[i >> 3] |= (uint8_t)(1U << (i & 7));
}

/* The bits of ROWS that are set in BITS. */
static oa_status gather_bits(oa_otap_encoder *encoder, const uint8_t *bits,
                             const oa_send_rows *rows, uint8_t **out) {
  OA_TRY(oa_send_get_zeroed(encoder, rows->count / 8 + 1, 1, out));
  for (int64_t i = 0; i < rows->count; i++) {
    if (oa_bit(bits, oa_send_row(rows, i))) {
      set_bit(*out, i);
    }
  }
  return OA_OK;
}

static int64_t count_bits(const uint8_t *bits, int64_t count) {
  int64_t sum = 0;
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    sum += __builtin_popcount(bits[i / 8]);
  }
  for (; i < count; i++) {
    sum += oa_bit(bits, i);
  }
  return sum;
}

/* Length, null count and validity of ROWS of INPUT. */
static oa_status take_validity(oa_otap_encoder *encoder, const oa_array *input,
                               const oa_send_rows *rows, oa_array *out) {
  *out = (oa_array){.length = rows->count};
  if (input->null_count == 0) {
    return OA_OK;
  }
  if (input->validity == NULL) {
    out->null_count = rows->count;
    return OA_OK;
  }
  if (rows->index == NULL && rows->first % 8 == 0) {
    out->validity = input->validity + rows->first / 8;
  } else {
    uint8_t *bits = NULL;
    OA_TRY(gather_bits(encoder, input->validity, rows, &bits));
    out->validity = bits;
  }
  out->null_count = rows->count - count_bits(out->validity, rows->count);
  if (out->null_count == 0) {
    out->validity = NULL;
  }
  return OA_OK;
}

static void put(oa_send_table *table, size_t column, const oa_array *array) {
  table->columns[column].array = *array;
  table->columns[column].used = true;
}

void oa_send_put_whole(oa_send_table *table, size_t column,
                       const void *values) {
  put(table, column, &(oa_array){.length = table->rows, .values = values});
}

static oa_status gather_fixed(oa_otap_encoder *encoder, const oa_array *input,
                              const oa_send_rows *rows, size_t width,
                              uint8_t **out) {
  const uint8_t *from = input->values;
  uint8_t *to = NULL;
  OA_TRY(oa_send_get(encoder, rows->count, width, &to));
  *out = to;
  for (int64_t i = 0; i < rows->count; i++, to += width) {
    const uint8_t *value = from + (size_t)oa_send_row(rows, i) * width;
    switch (width) {
      case 4:
        memcpy(to, value, 4);
        break;
      case 8:
        memcpy(to, value, 8);
        break;
      default:
        memcpy(to, value, width);
        break;
    }
  }
  return OA_OK;
}

/* Nothing but zeros. */
static bool all_zero(const uint8_t *bytes, size_t len) {
  uint64_t any = 0;
  size_t i = 0;
  for (; i + sizeof any <= len; i += sizeof any) {
    uint64_t word;
    memcpy(&word, bytes + i, sizeof word);
    any |= word;
  }
  for (; i < len; i++) {
    any |= bytes[i];
  }
  return any == 0;
}

/* Copies VALUES with zeros where they are null. */
static oa_status without_nulls(oa_otap_encoder *encoder, oa_array *array,
                               size_t width) {
  uint8_t *to = NULL;
  OA_TRY(oa_send_get(encoder, array->length, width, &to));
  memcpy(to, array->values, (size_t)array->length * width);
  for (int64_t i = 0; i < array->length; i++) {
    if (!oa_bit(array->validity, i)) {
      memset(to + (size_t)i * width, 0, width);
    }
  }
  array->values = to;
  array->validity = NULL;
  array->null_count = 0;
  return OA_OK;
}

static size_t width_of(const oa_payload_column *spec) {
  return spec->type == OA_TYPE_FIXED_BINARY ? (size_t)spec->width
                                            : oa_type_width(spec->type);
}

static oa_status put_fixed(oa_otap_encoder *encoder, oa_send_table *table,
                           size_t column, const oa_array *input,
                           const oa_send_rows *rows, bool dense) {
  const size_t width = width_of(&table->info->columns[column]);
  oa_array array;
  OA_TRY(take_validity(encoder, input, rows, &array));
  const bool empty = input->values == NULL || array.null_count == array.length;

  if (!empty) {
    uint8_t *gathered = NULL;
    if (rows->index == NULL) {
      array.values =
          (const uint8_t *)input->values + (size_t)rows->first * width;
    } else {
      OA_TRY(gather_fixed(encoder, input, rows, width, &gathered));
      array.values = gathered;
    }
  }
  if (dense) {
    if (empty) {
      array.validity = NULL;
      array.null_count = 0;
    } else if (array.validity != NULL) {
      OA_TRY(without_nulls(encoder, &array, width));
    }
  }
  if (array.null_count != array.length || array.length == 0) {
    put(table, column, &array);
  }
  return OA_OK;
}

oa_status oa_send_put_values(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *input,
                             const oa_send_rows *rows) {
  return put_fixed(encoder, table, column, input, rows,
                   table->info->columns[column].required);
}

oa_status oa_send_put_dense(oa_otap_encoder *encoder, oa_send_table *table,
                            size_t column, const oa_array *input,
                            const oa_send_rows *rows) {
  return put_fixed(encoder, table, column, input, rows, true);
}

oa_status oa_send_put_counts(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *input,
                             const oa_send_rows *rows) {
  const size_t width = width_of(&table->info->columns[column]);
  OA_TRY(oa_send_put_values(encoder, table, column, input, rows));
  const oa_array *array = &table->columns[column].array;
  if (array->values == NULL ||
      all_zero(array->values, (size_t)array->length * width)) {
    table->columns[column].used = false;
    table->columns[column].array =
        (oa_array){.length = array->length, .null_count = array->length};
  }
  return OA_OK;
}

oa_status oa_send_put_bools(oa_otap_encoder *encoder, oa_send_table *table,
                            size_t column, const oa_array *input,
                            const oa_send_rows *rows) {
  oa_array array;
  OA_TRY(take_validity(encoder, input, rows, &array));
  if (array.null_count == array.length) {
    return OA_OK;
  }
  if (input->values != NULL) {
    uint8_t *bits = NULL;
    OA_TRY(gather_bits(encoder, input->values, rows, &bits));
    array.values = bits;
  }
  put(table, column, &array);
  return OA_OK;
}

static oa_status gather_bytes(oa_otap_encoder *encoder, const oa_array *input,
                              const oa_send_rows *rows, oa_array *array) {
  int32_t *offsets = NULL;
  uint8_t *bytes = NULL;
  int64_t sum = 0;
  size_t len;

  OA_TRY(oa_send_get(encoder, rows->count + 1, sizeof *offsets, &offsets));
  offsets[0] = 0;
  for (int64_t i = 0; i < rows->count; i++) {
    if (!oa_array_is_null(array, i)) {
      oa_array_bytes(input, oa_send_row(rows, i), &len);
      sum += (int64_t)len;
      if (sum > INT32_MAX) {
        return OA_ERR_LIMIT;
      }
    }
    offsets[i + 1] = (int32_t)sum;
  }
  OA_TRY(oa_send_get(encoder, sum, 1, &bytes));
  for (int64_t i = 0; i < rows->count; i++) {
    const size_t size = (size_t)(offsets[i + 1] - offsets[i]);
    if (size > 0) {
      memcpy(bytes + offsets[i],
             oa_array_bytes(input, oa_send_row(rows, i), &len), size);
    }
  }
  array->offsets = offsets;
  array->values = bytes;
  array->values_size = (size_t)sum;
  return OA_OK;
}

oa_status oa_send_put_bytes(oa_otap_encoder *encoder, oa_send_table *table,
                            size_t column, const oa_array *input,
                            const oa_send_rows *rows) {
  oa_array array;
  OA_TRY(take_validity(encoder, input, rows, &array));
  if (array.null_count == array.length) {
    return OA_OK;
  }
  if (input->offsets != NULL && rows->index == NULL) {
    const int32_t *offsets = (const int32_t *)input->offsets + rows->first;
    array.offsets = offsets;
    array.values = input->values;
    array.values_size = (size_t)offsets[rows->count];
  } else if (input->offsets != NULL) {
    OA_TRY(gather_bytes(encoder, input, rows, &array));
  }
  put(table, column, &array);
  return OA_OK;
}

/* --- lists --- */

/* The offsets of ROWS of the list INPUT, from 0 on. */
static oa_status take_offsets(oa_otap_encoder *encoder, const oa_array *input,
                              const oa_send_rows *rows, int32_t **out) {
  int64_t sum = 0;
  int64_t begin;
  int64_t end;
  int32_t *offsets = NULL;
  OA_TRY(oa_send_get(encoder, rows->count + 1, sizeof *offsets, &offsets));
  offsets[0] = 0;
  for (int64_t i = 0; i < rows->count; i++) {
    oa_array_range(input, oa_send_row(rows, i), &begin, &end);
    sum += end - begin;
    if (sum > INT32_MAX) {
      return OA_ERR_LIMIT;
    }
    offsets[i + 1] = (int32_t)sum;
  }
  *out = offsets;
  return OA_OK;
}

/* The items of 8 bytes in CHILD that ROWS have. */
static oa_status take_items(oa_otap_encoder *encoder, const oa_array *input,
                            const oa_array *child, const oa_send_rows *rows,
                            const int32_t *offsets, oa_array *out) {
  const uint64_t *from = child->values;
  int64_t begin;
  int64_t end;
  *out = (oa_array){.length = offsets[rows->count]};
  if (from == NULL || out->length == 0) {
    return OA_OK;
  }
  if (rows->index == NULL) {
    oa_array_range(input, rows->first, &begin, &end);
    out->values = from + begin;
    return OA_OK;
  }
  uint64_t *to = NULL;
  OA_TRY(oa_send_get(encoder, out->length, sizeof *to, &to));
  out->values = to;
  for (int64_t i = 0; i < rows->count; i++) {
    oa_array_range(input, oa_send_row(rows, i), &begin, &end);
    if (begin != end) {
      memcpy(to + offsets[i], from + begin, (size_t)(end - begin) * sizeof *to);
    }
  }
  return OA_OK;
}

oa_status oa_send_put_list(oa_otap_encoder *encoder, oa_send_table *table,
                           size_t column, const oa_array *input,
                           const oa_send_rows *rows) {
  enum { MOST_MEMBERS = 2 };
  const bool structs = table->info->columns[column].item == OA_TYPE_STRUCT;
  int32_t *offsets = NULL;
  oa_array *arrays = NULL;

  OA_TRY(take_offsets(encoder, input, rows, &offsets));
  if (offsets[rows->count] == 0) {
    return OA_OK;
  }
  OA_TRY(oa_send_get(encoder, 1 + MOST_MEMBERS, sizeof *arrays, &arrays));
  if (structs) {
    arrays[0] =
        (oa_array){.length = offsets[rows->count], .children = &arrays[1]};
    for (size_t i = 0; i < MOST_MEMBERS; i++) {
      OA_TRY(take_items(encoder, input, &input->children->children[i], rows,
                        offsets, &arrays[1 + i]));
    }
  } else {
    OA_TRY(
        take_items(encoder, input, input->children, rows, offsets, &arrays[0]));
  }
  const oa_array array = {
      .length = rows->count, .offsets = offsets, .children = arrays};
  put(table, column, &array);
  return OA_OK;
}

oa_status oa_send_put_struct(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *input,
                             const oa_send_rows *rows) {
  oa_array array;
  OA_TRY(take_validity(encoder, input, rows, &array));
  if (array.null_count != array.length) {
    put(table, column, &array);
  }
  return OA_OK;
}
