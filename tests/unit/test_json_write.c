/* SPDX-License-Identifier: Apache-2.0 */
#include "json_trial.h"
#include "otlp_rewrite.h"

#include <ctype.h>

/* A request of one log record, written as the text of its members. */
static void assert_log(oa_emit *record, const char *members) {
  request r = {0};
  char text[1024];
  open_records(&r);
  oa_emit_bytes(&r.e, 2, record->out.data, record->out.len);
  close_records(&r);
  snprintf(text, sizeof text,
           "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{%s}]}]}]}",
           members);
  assert_written(oa_message_request(OA_LOGS), &r.e, text);
  request_free(&r);
  oa_buf_free(&record->out);
  *record = (oa_emit){0};
}

/* --- the tables --- */

static void to_camel(const char *snake, char *out) {
  while (*snake != '\0') {
    *out++ = (char)(*snake == '_' ? toupper((unsigned char)*++snake) : *snake);
    snake++;
  }
  *out = '\0';
}

/* Also that numbers rise, as the search for a canonical form needs. */
static void check_table(const oa_message *message, unsigned left) {
  for (size_t i = 0; i < message->count; i++) {
    const oa_message_field *field = &message->fields[i];
    char camel[64];
    to_camel(field->name, camel);
    assert_string_equal(field->json, camel);
    assert_int_equal(field->json_len, strlen(camel));
    assert_true(i == 0 || field->number > message->fields[i - 1].number);
    assert_int_equal(field->kind == OA_KIND_MESSAGE, field->message != NULL);
    assert_int_equal(oa_message_find(message, field->number), i);
    if (field->message != NULL && left > 0) {
      check_table(field->message, left - 1);
    }
  }
}

static void json_names_are_those_of_the_fields_in_camel_case(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    check_table(oa_message_request((oa_signal)signal), 10);
    check_table(oa_message_response((oa_signal)signal), 10);
  }
  check_table(&oa_message_rpc_status, 0);
}

/* --- values --- */

static void an_empty_request_is_an_empty_object(void **state) {
  (void)state;
  const oa_emit none = {0};
  assert_written(oa_message_request(OA_TRACES), &none, "{}");
}

static void each_kind_has_its_form(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_emit_fixed64(&e, 1, UINT64_MAX);
  oa_emit_varint(&e, 2, (uint64_t)-1);
  put_text(&e, 3, "q\"\\\n\x01\xc3\xa9");
  oa_emit_varint(&e, 7, UINT32_MAX);
  oa_emit_fixed32(&e, 8, 257);
  oa_emit_bytes(&e, 9, (const uint8_t *)"\x00\xab\xff", 3);
  assert_log(&e,
             "\"timeUnixNano\":\"18446744073709551615\",\"severityNumber\":-1,"
             "\"severityText\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\","
             "\"droppedAttributesCount\":4294967295,\"flags\":257,"
             "\"traceId\":\"00abff\"");
}

static void put_body(oa_emit *e, uint32_t field, uint64_t bits) {
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  if (field == 4) {
    oa_emit_fixed64(e, field, bits);
  } else {
    oa_emit_varint(e, field, bits);
  }
  oa_emit_close(e, body);
}

static void put_real_body(oa_emit *e, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_body(e, 4, bits);
}

static void doubles_are_short_and_exact(void **state) {
  (void)state;
  oa_emit e = {0};
  put_real_body(&e, 0.1);
  assert_log(&e, "\"body\":{\"doubleValue\":0.1}");
  put_real_body(&e, -0.0);
  assert_log(&e, "\"body\":{\"doubleValue\":-0.0}");
  put_real_body(&e, 1.7976931348623157e308);
  assert_log(&e, "\"body\":{\"doubleValue\":1.7976931348623157e+308}");
  put_body(&e, 4, UINT64_C(0x7FF8DEADBEEF0000));
  assert_log(&e, "\"body\":{\"doubleValue\":\"NaN\"}");
  put_body(&e, 4, UINT64_C(0x7FF0000000000000));
  assert_log(&e, "\"body\":{\"doubleValue\":\"Infinity\"}");
  put_body(&e, 4, UINT64_C(0xFFF0000000000000));
  assert_log(&e, "\"body\":{\"doubleValue\":\"-Infinity\"}");
}

static void defaults_are_left_out_unless_their_presence_counts(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_emit_fixed64(&e, 1, 0);
  oa_emit_varint(&e, 2, 0);
  put_text(&e, 3, "");
  oa_emit_fixed32(&e, 8, 0);
  oa_emit_bytes(&e, 9, ID16, 0);
  assert_log(&e, "");
  put_body(&e, 3, 0);
  assert_log(&e, "\"body\":{\"intValue\":\"0\"}");
  put_body(&e, 2, 0);
  assert_log(&e, "\"body\":{\"boolValue\":false}");
  oa_emit_bytes(&e, 5, ID16, 0);
  assert_log(&e, "\"body\":{}");
  /* Histogram: optional sum, packed counts that are none, a count of 0. */
  const oa_emit_nest point = oa_emit_open(&e, 1, 1);
  oa_emit_fixed64(&e, 4, 0);
  oa_emit_fixed64(&e, 5, 0);
  oa_emit_bytes(&e, 6, ID16, 0);
  oa_emit_close(&e, point);
  const oa_message *m = oa_message_request(OA_METRICS);
  m = m->fields[0].message->fields[1].message->fields[1].message;
  assert_written(m->fields[oa_message_find(m, 9)].message, &e,
                 "{\"dataPoints\":[{\"sum\":0.0}]}");
  oa_buf_free(&e.out);
}

static void strings_that_are_no_utf_8_are_repaired(void **state) {
  (void)state;
  oa_emit e = {0};
  put_text(&e, 3, "a\xff");
  assert_log(&e, "\"severityText\":\"a\xef\xbf\xbd\"");
}

static void answers_are_written_too(void **state) {
  (void)state;
  static const char *const wants[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = "rejectedSpans",
      [OA_METRICS] = "rejectedDataPoints",
      [OA_LOGS] = "rejectedLogRecords"};
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    oa_emit e = {0};
    char text[128];
    assert_written(oa_message_response((oa_signal)signal), &e, "{}");
    const oa_emit_nest partial = oa_emit_open(&e, 1, 1);
    oa_emit_varint(&e, 1, 3);
    put_text(&e, 2, "why");
    oa_emit_close(&e, partial);
    snprintf(text, sizeof text,
             "{\"partialSuccess\":{\"%s\":\"3\",\"errorMessage\":\"why\"}}",
             wants[signal]);
    assert_written(oa_message_response((oa_signal)signal), &e, text);
    oa_buf_free(&e.out);
  }
  oa_emit e = {0};
  oa_emit_varint(&e, 1, 3);
  put_text(&e, 2, "bad data");
  oa_emit_bytes(&e, 3, ID16, 16); /* details */
  assert_written(&oa_message_rpc_status, &e,
                 "{\"code\":3,\"message\":\"bad data\"}");
  oa_buf_free(&e.out);
}

/* --- other ways to write the same message --- */

static void every_encoding_of_a_message_gives_the_same_text(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_message *message = oa_message_request((oa_signal)signal);
    oa_emit e = {0};
    oa_buf want = {0};
    put_all_fields(&e, message, 5, 8);
    assert_int_equal(
        oa_message_json_write(message, e.out.data, e.out.len, &want), OA_OK);
    assert_int_equal(oa_buf_put_byte(&want, '\0'), OA_OK);
    for (manner how = DOUBLED; how < MANNERS; how++) {
      oa_emit other = {0};
      rewrite(&other, message, oa_cursor_over(e.out.data, e.out.len), how);
      assert_written(message, &other, (const char *)want.data);
      oa_buf_free(&other.out);
    }
    oa_buf_free(&want);
    oa_buf_free(&e.out);
  }
}

static void lists_that_are_scattered_are_gathered(void **state) {
  (void)state;
  oa_emit e = {0};
  put_str_attr(&e, 6, "a", "b");
  put_text(&e, 3, "first");
  put_str_attr(&e, 6, "c", "d");
  put_text(&e, 3, "last");
  put_body(&e, 3, 1);
  const oa_emit_nest body = oa_emit_open(&e, 5, 1);
  put_text(&e, 1, "wins");
  oa_emit_close(&e, body);
  assert_log(&e,
             "\"severityText\":\"last\",\"body\":{\"stringValue\":\"wins\"},"
             "\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":\"b\"}"
             "},{\"key\":\"c\",\"value\":{\"stringValue\":\"d\"}}]");
}

static void numbers_that_are_scattered_are_gathered(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, 2};
  const oa_message *m = oa_message_request(OA_METRICS);
  m = m->fields[0].message->fields[1].message->fields[1].message;
  m = m->fields[oa_message_find(m, 9)].message->fields[0].message;
  oa_emit e = {0};
  oa_emit_packed64(&e, 6, counts, 2);
  oa_emit_fixed64(&e, 5, 0); /* optional: its presence counts */
  oa_emit_fixed64(&e, 6, 3);
  oa_emit_fixed64(&e, 4, 9);
  oa_emit_packed64(&e, 6, counts, 1);
  oa_emit_bytes(&e, 7, ID16, 0);
  oa_emit_fixed64(&e, 4, 0);
  assert_written(m, &e,
                 "{\"sum\":0.0,\"bucketCounts\":[\"1\",\"2\",\"3\",\"1\"]}");
  oa_buf_free(&e.out);
}

/* --- what cannot be written --- */

static void what_is_no_request_is_explained(void **state) {
  (void)state;
  oa_buf out = {0};
  oa_error error = {0};
  assert_int_equal(oa_buf_put(&out, "x", 1), OA_OK);
  assert_int_equal(
      oa_otlp_json_write(OA_LOGS, (const uint8_t *)"\x0A\x05", 2, &out, &error),
      OA_ERR_TRUNCATED);
  assert_string_equal(error.text,
                      "logs: resource_logs[0] at byte 0 of 2: the value "
                      "passes the end of its message");
  assert_int_equal(
      oa_otlp_json_write(OA_LOGS, (const uint8_t *)"\x07", 1, &out, &error),
      OA_ERR_MALFORMED);
  assert_int_equal(out.len, 1);
  oa_buf_free(&out);
}

static void every_cut_and_flip_is_survived(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_message *message = oa_message_request((oa_signal)signal);
    oa_emit e = {0};
    put_all_fields(&e, message, 4, 7);
    const size_t step = e.out.len / 700 + 1;
    for (size_t i = 0; i < e.out.len; i += step) {
      oa_buf out = {0};
      if (oa_message_json_write(message, e.out.data, i, &out) != OA_OK) {
        assert_int_equal(out.len, 0);
      }
      out.len = 0;
      e.out.data[i] ^= 0xFF;
      if (oa_message_json_write(message, e.out.data, e.out.len, &out) !=
          OA_OK) {
        assert_int_equal(out.len, 0);
      }
      e.out.data[i] ^= 0xFF;
      oa_buf_free(&out);
    }
    oa_buf_free(&e.out);
  }
}

static void values_nested_too_deep_are_a_limit(void **state) {
  (void)state;
  for (unsigned depth = OA_OTLP_MAX_DEPTH; depth < 400; depth += 30) {
    request r = {0};
    oa_buf out = {0};
    open_records(&r);
    const oa_emit_nest record = open_record(&r);
    put_deep_attr(&r.e, 6, depth);
    oa_emit_close(&r.e, record);
    close_records(&r);
    const oa_status status =
        oa_otlp_json_write(OA_LOGS, r.e.out.data, r.e.out.len, &out, NULL);
    if (depth == OA_OTLP_MAX_DEPTH) {
      assert_int_equal(status, OA_OK);
    }
    if (depth > 2 * OA_OTLP_MAX_DEPTH) {
      assert_int_equal(status, OA_ERR_LIMIT);
      assert_int_equal(out.len, 0);
    }
    oa_buf_free(&out);
    request_free(&r);
  }
}

static void running_out_of_memory_leaves_the_output_as_it_was(void **state) {
  (void)state;
  const oa_message *message = oa_message_request(OA_METRICS);
  oa_emit e = {0};
  put_all_fields(&e, message, 2, 8);
  for (manner how = DOUBLED; how < MANNERS; how++) {
    oa_emit other = {0};
    rewrite(&other, message, oa_cursor_over(e.out.data, e.out.len), how);
    int64_t n = 0;
    for (;; n++) {
      oa_buf out = {0};
      oa_mem_fail_after(n);
      const oa_status status =
          oa_message_json_write(message, other.out.data, other.out.len, &out);
      oa_mem_fail_after(-1);
      const size_t len = out.len;
      oa_buf_free(&out);
      if (status == OA_OK) {
        break;
      }
      assert_int_equal(status, OA_ERR_NOMEM);
      assert_int_equal(len, 0);
    }
    assert_true(n > 0);
    oa_buf_free(&other.out);
  }
  oa_buf_free(&e.out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_names_are_those_of_the_fields_in_camel_case),
      cmocka_unit_test(an_empty_request_is_an_empty_object),
      cmocka_unit_test(each_kind_has_its_form),
      cmocka_unit_test(doubles_are_short_and_exact),
      cmocka_unit_test(defaults_are_left_out_unless_their_presence_counts),
      cmocka_unit_test(strings_that_are_no_utf_8_are_repaired),
      cmocka_unit_test(answers_are_written_too),
      cmocka_unit_test(every_encoding_of_a_message_gives_the_same_text),
      cmocka_unit_test(lists_that_are_scattered_are_gathered),
      cmocka_unit_test(numbers_that_are_scattered_are_gathered),
      cmocka_unit_test(what_is_no_request_is_explained),
      cmocka_unit_test(every_cut_and_flip_is_survived),
      cmocka_unit_test(values_nested_too_deep_are_a_limit),
      cmocka_unit_test(running_out_of_memory_leaves_the_output_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
