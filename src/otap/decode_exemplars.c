/* SPDX-License-Identifier: Apache-2.0 */
/* The three tables of exemplars and their attributes. */
#include "otap/points.h"

/* The exemplars of one kind of points. */
typedef struct exemplars {
  const oa_otap_table *table; /* NULL: there are none */
  oa_otap_join join;          /* to the points */
} exemplars;

typedef struct exemplar_kind {
  uint32_t points;
  oa_payload_type type;
  oa_payload_type attrs;
} exemplar_kind;

enum { KINDS = 3 }; /* summaries have none */

static const exemplar_kind kinds[KINDS] = {
    {OA_OTAP_NUMBERS, OA_PAYLOAD_NUMBER_EXEMPLARS,
     OA_PAYLOAD_NUMBER_EXEMPLAR_ATTRS},
    {OA_OTAP_HISTOGRAMS, OA_PAYLOAD_HISTOGRAM_EXEMPLARS,
     OA_PAYLOAD_HISTOGRAM_EXEMPLAR_ATTRS},
    {OA_OTAP_EXP_HISTOGRAMS, OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLARS,
     OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLAR_ATTRS}};

/* Rows are alike when their values are; one without a value is written as the
 * difference to the row before, whatever that has. */
static bool is_alike(const oa_otap_table *table, uint32_t i) {
  const oa_otap_column *integer = &table->columns[OA_OTAP_EXEMPLAR_INT];
  const oa_otap_column *decimal = &table->columns[OA_OTAP_EXEMPLAR_DOUBLE];
  double pair[2];
  if (!oa_otap_is_null(integer, i)) {
    return !oa_otap_is_null(integer, i - 1) &&
           oa_otap_u64(integer, i) == oa_otap_u64(integer, i - 1);
  }
  if (oa_otap_is_null(decimal, i)) {
    return true;
  }
  if (!oa_otap_is_null(integer, i - 1) || oa_otap_is_null(decimal, i - 1)) {
    return false;
  }
  const uint64_t bits[2] = {oa_otap_u64(decimal, i - 1),
                            oa_otap_u64(decimal, i)};
  memcpy(pair, bits, sizeof pair);
  return pair[0] <= pair[1] && pair[0] >= pair[1];
}

static oa_status read_kind(const oa_otap_decoder *d, const exemplar_kind *kind,
                           const oa_otap_points *points, exemplars *out,
                           oa_otap_attrs *attrs) {
  oa_otap_ids ids = {0};
  void *block = NULL;
  uint32_t rows = 0;
  *out = (exemplars){.table = oa_otap_table_of(d, kind->type)};
  const oa_otap_table *table = out->table;
  if (table != NULL) {
    rows = table->rows;
    OA_TRY(oa_scratch_get_zeroed(d->scratch, rows, 1, &block));
    uint8_t *same = block;
    for (uint32_t i = 1; i < rows; i++) {
      same[i] = is_alike(table, i);
    }
    OA_TRY(oa_otap_join_read(table, OA_OTAP_EXEMPLAR_PARENT_ID, same,
                             &points->ids,
                             points->table == NULL ? 0 : points->table->rows,
                             d->scratch, &out->join, d->error));
    OA_TRY(oa_otap_ids_index(table, OA_OTAP_EXEMPLAR_ID, d->scratch, &ids,
                             d->error));
  }
  return oa_otap_attrs_read(d, kind->attrs, &d->builder->attributes_2, &ids,
                            rows, attrs);
}

/* The row's own columns; TABLE's length is its number. */
static void put_exemplar(oa_table *table, const oa_otap_table *from,
                         uint32_t i) {
  oa_column *column = table->columns;
  const oa_otap_column *integer = &from->columns[OA_OTAP_EXEMPLAR_INT];
  const oa_otap_column *decimal = &from->columns[OA_OTAP_EXEMPLAR_DOUBLE];
  oa_put_time(table, &column[OA_EXEMPLAR_TIME],
              oa_otap_u64(&from->columns[OA_OTAP_EXEMPLAR_TIME], i));
  if (!oa_otap_is_null(integer, i)) {
    oa_put_u64(table, &column[OA_EXEMPLAR_VALUE_INT], oa_otap_u64(integer, i));
  } else if (!oa_otap_is_null(decimal, i)) {
    oa_put_u64(table, &column[OA_EXEMPLAR_VALUE_DOUBLE],
               oa_otap_u64(decimal, i));
  }
  oa_otap_put_one_id(table, &column[OA_EXEMPLAR_SPAN_ID], table->length,
                     &from->columns[OA_OTAP_EXEMPLAR_SPAN_ID], i);
  oa_otap_put_one_id(table, &column[OA_EXEMPLAR_TRACE_ID], table->length,
                     &from->columns[OA_OTAP_EXEMPLAR_TRACE_ID], i);
}

static oa_status write_all(const oa_otap_decoder *d, const oa_otap_metrics *m,
                           exemplars *all, oa_otap_attrs *attrs) {
  oa_table *root = &d->builder->root;
  oa_column *list = &root->columns[OA_POINT_EXEMPLARS];
  oa_table *table = list->child;
  const uint32_t base = table->length;
  oa_otap_join *joins[OA_OTAP_POINT_KINDS + 1] = {0};
  void *block = NULL;
  for (size_t k = 0; k < KINDS; k++) {
    joins[kinds[k].points] = &all[k].join;
  }
  const uint32_t count =
      oa_otap_place_lists(root, list, root->length, m->rows, m->seats, joins);
  if (count == 0) {
    return OA_OK;
  }
  OA_TRY(oa_table_reserve_rows(table, count));
  OA_TRY(oa_scratch_get(d->scratch, count, sizeof(oa_otap_seat), &block));
  oa_otap_seat *seats = block;
  for (size_t k = 0; k < KINDS; k++) {
    oa_otap_take_seats(&all[k].join, (uint32_t)k, base, seats);
  }
  OA_TRY(oa_otap_attrs_write(d, &d->builder->attributes_2, attrs, KINDS, table,
                             &table->columns[OA_EXEMPLAR_ATTRIBUTES], base,
                             count, seats));
  for (uint32_t i = 0; i < count; i++) {
    put_exemplar(table, all[seats[i].kind].table, seats[i].row);
    table->length++;
  }
  return OA_OK;
}

oa_status oa_otap_write_exemplars(const oa_otap_decoder *d,
                                  const oa_otap_metrics *m) {
  exemplars all[KINDS];
  oa_otap_attrs attrs[KINDS];
  for (size_t k = 0; k < KINDS; k++) {
    OA_TRY(read_kind(d, &kinds[k], &m->points[kinds[k].points], &all[k],
                     &attrs[k]));
  }
  return write_all(d, m, all, attrs);
}
