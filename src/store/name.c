/* SPDX-License-Identifier: Apache-2.0 */
#include "store/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* 10^12 - 1, the largest counter that OA_NAME_DIGITS can show. */
#define MAX_SEQ UINT64_C(999999999999)

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_plain(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '-' || c == '_' || c == '.';
}

static oa_status check_part(const char *what, const char *part, size_t max,
                            oa_error *error) {
  const size_t len = part == NULL ? 0 : strlen(part);
  if (len == 0 || len > max || part[0] == '.') {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "the %s of file names must have 1 to %zu characters "
                        "and not begin with a dot",
                        what, max);
  }
  for (size_t i = 0; i < len; i++) {
    if (!is_plain(part[i])) {
      return oa_error_set(error, OA_ERR_CONFIG,
                          "the %s of file names may have letters, digits, "
                          "'-', '_' and '.' only",
                          what);
    }
  }
  return OA_OK;
}

oa_status oa_name_rule_check(const oa_name_rule *rule, oa_error *error) {
  OA_TRY(check_part("prefix", rule->prefix, OA_NAME_MAX_PART, error));
  OA_TRY(check_part("stream", rule->stream, OA_NAME_MAX_PART, error));
  return check_part("extension", rule->extension, OA_NAME_MAX_EXTENSION, error);
}

void oa_name_make(oa_name *out, uint64_t wall_ns, uint64_t seq) {
  const time_t seconds = (time_t)(wall_ns / UINT64_C(1000000000));
  struct tm utc;
  memset(out, 0, sizeof *out);
  if (gmtime_r(&seconds, &utc) == NULL) {
    memset(&utc, 0, sizeof utc);
  }
  /* The remainders tell the compiler that each part keeps its width. */
  snprintf(out->stamp, sizeof out->stamp, "%04u%02u%02u_%02u%02u%02u",
           (unsigned)(utc.tm_year + 1900) % 10000U,
           (unsigned)(utc.tm_mon + 1) % 100U, (unsigned)utc.tm_mday % 100U,
           (unsigned)utc.tm_hour % 100U, (unsigned)utc.tm_min % 100U,
           (unsigned)utc.tm_sec % 100U);
  out->seq = seq % (MAX_SEQ + 1);
  snprintf(out->digits, sizeof out->digits, "%06" PRIu64, out->seq);
  out->kind = OA_NAME_CONFIGURED;
}

/* Moves *TEXT over PART; false when it does not begin with it. */
static bool skip(const char **text, const char *part) {
  const size_t len = strlen(part);
  if (strncmp(*text, part, len) != 0) {
    return false;
  }
  *text += len;
  return true;
}

static bool parse_stamp(const char **text, char out[OA_NAME_STAMP + 1]) {
  for (size_t i = 0; i < OA_NAME_STAMP; i++) {
    const char c = (*text)[i];
    if (i == 8 ? c != '_' : !is_digit(c)) {
      return false; /* also at the terminator */
    }
    out[i] = c;
  }
  *text += OA_NAME_STAMP;
  return true;
}

static bool parse_seq(const char **text, oa_name *out) {
  size_t count = 0;
  while (is_digit((*text)[count])) {
    if (count == OA_NAME_DIGITS) {
      return false;
    }
    out->digits[count] = (*text)[count];
    out->seq = out->seq * 10 + (uint64_t)((*text)[count] - '0');
    count++;
  }
  *text += count;
  return count > 0;
}

bool oa_name_parse(const oa_name_rule *rule, const char *text, oa_name *out) {
  oa_name name;
  memset(&name, 0, sizeof name);
  if (!skip(&text, rule->prefix) || !skip(&text, "_") ||
      !skip(&text, rule->stream) || !skip(&text, "_") ||
      !parse_stamp(&text, name.stamp) || !skip(&text, "_") ||
      !parse_seq(&text, &name) || !skip(&text, ".")) {
    return false;
  }
  if (strcmp(text, rule->extension) == 0) {
    name.kind = OA_NAME_CONFIGURED;
  } else if (strcmp(text, "arrow") == 0) {
    name.kind = OA_NAME_ARROW;
  } else if (strcmp(text, "arrows") == 0) {
    name.kind = OA_NAME_ARROWS;
  } else {
    return false;
  }
  *out = name;
  return true;
}

void oa_name_text(const oa_name_rule *rule, const oa_name *name,
                  char out[OA_NAME_SIZE]) {
  const char *extension = rule->extension;
  if (name->kind == OA_NAME_ARROW) {
    extension = "arrow";
  } else if (name->kind == OA_NAME_ARROWS) {
    extension = "arrows";
  }
  snprintf(out, OA_NAME_SIZE, "%.48s_%.48s_%s_%s.%.16s", rule->prefix,
           rule->stream, name->stamp, name->digits, extension);
}

bool oa_name_equal(const oa_name *a, const oa_name *b) {
  return a->kind == b->kind && strcmp(a->stamp, b->stamp) == 0 &&
         strcmp(a->digits, b->digits) == 0;
}
