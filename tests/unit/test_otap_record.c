/* SPDX-License-Identifier: Apache-2.0 */
/* The message around the tables, the list of tables, and scratch memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "otap/payload.h"
#include "otap/record.h"
#include "otap/scratch.h"

/* Bytes of a literal, zero bytes too. */
#define BYTES(TEXT) (const uint8_t *)(TEXT), sizeof(TEXT) - 1

static void fields_are_read_in_any_order(void **state) {
  (void)state;
  oa_otap_record record;
  oa_otap_payload payload;
  assert_int_equal(
      oa_otap_record_read(&record,
                          BYTES("\x12\x0a\x1a\x02rr\x10\x29\x0a\x02id"
                                "\x1a\x01h\x12\x00\x08\x05\x20\x07"),
                          NULL),
      OA_OK);
  assert_int_equal(record.batch_id, 5);
  assert_int_equal(record.payloads, 2);
  assert_int_equal(oa_cursor_left(&record.headers), 1);
  oa_cursor cursor = record.bytes;
  assert_int_equal(oa_otap_record_next(&cursor, &payload, NULL), OA_OK);
  assert_int_equal(payload.type, OA_PAYLOAD_SPAN_ATTRS);
  assert_memory_equal(payload.schema_id.at, "id", 2);
  assert_memory_equal(payload.record.at, "rr", 2);
  assert_int_equal(oa_otap_record_next(&cursor, &payload, NULL), OA_OK);
  assert_int_equal(payload.type, 0);
  assert_true(oa_cursor_done(&payload.record));
  assert_int_equal(oa_otap_record_next(&cursor, &payload, NULL), OA_END);
}

static void a_batch_id_may_be_left_out_or_negative(void **state) {
  (void)state;
  oa_otap_record record;
  assert_int_equal(oa_otap_record_read(&record, NULL, 0, NULL), OA_OK);
  assert_int_equal(record.batch_id, 0);
  assert_int_equal(record.payloads, 0);
  assert_int_equal(
      oa_otap_record_read(
          &record, BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), NULL),
      OA_OK);
  assert_true(record.batch_id == -1);
}

static void damaged_messages_say_where(void **state) {
  (void)state;
  oa_otap_record record;
  oa_otap_payload payload;
  oa_error error = {0};
  assert_int_equal(
      oa_otap_record_read(&record, BYTES("\x08\x05\x12\x09x"), &error),
      OA_ERR_TRUNCATED);
  assert_non_null(strstr(error.text, "at byte 4"));
  assert_int_equal(record.batch_id, 5);
  assert_int_equal(oa_otap_record_read(&record, BYTES("\x00"), &error),
                   OA_ERR_MALFORMED);
  assert_int_equal(
      oa_otap_record_read(&record, BYTES("\x12\x02\x0a\x05"), &error), OA_OK);
  oa_cursor cursor = record.bytes;
  assert_int_equal(oa_otap_record_next(&cursor, &payload, &error),
                   OA_ERR_TRUNCATED);
  assert_non_null(strstr(error.text, "of a payload"));
}

/* --- the list of tables --- */

static void every_table_is_well_described(void **state) {
  (void)state;
  size_t tables = 0;
  for (uint64_t type = 0; type < 60; type++) {
    const oa_payload_info *info = oa_payload_info_of(type);
    if (info->columns == NULL) {
      assert_false(oa_payload_allowed(type, OA_METRICS));
      continue;
    }
    tables++;
    assert_non_null(info->name);
    assert_true(info->column_count <= OA_PAYLOAD_MAX_COLUMNS);
    for (size_t i = 0; i < info->column_count; i++) {
      const oa_payload_column *column = &info->columns[i];
      assert_non_null(column->name);
      /* A struct stands before its members. */
      assert_true(column->inside < (int)i);
      assert_true(column->inside == OA_PAYLOAD_TOP ||
                  info->columns[column->inside].type == OA_TYPE_STRUCT);
    }
    if (info->parent != OA_PAYLOAD_UNKNOWN) {
      assert_int_equal(oa_payload_info_of(info->parent)->signal, info->signal);
    }
  }
  assert_int_equal(tables, 26);
}

static void services_have_their_own_tables(void **state) {
  (void)state;
  assert_true(oa_payload_allowed(OA_PAYLOAD_SCOPE_ATTRS, OA_LOGS));
  assert_true(oa_payload_allowed(OA_PAYLOAD_METRIC_ATTRS, OA_METRICS));
  assert_false(oa_payload_allowed(OA_PAYLOAD_MULTIVARIATE_METRICS, OA_METRICS));
  assert_false(oa_payload_allowed(OA_PAYLOAD_SPANS, OA_LOGS));
  assert_false(oa_payload_allowed(0, OA_TRACES));
  assert_int_equal(oa_payload_root(OA_TRACES), 40);
  assert_int_equal(oa_payload_root(OA_METRICS), 10);
  assert_int_equal(oa_payload_root(OA_LOGS), 30);
}

/* --- scratch memory --- */

static void scratch_is_kept_from_message_to_message(void **state) {
  (void)state;
  oa_scratch scratch = {.max = 1 << 20};
  void *block = NULL;
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < 100; i++) {
      assert_int_equal(oa_scratch_get_zeroed(&scratch, i, 8, &block), OA_OK);
      assert_int_equal((uintptr_t)block % 16, 0);
      memset(block, 0xA5, i * 8);
    }
    assert_true(round == 0 || scratch.extra == NULL);
    oa_scratch_reset(&scratch);
    assert_true(scratch.size > 39600);
  }
  oa_scratch_free(&scratch);
}

static void scratch_has_a_bound(void **state) {
  (void)state;
  oa_scratch scratch = {.max = 1000};
  void *block = NULL;
  assert_int_equal(oa_scratch_get(&scratch, SIZE_MAX / 2, 16, &block),
                   OA_ERR_LIMIT);
  assert_int_equal(oa_scratch_get(&scratch, 100, 8, &block), OA_OK);
  assert_int_equal(oa_scratch_get(&scratch, 100, 8, &block), OA_ERR_LIMIT);
  oa_scratch_reset(&scratch);
  assert_int_equal(oa_scratch_get(&scratch, 100, 8, &block), OA_OK);
  oa_scratch_free(&scratch);
  oa_mem_fail_after(0);
  assert_int_equal(oa_scratch_get(&scratch, 1, 1, &block), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  oa_scratch_free(&scratch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_read_in_any_order),
      cmocka_unit_test(a_batch_id_may_be_left_out_or_negative),
      cmocka_unit_test(damaged_messages_say_where),
      cmocka_unit_test(every_table_is_well_described),
      cmocka_unit_test(services_have_their_own_tables),
      cmocka_unit_test(scratch_is_kept_from_message_to_message),
      cmocka_unit_test(scratch_has_a_bound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
