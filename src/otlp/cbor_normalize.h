/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_normalize.h - CBOR of another writer to the one form that is stored.
 *
 * Map and slice values are kept as CBOR (RFC 8949) of indefinite length with
 * shortest integers and 64-bit floats, as oa_any_put_cbor() writes them and
 * OTAP senders do.  Others may write definite lengths, longer integers or
 * shorter floats; a string may not be UTF-8.  Here that becomes equal bytes
 * for equal values, and what is no value at all is refused.
 *
 * Any thread.
 */
#ifndef OA_OTLP_CBOR_NORMALIZE_H
#define OA_OTLP_CBOR_NORMALIZE_H

#include <stdint.h>

#include "base/buf.h"

/* Appends the one value in CBOR, an array or a map, to OUT.  Order and keys
 * that stand twice stay; strings that are not UTF-8 are repaired and counted.
 * OA_ERR_TRUNCATED, OA_ERR_MALFORMED (*PROBLEM, which may be NULL, says what
 * is wrong and *AT, which may too, where); OA_ERR_LIMIT: nested deeper than
 * OA_OTLP_MAX_DEPTH; OA_ERR_NOMEM.  After a failure OUT may hold a part. */
oa_status oa_cbor_normalize(const uint8_t *cbor, size_t len, unsigned max_depth,
                            oa_buf *out, uint64_t *repaired,
                            const char **problem, size_t *at);

#endif
