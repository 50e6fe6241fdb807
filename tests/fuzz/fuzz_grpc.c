/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as header values and as the text of an error: parsers
 * give what their header promises, and what goes out fits its buffer and
 * consists of the characters that gRPC allows there. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool promise) {
  if (!promise) {
    abort();
  }
}

static void parse(const uint8_t *data, size_t len) {
  uint64_t timeout = 0;
  oa_coding codec = OA_CODING_NONE;
  const oa_status timed = oa_grpc_timeout_parse(data, len, &timeout);
  check(timed == OA_OK || timed == OA_ERR_MALFORMED);
  check(timed != OA_OK || (len >= 2 && len <= 9));
  if (timed == OA_OK && data[len - 1] == 'n') {
    check(timeout <= 99999999);
  }
  if (timed == OA_OK && data[len - 1] == 'H' && timeout != 0) {
    /* At least an hour, however many: more than fit stay as many as do. */
    check(timeout >= UINT64_C(3600000000000));
  }
  const oa_status coded = oa_grpc_encoding_parse(data, len, &codec);
  check(coded == OA_OK || coded == OA_ERR_UNSUPPORTED);
  check(codec <= OA_CODING_ZSTD);
  check(!oa_grpc_content_type_ok(data, len) ||
        (len >= 16 && memcmp(data, "application/grpc", 16) == 0));
}

static unsigned digit(char c) {
  return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* Back from percent-encoding: the text that was cut to what goes out. */
static void encode_message(const char *text) {
  char *out = oa_malloc(OA_GRPC_MESSAGE_SIZE);
  check(out != NULL);
  const size_t cut = oa_grpc_text_length(text);
  const size_t len = oa_grpc_message_encode(out, text);
  check(cut <= OA_GRPC_MAX_TEXT && cut <= strlen(text));
  check(len <= OA_GRPC_MESSAGE_SIZE);
  if (oa_utf8_valid((const uint8_t *)text, strlen(text))) {
    check(oa_utf8_valid((const uint8_t *)text, cut));
  }
  size_t at = 0;
  for (size_t i = 0; i < len; i++, at++) {
    check(out[i] >= 0x20 && out[i] <= 0x7E);
    char c = out[i];
    if (c == '%') {
      check(i + 2 < len);
      c = (char)(digit(out[i + 1]) << 4 | digit(out[i + 2]));
      i += 2;
    }
    check(at < cut && c == text[at]);
  }
  check(at == cut);
  oa_free(out);
}

static void encode_details(const char *text, uint32_t retry_after_ms) {
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *out = oa_malloc(OA_GRPC_DETAILS_SIZE);
  check(out != NULL);
  const size_t len =
      oa_grpc_details_encode(out, (oa_grpc_code)14, text, retry_after_ms);
  check(len > 0 && len <= OA_GRPC_DETAILS_SIZE && len % 4 != 1);
  for (size_t i = 0; i < len; i++) {
    check(memchr(alphabet, out[i], sizeof alphabet - 1) != NULL);
  }
  oa_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  uint32_t retry_after_ms = 0;
  parse(data, len);
  memcpy(&retry_after_ms, data, len < 4 ? len : 4);
  char *text = oa_strndup((const char *)data, len);
  check(text != NULL);
  encode_message(text);
  encode_details(text, retry_after_ms);
  oa_free(text);
  return 0;
}
