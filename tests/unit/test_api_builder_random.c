/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/builder_calls.h"
#include "api/builder_impl.h"

enum { SEQUENCES = 100000, LONGEST = 600 };

/* splitmix64: the same numbers on every machine. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* A builder as it was, to go back to. */
typedef struct kept {
  oa_builder builder;
  uint8_t bytes[LONGEST * 64];
} kept;

static void keep(kept *to, const oa_builder *b) {
  to->builder = *b;
  assert_in_range(b->emit.out.len, 0, sizeof to->bytes);
  if (b->emit.out.len > 0) {
    memcpy(to->bytes, b->emit.out.data, b->emit.out.len);
  }
}

static void go_back(oa_builder *b, const kept *from) {
  const oa_buf now = b->emit.out; /* it may have grown */
  *b = from->builder;
  b->emit.out.data = now.data;
  b->emit.out.cap = now.cap;
  if (b->emit.out.len > 0) {
    memcpy(b->emit.out.data, from->bytes, b->emit.out.len);
  }
}

/* One wrong call fails all, and most calls are wrong: those are undone but for
 * one in UNDO, so that sequences get far. */
static bool play_far(oa_builder *b, oa_signal signal, chooser *c, size_t undo,
                     uint64_t *seed) {
  static kept before;
  while (c->at < c->end) {
    keep(&before, b);
    play_call(b, signal, c);
    if (b->error.code != OA_OK && next_random(seed) % undo != 0) {
      go_back(b, &before);
    }
  }
  return check_built(b, signal);
}

static void random_calls_give_a_request_or_a_sentence(void **state) {
  (void)state;
  static const size_t undo[] = {1, 1, 50, 200, 1000, 5000};
  uint64_t seed = 1;
  size_t requests = 0;
  size_t items = 0;
  oa_builder *builders[OA_SIGNAL_COUNT] = {NULL};
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    assert_int_equal(oa_builder_new(&builders[i], (oa_signal)i, NULL), OA_OK);
  }
  for (size_t i = 0; i < SEQUENCES; i++) {
    const oa_signal signal = (oa_signal)(i % OA_SIGNAL_COUNT);
    oa_builder *b = builders[signal];
    uint8_t bytes[LONGEST];
    const size_t len = next_random(&seed) % (i % 7 == 0 ? 16 : LONGEST);
    for (size_t j = 0; j < len; j++) {
      bytes[j] = (uint8_t)next_random(&seed);
    }
    chooser c = {bytes, bytes + len};
    oa_builder_reset(b);
    if (i % 8 != 0) { /* else the first resource has to be chosen too */
      oa_build_resource(b, NULL);
      oa_build_scope(b, NULL);
    }
    if (play_far(b, signal, &c, undo[i / 3 % 6], &seed)) {
      requests++;
      items += oa_builder_items(b);
    }
  }
  /* Neither is rare, and requests are not empty. */
  assert_in_range(requests, SEQUENCES / 10, SEQUENCES - SEQUENCES / 10);
  assert_in_range(items, SEQUENCES / 4, (uint64_t)SEQUENCES * LONGEST);
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_builder_free(builders[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_calls_give_a_request_or_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
