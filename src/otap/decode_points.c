/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of data points: from four tables into the rows that they became.
 * A column is gathered for all rows first and then put at once. */
#include <assert.h>

#include "otap/points.h"

/* A column of one kind of points. */
typedef struct source {
  uint32_t kind;
  uint8_t column;
  bool always;    /* null is 0 and not null */
  uint8_t unless; /* null where this column is not; 0: there is none */
} source;

/* The values of a source, in the order of its table. */
typedef struct cells {
  const uint32_t *rows; /* where they go */
  uint32_t count;
  const uint64_t *values; /* any under null */
  const uint8_t *valid;   /* a byte each; NULL: none is null */
} cells;

enum { MOST_SOURCES = OA_OTAP_POINT_KINDS };

/* --- numbers --- */

static oa_status read_valid(const oa_otap_decoder *d,
                            const oa_otap_table *table, const source *from,
                            const uint8_t **out) {
  const oa_otap_column *unless = &table->columns[from->unless];
  const bool hides = from->unless != 0 && oa_otap_has(unless);
  uint8_t *valid = NULL;
  if (from->always ||
      (!hides && !oa_otap_has_nulls(&table->columns[from->column]))) {
    return OA_OK;
  }
  OA_TRY(oa_otap_get_valid(d, table, from->column, &valid));
  for (uint32_t i = 0; hides && i < table->rows; i++) {
    valid[i] &= oa_otap_is_null(unless, i);
  }
  *out = valid;
  return OA_OK;
}

/* The values are read where they are when they can be. */
static oa_status read_cells(const oa_otap_decoder *d, const oa_otap_metrics *m,
                            const source *from, cells *out) {
  const oa_otap_points *p = &m->points[from->kind];
  uint64_t *copy = NULL;
  *out = (cells){0};
  if (p->table == NULL ||
      (!from->always && !oa_otap_has(&p->table->columns[from->column]))) {
    return OA_OK;
  }
  const oa_otap_column *column = &p->table->columns[from->column];
  const bool zeros = from->always && oa_otap_has_nulls(column);
  OA_TRY(read_valid(d, p->table, from, &out->valid));
  if (zeros || column->index_width > 0) {
    OA_TRY(oa_otap_get_u64s(d, p->table, from->column, &copy));
  }
  out->values = copy == NULL ? column->array->values : copy;
  out->rows = p->rows;
  out->count = p->table->rows;
  return OA_OK;
}

static void scatter_valid(const cells *from, uint8_t *valid) {
  for (uint32_t i = 0; i < from->count; i++) {
    valid[from->rows[i]] = from->valid == NULL ? 1 : from->valid[i];
  }
}

/* The values go to their rows, of which TO is the first one's. */
static void scatter64(const cells *from, uint8_t *to) {
  const cells c = *from; /* stores of bytes could change any memory */
  for (uint32_t i = 0; i < c.count; i++) {
    const uint64_t mask = c.valid == NULL ? 1 : c.valid[i];
    const uint64_t value = c.values[i] & (0U - mask);
    memcpy(to + (size_t)c.rows[i] * sizeof value, &value, sizeof value);
  }
}

static oa_status put64(const oa_otap_decoder *d, const oa_otap_metrics *m,
                       size_t to, const source *sources, size_t count) {
  oa_table *root = &d->builder->root;
  cells from[MOST_SOURCES];
  void *valid = NULL;
  assert(count <= MOST_SOURCES);
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, 1, &valid));
  for (size_t i = 0; i < count; i++) {
    OA_TRY(read_cells(d, m, &sources[i], &from[i]));
    scatter_valid(&from[i], valid);
  }
  uint8_t *first =
      oa_otap_open_some(root, &root->columns[to], root->length, m->rows, valid);
  for (size_t i = 0; first != NULL && i < count; i++) {
    scatter64(&from[i], first);
  }
  return OA_OK;
}

/* The times, which all kinds have. */
static oa_status put_times(const oa_otap_decoder *d, const oa_otap_metrics *m,
                           uint8_t column, size_t to) {
  oa_table *root = &d->builder->root;
  void *times = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, sizeof(uint64_t), &times));
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    const source times_of = {.kind = kind, .column = column};
    cells from;
    OA_TRY(read_cells(d, m, &times_of, &from));
    scatter64(&from, times);
  }
  oa_otap_put_times(root, &root->columns[to], root->length, m->rows, times);
  return OA_OK;
}

static oa_status gather32(const oa_otap_decoder *d, const oa_otap_points *p,
                          size_t column, uint32_t *values) {
  uint32_t *given = NULL;
  if (p->table == NULL) {
    return OA_OK;
  }
  OA_TRY(oa_otap_get_u32s(d, p->table, column, &given));
  for (uint32_t i = 0; i < p->table->rows; i++) {
    values[p->rows[i]] = given[i];
  }
  return OA_OK;
}

static oa_status put_flags(const oa_otap_decoder *d, const oa_otap_metrics *m) {
  oa_table *root = &d->builder->root;
  void *values = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, sizeof(uint32_t), &values));
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    OA_TRY(gather32(d, &m->points[kind], OA_OTAP_POINT_FLAGS, values));
  }
  oa_otap_put_u32s(root, &root->columns[OA_POINT_FLAGS], root->length, m->rows,
                   values);
  return OA_OK;
}

/* A 32-bit column of exponential histograms; it is set where PRESENCE, a
 * struct column of theirs, is not null, or always when PRESENCE is 0. */
static oa_status put_exp32(const oa_otap_decoder *d, const oa_otap_metrics *m,
                           size_t column, size_t presence, size_t to) {
  oa_table *root = &d->builder->root;
  const oa_otap_points *p = &m->points[OA_OTAP_EXP_HISTOGRAMS];
  void *values = NULL;
  void *block = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, sizeof(uint32_t), &values));
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, 1, &block));
  uint8_t *valid = block;
  OA_TRY(gather32(d, p, column, values));
  for (uint32_t i = 0; i < p->table->rows; i++) {
    valid[p->rows[i]] =
        presence == 0 || !oa_otap_is_null(&p->table->columns[presence], i);
  }
  oa_otap_put_optional32(root, &root->columns[to], root->length, m->rows,
                         values, valid);
  return OA_OK;
}

/* --- lists --- */

/* One member of a list's items, read through their column; null is 0, as some
 * senders write zeros so. */
static void put_items(const oa_otap_column *item, int64_t begin, int64_t end,
                      uint8_t *to) {
  if (!oa_otap_has_nulls(item) && item->index_width == 0) {
    if (begin < end) {
      memcpy(to, (const uint64_t *)item->array->values + begin,
             (size_t)(end - begin) * sizeof(uint64_t));
    }
    return;
  }
  for (int64_t i = begin; i < end; i++, to += sizeof(uint64_t)) {
    const uint64_t value =
        oa_otap_has(item) ? oa_otap_u64(item, (uint32_t)i) : 0;
    memcpy(to, &value, sizeof value);
  }
}

static uint8_t width_of(const oa_field *field) {
  return field->dictionary ? (uint8_t)oa_type_width(field->index_type) : 0;
}

/* The items of a list: MEMBER of their struct, or the items themselves. */
static oa_status item_column(const oa_otap_decoder *d,
                             const oa_otap_table *table, size_t number,
                             const char *member, oa_otap_column *out) {
  const oa_otap_column *list = &table->columns[number];
  const oa_field *item = list->field->children;
  const oa_array *items = list->array->children;
  *out = (oa_otap_column){
      .field = item, .array = items, .index_width = width_of(item)};
  if (member == NULL) {
    return OA_OK;
  }
  out->field = NULL;
  out->outer = items;
  for (size_t i = 0; i < item->child_count; i++) {
    if (strcmp(item->children[i].name, member) == 0) {
      out->field = &item->children[i];
      out->array = &items->children[i];
      out->index_width = width_of(out->field);
    }
  }
  return out->field != NULL && out->field->type != OA_TYPE_DOUBLE
             ? oa_error_set(d->error, OA_ERR_MALFORMED,
                            "%s: column \"%s\": its member \"%s\" is no double",
                            table->info->name,
                            table->info->columns[number].name, member)
             : OA_OK;
}

static uint32_t count_items(const oa_otap_points *p, size_t column) {
  const oa_otap_column *list = &p->table->columns[column];
  uint32_t count = 0;
  for (uint32_t i = 0; i < p->table->rows; i++) {
    int64_t begin;
    int64_t end;
    if (!oa_otap_is_null(list, i)) {
      oa_array_range(list->array, i, &begin, &end);
      count += (uint32_t)(end - begin);
    }
  }
  return count;
}

/* Opens COUNT more items in all columns of ITEMS. */
static oa_status open_items(oa_table *items, uint32_t count, uint8_t **to) {
  OA_TRY(oa_table_reserve_rows(items, count));
  for (size_t c = 0; c < items->column_count; c++) {
    to[c] = oa_otap_open_full(items, &items->columns[c], items->length, count);
    if (to[c] == NULL) {
      return OA_ERR_NOMEM;
    }
  }
  return OA_OK;
}

/* The lists of P, none of which is null, when their items can be copied all at
 * once: as the points are in the order of their rows, so are the items. */
static void put_straight(const oa_otap_points *p, const oa_array *from,
                         const oa_otap_column *item, uint32_t count,
                         oa_table *root, oa_column *list, uint8_t **slots) {
  oa_table *items = list->child;
  int64_t first;
  int64_t begin;
  int64_t end;
  oa_array_range(from, 0, &first, &end);
  for (size_t c = 0; c < items->column_count; c++) {
    put_items(&item[c], first, first + count, slots[c]);
  }
  for (uint32_t i = 0; i < p->table->rows; i++) {
    const uint32_t row = root->length + p->rows[i];
    oa_array_range(from, i, &begin, &end);
    if (begin < end && oa_column_begin(root, list, row)) {
      list->offsets[row + 1] = (int32_t)(items->length + end - first);
    }
  }
  items->length += count;
}

/* List COLUMN of KIND goes to column TO; MEMBERS are those of its items, which
 * are structs, or NULL. */
static oa_status put_lists(const oa_otap_decoder *d, const oa_otap_metrics *m,
                           uint32_t kind, size_t column, size_t to,
                           const char *const *members) {
  const oa_otap_points *p = &m->points[kind];
  oa_table *root = &d->builder->root;
  oa_column *list = &root->columns[to];
  oa_table *items = list->child;
  oa_otap_column item[OA_QUANTILE_COUNT] = {{0}};
  uint8_t *slots[OA_QUANTILE_COUNT] = {0};
  const oa_otap_column *from = &p->table->columns[column];
  assert(items->column_count <= OA_QUANTILE_COUNT);
  const uint32_t count = oa_otap_has(from) ? count_items(p, column) : 0;
  if (count == 0) {
    return OA_OK;
  }
  for (size_t c = 0; c < items->column_count; c++) {
    OA_TRY(item_column(d, p->table, column, members == NULL ? NULL : members[c],
                       &item[c]));
  }
  OA_TRY(open_items(items, count, slots));
  if (p->in_order && !oa_otap_has_nulls(from)) {
    put_straight(p, from->array, item, count, root, list, slots);
    return OA_OK;
  }
  for (uint32_t row = 0; row < m->rows; row++) {
    const oa_otap_seat seat = m->seats[row];
    int64_t begin;
    int64_t end;
    if (seat.kind != kind || oa_otap_is_null(from, seat.row)) {
      continue;
    }
    oa_array_range(from->array, seat.row, &begin, &end);
    for (size_t c = 0; c < items->column_count; c++) {
      put_items(&item[c], begin, end, slots[c]);
      slots[c] += (size_t)(end - begin) * sizeof(uint64_t);
    }
    items->length += (uint32_t)(end - begin);
    if (begin < end && oa_column_begin(root, list, root->length + row)) {
      list->offsets[root->length + row + 1] = (int32_t)items->length;
    }
  }
  return OA_OK;
}

/* --- kinds --- */

static oa_status write_numbers(const oa_otap_decoder *d,
                               const oa_otap_metrics *m) {
  static const source integers = {.kind = OA_OTAP_NUMBERS,
                                  .column = OA_OTAP_NUMBER_INT};
  /* A oneof: when both are set it is the integer that counts. */
  static const source doubles = {.kind = OA_OTAP_NUMBERS,
                                 .column = OA_OTAP_NUMBER_DOUBLE,
                                 .unless = OA_OTAP_NUMBER_INT};
  OA_TRY(put64(d, m, OA_POINT_VALUE_INT, &integers, 1));
  return put64(d, m, OA_POINT_VALUE_DOUBLE, &doubles, 1);
}

static oa_status write_distributions(const oa_otap_decoder *d,
                                     const oa_otap_metrics *m) {
  static const source counts[] = {
      {OA_OTAP_SUMMARIES, OA_OTAP_SUMMARY_COUNT, true, 0},
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_COUNT, true, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_COUNT, true, 0}};
  static const source sums[] = {
      {OA_OTAP_SUMMARIES, OA_OTAP_SUMMARY_SUM, true, 0},
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_SUM, false, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_SUM, false, 0}};
  static const source mins[] = {
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_MIN, false, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_MIN, false, 0}};
  static const source maxs[] = {
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_MAX, false, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_MAX, false, 0}};
  OA_TRY(put64(d, m, OA_POINT_COUNT_COL, counts, 3));
  OA_TRY(put64(d, m, OA_POINT_SUM, sums, 3));
  OA_TRY(put64(d, m, OA_POINT_MIN, mins, 2));
  return put64(d, m, OA_POINT_MAX, maxs, 2);
}

static oa_status write_histograms(const oa_otap_decoder *d,
                                  const oa_otap_metrics *m) {
  OA_TRY(put_lists(d, m, OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_BUCKET_COUNTS,
                   OA_POINT_BUCKET_COUNTS, NULL));
  return put_lists(d, m, OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_EXPLICIT_BOUNDS,
                   OA_POINT_EXPLICIT_BOUNDS, NULL);
}

static oa_status write_exp_histograms(const oa_otap_decoder *d,
                                      const oa_otap_metrics *m) {
  static const source zeros = {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_ZERO_COUNT,
                               true, 0};
  static const source thresholds = {OA_OTAP_EXP_HISTOGRAMS,
                                    OA_OTAP_EXP_ZERO_THRESHOLD, true, 0};
  const uint32_t kind = OA_OTAP_EXP_HISTOGRAMS;
  OA_TRY(put64(d, m, OA_POINT_ZERO_COUNT, &zeros, 1));
  OA_TRY(put64(d, m, OA_POINT_ZERO_THRESHOLD, &thresholds, 1));
  OA_TRY(put_exp32(d, m, OA_OTAP_EXP_SCALE, 0, OA_POINT_SCALE));
  OA_TRY(put_exp32(d, m, OA_OTAP_EXP_POSITIVE_OFFSET, OA_OTAP_EXP_POSITIVE,
                   OA_POINT_POSITIVE_OFFSET));
  OA_TRY(put_exp32(d, m, OA_OTAP_EXP_NEGATIVE_OFFSET, OA_OTAP_EXP_NEGATIVE,
                   OA_POINT_NEGATIVE_OFFSET));
  OA_TRY(put_lists(d, m, kind, OA_OTAP_EXP_POSITIVE_BUCKET_COUNTS,
                   OA_POINT_POSITIVE_BUCKET_COUNTS, NULL));
  return put_lists(d, m, kind, OA_OTAP_EXP_NEGATIVE_BUCKET_COUNTS,
                   OA_POINT_NEGATIVE_BUCKET_COUNTS, NULL);
}

oa_status oa_otap_write_points(const oa_otap_decoder *d,
                               const oa_otap_metrics *m) {
  static const char *const members[] = {"quantile", "value"};
  const oa_otap_points *p = m->points;
  OA_TRY(put_times(d, m, OA_OTAP_POINT_START, OA_POINT_START_TIME));
  OA_TRY(put_times(d, m, OA_OTAP_POINT_TIME, OA_POINT_TIME));
  OA_TRY(put_flags(d, m));
  if (p[OA_OTAP_NUMBERS].table != NULL) {
    OA_TRY(write_numbers(d, m));
  }
  OA_TRY(write_distributions(d, m));
  if (p[OA_OTAP_SUMMARIES].table != NULL) {
    OA_TRY(put_lists(d, m, OA_OTAP_SUMMARIES, OA_OTAP_SUMMARY_QUANTILE,
                     OA_POINT_QUANTILES, members));
  }
  if (p[OA_OTAP_HISTOGRAMS].table != NULL) {
    OA_TRY(write_histograms(d, m));
  }
  return p[OA_OTAP_EXP_HISTOGRAMS].table == NULL ? OA_OK
                                                 : write_exp_histograms(d, m);
}
