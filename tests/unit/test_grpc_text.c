/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/grpc.h"

static bool type_ok(const char *text) {
  return oa_grpc_content_type_ok((const uint8_t *)text, strlen(text));
}

static void content_types_of_grpc_are_known(void **state) {
  (void)state;
  assert_true(type_ok("application/grpc"));
  assert_true(type_ok("application/grpc+proto"));
  assert_true(type_ok("application/grpc;charset=utf-8"));
  assert_true(type_ok("application/grpc+proto; x=y"));
  assert_false(type_ok(""));
  assert_false(type_ok("application/grp"));
  assert_false(type_ok("application/grpc-web"));
  assert_false(type_ok("application/grpc+json"));
  assert_false(type_ok("application/json"));
}

static oa_status timeout(const char *text, uint64_t *out) {
  return oa_grpc_timeout_parse((const uint8_t *)text, strlen(text), out);
}

static void timeouts_are_read_in_every_unit(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t ns;
  } cases[] = {{"1n", 1},
               {"25u", 25000},
               {"99999999m", UINT64_C(99999999000000)},
               {"10S", UINT64_C(10000000000)},
               {"2M", UINT64_C(120000000000)},
               {"3H", UINT64_C(10800000000000)},
               {"99999999H", UINT64_MAX},
               {"0S", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t ns = 77;
    assert_int_equal(timeout(cases[i].text, &ns), OA_OK);
    assert_true(ns == cases[i].ns);
  }
}

static void malformed_timeouts_are_refused(void **state) {
  (void)state;
  static const char *const cases[] = {"",    "S",    "1",  "1s",         "-1S",
                                      "1 S", "1.5S", "xS", "123456789S", "1SS"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t ns = 77;
    assert_int_equal(timeout(cases[i], &ns), OA_ERR_MALFORMED);
    assert_true(ns == 77);
  }
}

static oa_status encoding(const char *text, oa_coding *out) {
  return oa_grpc_encoding_parse((const uint8_t *)text, strlen(text), out);
}

static void encodings_are_known_by_all_their_names(void **state) {
  (void)state;
  oa_coding codec = OA_CODING_LZ4;
  assert_int_equal(encoding("identity", &codec), OA_OK);
  assert_int_equal(codec, OA_CODING_NONE);
  assert_int_equal(encoding("gzip", &codec), OA_OK);
  assert_int_equal(codec, OA_CODING_GZIP);
  static const char *const zstd[] = {"zstd", "zstdarrow1", "zstdarrow5",
                                     "zstdarrow9", "zstdarrow10"};
  for (size_t i = 0; i < sizeof zstd / sizeof zstd[0]; i++) {
    codec = OA_CODING_NONE;
    assert_int_equal(encoding(zstd[i], &codec), OA_OK);
    assert_int_equal(codec, OA_CODING_ZSTD);
  }
  static const char *const others[] = {
      "",           "deflate",     "snappy",       "zstdarrow",
      "zstdarrow0", "zstdarrow11", "zstdarrow100", "zstdarrowx"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_int_equal(encoding(others[i], &codec), OA_ERR_UNSUPPORTED);
  }
}

static void messages_are_percent_encoded(void **state) {
  (void)state;
  char out[OA_GRPC_MESSAGE_SIZE];
  size_t len = oa_grpc_message_encode(out, "100% \xc3\xa4\n~");
  assert_int_equal(len, strlen("100%25 %C3%A4%0A~"));
  assert_memory_equal(out, "100%25 %C3%A4%0A~", 17);

  char text[3 * OA_GRPC_MAX_TEXT];
  memset(text, '%', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_int_equal(oa_grpc_message_encode(out, text), 3 * OA_GRPC_MAX_TEXT);
}

static void long_texts_are_cut_between_characters(void **state) {
  (void)state;
  char text[OA_GRPC_MAX_TEXT + 8];
  memset(text, 'a', sizeof text);
  memcpy(text + OA_GRPC_MAX_TEXT - 1, "\xe2\x82\xac", 3);
  text[sizeof text - 1] = '\0';
  assert_int_equal(oa_grpc_text_length(text), OA_GRPC_MAX_TEXT - 1);
  assert_int_equal(oa_grpc_text_length("abc"), 3);
}

static void details_hold_a_retry_delay(void **state) {
  (void)state;
  char out[OA_GRPC_DETAILS_SIZE];
  /* Made with the official protobuf classes: Status{code: 14, message: "full",
   * details: [Any(RetryInfo{retry_delay: 1.5 s})]}, padding cut off. */
  static const char expected[] =
      "CA4SBGZ1bGwaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJl"
      "dHJ5SW5mbxIKCggIARCAyrXuAQ";
  const size_t len =
      oa_grpc_details_encode(out, OA_GRPC_UNAVAILABLE, "full", 1500);
  assert_int_equal(len, sizeof expected - 1);
  assert_memory_equal(out, expected, sizeof expected - 1);

  char text[2 * OA_GRPC_MAX_TEXT];
  memset(text, 'a', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_true(oa_grpc_details_encode(out, OA_GRPC_UNAUTHENTICATED, text,
                                     UINT32_MAX) <= sizeof out);
  assert_true(oa_grpc_details_encode(out, OA_GRPC_UNAVAILABLE, NULL, 1) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(content_types_of_grpc_are_known),
      cmocka_unit_test(timeouts_are_read_in_every_unit),
      cmocka_unit_test(malformed_timeouts_are_refused),
      cmocka_unit_test(encodings_are_known_by_all_their_names),
      cmocka_unit_test(messages_are_percent_encoded),
      cmocka_unit_test(long_texts_are_cut_between_characters),
      cmocka_unit_test(details_hold_a_retry_delay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
