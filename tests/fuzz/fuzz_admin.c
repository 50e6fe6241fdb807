/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as a connection to the port of health and metrics: it
 * answers in HTTP/1 or not at all, and goes on serving.
 *
 * Bytes below 16 are words, in which a fuzzer would find the paths slowly. */
#include "service_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST = 1 << 15 };

static const char *const words[16] = {
    "",
    "GET /metrics HTTP/1.1\r\nHost: a\r\n",
    "GET /readyz HTTP/1.1\r\nHost: a\r\n",
    "HEAD /livez HTTP/1.1\r\nHost: a\r\n",
    "GET / HTTP/1.0\r\n",
    "POST /health HTTP/1.1\r\nHost: a\r\n",
    "Accept: application/json\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "", /* tab */
    "", /* line feed */
    "Connection: close\r\n",
    "\r\n\r\n",
    "", /* carriage return */
    "Connection: keep-alive\r\n",
    "0\r\n\r\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  service_house *h = service_of_process();
  oa_buf bytes = {0};
  oa_buf answer = {0};
  for (size_t i = 0; i < len && bytes.len < MOST; i++) {
    const char *word = data[i] < 16 ? words[data[i]] : "";
    require((word[0] == '\0'
                 ? oa_buf_put_byte(&bytes, data[i])
                 : oa_buf_put(&bytes, word, strlen(word))) == OA_OK);
  }
  service_visit(h, OA_LISTENER_DASHBOARD, &bytes, &answer);
  require(answer.len == 0 ||
          (answer.len >= 7 && memcmp(answer.data, "HTTP/1.", 7) == 0));
  oa_buf_free(&answer);
  oa_buf_free(&bytes);
  return 0;
}
