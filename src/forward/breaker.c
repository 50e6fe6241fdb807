/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/breaker.h"

const char *oa_circuit_state_name(oa_circuit_state state) {
  switch (state) {
    case OA_CIRCUIT_CLOSED:
      return "closed";
    case OA_CIRCUIT_HALF_OPEN:
      return "half open";
    case OA_CIRCUIT_OPEN:
      break;
  }
  return "open";
}

static void enter(oa_circuit *circuit, oa_circuit_state state) {
  circuit->state = state;
  circuit->count = 0;
  circuit->probes = 0;
}

void oa_circuit_init(oa_circuit *circuit, const oa_circuit_rules *rules) {
  *circuit = (oa_circuit){.rules = *rules};
}

int oa_circuit_allow(void *context, uint64_t now_ms, uint32_t *wait_ms) {
  oa_circuit *circuit = context;
  if (circuit->state == OA_CIRCUIT_OPEN) {
    const uint64_t since = now_ms - circuit->opened_ms;
    if (since < circuit->rules.open_ms) {
      const uint64_t left = circuit->rules.open_ms - since;
      *wait_ms = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
      return 0;
    }
    enter(circuit, OA_CIRCUIT_HALF_OPEN);
  }
  if (circuit->state == OA_CIRCUIT_HALF_OPEN) {
    if (circuit->probes >= circuit->rules.max_probes) {
      return 0; /* one that is under way will tell */
    }
    circuit->probes++;
  }
  return 1;
}

void oa_circuit_cancel(oa_circuit *circuit) {
  if (circuit->probes > 0) {
    circuit->probes--;
  }
}

static void count(oa_circuit *circuit, uint64_t threshold,
                  oa_circuit_state next) {
  if (++circuit->count >= threshold) {
    enter(circuit, next);
  }
}

void oa_circuit_report(void *context, uint64_t now_ms, int answered) {
  oa_circuit *circuit = context;
  oa_circuit_cancel(circuit);
  switch (circuit->state) {
    case OA_CIRCUIT_CLOSED:
      if (answered) {
        circuit->count = 0;
      } else {
        circuit->opened_ms = now_ms;
        count(circuit, circuit->rules.failure_threshold, OA_CIRCUIT_OPEN);
      }
      break;
    case OA_CIRCUIT_HALF_OPEN:
      if (answered) {
        count(circuit, circuit->rules.success_threshold, OA_CIRCUIT_CLOSED);
      } else {
        circuit->opened_ms = now_ms;
        enter(circuit, OA_CIRCUIT_OPEN);
      }
      break;
    case OA_CIRCUIT_OPEN:
      break; /* it was allowed before; what opened us counts */
  }
}
