/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry that goes into no file: a service whose batches this program takes
 * itself, here to count what each signal brings and which service it is from.
 *
 *   cc sink.c $(pkg-config --cflags --libs otlp-arrow) -o counter
 *   ./counter
 *   curl localhost:4318/v1/logs -H 'content-type: application/json' \
 *     -d '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <otlp_arrow.h>

typedef struct counter {
  int64_t rows[OA_SIGNAL_COUNT];
} counter;

/* The child of BATCH whose name is NAME, or NULL. */
static const struct ArrowArray *column(const struct ArrowSchema *schema,
                                       const struct ArrowArray *batch,
                                       const char *name) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (strcmp(schema->children[i]->name, name) == 0) {
      return batch->children[i];
    }
  }
  return NULL;
}

/* Who sent the first row: service_name is a dictionary of texts. */
static void print_sender(const struct ArrowArray *names) {
  const uint8_t *valid = names->buffers[0];
  if (names->length == 0 || (valid != NULL && (valid[0] & 1) == 0)) {
    printf("somebody\n");
    return;
  }
  const int32_t *index = names->buffers[1];
  const int32_t *ends = names->dictionary->buffers[1];
  const char *texts = names->dictionary->buffers[2];
  const int32_t at = index[names->offset];
  printf("%.*s\n", (int)(ends[at + 1] - ends[at]), texts + ends[at]);
}

/* Runs on one thread of the service. */
static oa_status append(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch, oa_error *error) {
  counter *c = context;
  const struct ArrowArray *names = column(schema, batch, "service_name");
  if (names == NULL || names->dictionary == NULL) {
    error->code = OA_ERR_UNSUPPORTED;
    snprintf(error->text, sizeof error->text, "no column service_name");
    return OA_ERR_UNSUPPORTED;
  }
  c->rows[signal] += batch->length;
  printf("%" PRId64 " rows of signal %d from ", batch->length, (int)signal);
  print_sender(names);
  fflush(stdout);
  return OA_OK;
}

static int fail(const oa_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

int main(void) {
  counter c = {{0}};
  const oa_sink sink = {.context = &c, .append = append};
  oa_error error;
  oa_config *config;
  oa_service *service;

  if (oa_config_new(&config, &error) != OA_OK) {
    return fail(&error);
  }
  /* `write`: a sender has its answer when append() has returned. */
  if (oa_config_set(config, "ack", "write", &error) != OA_OK ||
      oa_config_load_env(config, &error) != OA_OK ||
      oa_config_set_sink(config, &sink, &error) != OA_OK ||
      oa_service_start(&service, config, &error) != OA_OK) {
    oa_config_free(config);
    return fail(&error);
  }
  oa_config_free(config);
  printf("listening on port %u; return stops it\n",
         (unsigned)oa_service_port(service, OA_LISTENER_ARROW_FLIGHT));
  fflush(stdout);
  (void)getchar();
  const int code = oa_service_stop(service, &error) == OA_OK ? 0 : fail(&error);
  printf("%" PRId64 " spans, %" PRId64 " data points, %" PRId64
         " log records\n",
         c.rows[OA_TRACES], c.rows[OA_METRICS], c.rows[OA_LOGS]);
  return code;
}
