/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/join.h"

#include "otap/put.h"

oa_status oa_otap_join_rows(const oa_otap_table *table, uint32_t *parent_ids,
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
      return oa_error_set(error, OA_ERR_MALFORMED,
                          "%s: row %u has parent_id %u, and no row of its "
                          "parent table has that id",
                          table->info->name, i, parent_ids[i]);
    }
    parent_ids[i] = (uint32_t)row;
    places[row]++;
  }
  *out = (oa_otap_join){
      .rows = table->rows, .parents = parent_ids, .places = places};
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
