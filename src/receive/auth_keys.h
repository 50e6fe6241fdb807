/* SPDX-License-Identifier: Apache-2.0 */
/* auth_keys.h - the secrets that let senders in, as digests.
 *
 * A set is made once and only read afterwards.  What a sender shows is hashed
 * and compared with every key of the set, each to its last byte, so that the
 * time of a check tells nothing about a key.  The secrets themselves are not
 * kept.
 */
#ifndef OA_RECEIVE_AUTH_KEYS_H
#define OA_RECEIVE_AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct oa_auth_keys oa_auth_keys;

oa_status oa_auth_keys_new(oa_auth_keys **out);
void oa_auth_keys_free(oa_auth_keys *keys);

/* Adds a key called NAME.  OA_ERR_NOMEM; OA_ERR_LIMIT: there are too many. */
oa_status oa_auth_keys_add(oa_auth_keys *keys, const char *name,
                           size_t name_len, const char *secret,
                           size_t secret_len);

/* Adds those of the file PATH: a line each, "name: secret"; empty lines and
 * those that begin with "#" are passed over.  With PAIRS the secret of a key is
 * "name:secret".  OA_ERR_CONFIG names file and line, never a secret. */
oa_status oa_auth_keys_read(oa_auth_keys *keys, const char *path, bool pairs,
                            oa_error *error);

size_t oa_auth_keys_count(const oa_auth_keys *keys);

/* The name of the key whose secret is TEXT, or NULL. */
const char *oa_auth_keys_find(const oa_auth_keys *keys, const void *text,
                              size_t len);

#endif
