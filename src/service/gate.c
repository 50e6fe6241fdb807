/* SPDX-License-Identifier: Apache-2.0 */
#include "service/gate.h"

#include <unistd.h>
#include <uv.h>

enum { POLL_MS = 1 };

void oa_gate_open(oa_gate *gate) {
  atomic_init(&gate->inside, 0);
  atomic_init(&gate->closed, false);
  gate->owner = getpid();
}

bool oa_gate_is_foreign(const oa_gate *gate) {
  return gate->owner != getpid();
}

oa_status oa_gate_enter(oa_gate *gate, oa_error *error) {
  if (oa_gate_is_foreign(gate)) {
    return oa_error_set(error, OA_ERR_CLOSED,
                        "the service belongs to process %ld, which forked this "
                        "one: start another here, with its own output_dir",
                        (long)gate->owner);
  }
  /* First in, then the look: so a shutdown that does not count us yet has
   * closed the gate already. */
  atomic_fetch_add(&gate->inside, 1);
  if (atomic_load(&gate->closed)) {
    oa_gate_leave(gate);
    return oa_error_set(error, OA_ERR_CLOSED, "the service was shut down");
  }
  return OA_OK;
}

void oa_gate_leave(oa_gate *gate) {
  atomic_fetch_sub(&gate->inside, 1);
}

void oa_gate_close(oa_gate *gate) {
  atomic_store(&gate->closed, true);
}

bool oa_gate_is_empty(const oa_gate *gate) {
  return atomic_load(&gate->inside) == 0;
}

void oa_gate_wait(oa_gate *gate) {
  while (!oa_gate_is_empty(gate)) {
    uv_sleep(POLL_MS);
  }
}
