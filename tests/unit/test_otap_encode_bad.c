/* SPDX-License-Identifier: Apache-2.0 */
/* Values that no decoder writes, as a file of another program may have them:
 * they are refused with their row, and the stream can go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_sent.h"
#include "otlp_rows.h"

/* Encodes R, which must be refused for WHAT in row 1, the second. */
static void assert_refused(rows *r, const char *what) {
  const oa_otap_encoder_options options = {.metric_attrs = true};
  oa_otap_encoder *encoder = NULL;
  oa_error error = {0};
  sent all = {0};
  const oa_array *columns = oa_table_finish(&r->table);
  assert_false(r->tree.failed);
  assert_int_equal(oa_otap_encoder_new(&encoder, r->signal, &options), OA_OK);
  assert_int_equal(oa_otap_encode(encoder, columns, r->table.length, keep_sent,
                                  &all, &error),
                   OA_ERR_MALFORMED);
  assert_int_equal(error.code, OA_ERR_MALFORMED);
  if (strncmp(error.text, "row 1: ", 7) != 0 ||
      strstr(error.text, what) == NULL) {
    fail_msg("\"%s\" has no \"%s\"", error.text, what);
  }
  assert_int_equal(all.count, 0);
  /* The row before is as good as ever. */
  assert_int_equal(oa_otap_encode(encoder, columns, 1, keep_sent, &all, &error),
                   OA_OK);
  assert_int_equal(all.count, 1);
  oa_otap_encoder_free(encoder);
  sent_free(&all);
  rows_free(r);
}

/* Stands before the bad one. */
static void good_row(rows *r) {
  if (r->signal == OA_METRICS) {
    set_u8(&r->table, OA_POINT_METRIC_TYPE, OA_METRIC_GAUGE);
    set_u32(&r->table, OA_POINT_POINT_ORD, 0);
    set_u64(&r->table, OA_POINT_METRIC_ORD, 1);
  }
  end_row(&r->table);
}

static void attributes_of_no_known_type(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_TRACES);
  good_row(&r);
  end_row(attribute(&r.table, OA_SPAN_ATTRIBUTES, "key", 8));
  set_list(&r.table, OA_SPAN_ATTRIBUTES);
  end_row(&r.table);
  assert_refused(&r, "unknown type 8");
}

static void attributes_without_their_value(void **state) {
  static const uint8_t types[] = {OA_VALUE_STR,  OA_VALUE_INT, OA_VALUE_DOUBLE,
                                  OA_VALUE_BOOL, OA_VALUE_MAP, OA_VALUE_SLICE};
  (void)state;
  for (size_t i = 0; i < sizeof types; i++) {
    rows r;
    rows_init(&r, OA_LOGS);
    good_row(&r);
    end_row(attribute(&r.table, OA_LOG_COL_ATTRIBUTES, "key", types[i]));
    set_list(&r.table, OA_LOG_COL_ATTRIBUTES);
    end_row(&r.table);
    assert_refused(&r, "no value of that type");
  }
}

static void attributes_of_an_event_name_the_row_of_the_span(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_TRACES);
  good_row(&r);
  oa_table *events = child_of(&r.table, OA_SPAN_EVENTS);
  set_text(events, OA_EVENT_NAME, "event");
  end_row(events);
  end_row(attribute(events, OA_EVENT_ATTRIBUTES, "key", 9));
  set_list(events, OA_EVENT_ATTRIBUTES);
  set_text(events, OA_EVENT_NAME, "event");
  end_row(events);
  set_list(&r.table, OA_SPAN_EVENTS);
  end_row(&r.table);
  assert_refused(&r, "unknown type 9");
}

static void bad_cbor(uint8_t type, const char *bytes, size_t len,
                     const char *what) {
  rows r;
  rows_init(&r, OA_TRACES);
  good_row(&r);
  oa_table *attrs = attribute(&r.table, OA_SPAN_ATTRIBUTES, "key", type);
  set_bytes(attrs, OA_ATTR_SER, bytes, len);
  end_row(attrs);
  set_list(&r.table, OA_SPAN_ATTRIBUTES);
  end_row(&r.table);
  assert_refused(&r, what);

  rows_init(&r, OA_LOGS);
  good_row(&r);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, type);
  set_bytes(&r.table, OA_LOG_COL_BODY_SER, bytes, len);
  end_row(&r.table);
  assert_refused(&r, what);
}

static void cbor_that_is_none_does_not_reach_the_peer(void **state) {
  (void)state;
  bad_cbor(OA_VALUE_MAP, "\x9f\xff", 2, "the CBOR is no map");
  bad_cbor(OA_VALUE_SLICE, "\xbf\xff", 2, "the CBOR is no array");
  bad_cbor(OA_VALUE_SLICE, "\x05", 1, "the CBOR is no array");
  bad_cbor(OA_VALUE_SLICE, "\x9f\x01", 2, "bad CBOR at byte 2");
  bad_cbor(OA_VALUE_MAP, "\xbf\x01\x01\xff", 4, "bad CBOR at byte");
  bad_cbor(OA_VALUE_MAP, "", 0, "bad CBOR at byte 0");
}

static void bodies_that_do_not_fit_their_type(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_LOGS);
  good_row(&r);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, 8);
  end_row(&r.table);
  assert_refused(&r, "the body has the unknown type 8");
  for (uint8_t type = OA_VALUE_STR; type < OA_VALUE_BYTES; type++) {
    rows_init(&r, OA_LOGS);
    good_row(&r);
    set_u8(&r.table, OA_LOG_COL_BODY_TYPE, type);
    end_row(&r.table);
    assert_refused(&r, "no value of that type");
  }
}

static void owners_that_are_no_messages(void **state) {
  (void)state;
  static const size_t columns[] = {OA_COL_RESOURCE, OA_COL_SCOPE};
  for (size_t i = 0; i < 2; i++) {
    rows r;
    rows_init(&r, OA_TRACES);
    good_row(&r);
    set_u64(&r.table, OA_COL_RESOURCE_ORD, 1);
    set_text(&r.table, columns[i], i == 0 ? "\x0a\x05x" : "\x1a\x05x");
    end_row(&r.table);
    assert_refused(&r, i == 0 ? "the resource is not" : "the scope is not");
  }
}

static void point_row(rows *r, uint64_t metric, uint8_t type) {
  good_row(r);
  set_u64(&r->table, OA_POINT_METRIC_ORD, metric);
  set_u8(&r->table, OA_POINT_METRIC_TYPE, type);
  set_u32(&r->table, OA_POINT_POINT_ORD, 0);
}

static void metrics_that_contradict_themselves(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_METRICS);
  point_row(&r, 2, 6);
  end_row(&r.table);
  assert_refused(&r, "the metric has the unknown type 6");

  rows_init(&r, OA_METRICS);
  point_row(&r, 1, OA_METRIC_SUM);
  end_row(&r.table);
  assert_refused(&r, "metric_type changes within a metric");

  rows_init(&r, OA_METRICS);
  point_row(&r, 1, OA_METRIC_GAUGE);
  set_u64(&r.table, OA_POINT_VALUE_INT, 1);
  set_double(&r.table, OA_POINT_VALUE_DOUBLE, 1);
  end_row(&r.table);
  assert_refused(&r, "value_int and value_double are both set");

  rows_init(&r, OA_METRICS);
  point_row(&r, 2, OA_METRIC_EXP_HISTOGRAM);
  oa_table *counts = child_of(&r.table, OA_POINT_NEGATIVE_BUCKET_COUNTS);
  set_u64(counts, 0, 3);
  end_row(counts);
  set_list(&r.table, OA_POINT_NEGATIVE_BUCKET_COUNTS);
  end_row(&r.table);
  assert_refused(&r, "bucket counts without an offset");
}

static void exemplars_with_two_values(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_METRICS);
  point_row(&r, 2, OA_METRIC_HISTOGRAM);
  oa_table *exemplars = child_of(&r.table, OA_POINT_EXEMPLARS);
  set_u64(exemplars, OA_EXEMPLAR_VALUE_INT, 1);
  set_double(exemplars, OA_EXEMPLAR_VALUE_DOUBLE, 1);
  end_row(exemplars);
  set_list(&r.table, OA_POINT_EXEMPLARS);
  end_row(&r.table);
  assert_refused(&r, "both set");
}

/* A schema of ours has no null there; one of a file may. */
static void names_that_are_null(void **state) {
  (void)state;
  rows r;
  oa_array columns[OA_SPAN_COUNT];
  const uint8_t validity = 1;
  const oa_otap_encoder_options options = {0};
  oa_otap_encoder *encoder = NULL;
  oa_error error = {0};
  sent all = {0};
  rows_init(&r, OA_TRACES);
  set_text(&r.table, OA_SPAN_NAME, "name");
  end_row(&r.table);
  set_text(&r.table, OA_SPAN_NAME, "name");
  end_row(&r.table);
  memcpy(columns, oa_table_finish(&r.table), sizeof columns);
  columns[OA_SPAN_NAME].validity = &validity;
  columns[OA_SPAN_NAME].null_count = 1;
  assert_int_equal(oa_otap_encoder_new(&encoder, OA_TRACES, &options), OA_OK);
  assert_int_equal(oa_otap_encode(encoder, columns, 2, keep_sent, &all, &error),
                   OA_ERR_MALFORMED);
  assert_string_equal(error.text, "row 1: SPANS without a name");
  oa_otap_encoder_free(encoder);
  sent_free(&all);
  rows_free(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(attributes_of_no_known_type),
      cmocka_unit_test(attributes_without_their_value),
      cmocka_unit_test(attributes_of_an_event_name_the_row_of_the_span),
      cmocka_unit_test(cbor_that_is_none_does_not_reach_the_peer),
      cmocka_unit_test(bodies_that_do_not_fit_their_type),
      cmocka_unit_test(owners_that_are_no_messages),
      cmocka_unit_test(metrics_that_contradict_themselves),
      cmocka_unit_test(exemplars_with_two_values),
      cmocka_unit_test(names_that_are_null),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
