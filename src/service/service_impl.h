/* SPDX-License-Identifier: Apache-2.0 */
/* service_impl.h - what the files of the service share: its parts and the
 * phases of its life.
 *
 * service.c is the life, service_start.c builds the parts from the bottom up,
 * service_state.c answers what the admin's thread asks, service_reload.c
 * changes a running service.  Nobody else may include this.
 */
#ifndef OA_SERVICE_SERVICE_IMPL_H
#define OA_SERVICE_SERVICE_IMPL_H

#include <uv.h>

#include "base/account.h"
#include "base/log.h"
#include "forward/forward.h"
#include "ingest/counters.h"
#include "ingest/pipeline.h"
#include "net/inherit.h"
#include "net/server.h"
#include "receive/auth.h"
#include "receive/receive.h"
#include "service/admin.h"
#include "service/gate.h"
#include "service/metrics_text.h"
#include "service/service.h"
#include "store/store.h"

typedef enum oa_service_phase {
  OA_SERVICE_STARTING,
  OA_SERVICE_RUNNING,
  OA_SERVICE_STOPPING, /* no new data, the parts are still there */
  OA_SERVICE_STOPPED,  /* the parts may be gone */
} oa_service_phase;

struct oa_service {
  oa_gate gate;     /* of those who use the pipeline */
  oa_config config; /* a reload changes some of it: who may run beside one
                       reads nothing of that here */
  _Atomic uint32_t patience_ms; /* shutdown_timeout */
  oa_log log;
  uint64_t started_ns;
  char *root; /* {output_dir}/otlp */
  oa_counters counters;
  oa_account account; /* of what senders can make grow */
  oa_store *store;
  oa_forward *forward; /* NULL = nothing is sent on */
  oa_pipeline *pipeline;
  oa_auth *auth;       /* NULL = everybody may send */
  oa_tls_context *tls; /* NULL = in the clear */
  char **origins;      /* of pages that may send */
  size_t origin_count;
  oa_receiver *receiver;
  oa_server *server;
  size_t listener_count;
  /* Where each OA_PORT_... listens. */
  char addresses[OA_CONFIG_SOCKETS][OA_ADDRESS_SIZE];
  uint16_t ports[OA_CONFIG_SOCKETS];
  oa_admin *admin;
  /* The admin's thread looks at the parts while the owner stops them.  LOCK is
   * held while it does, and while PHASE changes; nothing slow happens under
   * it. */
  uv_mutex_t lock;
  bool has_lock;
  uv_mutex_t end_lock; /* held while everything is stopped */
  bool has_end_lock;
  bool ended;
  oa_status end_status;
  oa_error end_error;
  uint32_t stuck_ms; /* a thread that stands for so long is dead */
  oa_service_phase phase;
  oa_metrics_snapshot last; /* what is told when STOPPED */
};

/* How many I/O threads a service of CONFIG has, and how many inlets. */
unsigned oa_service_io_threads(const oa_config *config);
unsigned oa_service_inlets(const oa_config *config);

/* Builds every part, from the store up to the admin.  What was built before a
 * failure stays for oa_service_close(). */
oa_status oa_service_start_parts(oa_service *service, const oa_config *config,
                                 oa_error *error);

/* Goes to the phase NEXT; once STOPPED, the admin no longer looks at the
 * parts. */
void oa_service_enter(oa_service *service, oa_service_phase next);

/* Callbacks of the admin, on its thread; CONTEXT is the service. */
bool oa_service_is_ready(void *context, char *why, size_t size);
oa_status oa_service_write_metrics(void *context, oa_buf *out);

bool oa_service_is_alive(void *context, char *why, size_t size);

/* Takes the shutdown_timeout of the service's configuration. */
void oa_service_set_patience(oa_service *service);

/* What of CONFIG may change while the parts live. */
void oa_service_store_rules(const oa_config *config, oa_store_rules *out);
void oa_service_pipeline_limits(const oa_config *config,
                                oa_pipeline_options *out);

/* Keeps the first failure. */
void oa_service_note(oa_status *first, oa_status status, oa_error *error,
                     const oa_error *found);

#endif
