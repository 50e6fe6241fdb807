/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum { LINE_SIZE = 1024 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

enum { UTF8_LONGEST = 4 };

/* Length of the UTF-8 character that TEXT begins with, or 0. */
static size_t character(const char *text) {
  const size_t left = strnlen(text, UTF8_LONGEST);
  for (size_t len = 1; len <= left; len++) {
    if (oa_utf8_valid((const uint8_t *)text, len)) {
      return len;
    }
  }
  return 0;
}

/* Escapes TEXT for a JSON string; what does not fit is cut, and bytes that are
 * not UTF-8 are replaced, as no JSON parser would take them. */
static void escape(char *out, size_t size, const char *text) {
  size_t at = 0;
  for (; *text != '\0' && at + 7 < size; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      out[at++] = '\\';
      out[at++] = (char)c;
    } else if (c < 0x20) {
      at += (size_t)snprintf(out + at, size - at, "\\u%04x", c);
    } else if (c < 0x80) {
      out[at++] = (char)c;
    } else {
      const size_t len = character(text);
      memcpy(out + at, len > 0 ? text : "\\ufffd", len > 0 ? len : 6);
      at += len > 0 ? len : 6;
      text += len > 0 ? len - 1 : 0;
    }
  }
  out[at] = '\0';
}

void oa_log_line(const oa_log *log, oa_log_level level, const char *format,
                 ...) {
  if (log == NULL || level < log->level) {
    return;
  }
  char message[LINE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);

  struct timespec now;
  struct tm utc;
  char stamp[32];
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);

  char line[2 * LINE_SIZE + 128];
  int len;
  if (log->json) {
    char escaped[2 * LINE_SIZE];
    escape(escaped, sizeof escaped, message);
    len = snprintf(line, sizeof line,
                   "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\","
                   "\"message\":\"%s\"}\n",
                   stamp, now.tv_nsec / 1000000, level_names[level], escaped);
  } else {
    len = snprintf(line, sizeof line, "%s.%03ldZ %-5s %s\n", stamp,
                   now.tv_nsec / 1000000, level_names[level], message);
  }
  if (len > 0) {
    const size_t size =
        (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    /* A log that cannot be written has nowhere to say so. */
    ssize_t ignored = write(log->fd, line, size);
    (void)ignored;
  }
}
