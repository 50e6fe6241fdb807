/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/keep.h"

#include "arrow/c_data.h"

/* A sink may forget the text. */
static oa_status explain(oa_status status, oa_error *error) {
  if (status != OA_OK && error != NULL && error->text[0] == '\0') {
    return oa_error_set(error, status, "the sink of the program failed: %s",
                        oa_status_text(status));
  }
  return status;
}

static oa_status append_to_sink(const oa_sink *sink, oa_signal signal,
                                const oa_array *columns, int64_t rows,
                                oa_error *error) {
  const oa_c_rows all = {
      .schema = oa_otlp_schema(signal), .columns = columns, .count = rows};
  struct ArrowSchema schema;
  struct ArrowArray batch;
  oa_status status = oa_c_schema_export(&schema, all.schema);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  status = oa_c_array_export(&batch, &all, (oa_c_owner){0});
  if (status == OA_OK) {
    status = explain(
        sink->append(sink->context, signal, &schema, &batch, error), error);
    batch.release(&batch);
  } else {
    oa_error_set(error, status, "%s", oa_status_text(status));
  }
  schema.release(&schema);
  return status;
}

oa_status oa_keep_append(const oa_keep *keep, oa_signal signal,
                         const oa_array *columns, int64_t rows,
                         oa_error *error) {
  return keep->sink != NULL
             ? append_to_sink(keep->sink, signal, columns, rows, error)
             : oa_store_append(keep->store, signal, columns, rows, NULL, error);
}

oa_status oa_keep_sync(const oa_keep *keep, oa_signal signal, oa_error *error) {
  const oa_sink *sink = keep->sink;
  if (sink == NULL) {
    return oa_store_sync(keep->store, signal, error);
  }
  return sink->sync == NULL
             ? OA_OK
             : explain(sink->sync(sink->context, signal, error), error);
}

oa_status oa_keep_probe(const oa_keep *keep, size_t bytes, oa_error *error) {
  /* Only a batch can tell whether a sink takes one again. */
  return keep->sink != NULL ? OA_OK : oa_store_probe(keep->store, bytes, error);
}

void oa_keep_tick(const oa_keep *keep) {
  if (keep->store != NULL) {
    oa_store_tick(keep->store);
  }
}
