/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define SECOND UINT64_C(1000000000)

typedef struct unit {
  const char *name;
  uint64_t factor;
} unit;

/* From the largest to the smallest, for printing; parsing takes any. */
static const unit time_units[] = {
    {"h", 3600 * SECOND},  {"m", 60 * SECOND},    {"s", SECOND},
    {"ms", SECOND / 1000}, {"d", 86400 * SECOND}, {"us", SECOND / 1000000},
    {"", SECOND},
};
enum { TIME_UNITS = 7, PRINTED_TIME_UNITS = 4 };

static const unit size_units[] = {
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"GB", UINT64_C(1000000000)},
    {"MB", UINT64_C(1000000)},
    {"KB", UINT64_C(1000)},
    {"B", 1},
    {"", 1},
};
enum { SIZE_UNITS = 8, PRINTED_SIZE_UNITS = 3 };

static bool inside_character(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Copies LEN bytes, of which those that do not show become question marks. */
static void put_shown(const char *text, size_t len, char *out) {
  const bool valid = oa_utf8_valid((const uint8_t *)text, len);
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)text[i];
    const bool plain = c >= 0x20 && c != 0x7F && (c < 0x80 || valid);
    out[i] = plain ? text[i] : '?';
  }
}

void oa_config_show(const char *text, size_t len, char out[OA_SHOWN_SIZE]) {
  size_t shown = len < OA_SHOWN_SIZE - 4 ? len : OA_SHOWN_SIZE - 4;
  /* Not through the middle of a character. */
  while (shown > 0 && shown < len && inside_character(text[shown])) {
    shown--;
  }
  put_shown(text, shown, out);
  snprintf(out + shown, OA_SHOWN_SIZE - shown, "%s", shown < len ? "..." : "");
}

void oa_config_show_path(const char *path, char out[OA_SHOWN_PATH_SIZE]) {
  enum { LONGEST = OA_SHOWN_PATH_SIZE - 4 };
  const size_t len = strlen(path);
  const char *from = len > LONGEST ? path + len - LONGEST : path;
  size_t used = 0;
  if (from != path) {
    while (inside_character(*from)) {
      from++;
    }
    memcpy(out, "...", 3);
    used = 3;
  }
  const size_t left = len - (size_t)(from - path);
  put_shown(from, left, out + used);
  out[used + left] = '\0';
}

bool oa_config_kind_is_text(oa_config_kind kind) {
  return kind >= OA_KIND_STRING;
}

/* Reads digits with at most nine decimals as WHOLE and BILLIONTHS and moves
 * *TEXT behind them. */
static bool read_digits(const char **text, uint64_t *whole,
                        uint64_t *billionths) {
  const char *at = *text;
  uint64_t scale = 100000000;

  *whole = 0;
  *billionths = 0;
  if (*at < '0' || *at > '9') {
    return false;
  }
  for (; *at >= '0' && *at <= '9'; at++) {
    if (*whole > UINT64_MAX / 10 - 1) {
      return false;
    }
    *whole = *whole * 10 + (uint64_t)(*at - '0');
  }
  if (*at == '.') {
    at++;
    if (*at < '0' || *at > '9') {
      return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
      if (scale == 0 && *at != '0') {
        return false; /* finer than anything here can be */
      }
      *billionths += scale * (uint64_t)(*at - '0');
      scale /= 10;
    }
  }
  *text = at;
  return true;
}

/* A number with one of UNITS behind it.  The result must be whole. */
static bool read_quantity(const char *text, const unit *units, size_t count,
                          uint64_t *out) {
  uint64_t whole;
  uint64_t billionths;

  if (!read_digits(&text, &whole, &billionths)) {
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(text, units[i].name) != 0) {
      continue;
    }
    const uint64_t factor = units[i].factor;
    /* whole.billionths * factor, in two steps that cannot overflow: factors
     * are below 2^47, and FRACTION is computed from its high and low part. */
    if (whole > UINT64_MAX / factor / 2) {
      return false;
    }
    const uint64_t high = factor / SECOND * billionths;
    const uint64_t low = factor % SECOND * billionths;
    if (low % SECOND != 0) {
      return false;
    }
    *out = whole * factor + high + low / SECOND;
    return true;
  }
  return false;
}

static bool read_number(const oa_config_key *key, const char *text,
                        uint64_t *out) {
  uint64_t billionths = 0;
  switch (key->kind) {
    case OA_KIND_DURATION:
      return read_quantity(text, time_units, TIME_UNITS, out);
    case OA_KIND_SIZE:
      return read_quantity(text, size_units, SIZE_UNITS, out);
    default:
      return read_digits(&text, out, &billionths) && *text == '\0' &&
             billionths == 0;
  }
}

static bool read_bool(const char *text, uint64_t *out) {
  static const char *const words[] = {"false", "true", "no", "yes",
                                      "off",   "on",   "0",  "1"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(text, words[i]) == 0) {
      *out = i % 2;
      return true;
    }
  }
  return false;
}

static bool read_choice(const oa_config_key *key, const char *text,
                        uint64_t *out) {
  for (size_t i = 0; key->choices[i] != NULL; i++) {
    if (strcmp(text, key->choices[i]) == 0) {
      *out = i;
      return true;
    }
  }
  return false;
}

static bool is_ip(const char *text) {
  struct in_addr four;
  struct in6_addr six;
  return inet_pton(AF_INET, text, &four) == 1 ||
         inet_pton(AF_INET6, text, &six) == 1;
}

static bool is_word(const char *text) {
  return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

/* Values end up in log lines and in YAML, which control characters break. */
static bool is_printable(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == 0x7F) {
      return false;
    }
  }
  return oa_utf8_valid((const uint8_t *)text, len);
}

static bool text_fits(const oa_config_key *key, const char *text) {
  const size_t len = strlen(text);
  if (!is_printable(text, len)) {
    return false;
  }
  switch (key->kind) {
    case OA_KIND_IP:
      return is_ip(text);
    case OA_KIND_WORD:
      return is_word(text) && len >= key->min && len <= key->max;
    default:
      return len >= key->min && len <= key->max;
  }
}

static bool value_fits(const oa_config_key *key, const char *text,
                       oa_config_value *out) {
  *out = (oa_config_value){.text = text};
  if (oa_config_kind_is_text(key->kind)) {
    return text_fits(key, text);
  }
  if (key->kind == OA_KIND_BOOL) {
    return read_bool(text, &out->number);
  }
  if (key->kind == OA_KIND_CHOICE) {
    return read_choice(key, text, &out->number);
  }
  return read_number(key, text, &out->number) &&
         ((key->zero && out->number == 0) ||
          (out->number >= key->min && out->number <= key->max));
}

/* What was meant by two values that look right. */
static const char *ip_hint(const oa_config_key *key, const char *text) {
  if (key->kind != OA_KIND_IP) {
    return "";
  }
  if (strcmp(text, ":") == 0) {
    return "; write \"::\", in quotes"; /* YAML takes the other colon */
  }
  return strcasecmp(text, "localhost") == 0 ? "; write 127.0.0.1" : "";
}

static oa_status refuse_value(const oa_config_key *key, const char *text,
                              oa_error *error) {
  char shown[OA_SHOWN_SIZE + 2] = "the value";
  oa_buf bounds = {0};

  if (!key->secret) {
    char raw[OA_SHOWN_SIZE];
    oa_config_show(text, strlen(text), raw);
    snprintf(shown, sizeof shown, "\"%s\"", raw);
  }
  oa_status status = oa_config_bounds_text(key, &bounds);
  if (status == OA_OK) {
    status = oa_buf_put_byte(&bounds, '\0');
  }
  if (status == OA_OK) {
    status = oa_error_set(error, OA_ERR_CONFIG, "%s: %s is not %s%s", key->path,
                          shown, (const char *)bounds.data, ip_hint(key, text));
  } else {
    oa_error_set(error, status, "%s", oa_status_text(status));
  }
  oa_buf_free(&bounds);
  return status;
}

oa_status oa_config_value_parse(const oa_config_key *key, const char *text,
                                oa_config_value *out, oa_error *error) {
  oa_config_value value;
  if (!value_fits(key, text, &value)) {
    return refuse_value(key, text, error);
  }
  *out = value;
  return OA_OK;
}

bool oa_config_list_next(const char **list, const char **item, size_t *len) {
  const char *at = *list + strspn(*list, " ,");
  const char *end = at + strcspn(at, ",");
  *list = end;
  while (end > at && end[-1] == ' ') {
    end--;
  }
  *item = at;
  *len = (size_t)(end - at);
  return end > at;
}

/* --- to text --- */

static bool print_units(uint64_t value, const unit *units, size_t count,
                        char out[OA_CONFIG_NUMBER_SIZE]) {
  for (size_t i = 0; i < count && value > 0; i++) {
    if (value % units[i].factor == 0) {
      snprintf(out, OA_CONFIG_NUMBER_SIZE, "%" PRIu64 "%s",
               value / units[i].factor, units[i].name);
      return true;
    }
  }
  return false;
}

void oa_duration_text(uint64_t ns, char out[OA_CONFIG_NUMBER_SIZE]) {
  if (ns == 0) {
    snprintf(out, OA_CONFIG_NUMBER_SIZE, "0");
  } else if (!print_units(ns, time_units, PRINTED_TIME_UNITS, out)) {
    snprintf(out, OA_CONFIG_NUMBER_SIZE, "%" PRIu64 ".%09" PRIu64 "s",
             ns / SECOND, ns % SECOND);
  }
}

void oa_size_text(uint64_t bytes, char out[OA_CONFIG_NUMBER_SIZE]) {
  if (!print_units(bytes, size_units, PRINTED_SIZE_UNITS, out)) {
    snprintf(out, OA_CONFIG_NUMBER_SIZE, "%" PRIu64, bytes);
  }
}

void oa_config_number_text(const oa_config_key *key, uint64_t number,
                           char out[OA_CONFIG_NUMBER_SIZE]) {
  switch (key->kind) {
    case OA_KIND_BOOL:
      snprintf(out, OA_CONFIG_NUMBER_SIZE, "%s",
               number != 0 ? "true" : "false");
      break;
    case OA_KIND_CHOICE:
      snprintf(out, OA_CONFIG_NUMBER_SIZE, "%s", key->choices[number]);
      break;
    case OA_KIND_DURATION:
      oa_duration_text(number, out);
      break;
    case OA_KIND_SIZE:
      oa_size_text(number, out);
      break;
    default:
      snprintf(out, OA_CONFIG_NUMBER_SIZE, "%" PRIu64, number);
  }
}

static oa_status choices_text(const oa_config_key *key, oa_buf *out) {
  for (size_t i = 0; key->choices[i] != NULL; i++) {
    const char *before = i == 0                        ? ""
                         : key->choices[i + 1] == NULL ? " or "
                                                       : ", ";
    OA_TRY(oa_buf_printf(out, "%s%s", before, key->choices[i]));
  }
  return OA_OK;
}

static oa_status range_text(const oa_config_key *key, const char *what,
                            oa_buf *out) {
  char low[OA_CONFIG_NUMBER_SIZE];
  char high[OA_CONFIG_NUMBER_SIZE];
  oa_config_number_text(key, key->min, low);
  oa_config_number_text(key, key->max, high);
  const char *zero = key->zero && key->min > 0 ? "0 or " : "";
  return key->max >= OA_CONFIG_NO_BOUND
             ? oa_buf_printf(out, "%s%s of %s or more", zero, what, low)
             : oa_buf_printf(out, "%s%s from %s to %s", zero, what, low, high);
}

oa_status oa_config_bounds_text(const oa_config_key *key, oa_buf *out) {
  switch (key->kind) {
    case OA_KIND_BOOL:
      return oa_buf_printf(out, "true or false");
    case OA_KIND_CHOICE:
      return choices_text(key, out);
    case OA_KIND_NUMBER:
      return range_text(key, "a number", out);
    case OA_KIND_PORT:
      return range_text(key, "a port", out);
    case OA_KIND_DURATION:
      return range_text(key, "a duration (5, 500ms, 5s, 10m, 2h)", out);
    case OA_KIND_SIZE:
      return range_text(key, "a size (bytes, 64KiB, 64MiB, 1GiB)", out);
    case OA_KIND_IP:
      return oa_buf_printf(out, "an IP address");
    case OA_KIND_LIST:
      return oa_buf_printf(out,
                           "a list of texts ([a, b], or a,b) of at most "
                           "%" PRIu64 " bytes",
                           key->max);
    case OA_KIND_WORD:
      return oa_buf_printf(
          out, "a word of at most %" PRIu64 " lower-case letters and digits",
          key->max);
    case OA_KIND_STRING:
    case OA_KIND_PATH:
      break;
  }
  return oa_buf_printf(out,
                       "a text of %" PRIu64 " to %" PRIu64
                       " bytes (UTF-8, no control characters)",
                       key->min, key->max);
}
