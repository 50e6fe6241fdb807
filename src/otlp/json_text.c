/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "otlp/cbor_read.h"
#include "otlp/schema.h"

static oa_status put_literal(oa_buf *out, const char *text) {
  return oa_buf_put(out, text, strlen(text));
}

/* Bytes of the character at TEXT when it must be escaped, or 0.  Besides what
 * JSON demands these are DEL, the C1 controls, line separators and the marks
 * that turn the direction of text: terminals act on them. */
static size_t special(const uint8_t *text, size_t left, unsigned *code) {
  const uint8_t first = text[0];

  if (first < 0x20 || first == '"' || first == '\\' || first == 0x7F) {
    *code = first;
    return 1;
  }
  if (first == 0xC2 && left >= 2 && text[1] < 0xA0) {
    *code = text[1];
    return 2;
  }
  if (first == 0xE2 && left >= 3 && (text[1] == 0x80 || text[1] == 0x81)) {
    *code = 0x2000U + ((text[1] & 1U) << 6) + (text[2] & 0x3FU);
    const bool turns = (*code >= 0x2028 && *code <= 0x202E) ||
                       (*code >= 0x2066 && *code <= 0x2069);
    return turns ? 3 : 0;
  }
  return 0;
}

static oa_status put_escape(oa_buf *out, unsigned code) {
  static const char digits[] = "0123456789abcdef";
  char text[6] = {'\\',
                  'u',
                  digits[code >> 12 & 15],
                  digits[code >> 8 & 15],
                  digits[code >> 4 & 15],
                  digits[code & 15]};
  size_t len = 2;

  switch (code) {
    case '"':
    case '\\':
      text[1] = (char)code;
      break;
    case '\n':
      text[1] = 'n';
      break;
    case '\r':
      text[1] = 'r';
      break;
    case '\t':
      text[1] = 't';
      break;
    default:
      len = 6;
      break;
  }
  return oa_buf_put(out, text, len);
}

oa_status oa_json_put_string(oa_buf *out, const uint8_t *text, size_t len) {
  size_t plain = 0;

  OA_TRY(oa_buf_reserve(out, len + 2));
  OA_TRY(oa_buf_put_byte(out, '"'));
  for (size_t i = 0; i < len;) {
    unsigned code = 0;
    const size_t n = special(text + i, len - i, &code);
    if (n == 0) {
      i++;
      continue;
    }
    OA_TRY(oa_buf_put(out, text + plain, i - plain));
    OA_TRY(put_escape(out, code));
    i += n;
    plain = i;
  }
  OA_TRY(oa_buf_put(out, text + plain, len - plain));
  return oa_buf_put_byte(out, '"');
}

oa_status oa_json_put_int(oa_buf *out, int64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

  do {
    digits[--at] = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (value < 0) {
    digits[--at] = '-';
  }
  return oa_buf_put(out, digits + at, sizeof digits - at);
}

oa_status oa_json_put_double(oa_buf *out, double value) {
  enum { TEXT_SIZE = 40 };
  char text[TEXT_SIZE];
  bool real = false;

  if (isnan(value)) {
    return put_literal(out, "\"NaN\"");
  }
  if (isinf(value)) {
    return put_literal(out, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
  }
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(text, sizeof text, "%.*g", precision, value);
    const double back = strtod(text, NULL);
    if (memcmp(&back, &value, sizeof value) == 0) {
      break;
    }
  }
  /* The decimal point is that of the process's locale: any other byte (or
   * bytes) than these is it. */
  for (const char *at = text; *at != '\0'; at++) {
    if (strchr("0123456789+-e", *at) != NULL) {
      real = real || *at == 'e';
      OA_TRY(oa_buf_put_byte(out, (uint8_t)*at));
    } else if (!real) {
      real = true;
      OA_TRY(oa_buf_put_byte(out, '.'));
    }
  }
  return real ? OA_OK : put_literal(out, ".0");
}

oa_status oa_json_put_bool(oa_buf *out, bool value) {
  return put_literal(out, value ? "true" : "false");
}

oa_status oa_json_put_bytes(oa_buf *out, const uint8_t *bytes, size_t len) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  OA_TRY(oa_buf_reserve(out, len / 3 * 4 + 6));
  OA_TRY(oa_buf_put_byte(out, '"'));
  for (size_t i = 0; i < len; i += 3) {
    const size_t n = len - i < 3 ? len - i : 3;
    const uint32_t group = (uint32_t)bytes[i] << 16 |
                           (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                           (n > 2 ? bytes[i + 2] : 0);
    const char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                          n > 1 ? digits[group >> 6 & 63] : '=',
                          n > 2 ? digits[group & 63] : '='};
    OA_TRY(oa_buf_put(out, text, sizeof text));
  }
  return oa_buf_put_byte(out, '"');
}

static oa_status put_token(oa_buf *out, const oa_cbor_token *token) {
  double number;

  switch (token->kind) {
    case OA_CBOR_BOOL:
      return oa_json_put_bool(out, token->boolean);
    case OA_CBOR_INT:
      return oa_json_put_int(out, token->integer);
    case OA_CBOR_DOUBLE:
      memcpy(&number, &token->double_bits, sizeof number);
      return oa_json_put_double(out, number);
    case OA_CBOR_TEXT:
    case OA_CBOR_KEY:
      return oa_json_put_string(out, token->bytes, token->len);
    case OA_CBOR_BYTES:
      return oa_json_put_bytes(out, token->bytes, token->len);
    case OA_CBOR_ARRAY:
      return oa_buf_put_byte(out, '[');
    case OA_CBOR_MAP:
      return oa_buf_put_byte(out, '{');
    case OA_CBOR_NULL:
    default:
      return put_literal(out, "null");
  }
}

oa_status oa_json_put_cbor(oa_buf *out, const uint8_t *cbor, size_t len) {
  bool map[OA_CBOR_MAX_DEPTH + 1] = {0};
  size_t depth = 0;
  bool first = true; /* no comma before the next item */
  oa_cbor_reader reader;
  oa_cbor_token token = {0};
  oa_status status;

  oa_cbor_init(&reader, cbor, len);
  while ((status = oa_cbor_next(&reader, &token)) == OA_OK) {
    if (token.kind == OA_CBOR_CLOSE) {
      OA_TRY(oa_buf_put_byte(out, map[--depth] ? '}' : ']'));
      first = false;
      continue;
    }
    if (!first) {
      OA_TRY(oa_buf_put_byte(out, ','));
    }
    OA_TRY(put_token(out, &token));
    first = false;
    if (token.kind == OA_CBOR_KEY) {
      OA_TRY(oa_buf_put_byte(out, ':'));
      first = true;
    } else if (token.kind == OA_CBOR_ARRAY || token.kind == OA_CBOR_MAP) {
      map[depth++] = token.kind == OA_CBOR_MAP;
      first = true;
    }
  }
  return status == OA_END ? OA_OK : status;
}

static oa_status put_null_or_string(oa_buf *out, const oa_array *array,
                                    int64_t i) {
  size_t len;
  if (oa_array_is_null(array, i)) {
    return put_literal(out, "null");
  }
  const uint8_t *text = oa_array_dict_bytes(array, i, &len);
  return oa_json_put_string(out, text, len);
}

oa_status oa_json_put_attribute(oa_buf *out, const oa_array *items, int64_t i) {
  const oa_array *fields = items->children;
  const uint8_t *types = fields[OA_ATTR_TYPE].values;
  const uint8_t type = types == NULL ? OA_VALUE_EMPTY : types[i];
  const oa_array *doubles = &fields[OA_ATTR_DOUBLE];
  const oa_array *ints = &fields[OA_ATTR_INT];
  const oa_array *bools = &fields[OA_ATTR_BOOL];
  const oa_array *bytes = &fields[OA_ATTR_BYTES];
  const uint8_t *data;
  size_t len = 0;

  switch (type) {
    case OA_VALUE_EMPTY:
      return put_literal(out, "null");
    case OA_VALUE_STR:
      return put_null_or_string(out, &fields[OA_ATTR_STR], i);
    case OA_VALUE_INT:
      return oa_json_put_int(
          out, ints->values == NULL ? 0 : ((const int64_t *)ints->values)[i]);
    case OA_VALUE_DOUBLE:
      return oa_json_put_double(
          out,
          doubles->values == NULL ? 0 : ((const double *)doubles->values)[i]);
    case OA_VALUE_BOOL:
      return oa_json_put_bool(
          out, bools->values != NULL && oa_bit(bools->values, i));
    case OA_VALUE_BYTES:
      data = oa_array_bytes(bytes, i, &len);
      return oa_json_put_bytes(out, data, oa_array_is_null(bytes, i) ? 0 : len);
    case OA_VALUE_MAP:
    case OA_VALUE_SLICE:
      data = oa_array_bytes(&fields[OA_ATTR_SER], i, &len);
      return oa_json_put_cbor(out, data, len);
    default:
      return OA_ERR_MALFORMED;
  }
}

oa_status oa_json_put_items(oa_buf *out, const oa_array *items, int64_t begin,
                            int64_t end) {
  OA_TRY(oa_buf_put_byte(out, '{'));
  for (int64_t i = begin; i < end; i++) {
    if (i > begin) {
      OA_TRY(oa_buf_put_byte(out, ','));
    }
    OA_TRY(put_null_or_string(out, &items->children[OA_ATTR_KEY], i));
    OA_TRY(oa_buf_put_byte(out, ':'));
    OA_TRY(oa_json_put_attribute(out, items, i));
  }
  return oa_buf_put_byte(out, '}');
}

oa_status oa_json_put_attributes(oa_buf *out, const oa_array *list,
                                 int64_t row) {
  int64_t begin;
  int64_t end;
  oa_array_range(list, row, &begin, &end);
  return oa_json_put_items(out, list->children, begin, end);
}
