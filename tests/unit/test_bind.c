/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otlp_rows.h"

/* A file's columns: those of the signal in any order, and one more. */
typedef struct foreign {
  oa_field fields[OA_SPAN_COUNT + 1];
  oa_array columns[OA_SPAN_COUNT + 1];
  oa_schema schema;
} foreign;

/* The columns of R from the last to the first, behind one of another name. */
static void turn_around(rows *r, foreign *out) {
  const oa_schema *schema = oa_otlp_schema(r->signal);
  const oa_array *columns = oa_table_finish(&r->table);
  out->fields[0] = (oa_field){.name = "promoted", .type = OA_TYPE_INT64};
  out->columns[0] = (oa_array){.length = r->table.length};
  for (size_t i = 0; i < OA_SPAN_COUNT; i++) {
    out->fields[OA_SPAN_COUNT - i] = schema->fields[i];
    out->columns[OA_SPAN_COUNT - i] = columns[i];
  }
  out->schema =
      (oa_schema){.fields = out->fields, .field_count = OA_SPAN_COUNT + 1};
}

static oa_field *field_named(foreign *f, const char *name, oa_array **column) {
  for (size_t i = 0; i <= OA_SPAN_COUNT; i++) {
    if (strcmp(f->fields[i].name, name) == 0) {
      *column = &f->columns[i];
      return &f->fields[i];
    }
  }
  fail_msg("no column %s", name);
  return NULL;
}

static void columns_are_found_by_name_in_any_order(void **state) {
  (void)state;
  rows r;
  foreign f;
  oa_array bound[OA_SPAN_COUNT];
  rows_init(&r, OA_TRACES);
  set_text(&r.table, OA_SPAN_NAME, "n");
  set_u32(&r.table, OA_SPAN_FLAGS, 7);
  end_row(&r.table);
  turn_around(&r, &f);
  assert_int_equal(oa_otlp_bind(OA_TRACES, &f.schema, f.columns, bound, NULL),
                   OA_OK);
  const oa_array *columns = oa_table_finish(&r.table);
  for (size_t i = 0; i < OA_SPAN_COUNT; i++) {
    assert_ptr_equal(bound[i].values, columns[i].values);
    assert_ptr_equal(bound[i].children, columns[i].children);
  }
  rows_free(&r);
}

static void a_missing_column_is_named(void **state) {
  (void)state;
  rows r;
  foreign f;
  oa_array *column;
  oa_array bound[OA_SPAN_COUNT];
  oa_error error = {0};
  rows_init(&r, OA_TRACES);
  turn_around(&r, &f);
  field_named(&f, "trace_state", &column)->name = "tracestate";
  assert_int_equal(oa_otlp_bind(OA_TRACES, &f.schema, f.columns, bound, &error),
                   OA_ERR_UNSUPPORTED);
  assert_string_equal(error.text, "column trace_state of traces is missing");
  rows_free(&r);
}

static void a_column_of_another_type_is_named_with_both(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++) {
    static const char *const names[] = {"name", "kind", "trace_id",
                                        "start_time_unix_nano", "attributes"};
    rows r;
    foreign f;
    oa_array *column;
    oa_array bound[OA_SPAN_COUNT];
    oa_error error = {0};
    oa_field item;
    oa_field parts[OA_ATTR_COUNT];
    rows_init(&r, OA_TRACES);
    turn_around(&r, &f);
    oa_field *field = field_named(&f, names[i], &column);
    switch (i) {
      case 0:
        field->dictionary = false;
        break;
      case 1:
        field->type = OA_TYPE_UINT32;
        break;
      case 2:
        field->width = 15;
        break;
      case 3:
        field->unit = OA_UNIT_MICRO;
        break;
      default: /* deep inside */
        item = field->children[0];
        memcpy(parts, item.children, sizeof parts);
        parts[OA_ATTR_SER].type = OA_TYPE_UTF8;
        item.children = parts;
        field->children = &item;
        break;
    }
    assert_int_equal(
        oa_otlp_bind(OA_TRACES, &f.schema, f.columns, bound, &error),
        OA_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, names[i]));
    assert_non_null(strstr(error.text, "expected"));
    rows_free(&r);
  }
}

static void names_of_list_items_do_not_matter(void **state) {
  (void)state;
  rows r;
  foreign f;
  oa_array *column;
  oa_array bound[OA_SPAN_COUNT];
  rows_init(&r, OA_TRACES);
  turn_around(&r, &f);
  oa_field *field = field_named(&f, "attributes", &column);
  oa_field item = field->children[0];
  item.name = "element";
  field->children = &item;
  assert_int_equal(oa_otlp_bind(OA_TRACES, &f.schema, f.columns, bound, NULL),
                   OA_OK);
  rows_free(&r);
}

/* What the encoder would trip over and an Arrow reader lets pass. */
static void values_that_cannot_become_protobuf_are_malformed(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    static const int32_t bad[] = {0, 1};
    static const int32_t split[] = {0, 1, 2};
    rows r;
    foreign f;
    oa_array *column;
    oa_array bound[OA_SPAN_COUNT];
    oa_error error = {0};
    rows_init(&r, OA_TRACES);
    turn_around(&r, &f);
    oa_array values = {
        .length = 1, .offsets = bad, .values = "\xff", .values_size = 1};
    const char *name = i == 3 ? "events" : "name";
    field_named(&f, name, &column);
    if (i == 1) { /* each value a half of one character */
      values = (oa_array){.length = 2,
                          .offsets = split,
                          .values = "\xc3\xa9",
                          .values_size = 2};
    } else if (i == 2) {
      values.values = "a";
      values.null_count = 1;
    }
    if (i == 3) {
      column->length = 1;
      column->null_count = 1;
    } else {
      column->dictionary = &values;
    }
    assert_int_equal(
        oa_otlp_bind(OA_TRACES, &f.schema, f.columns, bound, &error),
        OA_ERR_MALFORMED);
    assert_non_null(strstr(error.text, name));
    rows_free(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_found_by_name_in_any_order),
      cmocka_unit_test(a_missing_column_is_named),
      cmocka_unit_test(a_column_of_another_type_is_named_with_both),
      cmocka_unit_test(names_of_list_items_do_not_matter),
      cmocka_unit_test(values_that_cannot_become_protobuf_are_malformed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
