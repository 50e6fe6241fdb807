/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/ids.h"

/* Ids that rise by one or a few are found in a table; others by search. */
enum { SPAN_PER_ID = 4, SPAN_FREE = 4096 };

static uint32_t mask_of(const oa_otap_column *column) {
  return column->field->type == OA_TYPE_UINT16 ? UINT16_MAX : UINT32_MAX;
}

static void undo_delta(const oa_otap_column *column, uint32_t rows,
                       uint32_t *ids) {
  const uint32_t mask = mask_of(column);
  uint32_t sum = 0;
  if (!oa_otap_has_nulls(column)) {
    for (uint32_t i = 0; i < rows; i++) {
      sum = (sum + ids[i]) & mask;
      ids[i] = sum;
    }
    return;
  }
  for (uint32_t i = 0; i < rows; i++) {
    if (!oa_otap_is_null(column, i)) {
      sum = (sum + ids[i]) & mask;
      ids[i] = sum;
    }
  }
}

oa_status oa_otap_ids_read(const oa_otap_table *table, size_t number,
                           oa_scratch *scratch, uint32_t **out) {
  const oa_otap_column *column = &table->columns[number];
  void *block = NULL;
  OA_TRY(oa_scratch_get(scratch, table->rows, sizeof **out, &block));
  uint32_t *ids = block;
  oa_otap_read_u32(column, table->rows, ids);
  if (oa_otap_has(column) && column->encoding != OA_ENCODING_PLAIN) {
    undo_delta(column, table->rows, ids);
  }
  *out = ids;
  return OA_OK;
}

oa_status oa_otap_parents_read(const oa_otap_table *table, size_t number,
                               const uint8_t *same, oa_scratch *scratch,
                               uint32_t **out, oa_error *error) {
  const oa_otap_column *column = &table->columns[number];
  if (oa_otap_has_nulls(column)) {
    return oa_error_set(error, OA_ERR_MALFORMED, "%s: a parent_id is null",
                        table->info->name);
  }
  if (column->encoding != OA_ENCODING_QUASI_DELTA) {
    return oa_otap_ids_read(table, number, scratch, out);
  }
  void *block = NULL;
  OA_TRY(oa_scratch_get(scratch, table->rows, sizeof **out, &block));
  uint32_t *ids = block;
  const uint32_t mask = mask_of(column);
  const uint32_t rows = table->rows;
  oa_otap_read_u32(column, rows, ids);
  uint32_t before = 0;
  for (uint32_t i = 0; i < rows; i++) {
    /* Without a branch: where runs end is not to be foreseen.  What passes the
     * mask does not reach back below it. */
    before = ids[i] + (before & (0U - same[i]));
    ids[i] = before & mask;
  }
  *out = ids;
  return OA_OK;
}

/* --- index --- */

typedef struct range {
  uint32_t first;
  uint32_t last;
  uint32_t count;
} range;

static range range_of(const oa_otap_column *column, uint32_t rows,
                      const uint32_t *ids) {
  const bool nulls = oa_otap_has_nulls(column);
  range r = {.first = UINT32_MAX};
  for (uint32_t i = 0; i < rows; i++) {
    if (!nulls || !oa_otap_is_null(column, i)) {
      r.first = ids[i] < r.first ? ids[i] : r.first;
      r.last = ids[i] > r.last ? ids[i] : r.last;
      r.count++;
    }
  }
  return r;
}

static oa_status twice(const oa_otap_table *table, uint32_t row, uint32_t id,
                       oa_error *error) {
  return oa_error_set(error, OA_ERR_MALFORMED,
                      "%s: row %u has id %u, which a row before has",
                      table->info->name, row, id);
}

static oa_status index_dense(const oa_otap_table *table,
                             const oa_otap_column *column, const uint32_t *ids,
                             oa_scratch *scratch, oa_otap_ids *out,
                             oa_error *error) {
  const bool nulls = oa_otap_has_nulls(column);
  void *block = NULL;
  OA_TRY(oa_scratch_get(scratch, out->span, sizeof(uint32_t), &block));
  uint32_t *rows = block;
  memset(rows, 0xFF, out->span * sizeof *rows);
  for (uint32_t i = 0; i < table->rows; i++) {
    if (nulls && oa_otap_is_null(column, i)) {
      continue;
    }
    uint32_t *row = &rows[ids[i] - out->first];
    if (*row != UINT32_MAX) {
      return twice(table, i, ids[i], error);
    }
    *row = i;
  }
  out->rows = rows;
  return OA_OK;
}

/* Sorts PAIRS by one 16-bit digit of the id into OUT, stable. */
static void sort_digit(const uint64_t *pairs, uint32_t count, unsigned shift,
                       uint32_t *starts, uint64_t *out) {
  enum { DIGITS = 65536 };
  memset(starts, 0, (DIGITS + 1) * sizeof *starts);
  for (uint32_t i = 0; i < count; i++) {
    starts[(pairs[i] >> shift & (DIGITS - 1)) + 1]++;
  }
  for (uint32_t i = 0; i < DIGITS; i++) {
    starts[i + 1] += starts[i];
  }
  for (uint32_t i = 0; i < count; i++) {
    out[starts[pairs[i] >> shift & (DIGITS - 1)]++] = pairs[i];
  }
}

static oa_status index_sorted(const oa_otap_table *table,
                              const oa_otap_column *column, const uint32_t *ids,
                              oa_scratch *scratch, oa_otap_ids *out,
                              oa_error *error) {
  void *pair_block = NULL;
  void *sort_block = NULL;
  void *start_block = NULL;
  OA_TRY(oa_scratch_get(scratch, table->rows, sizeof(uint64_t), &pair_block));
  OA_TRY(oa_scratch_get(scratch, table->rows, sizeof(uint64_t), &sort_block));
  OA_TRY(oa_scratch_get(scratch, 65537, sizeof(uint32_t), &start_block));
  uint64_t *pairs = pair_block;
  uint32_t count = 0;
  for (uint32_t i = 0; i < table->rows; i++) {
    if (!oa_otap_is_null(column, i)) {
      pairs[count++] = (uint64_t)ids[i] << 32 | i;
    }
  }
  sort_digit(pairs, count, 32, start_block, sort_block);
  sort_digit(sort_block, count, 48, start_block, pairs);
  for (uint32_t i = 1; i < count; i++) {
    if (pairs[i] >> 32 == pairs[i - 1] >> 32) {
      return twice(table, (uint32_t)pairs[i], (uint32_t)(pairs[i] >> 32),
                   error);
    }
  }
  out->sorted = pairs;
  out->count = count;
  return OA_OK;
}

/* True when every row's id, which is plain or a delta, is one more than that
 * of the row before; *FIRST is that of row 0. */
static bool in_order(const oa_otap_column *column, uint32_t rows,
                     uint32_t *first) {
  const bool plain = column->encoding == OA_ENCODING_PLAIN;
  const uint32_t mask = mask_of(column);
  const uint16_t *narrow = column->array->values;
  const uint32_t *wide = column->array->values;
  uint32_t other = 0;
  if (rows == 0 || rows > mask || column->index_width > 0 ||
      oa_otap_has_nulls(column)) {
    return false;
  }
  if (column->field->type == OA_TYPE_UINT16) {
    *first = narrow[0];
    for (uint32_t i = 1; i < rows; i++) {
      other |= narrow[i] ^ (plain ? *first + i : 1);
    }
  } else {
    *first = wide[0];
    for (uint32_t i = 1; i < rows; i++) {
      other |= wide[i] ^ (plain ? *first + i : 1);
    }
  }
  return other == 0 && *first <= mask - rows;
}

oa_status oa_otap_ids_index(const oa_otap_table *table, size_t number,
                            oa_scratch *scratch, oa_otap_ids *out,
                            oa_error *error) {
  const oa_otap_column *column = &table->columns[number];
  uint32_t *ids = NULL;
  *out = (oa_otap_ids){0};
  if (!oa_otap_has(column)) {
    return OA_OK;
  }
  if (in_order(column, table->rows, &out->first)) {
    out->span = table->rows;
    return OA_OK;
  }
  OA_TRY(oa_otap_ids_read(table, number, scratch, &ids));
  const range r = range_of(column, table->rows, ids);
  if (r.count == 0) {
    return OA_OK;
  }
  const uint64_t span = (uint64_t)r.last - r.first + 1;
  if (span > (uint64_t)r.count * SPAN_PER_ID + SPAN_FREE) {
    return index_sorted(table, column, ids, scratch, out, error);
  }
  out->first = r.first;
  out->span = (uint32_t)span;
  return index_dense(table, column, ids, scratch, out, error);
}
