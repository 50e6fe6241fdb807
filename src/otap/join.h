/* SPDX-License-Identifier: Apache-2.0 */
/* join.h - which child rows belong to which parent row, and where in the
 * builder's list columns they go.
 *
 * A child table is never sorted: its rows are counted for each parent, the
 * places of each parent's run are computed, and then every row is written
 * straight to its place.  Children of one parent keep their order.
 *
 * Private to otap/; memory is taken from the stream's scratch.
 */
#ifndef OA_OTAP_JOIN_H
#define OA_OTAP_JOIN_H

#include "otap/ids.h"

typedef struct oa_otap_join {
  uint32_t rows;     /* of the child table */
  uint32_t *parents; /* row of the parent, for each child row */
  uint32_t *places;  /* for each parent row: how many children; after
                        oa_otap_place_lists() where the next one goes */
} oa_otap_join;

/* Which parent row a row of the builder is made from: tables of several kinds
 * may come together there. */
typedef struct oa_otap_seat {
  uint32_t kind; /* which join */
  uint32_t row;  /* of the parent table */
} oa_otap_seat;

/* Reads column NUMBER of TABLE, its parent_id, as oa_otap_parents_read() does,
 * and finds the parents among the PARENT_ROWS rows that PARENTS knows.
 * OA_ERR_MALFORMED: an id is null, or no row of the parents has it. */
oa_status oa_otap_join_read(const oa_otap_table *table, size_t number,
                            const uint8_t *same, const oa_otap_ids *parents,
                            uint32_t parent_rows, oa_scratch *scratch,
                            oa_otap_join *out, oa_error *error);

/* Gives list column LIST of TABLE its runs, for the COUNT rows from BASE on:
 * row i is made from seat i, or from parent row i when SEATS is NULL.  JOINS
 * are by kind; a NULL one has no children.  Returns how many items there are
 * now to be written behind those that the column's child table has. */
uint32_t oa_otap_place_lists(oa_table *table, oa_column *list, uint32_t base,
                             uint32_t count, const oa_otap_seat *seats,
                             oa_otap_join *const *joins);

/* After oa_otap_place_lists(): notes for each of JOIN's rows, at its place
 * among the new items, which row of which kind is there.  BASE is the place of
 * the first new item, and of SEATS[0]. */
void oa_otap_take_seats(oa_otap_join *join, uint32_t kind, uint32_t base,
                        oa_otap_seat *seats);

#endif
