/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "otlp/cbor_read.h"

enum { INPUT_MAX = 512 };

static size_t from_hex(const char *hex, uint8_t *out) {
  size_t len = 0;
  for (; *hex != '\0'; hex += 2) {
    unsigned byte;
    assert_int_equal(sscanf(hex, "%2x", &byte), 1);
    assert_true(len < INPUT_MAX);
    out[len++] = (uint8_t)byte;
  }
  return len;
}

/* Writes the tokens one behind the other, as people would. */
static oa_status spell(const uint8_t *cbor, size_t len, char *out,
                       size_t size) {
  oa_cbor_reader reader;
  oa_cbor_token token;
  oa_status status;
  int at = 0;

  out[0] = '\0';
  oa_cbor_init(&reader, cbor, len);
  while ((status = oa_cbor_next(&reader, &token)) == OA_OK) {
    char *to = out + at;
    const size_t left = size - (size_t)at;
    switch (token.kind) {
      case OA_CBOR_NULL:
        at += snprintf(to, left, "null ");
        break;
      case OA_CBOR_BOOL:
        at += snprintf(to, left, token.boolean ? "true " : "false ");
        break;
      case OA_CBOR_INT:
        at += snprintf(to, left, "%lld ", (long long)token.integer);
        break;
      case OA_CBOR_DOUBLE:
        at += snprintf(to, left, "d%016llx ",
                       (unsigned long long)token.double_bits);
        break;
      case OA_CBOR_TEXT:
        at += snprintf(to, left, "'%.*s' ", (int)token.len,
                       (const char *)token.bytes);
        break;
      case OA_CBOR_KEY:
        at += snprintf(to, left, "%.*s: ", (int)token.len,
                       (const char *)token.bytes);
        break;
      case OA_CBOR_BYTES:
        at += snprintf(to, left, "bytes%zu ", token.len);
        break;
      case OA_CBOR_ARRAY:
        at += snprintf(to, left, "[ ");
        break;
      case OA_CBOR_MAP:
        at += snprintf(to, left, "{ ");
        break;
      case OA_CBOR_CLOSE:
        at += snprintf(to, left, "; ");
        break;
    }
    assert_true((size_t)at < size);
  }
  assert_true(status == OA_END || reader.problem[0] != '\0');
  return status;
}

static void values_are_read_as_they_were_written(void **state) {
  (void)state;
  static const struct {
    const char *hex;
    const char *tokens;
  } cases[] = {
      /* The two of OpenTelemetry's Go exporter. */
      {"9f016161f69ff5ffff", "[ 1 'a' null [ true ; ; "},
      {"bf6162016161bf6178fb4004000000000000ffff",
       "{ b: 1 a: { x: d4004000000000000 ; ; "},
      /* Definite lengths. */
      {"8301616180", "[ 1 'a' [ ; ; "},
      {"a26161016161f4", "{ a: 1 a: false ; "},
      {"a0", "{ ; "},
      {"80", "[ ; "},
      /* Integers, every width (RFC 8949, appendix A). */
      {"00", "0 "},
      {"17", "23 "},
      {"1818", "24 "},
      {"1903e8", "1000 "},
      {"1a000f4240", "1000000 "},
      {"1b7fffffffffffffff", "9223372036854775807 "},
      {"20", "-1 "},
      {"3903e7", "-1000 "},
      {"3b7fffffffffffffff", "-9223372036854775808 "},
      /* Floats: half, single, double. */
      {"f93c00", "d3ff0000000000000 "},
      {"f98000", "d8000000000000000 "},
      {"f90001", "d3e70000000000000 "},
      {"f97c00", "d7ff0000000000000 "},
      {"f9fc00", "dfff0000000000000 "},
      {"fa47c35000", "d40f86a0000000000 "},
      {"fb7ff4000000000001", "d7ff4000000000001 "},
      /* Strings. */
      {"60", "'' "},
      {"62c3bc", "'\xc3\xbc' "},
      {"40", "bytes0 "},
      {"43010203", "bytes3 "},
      {"7803616263", "'abc' "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t cbor[INPUT_MAX];
    char text[1024];
    const size_t len = from_hex(cases[i].hex, cbor);
    assert_int_equal(spell(cbor, len, text, sizeof text), OA_END);
    assert_string_equal(text, cases[i].tokens);
    /* Every cut of it is refused, and so is what follows it. */
    for (size_t cut = 0; cut < len; cut++) {
      assert_int_equal(spell(cbor, cut, text, sizeof text), OA_ERR_TRUNCATED);
    }
    cbor[len] = 0;
    assert_int_equal(spell(cbor, len + 1, text, sizeof text), OA_ERR_MALFORMED);
  }
}

static void what_is_not_allowed_is_malformed(void **state) {
  (void)state;
  static const char *const cases[] = {
      "1b8000000000000000", /* beyond int64 */
      "3b8000000000000000", /* below int64 */
      "1c",                 /* reserved length */
      "7f61616161ff",       /* text in chunks */
      "5f4101ff",           /* bytes in chunks */
      "c001",               /* a tag */
      "f7",                 /* undefined */
      "e0",                 /* unassigned simple value */
      "f818",               /* simple value in a byte */
      "ff",                 /* a break out of nowhere */
      "81ff",               /* a break in a definite array */
      "a10102",             /* a key that is no text */
      "bf01ff",             /* the same, indefinite */
      "bf6161ff",           /* a key without value */
      "61ff",               /* not UTF-8 */
      "a161ff00",           /* a key that is not UTF-8 */
      "63eda080",           /* a surrogate */
      "1f",                 /* an integer without end */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t cbor[INPUT_MAX];
    char text[1024];
    const size_t len = from_hex(cases[i], cbor);
    const oa_status status = spell(cbor, len, text, sizeof text);
    if (status != OA_ERR_MALFORMED) {
      fail_msg("%s gives %d", cases[i], status);
    }
  }
}

static void claimed_sizes_are_not_believed(void **state) {
  (void)state;
  static const char *const cases[] = {
      "9bffffffffffffffff",   "bbfffffffffffffffe00", "9b7fffffffffffffff00",
      "7bffffffffffffffff61", "5affffffff00",         "9affffffff00"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t cbor[INPUT_MAX];
    char text[1024];
    const size_t len = from_hex(cases[i], cbor);
    assert_int_equal(spell(cbor, len, text, sizeof text), OA_ERR_TRUNCATED);
  }
}

static void depth_is_bounded(void **state) {
  (void)state;
  uint8_t cbor[2 * OA_CBOR_MAX_DEPTH + 4];
  char text[1024];
  memset(cbor, 0x9F, OA_CBOR_MAX_DEPTH);
  memset(cbor + OA_CBOR_MAX_DEPTH, 0xFF, OA_CBOR_MAX_DEPTH);
  assert_int_equal(spell(cbor, 2 * OA_CBOR_MAX_DEPTH, text, sizeof text),
                   OA_END);
  memset(cbor, 0x81, OA_CBOR_MAX_DEPTH + 1);
  cbor[OA_CBOR_MAX_DEPTH + 1] = 0;
  assert_int_equal(spell(cbor, OA_CBOR_MAX_DEPTH + 2, text, sizeof text),
                   OA_ERR_LIMIT);
}

/* Any bytes at all: it ends, and stays inside them. */
static void any_bytes_come_to_an_end(void **state) {
  (void)state;
  uint32_t seed = 12345;
  for (int round = 0; round < 200000; round++) {
    uint8_t cbor[24];
    oa_cbor_reader reader;
    oa_cbor_token token;
    size_t len;
    size_t tokens = 0;
    for (len = 0; len < sizeof cbor; len++) {
      seed = seed * 1664525U + 1013904223U;
      cbor[len] = (uint8_t)(seed >> 24);
    }
    oa_cbor_init(&reader, cbor, len);
    while (oa_cbor_next(&reader, &token) == OA_OK) {
      assert_true(reader.at <= cbor + len);
      assert_true(++tokens <= 3 * sizeof cbor);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_read_as_they_were_written),
      cmocka_unit_test(what_is_not_allowed_is_malformed),
      cmocka_unit_test(claimed_sizes_are_not_believed),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(any_bytes_come_to_an_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
