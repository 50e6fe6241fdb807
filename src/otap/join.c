/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/join.h"

#include "otap/put.h"

static oa_status no_parent(const oa_otap_table *table, uint32_t row,
                           uint32_t id, oa_error *error) {
  return oa_error_set(error, OA_ERR_MALFORMED,
                      "%s: row %u has parent_id %u, and no row of its parent "
                      "table has that id",
                      table->info->name, row, id);
}

/* Finds the parents of PARENT_IDS, which become rows, and counts. */
static oa_status join_ids(const oa_otap_table *table, uint32_t *parent_ids,
                          const oa_otap_ids *parents, uint32_t parent_rows,
                          oa_scratch *scratch, oa_otap_join *out,
                          oa_error *error) {
  void *block = NULL;
  OA_TRY(oa_scratch_get_zeroed(scratch, parent_rows, sizeof(uint32_t), &block));
  uint32_t *places = block;
  const oa_otap_ids ids = *parents; /* a copy, which no store can change */
  const uint32_t rows = table->rows;
  for (uint32_t i = 0; i < rows; i++) {
    const int64_t row = oa_otap_ids_find(&ids, parent_ids[i]);
    if (row < 0) {
      return no_parent(table, i, parent_ids[i], error);
    }
    parent_ids[i] = (uint32_t)row;
    places[row]++;
  }
  *out = (oa_otap_join){
      .rows = table->rows, .parents = parent_ids, .places = places};
  return OA_OK;
}

/* --- parent ids as they come --- */

OA_INLINE uint32_t delta_at(const void *deltas, size_t width, uint32_t i) {
  return width == 2 ? ((const uint16_t *)deltas)[i]
                    : ((const uint32_t *)deltas)[i];
}

/* Undoes the quasi delta encoding, finds the parents and counts their children,
 * all in one go.  Returns the first row whose parent is not there, and its id
 * in *LOST, or ROWS. */
OA_INLINE uint32_t join_deltas(const void *deltas, size_t width, bool ordered,
                               const uint8_t *same, oa_otap_ids ids,
                               uint32_t rows, uint32_t *restrict parents,
                               uint32_t *restrict places, uint32_t *lost) {
  const uint32_t mask = width == 2 ? UINT16_MAX : UINT32_MAX;
  uint32_t id = 0;
  for (uint32_t i = 0; i < rows; i++) {
    /* Without a branch: where runs end is not to be foreseen. */
    id = delta_at(deltas, width, i) + (id & (0U - same[i]));
    const uint32_t at = (id & mask) - ids.first;
    const uint32_t row = at >= ids.span ? UINT32_MAX
                         : ordered      ? at
                                        : ids.rows[at];
    if (row == UINT32_MAX) {
      *lost = id & mask;
      return i;
    }
    parents[i] = row;
    places[row]++;
  }
  return rows;
}

/* Not inlined, so that its loops have all registers for themselves. */
__attribute__((noinline)) static uint32_t join_column(
    const oa_otap_column *column, const uint8_t *same, const oa_otap_ids *ids,
    uint32_t rows, uint32_t *parents, uint32_t *places, uint32_t *lost) {
  const void *deltas = column->array->values;
  const bool ordered = ids->rows == NULL;
  if (column->field->type == OA_TYPE_UINT16) {
    return ordered ? join_deltas(deltas, 2, true, same, *ids, rows, parents,
                                 places, lost)
                   : join_deltas(deltas, 2, false, same, *ids, rows, parents,
                                 places, lost);
  }
  return ordered ? join_deltas(deltas, 4, true, same, *ids, rows, parents,
                               places, lost)
                 : join_deltas(deltas, 4, false, same, *ids, rows, parents,
                               places, lost);
}

oa_status oa_otap_join_read(const oa_otap_table *table, size_t number,
                            const uint8_t *same, const oa_otap_ids *parents,
                            uint32_t parent_rows, oa_scratch *scratch,
                            oa_otap_join *out, oa_error *error) {
  const oa_otap_column *column = &table->columns[number];
  void *rows = NULL;
  void *places = NULL;
  uint32_t lost = 0;
  if (oa_otap_has_nulls(column) || column->index_width > 0 ||
      column->encoding != OA_ENCODING_QUASI_DELTA || parents->sorted != NULL) {
    uint32_t *ids = NULL;
    OA_TRY(oa_otap_parents_read(table, number, same, scratch, &ids, error));
    return join_ids(table, ids, parents, parent_rows, scratch, out, error);
  }
  OA_TRY(oa_scratch_get(scratch, table->rows, sizeof(uint32_t), &rows));
  OA_TRY(
      oa_scratch_get_zeroed(scratch, parent_rows, sizeof(uint32_t), &places));
  const uint32_t end =
      join_column(column, same, parents, table->rows, rows, places, &lost);
  if (end < table->rows) {
    return no_parent(table, end, lost, error);
  }
  *out = (oa_otap_join){.rows = table->rows, .parents = rows, .places = places};
  return OA_OK;
}

/* The same when row i is made from parent row i, and every one has items. */
static uint32_t place_full(oa_table *table, oa_column *list, uint32_t base,
                           uint32_t count, oa_otap_join *join) {
  const uint32_t first = list->child->length;
  const bool open = oa_otap_open_full(table, list, base, count) != NULL;
  uint32_t at = first;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t items = join->places[i];
    join->places[i] = at;
    at += items;
    if (open) {
      list->offsets[base + i + 1] = (int32_t)at;
    }
  }
  return at - first;
}

static bool all_have_items(const oa_otap_join *join, uint32_t count) {
  bool all = join != NULL && join->rows > 0;
  for (uint32_t i = 0; all && i < count; i++) {
    all = join->places[i] > 0;
  }
  return all;
}

uint32_t oa_otap_place_lists(oa_table *table, oa_column *list, uint32_t base,
                             uint32_t count, const oa_otap_seat *seats,
                             oa_otap_join *const *joins) {
  const uint32_t first = list->child->length;
  uint32_t at = first;
  if (seats == NULL && all_have_items(joins[0], count)) {
    return place_full(table, list, base, count, joins[0]);
  }
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t kind = seats == NULL ? 0 : seats[i].kind;
    const uint32_t row = seats == NULL ? i : seats[i].row;
    oa_otap_join *join = joins[kind];
    if (join == NULL || join->rows == 0) {
      continue;
    }
    const uint32_t items = join->places[row];
    join->places[row] = at;
    at += items;
    if (items > 0 && oa_column_begin(table, list, base + i)) {
      list->offsets[base + i + 1] = (int32_t)at;
    }
  }
  return at - first;
}

void oa_otap_take_seats(oa_otap_join *join, uint32_t kind, uint32_t base,
                        oa_otap_seat *seats) {
  for (uint32_t i = 0; i < join->rows; i++) {
    const uint32_t place = join->places[join->parents[i]]++;
    seats[place - base] = (oa_otap_seat){.kind = kind, .row = i};
  }
}
