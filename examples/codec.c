/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry in a form of one's own: a service that takes log records as lines
 * of CSV too, "time_unix_nano,severity_number,body", and keeps them in files of
 * DIRECTORY; without one, it prints as such lines whatever comes in.
 *
 *   cc codec.c $(pkg-config --cflags --libs otlp-arrow) -o lines
 *   ./lines [DIRECTORY]
 *   echo '1700000000000000000,9,"a ""red"" kettle"' | curl --data-binary @- \
 *     -H 'content-type: text/csv' localhost:4318/v1/logs
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <otlp_arrow.h>

/* --- lines to log records --- */

typedef struct reader {
  char *at, *end; /* with a 0 at the end */
  size_t line;
} reader;

/* Takes a decimal number of at most MOST, and the comma behind it. */
static int take_number(reader *r, uint64_t most, uint64_t *out) {
  const char *first = r->at;
  *out = strtoull(first, &r->at, 10);
  return *first >= '0' && *first <= '9' && *out <= most && *r->at++ == ',';
}

/* Takes the rest of the line, or what its quotes hold (RFC 4180). */
static int take_body(reader *r, oa_str *out) {
  const int quoted = *r->at == '"';
  int closed = 0;
  char *to = r->at; /* quotes are left out in place */
  out->data = to;
  for (r->at += quoted; r->at < r->end; *to++ = *r->at++) {
    closed = quoted ? *r->at == '"' && *++r->at != '"' : *r->at == '\n';
    if (closed) {
      break;
    }
    r->line += *r->at == '\n';
  }
  to -= !quoted && to > out->data && to[-1] == '\r';
  r->at += quoted && *r->at == '\r';
  out->len = (size_t)(to - out->data);
  return !quoted || (closed && (r->at == r->end || *r->at == '\n'));
}

/* Takes a line up to its end; gives what is wrong with it, or NULL. */
static const char *take_line(reader *r, oa_builder *builder) {
  oa_log_record record = {.size = sizeof record};
  uint64_t severity;
  oa_str body;
  if (!take_number(r, INT64_MAX, &record.time_unix_nano)) {
    return "no nanoseconds since 1970 and a comma";
  }
  if (!take_number(r, 24, &severity)) {
    return "no severity from 0 to 24 and a comma behind the time";
  }
  if (!take_body(r, &body)) {
    return "the quotes of the body do not end with the line";
  }
  record.severity_number = (int32_t)severity;
  oa_build_log_record(builder, &record);
  oa_build_body(builder);
  oa_build_string(builder, OA_S(""), body);
  return NULL;
}

/* Runs on the threads that receive, on several at once. */
static oa_status decode(void *context, oa_signal signal, const void *bytes,
                        size_t len, oa_builder *builder, oa_error *error) {
  const char *wrong = NULL;
  size_t line = 1;
  (void)context;
  if (signal != OA_LOGS) {
    return OA_ERR_UNSUPPORTED; /* which has a text of its own */
  }
  char *copy = malloc(len + 1);
  if (copy == NULL) {
    return OA_ERR_NOMEM;
  }
  memcpy(copy, bytes, len);
  copy[len] = '\0';
  oa_build_resource(builder, NULL);
  oa_build_scope(builder, NULL);
  for (reader r = {copy, copy + len, 1}; wrong == NULL && r.at < r.end;
       r.at++, r.line++) {
    line = r.line;
    wrong = take_line(&r, builder);
  }
  free(copy);
  if (wrong != NULL) {
    snprintf(error->text, sizeof error->text, "line %zu: %s", line, wrong);
  }
  return wrong == NULL ? OA_OK : OA_ERR_MALFORMED;
}

/* --- rows to lines --- */

/* The column NAME of BATCH, which all logs have (docs/schema.md). */
static const struct ArrowArray *column(const struct ArrowSchema *schema,
                                       const struct ArrowArray *batch,
                                       const char *name) {
  int64_t i = 0;
  while (strcmp(schema->children[i]->name, name) != 0) {
    i++;
  }
  return batch->children[i];
}

static oa_status encode(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch, oa_bytes_sink emit,
                        void *to, oa_error *error) {
  (void)context;
  (void)error;
  if (signal != OA_LOGS) {
    return OA_ERR_UNSUPPORTED;
  }
  const struct ArrowArray *time = column(schema, batch, "time_unix_nano");
  const struct ArrowArray *severity = column(schema, batch, "severity_number");
  const struct ArrowArray *body = column(schema, batch, "body");
  const int64_t *times = time->buffers[1];
  const int32_t *severities = severity->buffers[1];
  const int32_t *ends = body->buffers[1];
  const char *texts = body->buffers[2];
  oa_status status = OA_OK;
  for (int64_t i = 0; status == OA_OK && i < batch->length; i++) {
    const int64_t row = batch->offset + i;
    const int32_t *end = &ends[body->offset + row]; /* of the body before */
    char numbers[64];
    const int len = snprintf(numbers, sizeof numbers, "%" PRId64 ",%d,\"",
                             times[time->offset + row],
                             (int)severities[severity->offset + row]);
    status = emit(to, numbers, (size_t)len);
    for (int32_t j = end[0]; status == OA_OK && j < end[1]; j++) {
      const size_t quote = texts[j] == '"';
      status = emit(to, quote ? "\"\"" : texts + j, 1 + quote);
    }
    status = status == OA_OK ? emit(to, "\"\n", 2) : status;
  }
  return status;
}

/* --- the service --- */

static oa_status print(void *context, const void *bytes, size_t len) {
  return fwrite(bytes, 1, len, context) == len ? OA_OK : OA_ERR_IO;
}

/* Takes a batch in place of files; other signals are of no use here. */
static oa_status append(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch, oa_error *error) {
  return signal != OA_LOGS
             ? OA_OK
             : encode(context, signal, schema, batch, print, stdout, error);
}

int main(int count, char **args) {
  const oa_codec csv = {
      .content_type = "text/csv", .decode = decode, .encode = encode};
  const oa_sink printer = {.append = append};
  oa_error error;
  oa_config *config;
  oa_service *service;

  if (oa_config_new(&config, &error) != OA_OK ||
      oa_config_load_env(config, &error) != OA_OK ||
      oa_config_add_codec(config, &csv, &error) != OA_OK ||
      (count > 1 ? oa_config_set(config, "output_dir", args[1], &error)
                 : oa_config_set_sink(config, &printer, &error)) != OA_OK ||
      oa_service_start(&service, config, &error) != OA_OK) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  oa_config_free(config);
  fprintf(stderr, "listening on port %u; return stops it\n",
          (unsigned)oa_service_port(service, OA_LISTENER_ARROW_FLIGHT));
  (void)getchar();
  return oa_service_stop(service, &error) == OA_OK ? 0 : 1;
}
