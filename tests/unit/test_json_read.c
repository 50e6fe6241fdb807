/* SPDX-License-Identifier: Apache-2.0 */
#include "json_trial.h"

/* The text of one member of a log record. */
#define LOG(MEMBERS) \
  "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{" MEMBERS "}]}]}]}"
#define SPAN(MEMBERS) \
  "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" MEMBERS "}]}]}]}"
#define METRIC(MEMBERS)                                              \
  "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{" MEMBERS \
  "}]}]}]"                                                           \
  "}"

/* A request of one record, whose fields the caller writes. */
typedef struct one {
  request r;
  oa_emit_nest record;
} one;

static oa_emit *one_open(one *o) {
  *o = (one){0};
  open_records(&o->r);
  o->record = open_record(&o->r);
  return &o->r.e;
}

static void assert_one(one *o, oa_signal signal, const char *text) {
  oa_emit_close(&o->r.e, o->record);
  close_records(&o->r);
  assert_read(signal, text, &o->r.e);
  request_free(&o->r);
}

static void an_empty_object_is_an_empty_request(void **state) {
  (void)state;
  const oa_emit none = {0};
  assert_read(OA_TRACES, "{}", &none);
  assert_read(OA_LOGS, " \n{ \t} \r\n", &none);
  assert_read(OA_METRICS, "{\"resourceMetrics\":[]}", &none);
  assert_read(OA_METRICS, "{\"resourceMetrics\":null}", &none);
}

/* The other half of this proof, that the text is OTLP's, is made with the
 * official classes in tests/integration/test_json_files.py. */
static void every_field_comes_back_as_it_was_written(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    for (size_t pick = 0; pick < ONEOF_PICKS; pick++) {
      oa_emit e = {0};
      oa_buf text = {0};
      oa_error error = {0};
      put_all_fields(&e, oa_message_request((oa_signal)signal), pick, 10);
      assert_int_equal(e.status, OA_OK);
      assert_int_equal(oa_otlp_json_write((oa_signal)signal, e.out.data,
                                          e.out.len, &text, &error),
                       OA_OK);
      assert_int_equal(oa_buf_put_byte(&text, '\0'), OA_OK);
      assert_read((oa_signal)signal, (const char *)text.data, &e);
      oa_buf_free(&text);
      oa_buf_free(&e.out);
    }
  }
}

static void names_may_be_snake_case_and_escaped(void **state) {
  (void)state;
  one o;
  put_text(one_open(&o), 3, "x");
  assert_one(&o, OA_LOGS,
             "{\"resource_logs\":[{\"scope_logs\":[{\"log_records\":[{"
             "\"severity_text\":\"x\"}]}]}]}");
  put_text(one_open(&o), 3, "x");
  assert_one(&o, OA_LOGS, LOG("\"severity\\u0054\\u0065xt\":\"x\""));
}

static void unknown_members_are_passed_over(void **state) {
  (void)state;
  one o;
  put_text(one_open(&o), 3, "x");
  assert_one(&o, OA_LOGS,
             LOG("\"severitytext\":\"no\",\"SeverityText\":1,\"severityText\":"
                 "\"x\",\"new\":{\"a\":[{},{\"b\":null}]},\"\":\"]}\""));
}

static void null_is_the_default(void **state) {
  (void)state;
  one o;
  one_open(&o);
  assert_one(&o, OA_LOGS,
             LOG("\"severityText\":null,\"severityNumber\":null,\"body\":null,"
                 "\"attributes\":null,\"traceId\":null,\"timeUnixNano\":null"));
  oa_emit *e = one_open(&o);
  oa_emit_close(e, oa_emit_open(e, 5, 1));
  assert_one(&o, OA_LOGS, LOG("\"body\":{\"stringValue\":null}"));
}

static void members_that_stand_twice_are_left_to_protobuf(void **state) {
  (void)state;
  one o;
  oa_emit *e = one_open(&o);
  put_text(e, 3, "a");
  put_text(e, 3, "");
  assert_one(&o, OA_LOGS, LOG("\"severityText\":\"a\",\"severityText\":\"\""));
  e = one_open(&o);
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  put_text(e, 1, "a");
  oa_emit_varint(e, 3, 0);
  oa_emit_close(e, body);
  assert_one(&o, OA_LOGS,
             LOG("\"body\":{\"stringValue\":\"a\",\"intValue\":0}"));
  e = one_open(&o);
  put_str_attr(e, 6, "a", "b");
  put_str_attr(e, 6, "c", "d");
  assert_one(&o, OA_LOGS,
             LOG("\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":"
                 "\"b\"}}],\"attributes\":[{\"key\":\"c\",\"value\":{"
                 "\"stringValue\":\"d\"}}]"));
}

static void numbers_come_in_many_ways(void **state) {
  (void)state;
  one o;
  oa_emit *e = one_open(&o);
  oa_emit_fixed64(e, 1, UINT64_MAX);
  oa_emit_fixed64(e, 11, 1000);
  oa_emit_varint(e, 7, UINT32_MAX);
  oa_emit_fixed32(e, 8, 7);
  oa_emit_varint(e, 2, (uint64_t)INT32_MIN);
  assert_one(&o, OA_LOGS,
             LOG("\"timeUnixNano\":\"18446744073709551615\","
                 "\"observedTimeUnixNano\":1e3,\"droppedAttributesCount\":"
                 "\"4294967295\",\"flags\":0.7e1,\"severityNumber\":"
                 "\"-2147483648\""));
  e = one_open(&o);
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  oa_emit_varint(e, 3, (uint64_t)INT64_MIN);
  oa_emit_close(e, body);
  assert_one(&o, OA_LOGS,
             LOG("\"body\":{\"intValue\":\"-922337203685477580\\u0038\"}"));
}

static void enums_may_be_names(void **state) {
  (void)state;
  one o;
  oa_emit_varint(one_open(&o), 6, 5);
  assert_one(&o, OA_TRACES, SPAN("\"kind\":\"SPAN_KIND_CONSUMER\""));
  oa_emit_varint(one_open(&o), 6, 77);
  assert_one(&o, OA_TRACES, SPAN("\"kind\":77"));
  oa_emit_varint(one_open(&o), 2, 24);
  assert_one(&o, OA_LOGS, LOG("\"severityNumber\":\"SEVERITY_NUMBER_FATAL4\""));
  oa_emit_varint(one_open(&o), 2, 9);
  assert_one(&o, OA_LOGS, LOG("\"severityNumber\":\"SEVERITY_NUMBER_INFO\""));
  oa_emit *e = one_open(&o);
  oa_emit_nest nest = oa_emit_open(e, 15, 1);
  oa_emit_varint(e, 3, 2);
  oa_emit_close(e, nest);
  assert_one(&o, OA_TRACES,
             SPAN("\"status\":{\"code\":\"STATUS_CODE_ERROR\"}"));
  e = one_open(&o);
  nest = oa_emit_open(e, 7, 1);
  oa_emit_varint(e, 2, 2);
  oa_emit_close(e, nest);
  assert_one(&o, OA_METRICS,
             METRIC("\"sum\":{\"aggregationTemporality\":"
                    "\"AGGREGATION_TEMPORALITY_CUMULATIVE\"}"));
}

static void doubles_may_be_words_and_strings(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bits;
  } cases[] = {{"\"NaN\"", UINT64_C(0x7FF8000000000000)},
               {"\"Infinity\"", UINT64_C(0x7FF0000000000000)},
               {"\"-Infinity\"", UINT64_C(0xFFF0000000000000)},
               {"\"1.5\"", UINT64_C(0x3FF8000000000000)},
               {"-0.0", UINT64_C(0x8000000000000000)},
               {"-0", UINT64_C(0x8000000000000000)},
               {"1", UINT64_C(0x3FF0000000000000)}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[160];
    one o;
    oa_emit *e = one_open(&o);
    const oa_emit_nest body = oa_emit_open(e, 5, 1);
    oa_emit_fixed64(e, 4, cases[i].bits);
    oa_emit_close(e, body);
    snprintf(text, sizeof text, LOG("\"body\":{\"doubleValue\":%s}"),
             cases[i].text);
    assert_one(&o, OA_LOGS, text);
  }
}

static void ids_are_hex_of_any_length(void **state) {
  (void)state;
  one o;
  oa_emit *e = one_open(&o);
  oa_emit_bytes(e, 9, (const uint8_t *)"\xAB\xCD", 2);
  oa_emit_bytes(e, 10, (const uint8_t *)"\xAB", 1);
  oa_emit_bytes(e, 10, ID8, 0);
  assert_one(
      &o, OA_LOGS,
      LOG("\"traceId\":\"abCD\",\"spanId\":\"\\u0041b\",\"spanId\":\"\""));
}

static void bytes_are_base64_of_both_alphabets(void **state) {
  (void)state;
  static const char *const texts[] = {"\"--__-w==\"", "\"++//+w\"",
                                      "\"++\\/\\/+w==\""};
  for (size_t i = 0; i < 3; i++) {
    char text[160];
    one o;
    oa_emit *e = one_open(&o);
    const oa_emit_nest body = oa_emit_open(e, 5, 1);
    oa_emit_bytes(e, 7, (const uint8_t *)"\xFB\xEF\xFF\xFB", 4);
    oa_emit_close(e, body);
    snprintf(text, sizeof text, LOG("\"body\":{\"bytesValue\":%s}"), texts[i]);
    assert_one(&o, OA_LOGS, text);
  }
}

static void strings_keep_bytes_that_are_no_utf_8(void **state) {
  (void)state;
  one o;
  put_text(one_open(&o), 3, "\xff\xc3(\n");
  assert_one(&o, OA_LOGS, LOG("\"severityText\":\"\xff\xc3(\\n\""));
  put_text(one_open(&o), 3, "a\xef\xbf\xbd");
  assert_one(&o, OA_LOGS, LOG("\"severityText\":\"a\\ud800\""));
}

static void lists_of_numbers_are_packed(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, UINT64_MAX, 0};
  static const uint64_t small[] = {0, 300};
  one o;
  oa_emit *e = one_open(&o);
  oa_emit_nest data = oa_emit_open(e, 9, 1);
  oa_emit_nest point = oa_emit_open(e, 1, 1);
  oa_emit_packed64(e, 6, counts, 3);
  oa_emit_close(e, point);
  oa_emit_close(e, data);
  assert_one(&o, OA_METRICS,
             METRIC("\"histogram\":{\"dataPoints\":[{\"bucketCounts\":[ 1 ,"
                    "\"18446744073709551615\",0 ],\"explicitBounds\":[ ]}]}"));
  e = one_open(&o);
  data = oa_emit_open(e, 10, 1);
  point = oa_emit_open(e, 1, 1);
  const oa_emit_nest buckets = oa_emit_open(e, 8, 1);
  oa_emit_varint(e, 1, 1);
  oa_emit_packed_varint(e, 2, small, 2);
  oa_emit_close(e, buckets);
  oa_emit_close(e, point);
  oa_emit_close(e, data);
  assert_one(&o, OA_METRICS,
             METRIC("\"exponentialHistogram\":{\"dataPoints\":[{\"positive\":{"
                    "\"offset\":-1,\"bucketCounts\":[\"0\",300]}}]}"));
}

/* --- what is refused --- */

#define LOG_PATH "logs: resourceLogs[0].scopeLogs[0].logRecords[0]"
#define LOG_AT(BYTE, COLUMN) " at byte " BYTE " (line 1, column " COLUMN "): "

static void a_value_of_the_wrong_kind_is_named(void **state) {
  (void)state;
  /* The member's name begins at byte 47. */
  static const struct {
    const char *members;
    const char *want;
  } cases[] = {
      {LOG("\"severityText\":1"), LOG_PATH
       ".severityText" LOG_AT("62", "63") "expected a string, found a number"},
      {LOG("\"flags\":true"),
       LOG_PATH ".flags" LOG_AT("55", "56") "expected a number, found true"},
      {LOG("\"flags\":\"\""),
       LOG_PATH ".flags" LOG_AT("55", "56") "the string is not a number"},
      {LOG("\"flags\":\" 1\""),
       LOG_PATH ".flags" LOG_AT("55", "56") "the string is not a number"},
      {LOG("\"flags\":-1"),
       LOG_PATH ".flags" LOG_AT("55", "56") "the number is out of range"},
      {LOG("\"flags\":4294967296"),
       LOG_PATH ".flags" LOG_AT("55", "56") "the number is out of range"},
      {LOG("\"flags\":1.5"),
       LOG_PATH ".flags" LOG_AT("55", "56") "the number is not an integer"},
      {LOG("\"severityNumber\":2147483648"), LOG_PATH
       ".severityNumber" LOG_AT("64", "65") "the number is out of range"},
      {LOG("\"severityNumber\":\"INFO\""),
       LOG_PATH ".severityNumber" LOG_AT("64", "65") "no name of this enum"},
      {LOG("\"timeUnixNano\":\"18446744073709551616\""), LOG_PATH
       ".timeUnixNano" LOG_AT("62", "63") "the number is out of range"},
      {LOG("\"body\":\"text\""), LOG_PATH
       ".body" LOG_AT("54", "55") "expected an object, found a string"},
      {LOG("\"body\":{\"boolValue\":\"true\"}"),
       LOG_PATH ".body.boolValue" LOG_AT(
           "67", "68") "expected true or false, found a string"},
      {LOG("\"body\":{\"intValue\":9223372036854775808}"), LOG_PATH
       ".body.intValue" LOG_AT("66", "67") "the number is out of range"},
      {LOG("\"body\":{\"doubleValue\":1e999}"), LOG_PATH
       ".body.doubleValue" LOG_AT("69", "70") "the number is out of range"},
      {LOG("\"body\":{\"doubleValue\":\"nan\"}"), LOG_PATH
       ".body.doubleValue" LOG_AT("69", "70") "the string is not a number"},
      {LOG("\"body\":{\"bytesValue\":\"AA*=\"}"), LOG_PATH
       ".body.bytesValue" LOG_AT("68", "69") "the string is not base64"},
      {LOG("\"traceId\":\"123\""), LOG_PATH
       ".traceId" LOG_AT("57", "58") "an id has an even number of hex digits"},
      {LOG("\"traceId\":\"x\\u0031\""),
       LOG_PATH ".traceId" LOG_AT("57", "58") "an id has hex digits only"},
      {LOG("\"attributes\":{}"), LOG_PATH
       ".attributes" LOG_AT("60", "61") "expected an array, found an object"},
      {LOG("\"attributes\":[{},null]"), LOG_PATH
       ".attributes[1]" LOG_AT("64", "65") "expected an object, found null"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(OA_LOGS, cases[i].members, OA_ERR_MALFORMED, cases[i].want);
  }
  assert_refused(OA_METRICS,
                 METRIC("\"histogram\":{\"dataPoints\":[{},{\"bucketCounts\":["
                        "1,\"2\",null]}]}"),
                 OA_ERR_MALFORMED,
                 "metrics: resourceMetrics[0].scopeMetrics[0].metrics[0]"
                 ".histogram.dataPoints[1].bucketCounts[2] at byte 103 (line "
                 "1, column 104): expected a number, found null");
}

static void what_is_no_json_is_named(void **state) {
  (void)state;
  static const struct {
    const char *text;
    oa_status status;
    const char *want;
  } cases[] = {
      {"", OA_ERR_TRUNCATED,
       "logs: at byte 0 (line 1, column 1): expected an object, found the end "
       "of the text"},
      {"\xEF\xBB\xBF{}", OA_ERR_MALFORMED,
       "logs: at byte 0 (line 1, column 1): JSON must not begin with a byte "
       "order mark"},
      {"null", OA_ERR_MALFORMED,
       "logs: at byte 0 (line 1, column 1): expected an object, found null"},
      {"[]", OA_ERR_MALFORMED,
       "logs: at byte 0 (line 1, column 1): expected an object, found an "
       "array"},
      {"\x01", OA_ERR_MALFORMED,
       "logs: at byte 0 (line 1, column 1): expected an object, found byte "
       "0x01"},
      {"{} {}", OA_ERR_MALFORMED,
       "logs: at byte 3 (line 1, column 4): expected nothing more, found an "
       "object"},
      {"{\n \"x\": [1,\n  2,]}", OA_ERR_MALFORMED,
       "logs: at byte 16 (line 3, column 5): expected a value, found ']'"},
      {"{,}", OA_ERR_MALFORMED,
       "logs: at byte 1 (line 1, column 2): expected a name in quotes, found "
       "','"},
      {"{\"resourceLogs\":[{}}", OA_ERR_MALFORMED,
       "logs: resourceLogs[0] at byte 19 (line 1, column 20): expected ',' or "
       "']', found '}'"},
      {"{\"resourceLogs\":[{]", OA_ERR_MALFORMED,
       "logs: resourceLogs[0] at byte 18 (line 1, column 19): expected a name "
       "in quotes, found ']'"},
      {"{\"resourceLogs\":[{},]}", OA_ERR_MALFORMED,
       "logs: resourceLogs[1] at byte 20 (line 1, column 21): expected an "
       "object, found ']'"},
      {"{\"resourceLogs\":[{\"schemaUrl\":\"\t\"}]}", OA_ERR_MALFORMED,
       "logs: resourceLogs[0].schemaUrl at byte 31 (line 1, column 32): "
       "control characters in strings are escaped"},
      {"{\"resourceLogs\":[{\"schemaUrl\" \"\"}]}", OA_ERR_MALFORMED,
       "logs: resourceLogs[0] at byte 30 (line 1, column 31): expected ':', "
       "found a string"},
      {"{\"resourceLogs\":[] \"a\":1}", OA_ERR_MALFORMED,
       "logs: at byte 19 (line 1, column 20): expected ',' or '}', found a "
       "string"},
      {"{\"resourceLogs\":nil}", OA_ERR_MALFORMED,
       "logs: resourceLogs at byte 16 (line 1, column 17): expected a "
       "value, found 'n'"},
      {"{\"resourceLogs\":[", OA_ERR_TRUNCATED,
       "logs: resourceLogs[0] at byte 17 (line 1, column 18): expected an "
       "object, found the end of the text"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(OA_LOGS, cases[i].text, cases[i].status, cases[i].want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_object_is_an_empty_request),
      cmocka_unit_test(every_field_comes_back_as_it_was_written),
      cmocka_unit_test(names_may_be_snake_case_and_escaped),
      cmocka_unit_test(unknown_members_are_passed_over),
      cmocka_unit_test(null_is_the_default),
      cmocka_unit_test(members_that_stand_twice_are_left_to_protobuf),
      cmocka_unit_test(numbers_come_in_many_ways),
      cmocka_unit_test(enums_may_be_names),
      cmocka_unit_test(doubles_may_be_words_and_strings),
      cmocka_unit_test(ids_are_hex_of_any_length),
      cmocka_unit_test(bytes_are_base64_of_both_alphabets),
      cmocka_unit_test(strings_keep_bytes_that_are_no_utf_8),
      cmocka_unit_test(lists_of_numbers_are_packed),
      cmocka_unit_test(a_value_of_the_wrong_kind_is_named),
      cmocka_unit_test(what_is_no_json_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
