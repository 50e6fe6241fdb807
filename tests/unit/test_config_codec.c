/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs in a configuration: which are let in, and who owns what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "otlp_arrow.h"

static oa_status decode(void *context, oa_signal signal, const void *bytes,
                        size_t len, oa_builder *builder, oa_error *error) {
  (void)context;
  (void)signal;
  (void)bytes;
  (void)len;
  (void)builder;
  (void)error;
  return OA_OK;
}

static oa_config *new_config(void) {
  oa_config *config;
  assert_int_equal(oa_config_new(&config, NULL), OA_OK);
  return config;
}

static oa_status add(oa_config *config, const char *type, oa_error *error) {
  const oa_codec codec = {.content_type = type, .decode = decode};
  return oa_config_add_codec(config, &codec, error);
}

static void a_codec_and_its_type_are_copied(void **state) {
  char type[] = "Text/CSV";
  oa_codec codec = {.context = &type, .content_type = type, .decode = decode};
  (void)state;
  oa_config *config = new_config();
  assert_int_equal(oa_config_add_codec(config, &codec, NULL), OA_OK);
  memset(type, 'x', sizeof type - 1);
  codec.decode = NULL;
  assert_int_equal(config->codecs.count, 1);
  assert_string_equal(config->codecs.items[0].content_type, "text/csv");
  assert_ptr_equal(config->codecs.items[0].decode, decode);
  assert_ptr_equal(config->codecs.items[0].context, type);

  oa_config copy;
  assert_int_equal(oa_config_copy(&copy, config), OA_OK);
  oa_config_free(config);
  assert_int_equal(copy.codecs.count, 1);
  assert_string_equal(copy.codecs.items[0].content_type, "text/csv");
  assert_ptr_equal(copy.codecs.items[0].decode, decode);
  assert_non_null(copy.codecs.run);
  oa_config_reset(&copy);
  assert_int_equal(copy.codecs.count, 0);
}

static void what_is_missing_is_refused(void **state) {
  const oa_codec neither = {.content_type = "text/csv"};
  oa_error error = {0};
  (void)state;
  oa_config *config = new_config();
  assert_int_equal(oa_config_add_codec(NULL, &neither, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_add_codec(config, NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_add_codec(config, NULL, NULL), OA_ERR_CONFIG);
  assert_int_equal(add(config, NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_add_codec(config, &neither, &error),
                   OA_ERR_CONFIG);
  assert_string_equal(error.text, "the codec has neither decode nor encode");
  assert_int_equal(config->codecs.count, 0);
  oa_config_free(config);
}

static void only_media_types_are_let_in(void **state) {
  static const char *const good[] = {"text/csv", "application/vnd.x-1+json",
                                     "a/b", "x!#$%&'/*+-.^_`|~",
                                     "application/x-ndjson"};
  static const char *const bad[] = {"",
                                    "text",
                                    "text/",
                                    "/csv",
                                    "text/csv/x",
                                    "text/csv; a=b",
                                    "text/csv ",
                                    " text/csv",
                                    "text /csv",
                                    "text/c,sv",
                                    "text/c\tsv",
                                    "text/c\nsv",
                                    "text/\x01",
                                    "text/cs\xC3\xA9",
                                    "text/*",
                                    "*/*",
                                    "*/csv",
                                    "te\"xt/csv",
                                    "text/csv\x7F"};
  char text[512];
  oa_error error = {0};
  (void)state;
  oa_config *config = new_config();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(add(config, bad[i], &error), OA_ERR_CONFIG);
    assert_non_null(strstr(error.text,
                           "is not a media type; write one such as "
                           "text/csv, without parameters"));
  }
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_int_equal(add(config, good[i], &error), OA_OK);
  }
  /* The longest, and one byte more. */
  memset(text, 'a', sizeof text);
  text[10] = '/';
  text[OA_CODEC_MAX_TYPE + 1] = '\0';
  assert_int_equal(add(config, text, &error), OA_ERR_CONFIG);
  text[OA_CODEC_MAX_TYPE] = '\0';
  assert_int_equal(add(config, text, &error), OA_OK);
  oa_config_free(config);
}

static void what_the_service_knows_itself_is_refused(void **state) {
  static const char *const ours[] = {
      "application/x-protobuf", "application/protobuf",
      "application/json",       "Application/JSON",
      "application/grpc",       "application/grpc+proto",
      "application/grpc-web",   "application/grpc-web-text"};
  oa_error error = {0};
  (void)state;
  oa_config *config = new_config();
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
    assert_int_equal(add(config, ours[i], &error), OA_ERR_CONFIG);
    assert_non_null(strstr(error.text, "is of OTLP itself"));
  }
  assert_int_equal(add(config, "text/csv", &error), OA_OK);
  assert_int_equal(add(config, "TEXT/csv", &error), OA_ERR_CONFIG);
  assert_string_equal(
      error.text,
      "the content type \"text/csv\" of the codec has a codec already");
  assert_int_equal(config->codecs.count, 1);
  oa_config_free(config);
}

static void eight_codecs_are_enough(void **state) {
  char type[32];
  oa_error error = {0};
  (void)state;
  oa_config *config = new_config();
  for (int i = 0; i < OA_MAX_CODECS; i++) {
    snprintf(type, sizeof type, "text/x%d", i);
    assert_int_equal(add(config, type, &error), OA_OK);
  }
  assert_int_equal(add(config, "text/more", &error), OA_ERR_LIMIT);
  assert_string_equal(error.text,
                      "there are 8 codecs already, and no more may be");
  assert_int_equal(config->codecs.count, OA_MAX_CODECS);
  oa_config_free(config);
}

static void without_memory_nothing_is_added_and_nothing_lost(void **state) {
  oa_error error = {0};
  (void)state;
  oa_config *config = new_config();
  assert_int_equal(add(config, "text/a", NULL), OA_OK);
  oa_mem_fail_after(0);
  assert_int_equal(add(config, "text/b", &error), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_int_equal(config->codecs.count, 1);
  assert_int_equal(add(config, "text/b", NULL), OA_OK);

  oa_config copy;
  long n = 0;
  oa_status status;
  do {
    oa_mem_fail_after(n++);
    status = oa_config_copy(&copy, config);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
  } while (status != OA_OK);
  assert_true(n > 3); /* the two codecs, at least, can fail */
  assert_int_equal(copy.codecs.count, 2);
  assert_string_equal(copy.codecs.items[1].content_type, "text/b");
  oa_config_reset(&copy);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_codec_and_its_type_are_copied),
      cmocka_unit_test(what_is_missing_is_refused),
      cmocka_unit_test(only_media_types_are_let_in),
      cmocka_unit_test(what_the_service_knows_itself_is_refused),
      cmocka_unit_test(eight_codecs_are_enough),
      cmocka_unit_test(without_memory_nothing_is_added_and_nothing_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
