/* SPDX-License-Identifier: Apache-2.0 */
/* Any calls of the telemetry builder in any order, the first byte choosing the
 * signal: what comes out is a request that the decoder takes whole, or a
 * sentence.  Then the same again on the builder that was reset, whose guesses
 * of lengths are others by now: it must not make a difference. */
#include "builder_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  oa_builder *b = NULL;
  if (len == 0) {
    return 0;
  }
  const oa_signal signal = (oa_signal)(data[0] % OA_SIGNAL_COUNT);
  must(oa_builder_new(&b, signal, NULL) == OA_OK);
  const bool first = play_calls(b, signal, data + 1, len - 1);
  const size_t size = oa_builder_size(b);
  oa_builder_reset(b);
  must(play_calls(b, signal, data + 1, len - 1) == first);
  must(!first || oa_builder_size(b) == size);
  oa_builder_free(b);
  return 0;
}
