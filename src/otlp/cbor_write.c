/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/cbor_write.h"

#include "base/text.h"

/* Majors of RFC 8949, section 3.1, in the first byte's place. */
enum { NEGATIVE = 0x20, BYTES = 0x40, TEXT = 0x60, DOUBLE = 0xFB };

/* A first byte and its argument in the shortest form. */
static oa_status put_head(oa_buf *out, uint8_t major, uint64_t value) {
  OA_TRY(oa_buf_reserve(out, 9));
  uint8_t *at = out->data + out->len;
  unsigned bytes = 0;
  if (value < 24) {
    *at++ = (uint8_t)(major | value);
  } else {
    unsigned code = 24;
    bytes = 1;
    while (bytes < 8 && (value >> (8 * bytes)) != 0) {
      bytes *= 2;
      code++;
    }
    *at++ = (uint8_t)(major | code);
  }
  for (unsigned i = bytes; i > 0; i--) {
    *at++ = (uint8_t)(value >> (8 * (i - 1)));
  }
  out->len = (size_t)(at - out->data);
  return OA_OK;
}

oa_status oa_cbor_put_text(oa_buf *out, const uint8_t *text, size_t len,
                           uint64_t *repaired) {
  if (oa_utf8_valid(text, len)) {
    OA_TRY(put_head(out, TEXT, len));
    return oa_buf_put(out, text, len);
  }
  oa_buf valid = {0};
  oa_status status = oa_utf8_repair(&valid, text, len);
  if (status == OA_OK) {
    status = put_head(out, TEXT, valid.len);
  }
  if (status == OA_OK) {
    status = oa_buf_put(out, valid.data, valid.len);
  }
  oa_buf_free(&valid);
  *repaired += 1;
  return status;
}

oa_status oa_cbor_put_int(oa_buf *out, uint64_t bits) {
  const bool negative = (bits >> 63) != 0;
  return put_head(out, negative ? NEGATIVE : 0, negative ? ~bits : bits);
}

oa_status oa_cbor_put_double(oa_buf *out, uint64_t bits) {
  uint8_t item[9] = {DOUBLE};
  for (unsigned i = 0; i < 8; i++) {
    item[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
  }
  return oa_buf_put(out, item, sizeof item);
}

oa_status oa_cbor_put_bytes(oa_buf *out, const uint8_t *bytes, size_t len) {
  OA_TRY(put_head(out, BYTES, len));
  return oa_buf_put(out, bytes, len);
}
