/* SPDX-License-Identifier: Apache-2.0 */
/* export_trial.h - a service of the program's own telemetry, what is exported
 * to it, and the rows that its files then hold.
 */
#ifndef OA_TESTS_UNIT_EXPORT_TRIAL_H
#define OA_TESTS_UNIT_EXPORT_TRIAL_H

#include <uv.h>

#include "base/clock.h"
#include "service_trial.h"

#define MS UINT64_C(1000000)

static inline oa_config *embedded_config(const char *directory) {
  oa_config *config;
  assert_int_equal(oa_config_new_embedded(&config, NULL), OA_OK);
  set(config, "output_dir", directory);
  set(config, "log.level", "error");
  return config;
}

static inline oa_service *start_in(const char *directory, const char *ack) {
  oa_config *config = embedded_config(directory);
  set(config, "ack", ack);
  oa_service *service = start(config);
  oa_config_free(config);
  return service;
}

/* One log record. */
static const char record[] =
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":"
    "\"1700000000000000000\",\"body\":{\"stringValue\":\"hello\"}}]}]}]}";

static inline oa_status export_text(oa_service *service, const char *text,
                                    oa_export_result *result, oa_error *error) {
  return oa_service_export(service, OA_LOGS, OA_FORM_JSON, text, strlen(text),
                           result, error);
}

static inline oa_status export_one(oa_service *service) {
  return export_text(service, record, NULL, NULL);
}

/* COUNT spans of this process. */
static inline void build(oa_builder *builder, size_t count) {
  oa_builder_reset(builder);
  oa_build_resource(builder, NULL);
  oa_build_string(builder, OA_S("service.name"), OA_S("test"));
  oa_build_scope(builder, NULL);
  for (size_t i = 0; i < count; i++) {
    const oa_span span = {.size = sizeof span,
                          .trace_id = {1},
                          .span_id = {(uint8_t)i, 1},
                          .name = OA_S("work"),
                          .start_time_unix_nano = 1 + i,
                          .end_time_unix_nano = 2 + i};
    oa_build_span(builder, &span);
    oa_build_int(builder, OA_S("i"), (int64_t)i);
  }
}

/* Rows in the files below DIRECTORY, all of which end as they should. */
static inline uint64_t rows_in(const char *directory) {
  oa_file_list *list;
  uint64_t rows = 0;
  oa_error error = {0};
  assert_int_equal(oa_file_list_new(&list, directory, &error), OA_OK);
  for (size_t i = 0; i < oa_file_list_count(list); i++) {
    oa_reader *reader;
    oa_reader_info info;
    assert_int_equal(
        oa_reader_open(&reader, oa_file_list_path(list, i), &error), OA_OK);
    assert_int_equal(oa_reader_describe(reader, &info, &error), OA_OK);
    rows += info.rows;
    oa_reader_close(reader);
  }
  oa_file_list_free(list);
  return rows;
}

static inline oa_service_stats stats_of(oa_service *service) {
  oa_service_stats stats = {.size = sizeof stats};
  assert_int_equal(oa_service_get_stats(service, &stats, NULL), OA_OK);
  return stats;
}

#endif
