/* SPDX-License-Identifier: Apache-2.0 */
/* service_house.h - a whole service in a folder of its own, for fuzz targets
 * that talk to its ports.
 *
 * It lives as long as the process.  Every CHECK_EVERY inputs, and at the end,
 * a good client must be served as ever.
 */
#ifndef OA_TESTS_FUZZ_SERVICE_HOUSE_H
#define OA_TESTS_FUZZ_SERVICE_HOUSE_H

#include <dirent.h>

#include "net_talk.h"
#include "otlp_arrow.h"

enum { SERVICE_CHECK_EVERY = 128, SERVICE_PATH = 512 };

typedef struct service_house {
  oa_service *service;
  char folder[64];
  char file[SERVICE_PATH]; /* a file of spans that is there */
  unsigned inputs;
} service_house;

static service_house the_service;

static inline void service_set(oa_config *config, const char *key,
                               const char *value) {
  oa_error error;
  require(oa_config_set(config, key, value, &error) == OA_OK);
}

/* libmicrohttpd (0.9.75) overlooks an end that comes at once with the bytes
 * before it, and waits until the connection has been idle for too long. */
enum { SERVICE_PAUSE = 3 };

static inline void service_talk(oa_listener listener, const uint8_t *data,
                                size_t len, oa_buf *answer) {
  const uint16_t port = oa_service_port(the_service.service, listener);
  talk_on(talk_connect(port), data, len,
          listener == OA_LISTENER_DASHBOARD ? SERVICE_PAUSE : 0, answer);
}

/* Sends TEXT, after which LISTENER closes; the answer must begin with WANTED.
 */
static inline void service_expect(oa_listener listener, const char *text,
                                  const char *wanted) {
  oa_buf answer = {0};
  talk(oa_service_port(the_service.service, listener), (const uint8_t *)text,
       strlen(text), &answer);
  require(answer.len >= strlen(wanted) &&
          memcmp(answer.data, wanted, strlen(wanted)) == 0);
  oa_buf_free(&answer);
}

/* Sends BODY in JSON to PATH, which must be taken. */
static inline void service_post(const char *path, const char *body) {
  char text[512];
  snprintf(text, sizeof text,
           "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
           "Content-Length: %zu\r\n\r\n%s",
           path, strlen(body), body);
  service_expect(OA_LISTENER_PROTOBUF, text, "HTTP/1.1 200 ");
}

static inline void service_serves(void) {
  service_post("/v1/logs",
               "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}");
  service_expect(OA_LISTENER_DASHBOARD,
                 "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                 "HTTP/1.1 200 ");
}

static void service_end(void) {
  char erase[96];
  service_serves();
  require(oa_service_stop(the_service.service, NULL) == OA_OK);
  snprintf(erase, sizeof erase, "rm -r '%s'", the_service.folder);
  require(system(erase) == 0);
}

/* Stores a span and finds out in which file. */
static inline void service_store_span(void) {
  char folder[96];
  const struct dirent *entry;
  service_post("/v1/traces",
               "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}");
  require(oa_service_flush(the_service.service, TALK_PATIENCE, NULL) == OA_OK);
  snprintf(folder, sizeof folder, "%s/otlp/traces", the_service.folder);
  DIR *dir = opendir(folder);
  require(dir != NULL);
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] != '.') {
      snprintf(the_service.file, sizeof the_service.file, "traces/%s",
               entry->d_name);
    }
  }
  closedir(dir);
  require(the_service.file[0] != '\0');
}

static inline service_house *service_of_process(void) {
  service_house *h = &the_service;
  if (h->service == NULL) {
    oa_error error;
    oa_config *config = NULL;
    snprintf(h->folder, sizeof h->folder, "/tmp/oa_fuzz_XXXXXX");
    require(mkdtemp(h->folder) != NULL);
    require(oa_config_new(&config, &error) == OA_OK);
    service_set(config, "output_dir", h->folder);
    service_set(config, "protocols.protobuf_port", "0");
    service_set(config, "protocols.arrow_flight_port", "0");
    service_set(config, "protocols.max_request_size", "1MiB");
    service_set(config, "protocols.cors_allowed_origins", "https://a.example");
    service_set(config, "dashboard.port", "0");
    service_set(config, "net.io_threads", "1");
    service_set(config, "storage.max_total_size", "64MiB");
    service_set(config, "storage.max_file_size", "1MiB");
    service_set(config, "log.level", "error");
    require(oa_service_start(&h->service, config, &error) == OA_OK);
    oa_config_free(config);
    service_store_span();
    require(atexit(service_end) == 0);
  }
  return h;
}

static inline void service_visit(service_house *h, oa_listener listener,
                                 const oa_buf *bytes, oa_buf *answer) {
  service_talk(listener, bytes->data, bytes->len, answer);
  if (++h->inputs % SERVICE_CHECK_EVERY == 0) {
    service_serves();
  }
}

#endif
