/* SPDX-License-Identifier: Apache-2.0 */
/* When rows may be sent on is for this program to say: only while a certain
 * file is there, and a second after a failure at the earliest.  Meanwhile they
 * wait in the service's files.
 *
 *   cc breaker.c $(pkg-config --cflags --libs otlp-arrow) -o breaker
 *   ./breaker open
 *   curl localhost:4318/v1/logs -H 'content-type: application/json' \
 *     -d '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'
 *   touch open
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <otlp_arrow.h>

typedef struct gate {
  const char *path;
  uint64_t closed_until_ms;
} gate;

/* Runs on one thread of the service, and so do the others below. */
static int allow(void *context, uint64_t now_ms, uint32_t *wait_ms) {
  const gate *g = context;
  *wait_ms = 100; /* when to ask again; 1,000 if it is left as it is */
  return now_ms >= g->closed_until_ms && access(g->path, F_OK) == 0;
}

static void report(void *context, uint64_t now_ms, int answered) {
  gate *g = context;
  g->closed_until_ms = answered ? 0 : now_ms + 1000;
}

/* The endpoint: whoever reads our standard output. */
static oa_status deliver(void *context, oa_signal signal,
                         const struct ArrowSchema *schema,
                         const struct ArrowArray *batch,
                         uint32_t *retry_after_ms, oa_error *error) {
  static const char *const words[] = {"spans", "data points", "log records"};
  (void)context;
  (void)schema;
  (void)retry_after_ms;
  (void)error;
  printf("%" PRId64 " %s\n", batch->length, words[signal]);
  return fflush(stdout) == 0 ? OA_OK : OA_ERR_IO;
}

static int fail(const oa_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

int main(int argc, char **argv) {
  gate g = {.path = argc == 2 ? argv[1] : "open"};
  const oa_exporter exporter = {.deliver = deliver};
  const oa_breaker breaker = {.context = &g, .allow = allow, .report = report};
  oa_error error;
  oa_config *config;
  oa_service *service;

  if (oa_config_new(&config, &error) != OA_OK) {
    return fail(&error);
  }
  if (oa_config_load_env(config, &error) != OA_OK ||
      oa_config_set_exporter(config, &exporter, &error) != OA_OK ||
      oa_config_set_breaker(config, &breaker, &error) != OA_OK ||
      oa_service_start(&service, config, &error) != OA_OK) {
    oa_config_free(config);
    return fail(&error);
  }
  oa_config_free(config);
  printf("listening on port %u; return stops it\n",
         (unsigned)oa_service_port(service, OA_LISTENER_ARROW_FLIGHT));
  fflush(stdout);
  (void)getchar();
  return oa_service_stop(service, &error) == OA_OK ? 0 : fail(&error);
}
