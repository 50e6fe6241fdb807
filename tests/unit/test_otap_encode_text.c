/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent of dictionaries and schemas, message by message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "otap/otap.h"
#include "otap_sent.h"
#include "otlp_trial.h"

/* A stream of spans, from the encoder to a decoder that checks it. */
typedef struct stream {
  oa_otap_encoder *encoder;
  oa_otap_stream *receiver;
  trial from;
  trial to;
  sent all;
} stream;

static void stream_init(stream *s) {
  const oa_otap_encoder_options options = {0};
  *s = (stream){0};
  assert_int_equal(oa_otap_encoder_new(&s->encoder, OA_TRACES, &options),
                   OA_OK);
  assert_int_equal(oa_otap_stream_new(&s->receiver, OA_TRACES, NULL), OA_OK);
  trial_init(&s->from, OA_TRACES);
  trial_init(&s->to, OA_TRACES);
}

static void stream_free(stream *s) {
  oa_otap_encoder_free(s->encoder);
  oa_otap_stream_free(s->receiver);
  trial_free(&s->from);
  trial_free(&s->to);
  sent_free(&s->all);
}

/* Adds COUNT spans; their names are FIRST and so on, DISTINCT of them in
 * turn. */
static void add_spans(stream *s, uint32_t count, uint32_t first,
                      uint32_t distinct, const char *state) {
  request r = {0};
  open_records(&r);
  for (uint32_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "name %u", first + i % distinct);
    const oa_emit_nest span = open_record(&r);
    put_text(&r.e, 5, name);
    if (state != NULL) {
      put_text(&r.e, 3, state);
    }
    oa_emit_close(&r.e, span);
  }
  close_records(&r);
  take(&s->from, &r);
}

static void assert_names_came(stream *s) {
  const oa_array *want = &columns_of(&s->from)[OA_SPAN_NAME];
  const oa_array *have = &columns_of(&s->to)[OA_SPAN_NAME];
  assert_int_equal(rows_of(&s->from), rows_of(&s->to));
  for (int64_t i = 0; i < rows_of(&s->from); i++) {
    size_t a_len;
    size_t b_len;
    const uint8_t *a = oa_array_dict_bytes(want, i, &a_len);
    const uint8_t *b = oa_array_dict_bytes(have, i, &b_len);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
  }
}

/* Sends what was added, has it received, and gives the part of the spans. */
static part send(stream *s) {
  oa_otap_batch batch;
  oa_error error = {0};
  sent_free(&s->all);
  if (oa_otap_encode(s->encoder, columns_of(&s->from), rows_of(&s->from),
                     keep_sent, &s->all, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_int_equal(s->all.count, 1);
  if (oa_otap_decode(s->receiver, s->to.builder, s->all.messages[0].data,
                     s->all.messages[0].len, &batch, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_names_came(s);
  oa_otlp_builder_reset(s->from.builder, SIZE_MAX);
  oa_otlp_builder_reset(s->to.builder, SIZE_MAX);
  return part_of(&s->all, 0, OA_PAYLOAD_SPANS);
}

static part send_spans(stream *s, uint32_t count, uint32_t first,
                       uint32_t distinct) {
  add_spans(s, count, first, distinct, NULL);
  return send(s);
}

/* --- tests --- */

static void entries_are_sent_once(void **state) {
  (void)state;
  stream s;
  stream_init(&s);
  part p = send_spans(&s, 10, 0, 5);
  assert_int_equal(p.schemas, 1);
  assert_int_equal(p.whole, 1);
  assert_int_equal(p.entries, 5);
  assert_string_equal(p.schema_id, "0");
  p = send_spans(&s, 10, 0, 5);
  assert_int_equal(p.schemas + p.whole + p.deltas, 0);
  assert_string_equal(p.schema_id, "0");
  stream_free(&s);
}

static void new_entries_are_a_delta(void **state) {
  (void)state;
  stream s;
  stream_init(&s);
  (void)send_spans(&s, 10, 0, 5);
  part p = send_spans(&s, 10, 3, 4); /* 3, 4, and the new ones 5, 6 */
  assert_int_equal(p.schemas + p.whole, 0);
  assert_int_equal(p.deltas, 1);
  assert_int_equal(p.entries, 2);
  p = send_spans(&s, 7, 0, 7);
  assert_int_equal(p.schemas + p.whole + p.deltas, 0);
  stream_free(&s);
}

static void indices_grow_with_a_new_schema(void **state) {
  (void)state;
  stream s;
  stream_init(&s);
  (void)send_spans(&s, 255, 0, 255);
  part p = send_spans(&s, 255, 0, 255);
  assert_string_equal(p.schema_id, "0"); /* 255 entries still fit */
  p = send_spans(&s, 1, 255, 1);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.schemas, 1);
  assert_int_equal(p.whole, 1);
  assert_int_equal(p.entries, 256);
  p = send_spans(&s, 400, 200, 400);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.deltas, 1);
  assert_int_equal(p.entries, 344);
  stream_free(&s);
}

static void a_first_message_has_wide_indices_at_once(void **state) {
  (void)state;
  stream s;
  stream_init(&s);
  const part p = send_spans(&s, 300, 0, 300);
  assert_string_equal(p.schema_id, "0");
  assert_int_equal(p.schemas, 1);
  assert_int_equal(p.entries, 300);
  stream_free(&s);
}

/* Entries that come several times before the dictionary is full. */
static void a_full_dictionary_starts_anew(void **state) {
  enum { ROWS = 50000, NEW = 12000 };
  (void)state;
  stream s;
  stream_init(&s);
  for (uint32_t i = 0; i < 5; i++) {
    const part p = send_spans(&s, ROWS, i * NEW, NEW);
    assert_string_equal(p.schema_id, "0");
    assert_int_equal(p.deltas, i == 0 ? 0 : 1);
    assert_int_equal(p.entries, NEW);
  }
  part p = send_spans(&s, ROWS, 5 * NEW, NEW);
  assert_string_equal(p.schema_id, "0"); /* the stream goes on */
  assert_int_equal(p.schemas + p.deltas, 0);
  assert_int_equal(p.whole, 1);
  assert_int_equal(p.entries, NEW);
  p = send_spans(&s, ROWS, 6 * NEW, NEW);
  assert_int_equal(p.deltas, 1);
  assert_int_equal(p.entries, NEW);
  stream_free(&s);
}

/* Entries that hardly ever come again. */
static void a_dictionary_without_use_is_given_up(void **state) {
  enum { ROWS = 40000 };
  (void)state;
  stream s;
  stream_init(&s);
  part p = send_spans(&s, ROWS, 0, ROWS);
  assert_int_equal(p.entries, ROWS);
  assert_string_equal(p.schema_id, "0");
  p = send_spans(&s, ROWS, ROWS, ROWS);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.schemas, 1);
  assert_int_equal(p.whole + p.deltas, 0);
  p = send_spans(&s, 10, 0, 5); /* for good */
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.schemas + p.whole + p.deltas, 0);
  stream_free(&s);
}

static void a_column_stays_once_it_was_shown(void **state) {
  (void)state;
  stream s;
  stream_init(&s);
  part p = send_spans(&s, 3, 0, 3);
  assert_string_equal(p.schema_id, "0");
  add_spans(&s, 3, 0, 3, "state");
  p = send(&s);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.whole, 2); /* the new stream has both dictionaries */
  assert_int_equal(p.entries, 4);
  p = send_spans(&s, 3, 0, 3);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.schemas + p.whole + p.deltas, 0);
  add_spans(&s, 3, 0, 3, "other");
  p = send(&s);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.deltas, 1);
  stream_free(&s);
}

static void ids_of_schemas_are_shared_by_all_tables(void **state) {
  (void)state;
  trial t;
  sent all = {0};
  request r = {0};
  const oa_otap_encoder_options options = {.metric_attrs = true};
  oa_otap_encoder *encoder = NULL;
  bool seen[PARTS_MAX] = {false};
  trial_init(&t, OA_METRICS);
  put_rich_request(&r, OA_METRICS, "shop");
  take(&t, &r);
  assert_int_equal(oa_otap_encoder_new(&encoder, OA_METRICS, &options), OA_OK);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(oa_otap_encode(encoder, columns_of(&t), rows_of(&t),
                                    keep_sent, &all, NULL),
                     OA_OK);
  }
  const parts p = parts_of(&all, 0);
  const parts q = parts_of(&all, 1);
  assert_int_equal(p.count, 18); /* all that there are */
  assert_int_equal(q.count, 18);
  for (size_t i = 0; i < p.count; i++) {
    const size_t id = strtoul(p.part[i].schema_id, NULL, 10);
    assert_true(id < PARTS_MAX && !seen[id]);
    seen[id] = true;
    assert_int_equal(p.part[i].schemas, 1);
    assert_string_equal(p.part[i].schema_id, q.part[i].schema_id);
    assert_int_equal(q.part[i].schemas + q.part[i].whole + q.part[i].deltas, 0);
  }
  oa_otap_encoder_free(encoder);
  sent_free(&all);
  trial_free(&t);
}

/* Whether the peer has it is not known then. */
static void after_a_failed_message_streams_begin_anew(void **state) {
  (void)state;
  stream s;
  stream_init(&s);
  (void)send_spans(&s, 5, 0, 5);
  add_spans(&s, 5, 5, 5, NULL);
  sent_free(&s.all);
  s.all.fail_at = 1;
  assert_int_equal(oa_otap_encode(s.encoder, columns_of(&s.from),
                                  rows_of(&s.from), keep_sent, &s.all, NULL),
                   OA_ERR_IO);
  s.all.fail_at = 0;
  const part p = send(&s);
  assert_string_equal(p.schema_id, "1");
  assert_int_equal(p.schemas, 1);
  assert_int_equal(p.whole, 1);
  assert_int_equal(p.entries, 5); /* nothing of the first message */
  assert_int_equal(parts_of(&s.all, 0).batch_id, 2);
  stream_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_sent_once),
      cmocka_unit_test(new_entries_are_a_delta),
      cmocka_unit_test(indices_grow_with_a_new_schema),
      cmocka_unit_test(a_first_message_has_wide_indices_at_once),
      cmocka_unit_test(a_full_dictionary_starts_anew),
      cmocka_unit_test(a_dictionary_without_use_is_given_up),
      cmocka_unit_test(a_column_stays_once_it_was_shown),
      cmocka_unit_test(ids_of_schemas_are_shared_by_all_tables),
      cmocka_unit_test(after_a_failed_message_streams_begin_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
