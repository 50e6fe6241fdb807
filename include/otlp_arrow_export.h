/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_export.h - telemetry from inside the program: what it exports goes
 * the way of what comes over the ports, into the same files.
 *
 * The service must have been started with a configuration of
 * oa_config_new_embedded(); its ports are off unless they are switched on
 * (protocols.protobuf_enabled, protocols.arrow_flight_enabled,
 * dashboard.enabled).
 *
 * All functions may be called by any number of threads at once.  After
 * oa_service_shutdown(), and in a process that was forked from the one that
 * started the service, they return OA_ERR_CLOSED: a child starts a service of
 * its own, with a directory of its own.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_EXPORT_H
#define OTLP_ARROW_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"
#include "otlp_arrow_builder.h"

#ifdef __cplusplus
extern "C" {
#endif

struct oa_service;
struct ArrowSchema;
struct ArrowArray;

/* How the bytes of a request are to be understood. */
typedef enum oa_form {
  OA_FORM_PROTOBUF, /* Export{Trace,Metrics,Logs}ServiceRequest */
  OA_FORM_JSON      /* the same as OTLP/JSON */
} oa_form;

/* What became of a request.  Filled also when a call fails. */
typedef struct oa_export_result {
  uint64_t accepted;       /* items that are taken */
  uint64_t rejected;       /* items that were left out; REASON of the first */
  uint64_t repaired;       /* texts that were not UTF-8 */
  uint32_t retry_after_ms; /* with OA_ERR_BUSY: when to come again */
  char reason[192];
} oa_export_result;

/* Takes one export request.  Returns when it is as safe as `ack` asks for: in
 * the buffer, in a file, or on the disk.  All or nothing, but for records that
 * are left out by themselves: OA_OK with RESULT->rejected.  RESULT may be NULL.
 * OA_ERR_BUSY: buffers are full or the disk refuses, nothing was taken, come
 * again after RESULT->retry_after_ms.  OA_ERR_MALFORMED, OA_ERR_TRUNCATED:
 * ERROR names the place.  OA_ERR_LIMIT: it is more than one batch may be.
 * OA_ERR_IO: it may not be safe, send it again. */
OA_API oa_status oa_service_export(struct oa_service *service, oa_signal signal,
                                   oa_form form, const void *bytes, size_t len,
                                   oa_export_result *result, oa_error *error);

/* The same with what BUILDER has, which stays in it, to be sent again or reset;
 * it is closed as by oa_builder_finish().  Also what that returns. */
OA_API oa_status oa_service_export_built(struct oa_service *service,
                                         oa_builder *builder,
                                         oa_export_result *result,
                                         oa_error *error);

/* The same with rows of an Arrow record batch (Arrow C Data Interface), with
 * the columns of docs/schema.md or some of them; columns are found by name.
 * SCHEMA and ARRAY are borrowed and not released.  OA_ERR_UNSUPPORTED names a
 * column that cannot be taken. */
OA_API oa_status oa_service_export_arrow(struct oa_service *service,
                                         oa_signal signal,
                                         const struct ArrowSchema *schema,
                                         const struct ArrowArray *array,
                                         oa_export_result *result,
                                         oa_error *error);

/* Numbers of one signal since the start, in items but for REFUSED. */
typedef struct oa_signal_stats {
  uint64_t received; /* accepted and rejected */
  uint64_t rejected;
  uint64_t stored;   /* in files */
  uint64_t given_up; /* accepted and not stored; the senders were told */
  uint64_t buffered; /* accepted, and on the way to a file */
  uint64_t refused;  /* requests of which nothing was taken */
} oa_signal_stats;

/* What became of the stored rows of one signal since the start, with an
 * exporter (oa_config_set_exporter()). */
typedef struct oa_forward_signal_stats {
  uint64_t forwarded;   /* delivered */
  uint64_t passed_over; /* refused for good, too old, or gone from the disk */
  uint64_t waiting;     /* to be delivered, those of earlier runs included */
} oa_forward_signal_stats;

typedef struct oa_service_stats {
  size_t size;                /* sizeof, set by the caller */
  oa_signal_stats signals[3]; /* by oa_signal */
  uint64_t bytes_buffered;
  uint64_t memory_used;                /* of memory_limit */
  oa_forward_signal_stats forwards[3]; /* by oa_signal */
} oa_service_stats;

/* received = rejected + stored + given_up + buffered at any moment.  Also after
 * the shutdown.  What lies behind STATS->size is not touched, so that a program
 * may be older than the library. */
OA_API oa_status oa_service_get_stats(struct oa_service *service,
                                      oa_service_stats *stats, oa_error *error);

/* Stops taking, writes everything, ends the files and the threads: what
 * oa_service_stop() does, but the object stays, and other threads may be inside
 * of its functions; those that wait are told.  Calls after the first wait for
 * it and return what it returned.  TIMEOUT_MS bounds the waiting for senders;
 * UINT32_MAX stands for shutdown_timeout.  oa_service_stop() then only
 * frees. */
OA_API oa_status oa_service_shutdown(struct oa_service *service,
                                     uint32_t timeout_ms, oa_error *error);

#ifdef __cplusplus
}
#endif

#endif
