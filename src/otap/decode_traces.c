/* SPDX-License-Identifier: Apache-2.0 */
/* SPANS with SPAN_ATTRS, SPAN_EVENTS, SPAN_LINKS and their attributes. */
#include "otap/attributes.h"

/* A table of events or links, whose rows become items of the spans' lists. */
typedef struct items {
  const oa_otap_table *table; /* NULL: there is none */
  oa_otap_join join;
  oa_otap_attrs attrs;
  /* Of the items in the builder's order; NULL: as they stand. */
  oa_otap_seat *seats;
  uint32_t *order; /* their rows */
  uint32_t count;
} items;

/* --- ids --- */

/* A byte for each row: 1 when its NUMBER-th column, a text or an id, is that
 * of the row before. */
static oa_status same_as_before(const oa_otap_decoder *d,
                                const oa_otap_table *table, size_t number,
                                uint8_t **out) {
  const oa_otap_column *column = &table->columns[number];
  const bool fixed = column->field->type == OA_TYPE_FIXED_BINARY;
  void *block = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, table->rows, 1, &block));
  uint8_t *same = block;
  const bool indices = column->index_width > 0 && !oa_otap_has_nulls(column);
  for (uint32_t i = 1; i < table->rows; i++) {
    if (indices && oa_otap_place(column, i) == oa_otap_place(column, i - 1)) {
      same[i] = 1;
      continue;
    }
    if (fixed) {
      same[i] = oa_otap_same_fixed(column, i, i - 1);
      continue;
    }
    size_t len;
    (void)oa_otap_bytes(column, i, &len);
    OA_TRY(oa_otap_spend(d, len));
    same[i] = oa_otap_same_bytes(column, i, i - 1);
  }
  *out = same;
  return OA_OK;
}

/* What the join of events and links depends on. */
typedef struct items_kind {
  oa_payload_type type;
  oa_payload_type attrs_type;
  size_t id;
  size_t parent_id;
  size_t alike; /* the column that parent_id's encoding looks at */
} items_kind;

static const items_kind event_kind = {
    .type = OA_PAYLOAD_SPAN_EVENTS,
    .attrs_type = OA_PAYLOAD_SPAN_EVENT_ATTRS,
    .id = OA_OTAP_EVENT_ID,
    .parent_id = OA_OTAP_EVENT_PARENT_ID,
    .alike = OA_OTAP_EVENT_NAME,
};
static const items_kind link_kind = {
    .type = OA_PAYLOAD_SPAN_LINKS,
    .attrs_type = OA_PAYLOAD_SPAN_LINK_ATTRS,
    .id = OA_OTAP_LINK_ID,
    .parent_id = OA_OTAP_LINK_PARENT_ID,
    .alike = OA_OTAP_LINK_TRACE_ID,
};

static oa_status read_items(const oa_otap_decoder *d, const items_kind *kind,
                            oa_attrs *to, const oa_otap_ids *spans,
                            uint32_t span_count, items *out) {
  oa_otap_ids ids = {0};
  uint8_t *same = NULL;
  *out = (items){.table = oa_otap_table_of(d, kind->type)};
  const oa_otap_table *table = out->table;
  if (table != NULL) {
    OA_TRY(same_as_before(d, table, kind->alike, &same));
    OA_TRY(oa_otap_join_read(table, kind->parent_id, same, spans, span_count,
                             d->scratch, &out->join, d->error));
    OA_TRY(oa_otap_ids_index(table, kind->id, d->scratch, &ids, d->error));
    out->count = table->rows;
  }
  return oa_otap_attrs_read(d, kind->attrs_type, to, &ids, out->count,
                            &out->attrs);
}

/* --- events and links --- */

/* Gives the spans' list column LIST its items, and their order. */
static oa_status place_items(const oa_otap_decoder *d, size_t list,
                             uint32_t span_count, items *it) {
  oa_table *root = &d->builder->root;
  oa_column *column = &root->columns[list];
  oa_otap_join *joins[1] = {&it->join};
  void *seats = NULL;
  void *order = NULL;
  OA_TRY(oa_table_reserve_rows(column->child, it->count));
  oa_otap_place_lists(root, column, root->length, span_count, NULL, joins);
  if (oa_otap_is_sorted(&it->join)) {
    return OA_OK;
  }
  OA_TRY(oa_scratch_get(d->scratch, it->count, sizeof *it->seats, &seats));
  OA_TRY(oa_scratch_get(d->scratch, it->count, sizeof *it->order, &order));
  it->seats = seats;
  it->order = order;
  oa_otap_take_seats(&it->join, 0, column->child->length, it->seats);
  for (uint32_t i = 0; i < it->count; i++) {
    it->order[i] = it->seats[i].row;
  }
  return OA_OK;
}

/* *VALUES (32 bits each) in the order of the items. */
static oa_status in_order32(const oa_otap_decoder *d, const items *it,
                            uint32_t **values) {
  const uint32_t *from = *values;
  void *block = NULL;
  if (it->order == NULL) {
    return OA_OK;
  }
  OA_TRY(oa_scratch_get(d->scratch, it->count, sizeof *from, &block));
  uint32_t *to = block;
  for (uint32_t i = 0; i < it->count; i++) {
    to[i] = from[it->order[i]];
  }
  *values = to;
  return OA_OK;
}

static oa_status in_order64(const oa_otap_decoder *d, const items *it,
                            const uint64_t **values) {
  const uint64_t *from = *values;
  void *block = NULL;
  if (it->order == NULL) {
    return OA_OK;
  }
  OA_TRY(oa_scratch_get(d->scratch, it->count, sizeof *from, &block));
  uint64_t *to = block;
  for (uint32_t i = 0; i < it->count; i++) {
    to[i] = from[it->order[i]];
  }
  *values = to;
  return OA_OK;
}

static oa_status put_times(const oa_otap_decoder *d, const items *it,
                           size_t column, oa_table *table, size_t to) {
  const uint64_t *times = NULL;
  OA_TRY(oa_otap_view_u64s(d, it->table, column, &times));
  OA_TRY(in_order64(d, it, &times));
  oa_otap_put_times(table, &table->columns[to], table->length, it->count,
                    times);
  return OA_OK;
}

static oa_status put_u32s(const oa_otap_decoder *d, const items *it,
                          size_t column, oa_table *table, size_t to) {
  uint32_t *values = NULL;
  if (oa_otap_has(&it->table->columns[column])) {
    OA_TRY(oa_otap_get_u32s(d, it->table, column, &values));
    OA_TRY(in_order32(d, it, &values));
    oa_otap_put_u32s(table, &table->columns[to], table->length, it->count,
                     values);
  }
  return OA_OK;
}

static oa_status put_texts(const oa_otap_decoder *d, const items *it,
                           size_t column, oa_table *table, size_t to) {
  int32_t *numbers = NULL;
  OA_TRY(oa_otap_get_texts(d, it->table, column, table, to, &numbers));
  uint32_t *values = (uint32_t *)numbers;
  OA_TRY(in_order32(d, it, &values));
  oa_otap_put_texts(table, &table->columns[to], table->length, it->count,
                    (int32_t *)values);
  return OA_OK;
}

static oa_status write_events(const oa_otap_decoder *d, uint32_t span_count,
                              items *it) {
  oa_table *table = d->builder->root.columns[OA_SPAN_EVENTS].child;
  if (it->table == NULL) {
    return OA_OK;
  }
  OA_TRY(place_items(d, OA_SPAN_EVENTS, span_count, it));
  OA_TRY(put_times(d, it, OA_OTAP_EVENT_TIME, table, OA_EVENT_TIME));
  OA_TRY(put_texts(d, it, OA_OTAP_EVENT_NAME, table, OA_EVENT_NAME));
  OA_TRY(put_u32s(d, it, OA_OTAP_EVENT_DROPPED_ATTRIBUTES, table,
                  OA_EVENT_DROPPED_ATTRIBUTES));
  OA_TRY(oa_otap_attrs_write(d, &d->builder->attributes_2, &it->attrs, 1, table,
                             &table->columns[OA_EVENT_ATTRIBUTES],
                             table->length, it->count, it->seats));
  table->length += it->count;
  return OA_OK;
}

static oa_status write_links(const oa_otap_decoder *d, uint32_t span_count,
                             items *it) {
  oa_table *table = d->builder->root.columns[OA_SPAN_LINKS].child;
  if (it->table == NULL) {
    return OA_OK;
  }
  const oa_otap_column *from = it->table->columns;
  OA_TRY(place_items(d, OA_SPAN_LINKS, span_count, it));
  oa_otap_put_ids(table, &table->columns[OA_LINK_TRACE_ID], table->length,
                  it->count, &from[OA_OTAP_LINK_TRACE_ID], it->order);
  oa_otap_put_ids(table, &table->columns[OA_LINK_SPAN_ID], table->length,
                  it->count, &from[OA_OTAP_LINK_SPAN_ID], it->order);
  OA_TRY(
      put_texts(d, it, OA_OTAP_LINK_TRACE_STATE, table, OA_LINK_TRACE_STATE));
  OA_TRY(put_u32s(d, it, OA_OTAP_LINK_FLAGS, table, OA_LINK_FLAGS));
  OA_TRY(put_u32s(d, it, OA_OTAP_LINK_DROPPED_ATTRIBUTES, table,
                  OA_LINK_DROPPED_ATTRIBUTES));
  OA_TRY(oa_otap_attrs_write(d, &d->builder->attributes_3, &it->attrs, 1, table,
                             &table->columns[OA_LINK_ATTRIBUTES], table->length,
                             it->count, it->seats));
  table->length += it->count;
  return OA_OK;
}

/* --- spans --- */

/* The protocol has a duration; the sum wraps as the difference did. */
static oa_status write_times(const oa_otap_decoder *d,
                             const oa_otap_table *spans) {
  oa_table *root = &d->builder->root;
  const uint64_t *starts = NULL;
  uint64_t *ends = NULL;
  OA_TRY(oa_otap_view_u64s(d, spans, OA_OTAP_SPAN_START, &starts));
  OA_TRY(oa_otap_get_u64s(d, spans, OA_OTAP_SPAN_DURATION, &ends));
  for (uint32_t i = 0; i < spans->rows; i++) {
    ends[i] += starts[i];
  }
  oa_otap_put_times(root, &root->columns[OA_SPAN_START_TIME], root->length,
                    spans->rows, starts);
  oa_otap_put_times(root, &root->columns[OA_SPAN_END_TIME], root->length,
                    spans->rows, ends);
  return OA_OK;
}

/* A status struct that is not null is a message, whatever its members are. */
static oa_status write_status(const oa_otap_decoder *d,
                              const oa_otap_table *spans) {
  oa_table *root = &d->builder->root;
  uint8_t *present = NULL;
  uint32_t *codes = NULL;
  if (!oa_otap_has(&spans->columns[OA_OTAP_SPAN_STATUS])) {
    return OA_OK;
  }
  OA_TRY(oa_otap_get_valid(d, spans, OA_OTAP_SPAN_STATUS, &present));
  OA_TRY(oa_otap_get_u32s(d, spans, OA_OTAP_SPAN_STATUS_CODE, &codes));
  oa_otap_put_optional32(root, &root->columns[OA_SPAN_STATUS_CODE],
                         root->length, spans->rows, codes, present);
  int32_t *messages = NULL;
  if (!oa_otap_has(&spans->columns[OA_OTAP_SPAN_STATUS_MESSAGE])) {
    return OA_OK;
  }
  OA_TRY(oa_otap_get_texts(d, spans, OA_OTAP_SPAN_STATUS_MESSAGE, root,
                           OA_SPAN_STATUS_MESSAGE, &messages));
  oa_otap_put_texts(root, &root->columns[OA_SPAN_STATUS_MESSAGE], root->length,
                    spans->rows, messages);
  return OA_OK;
}

static oa_status write_columns(const oa_otap_decoder *d,
                               const oa_otap_table *spans) {
  static const uint8_t numbers[][2] = {
      {OA_OTAP_SPAN_FLAGS, OA_SPAN_FLAGS},
      {OA_OTAP_SPAN_KIND, OA_SPAN_KIND},
      {OA_OTAP_SPAN_DROPPED_ATTRIBUTES, OA_SPAN_DROPPED_ATTRIBUTES},
      {OA_OTAP_SPAN_DROPPED_EVENTS, OA_SPAN_DROPPED_EVENTS},
      {OA_OTAP_SPAN_DROPPED_LINKS, OA_SPAN_DROPPED_LINKS}};

  oa_otap_copy_ids(d, spans, OA_OTAP_SPAN_TRACE_ID, OA_SPAN_TRACE_ID);
  oa_otap_copy_ids(d, spans, OA_OTAP_SPAN_SPAN_ID, OA_SPAN_SPAN_ID);
  oa_otap_copy_ids(d, spans, OA_OTAP_SPAN_PARENT_SPAN_ID,
                   OA_SPAN_PARENT_SPAN_ID);
  OA_TRY(oa_otap_copy_texts(d, spans, OA_OTAP_SPAN_TRACE_STATE,
                            OA_SPAN_TRACE_STATE));
  OA_TRY(oa_otap_copy_texts(d, spans, OA_OTAP_SPAN_NAME, OA_SPAN_NAME));
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    OA_TRY(oa_otap_copy_u32s(d, spans, numbers[i][0], numbers[i][1]));
  }
  OA_TRY(write_times(d, spans));
  return write_status(d, spans);
}

oa_status oa_otap_decode_traces(const oa_otap_decoder *d,
                                const oa_otap_table *spans) {
  oa_otlp_builder *b = d->builder;
  oa_otap_ids ids;
  oa_otap_attrs attrs;
  items events;
  items links;
  const uint32_t count = spans->rows;

  OA_TRY(oa_otap_ids_index(spans, OA_OTAP_ID, d->scratch, &ids, d->error));
  OA_TRY(oa_otap_attrs_read(d, OA_PAYLOAD_SPAN_ATTRS, &b->attributes, &ids,
                            count, &attrs));
  OA_TRY(read_items(d, &event_kind, &b->attributes_2, &ids, count, &events));
  OA_TRY(read_items(d, &link_kind, &b->attributes_3, &ids, count, &links));

  OA_TRY(oa_table_reserve_rows(&b->root, count));
  OA_TRY(oa_otap_attrs_write(d, &b->attributes, &attrs, 1, &b->root,
                             oa_builder_column(b, OA_SPAN_ATTRIBUTES),
                             b->root.length, count, NULL));
  OA_TRY(write_events(d, count, &events));
  OA_TRY(write_links(d, count, &links));
  OA_TRY(write_columns(d, spans));
  OA_TRY(oa_otap_fill_owners(d, spans, NULL));
  d->result->accepted += count;
  return OA_OK;
}
