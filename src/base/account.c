/* SPDX-License-Identifier: Apache-2.0 */
#include "base/account.h"

#include <assert.h>
#include <stdint.h>

void oa_account_init(oa_account *account, size_t limit) {
  atomic_init(&account->used, 0);
  account->limit = limit;
}

size_t oa_account_used(const oa_account *account) {
  return atomic_load_explicit(&account->used, memory_order_relaxed);
}

bool oa_account_is_scarce(const oa_account *account) {
  return account != NULL && oa_account_used(account) > account->limit / 4 * 3;
}

/* Takes BYTES from ACCOUNT unless that passes its limit. */
static bool draw(oa_account *account, size_t bytes, bool forced) {
  size_t used = oa_account_used(account);
  do {
    if (!forced && (used > account->limit || bytes > account->limit - used)) {
      return false;
    }
  } while (!atomic_compare_exchange_weak_explicit(
      &account->used, &used, used + bytes, memory_order_relaxed,
      memory_order_relaxed));
  return true;
}

static bool draw_for(oa_purse *purse, size_t bytes) {
  const size_t missing = purse->used + bytes - purse->held;
  const size_t whole =
      (missing + OA_PURSE_STEP - 1) / OA_PURSE_STEP * OA_PURSE_STEP;
  /* Near the limit the last bytes are taken one by one. */
  if (draw(purse->account, whole, purse->forced)) {
    purse->held += whole;
    return true;
  }
  if (draw(purse->account, missing, false)) {
    purse->held += missing;
    return true;
  }
  return false;
}

/* Whether BYTES more are within the purse's own bound. */
static bool within_own(const oa_purse *purse, size_t bytes) {
  return purse->max == 0 || purse->forced ||
         (purse->used <= purse->max && bytes <= purse->max - purse->used);
}

static bool take(oa_purse *purse, size_t bytes) {
  const bool own = within_own(purse, bytes);
  const bool missing =
      purse->account != NULL && bytes > purse->held - purse->used;
  if (!own || (missing && !draw_for(purse, bytes))) {
    purse->outgrown = !own;
    return false;
  }
  purse->used += bytes;
  return true;
}

bool oa_purse_take(oa_purse *purse, size_t bytes) {
  if (purse == NULL) {
    return true;
  }
  /* Far above any memory, and far from where the sums here overflow. */
  if (bytes > SIZE_MAX / 4) {
    return false;
  }
  return take(purse, bytes) ||
         (oa_purse_drop_spares(purse) && take(purse, bytes));
}

bool oa_purse_drop_spares(oa_purse *purse) {
  const size_t bytes =
      purse->spares == NULL ? 0 : oa_spares_free(purse->spares);
  oa_purse_give(purse, bytes);
  return bytes > 0;
}

void oa_purse_give(oa_purse *purse, size_t bytes) {
  if (purse == NULL) {
    return;
  }
  assert(bytes <= purse->used);
  purse->used -= bytes;
  if (purse->account == NULL) {
    return;
  }
  const size_t idle = purse->held - purse->used;
  if (idle >= 2 * OA_PURSE_STEP) {
    const size_t back = idle - OA_PURSE_STEP;
    purse->held -= back;
    atomic_fetch_sub_explicit(&purse->account->used, back,
                              memory_order_relaxed);
  }
}

void oa_purse_move(oa_purse *from, oa_purse *to, size_t bytes) {
  assert(from->account == to->account && bytes <= from->used);
  from->used -= bytes;
  to->used += bytes;
  if (from->account != NULL) {
    from->held -= bytes;
    to->held += bytes;
  }
}

void oa_purse_close(oa_purse *purse) {
  if (purse->account != NULL) {
    atomic_fetch_sub_explicit(&purse->account->used, purse->held,
                              memory_order_relaxed);
  }
  *purse = (oa_purse){0};
}
