/* SPDX-License-Identifier: Apache-2.0 */
/* Spans, their events and their links. */
#include "otap/encode_impl.h"

static const oa_array *column(const oa_otap_encoder *encoder, size_t i) {
  return &encoder->columns[i];
}

static uint64_t time_at(const oa_array *times, int64_t row) {
  const uint64_t *values = times->values;
  return values == NULL || oa_array_is_null(times, row) ? 0 : values[row];
}

/* The end is start plus duration, whatever the two were: it wraps. */
static oa_status put_duration(oa_otap_encoder *encoder, oa_send_table *table,
                              const oa_send_rows *rows) {
  const oa_array *start = column(encoder, OA_SPAN_START_TIME);
  const oa_array *end = column(encoder, OA_SPAN_END_TIME);
  uint64_t *values = NULL;
  OA_TRY(oa_send_get(encoder, rows->count, sizeof *values, &values));
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    values[i] = time_at(end, row) - time_at(start, row);
  }
  oa_send_put_whole(table, OA_OTAP_SPAN_DURATION, values);
  return OA_OK;
}

/* A code that is null is a span without a Status. */
static oa_status put_status(oa_otap_encoder *encoder, oa_send_table *table,
                            const oa_send_rows *rows) {
  const oa_array *code = column(encoder, OA_SPAN_STATUS_CODE);
  OA_TRY(oa_send_put_struct(encoder, table, OA_OTAP_SPAN_STATUS, code, rows));
  if (!table->columns[OA_OTAP_SPAN_STATUS].used) {
    return OA_OK;
  }
  OA_TRY(
      oa_send_put_values(encoder, table, OA_OTAP_SPAN_STATUS_CODE, code, rows));
  return oa_send_put_text(encoder, table, OA_OTAP_SPAN_STATUS_MESSAGE,
                          column(encoder, OA_SPAN_STATUS_MESSAGE), rows);
}

static oa_status put_columns(oa_otap_encoder *encoder, oa_send_table *table,
                             const oa_send_rows *rows) {
  static const uint8_t values[][2] = {
      {OA_OTAP_SPAN_START, OA_SPAN_START_TIME},
      {OA_OTAP_SPAN_TRACE_ID, OA_SPAN_TRACE_ID},
      {OA_OTAP_SPAN_SPAN_ID, OA_SPAN_SPAN_ID},
      {OA_OTAP_SPAN_PARENT_SPAN_ID, OA_SPAN_PARENT_SPAN_ID},
  };
  static const uint8_t counts[][2] = {
      {OA_OTAP_SPAN_FLAGS, OA_SPAN_FLAGS},
      {OA_OTAP_SPAN_KIND, OA_SPAN_KIND},
      {OA_OTAP_SPAN_DROPPED_ATTRIBUTES, OA_SPAN_DROPPED_ATTRIBUTES},
      {OA_OTAP_SPAN_DROPPED_EVENTS, OA_SPAN_DROPPED_EVENTS},
      {OA_OTAP_SPAN_DROPPED_LINKS, OA_SPAN_DROPPED_LINKS},
  };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    OA_TRY(oa_send_put_values(encoder, table, values[i][0],
                              column(encoder, values[i][1]), rows));
  }
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    OA_TRY(oa_send_put_counts(encoder, table, counts[i][0],
                              column(encoder, counts[i][1]), rows));
  }
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_SPAN_TRACE_STATE,
                          column(encoder, OA_SPAN_TRACE_STATE), rows));
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_SPAN_NAME,
                          column(encoder, OA_SPAN_NAME), rows));
  OA_TRY(put_duration(encoder, table, rows));
  return put_status(encoder, table, rows);
}

/* Parents as quasi-delta: the step from the item before while SAME says that
 * the two look alike. */
static oa_status put_parents(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t number, const uint32_t *parents,
                             bool (*same)(const oa_send_table *, int64_t)) {
  uint16_t *values = NULL;
  OA_TRY(oa_send_get(encoder, table->rows, sizeof *values, &values));
  for (int64_t i = 0; i < table->rows; i++) {
    const bool step = i > 0 && same(table, i);
    values[i] = (uint16_t)(step ? parents[i] - parents[i - 1] : parents[i]);
  }
  oa_send_put_whole(table, number, values);
  return OA_OK;
}

/* The ids of the items that have attributes, and those. */
static oa_status put_item_attrs(oa_otap_encoder *encoder, oa_send_table *table,
                                size_t id, oa_payload_type type,
                                const oa_array *list,
                                const oa_send_rows *items) {
  bool *needs = NULL;
  uint32_t *ids = NULL;
  OA_TRY(oa_send_get_zeroed(encoder, items->count, sizeof *needs, &needs));
  oa_send_need_lists(needs, list, items);
  OA_TRY(oa_send_put_ids(encoder, table, id, needs, &ids));
  return oa_send_put_attr_list(encoder, type, list, items, ids);
}

static bool same_name(const oa_send_table *table, int64_t i) {
  return oa_send_text_same(&table->columns[OA_OTAP_EVENT_NAME], i, i - 1);
}

static oa_status put_events(oa_otap_encoder *encoder, const oa_send_rows *rows,
                            const uint32_t *ids) {
  const oa_array *list = column(encoder, OA_SPAN_EVENTS);
  oa_send_table *table = oa_send_table_of(encoder, OA_PAYLOAD_SPAN_EVENTS);
  oa_send_rows items;
  uint32_t *parents = NULL;

  OA_TRY(oa_send_items(encoder, list, rows, ids, &items, &parents));
  if (items.count == 0) {
    return OA_OK;
  }
  const oa_array *fields = list->children->children;
  oa_send_table_begin(table, items.count);
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_EVENT_TIME,
                            &fields[OA_EVENT_TIME], &items));
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_EVENT_NAME,
                          &fields[OA_EVENT_NAME], &items));
  OA_TRY(oa_send_put_counts(encoder, table, OA_OTAP_EVENT_DROPPED_ATTRIBUTES,
                            &fields[OA_EVENT_DROPPED_ATTRIBUTES], &items));
  OA_TRY(
      put_parents(encoder, table, OA_OTAP_EVENT_PARENT_ID, parents, same_name));
  return put_item_attrs(encoder, table, OA_OTAP_EVENT_ID,
                        OA_PAYLOAD_SPAN_EVENT_ATTRS,
                        &fields[OA_EVENT_ATTRIBUTES], &items);
}

static bool same_trace(const oa_send_table *table, int64_t i) {
  enum { WIDTH = 16 };
  const uint8_t *ids = table->columns[OA_OTAP_LINK_TRACE_ID].array.values;
  return ids == NULL ||
         memcmp(ids + (i - 1) * WIDTH, ids + i * WIDTH, WIDTH) == 0;
}

static oa_status put_links(oa_otap_encoder *encoder, const oa_send_rows *rows,
                           const uint32_t *ids) {
  const oa_array *list = column(encoder, OA_SPAN_LINKS);
  oa_send_table *table = oa_send_table_of(encoder, OA_PAYLOAD_SPAN_LINKS);
  oa_send_rows items;
  uint32_t *parents = NULL;

  OA_TRY(oa_send_items(encoder, list, rows, ids, &items, &parents));
  if (items.count == 0) {
    return OA_OK;
  }
  const oa_array *fields = list->children->children;
  oa_send_table_begin(table, items.count);
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_LINK_TRACE_ID,
                            &fields[OA_LINK_TRACE_ID], &items));
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_LINK_SPAN_ID,
                            &fields[OA_LINK_SPAN_ID], &items));
  OA_TRY(oa_send_put_counts(encoder, table, OA_OTAP_LINK_DROPPED_ATTRIBUTES,
                            &fields[OA_LINK_DROPPED_ATTRIBUTES], &items));
  OA_TRY(oa_send_put_counts(encoder, table, OA_OTAP_LINK_FLAGS,
                            &fields[OA_LINK_FLAGS], &items));
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_LINK_TRACE_STATE,
                          &fields[OA_LINK_TRACE_STATE], &items));
  OA_TRY(
      put_parents(encoder, table, OA_OTAP_LINK_PARENT_ID, parents, same_trace));
  return put_item_attrs(encoder, table, OA_OTAP_LINK_ID,
                        OA_PAYLOAD_SPAN_LINK_ATTRS, &fields[OA_LINK_ATTRIBUTES],
                        &items);
}

oa_status oa_send_put_spans(oa_otap_encoder *encoder,
                            const oa_send_rows *rows) {
  const oa_array *attributes = column(encoder, OA_SPAN_ATTRIBUTES);
  oa_send_table *table = oa_send_table_of(encoder, OA_PAYLOAD_SPANS);
  bool *needs = NULL;
  uint32_t *ids = NULL;

  oa_send_table_begin(table, rows->count);
  OA_TRY(oa_send_put_root(encoder, table, rows));
  OA_TRY(put_columns(encoder, table, rows));
  OA_TRY(oa_send_get_zeroed(encoder, rows->count, sizeof *needs, &needs));
  oa_send_need_lists(needs, attributes, rows);
  oa_send_need_lists(needs, column(encoder, OA_SPAN_EVENTS), rows);
  oa_send_need_lists(needs, column(encoder, OA_SPAN_LINKS), rows);
  OA_TRY(oa_send_put_ids(encoder, table, OA_OTAP_ID, needs, &ids));
  OA_TRY(oa_send_put_attr_list(encoder, OA_PAYLOAD_SPAN_ATTRS, attributes, rows,
                               ids));
  OA_TRY(put_events(encoder, rows, ids));
  return put_links(encoder, rows, ids);
}
