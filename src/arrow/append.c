/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/append.h"

#include "arrow/bits.h"
#include "base/text.h"

/* A part of a source on its way to the rows from ROW on. */
typedef struct part {
  oa_table *table;
  oa_column *column;
  oa_source *source;
  uint32_t row;
  int64_t begin;
  int64_t count;
} part;

static oa_status append_part(part p);

static bool all_null(const oa_array *array) {
  return array->validity == NULL && array->null_count != 0;
}

/* --- validity --- */

/* True when a row of the part may be null where the column allows it. */
static bool may_be_null(const part *p) {
  const oa_array *array = &p->source->array;
  bool zero = false;

  if (!p->column->field->nullable) {
    return false;
  }
  if (array->validity != NULL || !p->source->zero_is_null) {
    return array->validity != NULL;
  }
  const uint64_t *values = (const uint64_t *)array->values + p->begin;
  for (int64_t i = 0; i < p->count; i++) {
    zero |= values[i] == 0;
  }
  return zero;
}

/* Makes the column ready for the part's rows: nothing fails after it, so that
 * no value is left behind what is filled. */
static oa_status begin_part(const part *p) {
  if (!oa_column_catch_up(p->table, p->column, p->row) ||
      (may_be_null(p) && !oa_column_open_gaps(p->table, p->column))) {
    return OA_ERR_NOMEM;
  }
  return OA_OK;
}

/* Which of COUNT rows from row AT of the part on hold a value: those that are
 * not 0, where 0 is null.  Nulls are 0 in the column. */
static uint64_t result_word(const part *p, int64_t at, unsigned count) {
  if (!p->source->zero_is_null) {
    return oa_valid_word(&p->source->array, p->begin + at, count);
  }
  const uint64_t *values =
      (const uint64_t *)(const void *)p->column->values + p->row + at;
  uint64_t word = 0;
  for (unsigned i = 0; i < count; i++) {
    word |= (uint64_t)(values[i] != 0) << i;
  }
  return word;
}

/* The part's values stand; says which rows hold one. */
static void end_part(const part *p) {
  oa_column *column = p->column;

  column->filled = p->row + (uint32_t)p->count;
  if (!column->gaps) {
    column->valid += (uint32_t)p->count;
    return;
  }
  for (int64_t i = 0; i < p->count; i += OA_WORD) {
    const unsigned count = oa_word_count(p->count - i);
    const uint64_t word = result_word(p, i, count);
    oa_bits_put(column->validity, p->row + i, count, word);
    column->valid += (uint32_t)__builtin_popcountll(word);
  }
}

/* --- values of one width --- */

/* Copies COUNT values of WIDTH bytes, zeros for those that WORD calls null. */
OA_INLINE void copy_word(uint8_t *to, const uint8_t *from, size_t width,
                         unsigned count, uint64_t word) {
  if (word == oa_ones(count)) {
    memcpy(to, from, count * width);
    return;
  }
  if (word == 0) {
    memset(to, 0, count * width);
    return;
  }
  for (unsigned i = 0; i < count; i++, to += width, from += width) {
    const uint64_t mask = 0 - (word >> i & 1);
    for (size_t at = 0; at < width; at += width < 8 ? width : 8) {
      uint64_t value = 0;
      memcpy(&value, from + at, width < 8 ? width : 8);
      value &= mask;
      memcpy(to + at, &value, width < 8 ? width : 8);
    }
  }
}

OA_INLINE void copy_values(const part *p, size_t width) {
  const oa_array *array = &p->source->array;
  const uint8_t *from =
      (const uint8_t *)array->values + (size_t)p->begin * width;
  uint8_t *to = p->column->values + (size_t)p->row * width;

  if (array->validity == NULL) {
    memcpy(to, from, (size_t)p->count * width);
    return;
  }
  for (int64_t i = 0; i < p->count; i += OA_WORD) {
    const unsigned count = oa_word_count(p->count - i);
    copy_word(to + (size_t)i * width, from + (size_t)i * width, width, count,
              oa_valid_word(array, p->begin + i, count));
  }
}

static oa_status append_fixed(const part *p) {
  OA_TRY(begin_part(p));
  switch (oa_field_width(p->source->field)) {
    case 1:
      copy_values(p, 1);
      break;
    case 4:
      copy_values(p, 4);
      break;
    case 8:
      copy_values(p, 8);
      break;
    case 16:
      copy_values(p, 16);
      break;
    default:
      return OA_ERR_UNSUPPORTED;
  }
  end_part(p);
  return OA_OK;
}

static oa_status append_bits(const part *p) {
  const oa_array *array = &p->source->array;
  OA_TRY(begin_part(p));
  for (int64_t i = 0; i < p->count; i += OA_WORD) {
    const unsigned count = oa_word_count(p->count - i);
    oa_bits_put(p->column->values, p->row + i, count,
                oa_bits_get(array->values, p->begin + i, count) &
                    oa_valid_word(array, p->begin + i, count));
  }
  end_part(p);
  return OA_OK;
}

/* --- texts --- */

static int64_t offset_at(const oa_source *source, int64_t i) {
  return source->large ? ((const int64_t *)source->array.offsets)[i]
                       : ((const int32_t *)source->array.offsets)[i];
}

/* True when no null row of the part has bytes or items under it. */
static bool nulls_are_empty(const part *p) {
  const oa_source *source = p->source;
  for (int64_t i = p->begin;
       source->array.validity != NULL && i < p->begin + p->count; i++) {
    if (!oa_bit(source->array.validity, i) &&
        offset_at(source, i) != offset_at(source, i + 1)) {
      return false;
    }
  }
  return true;
}

/* Whether the part's texts are UTF-8, each for itself. */
static bool texts_valid(const part *p) {
  const oa_source *source = p->source;
  const int64_t first = offset_at(source, p->begin);
  const int64_t last = offset_at(source, p->begin + p->count);
  const uint8_t *bytes = source->array.values;

  if (first == last) {
    return true;
  }
  if (!oa_utf8_valid(bytes + first, (size_t)(last - first))) {
    return false;
  }
  for (int64_t i = p->begin + 1; i < p->begin + p->count; i++) {
    const int64_t at = offset_at(source, i);
    if (at < last && (bytes[at] & 0xC0) == 0x80) {
      return false;
    }
  }
  return true;
}

/* Row by row, as texts to repair and bytes under nulls want it. */
static oa_status append_each_text(const part *p) {
  const uint32_t length = p->table->length;
  oa_status status = OA_OK;
  for (int64_t i = 0; i < p->count && status == OA_OK; i++) {
    if (!oa_array_is_null(&p->source->array, p->begin + i)) {
      size_t len;
      const uint8_t *text = oa_source_text(p->source, p->begin + i, &len);
      p->table->length = p->row + (uint32_t)i;
      oa_put_bytes(p->table, p->column, text, len);
      status = p->table->tree->failed ? OA_ERR_NOMEM : OA_OK;
    }
  }
  p->table->length = length;
  return status;
}

OA_INLINE void move_offsets(const part *p, bool large, int64_t shift) {
  const int64_t *wide = p->source->array.offsets;
  const int32_t *narrow = p->source->array.offsets;
  int32_t *to = p->column->offsets + p->row + 1;
  for (int64_t i = 0; i < p->count; i++) {
    const int64_t at = p->begin + i + 1;
    to[i] = (int32_t)((large ? wide[at] : narrow[at]) + shift);
  }
}

static oa_status append_texts(const part *p) {
  const oa_source *source = p->source;
  oa_buf *bytes = &p->column->bytes;

  if (!nulls_are_empty(p) ||
      (source->field->type == OA_TYPE_UTF8 && !texts_valid(p))) {
    return append_each_text(p);
  }
  const int64_t first = offset_at(source, p->begin);
  const int64_t size = offset_at(source, p->begin + p->count) - first;
  const size_t cap = bytes->cap;
  if (size > (int64_t)(INT32_MAX - bytes->len)) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_buf_reserve(bytes, (size_t)size));
  p->table->tree->text += bytes->cap - cap;
  OA_TRY(begin_part(p));
  const int64_t shift = (int64_t)bytes->len - first;
  if (size > 0) {
    (void)oa_buf_put(bytes, (const uint8_t *)source->array.values + first,
                     (size_t)size);
  }
  if (source->large) {
    move_offsets(p, true, shift);
  } else {
    move_offsets(p, false, shift);
  }
  end_part(p);
  return OA_OK;
}

/* --- lists --- */

/* All rows of the part own their items. */
static oa_status append_whole_lists(const part *p) {
  oa_column *column = p->column;
  const int64_t first = offset_at(p->source, p->begin);
  const int64_t last = offset_at(p->source, p->begin + p->count);

  if (first == last) {
    return OA_OK; /* rows that are passed over hold empty lists */
  }
  OA_TRY(begin_part(p));
  const int64_t shift = (int64_t)column->child->length - first;
  OA_TRY(oa_table_append(column->child, p->source->children, first, last));
  move_offsets(p, false, shift);
  column->filled = p->row + (uint32_t)p->count;
  column->valid += (uint32_t)p->count;
  return OA_OK;
}

/* Items under a null list belong to nobody and are left out. */
static oa_status append_lists(const part *p) {
  if (nulls_are_empty(p)) {
    return append_whole_lists(p);
  }
  int64_t from = 0;
  for (int64_t i = 0; i <= p->count; i++) {
    if (i < p->count && oa_bit(p->source->array.validity, p->begin + i)) {
      continue;
    }
    if (i > from) {
      part run = *p;
      run.row += (uint32_t)from;
      run.begin += from;
      run.count = i - from;
      OA_TRY(append_whole_lists(&run));
    }
    from = i + 1;
  }
  return OA_OK;
}

/* --- tables --- */

static oa_status append_part(part p) {
  const oa_field *field = p.source->field;
  if (field->dictionary) {
    return oa_column_append_text(p.table, p.column, p.source, p.row, p.begin,
                                 p.count);
  }
  if (all_null(&p.source->array)) {
    return OA_OK;
  }
  switch (field->type) {
    case OA_TYPE_LIST:
      return append_lists(&p);
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return append_texts(&p);
    case OA_TYPE_BOOL:
      return append_bits(&p);
    default:
      return append_fixed(&p);
  }
}

oa_status oa_table_append(oa_table *table, oa_source *sources, int64_t begin,
                          int64_t end) {
  if (begin >= end) {
    return OA_OK;
  }
  OA_TRY(oa_table_reserve_rows(table, (size_t)(end - begin)));
  for (size_t i = 0; i < table->column_count; i++) {
    if (!sources[i].absent) {
      OA_TRY(append_part((part){.table = table,
                                .column = &table->columns[i],
                                .source = &sources[i],
                                .row = table->length,
                                .begin = begin,
                                .count = end - begin}));
    }
  }
  table->length += (uint32_t)(end - begin);
  return table->tree->failed ? OA_ERR_NOMEM : OA_OK;
}
