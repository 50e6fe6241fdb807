/* SPDX-License-Identifier: Apache-2.0 */
/* The flat tables of older clients.  The columns of a span are written with
 * the types that those clients use unless a test says otherwise. */
#include "flight_trial.h"

#include "arrow/table.h"
#include "flight/flat.h"
#include "otlp/json_text.h"

enum {
  TRACE_ID,
  SPAN_ID,
  PARENT,
  NAME,
  KIND,
  START,
  END,
  STATUS,
  MESSAGE,
  ATTRIBUTES,
  COLUMNS
};

#define COLUMN(NAME, TYPE) \
  { .name = (NAME), .type = (TYPE), .nullable = true }

static const oa_field span_fields[COLUMNS] = {
    [TRACE_ID] = COLUMN("trace_id", OA_TYPE_BINARY),
    [SPAN_ID] = COLUMN("span_id", OA_TYPE_BINARY),
    [PARENT] = COLUMN("parent_span_id", OA_TYPE_BINARY),
    [NAME] = COLUMN("name", OA_TYPE_UTF8),
    [KIND] = COLUMN("kind", OA_TYPE_INT32),
    [START] = COLUMN("start_time_unix_nano", OA_TYPE_UINT64),
    [END] = COLUMN("end_time_unix_nano", OA_TYPE_UINT64),
    [STATUS] = COLUMN("status_code", OA_TYPE_INT32),
    [MESSAGE] = COLUMN("status_message", OA_TYPE_UTF8),
    [ATTRIBUTES] = COLUMN("attributes", OA_TYPE_UTF8),
};

enum { M_NAME, M_VALUE, M_TIME, M_TYPE, M_ATTRIBUTES, M_COLUMNS };

static const oa_field metric_fields[M_COLUMNS] = {
    [M_NAME] = COLUMN("metric_name", OA_TYPE_UTF8),
    [M_VALUE] = COLUMN("value", OA_TYPE_DOUBLE),
    [M_TIME] = COLUMN("timestamp_unix_nano", OA_TYPE_UINT64),
    [M_TYPE] = COLUMN("metric_type", OA_TYPE_UTF8),
    [M_ATTRIBUTES] = COLUMN("attributes", OA_TYPE_UTF8),
};

/* A table to fill, and its schema. */
typedef struct sheet {
  oa_table_tree tree;
  oa_table table;
  oa_schema schema;
} sheet;

static void sheet_init(sheet *s, const oa_field *fields, size_t count) {
  *s = (sheet){.schema = {.fields = fields, .field_count = count}};
  assert_int_equal(oa_table_init(&s->table, fields, count, &s->tree, 1), OA_OK);
}

static void sheet_free(sheet *s) {
  oa_table_free(&s->table);
  oa_buf_free(&s->tree.scratch);
}

static void put_string(sheet *s, size_t column, const char *text) {
  oa_put_bytes(&s->table, &s->table.columns[column], (const uint8_t *)text,
               strlen(text));
}

static void put_int(sheet *s, size_t column, uint32_t value) {
  oa_put_u32(&s->table, &s->table.columns[column], value);
}

static void put_long(sheet *s, size_t column, uint64_t value) {
  oa_put_u64(&s->table, &s->table.columns[column], value);
}

static void end_row(sheet *s) {
  s->table.length++;
  assert_false(s->tree.failed);
}

static void put_span(sheet *s, uint32_t kind, const char *attributes) {
  assert_int_equal(oa_table_reserve(&s->table), OA_OK);
  oa_put_bytes(&s->table, &s->table.columns[TRACE_ID], ID16, 16);
  oa_put_bytes(&s->table, &s->table.columns[SPAN_ID], ID8, 8);
  put_string(s, NAME, "span");
  put_int(s, KIND, kind);
  put_long(s, START, 20);
  put_long(s, END, 30);
  put_int(s, STATUS, 2);
  put_string(s, MESSAGE, "bad");
  if (attributes != NULL) {
    put_string(s, ATTRIBUTES, attributes);
  }
  end_row(s);
}

static void flow_sheet(flow *f, sheet *s, const char *word) {
  const oa_array *columns = oa_table_finish(&s->table);
  assert_non_null(columns);
  flow_table(f, &s->schema, columns, s->table.length, 1, OA_CODING_NONE, word);
}

/* What becomes of S, which must be taken. */
static void land_sheet(landing *l, sheet *s, const char *word) {
  flow f = {0};
  *l = (landing){0};
  flow_sheet(&f, s, word);
  land_ok(l, &f);
  flow_free(&f);
}

static void assert_attributes(landing *l, size_t column, int64_t row,
                              const char *want) {
  oa_buf json = {0};
  assert_int_equal(
      oa_json_put_attributes(&json, &columns_of(&l->t)[column], row), OA_OK);
  assert_bytes(json.data, json.len, want, strlen(want));
  oa_buf_free(&json);
}

static void a_flat_span_keeps_every_column(void **state) {
  (void)state;
  sheet s;
  landing l;
  sheet_init(&s, span_fields, COLUMNS);
  put_span(&s, 1, "{\"n\":5,\"s\":\"x\",\"d\":1.5,\"b\":true}");
  land_sheet(&l, &s, NULL);
  assert_int_equal(l.t.signal, OA_TRACES);
  assert_int_equal(rows_of(&l.t), 1);
  const oa_array *c = columns_of(&l.t);
  assert_id(&c[OA_SPAN_TRACE_ID], 0, ID16, 16);
  assert_id(&c[OA_SPAN_SPAN_ID], 0, ID8, 8);
  assert_null_at(&c[OA_SPAN_PARENT_SPAN_ID], 0);
  assert_text(&c[OA_SPAN_NAME], 0, "span");
  assert_int_equal(u64_at(&c[OA_SPAN_START_TIME], 0), 20);
  assert_int_equal(u64_at(&c[OA_SPAN_END_TIME], 0), 30);
  assert_int_equal(u32_at(&c[OA_SPAN_STATUS_CODE], 0), 2);
  assert_text(&c[OA_SPAN_STATUS_MESSAGE], 0, "bad");
  assert_attributes(&l, OA_SPAN_ATTRIBUTES, 0,
                    "{\"n\":5,\"s\":\"x\",\"d\":1.5,\"b\":true}");
  landing_free(&l);
  sheet_free(&s);
}

/* OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
static void kinds_are_read_in_the_order_that_the_sender_wrote(void **state) {
  (void)state;
  static const struct {
    const char *order;
    uint32_t want[7];
  } cases[] = {
      {NULL, {3, 2, 4, 5, 1, 0, 0}},
      {"sdk", {3, 2, 4, 5, 1, 0, 0}},
      {"reader", {1, 2, 3, 4, 5, 0, 0}},
      {"otlp", {0, 1, 2, 3, 4, 5, 6}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const oa_key_value order = {OA_FLAT_KINDS_KEY, cases[i].order};
    sheet s;
    landing l;
    sheet_init(&s, span_fields, COLUMNS);
    if (cases[i].order != NULL) {
      s.schema.metadata = &order;
      s.schema.metadata_count = 1;
    }
    for (uint32_t kind = 0; kind < 7; kind++) {
      put_span(&s, kind, NULL);
    }
    land_sheet(&l, &s, "traces");
    for (int64_t row = 0; row < 7; row++) {
      assert_int_equal(u32_at(&columns_of(&l.t)[OA_SPAN_KIND], row),
                       cases[i].want[row]);
    }
    landing_free(&l);
    sheet_free(&s);
  }
}

static void a_parent_of_zeros_is_none(void **state) {
  (void)state;
  sheet s;
  landing l;
  sheet_init(&s, span_fields, COLUMNS);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(oa_table_reserve(&s.table), OA_OK);
    oa_put_bytes(&s.table, &s.table.columns[PARENT],
                 i == 0 ? (const uint8_t *)"\0\0\0\0\0\0\0\0" : ID8, 8);
    put_span(&s, 0, NULL);
  }
  land_sheet(&l, &s, NULL);
  const oa_array *c = columns_of(&l.t);
  assert_null_at(&c[OA_SPAN_PARENT_SPAN_ID], 0);
  assert_id(&c[OA_SPAN_PARENT_SPAN_ID], 1, ID8, 8);
  landing_free(&l);
  sheet_free(&s);
}

static void a_bad_row_is_left_out_alone(void **state) {
  (void)state;
  sheet s;
  landing l;
  sheet_init(&s, span_fields, COLUMNS);
  put_span(&s, 0, "{}");
  put_span(&s, 0, "{\"a\":}");
  put_span(&s, 0, NULL);
  land_sheet(&l, &s, NULL);
  assert_int_equal(l.accepted, 2);
  assert_int_equal(l.rejected, 1);
  assert_string_equal(l.reason,
                      "row 1: attributes: expected a value at byte 5");
  landing_free(&l);
  sheet_free(&s);
}

static void an_id_of_wrong_length_costs_its_row_only(void **state) {
  (void)state;
  sheet s;
  landing l;
  sheet_init(&s, span_fields, COLUMNS);
  put_span(&s, 0, NULL);
  assert_int_equal(oa_table_reserve(&s.table), OA_OK);
  oa_put_bytes(&s.table, &s.table.columns[TRACE_ID], ID16, 15);
  end_row(&s);
  land_sheet(&l, &s, NULL);
  assert_int_equal(l.accepted, 1);
  assert_int_equal(l.rejected, 1);
  assert_true(strstr(l.reason, "trace_id") != NULL);
  landing_free(&l);
  sheet_free(&s);
}

/* Other types that hold the same values. */
static void columns_may_have_wider_types(void **state) {
  (void)state;
  oa_field fields[COLUMNS];
  sheet s;
  landing l;
  memcpy(fields, span_fields, sizeof fields);
  fields[TRACE_ID].type = OA_TYPE_FIXED_BINARY;
  fields[TRACE_ID].width = 16;
  fields[KIND].type = OA_TYPE_INT64;
  fields[START].type = OA_TYPE_TIMESTAMP;
  fields[START].unit = OA_UNIT_MILLI;
  fields[NAME].dictionary = true;
  fields[NAME].index_type = OA_TYPE_INT32;
  sheet_init(&s, fields, COLUMNS);
  assert_int_equal(oa_table_reserve(&s.table), OA_OK);
  oa_put_fixed(&s.table, &s.table.columns[TRACE_ID], ID16, 16);
  oa_put_text(&s.table, &s.table.columns[NAME], (const uint8_t *)"n", 1);
  put_long(&s, KIND, 0);
  put_long(&s, START, 7);
  put_string(&s, ATTRIBUTES, "{}");
  end_row(&s);
  land_sheet(&l, &s, NULL);
  const oa_array *c = columns_of(&l.t);
  assert_id(&c[OA_SPAN_TRACE_ID], 0, ID16, 16);
  assert_text(&c[OA_SPAN_NAME], 0, "n");
  assert_int_equal(u32_at(&c[OA_SPAN_KIND], 0), 3);
  assert_int_equal(u64_at(&c[OA_SPAN_START_TIME], 0), 7000000);
  landing_free(&l);
  sheet_free(&s);
}

static void a_time_that_does_not_fit_costs_its_row(void **state) {
  (void)state;
  oa_field fields[COLUMNS];
  sheet s;
  landing l;
  memcpy(fields, span_fields, sizeof fields);
  fields[END].type = OA_TYPE_TIMESTAMP;
  fields[END].unit = OA_UNIT_SECOND;
  sheet_init(&s, fields, COLUMNS);
  put_span(&s, 0, NULL); /* 30 seconds */
  assert_int_equal(oa_table_reserve(&s.table), OA_OK);
  put_long(&s, END, INT64_MAX);
  end_row(&s);
  land_sheet(&l, &s, NULL);
  assert_int_equal(l.rejected, 1);
  assert_true(strstr(l.reason, "end_time_unix_nano") != NULL);
  assert_int_equal(u64_at(&columns_of(&l.t)[OA_SPAN_END_TIME], 0),
                   UINT64_C(30000000000));
  landing_free(&l);
  sheet_free(&s);
}

static void a_column_of_a_wrong_type_is_named(void **state) {
  (void)state;
  oa_field fields[COLUMNS];
  sheet s;
  flow f = {0};
  memcpy(fields, span_fields, sizeof fields);
  fields[KIND].type = OA_TYPE_UTF8;
  sheet_init(&s, fields, COLUMNS);
  flow_sheet(&f, &s, "traces");
  assert_refused(&f, OA_ERR_UNSUPPORTED, "column kind");
  flow_free(&f);
  sheet_free(&s);
}

/* Without attributes the same names may be a few of our own columns. */
static void types_tell_flat_columns_from_our_own(void **state) {
  (void)state;
  oa_field fields[COLUMNS];
  oa_schema schema = {.fields = fields, .field_count = ATTRIBUTES};
  memcpy(fields, span_fields, sizeof fields);
  assert_true(oa_flat_is(OA_TRACES, &schema));
  fields[START].type = OA_TYPE_TIMESTAMP;
  assert_false(oa_flat_is(OA_TRACES, &schema));
  schema.field_count = COLUMNS;
  assert_true(oa_flat_is(OA_TRACES, &schema));
  fields[MESSAGE].name = "events";
  assert_false(oa_flat_is(OA_TRACES, &schema));
  assert_false(oa_flat_is(OA_LOGS, &schema));
  assert_false(oa_flat_is(OA_TRACES, oa_otlp_schema(OA_TRACES)));
  assert_false(oa_flat_is(OA_METRICS, oa_otlp_schema(OA_METRICS)));
}

static void put_metric(sheet *s, const char *name, const char *type,
                       double value, const char *attributes) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  assert_int_equal(oa_table_reserve(&s->table), OA_OK);
  put_string(s, M_NAME, name);
  put_long(s, M_VALUE, bits);
  put_long(s, M_TIME, 40);
  put_string(s, M_TYPE, type);
  put_string(s, M_ATTRIBUTES, attributes);
  end_row(s);
}

static void a_flat_metric_is_a_point(void **state) {
  (void)state;
  sheet s;
  landing l;
  double value;
  sheet_init(&s, metric_fields, M_COLUMNS);
  put_metric(&s, "g", "gauge", 1.5, "{\"a\":1}");
  put_metric(&s, "s", "sum", -2.0, "{}");
  put_metric(&s, "h", "histogram", 3.0, "{}");
  land_sheet(&l, &s, NULL);
  assert_int_equal(l.t.signal, OA_METRICS);
  assert_int_equal(rows_of(&l.t), 3);
  const oa_array *c = columns_of(&l.t);
  static const uint8_t types[] = {OA_METRIC_GAUGE, OA_METRIC_SUM,
                                  OA_METRIC_GAUGE};
  static const double values[] = {1.5, -2.0, 3.0};
  for (int64_t row = 0; row < 3; row++) {
    const uint64_t bits = u64_at(&c[OA_POINT_VALUE_DOUBLE], row);
    memcpy(&value, &bits, sizeof value);
    assert_true(value >= values[row] && value <= values[row]);
    assert_int_equal(u8_at(&c[OA_POINT_METRIC_TYPE], row), types[row]);
    assert_int_equal(u64_at(&c[OA_POINT_TIME], row), 40);
  }
  assert_text(&c[OA_POINT_METRIC_NAME], 2, "h");
  assert_attributes(&l, OA_POINT_ATTRIBUTES, 0, "{\"a\":1}");
  assert_attributes(&l, OA_POINT_METADATA, 0, "{}");
  assert_attributes(&l, OA_POINT_METADATA, 2,
                    "{\"flat.metric_type\":\"histogram\"}");
  landing_free(&l);
  sheet_free(&s);
}

static void integers_are_values_too(void **state) {
  (void)state;
  oa_field fields[M_COLUMNS];
  sheet s;
  landing l;
  double value;
  memcpy(fields, metric_fields, sizeof fields);
  fields[M_VALUE].type = OA_TYPE_INT64;
  sheet_init(&s, fields, M_COLUMNS);
  assert_int_equal(oa_table_reserve(&s.table), OA_OK);
  put_string(&s, M_NAME, "n");
  put_long(&s, M_VALUE, (uint64_t)-3);
  end_row(&s);
  land_sheet(&l, &s, "metrics");
  const uint64_t bits = u64_at(&columns_of(&l.t)[OA_POINT_VALUE_DOUBLE], 0);
  memcpy(&value, &bits, sizeof value);
  assert_true(value >= -3.0 && value <= -3.0);
  landing_free(&l);
  sheet_free(&s);
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  sheet s;
  flow f = {0};
  oa_status status = OA_ERR_NOMEM;
  sheet_init(&s, span_fields, COLUMNS);
  put_span(&s, 0, "{\"a\":[1,2,\"\\u00fc\"]}");
  flow_sheet(&f, &s, NULL);
  for (int64_t n = 0; status != OA_OK; n++) {
    landing l = {0};
    oa_mem_fail_after(n);
    status = land(&l, &f);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    landing_free(&l);
    assert_true(n < 10000);
  }
  flow_free(&f);
  sheet_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flat_span_keeps_every_column),
      cmocka_unit_test(kinds_are_read_in_the_order_that_the_sender_wrote),
      cmocka_unit_test(a_parent_of_zeros_is_none),
      cmocka_unit_test(a_bad_row_is_left_out_alone),
      cmocka_unit_test(an_id_of_wrong_length_costs_its_row_only),
      cmocka_unit_test(columns_may_have_wider_types),
      cmocka_unit_test(a_time_that_does_not_fit_costs_its_row),
      cmocka_unit_test(a_column_of_a_wrong_type_is_named),
      cmocka_unit_test(types_tell_flat_columns_from_our_own),
      cmocka_unit_test(a_flat_metric_is_a_point),
      cmocka_unit_test(integers_are_values_too),
      cmocka_unit_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
