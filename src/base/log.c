/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/text.h"

/* Of a message as it is given, and of one that is made fit to be shown. */
enum { LINE_SIZE = 1024, SHOWN_SIZE = 2 * LINE_SIZE };

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

/* Copies TEXT for a terminal: control characters, which could forge lines or
 * steer the terminal, are shown as \xNN, and what is not UTF-8 is replaced. */
static void clean(char *out, size_t size, const char *text) {
  static const char unknown[] = "\357\277\275"; /* U+FFFD */
  size_t at = 0;
  for (; *text != '\0' && at + 5 < size; text++) {
    const unsigned char c = (unsigned char)*text;
    const size_t len = c < 0x80 ? 1 : character(text);
    if (c < 0x20 || c == 0x7F) {
      at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
    } else if (len == 0) {
      memcpy(out + at, unknown, sizeof unknown - 1);
      at += sizeof unknown - 1;
    } else if (c == 0xC2 && (unsigned char)text[1] < 0xA0) {
      /* U+0080 to U+009F: controls too. */
      at += (size_t)snprintf(out + at, size - at, "\\x%02x",
                             (unsigned)(unsigned char)text[1]);
      text++;
    } else {
      memcpy(out + at, text, len);
      at += len;
      text += len - 1;
    }
  }
  out[at] = '\0';
}

static void put(const oa_log *log, oa_log_level level, const char *message) {
  struct timespec now;
  struct tm utc;
  char stamp[32];
  char shown[SHOWN_SIZE];
  char line[SHOWN_SIZE + 128];
  int len;
  if (log->sink.line != NULL) {
    clean(shown, sizeof shown, message);
    log->sink.line(log->sink.context, level, shown);
    return;
  }
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  if (atomic_load_explicit(&log->json, memory_order_relaxed)) {
    escape(shown, sizeof shown, message);
    len = snprintf(line, sizeof line,
                   "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\","
                   "\"message\":\"%s\"}\n",
                   stamp, now.tv_nsec / 1000000, level_names[level], shown);
  } else {
    clean(shown, sizeof shown, message);
    len = snprintf(line, sizeof line, "%s.%03ldZ %-5s %s\n", stamp,
                   now.tv_nsec / 1000000, level_names[level], shown);
  }
  if (len > 0) {
    const size_t size =
        (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    /* A log that cannot be written has nowhere to say so. */
    ssize_t ignored = write(log->fd, line, size);
    (void)ignored;
  }
}

static bool is_wanted(const oa_log *log, oa_log_level level) {
  return log != NULL &&
         level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void oa_log_line(const oa_log *log, oa_log_level level, const char *format,
                 ...) {
  if (!is_wanted(log, level)) {
    return;
  }
  /* Room for what is said of those that were held back. */
  enum { REST = 64 };
  char message[LINE_SIZE + REST];
  uint64_t held = 0;
  va_list args;
  va_start(args, format);
  vsnprintf(message, LINE_SIZE, format, args);
  va_end(args);
  if (log->limit != NULL &&
      !oa_log_limit_pass(log->limit, format, level, message,
                         oa_clock_monotonic_ns(), &held)) {
    return;
  }
  if (held > 0) {
    const size_t used = strlen(message);
    snprintf(message + used, sizeof message - used,
             " (%" PRIu64 " more like this before)", held);
  }
  put(log, level, message);
}

void oa_log_tick(const oa_log *log, uint64_t now_ns) {
  oa_log_held held;
  char message[OA_LOG_SAMPLE_SIZE + 80];
  if (log == NULL || log->limit == NULL) {
    return;
  }
  while (oa_log_limit_due(log->limit, now_ns, &held)) {
    snprintf(message, sizeof message,
             "%s (%" PRIu64 " more like this in the last %d s)", held.text,
             held.count, (int)(OA_LOG_INTERVAL_NS / UINT64_C(1000000000)));
    put(log, held.level, message);
  }
}
