/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "service/metrics_text.h"

/* A strict reader of the OpenMetrics 1.0 text format, as far as counters,
 * gauges and infos go (openmetrics.io, "Text Format"). */

enum { MAX_FAMILIES = 100, MAX_SAMPLES = 400, NAME_SIZE = 100 };

typedef struct exposition {
  char families[MAX_FAMILIES][NAME_SIZE];
  size_t family_count;
  char samples[MAX_SAMPLES][2 * NAME_SIZE]; /* name and labels */
  double values[MAX_SAMPLES];
  size_t sample_count;
  char type[NAME_SIZE]; /* of the family at hand */
  bool has_unit, has_help;
} exposition;

/* Copies a metric or label name from *AT to OUT. */
static void take_name(const char **at, char *out) {
  size_t len = 0;
  assert_true(isalpha((unsigned char)**at) || **at == '_');
  while (isalnum((unsigned char)**at) || **at == '_') {
    assert_true(len + 1 < NAME_SIZE);
    out[len++] = *(*at)++;
  }
  out[len] = '\0';
}

static void expect(const char **at, const char *text) {
  assert_int_equal(strncmp(*at, text, strlen(text)), 0);
  *at += strlen(text);
}

static void take_comment(exposition *e, const char **at) {
  char kind[NAME_SIZE];
  char name[NAME_SIZE];
  expect(at, "# ");
  take_name(at, kind);
  expect(at, " ");
  take_name(at, name);
  expect(at, " ");
  if (strcmp(kind, "TYPE") == 0) {
    for (size_t i = 0; i < e->family_count; i++) {
      assert_string_not_equal(e->families[i], name);
    }
    assert_true(e->family_count < MAX_FAMILIES);
    snprintf(e->families[e->family_count++], NAME_SIZE, "%s", name);
    take_name(at, e->type);
    assert_true(strcmp(e->type, "counter") == 0 ||
                strcmp(e->type, "gauge") == 0 || strcmp(e->type, "info") == 0);
    e->has_unit = e->has_help = false;
    return;
  }
  assert_true(e->family_count > 0);
  assert_string_equal(name, e->families[e->family_count - 1]);
  if (strcmp(kind, "UNIT") == 0) {
    char unit[NAME_SIZE];
    assert_false(e->has_unit);
    e->has_unit = true;
    take_name(at, unit);
    assert_true(strlen(name) > strlen(unit) + 1);
    const char *end = name + strlen(name) - strlen(unit);
    assert_string_equal(end, unit);
    assert_int_equal(end[-1], '_');
    return;
  }
  assert_string_equal(kind, "HELP");
  assert_false(e->has_help);
  e->has_help = true;
  assert_true(**at != '\n');
  *at += strcspn(*at, "\n");
}

static void take_labels(const char **at) {
  char seen[8][NAME_SIZE];
  size_t count = 0;
  expect(at, "{");
  for (;;) {
    assert_true(count < 8);
    take_name(at, seen[count]);
    for (size_t i = 0; i < count; i++) {
      assert_string_not_equal(seen[i], seen[count]);
    }
    count++;
    expect(at, "=\"");
    while (**at != '"') {
      assert_true(**at != '\n' && **at != '\0');
      if (*(*at)++ == '\\') {
        assert_true(**at == '\\' || **at == '"' || **at == 'n');
        (*at)++;
      }
    }
    (*at)++;
    if (**at == '}') {
      (*at)++;
      return;
    }
    expect(at, ",");
  }
}

static void take_sample(exposition *e, const char **at) {
  const char *start = *at;
  char name[NAME_SIZE];
  char wanted[2 * NAME_SIZE];
  const char *suffix = strcmp(e->type, "counter") == 0 ? "_total"
                       : strcmp(e->type, "info") == 0  ? "_info"
                                                       : "";
  assert_true(e->family_count > 0);
  take_name(at, name);
  snprintf(wanted, sizeof wanted, "%s%s", e->families[e->family_count - 1],
           suffix);
  assert_string_equal(name, wanted);
  if (**at == '{') {
    take_labels(at);
  }
  assert_true(e->sample_count < MAX_SAMPLES);
  snprintf(e->samples[e->sample_count], 2 * NAME_SIZE, "%.*s",
           (int)(*at - start), start);
  for (size_t i = 0; i < e->sample_count; i++) {
    assert_string_not_equal(e->samples[i], e->samples[e->sample_count]);
  }
  expect(at, " ");
  char *end;
  assert_true(isdigit((unsigned char)**at));
  e->values[e->sample_count++] = strtod(*at, &end);
  *at = end;
}

static exposition *parse(const char *text) {
  exposition *e = calloc(1, sizeof *e);
  assert_non_null(e);
  const char *at = text;
  while (strcmp(at, "# EOF\n") != 0) {
    assert_true(*at != '\0');
    if (*at == '#') {
      take_comment(e, &at);
    } else {
      take_sample(e, &at);
    }
    expect(&at, "\n");
  }
  /* No sample of one family may bear the name that another one's have. */
  for (size_t i = 0; i < e->family_count; i++) {
    static const char *const suffixes[] = {"_total", "_created", "_info"};
    for (size_t k = 0; k < 3; k++) {
      char name[2 * NAME_SIZE];
      snprintf(name, sizeof name, "%s%s", e->families[i], suffixes[k]);
      for (size_t j = 0; j < e->family_count; j++) {
        assert_string_not_equal(e->families[j], name);
      }
    }
  }
  return e;
}

static double value_of(const exposition *e, const char *sample) {
  for (size_t i = 0; i < e->sample_count; i++) {
    if (strcmp(e->samples[i], sample) == 0) {
      return e->values[i];
    }
  }
  fail_msg("no sample %s", sample);
  return 0;
}

static exposition *expose(const oa_metrics_snapshot *snapshot) {
  oa_buf out = {0};
  assert_int_equal(oa_metrics_write(snapshot, &out), OA_OK);
  assert_int_equal(oa_buf_put_byte(&out, 0), OA_OK);
  exposition *e = parse((const char *)out.data);
  oa_buf_free(&out);
  return e;
}

static void the_text_is_open_metrics(void **state) {
  const oa_metrics_snapshot snapshot = {.version = "0.1.0"};
  (void)state;
  exposition *e = expose(&snapshot);
  assert_true(e->family_count > 25);
  assert_true(value_of(e, "otlp_arrow_build_info{version=\"0.1.0\"}") == 1);
  free(e);
}

static void each_number_has_its_sample(void **state) {
  oa_metrics_snapshot snapshot = {
      .version = "1",
      .uptime_ns = UINT64_C(1500000000),
      .ready = true,
      .pipeline = {.rows_buffered = {[OA_TRACES] = 11, [OA_LOGS] = 13},
                   .bytes_buffered = 14,
                   .batches_waiting = 15},
      .store = {.bytes_written = 21,
                .batches_written = 22,
                .files_sealed = 23,
                .files_removed = 24,
                .files_merged = 124,
                .merge_errors = 125,
                .files_recovered = 25,
                .files_corrupt = 26,
                .files_now = 27,
                .bytes_now = 28,
                .write_errors = 29,
                .write_ns = 2500000000,
                .fsync_ns = 1,
                .fsyncs = 30},
      .server = {.connections_now = 41,
                 .connections_opened = 42,
                 .connections_refused = 43,
                 .bytes_received = 44,
                 .body_bytes_now = 45},
      .process = {.cpu_ns = UINT64_C(3250000000), .resident_bytes = 46},
  };
  static const struct {
    const char *sample;
    double value;
  } wanted[] = {
      {"otlp_arrow_requests_total{signal=\"metrics\"}", 1},
      {"otlp_arrow_received_items_total{signal=\"metrics\"}", 23},
      {"otlp_arrow_given_up_items_total{signal=\"metrics\"}", 5},
      {"otlp_arrow_rejected_items_total{signal=\"metrics\"}", 3},
      {"otlp_arrow_stored_items_total{signal=\"metrics\"}", 4},
      {"otlp_arrow_repaired_strings_total{signal=\"metrics\"}", 6},
      {"otlp_arrow_received_bytes_total{signal=\"metrics\"}", 7},
      {"otlp_arrow_received_bytes_total{signal=\"logs\"}", 0},
      {"otlp_arrow_refused_requests_total{signal=\"metrics\",reason=\"disk\"}",
       8},
      {"otlp_arrow_refused_requests_total{signal=\"traces\",reason=\"disk\"}",
       0},
      {"otlp_arrow_buffered_items{signal=\"traces\"}", 0},
      {"otlp_arrow_buffered_items{signal=\"metrics\"}", 11},
      {"otlp_arrow_buffered_rows{signal=\"traces\"}", 11},
      {"otlp_arrow_buffered_rows{signal=\"metrics\"}", 0},
      {"otlp_arrow_buffered_rows{signal=\"logs\"}", 13},
      {"otlp_arrow_buffered_bytes", 14},
      {"otlp_arrow_waiting_batches", 15},
      {"otlp_arrow_written_bytes_total", 21},
      {"otlp_arrow_batches_total", 22},
      {"otlp_arrow_files_sealed_total", 23},
      {"otlp_arrow_files_removed_total", 24},
      {"otlp_arrow_files_merged_total", 124},
      {"otlp_arrow_merge_errors_total", 125},
      {"otlp_arrow_files_recovered_total", 25},
      {"otlp_arrow_files_corrupt_total", 26},
      {"otlp_arrow_files", 27},
      {"otlp_arrow_files_bytes", 28},
      {"otlp_arrow_write_errors_total", 29},
      {"otlp_arrow_write_seconds_total", 2.5},
      {"otlp_arrow_fsync_seconds_total", 1e-9},
      {"otlp_arrow_fsyncs_total", 30},
      {"otlp_arrow_connections", 41},
      {"otlp_arrow_connections_opened_total", 42},
      {"otlp_arrow_connections_refused_total", 43},
      {"otlp_arrow_network_received_bytes_total", 44},
      {"otlp_arrow_request_body_bytes", 45},
      {"otlp_arrow_ready", 1},
      {"otlp_arrow_uptime_seconds", 1.5},
      {"process_cpu_seconds_total", 3.25},
      {"process_resident_memory_bytes", 46},
  };
  (void)state;
  oa_signal_totals *metrics = &snapshot.signals[OA_METRICS];
  *metrics = (oa_signal_totals){.requests = 1,
                                .items_accepted = 20,
                                .items_rejected = 3,
                                .items_stored = 4,
                                .items_given_up = 5,
                                .strings_repaired = 6,
                                .bytes = 7};
  metrics->refused[OA_REFUSED_DISK] = 8;
  exposition *e = expose(&snapshot);
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    if (value_of(e, wanted[i].sample) != wanted[i].value) {
      fail_msg("%s is %f", wanted[i].sample, value_of(e, wanted[i].sample));
    }
  }
  free(e);
}

static void an_exporter_has_numbers_of_its_own(void **state) {
  oa_metrics_snapshot snapshot = {.version = "1"};
  (void)state;
  snapshot.forward.failures = 7;
  snapshot.forward.breaker = OA_CIRCUIT_OPEN;
  snapshot.forward.signals[OA_METRICS] = (oa_forward_counts){
      .delivered = 1, .refused = 2, .expired = 3, .lost = 4, .waiting = 5};
  static const struct {
    const char *sample;
    double value;
  } wanted[] = {
      {"otlp_arrow_forwarded_items_total{signal=\"metrics\"}", 1},
      {"otlp_arrow_forwarded_items_total{signal=\"logs\"}", 0},
      {"otlp_arrow_forward_waiting_items{signal=\"metrics\"}", 5},
      {"otlp_arrow_forward_passed_over_items_total{signal=\"metrics\","
       "reason=\"refused\"}",
       2},
      {"otlp_arrow_forward_passed_over_items_total{signal=\"metrics\","
       "reason=\"expired\"}",
       3},
      {"otlp_arrow_forward_passed_over_items_total{signal=\"metrics\","
       "reason=\"lost\"}",
       4},
      {"otlp_arrow_forward_failures_total", 7},
      {"otlp_arrow_forward_breaker_state", 2},
  };
  exposition *e = expose(&snapshot);
  for (size_t i = 0; i < e->family_count; i++) {
    assert_null(strstr(e->families[i], "forward")); /* there is none */
  }
  free(e);
  snapshot.forwards = true;
  e = expose(&snapshot);
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    assert_true(value_of(e, wanted[i].sample) == wanted[i].value);
  }
  free(e);
}

static void the_largest_numbers_fit(void **state) {
  oa_metrics_snapshot snapshot;
  (void)state;
  memset(&snapshot, 0xFF, sizeof snapshot);
  snapshot.ready = true;
  snapshot.forwards = true;
  snapshot.version = "9";
  exposition *e = expose(&snapshot);
  assert_true(value_of(e, "otlp_arrow_files") == 18446744073709551615.0);
  free(e);
}

static void odd_versions_are_escaped(void **state) {
  const oa_metrics_snapshot snapshot = {.version = "a\"b\\c\nd"};
  (void)state;
  exposition *e = expose(&snapshot);
  value_of(e, "otlp_arrow_build_info{version=\"a\\\"b\\\\c\\nd\"}");
  free(e);
}

static void the_process_is_measured(void **state) {
  oa_process_stats stats = {0};
  (void)state;
  oa_process_get_stats(&stats);
  assert_true(stats.cpu_ns > 0);
  assert_true(stats.resident_bytes > 100000);
}

static void any_allocation_may_fail(void **state) {
  const oa_metrics_snapshot snapshot = {.version = "1", .forwards = true};
  int64_t n = 0;
  (void)state;
  for (;; n++) {
    oa_buf out = {0};
    oa_mem_fail_after(n);
    const oa_status status = oa_metrics_write(&snapshot, &out);
    oa_mem_fail_after(-1);
    oa_buf_free(&out);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  assert_true(n > 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_text_is_open_metrics),
      cmocka_unit_test(each_number_has_its_sample),
      cmocka_unit_test(an_exporter_has_numbers_of_its_own),
      cmocka_unit_test(the_largest_numbers_fit),
      cmocka_unit_test(odd_versions_are_escaped),
      cmocka_unit_test(the_process_is_measured),
      cmocka_unit_test(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
