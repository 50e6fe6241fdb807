/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored is sent on by this program, here as a line of text for each
 * row: its signal, its time and the service that it is from.
 *
 * The service keeps its files all the same, and where the exporter stands: stop
 * the program, or kill it, and the next run goes on from there.
 *
 *   cc exporter.c $(pkg-config --cflags --libs otlp-arrow) -o exporter
 *   ./exporter lines.txt
 *   curl localhost:4318/v1/logs -H 'content-type: application/json' \
 *     -d '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <otlp_arrow.h>

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

/* Where row I of ARRAY stands in its buffers, or -1 when it is null: a batch is
 * a part of what was stored, and begins at an offset. */
static int64_t place(const struct ArrowArray *array, int64_t i) {
  const uint8_t *valid = array->buffers[0];
  const int64_t at = array->offset + i;
  return valid != NULL && (valid[at / 8] >> (at % 8) & 1) == 0 ? -1 : at;
}

/* Prints row I; service names are a dictionary of texts. */
static void print_row(FILE *out, const char *signal,
                      const struct ArrowArray *times,
                      const struct ArrowArray *names, int64_t i) {
  const int64_t time_at = place(times, i);
  const int64_t name_at = place(names, i);
  const int64_t *time = times->buffers[1];
  const int32_t *index = names->buffers[1];
  const int32_t *ends = names->dictionary->buffers[1];
  const char *texts = names->dictionary->buffers[2];
  fprintf(out, "%s %" PRId64, signal, time_at < 0 ? 0 : time[time_at]);
  if (name_at >= 0) {
    const int32_t n = index[name_at];
    fprintf(out, " %.*s", (int)(ends[n + 1] - ends[n]), texts + ends[n]);
  }
  fputc('\n', out);
}

/* Runs on one thread of the service.  All rows or none: what was written of a
 * batch that does not fit is taken back, and the batch comes again. */
static oa_status deliver(void *context, oa_signal signal,
                         const struct ArrowSchema *schema,
                         const struct ArrowArray *batch,
                         uint32_t *retry_after_ms, oa_error *error) {
  static const char *const words[] = {"span", "point", "log"};
  FILE *out = context;
  const struct ArrowArray *names = column(schema, batch, "service_name");
  const struct ArrowArray *times =
      column(schema, batch,
             signal == OA_TRACES ? "start_time_unix_nano" : "time_unix_nano");
  const off_t before = ftello(out);
  if (names == NULL || names->dictionary == NULL || times == NULL) {
    snprintf(error->text, sizeof error->text, "a column is not there");
    return OA_ERR_UNSUPPORTED; /* for good: the rows are passed over */
  }
  for (int64_t i = 0; i < batch->length; i++) {
    print_row(out, words[signal], times, names, i);
  }
  if (fflush(out) != 0 || fsync(fileno(out)) != 0) {
    clearerr(out);
    fseeko(out, before, SEEK_SET);
    if (ftruncate(fileno(out), before) != 0) {
      snprintf(error->text, sizeof error->text, "a part of it is written");
    }
    *retry_after_ms = 5000; /* somebody has to make room first */
    return OA_ERR_IO;
  }
  return OA_OK;
}

static void close_file(void *context) {
  fclose(context);
}

static int fail(const oa_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

int main(int argc, char **argv) {
  FILE *out = argc == 2 ? fopen(argv[1], "a") : NULL;
  const oa_exporter exporter = {
      .context = out, .deliver = deliver, .close = close_file};
  oa_error error;
  oa_config *config;
  oa_service *service;

  if (out == NULL) {
    fprintf(stderr, "usage: exporter FILE\n");
    return 2;
  }
  fseeko(out, 0, SEEK_END);
  if (oa_config_new(&config, &error) != OA_OK) {
    return fail(&error);
  }
  if (oa_config_load_env(config, &error) != OA_OK ||
      oa_config_set_exporter(config, &exporter, &error) != OA_OK ||
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
