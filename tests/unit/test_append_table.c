/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow/bits.h"
#include "arrow/coerce.h"
#include "base/mem.h"
#include "ipc_sample.h"

#define PLAIN(NAME, TYPE, NULLS) \
  { .name = (NAME), .type = (TYPE), .nullable = (NULLS) }
#define DICTIONARY(NAME, TYPE, NULLS)                                        \
  {                                                                          \
    .name = (NAME), .type = (TYPE), .nullable = (NULLS), .dictionary = true, \
    .index_type = OA_TYPE_INT32                                              \
  }

static const oa_field pair_fields[] = {
    DICTIONARY("key", OA_TYPE_UTF8, false),
    PLAIN("value", OA_TYPE_DOUBLE, true),
};
static const oa_field pair_item = {.name = "item",
                                   .type = OA_TYPE_STRUCT,
                                   .children = pair_fields,
                                   .child_count = 2};
static const oa_field number_item = PLAIN("item", OA_TYPE_UINT64, false);

static const oa_field fields[] = {
    PLAIN("u8", OA_TYPE_UINT8, true),
    PLAIN("u32", OA_TYPE_UINT32, false),
    PLAIN("i32", OA_TYPE_INT32, true),
    PLAIN("i64", OA_TYPE_INT64, true),
    {.name = "id", .type = OA_TYPE_FIXED_BINARY, .nullable = true, .width = 16},
    PLAIN("bool", OA_TYPE_BOOL, true),
    PLAIN("text", OA_TYPE_UTF8, true),
    PLAIN("bytes", OA_TYPE_BINARY, true),
    DICTIONARY("name", OA_TYPE_UTF8, true),
    DICTIONARY("raw", OA_TYPE_BINARY, false),
    {.name = "numbers",
     .type = OA_TYPE_LIST,
     .children = &number_item,
     .child_count = 1},
    {.name = "pairs",
     .type = OA_TYPE_LIST,
     .children = &pair_item,
     .child_count = 1},
};
enum { FIELDS = sizeof fields / sizeof *fields };
static const oa_schema schema = {.fields = fields, .field_count = FIELDS};

static void refuse(void *context, int64_t row, const char *text) {
  (void)context;
  fail_msg("row %lld: %s", (long long)row, text);
}

/* Sources for COUNT columns that have the table's types. */
static oa_status describe(oa_arena *arena, const oa_field *want,
                          const oa_array *arrays, size_t count, int64_t rows,
                          oa_source **out) {
  const oa_coercion how = {.arena = arena, .refuse = refuse};
  void *block = NULL;
  OA_TRY(oa_arena_get_zeroed(arena, count, sizeof(oa_source), &block));
  oa_source *sources = block;
  for (size_t i = 0; i < count; i++) {
    if (want[i].type != OA_TYPE_LIST) {
      OA_TRY(oa_source_make(&sources[i], &want[i], &want[i], &arrays[i], rows,
                            &how));
      continue;
    }
    OA_TRY(oa_source_make_list(&sources[i], &want[i], &arrays[i], rows, &how));
    const oa_field *item = want[i].children;
    const bool is_struct = item->type == OA_TYPE_STRUCT;
    const oa_array *items = arrays[i].children;
    OA_TRY(describe(arena, is_struct ? item->children : item,
                    is_struct ? items->children : items,
                    is_struct ? item->child_count : 1, items->length,
                    &sources[i].children));
  }
  *out = sources;
  return OA_OK;
}

static void assert_zero_under_nulls(const oa_field *field,
                                    const oa_array *array) {
  const size_t width =
      field->dictionary ? sizeof(int32_t) : oa_field_width(field);
  for (int64_t i = 0; i < array->length && array->values != NULL; i++) {
    const uint8_t *at = (const uint8_t *)array->values + (size_t)i * width;
    for (size_t k = 0; k < width && oa_array_is_null(array, i); k++) {
      assert_int_equal(at[k], 0);
    }
    if (field->type == OA_TYPE_BOOL && oa_array_is_null(array, i)) {
      assert_false(oa_bit(array->values, i));
    }
  }
}

static void assert_table(oa_table *table, const oa_array *want) {
  assert_false(table->tree->failed);
  const oa_array *have = oa_table_finish(table);
  for (size_t i = 0; i < FIELDS; i++) {
    if (!sample_equal(&fields[i], &want[i], &have[i])) {
      fail_msg("column %s differs", fields[i].name);
    }
    assert_zero_under_nulls(&fields[i], &have[i]);
  }
}

/* In ranges of random length, some of which are cut off again. */
static void append_ranges(oa_table *table, sampler *s, oa_source *sources,
                          int64_t rows) {
  for (int64_t at = 0; at < rows;) {
    const int64_t most = rows - at;
    const int64_t count = 1 + (int64_t)(sample_next(s) % (uint64_t)most);
    assert_int_equal(oa_table_append(table, sources, at, at + count), OA_OK);
    at += count;
    assert_int_equal(table->length, at);
    if (sample_next(s) % 3 == 0) {
      const int64_t less = (int64_t)(sample_next(s) % (uint64_t)count);
      at -= less;
      oa_table_truncate(table, (uint32_t)at);
    }
  }
}

static void ranges_of_arrays_give_the_arrays_again(void **state) {
  (void)state;
  oa_table_tree tree = {0};
  oa_table table;
  assert_int_equal(oa_table_init(&table, fields, FIELDS, &tree, 1), OA_OK);
  for (uint64_t seed = 1; seed < 300; seed++) {
    sampler s = sample_open(seed);
    oa_arena arena;
    oa_source *sources = NULL;
    const int64_t rows = (int64_t)(sample_next(&s) % 200);
    const sample_style style = (sample_style)(seed % SAMPLE_STYLES);
    const oa_array *want = sample_columns(&s, &schema, rows, style);
    oa_arena_init(&arena, SIZE_MAX);
    assert_int_equal(describe(&arena, fields, want, FIELDS, rows, &sources),
                     OA_OK);
    append_ranges(&table, &s, sources, rows);
    assert_table(&table, want);
    /* Old values stay in its memory for the next one. */
    if (seed % 16 == 0) {
      oa_table_release(&table);
    } else {
      oa_table_clear(&table);
    }
    oa_arena_free(&arena);
    oa_arena_free(&s.arena);
  }
  oa_table_free(&table);
  oa_buf_free(&tree.scratch);
}

static void without_memory_a_table_can_be_cut_back(void **state) {
  (void)state;
  sampler s = sample_open(7);
  oa_arena arena;
  const oa_array *want = sample_columns(&s, &schema, 150, SAMPLE_MIXED);
  oa_status status = OA_ERR_NOMEM;
  int64_t failures = 0;
  for (; status != OA_OK; failures++) {
    oa_table_tree tree = {0};
    oa_table table;
    oa_source *sources = NULL;
    oa_arena_init(&arena, SIZE_MAX);
    assert_int_equal(oa_table_init(&table, fields, FIELDS, &tree, 1), OA_OK);
    assert_int_equal(describe(&arena, fields, want, FIELDS, 150, &sources),
                     OA_OK);
    assert_int_equal(oa_table_append(&table, sources, 0, 40), OA_OK);
    oa_mem_fail_after(failures);
    status = oa_table_append(&table, sources, 40, 150);
    oa_mem_fail_after(-1);
    if (status != OA_OK) {
      oa_table_truncate(&table, 40);
      tree.failed = false;
      assert_int_equal(describe(&arena, fields, want, FIELDS, 150, &sources),
                       OA_OK);
      assert_int_equal(oa_table_append(&table, sources, 40, 150), OA_OK);
    }
    assert_table(&table, want);
    oa_arena_free(&arena);
    oa_table_free(&table);
    oa_buf_free(&tree.scratch);
  }
  assert_true(failures > 20);
  oa_arena_free(&s.arena);
}

static void rows_past_32_bits_are_refused(void **state) {
  (void)state;
  oa_table_tree tree = {0};
  oa_table table;
  assert_int_equal(oa_table_init(&table, fields, FIELDS, &tree, 1), OA_OK);
  assert_int_equal(oa_table_reserve_rows(&table, SIZE_MAX), OA_ERR_LIMIT);
  assert_int_equal(oa_table_reserve_rows(&table, INT32_MAX), OA_ERR_LIMIT);
  assert_true(tree.failed);
  tree.failed = false;
  assert_int_equal(oa_table_reserve_rows(&table, 1000), OA_OK);
  assert_true(table.capacity >= 1000);
  oa_table_free(&table);
}

static void bits_are_read_and_written_at_any_place(void **state) {
  (void)state;
  uint8_t from[24];
  for (size_t i = 0; i < sizeof from; i++) {
    from[i] = (uint8_t)(i * 37 + 11);
  }
  for (int64_t at = 0; at < 70; at++) {
    for (unsigned count = 1; count <= OA_WORD; count++) {
      /* Blocks that end with the last byte in use. */
      const size_t size = ((size_t)at + count + 7) / 8;
      uint8_t *bits = oa_calloc(1, size);
      uint8_t *copy = oa_malloc(size);
      assert_non_null(bits);
      assert_non_null(copy);
      memcpy(copy, from, size);
      const uint64_t word = oa_bits_get(copy, at, count);
      oa_bits_put(bits, at, count, word);
      for (int64_t i = 0; i < (int64_t)size * 8; i++) {
        const bool inside = i >= at && i < at + count;
        assert_int_equal(oa_bit(bits, i), inside && oa_bit(from, i));
        if (inside) {
          assert_int_equal(word >> (i - at) & 1, oa_bit(from, i));
        }
      }
      assert_true((word & ~oa_ones(count)) == 0);
      oa_free(bits);
      oa_free(copy);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_of_arrays_give_the_arrays_again),
      cmocka_unit_test(without_memory_a_table_can_be_cut_back),
      cmocka_unit_test(rows_past_32_bits_are_refused),
      cmocka_unit_test(bits_are_read_and_written_at_any_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
