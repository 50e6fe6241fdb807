/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the program itself: requests that come over no port. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api/builder_impl.h"
#include "api/export_impl.h"
#include "api/refuse.h"
#include "otlp/json.h"

/* --- one request --- */

/* Remembers what the decoder said: an outcome only has a code of gRPC. */
typedef struct decoding {
  const oa_intake *asked;
  oa_status status;
} decoding;

static oa_status decode(void *input, oa_otlp_builder *builder,
                        oa_otlp_result *result, oa_error *error) {
  decoding *d = input;
  d->status = d->asked->decode(d->asked->input, builder, result, error);
  return d->status;
}

static oa_status status_of(const oa_outcome *outcome, const decoding *d,
                           bool safe) {
  switch (outcome->code) {
    case OA_GRPC_OK:
      return safe ? OA_OK : OA_ERR_IO;
    case OA_GRPC_UNAVAILABLE:
      return OA_ERR_BUSY;
    case OA_GRPC_RESOURCE_EXHAUSTED:
      return OA_ERR_LIMIT;
    default:
      return d->status != OA_OK ? d->status : OA_ERR_MALFORMED;
  }
}

void oa_export_clear(oa_export_result *result) {
  if (result != NULL) {
    memset(result, 0, sizeof *result);
  }
}

oa_status oa_export_put(oa_service *service, oa_intake *intake,
                        oa_export_result *result, oa_error *error) {
  decoding d = {.asked = intake, .status = OA_OK};
  oa_intake asked = *intake;
  oa_outcome outcome;
  oa_error found = {0};
  bool safe = true;

  asked.decode = decode;
  asked.input = &d;
  oa_status status = oa_service_put(service, &asked, &safe, &outcome, &found);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", found.text);
  }
  status = status_of(&outcome, &d, safe);
  if (result != NULL) {
    result->accepted = status == OA_OK ? outcome.result.accepted : 0;
    result->rejected = outcome.result.rejected;
    result->repaired = outcome.result.repaired;
    result->retry_after_ms = outcome.retry_after_ms;
    snprintf(result->reason, sizeof result->reason, "%s",
             outcome.result.reason);
  }
  return status == OA_OK ? OA_OK
                         : oa_error_set(error, status, "%s", outcome.text);
}

/* --- OTLP --- */

typedef struct message {
  oa_signal signal;
  const uint8_t *bytes;
  size_t len;
} message;

static oa_status decode_protobuf(void *input, oa_otlp_builder *builder,
                                 oa_otlp_result *result, oa_error *error) {
  const message *m = input;
  return oa_otlp_decode(builder, m->bytes, m->len, result, error);
}

static oa_status decode_json(void *input, oa_otlp_builder *builder,
                             oa_otlp_result *result, oa_error *error) {
  const message *m = input;
  oa_buf protobuf = {0};
  oa_status status =
      oa_otlp_json_read(m->signal, m->bytes, m->len, &protobuf, error);
  if (status == OA_OK) {
    status =
        oa_otlp_decode(builder, protobuf.data, protobuf.len, result, error);
  }
  oa_buf_free(&protobuf);
  return status;
}

oa_status oa_service_export(oa_service *service, oa_signal signal, oa_form form,
                            const void *bytes, size_t len,
                            oa_export_result *result, oa_error *error) {
  oa_export_clear(result);
  if (service == NULL || (bytes == NULL && len > 0)) {
    return oa_refuse_null(error);
  }
  if ((unsigned)signal >= OA_SIGNAL_COUNT || (unsigned)form > OA_FORM_JSON) {
    return oa_error_set(error, OA_ERR_CONFIG, "no such signal or form");
  }
  message m = {.signal = signal, .bytes = bytes, .len = len};
  oa_intake intake = {
      .signal = signal,
      .bytes = len,
      .decode = form == OA_FORM_JSON ? decode_json : decode_protobuf,
      .input = &m,
  };
  return oa_export_put(service, &intake, result, error);
}

oa_status oa_service_export_built(oa_service *service, oa_builder *builder,
                                  oa_export_result *result, oa_error *error) {
  const void *bytes;
  size_t len;
  oa_export_clear(result);
  OA_TRY(oa_builder_finish(builder, &bytes, &len, error));
  return oa_service_export(service, builder->signal, OA_FORM_PROTOBUF, bytes,
                           len, result, error);
}

/* --- statistics and the end --- */

static void fill_signal(oa_signal_stats *to, const oa_signal_totals *from) {
  *to = (oa_signal_stats){
      .received = from->items_accepted + from->items_rejected,
      .rejected = from->items_rejected,
      .stored = from->items_stored,
      .given_up = from->items_given_up,
      .buffered = oa_totals_buffered(from),
  };
  for (int reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
    to->refused += from->refused[reason];
  }
}

/* What programs have that know the first version of the struct. */
enum { FIRST_STATS_SIZE = offsetof(oa_service_stats, forwards) };

oa_status oa_service_get_stats(oa_service *service, oa_service_stats *stats,
                               oa_error *error) {
  oa_service_sums sums;
  oa_service_stats all;
  if (service == NULL || stats == NULL) {
    return oa_refuse_null(error);
  }
  if (stats->size < FIRST_STATS_SIZE) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "stats.size is not sizeof(oa_service_stats)");
  }
  OA_TRY(oa_service_sum(service, &sums, error));
  all.size = stats->size;
  all.bytes_buffered = sums.bytes_buffered;
  all.memory_used = sums.memory_used;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_forward_counts *from = &sums.forward.signals[i];
    fill_signal(&all.signals[i], &sums.signals[i]);
    all.forwards[i] = (oa_forward_signal_stats){
        .forwarded = from->delivered,
        .passed_over = from->refused + from->expired + from->lost,
        .waiting = from->waiting};
  }
  memcpy(stats, &all, stats->size < sizeof all ? stats->size : sizeof all);
  return OA_OK;
}

oa_status oa_service_shutdown(oa_service *service, uint32_t timeout_ms,
                              oa_error *error) {
  if (service == NULL) {
    return oa_refuse_null(error);
  }
  return oa_service_end(
      service,
      timeout_ms == UINT32_MAX ? oa_service_patience(service) : timeout_ms,
      error);
}
