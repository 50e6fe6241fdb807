/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - who may send: bearer tokens, API keys, user and password, or what
 * the program that we live in says.
 *
 * One check for all protocols, made from the header fields alone, in a time
 * that does not depend on how much of a secret was right.  Any thread may ask;
 * making, reloading and freeing are its owner's.
 */
#ifndef OA_RECEIVE_AUTH_H
#define OA_RECEIVE_AUTH_H

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"
#include "net/server.h"

typedef struct oa_auth oa_auth;

/* *OUT is NULL when CONFIG lets everybody send.  Reads the file of keys.
 * OA_ERR_CONFIG names it, the line and what is wrong; OA_ERR_NOMEM. */
oa_status oa_auth_new(oa_auth **out, const oa_config *config, oa_error *error);
void oa_auth_free(oa_auth *auth);

/* True when CALL's header fields prove that its sender may send.  *NAME is the
 * configured name of the key, for logs.  False: *CHALLENGE is the
 * www-authenticate field of a 401, or NULL, and *TEXT says what is missing,
 * without anything that the sender sent. */
bool oa_auth_check(oa_auth *auth, const oa_call *call, const char **name,
                   const char **challenge, const char **text);

/* Takes the keys of CONFIG, whose kind of authentication is the same, and those
 * of its file; these *COUNT keys are valid from then on, also for open
 * connections.  On failure the old ones stay: OA_ERR_CONFIG, OA_ERR_NOMEM.
 * *COUNT is 0 when the program itself decides. */
oa_status oa_auth_reload(oa_auth *auth, const oa_config *config, size_t *count,
                         oa_error *error);

#endif
