/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_round.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  return round_trip(OA_METRICS, data, len);
}
