/* SPDX-License-Identifier: Apache-2.0 */
/* Requests into an output: they become rows, and rows are written when there
 * are as many as a batch of the service has. */
#include <stdio.h>
#include <string.h>

#include "api/output_impl.h"

/* As storage.batch_rows is by default. */
enum { BATCH_ROWS = 65536 };

/* The first request says what the columns are. */
static oa_status open_rows(oa_output *output, oa_signal signal,
                           oa_error *error) {
  const oa_schema *schema = oa_otlp_schema(signal);

  if (output->rows != NULL) {
    return OA_OK;
  }
  if (output->schema != NULL && !oa_schema_equal(output->schema, schema)) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "the columns of %s are not those of what came before",
                        oa_signal_name(signal));
  }
  if (oa_otlp_builder_new(&output->rows, signal, &output->ords) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for rows");
  }
  output->signal = signal;
  if (output->schema == NULL) {
    output->schema = schema;
    return oa_output_begin(output, error);
  }
  return OA_OK;
}

oa_status oa_output_flush(oa_output *output, oa_error *error) {
  const oa_array *columns;

  if (output->rows == NULL || oa_otlp_builder_rows(output->rows) == 0) {
    return OA_OK;
  }
  if (oa_otlp_builder_columns(output->rows, &columns) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for columns");
  }
  OA_TRY(oa_output_put(output, columns, oa_otlp_builder_rows(output->rows),
                       error));
  oa_otlp_builder_reset(output->rows, SIZE_MAX);
  return OA_OK;
}

static bool is_signal(const char *name, oa_signal signal) {
  return strcmp(name, oa_signal_name(signal)) == 0;
}

oa_status oa_output_request(oa_output *output, const oa_json_file *file,
                            oa_rejection *rejection, oa_error *error) {
  const char *name = oa_json_file_signal(file);
  oa_signal signal = OA_TRACES;
  oa_otlp_result result = {0};
  size_t len;

  while (signal < OA_SIGNAL_COUNT && !is_signal(name, signal)) {
    signal++;
  }
  if (signal == OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_CONFIG, "the file is at no request");
  }
  OA_TRY(open_rows(output, signal, error));
  if (output->signal != signal) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "a request of %s behind requests of %s; one Arrow "
                        "file holds one signal",
                        name, oa_signal_name(output->signal));
  }
  const uint8_t *request = oa_json_file_request(file, &len);
  OA_TRY(oa_otlp_decode(output->rows, request, len, &result, error));
  rejection->items = result.rejected;
  snprintf(rejection->reason, sizeof rejection->reason, "%s", result.reason);
  return oa_otlp_builder_rows(output->rows) >= BATCH_ROWS
             ? oa_output_flush(output, error)
             : OA_OK;
}
