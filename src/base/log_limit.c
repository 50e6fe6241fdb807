/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_limit.h"

#include <stdio.h>
#include <uv.h>

#include "base/mem.h"

typedef struct slot {
  const char *kind; /* NULL = free */
  uint64_t since_ns;
  uint32_t passed;
  oa_log_held held;
} slot;

struct oa_log_limit {
  uv_mutex_t lock; /* over the slots; nothing slow happens under it */
  slot slots[OA_LOG_KINDS];
};

oa_status oa_log_limit_new(oa_log_limit **out) {
  oa_log_limit *limit = oa_calloc(1, sizeof *limit);
  if (limit == NULL || uv_mutex_init(&limit->lock) != 0) {
    oa_free(limit);
    return OA_ERR_NOMEM;
  }
  *out = limit;
  return OA_OK;
}

void oa_log_limit_free(oa_log_limit *limit) {
  if (limit != NULL) {
    uv_mutex_destroy(&limit->lock);
    oa_free(limit);
  }
}

/* The place of KIND.  Kinds are as many as there are calls in the source, so
 * the last place is hardly ever shared. */
static slot *find(oa_log_limit *limit, const char *kind) {
  for (size_t i = 0; i < OA_LOG_KINDS; i++) {
    slot *s = &limit->slots[i];
    if (s->kind == NULL || i == OA_LOG_KINDS - 1) {
      s->kind = kind;
    }
    if (s->kind == kind) {
      return s;
    }
  }
  return &limit->slots[OA_LOG_KINDS - 1];
}

static bool is_over(const slot *s, uint64_t now_ns) {
  return now_ns >= s->since_ns && now_ns - s->since_ns >= OA_LOG_INTERVAL_NS;
}

bool oa_log_limit_pass(oa_log_limit *limit, const char *kind,
                       oa_log_level level, const char *text, uint64_t now_ns,
                       uint64_t *held) {
  uv_mutex_lock(&limit->lock);
  slot *s = find(limit, kind);
  *held = 0;
  if (s->passed == 0 || is_over(s, now_ns)) {
    *held = s->held.count;
    s->since_ns = now_ns;
    s->passed = 0;
    s->held.count = 0;
  }
  const bool pass = s->passed < OA_LOG_BURST;
  if (pass) {
    s->passed++;
  } else {
    s->held.count++;
    s->held.level = level;
    snprintf(s->held.text, sizeof s->held.text, "%s", text);
  }
  uv_mutex_unlock(&limit->lock);
  return pass;
}

bool oa_log_limit_due(oa_log_limit *limit, uint64_t now_ns, oa_log_held *out) {
  bool found = false;
  uv_mutex_lock(&limit->lock);
  for (size_t i = 0; i < OA_LOG_KINDS && !found; i++) {
    slot *s = &limit->slots[i];
    if (s->held.count > 0 && is_over(s, now_ns)) {
      *out = s->held;
      s->held.count = 0;
      s->passed = 0;
      found = true;
    }
  }
  uv_mutex_unlock(&limit->lock);
  return found;
}
