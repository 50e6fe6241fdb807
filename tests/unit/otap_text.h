/* SPDX-License-Identifier: Apache-2.0 */
/* otap_text.h - rows of a builder as text, to compare what came by OTAP with
 * what comes by OTLP.
 *
 * Exactly, or loosely: as far as a sender in Go keeps things.  Then order does
 * not count (of rows, attributes, events, links, exemplars and keys of maps),
 * nor do empty attribute values, metric metadata, and the difference between
 * absent and empty or 0 where Go has none.
 */
#ifndef OA_TESTS_UNIT_OTAP_TEXT_H
#define OA_TESTS_UNIT_OTAP_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "otlp/builder_impl.h"
#include "otlp/cbor_read.h"
#include "otlp/value.h"

enum { TEXT_PARTS = 4096 };

/* Texts that can be sorted; each owns its memory. */
typedef struct parts {
  char *text[TEXT_PARTS];
  size_t count;
} parts;

static inline char *take_text(oa_buf *buf) {
  assert_int_equal(oa_buf_put_byte(buf, 0), OA_OK);
  char *text = (char *)buf->data;
  *buf = (oa_buf){0};
  return text;
}

static inline int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void add_part(parts *p, oa_buf *buf) {
  assert_true(p->count < TEXT_PARTS);
  p->text[p->count++] = take_text(buf);
}

/* Appends the parts, sorted when ORDER does not count, and frees them. */
static inline void join_parts(parts *p, bool sorted, oa_buf *out) {
  if (sorted) {
    qsort(p->text, p->count, sizeof p->text[0], by_text);
  }
  assert_int_equal(oa_buf_put_byte(out, '['), OA_OK);
  for (size_t i = 0; i < p->count; i++) {
    assert_int_equal(oa_buf_printf(out, "%s%s", i == 0 ? "" : ",", p->text[i]),
                     OA_OK);
    oa_free(p->text[i]);
  }
  assert_int_equal(oa_buf_put_byte(out, ']'), OA_OK);
  oa_free(p);
}

static inline parts *new_parts(void) {
  parts *p = oa_calloc(1, sizeof *p);
  assert_non_null(p);
  return p;
}

static inline void put_hex(oa_buf *out, const uint8_t *bytes, size_t len) {
  assert_int_equal(oa_buf_put_byte(out, '"'), OA_OK);
  for (size_t i = 0; i < len; i++) {
    const bool plain = bytes[i] > ' ' && bytes[i] < 0x7F && bytes[i] != '"';
    assert_int_equal(oa_buf_printf(out, plain ? "%c" : "\\%02x", bytes[i]),
                     OA_OK);
  }
  assert_int_equal(oa_buf_put_byte(out, '"'), OA_OK);
}

/* --- CBOR --- */

static inline void put_cbor_token(oa_cbor_reader *r, const oa_cbor_token *token,
                                  bool loose, oa_buf *out);

static inline void put_cbor_items(oa_cbor_reader *r, bool map, bool loose,
                                  oa_buf *out) {
  parts *p = new_parts();
  oa_cbor_token token;
  for (;;) {
    oa_buf part = {0};
    assert_int_equal(oa_cbor_next(r, &token), OA_OK);
    if (token.kind == OA_CBOR_CLOSE) {
      break;
    }
    put_cbor_token(r, &token, loose, &part);
    if (token.kind == OA_CBOR_KEY) {
      assert_int_equal(oa_buf_put_byte(&part, ':'), OA_OK);
      assert_int_equal(oa_cbor_next(r, &token), OA_OK);
      put_cbor_token(r, &token, loose, &part);
    }
    add_part(p, &part);
  }
  join_parts(p, map && loose, out);
}

static inline void put_cbor_token(oa_cbor_reader *r, const oa_cbor_token *token,
                                  bool loose, oa_buf *out) {
  switch (token->kind) {
    case OA_CBOR_ARRAY:
    case OA_CBOR_MAP:
      put_cbor_items(r, token->kind == OA_CBOR_MAP, loose, out);
      break;
    case OA_CBOR_KEY:
    case OA_CBOR_TEXT:
    case OA_CBOR_BYTES:
      assert_int_equal(oa_buf_printf(out, "%d", (int)token->kind), OA_OK);
      put_hex(out, token->bytes, token->len);
      break;
    case OA_CBOR_DOUBLE:
      assert_int_equal(
          oa_buf_printf(out, "d%llx", (unsigned long long)token->double_bits),
          OA_OK);
      break;
    case OA_CBOR_INT:
      assert_int_equal(oa_buf_printf(out, "i%lld", (long long)token->integer),
                       OA_OK);
      break;
    default:
      assert_int_equal(
          oa_buf_printf(out, "%d/%d", (int)token->kind,
                        token->kind == OA_CBOR_BOOL ? (int)token->boolean : 0),
          OA_OK);
  }
}

static inline void put_cbor(const uint8_t *cbor, size_t len, bool loose,
                            oa_buf *out) {
  oa_cbor_reader *r = oa_malloc(sizeof *r);
  oa_cbor_token token;
  assert_non_null(r);
  oa_cbor_init(r, cbor, len);
  assert_int_equal(oa_cbor_next(r, &token), OA_OK);
  put_cbor_token(r, &token, loose, out);
  oa_free(r);
}

/* --- cells --- */

static inline bool is_name(const oa_field *field, const char *name) {
  return strcmp(field->name, name) == 0;
}

static inline bool is_one_of(const oa_field *field, const char *const *names) {
  for (; *names != NULL; names++) {
    if (is_name(field, *names)) {
      return true;
    }
  }
  return false;
}

/* The attributes of a Resource (tag of field 1) or scope (field 3). */
static inline void put_owner(const oa_field *field, const uint8_t *bytes,
                             size_t len, oa_buf *out) {
  const uint32_t number = is_name(field, "resource") ? 1 : 3;
  oa_buf cbor = {0};
  uint64_t repaired = 0;
  assert_int_equal(oa_attributes_put_cbor(oa_cursor_over(bytes, len),
                                          OA_TAG(number, OA_WIRE_BYTES), 0,
                                          &cbor, &repaired),
                   OA_OK);
  put_cbor(cbor.data, cbor.len, true, out);
  oa_buf_free(&cbor);
}

static inline void put_cell(const oa_field *field, const oa_array *array,
                            int64_t i, bool loose, oa_buf *out);

static inline void put_struct(const oa_field *field, const oa_array *array,
                              int64_t i, bool loose, oa_buf *out) {
  for (size_t c = 0; c < field->child_count; c++) {
    put_cell(&field->children[c], &array->children[c], i, loose, out);
  }
}

static inline void put_list_cell(const oa_field *field, const oa_array *array,
                                 int64_t i, bool loose, oa_buf *out) {
  const oa_field *item = field->children;
  const bool attributes =
      item->type == OA_TYPE_STRUCT && item->child_count == OA_ATTR_COUNT;
  parts *p = new_parts();
  int64_t begin;
  int64_t end;
  oa_array_range(array, i, &begin, &end);
  for (; begin < end; begin++) {
    oa_buf part = {0};
    if (attributes && loose) {
      const uint8_t *types = array->children->children[OA_ATTR_TYPE].values;
      if (types == NULL || types[begin] == OA_VALUE_EMPTY) {
        continue;
      }
    }
    put_cell(item, array->children, begin, loose, &part);
    add_part(p, &part);
  }
  join_parts(p, loose && item->type == OA_TYPE_STRUCT, out);
}

static inline void put_bytes_cell(const oa_field *field, const oa_array *array,
                                  int64_t i, bool loose, oa_buf *out) {
  size_t len;
  const uint8_t *bytes = field->dictionary ? oa_array_dict_bytes(array, i, &len)
                                           : oa_array_bytes(array, i, &len);
  if (loose && (is_name(field, "resource") || is_name(field, "scope"))) {
    put_owner(field, bytes, len, out);
  } else if (is_name(field, "ser") || is_name(field, "body_ser")) {
    put_cbor(bytes, len, loose, out);
  } else {
    put_hex(out, bytes, len);
  }
}

static inline void put_number(const oa_field *field, const oa_array *array,
                              int64_t i, bool loose, oa_buf *out) {
  static const char *const no_zero[] = {
      "sum", "min", "max", "positive_offset", "negative_offset", NULL};
  uint64_t bits = 0;
  const size_t width = oa_field_width(field);
  if (field->type == OA_TYPE_BOOL) {
    bits = array->values != NULL && oa_bit(array->values, i);
  } else if (array->values != NULL) {
    memcpy(&bits, (const uint8_t *)array->values + (size_t)i * width, width);
  }
  if (loose && bits == 0 && is_one_of(field, no_zero)) {
    assert_int_equal(oa_buf_put_byte(out, '~'), OA_OK);
  } else {
    assert_int_equal(oa_buf_printf(out, "%llx", (unsigned long long)bits),
                     OA_OK);
  }
}

/* An id of zeros is none. */
static inline void put_id_cell(const oa_field *field, const oa_array *array,
                               int64_t i, bool loose, oa_buf *out) {
  static const uint8_t zeros[16];
  const size_t width = (size_t)field->width;
  const uint8_t *id = array->values == NULL
                          ? zeros
                          : (const uint8_t *)array->values + (size_t)i * width;
  if (loose && memcmp(id, zeros, width) == 0) {
    assert_int_equal(oa_buf_put_byte(out, '~'), OA_OK);
  } else {
    put_hex(out, id, width);
  }
}

static inline void put_cell(const oa_field *field, const oa_array *array,
                            int64_t i, bool loose, oa_buf *out) {
  static const char *const skipped[] = {
      "resource_ord", "scope_ord",           "metric_ord",       "point_ord",
      "metadata",     "resource_attributes", "scope_attributes", NULL};
  if (loose && is_one_of(field, skipped)) {
    return;
  }
  if (field->type != OA_TYPE_STRUCT) {
    assert_int_equal(oa_buf_printf(out, " %s=", field->name), OA_OK);
  }
  if (oa_array_is_null(array, i)) {
    const bool as_zero = loose && is_name(field, "status_code");
    const bool as_empty =
        loose && (is_name(field, "resource") || is_name(field, "scope"));
    const bool as_text = loose && is_name(field, "scope_name");
    assert_int_equal(oa_buf_printf(out, "%s",
                                   as_zero    ? "0"
                                   : as_empty ? "[]"
                                   : as_text  ? "\"\""
                                              : "~"),
                     OA_OK);
    return;
  }
  switch (field->type) {
    case OA_TYPE_STRUCT:
      put_struct(field, array, i, loose, out);
      break;
    case OA_TYPE_LIST:
      put_list_cell(field, array, i, loose, out);
      break;
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      put_bytes_cell(field, array, i, loose, out);
      break;
    case OA_TYPE_FIXED_BINARY:
      put_id_cell(field, array, i, loose, out);
      break;
    default:
      put_number(field, array, i, loose, out);
  }
}

/* --- rows --- */

/* The text of a map body depends on the order of its keys. */
static inline bool skips(const oa_otlp_builder *b, size_t column, int64_t row,
                         const oa_array *columns, bool loose) {
  if (!loose || b->signal != OA_LOGS || column != OA_LOG_COL_BODY ||
      oa_array_is_null(&columns[OA_LOG_COL_BODY_TYPE], row)) {
    return false;
  }
  const uint8_t *types = columns[OA_LOG_COL_BODY_TYPE].values;
  return types != NULL &&
         (types[row] == OA_VALUE_MAP || types[row] == OA_VALUE_SLICE);
}

/* All rows of B from FROM on as one text; free it with oa_free(). */
static inline char *rows_text(oa_otlp_builder *b, int64_t from, bool loose) {
  const oa_schema *schema = oa_otlp_schema(b->signal);
  const oa_array *columns = NULL;
  parts *p = new_parts();
  oa_buf all = {0};
  assert_int_equal(oa_otlp_builder_columns(b, &columns), OA_OK);
  for (int64_t row = from; row < oa_otlp_builder_rows(b); row++) {
    oa_buf part = {0};
    assert_int_equal(oa_buf_put_byte(&part, '\n'), OA_OK);
    for (size_t c = 0; c < schema->field_count; c++) {
      if (!skips(b, c, row, columns, loose)) {
        put_cell(&schema->fields[c], &columns[c], row, loose, &part);
      }
    }
    add_part(p, &part);
  }
  join_parts(p, loose, &all);
  return take_text(&all);
}

static inline void expect_same_rows(oa_otlp_builder *actual, int64_t from,
                                    oa_otlp_builder *expected, bool loose) {
  char *a = rows_text(actual, from, loose);
  char *b = rows_text(expected, 0, loose);
  assert_string_equal(a, b);
  oa_free(a);
  oa_free(b);
}

#endif
