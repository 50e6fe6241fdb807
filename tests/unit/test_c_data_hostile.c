/* SPDX-License-Identifier: Apache-2.0 */
/* What others hand over may be anything: it is refused with a sentence, or
 * taken for what it is. */
#include "c_data_trial.h"

enum { I64 = 5, TEXT = 15, LARGE = 17, FIXED = 19, LIST = 20, STRUCT = 21 };
enum { DICT = 22 };

/* --- a tree as it was, to be released after it was spoiled --- */

typedef struct saved_array {
  struct ArrowArray *at;
  struct ArrowArray was;
  struct ArrowArray *children[EACH_COLUMNS];
} saved_array;

typedef struct saved_schema {
  struct ArrowSchema *at;
  struct ArrowSchema was;
  struct ArrowSchema *children[EACH_COLUMNS];
} saved_schema;

typedef struct saved {
  saved_array arrays[64];
  saved_schema schemas[64];
  size_t array_count, schema_count;
} saved;

static void save_array(saved *s, struct ArrowArray *array) {
  saved_array *to = &s->arrays[s->array_count++];
  assert_true(s->array_count <= 64);
  to->at = array;
  to->was = *array;
  for (int64_t i = 0; i < array->n_children; i++) {
    to->children[i] = array->children[i];
    save_array(s, array->children[i]);
  }
  if (array->dictionary != NULL) {
    save_array(s, array->dictionary);
  }
}

static void save_schema(saved *s, struct ArrowSchema *schema) {
  saved_schema *to = &s->schemas[s->schema_count++];
  assert_true(s->schema_count <= 64);
  to->at = schema;
  to->was = *schema;
  for (int64_t i = 0; i < schema->n_children; i++) {
    to->children[i] = schema->children[i];
    save_schema(s, schema->children[i]);
  }
  if (schema->dictionary != NULL) {
    save_schema(s, schema->dictionary);
  }
}

static void restore(const saved *s) {
  for (size_t i = 0; i < s->array_count; i++) {
    const saved_array *from = &s->arrays[i];
    *from->at = from->was;
    for (int64_t k = 0; k < from->was.n_children; k++) {
      from->was.children[k] = from->children[k];
    }
  }
  for (size_t i = 0; i < s->schema_count; i++) {
    const saved_schema *from = &s->schemas[i];
    *from->at = from->was;
    for (int64_t k = 0; k < from->was.n_children; k++) {
      from->was.children[k] = from->children[k];
    }
  }
}

/* ROWS rows of every column from row FROM on, of E as it begins. */
static void export_each(crossed *x, each *e, int64_t from, int64_t rows) {
  each_init(e);
  export_rows(x, &each_schema, e->columns, from, rows);
}

typedef struct wrong {
  const char *what;
  void (*spoil)(crossed *x);
  oa_status status;
  const char *text; /* a part of the sentence */
} wrong;

/* A function that does STATEMENTS to X. */
#define SPOIL(NAME, STATEMENTS)  \
  static void NAME(crossed *x) { \
    STATEMENTS;                  \
  }

static void expect_refused(const wrong *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    each e;
    crossed x;
    export_each(&x, &e, 1, EACH_ROWS - 1);
    saved was = {.array_count = 0};
    save_schema(&was, &x.c_schema);
    save_array(&was, &x.c_array);
    cases[i].spoil(&x);
    const oa_status status = import_rows(&x);
    if (status != cases[i].status ||
        strstr(x.error.text, cases[i].text) == NULL) {
      fail_msg("%s: %d, %s", cases[i].what, (int)status, x.error.text);
    }
    restore(&was);
    crossed_free(&x);
  }
}

/* --- schemas --- */

static struct ArrowSchema *child(const crossed *x, int i) {
  return x->c_schema.children[i];
}

SPOIL(release_schema, x->c_schema.release = NULL)
SPOIL(release_field, child(x, I64)->release = NULL)
SPOIL(no_format, child(x, I64)->format = NULL)
SPOIL(no_field, x->c_schema.children[I64] = NULL)
SPOIL(no_fields, x->c_schema.children = NULL)
SPOIL(minus_one_field, x->c_schema.n_children = -1)
SPOIL(too_many_fields, x->c_schema.n_children = INT64_MAX)
SPOIL(number_with_child, child(x, I64)->n_children = 1;
      child(x, I64)->children = x->c_schema.children)
SPOIL(list_without_item, child(x, LIST)->n_children = 0)

static void circle(crossed *x) {
  struct ArrowSchema *list = child(x, LIST);
  list->children[0] = list;
}

static void fan(crossed *x) {
  /* Each struct has itself as child twice: 2^64 columns, if followed. */
  struct ArrowSchema *two = child(x, STRUCT);
  two->children[0] = two;
  two->children[1] = two;
}

SPOIL(bad_name, child(x, I64)->name = "\xC3(")
SPOIL(metadata_below_zero, x->c_schema.metadata = "\xFF\xFF\xFF\xFF")
SPOIL(metadata_beyond_all, x->c_schema.metadata = "\xFF\xFF\xFF\x7F")
SPOIL(metadata_key_below_zero,
      x->c_schema.metadata = "\1\0\0\0\xFE\xFF\xFF\xFF")
SPOIL(text_indices, child(x, DICT)->format = "u")
SPOIL(time_indices, child(x, DICT)->format = "tsn:")
SPOIL(nested_dictionary, child(x, DICT)->dictionary->format = "+s")
SPOIL(dictionary_of_nulls, child(x, DICT)->dictionary->format = "n")
SPOIL(dictionary_of_nothing, child(x, DICT)->dictionary->format = "w:0")

static void dictionary_of_itself(crossed *x) {
  struct ArrowSchema *dict = child(x, DICT);
  dict->dictionary = dict;
}

SPOIL(released_dictionary, child(x, DICT)->dictionary->release = NULL)
SPOIL(dictionary_with_children, child(x, DICT)->dictionary->n_children = 3)
SPOIL(no_struct, x->c_schema = *child(x, I64))

static void schemas_that_are_none_are_refused(void **state) {
  static const wrong cases[] = {
      {"released", release_schema, OA_ERR_MALFORMED, "was released"},
      {"a released field", release_field, OA_ERR_MALFORMED, "was released"},
      {"no format", no_format, OA_ERR_MALFORMED, "was released"},
      {"no field", no_field, OA_ERR_MALFORMED, "was released"},
      {"no fields", no_fields, OA_ERR_MALFORMED, "23 children"},
      {"-1 fields", minus_one_field, OA_ERR_MALFORMED, "-1 children"},
      {"2^63 fields", too_many_fields, OA_ERR_LIMIT, "more than 4096"},
      {"child of a number", number_with_child, OA_ERR_MALFORMED,
       "\"i64\" has 1 children"},
      {"list of nothing", list_without_item, OA_ERR_MALFORMED,
       "\"l\" has 0 children"},
      {"a circle", circle, OA_ERR_LIMIT, "nested deeper than 64"},
      {"a fan", fan, OA_ERR_LIMIT, "nested deeper than 64"},
      {"a name", bad_name, OA_ERR_MALFORMED, "not UTF-8"},
      {"metadata -1", metadata_below_zero, OA_ERR_MALFORMED, "number of pairs"},
      {"metadata 2^31", metadata_beyond_all, OA_ERR_MALFORMED,
       "number of pairs"},
      {"metadata key", metadata_key_below_zero, OA_ERR_MALFORMED,
       "negative length"},
      {"text indices", text_indices, OA_ERR_MALFORMED, "\"dict\""},
      {"time indices", time_indices, OA_ERR_MALFORMED, "not integers"},
      {"nested values", nested_dictionary, OA_ERR_UNSUPPORTED, "\"dict\""},
      {"null values", dictionary_of_nulls, OA_ERR_UNSUPPORTED, "\"dict\""},
      {"no values", dictionary_of_nothing, OA_ERR_UNSUPPORTED, "\"dict\""},
      {"its own", dictionary_of_itself, OA_ERR_UNSUPPORTED, "\"dict\""},
      {"released values", released_dictionary, OA_ERR_MALFORMED, "\"dict\""},
      {"values with children", dictionary_with_children, OA_ERR_MALFORMED,
       "\"dict\""},
      {"no struct", no_struct, OA_ERR_MALFORMED, "record batch"},
  };
  (void)state;
  expect_refused(cases, sizeof cases / sizeof cases[0]);
}

static void formats_that_are_not_known_are_refused_by_name(void **state) {
  static const char *const formats[] = {"",
                                        "e",
                                        "d:10,2",
                                        "tdD",
                                        "tts",
                                        "tiM",
                                        "vu",
                                        "vz",
                                        "+L",
                                        "+m",
                                        "+w:3",
                                        "+ud:0",
                                        "+r",
                                        "+vl",
                                        "w:",
                                        "w:-1",
                                        "w:x",
                                        "w:2147483648",
                                        "w:99999999999999999999",
                                        "w:3 ",
                                        "tsx:",
                                        "ts",
                                        "tsn",
                                        "tDx",
                                        "tDn:",
                                        "tD",
                                        "ll",
                                        "+",
                                        "+ll",
                                        "\x01\xFF",
                                        "i ",
                                        "%s%n"};
  (void)state;
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    each e;
    crossed x;
    export_each(&x, &e, 0, EACH_ROWS);
    x.c_schema.children[I64]->format = formats[i];
    assert_int_equal(import_rows(&x), OA_ERR_UNSUPPORTED);
    assert_non_null(strstr(x.error.text, "column \"i64\" has the format"));
    for (const char *c = x.error.text; *c != '\0'; c++) {
      assert_true(*c >= ' ' && *c <= '~');
    }
    crossed_free(&x);
  }
}

static void widths_of_every_size_are_taken(void **state) {
  static const struct {
    const char *format;
    int32_t width;
  } cases[] = {{"w:0", 0}, {"w:007", 7}, {"w:2147483647", INT32_MAX}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    each e;
    crossed x;
    export_each(&x, &e, 0, EACH_ROWS);
    x.c_schema.children[FIXED]->format = cases[i].format;
    assert_int_equal(
        oa_c_schema_import(&x.schema, &x.c_schema, &x.arena, &x.error), OA_OK);
    assert_int_equal(x.schema.fields[FIXED].width, cases[i].width);
    crossed_free(&x);
  }
}

/* --- arrays --- */

static struct ArrowArray *column(const crossed *x, int i) {
  return x->c_array.children[i];
}

SPOIL(release_array, x->c_array.release = NULL)
SPOIL(release_column, column(x, I64)->release = NULL)
SPOIL(no_column, x->c_array.children[I64] = NULL)
SPOIL(no_columns, x->c_array.children = NULL)
SPOIL(fewer_columns, x->c_array.n_children--)
SPOIL(minus_length, column(x, I64)->length = -1)
SPOIL(minus_offset, column(x, I64)->offset = -1)
SPOIL(offset_beyond_all, column(x, I64)->offset = INT64_MAX - 3)
SPOIL(batch_beyond_all, x->c_array.length = INT64_MAX)
SPOIL(batch_offset_beyond_all, x->c_array.offset = INT64_MAX - 1)

static void length_beyond_memory(crossed *x) {
  x->c_schema.children[FIXED]->format = "w:2147483647";
  column(x, FIXED)->offset = (int64_t)1 << 40;
  column(x, FIXED)->buffers[0] = NULL;
  column(x, FIXED)->null_count = 0;
}

SPOIL(short_column, column(x, I64)->length = 4; column(x, I64)->null_count = -1)
SPOIL(nulls_below_minus_one, column(x, I64)->null_count = -2)
SPOIL(nulls_beyond_length, column(x, I64)->null_count = 100)
SPOIL(nulls_without_bitmap, column(x, I64)->buffers[0] = NULL;
      column(x, I64)->null_count = 3)
SPOIL(nulls_miscounted, column(x, I64)->null_count = 2)
SPOIL(fewer_buffers, column(x, I64)->n_buffers = 1)
SPOIL(minus_buffers, column(x, I64)->n_buffers = -1)
SPOIL(no_buffers, column(x, I64)->buffers = NULL)
SPOIL(no_values, column(x, I64)->buffers[1] = NULL)
SPOIL(no_bits, column(x, 1)->buffers[1] = NULL)
SPOIL(no_offsets, column(x, TEXT)->buffers[1] = NULL)
SPOIL(no_text, column(x, TEXT)->buffers[2] = NULL)

static void falling_offsets(crossed *x) {
  static const int32_t falling[EACH_ROWS + 1] = {0, 9, 8, 9, 9, 9,
                                                 9, 9, 9, 9, 9, 9};
  column(x, TEXT)->buffers[1] = falling;
}

static void negative_offsets(crossed *x) {
  static const int32_t negative[EACH_ROWS + 1] = {-2, -1};
  column(x, TEXT)->buffers[1] = negative;
}

static void falling_wide_offsets(crossed *x) {
  static const int64_t falling[EACH_ROWS + 1] = {0, INT64_MIN};
  column(x, LARGE)->buffers[1] = falling;
}

SPOIL(short_items, column(x, LIST)->children[0]->length = 3)
SPOIL(no_items, column(x, LIST)->children[0] = NULL)
SPOIL(released_items, column(x, LIST)->children[0]->release = NULL)
SPOIL(minus_items, column(x, LIST)->children[0]->length = -1)
SPOIL(short_part, column(x, STRUCT)->children[1]->length = 4;
      column(x, STRUCT)->children[1]->null_count = -1)
SPOIL(no_dictionary, column(x, DICT)->dictionary = NULL)
SPOIL(dictionary_of_a_number,
      column(x, I64)->dictionary = column(x, DICT)->dictionary)
SPOIL(short_dictionary, column(x, DICT)->dictionary->length = 3)
SPOIL(dictionary_in_dictionary, column(x, DICT)->dictionary = column(x, DICT))

static void null_rows(crossed *x) {
  static const uint8_t one_null[] = {0xFD, 0xFF};
  x->c_array.buffers[0] = one_null;
  x->c_array.null_count = 1;
}

static void arrays_that_are_none_are_refused(void **state) {
  static const wrong cases[] = {
      {"released", release_array, OA_ERR_MALFORMED, "was released"},
      {"released column", release_column, OA_ERR_MALFORMED, "\"i64\": it was"},
      {"no column", no_column, OA_ERR_MALFORMED, "\"i64\": it was released"},
      {"no columns", no_columns, OA_ERR_MALFORMED, "those of its type"},
      {"fewer columns", fewer_columns, OA_ERR_MALFORMED, "those of its type"},
      {"length -1", minus_length, OA_ERR_MALFORMED, "\"i64\": its length"},
      {"offset -1", minus_offset, OA_ERR_MALFORMED, "\"i64\": its length"},
      {"offset 2^63", offset_beyond_all, OA_ERR_MALFORMED, "\"i64\""},
      {"batch 2^63", batch_beyond_all, OA_ERR_MALFORMED, "not possible"},
      {"batch at 2^63", batch_offset_beyond_all, OA_ERR_MALFORMED,
       "not possible"},
      {"short column", short_column, OA_ERR_MALFORMED, "\"i64\": it is short"},
      {"beyond memory", length_beyond_memory, OA_ERR_MALFORMED,
       "longer than memory"},
      {"nulls -2", nulls_below_minus_one, OA_ERR_MALFORMED, "null count"},
      {"100 nulls", nulls_beyond_length, OA_ERR_MALFORMED, "null count"},
      {"no bitmap", nulls_without_bitmap, OA_ERR_MALFORMED,
       "no validity bitmap"},
      {"miscounted", nulls_miscounted, OA_ERR_MALFORMED, "of the bitmap"},
      {"one buffer", fewer_buffers, OA_ERR_MALFORMED, "those of its type"},
      {"-1 buffers", minus_buffers, OA_ERR_MALFORMED, "those of its type"},
      {"no buffers", no_buffers, OA_ERR_MALFORMED, "those of its type"},
      {"no values", no_values, OA_ERR_MALFORMED, "buffer is missing"},
      {"no bits", no_bits, OA_ERR_MALFORMED, "\"bool\": a buffer is missing"},
      {"no offsets", no_offsets, OA_ERR_MALFORMED, "\"u\": a buffer is miss"},
      {"no text", no_text, OA_ERR_MALFORMED, "\"u\": a buffer is missing"},
      {"falling offsets", falling_offsets, OA_ERR_MALFORMED, "offsets fall"},
      {"negative offsets", negative_offsets, OA_ERR_MALFORMED, "offsets fall"},
      {"falling wide", falling_wide_offsets, OA_ERR_MALFORMED, "offsets fall"},
      {"short items", short_items, OA_ERR_MALFORMED, "\"l\": its offsets"},
      {"no items", no_items, OA_ERR_MALFORMED, "\"l\": its items"},
      {"released items", released_items, OA_ERR_MALFORMED, "\"l\": its items"},
      {"-1 items", minus_items, OA_ERR_MALFORMED, "\"l\""},
      {"short part", short_part, OA_ERR_MALFORMED, "\"t\": it is shorter"},
      {"no dictionary", no_dictionary, OA_ERR_MALFORMED, "\"dict\""},
      {"a number's", dictionary_of_a_number, OA_ERR_MALFORMED, "\"i64\""},
      {"short dictionary", short_dictionary, OA_ERR_MALFORMED,
       "\"dict\": an index is outside"},
      {"a circle", dictionary_in_dictionary, OA_ERR_MALFORMED, "\"dict\""},
      {"null rows", null_rows, OA_ERR_MALFORMED, "1 of its rows are null"},
  };
  (void)state;
  expect_refused(cases, sizeof cases / sizeof cases[0]);
}

/* --- odd, and right --- */

static void indices_of_every_width_are_checked(void **state) {
  static const struct {
    const char *format;
    size_t width;
  } types[] = {{"c", 1}, {"C", 1}, {"s", 2}, {"S", 2},
               {"i", 4}, {"I", 4}, {"l", 8}, {"L", 8}};
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    for (int bad = 0; bad < 3; bad++) {
      uint64_t block[EACH_ROWS + 1] = {0};
      uint8_t *indices = (uint8_t *)block;
      each e;
      crossed x;
      export_each(&x, &e, 0, EACH_ROWS);
      for (size_t row = 0; row < EACH_ROWS; row++) {
        indices[row * types[i].width] = (uint8_t)(row % 4);
      }
      /* Under a null anything may stand. */
      memset(indices + 3 * types[i].width, 0xFF, types[i].width);
      if (bad == 1) {
        indices[10 * types[i].width] = 4;
      } else if (bad == 2) {
        memset(indices + 10 * types[i].width, 0xFF, types[i].width);
      }
      x.c_schema.children[DICT]->format = types[i].format;
      column(&x, DICT)->buffers[1] = indices;
      assert_int_equal(import_rows(&x), bad ? OA_ERR_MALFORMED : OA_OK);
      if (!bad) {
        const oa_field *field = &x.schema.fields[DICT];
        oa_field values = *field;
        values.dictionary = false;
        expect_same_plain(&values, x.columns[DICT].dictionary, 2, &e.values, 2);
      }
      crossed_free(&x);
    }
  }
}

/* A part of a list begins behind items that nobody looks at. */
static void items_outside_of_a_part_do_not_count(void **state) {
  static const int32_t offsets[] = {2, 3, 3, 4};
  static const uint8_t indices[] = {99, 99, 0, 1};
  static const int32_t ends[] = {0, 1, 2};
  const oa_array words = {
      .length = 2, .offsets = ends, .values = "xy", .values_size = 2};
  const oa_array item = {
      .length = 4, .values = indices, .values_size = 4, .dictionary = &words};
  const oa_array list = {.length = 3, .offsets = offsets, .children = &item};
  const oa_field word = {.name = "item",
                         .type = OA_TYPE_UTF8,
                         .dictionary = true,
                         .index_type = OA_TYPE_UINT8};
  const oa_field field = {.name = "words",
                          .type = OA_TYPE_LIST,
                          .children = &word,
                          .child_count = 1};
  const oa_schema schema = {.fields = &field, .field_count = 1};
  crossed x;
  (void)state;
  export_rows(&x, &schema, &list, 0, 3);
  assert_int_equal(import_rows(&x), OA_OK);
  expect_rows(&schema, x.columns, 3, &list, 0);
  assert_int_equal(x.columns[0].children[0].length, 2);
  crossed_free(&x);
}

static void empty_batches_need_no_buffers(void **state) {
  each e;
  crossed x;
  (void)state;
  export_each(&x, &e, 0, 0);
  for (int i = 0; i < EACH_COLUMNS; i++) {
    for (int64_t k = 0; k < column(&x, i)->n_buffers; k++) {
      column(&x, i)->buffers[k] = NULL;
    }
  }
  assert_int_equal(import_rows(&x), OA_OK);
  assert_int_equal(x.rows, 0);
  crossed_free(&x);
}

static void batches_without_columns_have_rows(void **state) {
  const oa_schema schema = {0};
  crossed x;
  (void)state;
  export_rows(&x, &schema, NULL, 0, 7);
  assert_int_equal(import_rows(&x), OA_OK);
  assert_int_equal(x.rows, 7);
  assert_non_null(x.columns);
  crossed_free(&x);
}

static void binary_metadata_is_left_out(void **state) {
  each e;
  crossed x;
  (void)state;
  export_each(&x, &e, 0, 1);
  x.c_schema.metadata =
      "\3\0\0\0\1\0\0\0a\1\0\0\0b\1\0\0\0c\2\0\0\0\0x\1\0\0\0d\1\0\0\0e";
  assert_int_equal(import_rows(&x), OA_OK);
  assert_int_equal(x.schema.metadata_count, 2);
  assert_string_equal(x.schema.metadata[1].key, "d");
  assert_string_equal(x.schema.metadata[1].value, "e");
  crossed_free(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schemas_that_are_none_are_refused),
      cmocka_unit_test(formats_that_are_not_known_are_refused_by_name),
      cmocka_unit_test(widths_of_every_size_are_taken),
      cmocka_unit_test(arrays_that_are_none_are_refused),
      cmocka_unit_test(indices_of_every_width_are_checked),
      cmocka_unit_test(items_outside_of_a_part_do_not_count),
      cmocka_unit_test(empty_batches_need_no_buffers),
      cmocka_unit_test(batches_without_columns_have_rows),
      cmocka_unit_test(binary_metadata_is_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
