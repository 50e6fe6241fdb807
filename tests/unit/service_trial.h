/* SPDX-License-Identifier: Apache-2.0 */
/* service_trial.h - a service in a directory of its own, and a client that
 * speaks just enough HTTP/1.1.
 *
 * For the tests of the public service: a test under IN_DIRECTORY() has the
 * directory's name as its state.
 */
#ifndef OA_TESTS_UNIT_SERVICE_TRIAL_H
#define OA_TESTS_UNIT_SERVICE_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
  free(*state);
  return system(command);
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

/* --- a client --- */

enum { ANSWER_SIZE = 65536 };

/* A connection to PORT, or -1. */
static inline int dial(uint16_t port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Sends REQUEST of SIZE bytes and reads to the end of the connection: OUT has
 * ANSWER_SIZE bytes and is terminated. */
static inline void ask(uint16_t port, const char *request, int size,
                       char *out) {
  size_t len = 0;
  const int fd = dial(port);
  assert_true(fd >= 0);
  assert_int_equal(send(fd, request, (size_t)size, MSG_NOSIGNAL), size);
  for (;;) {
    const ssize_t n = recv(fd, out + len, ANSWER_SIZE - 1 - len, 0);
    if (n <= 0) {
      break;
    }
    len += (size_t)n;
  }
  out[len] = '\0';
  close(fd);
}

static inline void get(uint16_t port, const char *path, char *out) {
  char request[256];
  const int size =
      snprintf(request, sizeof request,
               "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
  ask(port, request, size, out);
}

/* The status of an empty export over HTTP with FIELD, a line of its head. */
static inline int export_with(uint16_t port, const char *field) {
  char answer[ANSWER_SIZE];
  char request[512];
  const int size =
      snprintf(request, sizeof request,
               "POST /v1/logs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
               "Content-Type: application/json\r\n%s"
               "Content-Length: 2\r\n\r\n{}",
               field);
  ask(port, request, size, answer);
  assert_int_equal(strncmp(answer, "HTTP/1.1 ", 9), 0);
  return (int)strtol(answer + 9, NULL, 10);
}

static inline void send_log_record(const oa_service *service) {
  static const char body[] =
      "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}";
  char request[512];
  char answer[64];
  const int size = snprintf(request, sizeof request,
                            "POST /v1/logs HTTP/1.1\r\nHost: x\r\n"
                            "Content-Type: application/json\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            sizeof body - 1, body);
  const int fd = dial(oa_service_port(service, OA_LISTENER_PROTOBUF));
  assert_int_equal(send(fd, request, (size_t)size, MSG_NOSIGNAL), size);
  assert_true(recv(fd, answer, sizeof answer, 0) > 12);
  assert_memory_equal(answer, "HTTP/1.1 200", 12);
  close(fd);
}

static inline void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

#endif
