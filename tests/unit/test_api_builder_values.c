/* SPDX-License-Identifier: Apache-2.0 */
/* Values of every type and of every length. */
#include "api_builder_trial.h"

/* Writes the body that build_body() builds as number I. */
static void put_body(oa_emit *e, int i) {
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  switch (i) {
    case 0:
      put_text(e, 1, "text");
      break;
    case 1:
      oa_emit_varint(e, 3, (uint64_t)INT64_MIN);
      break;
    case 2:
      oa_emit_fixed64(e, 4, UINT64_C(0x7ff8000000000001)); /* NaN */
      break;
    case 3:
      oa_emit_varint(e, 2, 1);
      break;
    case 4:
      oa_emit_bytes(e, 7, ID8, 8);
      break;
    case 5:
      put_deep_value(e, 64);
      break;
    default:
      break;
  }
  oa_emit_close(e, body);
}

static void build_body(oa_builder *b, int i) {
  const uint64_t bits = UINT64_C(0x7ff8000000000001);
  double nan;
  memcpy(&nan, &bits, sizeof nan);
  oa_build_body(b);
  switch (i) {
    case 0:
      oa_build_string(b, OA_S(""), OA_S("text"));
      break;
    case 1:
      oa_build_int(b, OA_S(""), INT64_MIN);
      break;
    case 2:
      oa_build_double(b, OA_S(""), nan);
      break;
    case 3:
      oa_build_bool(b, OA_S(""), 1);
      break;
    case 4:
      oa_build_bytes(b, OA_S(""), ID8, 8);
      break;
    case 5:
      build_deep(b, "", 64);
      break;
    default:
      oa_build_empty(b, OA_S(""));
      break;
  }
}

static void a_body_is_a_value_of_any_type(void **state) {
  (void)state;
  oa_builder *b = builder_after(OA_LOGS, "RS");
  request r = {0};
  oa_emit *e = &r.e;
  open_small(&r);
  for (int i = 0; i <= 6; i++) {
    const oa_emit_nest record = open_record(&r);
    put_body(e, i);
    put_int_attr(e, 6, "after", i);
    oa_emit_close(e, record);
    call(b, 'g');
    build_body(b, i);
    oa_build_int(b, OA_S("after"), i); /* the record's own again */
  }
  close_records(&r);
  assert_built(b, &r, 7);
  oa_builder_free(b);
}

/* Lengths of one to four bytes, in any order. */
static void lengths_of_all_sizes_are_right(void **state) {
  (void)state;
  static const size_t sizes[] = {0,     1,      100,   127,     128, 129,
                                 16300, 16383,  16384, 16385,   5,   2097152,
                                 3,     300000, 1,     2097100, 64};
  oa_builder *b = builder_after(OA_LOGS, "RS");
  char *text = malloc(2097152);
  request r = {0};
  oa_emit *e = &r.e;
  assert_non_null(text);
  memset(text, 'x', 2097152);
  open_small(&r);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const oa_str value = {text, sizes[i]};
    call(b, 'g');
    oa_build_string(b, OA_S("k"), value);
    oa_build_array(b, value);
    oa_build_string(b, OA_S(""), value);
    const oa_emit_nest record = open_record(&r);
    pair p = open_pair(e, 6, "k");
    oa_emit_bytes(e, 1, (const uint8_t *)text, sizes[i]);
    close_pair(e, p);
    p.entry = oa_emit_open(e, 6, 1);
    oa_emit_bytes(e, 1, (const uint8_t *)text, sizes[i]);
    p.value = oa_emit_open(e, 2, 1);
    const oa_emit_nest array = oa_emit_open(e, 5, 1);
    const oa_emit_nest item = oa_emit_open(e, 1, 1);
    oa_emit_bytes(e, 1, (const uint8_t *)text, sizes[i]);
    oa_emit_close(e, item);
    oa_emit_close(e, array);
    close_pair(e, p);
    oa_emit_close(e, record);
  }
  close_records(&r);
  assert_built(b, &r, sizeof sizes / sizeof *sizes);
  free(text);
  oa_builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_body_is_a_value_of_any_type),
      cmocka_unit_test(lengths_of_all_sizes_are_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
