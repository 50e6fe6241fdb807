/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_write.h - the one form of CBOR that map and slice values are kept in:
 * shortest integers, 64-bit floats, arrays and maps of indefinite length
 * (RFC 8949).
 *
 * Any thread.  What fails, fails with OA_ERR_NOMEM and may leave a part in OUT.
 */
#ifndef OA_OTLP_CBOR_WRITE_H
#define OA_OTLP_CBOR_WRITE_H

#include "base/buf.h"

/* Items of one byte. */
enum {
  OA_CBOR_BYTE_ARRAY = 0x9F,
  OA_CBOR_BYTE_MAP = 0xBF,
  OA_CBOR_BYTE_BREAK = 0xFF, /* ends both */
  OA_CBOR_BYTE_FALSE = 0xF4, /* true is one more */
  OA_CBOR_BYTE_NULL = 0xF6,
};

/* The int64 or double whose BITS these are. */
oa_status oa_cbor_put_int(oa_buf *out, uint64_t bits);
oa_status oa_cbor_put_double(oa_buf *out, uint64_t bits);

oa_status oa_cbor_put_bytes(oa_buf *out, const uint8_t *bytes, size_t len);

/* Text, made UTF-8 when it is not and then counted in *REPAIRED. */
oa_status oa_cbor_put_text(oa_buf *out, const uint8_t *text, size_t len,
                           uint64_t *repaired);

#endif
