/* SPDX-License-Identifier: Apache-2.0 */
/* Data points, a table a kind, and their exemplars. */
#include "otap/encode_impl.h"

/* The tables of one kind of points. */
typedef struct kind {
  oa_payload_type points;
  oa_payload_type attrs;
  oa_payload_type exemplars; /* UNKNOWN: these points have none */
  oa_payload_type exemplar_attrs;
  oa_status (*put)(oa_otap_encoder *, oa_send_table *, const oa_send_rows *);
} kind;

static oa_status put_number(oa_otap_encoder *encoder, oa_send_table *table,
                            const oa_send_rows *rows) {
  const oa_array *columns = encoder->columns;
  const oa_array *ints = &columns[OA_POINT_VALUE_INT];
  const oa_array *doubles = &columns[OA_POINT_VALUE_DOUBLE];
  for (int64_t i = 0; i < rows->count; i++) {
    encoder->row = oa_send_row(rows, i);
    if (!oa_array_is_null(ints, encoder->row) &&
        !oa_array_is_null(doubles, encoder->row)) {
      return oa_send_refuse(encoder, "value_int and value_double are both set");
    }
  }
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_NUMBER_INT, ints, rows));
  return oa_send_put_values(encoder, table, OA_OTAP_NUMBER_DOUBLE, doubles,
                            rows);
}

static oa_status put_all(oa_otap_encoder *encoder, oa_send_table *table,
                         const uint8_t (*pairs)[2], size_t count,
                         const oa_send_rows *rows) {
  for (size_t i = 0; i < count; i++) {
    OA_TRY(oa_send_put_values(encoder, table, pairs[i][0],
                              &encoder->columns[pairs[i][1]], rows));
  }
  return OA_OK;
}

static oa_status put_summary(oa_otap_encoder *encoder, oa_send_table *table,
                             const oa_send_rows *rows) {
  static const uint8_t pairs[][2] = {
      {OA_OTAP_SUMMARY_COUNT, OA_POINT_COUNT_COL},
      {OA_OTAP_SUMMARY_SUM, OA_POINT_SUM},
  };
  OA_TRY(put_all(encoder, table, pairs, sizeof pairs / sizeof *pairs, rows));
  return oa_send_put_list(encoder, table, OA_OTAP_SUMMARY_QUANTILE,
                          &encoder->columns[OA_POINT_QUANTILES], rows);
}

static oa_status put_histogram(oa_otap_encoder *encoder, oa_send_table *table,
                               const oa_send_rows *rows) {
  static const uint8_t pairs[][2] = {
      {OA_OTAP_HISTOGRAM_COUNT, OA_POINT_COUNT_COL},
      {OA_OTAP_HISTOGRAM_SUM, OA_POINT_SUM},
      {OA_OTAP_HISTOGRAM_MIN, OA_POINT_MIN},
      {OA_OTAP_HISTOGRAM_MAX, OA_POINT_MAX},
  };
  OA_TRY(put_all(encoder, table, pairs, sizeof pairs / sizeof *pairs, rows));
  OA_TRY(oa_send_put_list(encoder, table, OA_OTAP_HISTOGRAM_BUCKET_COUNTS,
                          &encoder->columns[OA_POINT_BUCKET_COUNTS], rows));
  return oa_send_put_list(encoder, table, OA_OTAP_HISTOGRAM_EXPLICIT_BOUNDS,
                          &encoder->columns[OA_POINT_EXPLICIT_BOUNDS], rows);
}

/* COLUMN, then its members: the offset and the counts.  A null offset is a
 * point without this Buckets message. */
static oa_status put_buckets(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *offset,
                             const oa_array *counts, const oa_send_rows *rows) {
  int64_t begin;
  int64_t end;
  for (int64_t i = 0; i < rows->count; i++) {
    encoder->row = oa_send_row(rows, i);
    oa_array_range(counts, encoder->row, &begin, &end);
    if (begin != end && oa_array_is_null(offset, encoder->row)) {
      return oa_send_refuse(encoder, "bucket counts without an offset");
    }
  }
  OA_TRY(oa_send_put_struct(encoder, table, column, offset, rows));
  if (!table->columns[column].used) {
    return OA_OK;
  }
  OA_TRY(oa_send_put_values(encoder, table, column + 1, offset, rows));
  return oa_send_put_list(encoder, table, column + 2, counts, rows);
}

static oa_status put_exponential(oa_otap_encoder *encoder, oa_send_table *table,
                                 const oa_send_rows *rows) {
  static const uint8_t pairs[][2] = {
      {OA_OTAP_EXP_COUNT, OA_POINT_COUNT_COL},
      {OA_OTAP_EXP_SUM, OA_POINT_SUM},
      {OA_OTAP_EXP_SCALE, OA_POINT_SCALE},
      {OA_OTAP_EXP_ZERO_COUNT, OA_POINT_ZERO_COUNT},
      {OA_OTAP_EXP_MIN, OA_POINT_MIN},
      {OA_OTAP_EXP_MAX, OA_POINT_MAX},
      {OA_OTAP_EXP_ZERO_THRESHOLD, OA_POINT_ZERO_THRESHOLD},
  };
  const oa_array *columns = encoder->columns;
  OA_TRY(put_all(encoder, table, pairs, sizeof pairs / sizeof *pairs, rows));
  OA_TRY(put_buckets(encoder, table, OA_OTAP_EXP_POSITIVE,
                     &columns[OA_POINT_POSITIVE_OFFSET],
                     &columns[OA_POINT_POSITIVE_BUCKET_COUNTS], rows));
  return put_buckets(encoder, table, OA_OTAP_EXP_NEGATIVE,
                     &columns[OA_POINT_NEGATIVE_OFFSET],
                     &columns[OA_POINT_NEGATIVE_BUCKET_COUNTS], rows);
}

static const kind kinds[] = {
    {OA_PAYLOAD_NUMBER_POINTS, OA_PAYLOAD_NUMBER_POINT_ATTRS,
     OA_PAYLOAD_NUMBER_EXEMPLARS, OA_PAYLOAD_NUMBER_EXEMPLAR_ATTRS, put_number},
    {OA_PAYLOAD_SUMMARY_POINTS, OA_PAYLOAD_SUMMARY_POINT_ATTRS,
     OA_PAYLOAD_UNKNOWN, OA_PAYLOAD_UNKNOWN, put_summary},
    {OA_PAYLOAD_HISTOGRAM_POINTS, OA_PAYLOAD_HISTOGRAM_POINT_ATTRS,
     OA_PAYLOAD_HISTOGRAM_EXEMPLARS, OA_PAYLOAD_HISTOGRAM_EXEMPLAR_ATTRS,
     put_histogram},
    {OA_PAYLOAD_EXP_HISTOGRAM_POINTS, OA_PAYLOAD_EXP_HISTOGRAM_POINT_ATTRS,
     OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLARS,
     OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLAR_ATTRS, put_exponential},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* The kind of the points of a metric of TYPE, or KINDS. */
static size_t kind_of(uint8_t type) {
  static const uint8_t numbers[] = {
      [OA_METRIC_NONE] = KINDS,  [OA_METRIC_GAUGE] = 0,
      [OA_METRIC_SUM] = 0,       [OA_METRIC_SUMMARY] = 1,
      [OA_METRIC_HISTOGRAM] = 2, [OA_METRIC_EXP_HISTOGRAM] = 3,
  };
  return numbers[type];
}

/* --- exemplars --- */

static double double_at(const oa_array *array, int64_t i) {
  const double *values = array->values;
  return values == NULL ? 0 : values[i];
}

static int64_t int_at(const oa_array *array, int64_t i) {
  const int64_t *values = array->values;
  return values == NULL ? 0 : values[i];
}

/* True when exemplar I looks like the one before: the same integer, or the
 * same double, or both have no value. */
static bool same_value(const oa_send_table *table, int64_t i) {
  const oa_array *ints = &table->columns[OA_OTAP_EXEMPLAR_INT].array;
  const oa_array *doubles = &table->columns[OA_OTAP_EXEMPLAR_DOUBLE].array;
  const bool is_int = !oa_array_is_null(ints, i);
  const bool is_double = !oa_array_is_null(doubles, i);
  if (is_int != !oa_array_is_null(ints, i - 1) ||
      is_double != !oa_array_is_null(doubles, i - 1)) {
    return false;
  }
  if (is_int) {
    return int_at(ints, i) == int_at(ints, i - 1);
  }
  const double a = double_at(doubles, i);
  const double b = double_at(doubles, i - 1);
  return !is_double || (a <= b && a >= b);
}

/* Moves those without a value to the front: peers differ in how such a one is
 * counted behind one that has a value, and agree on the first rows. */
static oa_status order(oa_otap_encoder *encoder, const oa_array *fields,
                       oa_send_rows *items, uint32_t **parents) {
  const oa_array *ints = &fields[OA_EXEMPLAR_VALUE_INT];
  const oa_array *doubles = &fields[OA_EXEMPLAR_VALUE_DOUBLE];
  uint32_t *index = NULL;
  uint32_t *parent = NULL;
  uint32_t *origin = NULL;
  int64_t without = 0;
  for (int64_t i = 0; i < items->count; i++) {
    const int64_t row = oa_send_row(items, i);
    const bool is_int = !oa_array_is_null(ints, row);
    const bool is_double = !oa_array_is_null(doubles, row);
    encoder->row = oa_send_origin(items, i);
    if (is_int && is_double) {
      return oa_send_refuse(encoder,
                            "an exemplar's value_int and value_double are "
                            "both set");
    }
    without += !is_int && !is_double;
  }
  if (without == 0) {
    return OA_OK;
  }
  OA_TRY(oa_send_get(encoder, items->count, sizeof *index, &index));
  OA_TRY(oa_send_get(encoder, items->count, sizeof *parent, &parent));
  OA_TRY(oa_send_get(encoder, items->count, sizeof *origin, &origin));
  int64_t front = 0;
  int64_t back = without;
  for (int64_t i = 0; i < items->count; i++) {
    const int64_t row = oa_send_row(items, i);
    const bool none =
        oa_array_is_null(ints, row) && oa_array_is_null(doubles, row);
    const int64_t at = none ? front++ : back++;
    index[at] = (uint32_t)row;
    parent[at] = (*parents)[i];
    origin[at] = (uint32_t)oa_send_origin(items, i);
  }
  *items =
      (oa_send_rows){.index = index, .count = items->count, .origin = origin};
  *parents = parent;
  return OA_OK;
}

static oa_status put_exemplar_parents(oa_otap_encoder *encoder,
                                      oa_send_table *table,
                                      const uint32_t *parents) {
  uint32_t *values = NULL;
  OA_TRY(oa_send_get(encoder, table->rows, sizeof *values, &values));
  for (int64_t i = 0; i < table->rows; i++) {
    values[i] = parents[i];
    if (i > 0 && same_value(table, i)) {
      values[i] -= parents[i - 1];
    }
  }
  oa_send_put_whole(table, OA_OTAP_EXEMPLAR_PARENT_ID, values);
  return OA_OK;
}

static oa_status put_exemplars(oa_otap_encoder *encoder, const kind *k,
                               const oa_send_rows *rows, const uint32_t *ids) {
  static const uint8_t pairs[][2] = {
      {OA_OTAP_EXEMPLAR_TIME, OA_EXEMPLAR_TIME},
      {OA_OTAP_EXEMPLAR_INT, OA_EXEMPLAR_VALUE_INT},
      {OA_OTAP_EXEMPLAR_DOUBLE, OA_EXEMPLAR_VALUE_DOUBLE},
      {OA_OTAP_EXEMPLAR_SPAN_ID, OA_EXEMPLAR_SPAN_ID},
      {OA_OTAP_EXEMPLAR_TRACE_ID, OA_EXEMPLAR_TRACE_ID},
  };
  const oa_array *list = &encoder->columns[OA_POINT_EXEMPLARS];
  oa_send_table *table = oa_send_table_of(encoder, k->exemplars);
  oa_send_rows items;
  uint32_t *parents = NULL;
  uint32_t *own = NULL;
  bool *needs = NULL;

  OA_TRY(oa_send_items(encoder, list, rows, ids, &items, &parents));
  if (items.count == 0) {
    return OA_OK;
  }
  const oa_array *fields = list->children->children;
  const oa_array *attributes = &fields[OA_EXEMPLAR_ATTRIBUTES];
  OA_TRY(order(encoder, fields, &items, &parents));
  oa_send_table_begin(table, items.count);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    OA_TRY(oa_send_put_values(encoder, table, pairs[i][0], &fields[pairs[i][1]],
                              &items));
  }
  OA_TRY(put_exemplar_parents(encoder, table, parents));
  OA_TRY(oa_send_get_zeroed(encoder, items.count, sizeof *needs, &needs));
  oa_send_need_lists(needs, attributes, &items);
  OA_TRY(oa_send_put_ids(encoder, table, OA_OTAP_EXEMPLAR_ID, needs, &own));
  return oa_send_put_attr_list(encoder, k->exemplar_attrs, attributes, &items,
                               own);
}

/* --- points --- */

/* Every point has an id, as other senders do. */
static oa_status put_point_ids(oa_otap_encoder *encoder, oa_send_table *table,
                               const uint32_t *metrics, uint32_t **ids) {
  bool *needs = NULL;
  uint16_t *parents = NULL;
  OA_TRY(oa_send_get(encoder, table->rows, sizeof *needs, &needs));
  OA_TRY(oa_send_get(encoder, table->rows, sizeof *parents, &parents));
  memset(needs, true, (size_t)table->rows * sizeof *needs);
  for (int64_t i = 0; i < table->rows; i++) {
    const uint32_t last = i == 0 ? 0 : metrics[i - 1];
    parents[i] = (uint16_t)(metrics[i] - last);
  }
  oa_send_put_whole(table, OA_OTAP_POINT_PARENT_ID, parents);
  return oa_send_put_ids(encoder, table, OA_OTAP_POINT_ID, needs, ids);
}

static oa_status put_kind(oa_otap_encoder *encoder, const kind *k,
                          const oa_send_rows *rows, const uint32_t *metrics) {
  const oa_array *columns = encoder->columns;
  oa_send_table *table = oa_send_table_of(encoder, k->points);
  uint32_t *ids = NULL;

  oa_send_table_begin(table, rows->count);
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_POINT_START,
                            &columns[OA_POINT_START_TIME], rows));
  /* Some peers want a time, if only 0. */
  OA_TRY(oa_send_put_dense(encoder, table, OA_OTAP_POINT_TIME,
                           &columns[OA_POINT_TIME], rows));
  OA_TRY(oa_send_put_counts(encoder, table, OA_OTAP_POINT_FLAGS,
                            &columns[OA_POINT_FLAGS], rows));
  OA_TRY(k->put(encoder, table, rows));
  OA_TRY(put_point_ids(encoder, table, metrics, &ids));
  OA_TRY(oa_send_put_attr_list(encoder, k->attrs, &columns[OA_POINT_ATTRIBUTES],
                               rows, ids));
  return k->exemplars == OA_PAYLOAD_UNKNOWN
             ? OA_OK
             : put_exemplars(encoder, k, rows, ids);
}

oa_status oa_send_put_points(oa_otap_encoder *encoder, const oa_send_rows *rows,
                             const uint32_t *metrics) {
  const oa_array *ord = &encoder->columns[OA_POINT_POINT_ORD];
  const uint8_t *types = encoder->columns[OA_POINT_METRIC_TYPE].values;
  uint32_t *index[KINDS];
  uint32_t *metric[KINDS];
  int64_t count[KINDS] = {0};

  for (size_t i = 0; i < KINDS; i++) {
    OA_TRY(oa_send_get(encoder, rows->count, sizeof(uint32_t), &index[i]));
    OA_TRY(oa_send_get(encoder, rows->count, sizeof(uint32_t), &metric[i]));
  }
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = rows->first + i;
    const size_t k = kind_of(types == NULL ? OA_METRIC_NONE : types[row]);
    if (k < KINDS && !oa_array_is_null(ord, row)) {
      index[k][count[k]] = (uint32_t)row;
      metric[k][count[k]++] = metrics[i];
    }
  }
  for (size_t i = 0; i < KINDS; i++) {
    oa_send_rows points = {.index = index[i], .count = count[i]};
    if (count[i] > 0 &&
        index[i][count[i] - 1] - index[i][0] + 1 == (uint64_t)count[i]) {
      points = (oa_send_rows){.first = index[i][0], .count = count[i]};
    }
    if (count[i] > 0) {
      OA_TRY(put_kind(encoder, &kinds[i], &points, metric[i]));
    }
  }
  return OA_OK;
}
