/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of log records: the typed columns must agree with `body_type`, and
 * `body` is a text that is made here unless it is the body itself. */
#include "arrow/bits.h"
#include "otlp/append_impl.h"
#include "otlp/encode_impl.h"
#include "otlp/json_text.h"

/* No body at all; the other codes are those of body_type. */
enum { NO_BODY = 8 };

#define ONLY(CODE) (uint16_t)(1U << (CODE))
#define TREES (uint16_t)(ONLY(OA_VALUE_MAP) | ONLY(OA_VALUE_SLICE))

static const oa_append_rule body_rules[] = {
    {OA_LOG_COL_BODY_INT, ONLY(OA_VALUE_INT), 0, ONLY(OA_VALUE_INT)},
    {OA_LOG_COL_BODY_DOUBLE, ONLY(OA_VALUE_DOUBLE), 0, ONLY(OA_VALUE_DOUBLE)},
    {OA_LOG_COL_BODY_BOOL, ONLY(OA_VALUE_BOOL), 0, ONLY(OA_VALUE_BOOL)},
    {OA_LOG_COL_BODY_BYTES, ONLY(OA_VALUE_BYTES), ONLY(OA_VALUE_BYTES), 0},
    {OA_LOG_COL_BODY_SER, TREES, 0, TREES},
    {OA_LOG_COL_BODY, ONLY(OA_VALUE_STR), 0, ONLY(OA_VALUE_STR)},
};

/* Without a body_type every body is a text. */
static oa_status make_types(oa_appender *a, const uint8_t **out) {
  const oa_source *body = &a->columns[OA_LOG_COL_BODY];
  oa_source *type = &a->columns[OA_LOG_COL_BODY_TYPE];
  void *codes = NULL;
  void *bits = NULL;

  OA_TRY(oa_arena_get(&a->arena, (size_t)a->rows, &codes));
  OA_TRY(oa_arena_get_zeroed(&a->arena, (size_t)a->rows / 8 + 9, 1, &bits));
  for (int64_t i = 0; i < a->rows; i++) {
    const bool text = !oa_source_is_null(body, i);
    ((uint8_t *)codes)[i] = text ? OA_VALUE_STR : NO_BODY;
    if (text) {
      oa_bits_put(bits, i, 1, 1);
    }
  }
  type->array = (oa_array){
      .length = a->rows, .null_count = 1, .validity = bits, .values = codes};
  type->absent = false;
  *out = codes;
  return OA_OK;
}

/* The body of row ROW as JSON. */
static oa_status put_json(oa_appender *a, uint8_t code, int64_t row) {
  const oa_source *columns = a->columns;
  const oa_array *array = NULL;
  const uint8_t *bytes;
  uint64_t bits;
  double number;
  size_t len;

  switch (code) {
    case OA_VALUE_INT:
      bits = oa_u64_at(&columns[OA_LOG_COL_BODY_INT].array, row);
      return oa_json_put_int(&a->text, (int64_t)bits);
    case OA_VALUE_DOUBLE:
      bits = oa_u64_at(&columns[OA_LOG_COL_BODY_DOUBLE].array, row);
      memcpy(&number, &bits, sizeof number);
      return oa_json_put_double(&a->text, number);
    case OA_VALUE_BOOL:
      array = &columns[OA_LOG_COL_BODY_BOOL].array;
      return oa_json_put_bool(&a->text, oa_bool_at(array, row));
    case OA_VALUE_BYTES:
      bytes = oa_source_text(&columns[OA_LOG_COL_BODY_BYTES], row, &len);
      return oa_json_put_bytes(&a->text, bytes, len);
    default: /* OA_VALUE_MAP, OA_VALUE_SLICE */
      bytes = oa_source_text(&columns[OA_LOG_COL_BODY_SER], row, &len);
      return oa_json_put_cbor(&a->text, bytes, len);
  }
}

static oa_status put_body(oa_appender *a, uint8_t code, int64_t row) {
  size_t len;
  if (code == OA_VALUE_EMPTY || code == NO_BODY || oa_append_is_bad(a, row)) {
    return OA_OK;
  }
  if (code != OA_VALUE_STR) {
    return put_json(a, code, row);
  }
  const uint8_t *text = oa_source_text(&a->columns[OA_LOG_COL_BODY], row, &len);
  return oa_buf_put(&a->text, text, len);
}

/* The texts of all bodies as one new column. */
static oa_status make_bodies(oa_appender *a, const uint8_t *codes) {
  oa_source *body = &a->columns[OA_LOG_COL_BODY];
  void *block = NULL;
  void *bits = NULL;

  OA_TRY(
      oa_arena_get(&a->arena, ((size_t)a->rows + 1) * sizeof(int32_t), &block));
  OA_TRY(oa_arena_get_zeroed(&a->arena, (size_t)a->rows / 8 + 9, 1, &bits));
  int32_t *offsets = block;
  offsets[0] = 0;
  for (int64_t i = 0; i < a->rows; i++) {
    OA_TRY(put_body(a, codes[i], i));
    if (a->text.len > INT32_MAX) {
      return OA_ERR_LIMIT;
    }
    offsets[i + 1] = (int32_t)a->text.len;
    oa_bits_put(bits, i, 1, codes[i] != OA_VALUE_EMPTY && codes[i] != NO_BODY);
  }
  body->array = (oa_array){.length = a->rows,
                           .null_count = 1,
                           .validity = bits,
                           .offsets = offsets,
                           .values = a->text.data,
                           .values_size = a->text.len};
  body->absent = false;
  body->large = false;
  return OA_OK;
}

oa_status oa_append_check_logs(oa_appender *a) {
  const uint8_t *codes = NULL;
  unsigned seen = 0;

  if (a->have[OA_LOG_COL_BODY_TYPE]) {
    OA_TRY(oa_append_codes(a, &a->root, &a->columns[OA_LOG_COL_BODY_TYPE],
                           a->rows, OA_VALUE_BYTES, NO_BODY, &codes));
  } else {
    OA_TRY(make_types(a, &codes));
  }
  OA_TRY(oa_append_agree(a, &a->root, a->columns, codes, a->rows, body_rules,
                         sizeof body_rules / sizeof *body_rules));
  OA_TRY(oa_append_take_cbor(a, &a->root, &a->columns[OA_LOG_COL_BODY_SER],
                             codes, a->rows));
  for (int64_t i = 0; i < a->rows; i++) {
    seen |= 1U << codes[i];
  }
  const unsigned plain =
      1U << OA_VALUE_STR | 1U << OA_VALUE_EMPTY | 1U << NO_BODY;
  return (seen & ~plain) == 0 ? OA_OK : make_bodies(a, codes);
}
