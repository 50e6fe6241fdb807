/* SPDX-License-Identifier: Apache-2.0 */
/* http_field.h - what header fields of a request say (RFC 9110, section 8.3
 * and 12.5).  Values are not terminated; any thread. */
#ifndef OA_NET_HTTP_FIELD_H
#define OA_NET_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a content-type is TYPE (lower-case), whatever its parameters. */
bool oa_field_is_type(const char *value, size_t len, const char *type);

/* Whether an accept-encoding lets an answer be coded as gzip; *PLAIN: whether
 * it may also stay as it is.  A NULL value, no field, means plain. */
bool oa_field_accepts_gzip(const char *value, size_t len, bool *plain);

/* Whether the value is a list of field names (RFC 9110, section 5.6.1) and
 * nothing else, so that it may be repeated in an answer. */
bool oa_field_is_name_list(const char *value, size_t len);

#endif
