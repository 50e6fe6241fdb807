/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_rows.h - columns of a signal built value by value, and requests looked
 * into by field numbers.
 *
 * For the tests of what is made from columns.
 */
#ifndef OA_TESTS_UNIT_OTLP_ROWS_H
#define OA_TESTS_UNIT_OTLP_ROWS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrow/table.h"
#include "otlp/otlp.h"
#include "wire/cursor.h"

typedef struct rows {
  oa_signal signal;
  oa_table_tree tree;
  oa_table table;
} rows;

static inline void rows_init(rows *r, oa_signal signal) {
  const oa_schema *schema = oa_otlp_schema(signal);
  *r = (rows){.signal = signal};
  assert_int_equal(oa_table_init(&r->table, schema->fields, schema->field_count,
                                 &r->tree, 1),
                   OA_OK);
  assert_int_equal(oa_table_reserve(&r->table), OA_OK);
}

static inline void rows_free(rows *r) {
  oa_table_free(&r->table);
  oa_buf_free(&r->tree.scratch);
}

/* Ends the row of TABLE and makes room for the next. */
static inline void end_row(oa_table *table) {
  table->length++;
  assert_int_equal(oa_table_reserve(table), OA_OK);
}

static inline oa_table *child_of(oa_table *table, size_t column) {
  oa_table *child = table->columns[column].child;
  assert_int_equal(oa_table_reserve(child), OA_OK);
  return child;
}

static inline void set_u64(oa_table *table, size_t column, uint64_t value) {
  oa_put_u64(table, &table->columns[column], value);
}

static inline void set_u32(oa_table *table, size_t column, uint32_t value) {
  oa_put_u32(table, &table->columns[column], value);
}

static inline void set_i32(oa_table *table, size_t column, int32_t value) {
  oa_put_u32(table, &table->columns[column], (uint32_t)value);
}

static inline void set_u8(oa_table *table, size_t column, uint8_t value) {
  oa_put_u8(table, &table->columns[column], value);
}

static inline void set_bool(oa_table *table, size_t column, bool value) {
  oa_put_bool(table, &table->columns[column], value);
}

static inline void set_double(oa_table *table, size_t column, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  set_u64(table, column, bits);
}

/* A dictionary column. */
static inline void set_text(oa_table *table, size_t column, const char *text) {
  oa_put_text(table, &table->columns[column], (const uint8_t *)text,
              strlen(text));
}

/* A plain one. */
static inline void set_bytes(oa_table *table, size_t column, const void *bytes,
                             size_t len) {
  oa_put_bytes(table, &table->columns[column], bytes, len);
}

static inline void set_id(oa_table *table, size_t column, uint8_t byte,
                          size_t width) {
  uint8_t id[16];
  memset(id, byte, sizeof id);
  oa_put_fixed(table, &table->columns[column], id, width);
}

/* The items added to the column's child belong to this row. */
static inline void set_list(oa_table *table, size_t column) {
  oa_put_list(table, &table->columns[column]);
}

/* Begins an attribute; a value may follow, then end_row(). */
static inline oa_table *attribute(oa_table *table, size_t column,
                                  const char *key, uint8_t type) {
  oa_table *items = child_of(table, column);
  set_text(items, OA_ATTR_KEY, key);
  set_u8(items, OA_ATTR_TYPE, type);
  return items;
}

/* --- Requests --- */

enum { REQUESTS_MAX = 16 };

typedef struct requests {
  oa_buf message[REQUESTS_MAX];
  size_t count;
} requests;

static inline oa_status keep_request(void *context, const uint8_t *message,
                                     size_t len) {
  requests *all = context;
  assert_true(all->count < REQUESTS_MAX);
  return oa_buf_put(&all->message[all->count++], message, len);
}

static inline void requests_free(requests *all) {
  for (size_t i = 0; i < REQUESTS_MAX; i++) {
    oa_buf_free(&all->message[i]);
  }
  all->count = 0;
}

static inline oa_status encode_rows(rows *r, requests *out, oa_error *error) {
  assert_false(r->tree.failed);
  *out = (requests){0};
  return oa_otlp_encode(r->signal, oa_table_finish(&r->table), r->table.length,
                        keep_request, out, error);
}

/* Sub-message number INDEX of FIELD in MESSAGE; fails when it is not there. */
static inline oa_cursor inside(oa_cursor message, uint32_t field,
                               size_t index) {
  while (!oa_cursor_done(&message)) {
    uint32_t tag = 0;
    oa_cursor bytes = {0};
    assert_int_equal(oa_cursor_tag(&message, &tag), OA_OK);
    if (tag != OA_TAG(field, OA_WIRE_BYTES)) {
      assert_int_equal(oa_cursor_skip(&message, tag), OA_OK);
      continue;
    }
    assert_int_equal(oa_cursor_bytes(&message, &bytes), OA_OK);
    if (index-- == 0) {
      return bytes;
    }
  }
  fail_msg("field %u is not there", field);
  return message;
}

/* How often FIELD stands in MESSAGE. */
static inline size_t count_of(oa_cursor message, uint32_t field) {
  size_t count = 0;
  while (!oa_cursor_done(&message)) {
    uint32_t tag = 0;
    assert_int_equal(oa_cursor_tag(&message, &tag), OA_OK);
    assert_int_equal(oa_cursor_skip(&message, tag), OA_OK);
    count += tag >> 3 == field;
  }
  return count;
}

static inline oa_cursor request_at(const requests *all, size_t i) {
  assert_true(i < all->count);
  return oa_cursor_over(all->message[i].data, all->message[i].len);
}

/* The first span, log record or metric. */
static inline oa_cursor first_item(const requests *all) {
  return inside(inside(inside(request_at(all, 0), 1, 0), 2, 0), 2, 0);
}

/* MESSAGE must be these bytes, given in hexadecimal; blanks do not count. */
static inline void assert_hex(oa_cursor message, const char *want) {
  char have[4096];
  char wanted[4096];
  size_t at = 0;
  for (; *want != '\0'; want++) {
    if (*want != ' ') {
      assert_true(at + 1 < sizeof wanted);
      wanted[at++] = *want;
    }
  }
  wanted[at] = '\0';
  at = 0;
  have[0] = '\0';
  for (const uint8_t *byte = message.at; byte < message.end; byte++) {
    assert_true(at + 3 < sizeof have);
    at += (size_t)snprintf(have + at, sizeof have - at, "%02x", *byte);
  }
  assert_string_equal(have, wanted);
}

#endif
