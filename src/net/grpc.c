/* SPDX-License-Identifier: Apache-2.0 */
#include "net/grpc.h"

#include <string.h>

static const char RETRY_INFO_TYPE[] =
    "type.googleapis.com/google.rpc.RetryInfo";

static bool equals(const uint8_t *value, size_t len, const char *text) {
  return len == strlen(text) && memcmp(value, text, len) == 0;
}

static bool begins(const uint8_t *value, size_t len, const char *text) {
  const size_t text_len = strlen(text);
  return len >= text_len && memcmp(value, text, text_len) == 0;
}

bool oa_grpc_content_type_ok(const uint8_t *value, size_t len) {
  static const char base[] = "application/grpc";
  const size_t base_len = sizeof base - 1;
  if (!begins(value, len, base)) {
    return false;
  }
  value += base_len;
  len -= base_len;
  if (len > 0 && value[0] == '+') {
    static const char proto[] = "+proto";
    if (!begins(value, len, proto)) {
      return false;
    }
    value += sizeof proto - 1;
    len -= sizeof proto - 1;
  }
  return len == 0 || value[0] == ';' || value[0] == ' ';
}

/* Nanoseconds in UNIT, or 0 when there is no such unit. */
static uint64_t unit_ns(uint8_t unit) {
  switch (unit) {
    case 'H':
      return UINT64_C(3600000000000);
    case 'M':
      return UINT64_C(60000000000);
    case 'S':
      return UINT64_C(1000000000);
    case 'm':
      return UINT64_C(1000000);
    case 'u':
      return UINT64_C(1000);
    case 'n':
      return UINT64_C(1);
    default:
      return 0;
  }
}

oa_status oa_grpc_timeout_parse(const uint8_t *value, size_t len,
                                uint64_t *out) {
  enum { MAX_DIGITS = 8 };
  if (len < 2 || len > MAX_DIGITS + 1) {
    return OA_ERR_MALFORMED;
  }
  uint64_t number = 0;
  for (size_t i = 0; i < len - 1; i++) {
    if (value[i] < '0' || value[i] > '9') {
      return OA_ERR_MALFORMED;
    }
    number = number * 10 + (uint64_t)(value[i] - '0');
  }
  const uint64_t unit = unit_ns(value[len - 1]);
  if (unit == 0) {
    return OA_ERR_MALFORMED;
  }
  *out = number > UINT64_MAX / unit ? UINT64_MAX : number * unit;
  return OA_OK;
}

oa_status oa_grpc_encoding_parse(const uint8_t *value, size_t len,
                                 oa_coding *out) {
  static const char arrow[] = "zstdarrow";
  if (equals(value, len, "identity")) {
    *out = OA_CODING_NONE;
  } else if (equals(value, len, "gzip")) {
    *out = OA_CODING_GZIP;
  } else if (equals(value, len, "zstd")) {
    *out = OA_CODING_ZSTD;
  } else if (begins(value, len, arrow)) {
    const uint8_t *level = value + sizeof arrow - 1;
    const size_t level_len = len - (sizeof arrow - 1);
    if (!(level_len == 1 && level[0] >= '1' && level[0] <= '9') &&
        !equals(level, level_len, "10")) {
      return OA_ERR_UNSUPPORTED;
    }
    *out = OA_CODING_ZSTD;
  } else {
    return OA_ERR_UNSUPPORTED;
  }
  return OA_OK;
}

void oa_grpc_prefix_encode(uint8_t out[OA_GRPC_PREFIX_SIZE], size_t len) {
  out[0] = 0;
  out[1] = (uint8_t)(len >> 24);
  out[2] = (uint8_t)(len >> 16);
  out[3] = (uint8_t)(len >> 8);
  out[4] = (uint8_t)len;
}

size_t oa_grpc_text_length(const char *text) {
  size_t len = strlen(text);
  if (len > OA_GRPC_MAX_TEXT) {
    len = OA_GRPC_MAX_TEXT;
    /* Never begin what follows with the middle of a character. */
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80) {
      len--;
    }
  }
  return len;
}

size_t oa_grpc_message_encode(char out[OA_GRPC_MESSAGE_SIZE],
                              const char *text) {
  static const char hex[] = "0123456789ABCDEF";
  const size_t len = oa_grpc_text_length(text);
  size_t at = 0;
  for (size_t i = 0; i < len; i++) {
    const uint8_t byte = (uint8_t)text[i];
    if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
      out[at++] = (char)byte;
    } else {
      out[at++] = '%';
      out[at++] = hex[byte >> 4];
      out[at++] = hex[byte & 15];
    }
  }
  return at;
}

/* Appends the varint of VALUE at AT and returns the place behind it. */
static uint8_t *put_varint(uint8_t *at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  *at++ = (uint8_t)value;
  return at;
}

/* Appends field NUMBER (1 to 15) with LEN bytes. */
static uint8_t *put_bytes(uint8_t *at, unsigned number, const void *data,
                          size_t len) {
  *at++ = (uint8_t)(number << 3 | 2);
  at = put_varint(at, len);
  if (len > 0) {
    memcpy(at, data, len);
  }
  return at + len;
}

/* Appends field NUMBER (1 to 15) as a varint; 0 is left out, as proto3 does. */
static uint8_t *put_number(uint8_t *at, unsigned number, uint64_t value) {
  if (value == 0) {
    return at;
  }
  *at++ = (uint8_t)(number << 3);
  return put_varint(at, value);
}

static size_t base64(char *out, const uint8_t *data, size_t len) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t at = 0;
  uint32_t bits = 0;
  unsigned count = 0;
  for (size_t i = 0; i < len; i++) {
    bits = bits << 8 | data[i];
    count += 8;
    while (count >= 6) {
      count -= 6;
      out[at++] = digits[bits >> count & 63];
    }
  }
  if (count > 0) {
    out[at++] = digits[bits << (6 - count) & 63];
  }
  return at;
}

size_t oa_grpc_details_encode(char out[OA_GRPC_DETAILS_SIZE], oa_grpc_code code,
                              const char *text, uint32_t retry_after_ms) {
  uint8_t duration[16];
  uint8_t *end = put_number(duration, 1, retry_after_ms / 1000);
  end = put_number(end, 2, (uint64_t)(retry_after_ms % 1000) * 1000000);
  uint8_t info[24];
  const uint8_t *info_end =
      put_bytes(info, 1, duration, (size_t)(end - duration));
  uint8_t any[96];
  end = put_bytes(any, 1, RETRY_INFO_TYPE, sizeof RETRY_INFO_TYPE - 1);
  end = put_bytes(end, 2, info, (size_t)(info_end - info));

  uint8_t status[OA_GRPC_MAX_TEXT + 128];
  const size_t any_len = (size_t)(end - any);
  end = put_number(status, 1, (uint64_t)code);
  if (text != NULL && text[0] != '\0') {
    end = put_bytes(end, 2, text, oa_grpc_text_length(text));
  }
  end = put_bytes(end, 3, any, any_len);
  return base64(out, status, (size_t)(end - status));
}
