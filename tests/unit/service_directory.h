/* SPDX-License-Identifier: Apache-2.0 */
/* service_directory.h - a service in a directory of its own.
 *
 * A test under IN_DIRECTORY() has the directory's name as its state.
 */
#ifndef OA_TESTS_UNIT_SERVICE_DIRECTORY_H
#define OA_TESTS_UNIT_SERVICE_DIRECTORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp_arrow.h"

#define IN_DIRECTORY(TEST) \
  cmocka_unit_test_setup_teardown(TEST, setup, teardown)

static inline int setup(void **state) {
  char *directory = strdup("/tmp/oa_service_XXXXXX");
  assert_non_null(directory);
  assert_non_null(mkdtemp(directory));
  *state = directory;
  return 0;
}

static inline int teardown(void **state) {
  char erase[128];
  snprintf(erase, sizeof erase, "rm -r '%s'", (char *)*state);
  free(*state);
  return system(erase);
}

static inline void set(oa_config *config, const char *key, const char *value) {
  oa_error error = {0};
  if (oa_config_set(config, key, value, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

/* Files in DIRECTORY, free ports, few threads and no chatter. */
static inline oa_config *listening_config(const char *directory) {
  oa_config *config;
  assert_int_equal(oa_config_new(&config, NULL), OA_OK);
  set(config, "output_dir", directory);
  set(config, "protocols.protobuf_port", "0");
  set(config, "protocols.arrow_flight_port", "0");
  set(config, "dashboard.port", "0");
  set(config, "net.io_threads", "2");
  set(config, "log.level", "error");
  return config;
}

static inline oa_service *start(const oa_config *config) {
  oa_service *service;
  oa_error error = {0};
  if (oa_service_start(&service, config, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  return service;
}

static inline void stop(oa_service *service) {
  oa_error error = {0};
  if (oa_service_stop(service, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

#endif
