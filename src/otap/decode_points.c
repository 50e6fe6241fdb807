/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of data points: from four tables into the rows that they became.
 * A column is gathered for all rows first and then put at once. */
#include <assert.h>

#include "otap/points.h"

typedef enum rule {
  NULLABLE, /* null is null */
  ALWAYS,   /* null is 0 and not null */
  TIME      /* 0 is null too */
} rule;

/* A column of one kind of points. */
typedef struct source {
  uint32_t kind;
  uint8_t column;
  rule rule;
  uint8_t unless; /* null where this column is not; 0: there is none */
} source;

/* The values of a source, in the order of its table. */
typedef struct cells {
  const oa_otap_points *points; /* NULL: there are none */
  const uint64_t *values;       /* any under null */
  const oa_otap_column *given;  /* null where it is; NULL: nowhere */
  const oa_otap_column *unless; /* null where it is not; NULL: nowhere */
  bool time;                    /* null where it is 0 */
} cells;

enum { MOST_SOURCES = OA_OTAP_POINT_KINDS, ITEM = sizeof(uint64_t) };

void oa_otap_mark_runs(const oa_otap_points *p, uint8_t *bits) {
  for (uint32_t i = 0; i < p->run_count; i++) {
    const oa_otap_run run = p->runs[i];
    oa_bits_fill(bits, run.to, run.to + run.count);
  }
}

/* --- numbers --- */

/* The values are read where they are when they can be. */
static oa_status read_cells(const oa_otap_decoder *d, const oa_otap_metrics *m,
                            const source *from, cells *out) {
  const oa_otap_points *p = &m->points[from->kind];
  const oa_otap_table *table = p->table;
  const bool always = from->rule == ALWAYS;
  *out = (cells){0};
  if (table == NULL ||
      (!always && !oa_otap_has(&table->columns[from->column]))) {
    return OA_OK;
  }
  const oa_otap_column *column = &table->columns[from->column];
  const oa_otap_column *unless = &table->columns[from->unless];
  out->points = p;
  out->time = from->rule == TIME;
  if (from->unless != 0 && oa_otap_has(unless)) {
    out->unless = unless;
  }
  if (!always && oa_otap_has_nulls(column)) {
    out->given = column;
  }
  if (!always && column->index_width == 0) {
    out->values = column->array->values;
    return OA_OK;
  }
  return oa_otap_view_u64s(d, table, from->column, &out->values);
}

/* Which of the COUNT points from AT on, at most 64, have a value. */
OA_INLINE uint64_t valid_word(const cells *c, uint32_t at, unsigned count) {
  const uint64_t given = c->given == NULL
                             ? oa_ones(count)
                             : oa_otap_valid_word(c->given, at, count);
  return c->unless == NULL ? given
                           : given & ~oa_otap_valid_word(c->unless, at, count);
}
/* All points have a value, which may be 0. */
static bool are_all_given(const cells *c) {
  return c->given == NULL && c->unless == NULL;
}

/* Sets the bits of the rows that get a value. */
static void mark_cells(const cells *c, uint8_t *bits) {
  const bool all = are_all_given(c);
  for (uint32_t i = 0; c->points != NULL && i < c->points->run_count; i++) {
    const oa_otap_run run = c->points->runs[i];
    if (all &&
        (!c->time || oa_otap_none_zero(c->values + run.from, run.count))) {
      oa_bits_fill(bits, run.to, run.to + run.count);
      continue;
    }
    for (uint32_t at = 0; at < run.count; at += OA_WORD) {
      const unsigned part = oa_word_count(run.count - at);
      uint64_t word = valid_word(c, run.from + at, part);
      if (c->time) {
        word &= oa_otap_some_word(c->values + run.from + at, part);
      }
      oa_bits_put(bits, run.to + at, part, word);
    }
  }
}

/* COUNT values, at most 64, of which those not in WORD become 0. */
static void copy_some(const uint64_t *values, unsigned count, uint64_t word,
                      uint8_t *to) {
  if (word == oa_ones(count)) {
    memcpy(to, values, count * sizeof *values);
    return;
  }
  for (unsigned i = 0; i < count; i++) {
    const uint64_t value = values[i] & (0U - (word >> i & 1));
    memcpy(to + i * sizeof value, &value, sizeof value);
  }
}

/* The values go to their rows, of which TO is the first one's. */
static void copy_cells(const cells *c, uint8_t *to) {
  const bool all = are_all_given(c);
  const size_t width = sizeof *c->values;
  for (uint32_t i = 0; c->points != NULL && i < c->points->run_count; i++) {
    const oa_otap_run run = c->points->runs[i];
    if (all) {
      memcpy(to + run.to * width, c->values + run.from, run.count * width);
      continue;
    }
    for (uint32_t at = 0; at < run.count; at += OA_WORD) {
      const unsigned part = oa_word_count(run.count - at);
      copy_some(c->values + run.from + at, part,
                valid_word(c, run.from + at, part), to + (run.to + at) * width);
    }
  }
}

static oa_status put64(const oa_otap_decoder *d, const oa_otap_metrics *m,
                       size_t to, const source *sources, size_t count) {
  oa_table *root = &d->builder->root;
  cells from[MOST_SOURCES];
  void *bits = NULL;
  assert(count <= MOST_SOURCES);
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows / 8 + 1, 1, &bits));
  for (size_t i = 0; i < count; i++) {
    OA_TRY(read_cells(d, m, &sources[i], &from[i]));
    mark_cells(&from[i], bits);
  }
  uint8_t *first =
      oa_otap_open_some(root, &root->columns[to], root->length, m->rows, bits);
  for (size_t i = 0; first != NULL && i < count; i++) {
    copy_cells(&from[i], first);
  }
  return OA_OK;
}

/* The times, which all kinds have. */
static oa_status put_times(const oa_otap_decoder *d, const oa_otap_metrics *m,
                           uint8_t column, size_t to) {
  source times[OA_OTAP_POINT_KINDS];
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    times[kind] = (source){.kind = kind, .column = column, .rule = TIME};
  }
  return put64(d, m, to, times, OA_OTAP_POINT_KINDS);
}

static oa_status gather32(const oa_otap_decoder *d, const oa_otap_points *p,
                          size_t column, uint32_t *values) {
  uint32_t *given = NULL;
  OA_TRY(oa_otap_get_u32s(d, p->table, column, &given));
  for (uint32_t i = 0; i < p->run_count; i++) {
    const oa_otap_run run = p->runs[i];
    memcpy(values + run.to, given + run.from, run.count * sizeof *values);
  }
  return OA_OK;
}

static oa_status put_flags(const oa_otap_decoder *d, const oa_otap_metrics *m) {
  oa_table *root = &d->builder->root;
  void *values = NULL;
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    const oa_otap_points *p = &m->points[kind];
    if (p->table == NULL ||
        !oa_otap_has(&p->table->columns[OA_OTAP_POINT_FLAGS])) {
      continue;
    }
    if (values == NULL) {
      OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, sizeof(uint32_t),
                                   &values));
    }
    OA_TRY(gather32(d, p, OA_OTAP_POINT_FLAGS, values));
  }
  if (values != NULL) {
    oa_otap_put_u32s(root, &root->columns[OA_POINT_FLAGS], root->length,
                     m->rows, values);
  }
  return OA_OK;
}

/* A 32-bit column of exponential histograms; it is set where PRESENCE, a
 * struct column of theirs, is not null, or always when PRESENCE is 0. */
static oa_status put_exp32(const oa_otap_decoder *d, const oa_otap_metrics *m,
                           size_t column, size_t presence, size_t to) {
  oa_table *root = &d->builder->root;
  const oa_otap_points *p = &m->points[OA_OTAP_EXP_HISTOGRAMS];
  const cells given = {
      .points = p,
      .given = presence == 0 ? NULL : &p->table->columns[presence]};
  void *values = NULL;
  void *bits = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows, sizeof(uint32_t), &values));
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows / 8 + 1, 1, &bits));
  OA_TRY(gather32(d, p, column, values));
  mark_cells(&given, bits);
  oa_otap_put_optional32(root, &root->columns[to], root->length, m->rows,
                         values, bits);
  return OA_OK;
}

/* --- lists --- */

/* One member of a list's items, read through their column; null is 0, as some
 * senders write zeros so. */
static void put_items(const oa_otap_column *item, int64_t begin, int64_t end,
                      uint8_t *to) {
  if (!oa_otap_has_nulls(item) && item->index_width == 0) {
    if (begin < end) {
      assert(item->array != NULL); /* it has a field */
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

static uint32_t count_items(const oa_otap_points *p,
                            const oa_otap_column *list) {
  const uint32_t rows = p->table->rows;
  uint32_t count = 0;
  int64_t begin;
  int64_t end;
  if (!oa_otap_has(list)) {
    return 0;
  }
  if (!oa_otap_has_nulls(list)) {
    int64_t last;
    oa_array_range(list->array, 0, &begin, &end);
    oa_array_range(list->array, rows - 1, &end, &last);
    return (uint32_t)(last - begin);
  }
  for (uint32_t i = 0; i < rows; i++) {
    if (!oa_otap_is_null(list, i)) {
      oa_array_range(list->array, i, &begin, &end);
      count += (uint32_t)(end - begin);
    }
  }
  return count;
}

/* Opens COUNT more items in all columns of ITEMS. */
static oa_status open_items(const oa_otap_decoder *d, oa_table *items,
                            uint32_t count, uint8_t **to) {
  OA_TRY(oa_otap_spend(d, (size_t)count * items->column_count * ITEM));
  OA_TRY(oa_table_reserve_rows(items, count));
  for (size_t c = 0; c < items->column_count; c++) {
    to[c] = oa_otap_open_full(items, &items->columns[c], items->length, count);
    if (to[c] == NULL) {
      return OA_ERR_NOMEM;
    }
  }
  return OA_OK;
}

/* The lists of a run, of which OFFSETS are, end where these do and SHIFT items
 * further; empty ones are null. */
static void put_run(oa_table *root, oa_column *list, uint32_t row,
                    const int32_t *offsets, uint32_t count, int32_t shift) {
  bool empty = false;
  for (uint32_t i = 0; i < count; i++) {
    empty |= offsets[i] == offsets[i + 1];
  }
  if (!empty && oa_otap_open_full(root, list, row, count) != NULL) {
    int32_t *to = list->offsets + row;
    for (uint32_t i = 1; i <= count; i++) {
      to[i] = offsets[i] + shift;
    }
  }
  for (uint32_t i = 0; empty && i < count; i++) {
    if (offsets[i] < offsets[i + 1] && oa_column_begin(root, list, row + i)) {
      list->offsets[row + i + 1] = offsets[i + 1] + shift;
    }
  }
}

/* The lists of P, none of which is null, when their items can be copied all at
 * once: as the points are in the order of their rows, so are the items. */
static void put_straight(const oa_otap_points *p, const oa_array *from,
                         const oa_otap_column *item, uint32_t count,
                         oa_table *root, oa_column *list, uint8_t **slots) {
  oa_table *items = list->child;
  const int32_t *offsets = from->offsets;
  const int32_t first = offsets[0];
  for (size_t c = 0; c < items->column_count; c++) {
    put_items(&item[c], first, (int64_t)first + count, slots[c]);
  }
  for (uint32_t i = 0; i < p->run_count; i++) {
    const oa_otap_run run = p->runs[i];
    put_run(root, list, root->length + run.to, offsets + run.from, run.count,
            (int32_t)items->length - first);
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
  const uint32_t count = count_items(p, from);
  if (count == 0) {
    return OA_OK;
  }
  for (size_t c = 0; c < items->column_count; c++) {
    OA_TRY(item_column(d, p->table, column, members == NULL ? NULL : members[c],
                       &item[c]));
  }
  OA_TRY(open_items(d, items, count, slots));
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
      {OA_OTAP_SUMMARIES, OA_OTAP_SUMMARY_COUNT, ALWAYS, 0},
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_COUNT, ALWAYS, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_COUNT, ALWAYS, 0}};
  static const source sums[] = {
      {OA_OTAP_SUMMARIES, OA_OTAP_SUMMARY_SUM, ALWAYS, 0},
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_SUM, NULLABLE, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_SUM, NULLABLE, 0}};
  static const source mins[] = {
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_MIN, NULLABLE, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_MIN, NULLABLE, 0}};
  static const source maxs[] = {
      {OA_OTAP_HISTOGRAMS, OA_OTAP_HISTOGRAM_MAX, NULLABLE, 0},
      {OA_OTAP_EXP_HISTOGRAMS, OA_OTAP_EXP_MAX, NULLABLE, 0}};
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
                               ALWAYS, 0};
  static const source thresholds = {OA_OTAP_EXP_HISTOGRAMS,
                                    OA_OTAP_EXP_ZERO_THRESHOLD, ALWAYS, 0};
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
