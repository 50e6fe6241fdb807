/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: rows are data points, of which those with one metric_ord are a row
 * of the root together. */
#include "otap/encode_impl.h"

static bool differs(const oa_array *ord, int64_t row) {
  const uint64_t *values = ord->values;
  return values != NULL && values[row] != values[row - 1];
}

static uint8_t type_at(const oa_otap_encoder *encoder, int64_t row) {
  const uint8_t *values = encoder->columns[OA_POINT_METRIC_TYPE].values;
  return values == NULL ? OA_METRIC_NONE : values[row];
}

bool oa_send_metric_begins(const oa_array *columns, int64_t row) {
  return row == 0 || differs(&columns[OA_POINT_METRIC_ORD], row) ||
         differs(&columns[OA_COL_SCOPE_ORD], row) ||
         differs(&columns[OA_COL_RESOURCE_ORD], row);
}

/* Finds the first row of each metric, and the metric of each row. */
static oa_status find_metrics(oa_otap_encoder *encoder,
                              const oa_send_rows *rows, oa_send_rows *metrics,
                              uint32_t **metric_of) {
  uint32_t *first = NULL;
  uint32_t count = 0;
  uint8_t type = OA_METRIC_NONE;
  OA_TRY(oa_send_get(encoder, rows->count, sizeof *first, &first));
  OA_TRY(oa_send_get(encoder, rows->count, sizeof **metric_of, metric_of));
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = rows->first + i;
    encoder->row = row;
    if (i == 0 || oa_send_metric_begins(encoder->columns, row)) {
      type = type_at(encoder, row);
      first[count++] = (uint32_t)row;
    }
    if (type > OA_METRIC_SUMMARY) {
      return oa_send_refuse(encoder, "the metric has the unknown type %u",
                            type);
    }
    if (type_at(encoder, row) != type) {
      return oa_send_refuse(encoder, "metric_type changes within a metric");
    }
    (*metric_of)[i] = count - 1;
  }
  *metrics = (oa_send_rows){.index = first, .count = count};
  return OA_OK;
}

/* Every metric has an id, also one without points. */
static oa_status put_metric_ids(oa_otap_encoder *encoder, oa_send_table *table,
                                uint32_t **ids) {
  bool *needs = NULL;
  OA_TRY(oa_send_get(encoder, table->rows, sizeof *needs, &needs));
  memset(needs, true, (size_t)table->rows * sizeof *needs);
  return oa_send_put_ids(encoder, table, OA_OTAP_ID, needs, ids);
}

static oa_status put_columns(oa_otap_encoder *encoder, oa_send_table *table,
                             const oa_send_rows *metrics) {
  const oa_array *columns = encoder->columns;
  uint8_t *types = NULL;

  OA_TRY(oa_send_get(encoder, metrics->count, sizeof *types, &types));
  for (int64_t i = 0; i < metrics->count; i++) {
    types[i] = type_at(encoder, oa_send_row(metrics, i));
  }
  oa_send_put_whole(table, OA_OTAP_METRIC_TYPE, types);
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_METRIC_NAME,
                          &columns[OA_POINT_METRIC_NAME], metrics));
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_METRIC_DESCRIPTION,
                          &columns[OA_POINT_DESCRIPTION], metrics));
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_METRIC_UNIT,
                          &columns[OA_POINT_UNIT], metrics));
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_METRIC_TEMPORALITY,
                            &columns[OA_POINT_TEMPORALITY], metrics));
  return oa_send_put_bools(encoder, table, OA_OTAP_METRIC_IS_MONOTONIC,
                           &columns[OA_POINT_IS_MONOTONIC], metrics);
}

oa_status oa_send_put_metrics(oa_otap_encoder *encoder,
                              const oa_send_rows *rows) {
  oa_send_table *table = oa_send_table_of(encoder, OA_PAYLOAD_METRICS);
  oa_send_rows metrics = {0};
  uint32_t *metric_of = NULL;
  uint32_t *ids = NULL;

  OA_TRY(find_metrics(encoder, rows, &metrics, &metric_of));
  oa_send_table_begin(table, metrics.count);
  OA_TRY(oa_send_put_root(encoder, table, &metrics));
  OA_TRY(put_columns(encoder, table, &metrics));
  OA_TRY(put_metric_ids(encoder, table, &ids));
  if (encoder->options.metric_attrs) {
    OA_TRY(oa_send_put_attr_list(encoder, OA_PAYLOAD_METRIC_ATTRS,
                                 &encoder->columns[OA_POINT_METADATA], &metrics,
                                 ids));
  }
  return oa_send_put_points(encoder, rows, metric_of);
}
