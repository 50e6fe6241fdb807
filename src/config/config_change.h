/* SPDX-License-Identifier: Apache-2.0 */
/* config_change.h - what differs between two configurations, key by key.
 *
 * For reloading a running service.  One thread at a time.
 */
#ifndef OA_CONFIG_CONFIG_CHANGE_H
#define OA_CONFIG_CONFIG_CHANGE_H

#include "config/config_table.h"

/* Whether A and B have the same value of KEY. */
bool oa_config_same(const oa_config *a, const oa_config *b,
                    const oa_config_key *key);

/* Has A and B exchange their values of KEY, and where these came from. */
void oa_config_exchange(oa_config *a, oa_config *b, const oa_config_key *key);

#endif
