/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arrow/ipc_file.h"
#include "arrow/ipc_read.h"
#include "arrow/unify.h"
#include "base/mem.h"

/* A dictionary column, and one inside a list of structs. */
static const oa_field parts[] = {
    {.name = "key",
     .type = OA_TYPE_UTF8,
     .nullable = true,
     .dictionary = true,
     .index_type = OA_TYPE_INT32},
};
static const oa_field item = {.name = "item",
                              .type = OA_TYPE_STRUCT,
                              .children = parts,
                              .child_count = 1};
static const oa_field fields[] = {
    {.name = "name",
     .type = OA_TYPE_UTF8,
     .dictionary = true,
     .index_type = OA_TYPE_INT32},
    {.name = "tags", .type = OA_TYPE_LIST, .children = &item, .child_count = 1},
};
static const oa_schema schema = {.fields = fields, .field_count = 2};

/* Two rows, names A and B; the second has two tags: null and A. */
typedef struct sample {
  char bytes[2];
  oa_array dictionary;
  oa_array key;
  oa_array tag;
  oa_array columns[2];
} sample;

static void make_sample(sample *s, char a, char b) {
  static const int32_t offsets[] = {0, 1, 2};
  static const int32_t indices[] = {0, 1};
  static const int32_t keys[] = {77, 0}; /* under a null: anything */
  static const int32_t lists[] = {0, 0, 2};
  static const uint8_t validity[] = {2};
  *s = (sample){.bytes = {a, b}};
  s->dictionary = (oa_array){
      .length = 2, .offsets = offsets, .values = s->bytes, .values_size = 2};
  s->key = (oa_array){.length = 2,
                      .null_count = 1,
                      .validity = validity,
                      .values = keys,
                      .values_size = sizeof keys,
                      .dictionary = &s->dictionary};
  s->tag = (oa_array){.length = 2, .children = &s->key};
  s->columns[0] = (oa_array){.length = 2,
                             .values = indices,
                             .values_size = sizeof indices,
                             .dictionary = &s->dictionary};
  s->columns[1] =
      (oa_array){.length = 2, .offsets = lists, .children = &s->tag};
}

static void indices_follow_one_dictionary_for_all_batches(void **state) {
  (void)state;
  static const int32_t second[] = {1, 2};
  oa_unifier *unifier;
  const oa_array *out;
  sample s;
  size_t len;
  assert_int_equal(oa_unifier_new(&unifier, &schema, NULL), OA_OK);
  make_sample(&s, 'x', 'y');
  assert_int_equal(oa_unifier_renumber(unifier, s.columns, &out, NULL), OA_OK);
  make_sample(&s, 'y', 'z');
  assert_int_equal(oa_unifier_renumber(unifier, s.columns, &out, NULL), OA_OK);
  assert_memory_equal(out[0].values, second, sizeof second);
  assert_int_equal(out[0].dictionary->length, 0);
  const oa_array *key = &out[1].children->children[0];
  assert_true(oa_array_is_null(key, 0));
  assert_int_equal(((const int32_t *)key->values)[0], 0);
  assert_int_equal(((const int32_t *)key->values)[1], 1);

  out = oa_unifier_dictionaries(unifier);
  assert_int_equal(out[0].length, 0);
  assert_int_equal(out[0].dictionary->length, 3);
  assert_int_equal(*oa_array_bytes(out[0].dictionary, 2, &len), 'z');
  assert_int_equal(len, 1);
  assert_int_equal(out[1].children->children[0].dictionary->length, 3);
  oa_unifier_free(unifier);
}

static void dictionaries_of_other_kinds_are_refused(void **state) {
  (void)state;
  oa_unifier *unifier;
  oa_error error = {0};
  oa_field other = fields[0];
  const oa_schema bad = {.fields = &other, .field_count = 1};
  const oa_array *out;
  sample s;
  other.index_type = OA_TYPE_INT8;
  assert_int_equal(oa_unifier_new(&unifier, &bad, &error), OA_ERR_UNSUPPORTED);
  assert_non_null(strstr(error.text, "name"));
  other = fields[0];
  other.type = OA_TYPE_INT64;
  assert_int_equal(oa_unifier_new(&unifier, &bad, &error), OA_ERR_UNSUPPORTED);
  assert_int_equal(oa_unifier_new(&unifier, &schema, NULL), OA_OK);
  make_sample(&s, 'x', 'y');
  s.dictionary.null_count = 1;
  assert_int_equal(oa_unifier_renumber(unifier, s.columns, &out, &error),
                   OA_ERR_UNSUPPORTED);
  oa_unifier_free(unifier);
}

static oa_status make_file(oa_buf *out, oa_error *error) {
  oa_ipc_file *file = NULL;
  sample s;
  oa_status status = oa_ipc_file_new(&file, &schema, OA_CODING_NONE, 0, error);
  if (status == OA_OK) {
    status = oa_ipc_file_begin(file, out, error);
  }
  for (int i = 0; i < 2 && status == OA_OK; i++) {
    make_sample(&s, (char)('a' + i), (char)('b' + i));
    status = oa_ipc_file_batch(file, s.columns, 2, out, error);
  }
  if (status == OA_OK) {
    status = oa_ipc_file_end(file, out, error);
  }
  oa_ipc_file_free(file);
  return status;
}

static uint64_t load(const uint8_t *at, size_t size) {
  uint64_t value = 0;
  memcpy(&value, at, size);
  return value;
}

/* The table that the offset at AT leads to, and a field of a table. */
static const uint8_t *follow(const uint8_t *at) {
  return at + load(at, 4);
}

static const uint8_t *field_of(const uint8_t *table, size_t id) {
  const uint8_t *vtable = table - (int32_t)load(table, 4);
  assert_true(4 + 2 * id + 2 <= load(vtable, 2));
  const uint64_t offset = load(vtable + 4 + 2 * id, 2);
  assert_true(offset > 0);
  return table + offset;
}

/* The blocks in VECTOR must be messages of KIND. */
static void check_blocks(const oa_buf *file, const uint8_t *vector,
                         size_t count, oa_ipc_event kind) {
  assert_int_equal(load(vector, 4), count);
  for (size_t i = 0; i < count; i++) {
    const uint8_t *block = vector + 4 + i * 24;
    const uint64_t offset = load(block, 8);
    oa_ipc_event event;
    int64_t n;
    size_t used;
    assert_int_equal((block - file->data) % 8, 0);
    assert_int_equal(offset % 8, 0);
    assert_true(offset < file->len);
    assert_int_equal(oa_ipc_skip(file->data + offset, file->len - offset, &used,
                                 &event, &n, NULL),
                     OA_OK);
    assert_int_equal(event, kind);
    assert_int_equal(load(block + 8, 4) + load(block + 16, 8), used);
    assert_int_equal(load(file->data + offset + 4, 4) + 8, load(block + 8, 4));
  }
}

static void the_footer_leads_to_schema_and_messages(void **state) {
  (void)state;
  oa_buf file = {0};
  assert_int_equal(make_file(&file, NULL), OA_OK);
  assert_memory_equal(file.data, "ARROW1\0\0", 8);
  assert_memory_equal(file.data + file.len - 6, "ARROW1", 6);
  const uint64_t len = load(file.data + file.len - 10, 4);
  const uint8_t *footer = file.data + file.len - 10 - len;
  assert_int_equal((footer - file.data) % 8, 0);
  const uint8_t *table = follow(footer);
  assert_int_equal(load(field_of(table, 0), 2), 4); /* V5 */
  check_blocks(&file, follow(field_of(table, 2)), 2, OA_IPC_DICTIONARY);
  check_blocks(&file, follow(field_of(table, 3)), 2, OA_IPC_BATCH);
  /* Schema.fields[0].name */
  const uint8_t *columns = follow(field_of(follow(field_of(table, 1)), 1));
  assert_int_equal(load(columns, 4), 2);
  const uint8_t *name = follow(field_of(follow(columns + 4), 0));
  assert_int_equal(load(name, 4), 4);
  assert_memory_equal(name + 4, "name", 5);
  oa_buf_free(&file);
}

/* Between the marks stands a stream; only its dictionaries come late. */
static void the_messages_in_between_are_a_stream_with_an_end(void **state) {
  (void)state;
  static const oa_ipc_event want[] = {OA_IPC_SCHEMA,     OA_IPC_BATCH,
                                      OA_IPC_BATCH,      OA_IPC_DICTIONARY,
                                      OA_IPC_DICTIONARY, OA_IPC_EOS};
  oa_buf file = {0};
  size_t at = 8;
  assert_int_equal(make_file(&file, NULL), OA_OK);
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
    oa_ipc_event event;
    int64_t n;
    size_t used;
    assert_int_equal(
        oa_ipc_skip(file.data + at, file.len - at, &used, &event, &n, NULL),
        OA_OK);
    assert_int_equal(event, want[i]);
    at += used;
  }
  oa_buf_free(&file);
}

static void a_file_without_batches_has_a_footer_too(void **state) {
  (void)state;
  oa_ipc_file *file;
  oa_buf out = {0};
  assert_int_equal(oa_ipc_file_new(&file, &schema, OA_CODING_ZSTD, 0, NULL),
                   OA_OK);
  assert_int_equal(oa_ipc_file_begin(file, &out, NULL), OA_OK);
  assert_int_equal(oa_ipc_file_end(file, &out, NULL), OA_OK);
  const uint64_t len = load(out.data + out.len - 10, 4);
  const uint8_t *table = follow(out.data + out.len - 10 - len);
  check_blocks(&out, follow(field_of(table, 3)), 0, OA_IPC_BATCH);
  oa_ipc_file_free(file);
  oa_buf_free(&out);
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  for (int64_t n = 0;; n++) {
    oa_buf out = {0};
    oa_mem_fail_after(n);
    const oa_status status = make_file(&out, NULL);
    oa_mem_fail_after(-1);
    oa_buf_free(&out);
    if (status == OA_OK) {
      assert_true(n > 5);
      return;
    }
    assert_true(status == OA_ERR_NOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(indices_follow_one_dictionary_for_all_batches),
      cmocka_unit_test(dictionaries_of_other_kinds_are_refused),
      cmocka_unit_test(the_footer_leads_to_schema_and_messages),
      cmocka_unit_test(the_messages_in_between_are_a_stream_with_an_end),
      cmocka_unit_test(a_file_without_batches_has_a_footer_too),
      cmocka_unit_test(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
