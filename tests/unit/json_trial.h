/* SPDX-License-Identifier: Apache-2.0 */
/* json_trial.h - requests with every field that the tables know, and reads
 * that must end in a certain way.
 *
 * For the tests of OTLP/JSON.
 */
#ifndef OA_TESTS_UNIT_JSON_TRIAL_H
#define OA_TESTS_UNIT_JSON_TRIAL_H

#include "otlp_trial.h"

#include "otlp/json.h"

/* Members of the largest oneof. */
enum { ONEOF_PICKS = 7 };

static inline size_t count_oneof(const oa_message *message) {
  size_t count = 0;
  for (size_t i = 0; i < message->count; i++) {
    count += message->fields[i].oneof;
  }
  return count;
}

/* A value whose bits are within the range of every kind. */
static inline uint64_t bits_of(const oa_message_field *field, unsigned salt) {
  double real = 0.1 * (double)field->number + (double)salt;
  uint64_t bits;
  if (field->form == OA_FORM_DOUBLE) {
    memcpy(&bits, &real, sizeof bits);
    return bits;
  }
  switch (field->kind) {
    case OA_KIND_BOOL:
      return 1;
    case OA_KIND_INT32:
      return (uint64_t)(-(int64_t)field->number - salt);
    case OA_KIND_UINT32:
    case OA_KIND_FIXED32:
      return UINT32_MAX - field->number - salt;
    case OA_KIND_SINT32:
      return oa_zigzag32(-7 - (int32_t)field->number);
    default:
      return UINT64_MAX - field->number - salt;
  }
}

static inline void put_scalar_field(oa_emit *e, const oa_message_field *field,
                                    unsigned salt) {
  char text[48];
  snprintf(text, sizeof text, "%s \"%u\" \xc3\xa9\n", field->name, salt);
  switch (field->kind) {
    case OA_KIND_STRING:
      put_text(e, field->number, text);
      return;
    case OA_KIND_BYTES:
      oa_emit_bytes(e, field->number, ID16, strlen(field->name) % 17);
      return;
    case OA_KIND_FIXED64:
      oa_emit_fixed64(e, field->number, bits_of(field, salt));
      return;
    case OA_KIND_FIXED32:
      oa_emit_fixed32(e, field->number, (uint32_t)bits_of(field, salt));
      return;
    default:
      oa_emit_varint(e, field->number, bits_of(field, salt));
      return;
  }
}

static inline void put_packed_field(oa_emit *e, const oa_message_field *field) {
  uint64_t values[3];
  for (unsigned i = 0; i < 3; i++) {
    values[i] = bits_of(field, i);
  }
  if (field->kind == OA_KIND_FIXED64) {
    oa_emit_packed64(e, field->number, values, 3);
  } else {
    oa_emit_packed_varint(e, field->number, values, 3);
  }
}

/* Writes MESSAGE with every field set, by number: repeated ones twice, of a
 * oneof member number PICK.  LEFT bounds how deep values go. */
static void put_all_fields(oa_emit *e, const oa_message *message, size_t pick,
                           unsigned left) {
  const size_t members = count_oneof(message);
  size_t member = 0;
  for (size_t i = 0; i < message->count; i++) {
    const oa_message_field *field = &message->fields[i];
    if (field->oneof && member++ != pick % members) {
      continue;
    }
    if (field->repeated && field->kind < OA_KIND_STRING) {
      put_packed_field(e, field);
      continue;
    }
    for (unsigned n = 0; n < (field->repeated ? 2U : 1U); n++) {
      if (field->kind != OA_KIND_MESSAGE) {
        put_scalar_field(e, field, n);
        continue;
      }
      const oa_emit_nest nest = oa_emit_open(e, field->number, 2);
      if (left > 0) {
        put_all_fields(e, field->message, pick + n, left - 1);
      }
      oa_emit_close(e, nest);
    }
  }
}

/* --- reads and writes --- */

static inline oa_status read_json(oa_signal signal, const char *text,
                                  oa_buf *out, oa_error *error) {
  return oa_otlp_json_read(signal, (const uint8_t *)text, strlen(text), out,
                           error);
}

/* TEXT is read as E's bytes. */
static inline void assert_read(oa_signal signal, const char *text,
                               const oa_emit *e) {
  oa_buf out = {0};
  oa_error error = {0};
  if (read_json(signal, text, &out, &error) != OA_OK) {
    fail_msg("%s: %s", text, error.text);
  }
  assert_int_equal(out.len, e->out.len);
  if (out.len > 0) {
    assert_memory_equal(out.data, e->out.data, out.len);
  }
  oa_buf_free(&out);
}

static inline void assert_refused(oa_signal signal, const char *text,
                                  oa_status status, const char *want) {
  oa_buf out = {0};
  oa_error error = {0};
  assert_int_equal(oa_buf_put(&out, "x", 1), OA_OK);
  assert_int_equal(read_json(signal, text, &out, &error), status);
  assert_int_equal(error.code, status);
  assert_string_equal(error.text, want);
  assert_int_equal(out.len, 1);
  assert_int_equal(read_json(signal, text, &out, NULL), status);
  oa_buf_free(&out);
}

/* E's bytes are written as TEXT. */
static inline void assert_written(const oa_message *message, const oa_emit *e,
                                  const char *text) {
  oa_buf out = {0};
  assert_int_equal(
      oa_message_json_write(message, e->out.data, e->out.len, &out), OA_OK);
  assert_int_equal(oa_buf_put_byte(&out, '\0'), OA_OK);
  assert_string_equal((const char *)out.data, text);
  oa_buf_free(&out);
}

#endif
