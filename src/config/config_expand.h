/* SPDX-License-Identifier: Apache-2.0 */
/* config_expand.h - ${env:NAME} and ${file:PATH} in the values of the file.
 *
 * For the config*.c files alone.
 */
#ifndef OA_CONFIG_CONFIG_EXPAND_H
#define OA_CONFIG_CONFIG_EXPAND_H

#include "base/buf.h"
#include "base/error.h"

/* Appends TEXT with its references replaced and a final 0 byte.  "$${" stands
 * for "${" itself; what comes in is not expanded again.  OA_ERR_CONFIG when a
 * variable or file is not there; texts name the reference, never a value. */
oa_status oa_config_expand(const char *text, size_t len, oa_buf *out,
                           oa_error *error);

/* Appends the bytes of the file PATH, at most MAX of them; more is
 * OA_ERR_LIMIT.  OA_ERR_NOT_FOUND, OA_ERR_IO. */
oa_status oa_config_slurp(const char *path, size_t max, oa_buf *out,
                          oa_error *error);

#endif
