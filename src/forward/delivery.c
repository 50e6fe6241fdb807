/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/delivery.h"

#include "base/error.h"

void oa_delivery_init(oa_delivery *delivery, const oa_exporter *exporter,
                      const oa_codec *codec) {
  *delivery =
      (oa_delivery){.exporter = *exporter, .max_body = OA_DELIVERY_MAX_BODY};
  if (codec != NULL) {
    delivery->codec = *codec;
  }
}

void oa_delivery_reset(oa_delivery *delivery) {
  oa_delivery_drop(delivery, true);
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    if (delivery->schemas[i].release != NULL) {
      delivery->schemas[i].release(&delivery->schemas[i]);
    }
  }
}

void oa_delivery_drop(oa_delivery *delivery, bool tight) {
  if (delivery->batch.release != NULL) {
    delivery->batch.release(&delivery->batch);
  }
  delivery->body.len = 0;
  if (tight) {
    oa_buf_free(&delivery->body);
  }
}

/* The program's functions may forget the text, or its end. */
static oa_status explain(oa_status status, const char *who, oa_error *error) {
  error->text[sizeof error->text - 1] = '\0';
  if (status != OA_OK && error->text[0] == '\0') {
    oa_error_set(error, status, "the %s of the program failed: %s", who,
                 oa_status_text(status));
  }
  return status;
}

static oa_status emit(void *context, const void *bytes, size_t len) {
  oa_delivery *d = context;
  if (d->emitted == OA_OK) {
    d->emitted = len > d->max_body - d->body.len
                     ? OA_ERR_LIMIT
                     : oa_buf_put(&d->body, bytes, len);
  }
  return d->emitted;
}

/* A body that was not taken to its end is none, whatever the codec says. */
static oa_status encode(oa_delivery *d, oa_error *error) {
  d->emitted = OA_OK;
  const oa_status status =
      d->codec.encode(d->codec.context, d->signal, &d->schemas[d->signal],
                      &d->batch, emit, d, error);
  return explain(d->emitted != OA_OK ? d->emitted : status, "codec", error);
}

oa_status oa_delivery_make(oa_delivery *d, oa_signal signal,
                           const oa_array *columns, int64_t from, int64_t count,
                           oa_error *error) {
  struct ArrowSchema *schema = &d->schemas[signal];
  const oa_c_rows rows = {.schema = oa_otlp_schema(signal),
                          .columns = columns,
                          .from = from,
                          .count = count};
  oa_status status = OA_OK;
  oa_delivery_drop(d, false);
  d->signal = signal;
  if (schema->release == NULL) {
    status = oa_c_schema_export(schema, rows.schema);
  }
  if (status == OA_OK) {
    status = oa_c_array_export(&d->batch, &rows, (oa_c_owner){0});
  }
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  return d->codec.content_type == NULL ? OA_OK : encode(d, error);
}

oa_status oa_delivery_send(oa_delivery *d, uint32_t *retry_after_ms,
                           oa_error *error) {
  const oa_exporter *to = &d->exporter;
  *retry_after_ms = 0;
  if (d->codec.content_type == NULL) {
    return explain(to->deliver(to->context, d->signal, &d->schemas[d->signal],
                               &d->batch, retry_after_ms, error),
                   "exporter", error);
  }
  const void *bytes = d->body.len > 0 ? (const void *)d->body.data : "";
  return explain(
      to->deliver_bytes(to->context, d->signal, d->codec.content_type, bytes,
                        d->body.len, retry_after_ms, error),
      "exporter", error);
}
