/* SPDX-License-Identifier: Apache-2.0 */
/* breaker.h - leaves an endpoint in peace that fails: the circuit breaker of
 * forwarding.circuit_breaker.
 *
 *   closed --failures in a row--> open --time--> half open --successes-->
 * closed ^                 |
 *                                  +----a failure----+
 *
 * A state and nothing else: no clock, no thread.  oa_circuit_allow() and
 * oa_circuit_report() are the functions of an oa_breaker whose context is the
 * circuit.  One thread at a time.
 */
#ifndef OA_FORWARD_BREAKER_H
#define OA_FORWARD_BREAKER_H

#include <stdint.h>

typedef struct oa_circuit_rules {
  uint64_t failure_threshold; /* in a row: open */
  uint64_t success_threshold; /* in a row, half open: close */
  uint64_t open_ms;           /* then half open */
  uint64_t max_probes;        /* at once, half open */
} oa_circuit_rules;

typedef enum oa_circuit_state {
  OA_CIRCUIT_CLOSED,
  OA_CIRCUIT_HALF_OPEN,
  OA_CIRCUIT_OPEN,
} oa_circuit_state;

/* "closed", "half open", "open". */
const char *oa_circuit_state_name(oa_circuit_state state);

typedef struct oa_circuit {
  oa_circuit_rules rules; /* each at least 1 */
  oa_circuit_state state;
  uint64_t count;     /* closed: failures; half open: successes; in a row */
  uint64_t probes;    /* half open: under way */
  uint64_t opened_ms; /* open: since then */
} oa_circuit;

void oa_circuit_init(oa_circuit *circuit, const oa_circuit_rules *rules);

int oa_circuit_allow(void *context, uint64_t now_ms, uint32_t *wait_ms);
void oa_circuit_report(void *context, uint64_t now_ms, int answered);

/* What was allowed last is not tried after all. */
void oa_circuit_cancel(oa_circuit *circuit);

#endif
