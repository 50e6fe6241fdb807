/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/cbor_read.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Major types of RFC 8949, section 3.1. */
enum {
  MAJOR_UNSIGNED = 0,
  MAJOR_NEGATIVE = 1,
  MAJOR_BYTES = 2,
  MAJOR_TEXT = 3,
  MAJOR_ARRAY = 4,
  MAJOR_MAP = 5,
  MAJOR_SIMPLE = 7
};

/* Additional information, the low five bits of the first byte. */
enum {
  INFO_FALSE = 20,
  INFO_TRUE = 21,
  INFO_NULL = 22,
  INFO_UNDEFINED = 23,
  INFO_ONE_BYTE = 24,
  INFO_HALF = 25,
  INFO_SINGLE = 26,
  INFO_DOUBLE = 27,
  INFO_INDEFINITE = 31
};

static const uint8_t break_byte = 0xFF;

static oa_status fail(oa_cbor_reader *reader, oa_status status,
                      const char *problem) {
  reader->problem = problem;
  return status;
}

void oa_cbor_init(oa_cbor_reader *reader, const uint8_t *bytes, size_t len) {
  reader->at = bytes;
  reader->end = bytes + len;
  reader->depth = 0;
  reader->done = false;
  reader->foreign = false;
  reader->max_depth = OA_CBOR_MAX_DEPTH;
  reader->problem = "";
}

/* The argument that follows the first byte: 0, 1, 2, 4 or 8 bytes. */
static oa_status read_argument(oa_cbor_reader *reader, unsigned info,
                               uint64_t *out) {
  if (info < INFO_ONE_BYTE) {
    *out = info;
    return OA_OK;
  }
  if (info > INFO_DOUBLE) {
    return fail(reader, OA_ERR_MALFORMED, "a reserved length form");
  }
  const size_t size = (size_t)1 << (info - INFO_ONE_BYTE);
  if ((size_t)(reader->end - reader->at) < size) {
    return fail(reader, OA_ERR_TRUNCATED, "it ends inside a number");
  }
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) {
    value = value << 8 | *reader->at++;
  }
  *out = value;
  return OA_OK;
}

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* Binary16 to binary64 (RFC 8949, appendix D). */
static uint64_t widen_half(uint16_t half) {
  const int exponent = (half >> 10) & 0x1F;
  const int fraction = half & 0x3FF;
  double value;

  if (exponent == 0) {
    value = ldexp(fraction, -24);
  } else if (exponent != 0x1F) {
    value = ldexp(fraction + 1024, exponent - 25);
  } else {
    value = fraction == 0 ? (double)INFINITY : (double)NAN;
  }
  return bits_of((half & 0x8000) != 0 ? -value : value);
}

static uint64_t widen_single(uint32_t single) {
  float value;
  memcpy(&value, &single, sizeof value);
  return bits_of((double)value);
}

static oa_status read_simple(oa_cbor_reader *reader, unsigned info,
                             oa_cbor_token *out) {
  uint64_t bits = 0;

  if (info == INFO_FALSE || info == INFO_TRUE) {
    out->kind = OA_CBOR_BOOL;
    out->boolean = info == INFO_TRUE;
    return OA_OK;
  }
  if (info == INFO_NULL || (info == INFO_UNDEFINED && reader->foreign)) {
    out->kind = OA_CBOR_NULL;
    return OA_OK;
  }
  if (info < INFO_HALF || info > INFO_DOUBLE) {
    return fail(reader, OA_ERR_MALFORMED, "a simple value that means nothing");
  }
  OA_TRY(read_argument(reader, info, &bits));
  out->kind = OA_CBOR_DOUBLE;
  out->double_bits = info == INFO_HALF     ? widen_half((uint16_t)bits)
                     : info == INFO_SINGLE ? widen_single((uint32_t)bits)
                                           : bits;
  return OA_OK;
}

static oa_status read_string(oa_cbor_reader *reader, unsigned info, bool text,
                             oa_cbor_token *out) {
  uint64_t len = 0;

  if (info == INFO_INDEFINITE) {
    return fail(reader, OA_ERR_MALFORMED, "a string in chunks");
  }
  OA_TRY(read_argument(reader, info, &len));
  if (len > (uint64_t)(reader->end - reader->at)) {
    return fail(reader, OA_ERR_TRUNCATED, "it ends inside a string");
  }
  if (text && !reader->foreign && !oa_utf8_valid(reader->at, (size_t)len)) {
    return fail(reader, OA_ERR_MALFORMED, "text that is not UTF-8");
  }
  out->kind = text ? OA_CBOR_TEXT : OA_CBOR_BYTES;
  out->bytes = reader->at;
  out->len = (size_t)len;
  reader->at += len;
  return OA_OK;
}

static oa_status open_level(oa_cbor_reader *reader, unsigned info, bool map,
                            oa_cbor_token *out) {
  uint64_t count = UINT64_MAX;

  if (reader->depth == reader->max_depth) {
    return fail(reader, OA_ERR_LIMIT, "arrays and maps nested too deep");
  }
  if (info != INFO_INDEFINITE) {
    OA_TRY(read_argument(reader, info, &count));
    /* Each item takes a byte at least, so a larger count can only lie. */
    if (count > (uint64_t)(reader->end - reader->at)) {
      return fail(reader, OA_ERR_TRUNCATED, "it ends inside an array or map");
    }
  }
  reader->levels[reader->depth++] =
      (oa_cbor_level){.left = count, .map = map, .want_value = false};
  out->kind = map ? OA_CBOR_MAP : OA_CBOR_ARRAY;
  return OA_OK;
}

static oa_status read_item(oa_cbor_reader *reader, oa_cbor_token *out) {
  if (reader->at == reader->end) {
    return fail(reader, OA_ERR_TRUNCATED, "it ends where a value must stand");
  }
  const unsigned first = *reader->at++;
  const unsigned info = first & 0x1F;
  const unsigned major = first >> 5;
  uint64_t number = 0;

  switch (major) {
    case MAJOR_UNSIGNED:
    case MAJOR_NEGATIVE:
      OA_TRY(read_argument(reader, info, &number));
      if (number > INT64_MAX) {
        return fail(reader, OA_ERR_MALFORMED, "an integer beyond 64 bits");
      }
      out->kind = OA_CBOR_INT;
      out->integer =
          major == MAJOR_UNSIGNED ? (int64_t)number : -1 - (int64_t)number;
      return OA_OK;
    case MAJOR_BYTES:
    case MAJOR_TEXT:
      return read_string(reader, info, major == MAJOR_TEXT, out);
    case MAJOR_ARRAY:
    case MAJOR_MAP:
      return open_level(reader, info, major == MAJOR_MAP, out);
    case MAJOR_SIMPLE:
      return read_simple(reader, info, out);
    default:
      return fail(reader, OA_ERR_MALFORMED, "a tag");
  }
}

/* True when the innermost array or map ends here; eats the break. */
static bool at_close(oa_cbor_reader *reader, const oa_cbor_level *level) {
  if (level->left != UINT64_MAX) {
    return level->left == 0;
  }
  if (reader->at < reader->end && *reader->at == break_byte) {
    reader->at++;
    return true;
  }
  return false;
}

static void close_level(oa_cbor_reader *reader, oa_cbor_token *out) {
  reader->depth--;
  out->kind = OA_CBOR_CLOSE;
}

static oa_status read_key(oa_cbor_reader *reader, oa_cbor_level *level,
                          oa_cbor_token *out) {
  if (reader->at < reader->end && *reader->at >> 5 != MAJOR_TEXT) {
    return fail(reader, OA_ERR_MALFORMED, "a map key that is not text");
  }
  OA_TRY(read_item(reader, out));
  out->kind = OA_CBOR_KEY;
  level->want_value = true;
  return OA_OK;
}

oa_status oa_cbor_next(oa_cbor_reader *reader, oa_cbor_token *out) {
  if (reader->depth == 0) {
    if (!reader->done) {
      reader->done = true;
      return read_item(reader, out);
    }
    return reader->at == reader->end
               ? OA_END
               : fail(reader, OA_ERR_MALFORMED, "bytes follow the value");
  }
  oa_cbor_level *level = &reader->levels[reader->depth - 1];
  if (level->map && !level->want_value) {
    if (at_close(reader, level)) {
      close_level(reader, out);
      return OA_OK;
    }
    return read_key(reader, level, out);
  }
  if (!level->map && at_close(reader, level)) {
    close_level(reader, out);
    return OA_OK;
  }
  level->want_value = false;
  if (level->left != UINT64_MAX) {
    level->left--;
  }
  return read_item(reader, out);
}
