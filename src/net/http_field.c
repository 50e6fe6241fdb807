/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_field.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct span {
  const char *at;
  size_t len;
} span;

static bool is_space(char c) {
  return c == ' ' || c == '\t';
}

static span trim(span s) {
  while (s.len > 0 && is_space(s.at[0])) {
    s.at++;
    s.len--;
  }
  while (s.len > 0 && is_space(s.at[s.len - 1])) {
    s.len--;
  }
  return s;
}

/* The part of REST before the next MARK, which is taken off it. */
static span cut(span *rest, char mark) {
  const char *end = rest->len == 0 ? NULL : memchr(rest->at, mark, rest->len);
  const span part = {rest->at,
                     end == NULL ? rest->len : (size_t)(end - rest->at)};
  const size_t used = part.len + (end == NULL ? 0 : 1);
  rest->at += used;
  rest->len -= used;
  return trim(part);
}

static bool is_word(span s, const char *word) {
  return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

bool oa_field_is_type(const char *value, size_t len, const char *type) {
  span rest = {value, len};
  return value != NULL && is_word(cut(&rest, ';'), type);
}

/* Whether PARAMETERS hold a weight of zero: "q=0", "q=0.0", ... */
static bool weighs_nothing(span parameters) {
  while (parameters.len > 0) {
    span value = cut(&parameters, ';');
    const span name = cut(&value, '=');
    value = trim(value);
    if (is_word(name, "q") && value.len > 0) {
      for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] != '0' && value.at[i] != '.') {
          return false;
        }
      }
      return true;
    }
  }
  return false;
}

bool oa_field_accepts_gzip(const char *value, size_t len, bool *plain) {
  enum { UNSAID, NO, YES } gzip = UNSAID, identity = UNSAID, any = UNSAID;
  span rest = {value, value == NULL ? 0 : len};
  while (rest.len > 0) {
    span parameters = cut(&rest, ',');
    const span name = cut(&parameters, ';');
    const int said = weighs_nothing(parameters) ? NO : YES;
    if (is_word(name, "gzip") || is_word(name, "x-gzip")) {
      gzip = said;
    } else if (is_word(name, "identity")) {
      identity = said;
    } else if (is_word(name, "*")) {
      any = said;
    }
  }
  *plain = identity == YES || (identity == UNSAID && any != NO);
  return gzip == YES || (gzip == UNSAID && any == YES);
}

bool oa_field_is_name_list(const char *value, size_t len) {
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)value[i];
    const bool token =
        c < 0x80 &&
        (isalnum(c) != 0 || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL));
    if (!token && c != ',' && !is_space((char)c)) {
      return false;
    }
  }
  return len > 0;
}
