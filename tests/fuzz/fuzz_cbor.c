/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as the CBOR of a map or slice: the reader must stop, hand
 * out tokens that lie inside the input, and open no more than it closes; and
 * the text of it is UTF-8 for whatever the reader takes. */
#include <stdlib.h>

#include "base/text.h"
#include "otlp/cbor_read.h"
#include "otlp/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool promise) {
  if (!promise) {
    abort();
  }
}

static void check_bytes(const oa_cbor_token *token, const uint8_t *data,
                        size_t len) {
  if (token->len > 0) {
    check(token->bytes >= data && token->bytes < data + len);
    check(token->len <= (size_t)(data + len - token->bytes));
  }
}

/* OA_END when the whole input is one value. */
static oa_status read_all(const uint8_t *data, size_t len) {
  oa_cbor_reader reader;
  oa_cbor_token token = {0};
  size_t open = 0;
  size_t tokens = 0;
  oa_status status;
  oa_cbor_init(&reader, data, len);
  while ((status = oa_cbor_next(&reader, &token)) == OA_OK) {
    /* A token takes a byte, and an end of definite length none. */
    check(++tokens <= 2 * len);
    switch (token.kind) {
      case OA_CBOR_ARRAY:
      case OA_CBOR_MAP:
        check(++open <= OA_CBOR_MAX_DEPTH);
        break;
      case OA_CBOR_CLOSE:
        check(open-- > 0);
        break;
      case OA_CBOR_TEXT:
      case OA_CBOR_KEY:
      case OA_CBOR_BYTES:
        check_bytes(&token, data, len);
        break;
      default:
        break;
    }
  }
  check(status != OA_END || open == 0);
  check(status == OA_END || reader.problem != NULL);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  oa_buf out = {0};
  const oa_status read = read_all(data, len);
  const oa_status text = oa_json_put_cbor(&out, data, len);
  check((read == OA_END) == (text == OA_OK));
  check(text == OA_OK || text == read);
  check(text != OA_OK || oa_utf8_valid(out.data, out.len));
  for (size_t i = 0; text == OA_OK && i < out.len; i++) {
    check(out.data[i] >= 0x20); /* safe to show on a terminal */
  }
  oa_buf_free(&out);
  return 0;
}
