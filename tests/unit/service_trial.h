/* SPDX-License-Identifier: Apache-2.0 */
/* service_trial.h - a service in a directory of its own, and a client that
 * speaks just enough HTTP/1.1, for the tests of the public service.
 */
#ifndef OA_TESTS_UNIT_SERVICE_TRIAL_H
#define OA_TESTS_UNIT_SERVICE_TRIAL_H

#include "service_directory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

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
