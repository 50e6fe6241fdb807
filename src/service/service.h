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

typedef struct oa_service oa_service;

/* CONFIG has been checked; it is copied.  OA_ERR_IO, OA_ERR_NOMEM; then
 * nothing is left running. */
oa_status oa_service_open(oa_service **out, const oa_config *config,
                          oa_error *error);

/* The ports of the two listeners for telemetry and of the admin; 0 = off. */
uint16_t oa_service_protobuf_port(const oa_service *service);
uint16_t oa_service_arrow_flight_port(const oa_service *service);
uint16_t oa_service_dashboard_port(const oa_service *service);

/* See oa_pipeline_flush(). */
oa_status oa_service_drain(oa_service *service, uint32_t timeout_ms);

/* See oa_service_reload(). */
oa_status oa_service_renew(oa_service *service, const oa_config *config,
                           oa_error *error);

/* Whether every thread has got round within the last SILENCE_MS: OA_ERR_BUSY
 * names one that has not.  Always while starting and stopping.  Any thread. */
oa_status oa_service_probe(oa_service *service, uint32_t silence_ms,
                           oa_error *error);

/* Stops and frees; returns the first failure. */
oa_status oa_service_close(oa_service *service, oa_error *error);

#endif
