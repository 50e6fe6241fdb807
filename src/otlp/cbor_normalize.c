/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/cbor_normalize.h"

#include "otlp/cbor_read.h"
#include "otlp/cbor_write.h"

static oa_status put_token(const oa_cbor_token *token, oa_buf *out,
                           uint64_t *repaired) {
  switch (token->kind) {
    case OA_CBOR_NULL:
      return oa_buf_put_byte(out, OA_CBOR_BYTE_NULL);
    case OA_CBOR_BOOL:
      return oa_buf_put_byte(
          out, (uint8_t)(OA_CBOR_BYTE_FALSE + (token->boolean ? 1 : 0)));
    case OA_CBOR_INT:
      return oa_cbor_put_int(out, (uint64_t)token->integer);
    case OA_CBOR_DOUBLE:
      return oa_cbor_put_double(out, token->double_bits);
    case OA_CBOR_TEXT:
    case OA_CBOR_KEY:
      return oa_cbor_put_text(out, token->bytes, token->len, repaired);
    case OA_CBOR_BYTES:
      return oa_cbor_put_bytes(out, token->bytes, token->len);
    case OA_CBOR_ARRAY:
      return oa_buf_put_byte(out, OA_CBOR_BYTE_ARRAY);
    case OA_CBOR_MAP:
      return oa_buf_put_byte(out, OA_CBOR_BYTE_MAP);
    case OA_CBOR_CLOSE:
      break;
  }
  return oa_buf_put_byte(out, OA_CBOR_BYTE_BREAK);
}

static bool is_container(const uint8_t *cbor, size_t len) {
  enum { MAJOR_ARRAY = 4, MAJOR_MAP = 5 };
  return len == 0 || cbor[0] >> 5 == MAJOR_ARRAY || cbor[0] >> 5 == MAJOR_MAP;
}

static oa_status normalize(oa_cbor_reader *reader, oa_buf *out,
                           uint64_t *repaired) {
  oa_cbor_token token;
  oa_status status;
  while ((status = oa_cbor_next(reader, &token)) == OA_OK) {
    OA_TRY(put_token(&token, out, repaired));
  }
  return status == OA_END ? OA_OK : status;
}

oa_status oa_cbor_normalize(const uint8_t *cbor, size_t len, unsigned max_depth,
                            oa_buf *out, uint64_t *repaired,
                            const char **problem, size_t *at) {
  oa_cbor_reader reader;
  oa_cbor_init(&reader, cbor, len);
  reader.foreign = true;
  reader.max_depth = max_depth;
  oa_status status = OA_ERR_MALFORMED;
  if (is_container(cbor, len)) {
    status = normalize(&reader, out, repaired);
  } else {
    reader.problem = "neither an array nor a map";
  }
  if (problem != NULL) {
    *problem = reader.problem;
  }
  if (at != NULL) {
    *at = (size_t)(reader.at - cbor);
  }
  return status;
}
