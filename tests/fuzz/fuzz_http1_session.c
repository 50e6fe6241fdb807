/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as a connection of HTTP/1.1 to the whole server: requests
 * one behind another, bodies of each kind and compression.  It answers in
 * HTTP/1.1 or not at all, hangs up when we do, and keeps nothing.
 *
 * In an input, "\x01" becomes "GET / HTTP/1.1", and so on: what a fuzzer would
 * take long to write stands in the table. */
#include "net_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const words[] = {
    "",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST /v1/logs HTTP/1.1\r\nHost: a\r\n",
    "POST /k HTTP/1.1\r\nHost: a\r\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
    "Content-Encoding: zstd\r\n",
    "Connection: close\r\n",
    "", /* tab */
    "", /* line feed */
    "Expect: 100-continue\r\n",
    "\r\n\r\n",
    "", /* carriage return */
    "0\r\n\r\n",
};

static oa_buf expand(const uint8_t *data, size_t len) {
  oa_buf out = {0};
  for (size_t i = 0; i < len && out.len < HOUSE_RECORD; i++) {
    const char *word =
        data[i] < sizeof words / sizeof words[0] ? words[data[i]] : "";
    const oa_status status = word[0] == '\0'
                                 ? oa_buf_put_byte(&out, data[i])
                                 : oa_buf_put(&out, word, strlen(word));
    require(status == OA_OK);
  }
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  house *h = house_of_process(16384);
  oa_buf bytes = expand(data, len);
  oa_buf answer = {0};
  if (bytes.len > 0 && (bytes.data[0] < 'A' || bytes.data[0] > 'Z')) {
    bytes.data[0] = 'G';
  }
  house_visit(h, bytes.data, bytes.len, &answer);
  if (answer.len > 0) {
    /* Bytes that began as HTTP/2 does are another target's. */
    require(answer.len >= 9 &&
            (memcmp(answer.data, "HTTP/1.1 ", 9) == 0 || bytes.data[0] == 'P'));
  }
  oa_buf_free(&answer);
  oa_buf_free(&bytes);
  return 0;
}
