/* SPDX-License-Identifier: Apache-2.0 */
#include "same_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  return same_everywhere(OA_METRICS, data, len);
}
