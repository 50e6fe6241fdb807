/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "config/config_change.h"

typedef struct pair {
  oa_config a;
  oa_config b;
} pair;

static int setup(void **state) {
  static pair p;
  assert_int_equal(oa_config_init(&p.a), OA_OK);
  assert_int_equal(oa_config_init(&p.b), OA_OK);
  *state = &p;
  return 0;
}

static int teardown(void **state) {
  pair *p = *state;
  oa_config_reset(&p->a);
  oa_config_reset(&p->b);
  return 0;
}

static const oa_config_key *key_of(const char *path) {
  const oa_config_key *key = oa_config_key_find(path, strlen(path));
  assert_non_null(key);
  return key;
}

static void configurations_of_defaults_are_the_same(void **state) {
  const pair *p = *state;
  for (size_t i = 0; i < oa_config_key_count; i++) {
    assert_true(oa_config_same(&p->a, &p->b, &oa_config_keys[i]));
  }
}

/* One of each kind of storage. */
static const char *const changes[][2] = {
    {"write_interval_secs", "7"},
    {"storage.compression", "lz4"},
    {"storage.direct_io", "false"},
    {"protocols.protobuf_port", "4000"},
    {"output_dir", "/elsewhere"},
    {"protocols.authentication.credentials.token", "secret"},
};

static void a_change_is_seen_in_its_key_alone(void **state) {
  pair *p = *state;
  for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
    const oa_config_key *key = key_of(changes[c][0]);
    assert_int_equal(
        oa_config_assign(&p->b, changes[c][0], changes[c][1], NULL), OA_OK);
    for (size_t i = 0; i < oa_config_key_count; i++) {
      assert_int_equal(oa_config_same(&p->a, &p->b, &oa_config_keys[i]),
                       key != &oa_config_keys[i]);
    }
    oa_config_exchange(&p->a, &p->b, key);
    assert_false(oa_config_same(&p->a, &p->b, key));
    oa_config defaults;
    assert_int_equal(oa_config_init(&defaults), OA_OK);
    assert_true(oa_config_same(&p->b, &defaults, key));
    assert_false(oa_config_same(&p->a, &defaults, key));
    oa_config_reset(&defaults);
    /* And where it came from goes along. */
    assert_int_equal(p->a.origins[key - oa_config_keys].source, OA_CONFIG_SET);
    assert_int_equal(p->b.origins[key - oa_config_keys].source,
                     OA_CONFIG_DEFAULT);
    oa_config_exchange(&p->a, &p->b, key);
    oa_config_exchange(&p->b, &p->b, key);
    assert_int_equal(
        oa_config_assign(&p->a, changes[c][0], changes[c][1], NULL), OA_OK);
    assert_true(oa_config_same(&p->a, &p->b, key));
  }
}

static void keys_without_a_field_are_left_alone(void **state) {
  pair *p = *state;
  size_t absent = 0;
  for (size_t i = 0; i < oa_config_key_count; i++) {
    if (oa_config_keys[i].state == OA_KEY_ABSENT) {
      oa_config_exchange(&p->a, &p->b, &oa_config_keys[i]);
      assert_true(oa_config_same(&p->a, &p->b, &oa_config_keys[i]));
      absent++;
    }
  }
  assert_true(absent > 0);
}

#define WITH(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(configurations_of_defaults_are_the_same),
      WITH(a_change_is_seen_in_its_key_alone),
      WITH(keys_without_a_field_are_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
