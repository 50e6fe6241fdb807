/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrow/ipc_read.h"
#include "base/mem.h"
#include "otlp_arrow_reader.h"

#define LOGS(BODY)                                                  \
  "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{" \
  "\"stringValue\":\"" BODY "\"}}]}]}]}"
#define SPANS(ID)                                                       \
  "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" ID \
  "\"}"                                                                 \
  "]}]}]}"

/* A file of its own for each test. */
typedef struct place {
  char directory[64];
  char path[96];
} place;

static int make_place(void **state) {
  place *p = calloc(1, sizeof *p);
  if (p == NULL) {
    return -1;
  }
  snprintf(p->directory, sizeof p->directory, "/tmp/oa_json_XXXXXX");
  if (mkdtemp(p->directory) == NULL) {
    free(p);
    return -1;
  }
  snprintf(p->path, sizeof p->path, "%s/requests.jsonl", p->directory);
  *state = p;
  return 0;
}

static int remove_place(void **state) {
  place *p = *state;
  unlink(p->path);
  rmdir(p->directory);
  free(p);
  return 0;
}

static void save(const place *p, const char *text) {
  FILE *file = fopen(p->path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

static oa_json_file *open_saved(const place *p, const char *text) {
  oa_json_file *file = NULL;
  save(p, text);
  assert_int_equal(oa_json_file_open(&file, p->path, NULL), OA_OK);
  return file;
}

static void assert_text(oa_json_file *file, const char *want) {
  const char *text;
  size_t len;
  assert_int_equal(oa_json_file_text(file, &text, &len, NULL), OA_OK);
  assert_int_equal(len, strlen(want));
  assert_memory_equal(text, want, len);
}

static void requests_come_one_after_another(void **state) {
  oa_json_file *file =
      open_saved(*state, "\n" LOGS("a") "\n\r\n" SPANS("") " {}\n{\n }\n" LOGS(
                             "}]\\\"\\\\") LOGS("c"));
  size_t len;
  assert_string_equal(oa_json_file_signal(file), "");
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_string_equal(oa_json_file_signal(file), "logs");
  assert_int_equal(oa_json_file_line(file), 2);
  assert_text(file, LOGS("a"));
  assert_non_null(oa_json_file_request(file, &len));
  assert_true(len > 0);
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_string_equal(oa_json_file_signal(file), "traces");
  assert_int_equal(oa_json_file_line(file), 4);
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_int_equal(oa_json_file_line(file), 7);
  assert_text(file, LOGS("}]\\\"\\\\"));
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_int_equal(oa_json_file_line(file), 7);
  assert_text(file, LOGS("c"));
  assert_int_equal(oa_json_file_next(file, NULL), OA_END);
  assert_false(oa_json_file_torn(file));
  assert_string_equal(oa_json_file_signal(file), "");
  oa_json_file_close(file);
}

/* The first one is far longer than what is read at a time. */
static void long_requests_are_read_whole(void **state) {
  enum { LONG = 3000000 };
  const char *head = "{\"resourceLogs\":[{\"schemaUrl\":\"";
  char *text = malloc(LONG + 200);
  assert_non_null(text);
  memset(text, 'x', LONG);
  memcpy(text, head, strlen(head));
  strncpy(text + LONG, "\"}]}\n" LOGS("b"), 200);
  oa_json_file *file = open_saved(*state, text);
  const char *have;
  size_t len;
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_int_equal(oa_json_file_text(file, &have, &len, NULL), OA_OK);
  assert_int_equal(len, LONG + 4);
  assert_memory_equal(have, text, len);
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_text(file, LOGS("b"));
  assert_int_equal(oa_json_file_next(file, NULL), OA_END);
  oa_json_file_close(file);
  free(text);
}

static void an_error_names_file_and_line(void **state) {
  const place *p = *state;
  oa_error error = {0};
  char want[300];
  oa_json_file *file = open_saved(p, LOGS("a") "\n{\n\"resourceLogs\": 1 }\n");
  assert_int_equal(oa_json_file_next(file, &error), OA_OK);
  assert_int_equal(oa_json_file_next(file, &error), OA_ERR_MALFORMED);
  snprintf(want, sizeof want,
           "%s:2: logs: resourceLogs at byte 18 (line 3, column 17): expected "
           "an array, found a number",
           p->path);
  assert_string_equal(error.text, want);
  assert_string_equal(oa_json_file_signal(file), "");
  oa_json_file_close(file);

  file = open_saved(p, "\n{\"spans\":[]}");
  assert_int_equal(oa_json_file_next(file, &error), OA_ERR_MALFORMED);
  snprintf(want, sizeof want,
           "%s:2: OTLP/JSON: at byte 0 (line 2, column 1): no member is "
           "resourceSpans, resourceMetrics or resourceLogs",
           p->path);
  assert_string_equal(error.text, want);
  oa_json_file_close(file);
}

static void a_file_cut_anywhere_is_torn(void **state) {
  const char *all = LOGS("a") "\n" LOGS("b\\n\\u0041");
  const size_t first = strlen(LOGS("a"));
  for (size_t len = 1; len < strlen(all); len++) {
    char text[300];
    snprintf(text, sizeof text, "%.*s", (int)len, all);
    oa_json_file *file = open_saved(*state, text);
    if (len >= first) {
      assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
    }
    assert_int_equal(oa_json_file_next(file, NULL), OA_END);
    assert_int_equal(oa_json_file_torn(file), len != first && len != first + 1);
    oa_json_file_close(file);
  }
}

static void what_is_json_is_known_by_name_or_brace(void **state) {
  const place *p = *state;
  char other[128];
  save(p, "ARROW1");
  assert_true(oa_json_file_is(p->path));
  snprintf(other, sizeof other, "%s/x.arrow", p->directory);
  assert_int_equal(rename(p->path, other), 0);
  assert_false(oa_json_file_is(other));
  assert_int_equal(rename(other, p->path), 0);
  save(p, "{");
  assert_int_equal(rename(p->path, other), 0);
  assert_true(oa_json_file_is(other));
  assert_int_equal(rename(other, p->path), 0);
  assert_false(oa_json_file_is("/nonexistent.json"));
  assert_false(oa_json_file_is(p->directory));
}

static void a_file_that_is_not_there_is_named(void **state) {
  (void)state;
  oa_error error = {0};
  oa_json_file *file = NULL;
  assert_int_equal(oa_json_file_open(&file, "/nonexistent.json", &error),
                   OA_ERR_NOT_FOUND);
  assert_string_equal(error.text,
                      "/nonexistent.json: No such file or directory");
  assert_null(file);
  oa_json_file_close(NULL);
}

/* --- into Arrow --- */

typedef struct sink {
  uint8_t *bytes;
  size_t len;
} sink;

static oa_status collect(void *context, const void *bytes, size_t len) {
  sink *s = context;
  s->bytes = realloc(s->bytes, s->len + len + 1);
  assert_non_null(s->bytes);
  memcpy(s->bytes + s->len, bytes, len);
  s->len += len;
  return OA_OK;
}

/* Rows of the stream in S. */
static int64_t count_rows(const sink *s) {
  oa_ipc_reader *reader;
  oa_ipc_event event = OA_IPC_SCHEMA;
  int64_t total = 0;
  size_t at = 0;
  assert_int_equal(oa_ipc_reader_new(&reader, &oa_ipc_limits_default), OA_OK);
  while (event != OA_IPC_EOS) {
    size_t used;
    int64_t rows;
    assert_int_equal(
        oa_ipc_read(reader, s->bytes + at, s->len - at, &used, &event, NULL),
        OA_OK);
    at += used;
    if (event == OA_IPC_BATCH) {
      assert_non_null(oa_ipc_reader_columns(reader, &rows));
      total += rows;
    }
  }
  assert_int_equal(at, s->len);
  oa_ipc_reader_free(reader);
  return total;
}

static oa_output *open_output(sink *s) {
  const oa_output_options options = {.format = OA_OUTPUT_STREAM,
                                     .compression = OA_OUTPUT_NONE,
                                     .write = collect,
                                     .context = s};
  oa_output *output = NULL;
  assert_int_equal(oa_output_new(&output, &options, NULL), OA_OK);
  return output;
}

static void requests_become_rows(void **state) {
  sink s = {0};
  oa_rejection rejection = {0};
  oa_json_file *file =
      open_saved(*state, SPANS("000102030405060708090a0b0c0d0e0f") "\n" SPANS(
                             "0001") "\n" SPANS("") "\n");
  oa_output *output = open_output(&s);
  static const uint64_t rejected[] = {0, 1, 0};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
    assert_int_equal(oa_output_request(output, file, &rejection, NULL), OA_OK);
    assert_int_equal(rejection.items, rejected[i]);
    assert_int_equal(rejection.reason[0] != '\0', rejected[i] > 0);
  }
  assert_int_equal(oa_output_finish(output, NULL), OA_OK);
  oa_output_free(output);
  oa_json_file_close(file);
  assert_int_equal(count_rows(&s), 2);
  free(s.bytes);
}

static void one_output_takes_one_signal(void **state) {
  sink s = {0};
  oa_error error = {0};
  oa_rejection rejection = {0};
  oa_json_file *file = open_saved(*state, SPANS("") LOGS("a"));
  oa_output *output = open_output(&s);
  assert_int_equal(oa_output_request(output, file, &rejection, &error),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_int_equal(oa_output_request(output, file, &rejection, NULL), OA_OK);
  assert_int_equal(oa_json_file_next(file, NULL), OA_OK);
  assert_int_equal(oa_output_request(output, file, &rejection, &error),
                   OA_ERR_UNSUPPORTED);
  assert_string_equal(error.text,
                      "a request of logs behind requests of traces; one Arrow "
                      "file holds one signal");
  oa_output_free(output);
  oa_json_file_close(file);
  free(s.bytes);
}

static oa_status run_all(const place *p, sink *s) {
  const oa_output_options options = {.write = collect, .context = s};
  oa_rejection rejection = {0};
  oa_json_file *file = NULL;
  oa_output *output = NULL;
  const char *text;
  size_t len;
  oa_status status = oa_json_file_open(&file, p->path, NULL);
  if (status == OA_OK) {
    status = oa_output_new(&output, &options, NULL);
  }
  while (status == OA_OK && (status = oa_json_file_next(file, NULL)) == OA_OK) {
    status = oa_json_file_text(file, &text, &len, NULL);
    if (status == OA_OK) {
      status = oa_output_request(output, file, &rejection, NULL);
    }
  }
  if (status == OA_END) {
    status = oa_output_finish(output, NULL);
  }
  oa_output_free(output);
  oa_json_file_close(file);
  return status;
}

static void running_out_of_memory_is_a_status(void **state) {
  save(*state, LOGS("a") "\n" LOGS("b") "\n");
  for (int64_t n = 0;; n++) {
    sink s = {0};
    oa_mem_fail_after(n);
    const oa_status status = run_all(*state, &s);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      assert_int_equal(count_rows(&s), 2);
      free(s.bytes);
      assert_true(n > 10);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    free(s.bytes);
  }
}

#define TEST(NAME) \
  cmocka_unit_test_setup_teardown(NAME, make_place, remove_place)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(requests_come_one_after_another),
      TEST(long_requests_are_read_whole),
      TEST(an_error_names_file_and_line),
      TEST(a_file_cut_anywhere_is_torn),
      TEST(what_is_json_is_known_by_name_or_brace),
      TEST(a_file_that_is_not_there_is_named),
      TEST(requests_become_rows),
      TEST(one_output_takes_one_signal),
      TEST(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
