/* SPDX-License-Identifier: Apache-2.0 */
/* service.h - the parts put together: store, pipeline, server, admin.
 *
 * The only place that knows every part.  It starts them from the bottom up and
 * stops them from the top down.  src/api/service.c puts the public API on it.
 */
#ifndef OA_SERVICE_SERVICE_H
#define OA_SERVICE_SERVICE_H

#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "forward/forward.h"
#include "ingest/pipeline.h"

typedef struct oa_service oa_service;

/* CONFIG has been checked; it is copied.  OA_ERR_IO, OA_ERR_NOMEM; then
 * nothing is left running. */
oa_status oa_service_open(oa_service **out, const oa_config *config,
                          oa_error *error);

/* The port of OA_PORT_..., as it was at the start; 0 = off.  Any thread. */
uint16_t oa_service_port_at(const oa_service *service, size_t which);

/* See oa_pipeline_flush(); OA_ERR_CLOSED.  Any thread. */
oa_status oa_service_drain(oa_service *service, uint32_t timeout_ms,
                           oa_error *error);

/* See oa_pipeline_put(); for services of an embedded configuration.
 * OA_ERR_CLOSED, OA_ERR_CONFIG; else OUT says what became of it.  Any
 * thread. */
oa_status oa_service_put(oa_service *service, oa_intake *intake, bool *safe,
                         oa_outcome *out, oa_error *error);

typedef struct oa_service_sums {
  oa_signal_totals signals[OA_SIGNAL_COUNT];
  uint64_t bytes_buffered;
  uint64_t memory_used;
  uint64_t port_requests;   /* of all signals, over the ports */
  uint64_t own_requests;    /* and of the program itself */
  oa_forward_stats forward; /* zero without an exporter */
} oa_service_sums;

/* Also after the end.  OA_ERR_CLOSED in another process.  Any thread. */
oa_status oa_service_sum(oa_service *service, oa_service_sums *out,
                         oa_error *error);

/* See oa_service_reload(). */
oa_status oa_service_renew(oa_service *service, const oa_config *config,
                           oa_error *error);

/* Whether every thread has got round within the last SILENCE_MS: OA_ERR_BUSY
 * names one that has not.  Always while starting and stopping.  Any thread. */
oa_status oa_service_probe(oa_service *service, uint32_t silence_ms,
                           oa_error *error);

/* Stops everything; returns the first failure.  Others may be inside of the
 * functions that any thread may call.  A second call waits for the first and
 * returns the same.  Senders are waited for at most TIMEOUT_MS. */
oa_status oa_service_end(oa_service *service, uint32_t timeout_ms,
                         oa_error *error);

/* The shutdown_timeout. */
uint32_t oa_service_patience(const oa_service *service);

/* Ends what has not ended and frees; returns what ending returned.  In another
 * process than the one that opened it, lets go of the directory's lock and
 * nothing else: its threads are not here, and its locks may be held. */
oa_status oa_service_close(oa_service *service, oa_error *error);

#endif
