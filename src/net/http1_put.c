/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/http1_impl.h"

const char *oa_http1_reason(unsigned status) {
  /* RFC 9110 section 15, RFC 6585. */
  static const struct {
    unsigned status;
    const char *reason;
  } names[] = {
      {200, "OK"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].status == status) {
      return names[i].reason;
    }
  }
  return "";
}

static bool header_ok(const oa_http1_header *header) {
  const char *c = header->name;
  bool ok = *c != '\0';
  for (; *c != '\0' && ok; c++) {
    ok = oa_http1_is_token((uint8_t)*c);
  }
  for (c = header->value; *c != '\0' && ok; c++) {
    ok = oa_http1_is_value((uint8_t)*c);
  }
  return ok;
}

/* strftime() would speak the language of the locale. */
void oa_http1_date(char out[OA_HTTP1_DATE_SIZE], uint64_t seconds) {
  static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                  "Thu", "Fri", "Sat"};
  static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  /* The last second that the form can express. */
  const uint64_t last = UINT64_C(253402300799);
  const time_t when = (time_t)(seconds < last ? seconds : last);
  struct tm utc;
  if (gmtime_r(&when, &utc) == NULL) {
    memset(&utc, 0, sizeof utc);
  }
  /* The remainders tell the compiler what is known: that it fits. */
  snprintf(out, OA_HTTP1_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
           days[(unsigned)utc.tm_wday % 7], (unsigned)utc.tm_mday % 100,
           months[(unsigned)utc.tm_mon % 12],
           (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 100,
           (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
}

static oa_status put_fields(oa_buf *out, const oa_http1_answer *answer) {
  OA_TRY(oa_buf_printf(out, "HTTP/1.1 %u %s\r\n", answer->status,
                       oa_http1_reason(answer->status)));
  if (answer->date != 0) {
    char date[OA_HTTP1_DATE_SIZE];
    oa_http1_date(date, answer->date);
    OA_TRY(oa_buf_printf(out, "Date: %s\r\n", date));
  }
  for (size_t i = 0; i < answer->header_count; i++) {
    const oa_http1_header *header = &answer->headers[i];
    if (!header_ok(header)) {
      return OA_ERR_MALFORMED;
    }
    OA_TRY(oa_buf_printf(out, "%s: %s\r\n", header->name, header->value));
  }
  if (answer->status != 204 && answer->status != 304) {
    OA_TRY(oa_buf_printf(out, "Content-Length: %" PRIu64 "\r\n",
                         answer->content_length));
  }
  if (!answer->keep_alive) {
    OA_TRY(oa_buf_printf(out, "Connection: close\r\n"));
  } else if (answer->minor == 0) {
    OA_TRY(oa_buf_printf(out, "Connection: keep-alive\r\n"));
  }
  return oa_buf_put(out, "\r\n", 2);
}

oa_status oa_http1_put_head(oa_buf *out, const oa_http1_answer *answer) {
  const size_t before = out->len;
  const oa_status status = put_fields(out, answer);
  if (status != OA_OK) {
    out->len = before;
  }
  return status;
}
