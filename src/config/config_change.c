/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_change.h"

#include <string.h>

#include "config/config_value.h"

static size_t size_of(const oa_config_key *key) {
  if (oa_config_kind_is_text(key->kind)) {
    return sizeof(char *);
  }
  return key->kind == OA_KIND_BOOL ? sizeof(bool) : sizeof(uint64_t);
}

bool oa_config_same(const oa_config *a, const oa_config *b,
                    const oa_config_key *key) {
  if (key->state == OA_KEY_ABSENT) {
    return true;
  }
  const char *first = (const char *)a + key->offset;
  const char *second = (const char *)b + key->offset;
  if (!oa_config_kind_is_text(key->kind)) {
    return memcmp(first, second, size_of(key)) == 0;
  }
  const char *text;
  const char *other;
  memcpy(&text, first, sizeof text);
  memcpy(&other, second, sizeof other);
  return strcmp(text, other) == 0;
}

void oa_config_exchange(oa_config *a, oa_config *b, const oa_config_key *key) {
  char kept[sizeof(uint64_t) > sizeof(char *) ? sizeof(uint64_t)
                                              : sizeof(char *)];
  if (key->state == OA_KEY_ABSENT) {
    return;
  }
  char *first = (char *)a + key->offset;
  char *second = (char *)b + key->offset;
  const size_t size = size_of(key);
  memcpy(kept, first, size);
  memcpy(first, second, size);
  memcpy(second, kept, size);

  const size_t row = (size_t)(key - oa_config_keys);
  const oa_config_origin origin = a->origins[row];
  a->origins[row] = b->origins[row];
  b->origins[row] = origin;
}
