/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "c_data_trial.h"

/* --- schemas --- */

static void expect_field(const oa_field *have, const oa_field *want) {
  assert_string_equal(have->name, want->name);
  assert_int_equal(have->nullable, want->nullable);
  assert_int_equal(have->metadata_count, want->metadata_count);
  for (size_t i = 0; i < want->metadata_count; i++) {
    assert_string_equal(have->metadata[i].key, want->metadata[i].key);
    assert_string_equal(have->metadata[i].value, want->metadata[i].value);
  }
  for (size_t i = 0; i < want->child_count; i++) {
    expect_field(&have->children[i], &want->children[i]);
  }
}

static void expect_schema_back(const oa_schema *schema) {
  struct ArrowSchema out;
  oa_arena arena;
  oa_schema back;
  oa_error error = {0};
  oa_arena_init(&arena, 1 << 20);
  assert_int_equal(oa_c_schema_export(&out, schema), OA_OK);
  assert_int_equal(oa_c_schema_import(&back, &out, &arena, &error), OA_OK);
  out.release(&out); /* everything was copied */
  assert_null(out.release);
  assert_true(oa_schema_equal(&back, schema));
  const oa_field have = {.name = "",
                         .children = back.fields,
                         .child_count = back.field_count,
                         .metadata = back.metadata,
                         .metadata_count = back.metadata_count};
  const oa_field want = {.name = "",
                         .children = schema->fields,
                         .child_count = schema->field_count,
                         .metadata = schema->metadata,
                         .metadata_count = schema->metadata_count};
  expect_field(&have, &want);
  oa_arena_free(&arena);
}

static void schemas_come_back_as_they_were(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    expect_schema_back(oa_otlp_schema((oa_signal)signal));
  }
  expect_schema_back(&each_schema);
  expect_schema_back(&(oa_schema){0});
}

static void formats_are_those_of_the_specification(void **state) {
  static const char *const formats[EACH_COLUMNS] = {
      "n",   "b", "c", "s", "i", "l",    "C",
      "S",   "I", "L", "f", "g", "tsu:", "tsn:Europe/Berlin",
      "tDs", "u", "z", "U", "Z", "w:5",  "+l",
      "+s",  "C"};
  struct ArrowSchema out;
  (void)state;
  assert_int_equal(oa_c_schema_export(&out, &each_schema), OA_OK);
  assert_string_equal(out.format, "+s");
  assert_int_equal(out.n_children, EACH_COLUMNS);
  for (size_t i = 0; i < EACH_COLUMNS; i++) {
    assert_string_equal(out.children[i]->format, formats[i]);
    assert_int_equal(out.children[i]->flags,
                     each_fields[i].nullable ? ARROW_FLAG_NULLABLE : 0);
  }
  assert_string_equal(out.children[EACH_COLUMNS - 1]->dictionary->format, "U");
  /* Two pairs, lengths in front: "k" "v", "" "empty key". */
  assert_memory_equal(
      out.metadata, "\2\0\0\0\1\0\0\0k\1\0\0\0v\0\0\0\0\11\0\0\0empty key", 31);
  out.release(&out);
}

/* --- arrays --- */

static void expect_back(const oa_schema *schema, const oa_array *columns,
                        int64_t from, int64_t count) {
  crossed x;
  export_rows(&x, schema, columns, from, count);
  assert_int_equal(x.c_array.offset, 0);
  assert_int_equal(x.c_array.length, count);
  assert_int_equal(import_rows(&x), OA_OK);
  assert_int_equal(x.rows, count);
  expect_rows(schema, x.columns, count, columns, from);
  crossed_free(&x);
}

static void every_type_comes_back_whole_and_in_parts(void **state) {
  each e;
  (void)state;
  each_init(&e);
  for (int64_t from = 0; from <= EACH_ROWS; from++) {
    for (int64_t count = 0; count <= EACH_ROWS - from; count++) {
      expect_back(&each_schema, e.columns, from, count);
    }
  }
}

static void telemetry_comes_back_whole_and_in_parts(void **state) {
  _Atomic uint64_t ords = 0;
  (void)state;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_signal signal = (oa_signal)i;
    const oa_schema *schema = oa_otlp_schema(signal);
    oa_otlp_builder *builder = golden(signal, 9, &ords);
    const int64_t rows = oa_otlp_builder_rows(builder);
    const oa_array *columns;
    assert_int_equal(oa_otlp_builder_columns(builder, &columns), OA_OK);
    assert_true(rows > 9);
    expect_back(schema, columns, 0, rows);
    expect_back(schema, columns, 1, rows - 1);
    expect_back(schema, columns, rows / 2, 3);
    expect_back(schema, columns, rows, 0);
    oa_otlp_builder_free(builder);
  }
}

/* The whole struct begins at a row, as parts of a chunk do that others cut;
 * its columns may begin elsewhere on top. */
static void offsets_of_parents_and_children_add_up(void **state) {
  each e;
  crossed x;
  (void)state;
  each_init(&e);
  for (int64_t inner = 0; inner < 3; inner++) {
    for (int64_t outer = 0; outer < EACH_ROWS - 3; outer++) {
      export_rows(&x, &each_schema, e.columns, inner, EACH_ROWS - inner);
      x.c_array.offset = outer;
      x.c_array.length = EACH_ROWS - inner - outer;
      assert_int_equal(import_rows(&x), OA_OK);
      expect_rows(&each_schema, x.columns, x.c_array.length, e.columns,
                  inner + outer);
      crossed_free(&x);
    }
  }
}

static void null_counts_may_be_left_out(void **state) {
  each e;
  crossed x;
  (void)state;
  each_init(&e);
  export_rows(&x, &each_schema, e.columns, 0, EACH_ROWS);
  x.c_array.null_count = -1;
  for (int64_t i = 0; i < x.c_array.n_children; i++) {
    x.c_array.children[i]->null_count = -1;
  }
  assert_int_equal(import_rows(&x), OA_OK);
  expect_rows(&each_schema, x.columns, EACH_ROWS, e.columns, 0);
  assert_int_equal(x.columns[5].null_count, 3);
  crossed_free(&x);
}

static void buffers_need_not_be_aligned(void **state) {
  uint8_t block[8 * EACH_ROWS + 1];
  uint8_t wide[8 * (EACH_ROWS + 1) + 1];
  each e;
  crossed x;
  (void)state;
  each_init(&e);
  export_rows(&x, &each_schema, e.columns, 0, EACH_ROWS);
  memcpy(block + 1, e.bytes, sizeof e.bytes);
  memcpy(wide + 1, e.wide, sizeof e.wide);
  for (size_t i = 2; i < 12; i++) {
    x.c_array.children[i]->buffers[1] = block + 1;
  }
  x.c_array.children[17]->buffers[1] = wide + 1;
  assert_int_equal(import_rows(&x), OA_OK);
  expect_rows(&each_schema, x.columns, EACH_ROWS, e.columns, 0);
  crossed_free(&x);
}

/* A buffer that is left out here is there for others, who may look. */
static void columns_that_nobody_filled_have_buffers(void **state) {
  oa_array columns[EACH_COLUMNS];
  oa_array children[2] = {{.length = EACH_ROWS}, {.length = EACH_ROWS}};
  crossed x;
  (void)state;
  for (size_t i = 0; i < EACH_COLUMNS; i++) {
    const oa_field *field = &each_fields[i];
    columns[i] = (oa_array){.length = EACH_ROWS,
                            .null_count = field->nullable ? EACH_ROWS : 0,
                            .children = children};
  }
  export_rows(&x, &each_schema, columns, 2, EACH_ROWS - 2);
  for (int64_t i = 0; i < x.c_array.n_children; i++) {
    const struct ArrowArray *child = x.c_array.children[i];
    for (int64_t k = 0; k < child->n_buffers; k++) {
      assert_true(child->buffers[k] != NULL ||
                  (k == 0 && child->null_count == 0));
    }
  }
  assert_int_equal(x.c_array.children[1]->null_count, EACH_ROWS - 2);
  assert_int_equal(import_rows(&x), OA_OK);
  expect_rows(&each_schema, x.columns, EACH_ROWS - 2, columns, 2);
  crossed_free(&x);
}

static void a_null_in_a_dictionary_makes_its_rows_null(void **state) {
  static const uint8_t second_is_null[] = {0x0D};
  each e;
  crossed x;
  (void)state;
  each_init(&e);
  e.values.validity = second_is_null;
  e.values.null_count = 1;
  export_rows(&x, &each_schema, e.columns, 0, EACH_ROWS);
  assert_int_equal(import_rows(&x), OA_OK);
  const oa_array *have = &x.columns[EACH_COLUMNS - 1];
  for (int64_t i = 0; i < EACH_ROWS; i++) {
    assert_int_equal(oa_array_is_null(have, i),
                     !oa_bit(e.bits, i) || e.indices[i] == 1);
  }
  assert_int_equal(have->null_count, 6);
  crossed_free(&x);
}

/* What the service would store of a batch that crossed is what it had, but for
 * the numbers of groups. */
static void telemetry_that_crossed_is_taken_as_before(void **state) {
  _Atomic uint64_t ords = 0;
  (void)state;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_signal signal = (oa_signal)i;
    oa_otlp_builder *builder = golden(signal, 1, &ords);
    oa_otlp_builder *other = NULL;
    oa_otlp_result result;
    oa_error error = {0};
    const oa_array *columns;
    crossed x;
    assert_int_equal(oa_otlp_builder_columns(builder, &columns), OA_OK);
    const int64_t rows = oa_otlp_builder_rows(builder);
    export_rows(&x, oa_otlp_schema(signal), columns, 0, rows);
    assert_int_equal(import_rows(&x), OA_OK);
    assert_int_equal(oa_otlp_builder_new(&other, signal, &ords), OA_OK);
    assert_int_equal(
        oa_otlp_append(other, &x.schema, x.columns, x.rows, &result, &error),
        OA_OK);
    assert_int_equal(result.rejected, 0);
    const oa_array *have;
    assert_int_equal(oa_otlp_builder_columns(other, &have), OA_OK);
    const oa_schema *schema = oa_otlp_schema(signal);
    for (size_t c = OA_COL_SERVICE_NAME; c < schema->field_count; c++) {
      const bool number = signal == OA_METRICS && c == OA_POINT_METRIC_ORD;
      for (int64_t row = 0; row < rows && !number; row++) {
        expect_same(&schema->fields[c], &have[c], row, &columns[c], row);
      }
    }
    crossed_free(&x);
    oa_otlp_builder_free(other);
    oa_otlp_builder_free(builder);
  }
}

/* --- release --- */

static void count_release(void *context) {
  int *count = context;
  (*count)++;
}

enum { PIECES_MAX = 256 };

/* Moves ARRAY and all below it out of their parents. */
static void take_apart(struct ArrowArray *array, struct ArrowArray *pieces,
                       size_t *count) {
  for (int64_t i = 0; i < array->n_children; i++) {
    take_apart(array->children[i], pieces, count);
  }
  if (array->dictionary != NULL) {
    take_apart(array->dictionary, pieces, count);
  }
  assert_true(*count < PIECES_MAX);
  pieces[(*count)++] = *array;
  array->release = NULL;
}

static void export_counted(struct ArrowArray *out, const each *e, int *count) {
  const oa_c_rows rows = {
      .schema = &each_schema, .columns = e->columns, .count = EACH_ROWS};
  const oa_c_owner owner = {.release = count_release, .context = count};
  assert_int_equal(oa_c_array_export(out, &rows, owner), OA_OK);
}

static void pieces_are_released_in_any_order(void **state) {
  uint64_t seed = 88172645463325252;
  each e;
  (void)state;
  each_init(&e);
  for (int round = 0; round < 50; round++) {
    struct ArrowArray array;
    struct ArrowArray pieces[PIECES_MAX];
    size_t count = 0;
    int released = 0;
    export_counted(&array, &e, &released);
    take_apart(&array, pieces, &count);
    assert_int_equal(count, 1 + EACH_COLUMNS + 4);
    while (count > 0) {
      seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
      const size_t i = seed % count;
      assert_int_equal(released, 0);
      pieces[i].release(&pieces[i]);
      assert_null(pieces[i].release);
      pieces[i] = pieces[--count];
    }
    assert_int_equal(released, 1);
  }
}

static void a_column_outlives_its_batch(void **state) {
  struct ArrowArray array;
  int released = 0;
  each e;
  (void)state;
  each_init(&e);
  export_counted(&array, &e, &released);
  struct ArrowArray list = *array.children[20];
  array.children[20]->release = NULL;
  array.release(&array);
  assert_int_equal(released, 0);
  assert_int_equal(list.n_children, 1);
  assert_int_equal(list.children[0]->length, e.item.length);
  assert_memory_equal(list.buffers[1], e.narrow, sizeof e.narrow);
  list.release(&list);
  assert_int_equal(released, 1);
}

static void schema_pieces_are_released_in_any_order(void **state) {
  struct ArrowSchema schema;
  (void)state;
  assert_int_equal(oa_c_schema_export(&schema, &each_schema), OA_OK);
  struct ArrowSchema part = *schema.children[21];
  schema.children[21]->release = NULL;
  struct ArrowSchema values = *schema.children[22]->dictionary;
  schema.children[22]->dictionary->release = NULL;
  schema.release(&schema);
  assert_string_equal(part.children[1]->name, "t");
  part.release(&part);
  assert_string_equal(values.format, "U");
  values.release(&values);
}

static void *release_piece(void *piece) {
  struct ArrowArray *array = piece;
  array->release(array);
  return NULL;
}

static void pieces_are_released_by_many_threads(void **state) {
  each e;
  (void)state;
  each_init(&e);
  for (int round = 0; round < 20; round++) {
    struct ArrowArray array;
    struct ArrowArray pieces[PIECES_MAX];
    pthread_t threads[PIECES_MAX];
    size_t count = 0;
    int released = 0;
    export_counted(&array, &e, &released);
    take_apart(&array, pieces, &count);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(
          pthread_create(&threads[i], NULL, release_piece, &pieces[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
      pthread_join(threads[i], NULL);
    }
    assert_int_equal(released, 1);
  }
}

/* --- no memory --- */

static void without_memory_nothing_goes_out(void **state) {
  each e;
  int released = 0;
  bool done = false;
  (void)state;
  each_init(&e);
  const oa_c_rows rows = {
      .schema = &each_schema, .columns = e.columns, .count = EACH_ROWS};
  const oa_c_owner owner = {.release = count_release, .context = &released};
  for (int64_t n = 0; !done; n++) {
    struct ArrowArray array = {.length = 42};
    struct ArrowSchema schema = {.flags = 42};
    oa_mem_fail_after(n);
    const oa_status first = oa_c_schema_export(&schema, &each_schema);
    const oa_status second = oa_c_array_export(&array, &rows, owner);
    oa_mem_fail_after(-1);
    done = first == OA_OK && second == OA_OK;
    assert_int_equal(released, 0);
    if (first == OA_OK) {
      schema.release(&schema);
    } else {
      assert_int_equal(first, OA_ERR_NOMEM);
      assert_int_equal(schema.flags, 42);
    }
    if (second == OA_OK) {
      array.release(&array);
      assert_int_equal(released, 1);
      released = 0;
    } else {
      assert_int_equal(second, OA_ERR_NOMEM);
      assert_int_equal(array.length, 42);
    }
  }
}

static void without_memory_nothing_comes_in(void **state) {
  each e;
  crossed x;
  oa_status status = OA_ERR_NOMEM;
  (void)state;
  each_init(&e);
  export_rows(&x, &each_schema, e.columns, 3, EACH_ROWS - 3);
  for (int64_t n = 0; status != OA_OK; n++) {
    oa_mem_fail_after(n);
    status = import_rows(&x);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    oa_arena_free(&x.arena);
  }
  /* The same with an arena that has a bound. */
  status = OA_ERR_LIMIT;
  for (size_t most = 0; status != OA_OK; most += 64) {
    oa_arena_init(&x.arena, most);
    status = import_rows(&x);
    assert_true(status == OA_OK || status == OA_ERR_LIMIT);
    assert_true(status == OA_OK || x.error.text[0] != '\0');
    oa_arena_free(&x.arena);
  }
  crossed_free(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schemas_come_back_as_they_were),
      cmocka_unit_test(formats_are_those_of_the_specification),
      cmocka_unit_test(every_type_comes_back_whole_and_in_parts),
      cmocka_unit_test(telemetry_comes_back_whole_and_in_parts),
      cmocka_unit_test(offsets_of_parents_and_children_add_up),
      cmocka_unit_test(null_counts_may_be_left_out),
      cmocka_unit_test(buffers_need_not_be_aligned),
      cmocka_unit_test(columns_that_nobody_filled_have_buffers),
      cmocka_unit_test(a_null_in_a_dictionary_makes_its_rows_null),
      cmocka_unit_test(telemetry_that_crossed_is_taken_as_before),
      cmocka_unit_test(pieces_are_released_in_any_order),
      cmocka_unit_test(a_column_outlives_its_batch),
      cmocka_unit_test(schema_pieces_are_released_in_any_order),
      cmocka_unit_test(pieces_are_released_by_many_threads),
      cmocka_unit_test(without_memory_nothing_goes_out),
      cmocka_unit_test(without_memory_nothing_comes_in),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
