/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - one bound on all memory that senders can make grow.
 *
 * Request bodies, columns, dictionaries, stream states and scratch space are
 * each counted where they grow, and all of them together may not pass the
 * limit of the account.  So that threads do not meet on the one sum at every
 * request, each owner has a purse, which takes from the account in steps and
 * keeps a little: an owner whose memory is used again takes nothing at all.
 *
 * The account may be used by any thread; a purse belongs to one at a time.
 */
#ifndef OA_BASE_ACCOUNT_H
#define OA_BASE_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/spares.h"

/* What a purse takes at a time.  Each of some dozens of purses may hold up to
 * two of these that it does not use, so it is small beside any limit. */
#define OA_PURSE_STEP ((size_t)64 * 1024)

typedef struct oa_account {
  _Alignas(64) _Atomic size_t used;
  size_t limit;
} oa_account;

void oa_account_init(oa_account *account, size_t limit);

/* What the purses hold together, at this moment. */
size_t oa_account_used(const oa_account *account);

/* Whether little is left: nobody should keep memory for later.  ACCOUNT may be
 * NULL: no. */
bool oa_account_is_scarce(const oa_account *account);

/* A zeroed purse counts and refuses nothing. */
typedef struct oa_purse {
  oa_account *account; /* borrowed; NULL = no bound but MAX */
  size_t used;
  size_t held;   /* taken from the account, at least USED; 0 without one */
  size_t max;    /* of USED; 0 = no bound of its own */
  bool outgrown; /* the last take that failed did so by MAX; the owner clears
                    it */
  bool forced;   /* takes never fail: for what must be finished */
  oa_spares *spares; /* borrowed; blocks that USED counts and that are freed
                        before a take fails; NULL = none are kept */
} oa_purse;

/* Counts BYTES that are about to be allocated.  False: a bound would be passed,
 * and nothing has changed but `outgrown`.  PURSE may be NULL: nothing is
 * counted. */
bool oa_purse_take(oa_purse *purse, size_t bytes);

/* BYTES were freed. */
void oa_purse_give(oa_purse *purse, size_t bytes);

/* Frees the blocks that PURSE keeps for later.  False: there was none. */
bool oa_purse_drop_spares(oa_purse *purse);

/* BYTES that FROM has counted are TO's from here on, which has the same account
 * and no bound of its own.  Cannot fail. */
void oa_purse_move(oa_purse *from, oa_purse *to, size_t bytes);

/* Gives everything back to the account, which PURSE then no longer has. */
void oa_purse_close(oa_purse *purse);

#endif
