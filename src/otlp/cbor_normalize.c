/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/cbor_normalize.h"

#include <math.h>
#include <stdbool.h>

#include "base/text.h"
#include "otlp/otlp.h"

/* First bytes (RFC 8949, section 3 and appendix B). */
enum {
  MAJOR_UNSIGNED = 0,
  MAJOR_NEGATIVE = 1,
  MAJOR_BYTES = 2,
  MAJOR_TEXT = 3,
  MAJOR_ARRAY = 4,
  MAJOR_MAP = 5,
  MAJOR_SIMPLE = 7,
  INFO_ONE_BYTE = 24,
  INFO_HALF = 25,
  INFO_SINGLE = 26,
  INFO_EIGHT_BYTES = 27,
  INFO_INDEFINITE = 31,
  FALSE = 0xF4,
  TRUE = 0xF5,
  NULL_VALUE = 0xF6,
  UNDEFINED = 0xF7,
  DOUBLE = 0xFB,
  BREAK = 0xFF,
};

typedef struct level {
  uint64_t left; /* items to come; UINT64_MAX = until a break */
  bool map;
  bool want_value; /* in a map: a key stands before */
} level;

typedef struct walk {
  const uint8_t *at;
  const uint8_t *end;
  oa_buf *out;
  uint64_t *repaired;
  const char *problem;
  size_t depth;
  level levels[OA_OTLP_MAX_DEPTH];
} walk;

static oa_status fail(walk *w, oa_status status, const char *problem) {
  w->problem = problem;
  return status;
}

/* The argument of the first byte that stands before AT. */
static oa_status read_argument(walk *w, unsigned info, uint64_t *out) {
  if (info < INFO_ONE_BYTE) {
    *out = info;
    return OA_OK;
  }
  if (info > INFO_EIGHT_BYTES) {
    return fail(w, OA_ERR_MALFORMED, "a reserved length form");
  }
  const size_t size = (size_t)1 << (info - INFO_ONE_BYTE);
  if ((size_t)(w->end - w->at) < size) {
    return fail(w, OA_ERR_TRUNCATED, "it ends inside a number");
  }
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) {
    value = value << 8 | *w->at++;
  }
  *out = value;
  return OA_OK;
}

/* A first byte and its argument in the shortest form. */
static oa_status put_head(oa_buf *out, unsigned major, uint64_t value) {
  uint8_t head[9];
  size_t size = 0;
  unsigned info = (unsigned)value;
  if (value >= INFO_ONE_BYTE) {
    size = 1;
    info = INFO_ONE_BYTE;
    while (size < 8 && value >> (8 * size) != 0) {
      size *= 2;
      info++;
    }
  }
  head[0] = (uint8_t)(major << 5 | info);
  for (size_t i = 0; i < size; i++) {
    head[1 + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
  }
  return oa_buf_put(out, head, 1 + size);
}

/* --- values --- */

static double half_of(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  double value = fraction == 0 ? (double)INFINITY : (double)NAN;
  if (exponent == 0) {
    value = ldexp(fraction, -24);
  } else if (exponent != 0x1F) {
    value = ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

static double single_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static oa_status put_double(walk *w, unsigned info) {
  uint64_t bits = 0;
  OA_TRY(read_argument(w, info, &bits));
  if (info != INFO_EIGHT_BYTES) {
    const double value =
        info == INFO_HALF ? half_of((uint16_t)bits) : single_of((uint32_t)bits);
    memcpy(&bits, &value, sizeof bits);
  }
  uint8_t item[9] = {DOUBLE};
  for (unsigned i = 0; i < 8; i++) {
    item[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
  }
  return oa_buf_put(w->out, item, sizeof item);
}

static oa_status put_simple(walk *w, uint8_t first) {
  const unsigned info = first & 0x1FU;
  if (info >= INFO_HALF && info <= INFO_EIGHT_BYTES) {
    return put_double(w, info);
  }
  switch (first) {
    case FALSE:
    case TRUE:
    case NULL_VALUE:
      return oa_buf_put_byte(w->out, first);
    case UNDEFINED:
      return oa_buf_put_byte(w->out, NULL_VALUE);
    default:
      return fail(w, OA_ERR_MALFORMED, "a simple value that means nothing");
  }
}

static oa_status put_repaired(walk *w, const uint8_t *text, size_t len) {
  oa_buf valid = {0};
  oa_status status = oa_utf8_repair(&valid, text, len);
  if (status == OA_OK) {
    status = put_head(w->out, MAJOR_TEXT, valid.len);
  }
  if (status == OA_OK) {
    status = oa_buf_put(w->out, valid.data, valid.len);
  }
  oa_buf_free(&valid);
  *w->repaired += 1;
  return status;
}

static oa_status put_string(walk *w, unsigned major, unsigned info) {
  uint64_t len = 0;
  if (info == INFO_INDEFINITE) {
    return fail(w, OA_ERR_MALFORMED, "a string in chunks");
  }
  OA_TRY(read_argument(w, info, &len));
  if (len > (uint64_t)(w->end - w->at)) {
    return fail(w, OA_ERR_TRUNCATED, "it ends inside a string");
  }
  const uint8_t *bytes = w->at;
  w->at += len;
  if (major == MAJOR_TEXT && !oa_utf8_valid(bytes, (size_t)len)) {
    return put_repaired(w, bytes, (size_t)len);
  }
  OA_TRY(put_head(w->out, major, len));
  return oa_buf_put(w->out, bytes, (size_t)len);
}

static oa_status open_level(walk *w, unsigned major, unsigned info) {
  uint64_t count = UINT64_MAX;
  if (w->depth == OA_OTLP_MAX_DEPTH) {
    return fail(w, OA_ERR_LIMIT, "arrays and maps nested too deep");
  }
  if (info != INFO_INDEFINITE) {
    OA_TRY(read_argument(w, info, &count));
    /* Each item takes a byte at least, so a larger count can only lie. */
    if (count > (uint64_t)(w->end - w->at)) {
      return fail(w, OA_ERR_TRUNCATED, "it ends inside an array or map");
    }
  }
  w->levels[w->depth++] = (level){.left = count, .map = major == MAJOR_MAP};
  return oa_buf_put_byte(w->out, (uint8_t)(major << 5 | INFO_INDEFINITE));
}

static oa_status put_item(walk *w) {
  if (w->at == w->end) {
    return fail(w, OA_ERR_TRUNCATED, "it ends where a value must stand");
  }
  const uint8_t first = *w->at++;
  const unsigned info = first & 0x1FU;
  const unsigned major = first >> 5;
  uint64_t number = 0;
  switch (major) {
    case MAJOR_UNSIGNED:
    case MAJOR_NEGATIVE:
      OA_TRY(read_argument(w, info, &number));
      return number > INT64_MAX
                 ? fail(w, OA_ERR_MALFORMED, "an integer beyond 64 bits")
                 : put_head(w->out, major, number);
    case MAJOR_BYTES:
    case MAJOR_TEXT:
      return put_string(w, major, info);
    case MAJOR_ARRAY:
    case MAJOR_MAP:
      return open_level(w, major, info);
    case MAJOR_SIMPLE:
      return put_simple(w, first);
    default:
      return fail(w, OA_ERR_MALFORMED, "a tag");
  }
}

/* --- arrays and maps --- */

/* True when the innermost array or map ends here; eats the break. */
static bool at_close(walk *w, const level *top) {
  if (top->left != UINT64_MAX) {
    return top->left == 0;
  }
  if (w->at < w->end && *w->at == BREAK) {
    w->at++;
    return true;
  }
  return false;
}

/* The next key, value or end of the innermost array or map. */
static oa_status step(walk *w) {
  level *top = &w->levels[w->depth - 1];
  if (top->map && top->want_value) {
    top->want_value = false;
  } else if (at_close(w, top)) {
    w->depth--;
    return oa_buf_put_byte(w->out, BREAK);
  } else {
    if (top->left != UINT64_MAX) {
      top->left--;
    }
    if (top->map) {
      if (w->at < w->end && *w->at >> 5 != MAJOR_TEXT) {
        return fail(w, OA_ERR_MALFORMED, "a map key that is not text");
      }
      top->want_value = true;
    }
  }
  return put_item(w);
}

static oa_status normalize(walk *w) {
  if (w->at < w->end && *w->at >> 5 != MAJOR_ARRAY &&
      *w->at >> 5 != MAJOR_MAP) {
    return fail(w, OA_ERR_MALFORMED, "neither an array nor a map");
  }
  OA_TRY(put_item(w));
  while (w->depth > 0) {
    OA_TRY(step(w));
  }
  return w->at == w->end ? OA_OK
                         : fail(w, OA_ERR_MALFORMED, "bytes follow the value");
}

oa_status oa_cbor_normalize(const uint8_t *cbor, size_t len, oa_buf *out,
                            uint64_t *repaired, const char **problem,
                            size_t *at) {
  walk w;
  w.at = cbor;
  w.end = cbor + len;
  w.out = out;
  w.repaired = repaired;
  w.problem = "";
  w.depth = 0;
  const oa_status status = normalize(&w);
  if (problem != NULL) {
    *problem = w.problem;
  }
  if (at != NULL) {
    *at = (size_t)(w.at - cbor);
  }
  return status;
}
