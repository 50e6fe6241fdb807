/* SPDX-License-Identifier: Apache-2.0 */
/* hpack.h - header blocks (RFC 7541) outside of HTTP/2, as in the `headers`
 * field of OpenTelemetry's Arrow protocol.
 *
 * Blocks of one sender build on each other: all of them must be read, in
 * order, and after a failure none can be.  One thread at a time.
 */
#ifndef OA_NET_HPACK_H
#define OA_NET_HPACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct oa_hpack oa_hpack;

oa_status oa_hpack_new(oa_hpack **out);

/* NULL is allowed. */
void oa_hpack_free(oa_hpack *hpack);

/* One field; borrowed during the call. */
typedef void (*oa_hpack_sink)(void *context, const uint8_t *name,
                              size_t name_len, const uint8_t *value,
                              size_t value_len);

/* Reads one whole block and gives its fields in order.  Their sum is at most
 * MOST bytes, counted as HTTP/2 does: OA_ERR_LIMIT.  OA_ERR_MALFORMED,
 * OA_ERR_NOMEM. */
oa_status oa_hpack_read(oa_hpack *hpack, const uint8_t *block, size_t len,
                        size_t most, oa_hpack_sink sink, void *context);

#endif
