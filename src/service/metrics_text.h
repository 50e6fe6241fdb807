/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text.h - what /metrics answers, in the OpenMetrics 1.0 text format.
 *
 * A snapshot of plain numbers goes in and text comes out, so it is the same
 * wherever the numbers are from, and can be tested without a service.
 */
#ifndef OA_SERVICE_METRICS_TEXT_H
#define OA_SERVICE_METRICS_TEXT_H

#include "base/buf.h"
#include "forward/forward.h"
#include "ingest/counters.h"
#include "ingest/pipeline.h"
#include "net/server.h"
#include "store/store.h"

#define OA_METRICS_CONTENT_TYPE \
  "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* What the operating system says of this process. */
typedef struct oa_process_stats {
  uint64_t cpu_ns;
  uint64_t resident_bytes; /* 0 where it cannot be told */
} oa_process_stats;

void oa_process_get_stats(oa_process_stats *out);

typedef struct oa_metrics_snapshot {
  const char *version; /* any text; escaped here */
  uint64_t uptime_ns;
  bool ready;
  oa_signal_totals signals[OA_SIGNAL_COUNT];
  uint64_t refused[OA_REFUSAL_COUNT]; /* without a signal */
  oa_pipeline_stats pipeline;
  oa_store_stats store;
  oa_server_stats server;
  oa_process_stats process;
  bool forwards; /* there is an exporter, and FORWARD says what it did */
  oa_forward_stats forward;
} oa_metrics_snapshot;

/* Appends the whole exposition, "# EOF" included.  OA_ERR_NOMEM. */
oa_status oa_metrics_write(const oa_metrics_snapshot *snapshot, oa_buf *out);

#endif
