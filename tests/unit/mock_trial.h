/* SPDX-License-Identifier: Apache-2.0 */
/* mock_trial.h - mocks and those who send to them: plain sockets, so that
 * nothing of the library is between the test and the port.
 */
#ifndef OA_TESTS_UNIT_MOCK_TRIAL_H
#define OA_TESTS_UNIT_MOCK_TRIAL_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "c_data_trial.h"
#include "otlp/json.h"
#include "otlp_arrow.h"

enum { NS_PER_MS = 1000000, PATIENCE_MS = 60000 };

#define LOG(SEVERITY) "{\"severityNumber\":" #SEVERITY "}"
#define LOGS(RECORDS) \
  "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[" RECORDS "]}]}]}"
static const char three_logs[] = LOGS(LOG(1) "," LOG(2) "," LOG(3));
static const char one_log[] = LOGS(LOG(9));

/* --- life --- */

static inline oa_mock *start(void) {
  oa_mock *mock;
  oa_error error = {0};
  if (oa_mock_start(&mock, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  return mock;
}

static inline void stop(oa_mock *mock) {
  oa_error error = {0};
  if (oa_mock_stop(mock, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

/* -1 when there is nobody. */
static inline int connect_to(uint16_t port) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  const void *any = &address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, any, sizeof address) != 0) {
    close(fd);
    return -1;
  }
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

static inline bool send_all(int fd, const void *bytes, size_t len) {
  const uint8_t *at = bytes;
  while (len > 0) {
    const ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    at += n;
    len -= (size_t)n;
  }
  return true;
}

/* The HTTP status of sending BODY to PATH, 0 without an answer.  Threads call
 * this too, so it asserts nothing. */
static inline int post(uint16_t port, const char *path, const char *type,
                       const void *body, size_t len) {
  char head[256];
  char answer[256] = "";
  int status = 0;
  const int fd = connect_to(port);
  if (fd < 0) {
    return 0;
  }
  snprintf(head, sizeof head,
           "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: %s\r\n"
           "content-length: %zu\r\nconnection: close\r\n\r\n",
           path, type, len);
  if (send_all(fd, head, strlen(head)) && send_all(fd, body, len) &&
      recv(fd, answer, sizeof answer - 1, 0) > 12 &&
      memcmp(answer, "HTTP/1.1 ", 9) == 0) {
    status = (int)strtol(answer + 9, NULL, 10);
  }
  close(fd);
  return status;
}

static inline int post_logs(uint16_t port, const char *text) {
  return post(port, "/v1/logs", "application/json", text, strlen(text));
}

static inline uint16_t first_port(const oa_mock *mock) {
  return oa_mock_port(mock, OA_LISTENER_PROTOBUF);
}

static inline oa_status export_logs(oa_mock *mock, const char *text) {
  return oa_service_export(oa_mock_service(mock), OA_LOGS, OA_FORM_JSON, text,
                           strlen(text), NULL, NULL);
}

static inline oa_status collect(void *context, const char *text, size_t len) {
  return oa_buf_put(context, text, len);
}

/* What MOCK has of SIGNAL as OTLP/JSON; to be freed. */
static inline char *json_of(oa_mock *mock, oa_signal signal) {
  oa_buf text = {0};
  oa_error error = {0};
  if (oa_mock_json(mock, signal, collect, &text, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_int_equal(oa_buf_put_byte(&text, '\0'), OA_OK);
  return (char *)text.data;
}

static inline void expect_json(oa_mock *mock, oa_signal signal,
                               const char *want) {
  char *have = json_of(mock, signal);
  assert_string_equal(have, want);
  oa_free(have);
}

static inline struct ArrowArrayStream open_stream(oa_mock *mock,
                                                  oa_signal signal) {
  struct ArrowArrayStream stream;
  oa_error error = {0};
  if (oa_mock_open(mock, &stream, signal, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  return stream;
}

/* Reads STREAM to its end and releases it; what came goes to SINK too, unless
 * that is NULL. */
static inline int64_t drain(struct ArrowArrayStream *stream, oa_signal signal,
                            oa_mock *sink) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t rows = 0;
  assert_int_equal(stream->get_schema(stream, &schema), 0);
  for (;;) {
    assert_int_equal(stream->get_next(stream, &batch), 0);
    if (batch.release == NULL) {
      break;
    }
    rows += batch.length;
    if (sink != NULL) {
      assert_int_equal(oa_service_export_arrow(oa_mock_service(sink), signal,
                                               &schema, &batch, NULL, NULL),
                       OA_OK);
    }
    batch.release(&batch);
  }
  assert_null(stream->get_last_error(stream));
  schema.release(&schema);
  stream->release(stream);
  assert_null(stream->release);
  return rows;
}

/* Sends the recorded request of SIGNAL, once over a port and once without. */
static inline void send_golden(oa_mock *mock, oa_signal signal) {
  char path[64];
  oa_buf bytes = {0};
  snprintf(path, sizeof path, "tests/golden/%s.pb", oa_signal_name(signal));
  read_file(path, &bytes);
  snprintf(path, sizeof path, "/v1/%s", oa_signal_name(signal));
  assert_int_equal(post(first_port(mock), path, "application/x-protobuf",
                        bytes.data, bytes.len),
                   200);
  assert_int_equal(
      oa_service_export(oa_mock_service(mock), signal, OA_FORM_PROTOBUF,
                        bytes.data, bytes.len, NULL, NULL),
      OA_OK);
  oa_buf_free(&bytes);
}

/* --- senders on threads of their own --- */

typedef struct sender {
  pthread_t thread;
  oa_mock *mock;
  int requests;
  unsigned pause_ms;
  int failed;
} sender;

static inline void *send_some(void *context) {
  sender *s = context;
  for (int i = 0; i < s->requests; i++) {
    uv_sleep(s->pause_ms);
    const bool port = i % 2 == 0;
    s->failed += port ? post_logs(first_port(s->mock), one_log) != 200
                      : export_logs(s->mock, one_log) != OA_OK;
  }
  return NULL;
}

static inline void begin(sender *s) {
  assert_int_equal(pthread_create(&s->thread, NULL, send_some, s), 0);
}

static inline void finish(sender *s) {
  assert_int_equal(pthread_join(s->thread, NULL), 0);
  assert_int_equal(s->failed, 0);
}

#endif
