/* SPDX-License-Identifier: Apache-2.0 */
/* UNIVARIATE_METRICS with METRIC_ATTRS, the tables of data points and their
 * attributes. */
#include "otap/points.h"

static const oa_payload_type point_types[OA_OTAP_POINT_KINDS] = {
    [OA_OTAP_NUMBERS] = OA_PAYLOAD_NUMBER_POINTS,
    [OA_OTAP_SUMMARIES] = OA_PAYLOAD_SUMMARY_POINTS,
    [OA_OTAP_HISTOGRAMS] = OA_PAYLOAD_HISTOGRAM_POINTS,
    [OA_OTAP_EXP_HISTOGRAMS] = OA_PAYLOAD_EXP_HISTOGRAM_POINTS};

static const oa_payload_type attr_types[OA_OTAP_POINT_KINDS] = {
    [OA_OTAP_NUMBERS] = OA_PAYLOAD_NUMBER_POINT_ATTRS,
    [OA_OTAP_SUMMARIES] = OA_PAYLOAD_SUMMARY_POINT_ATTRS,
    [OA_OTAP_HISTOGRAMS] = OA_PAYLOAD_HISTOGRAM_POINT_ATTRS,
    [OA_OTAP_EXP_HISTOGRAMS] = OA_PAYLOAD_EXP_HISTOGRAM_POINT_ATTRS};

/* The kind of the points that a metric may have. */
static uint32_t kind_of(uint32_t metric_type) {
  switch (metric_type) {
    case OA_METRIC_GAUGE:
    case OA_METRIC_SUM:
      return OA_OTAP_NUMBERS;
    case OA_METRIC_SUMMARY:
      return OA_OTAP_SUMMARIES;
    case OA_METRIC_HISTOGRAM:
      return OA_OTAP_HISTOGRAMS;
    case OA_METRIC_EXP_HISTOGRAM:
      return OA_OTAP_EXP_HISTOGRAMS;
    default:
      return OA_OTAP_NO_POINT;
  }
}

/* --- which row is which --- */

/* All points of KIND belong to metrics that have such points. */
static oa_status check_kind(const oa_otap_decoder *d, const oa_otap_metrics *m,
                            uint32_t kind) {
  const oa_otap_points *p = &m->points[kind];
  bool others = false;
  for (uint32_t i = 0; i < m->table->rows; i++) {
    others |= p->join.places[i] > 0 && kind_of(m->types[i]) != kind;
  }
  for (uint32_t i = 0; others && i < p->table->rows; i++) {
    const uint32_t type = m->types[p->join.parents[i]];
    if (kind_of(type) != kind) {
      return oa_otap_refuse(d, p->table, i,
                            "its metric has metric_type %u, whose points are "
                            "in another table",
                            type);
    }
  }
  return OA_OK;
}

static oa_status read_points(const oa_otap_decoder *d, const oa_otap_ids *ids,
                             uint32_t kind, oa_otap_metrics *m) {
  oa_otap_points *p = &m->points[kind];
  void *runs = NULL;
  *p = (oa_otap_points){.table = oa_otap_table_of(d, point_types[kind]),
                        .in_order = true};
  if (p->table == NULL) {
    return OA_OK;
  }
  OA_TRY(oa_otap_join_read(p->table, OA_OTAP_POINT_PARENT_ID, NULL, ids,
                           m->table->rows, d->scratch, &p->join, d->error));
  OA_TRY(oa_otap_ids_index(p->table, OA_OTAP_POINT_ID, d->scratch, &p->ids,
                           d->error));
  OA_TRY(oa_scratch_get(d->scratch, p->table->rows, sizeof *p->runs, &runs));
  p->runs = runs;
  return check_kind(d, m, kind);
}

static oa_status read_types(const oa_otap_decoder *d, oa_otap_metrics *m) {
  uint32_t *types = NULL;
  OA_TRY(oa_otap_get_u32s(d, m->table, OA_OTAP_METRIC_TYPE, &types));
  for (uint32_t i = 0; i < m->table->rows; i++) {
    if (types[i] > OA_METRIC_SUMMARY) {
      return oa_otap_refuse(d, m->table, i, "%u is no metric_type", types[i]);
    }
  }
  m->types = types;
  return OA_OK;
}

/* The next COUNT points of P become the rows from TO on. */
static void add_run(oa_otap_points *p, uint32_t to, uint32_t count) {
  uint32_t from = 0;
  if (p->run_count > 0) {
    oa_otap_run *last = &p->runs[p->run_count - 1];
    from = last->from + last->count;
    if (to == last->to + last->count) {
      last->count += count;
      return;
    }
    p->in_order &= to > last->to;
  }
  p->runs[p->run_count++] = (oa_otap_run){from, to, count};
}

/* Counts the rows of each metric, and says which of them the points get. */
static void place_points(oa_otap_metrics *m) {
  bool sorted[OA_OTAP_POINT_KINDS];
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    sorted[kind] = oa_otap_is_sorted(&m->points[kind].join);
  }
  for (uint32_t i = 0; i < m->table->rows; i++) {
    const uint32_t kind = kind_of(m->types[i]);
    oa_otap_points *p = kind == OA_OTAP_NO_POINT ? NULL : &m->points[kind];
    const uint32_t count =
        p == NULL || p->table == NULL ? 0 : p->join.places[i];
    if (count > 0 && sorted[kind]) {
      add_run(p, m->rows, count);
    } else if (count > 0) {
      p->join.places[i] = m->rows;
    }
    m->empty += count == 0;
    m->rows += count == 0 ? 1 : count;
    m->ends[i] = m->rows;
  }
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    oa_otap_points *p = &m->points[kind];
    for (uint32_t i = 0; !sorted[kind] && i < p->join.rows; i++) {
      add_run(p, p->join.places[p->join.parents[i]]++, 1);
    }
  }
}

static void take_seats(const oa_otap_metrics *m) {
  for (uint32_t i = 0; m->empty > 0 && i < m->rows; i++) {
    m->seats[i] = (oa_otap_seat){.kind = OA_OTAP_NO_POINT};
  }
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    const oa_otap_points *p = &m->points[kind];
    for (uint32_t i = 0; i < p->run_count; i++) {
      const oa_otap_run run = p->runs[i];
      for (uint32_t j = 0; j < run.count; j++) {
        m->seats[run.to + j] = (oa_otap_seat){kind, run.from + j};
      }
    }
  }
}

static oa_status place_rows(const oa_otap_decoder *d, oa_otap_metrics *m) {
  void *ends = NULL;
  void *seats = NULL;
  OA_TRY(oa_scratch_get(d->scratch, m->table->rows, sizeof *m->ends, &ends));
  m->ends = ends;
  place_points(m);
  OA_TRY(oa_scratch_get(d->scratch, m->rows, sizeof *m->seats, &seats));
  m->seats = seats;
  take_seats(m);
  return OA_OK;
}

/* --- attributes --- */

static oa_status read_attributes(const oa_otap_decoder *d,
                                 const oa_otap_metrics *m,
                                 oa_otap_attrs *attrs) {
  for (size_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    const oa_otap_points *p = &m->points[kind];
    OA_TRY(oa_otap_attrs_read(d, attr_types[kind], &d->builder->attributes,
                              &p->ids, p->table == NULL ? 0 : p->table->rows,
                              &attrs[kind]));
  }
  return OA_OK;
}

static oa_status write_attributes(const oa_otap_decoder *d,
                                  const oa_otap_metrics *m,
                                  const oa_otap_attrs *attrs) {
  oa_otlp_builder *b = d->builder;
  /* One more, for the rows of metrics without points. */
  oa_otap_attrs kinds[OA_OTAP_POINT_KINDS + 1] = {0};
  for (size_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    kinds[kind] = attrs[kind];
  }
  return oa_otap_attrs_write(d, &b->attributes, kinds, OA_OTAP_POINT_KINDS + 1,
                             &b->root,
                             oa_builder_column(b, OA_POINT_ATTRIBUTES),
                             b->root.length, m->rows, m->seats);
}

/* Every row of a metric has the metric's metadata. */
static oa_status put_metadata(const oa_otap_decoder *d,
                              const oa_otap_metrics *m,
                              const oa_otap_attrs *attrs,
                              const uint32_t *order) {
  oa_table *root = &d->builder->root;
  oa_attrs *to = &d->builder->attributes_3;
  oa_column *list = &root->columns[OA_POINT_METADATA];
  const uint32_t base = root->length;
  size_t total = 0;
  uint32_t row = 0;
  for (uint32_t i = 0; i < m->table->rows; i++) {
    const uint32_t begin = i == 0 ? 0 : attrs->join.places[i - 1];
    const uint32_t end = attrs->join.places[i];
    total += (size_t)(m->ends[i] - row) * (end - begin);
    if (total > d->stream->limits.max_rows) {
      return oa_otap_refuse(d, m->table, i,
                            "its metadata, once for each of its points, are "
                            "more than %zu attributes",
                            d->stream->limits.max_rows);
    }
    for (; row < m->ends[i]; row++) {
      for (uint32_t at = begin; at < end; at++) {
        OA_TRY(oa_otap_attrs_append(d, to, attrs, order[at]));
      }
      if (begin < end && oa_column_begin(root, list, base + row)) {
        list->offsets[base + row + 1] = (int32_t)to->table->length;
      }
    }
  }
  return OA_OK;
}

static oa_status write_metadata(const oa_otap_decoder *d,
                                const oa_otap_metrics *m,
                                oa_otap_attrs *attrs) {
  void *block = NULL;
  if (attrs->table == NULL) {
    return OA_OK;
  }
  OA_TRY(
      oa_scratch_get(d->scratch, attrs->table->rows, sizeof(uint32_t), &block));
  uint32_t *order = block;
  uint32_t *places = attrs->join.places;
  uint32_t at = 0;
  for (uint32_t i = 0; i < m->table->rows; i++) {
    const uint32_t count = places[i];
    places[i] = at;
    at += count;
  }
  /* Now places are where the runs begin, and then where they end. */
  for (uint32_t i = 0; i < attrs->table->rows; i++) {
    order[places[attrs->join.parents[i]]++] = i;
  }
  return put_metadata(d, m, attrs, order);
}

/* --- what the rows of a metric have in common --- */

static oa_status write_text(const oa_otap_decoder *d, const oa_otap_metrics *m,
                            size_t column, size_t to) {
  oa_table *root = &d->builder->root;
  int32_t *numbers = NULL;
  OA_TRY(oa_otap_get_texts(d, m->table, column, root, to, &numbers));
  oa_otap_put_repeated_texts(root, &root->columns[to], root->length,
                             m->table->rows, numbers, m->ends);
  return OA_OK;
}

/* The points of a metric are numbered; the row of an empty one has none. */
static oa_status write_ords(const oa_otap_decoder *d,
                            const oa_otap_metrics *m) {
  oa_table *root = &d->builder->root;
  void *block = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, m->rows / 8 + 1, 1, &block));
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    oa_otap_mark_runs(&m->points[kind], block);
  }
  d->result->accepted += m->rows - m->empty;
  uint8_t *to = oa_otap_open_some(root, &root->columns[OA_POINT_POINT_ORD],
                                  root->length, m->rows, block);
  for (uint32_t i = 0, row = 0; to != NULL && i < m->table->rows; i++) {
    const uint32_t end = m->ends[i];
    for (uint32_t ord = 0; row < end; row++, ord++) {
      memcpy(to + row * sizeof ord, &ord, sizeof ord);
    }
  }
  return OA_OK;
}

/* Metrics are numbered too. */
static void write_metric_ords(const oa_otap_decoder *d,
                              const oa_otap_metrics *m) {
  oa_otlp_builder *b = d->builder;
  uint8_t *to = oa_otap_open_full(
      &b->root, &b->root.columns[OA_POINT_METRIC_ORD], b->root.length, m->rows);
  for (uint32_t i = 0, row = 0; i < m->table->rows; i++, b->metric_ord++) {
    const uint64_t ord = b->metric_ord;
    const uint32_t end = to == NULL ? 0 : m->ends[i];
    for (; row < end; row++) {
      memcpy(to + row * sizeof ord, &ord, sizeof ord);
    }
  }
}

/* --- kinds --- */

/* What the metrics say of their points. */
typedef struct kinds {
  const uint32_t *types;
  const uint32_t *temporalities;
  const oa_otap_column *monotonic;
} kinds;

static bool has_temporality(uint32_t type) {
  return type == OA_METRIC_SUM || type == OA_METRIC_HISTOGRAM ||
         type == OA_METRIC_EXP_HISTOGRAM;
}

static bool are_alike(const kinds *k, uint32_t i, uint32_t j) {
  return k->types[i] == k->types[j] &&
         k->temporalities[i] == k->temporalities[j] &&
         oa_otap_bool(k->monotonic, i) == oa_otap_bool(k->monotonic, j);
}

/* What metric I says, for the rows from FROM on up to the builder's last. */
static void fill_kind(const oa_otap_decoder *d, const kinds *k, uint32_t i,
                      uint32_t from) {
  oa_table *root = &d->builder->root;
  oa_column *column = root->columns;
  const uint32_t type = k->types[i];
  oa_fill_u8(root, &column[OA_POINT_METRIC_TYPE], from, (uint8_t)type);
  if (has_temporality(type)) {
    oa_fill_u32(root, &column[OA_POINT_TEMPORALITY], from, k->temporalities[i]);
  }
  if (type == OA_METRIC_SUM) {
    oa_fill_bool(root, &column[OA_POINT_IS_MONOTONIC], from,
                 oa_otap_bool(k->monotonic, i));
  }
}

/* Type and temporality of each row, once for all metrics in a row that have
 * the same. */
static oa_status write_kinds(const oa_otap_decoder *d,
                             const oa_otap_metrics *m) {
  oa_table *root = &d->builder->root;
  const uint32_t base = root->length;
  uint32_t *temporalities = NULL;
  OA_TRY(oa_otap_get_u32s(d, m->table, OA_OTAP_METRIC_TEMPORALITY,
                          &temporalities));
  const kinds k = {
      .types = m->types,
      .temporalities = temporalities,
      .monotonic = &m->table->columns[OA_OTAP_METRIC_IS_MONOTONIC]};
  uint32_t from = base;
  for (uint32_t i = 0; i < m->table->rows; i++) {
    if (i + 1 < m->table->rows && are_alike(&k, i, i + 1)) {
      continue;
    }
    root->length = base + m->ends[i];
    fill_kind(d, &k, i, from);
    from = root->length;
  }
  root->length = base;
  return OA_OK;
}

static oa_status write_metrics(const oa_otap_decoder *d,
                               const oa_otap_metrics *m) {
  OA_TRY(write_text(d, m, OA_OTAP_METRIC_NAME, OA_POINT_METRIC_NAME));
  OA_TRY(write_text(d, m, OA_OTAP_METRIC_DESCRIPTION, OA_POINT_DESCRIPTION));
  OA_TRY(write_text(d, m, OA_OTAP_METRIC_UNIT, OA_POINT_UNIT));
  OA_TRY(write_ords(d, m));
  write_metric_ords(d, m);
  return write_kinds(d, m);
}

oa_status oa_otap_decode_metrics(const oa_otap_decoder *d,
                                 const oa_otap_table *table) {
  oa_otap_ids ids;
  oa_otap_metrics m = {.table = table};
  oa_otap_attrs attrs[OA_OTAP_POINT_KINDS];
  oa_otap_attrs metadata;
  OA_TRY(read_types(d, &m));
  OA_TRY(oa_otap_ids_index(table, OA_OTAP_ID, d->scratch, &ids, d->error));
  for (uint32_t kind = 0; kind < OA_OTAP_POINT_KINDS; kind++) {
    OA_TRY(read_points(d, &ids, kind, &m));
  }
  OA_TRY(place_rows(d, &m));
  OA_TRY(read_attributes(d, &m, attrs));
  OA_TRY(oa_otap_attrs_read(d, OA_PAYLOAD_METRIC_ATTRS,
                            &d->builder->attributes_3, &ids, table->rows,
                            &metadata));

  OA_TRY(oa_table_reserve_rows(&d->builder->root, m.rows));
  OA_TRY(write_attributes(d, &m, attrs));
  OA_TRY(write_metadata(d, &m, &metadata));
  OA_TRY(oa_otap_write_exemplars(d, &m));
  OA_TRY(oa_otap_write_points(d, &m));
  OA_TRY(write_metrics(d, &m));
  return oa_otap_fill_owners(d, table, m.ends);
}
