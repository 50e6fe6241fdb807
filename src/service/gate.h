/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - how many are inside of a service, and whether others may come in.
 *
 * Who wants to use what a shutdown takes away enters before and leaves after;
 * the shutdown closes the gate and waits until all have left.  A process that
 * was forked finds the gate of its parent closed.  Any thread.
 */
#ifndef OA_SERVICE_GATE_H
#define OA_SERVICE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

typedef struct oa_gate {
  _Alignas(64) atomic_uint inside;
  atomic_bool closed;
  pid_t owner; /* the process whose threads serve */
} oa_gate;

void oa_gate_open(oa_gate *gate);

/* Whether this is another process than the one that opened GATE. */
bool oa_gate_is_foreign(const oa_gate *gate);

/* OA_ERR_CLOSED with a sentence; else oa_gate_leave() must follow. */
oa_status oa_gate_enter(oa_gate *gate, oa_error *error);
void oa_gate_leave(oa_gate *gate);

/* Nobody comes in from here on. */
void oa_gate_close(oa_gate *gate);

bool oa_gate_is_empty(const oa_gate *gate);

/* Waits until nobody is inside. */
void oa_gate_wait(oa_gate *gate);

#endif
