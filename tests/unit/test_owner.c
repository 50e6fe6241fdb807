/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and scopes. */
#include "otlp_trial.h"

static void a_resource_and_a_scope_fill_their_columns(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  put_rich_request(&r, OA_TRACES, "shop");
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  for (int64_t i = 0; i < 2; i++) {
    assert_text(&c[OA_COL_SERVICE_NAME], i, "shop");
    assert_text(&c[OA_COL_SERVICE_NAMESPACE], i, "space");
    assert_text(&c[OA_COL_SERVICE_INSTANCE_ID], i, "instance");
    assert_text(&c[OA_COL_RESOURCE_SCHEMA_URL], i, "resource-url");
    assert_text(&c[OA_COL_SCOPE_NAME], i, "shop");
    assert_text(&c[OA_COL_SCOPE_VERSION], i, "version");
    assert_text(&c[OA_COL_SCOPE_SCHEMA_URL], i, "scope-url");
    assert_text(&c[OA_COL_SCOPE_ATTRIBUTES], i,
                "{\"str\":\"text\",\"int\":-5,\"double\":-0.0,\"bool\":false,"
                "\"bytes\":\"AP8=\",\"empty\":null,"
                "\"map\":{\"a\":\"b\",\"deep\":[[[7]]]},\"slice\":[0,1,2]}");
  }
  trial_free(&t);
}

/* One log record under this resource and scope; NULL = there is none. */
static void put_owned(request *r, const oa_buf *resource, const oa_buf *scope) {
  r->resource = oa_emit_open(&r->e, 1, 1);
  r->scope = oa_emit_open(&r->e, 2, 1);
  oa_emit_close(&r->e, open_record(r));
  if (scope != NULL) {
    oa_emit_bytes(&r->e, 1, scope->data, scope->len);
  }
  oa_emit_close(&r->e, r->scope);
  if (resource != NULL) {
    oa_emit_bytes(&r->e, 1, resource->data, resource->len);
  }
  oa_emit_close(&r->e, r->resource);
}

static void none_and_an_empty_one_are_told_apart(void **state) {
  (void)state;
  uint8_t nothing[1] = {0};
  const oa_buf empty = {.data = nothing};
  trial t;
  request r = {0};
  trial_init(&t, OA_LOGS);
  put_owned(&r, NULL, NULL);
  put_owned(&r, &empty, &empty);
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  for (size_t i = OA_COL_SERVICE_NAME; i < OA_COL_COMMON_COUNT; i++) {
    assert_null_at(&c[i], 0);
  }
  assert_text(&c[OA_COL_RESOURCE], 1, "");
  assert_text(&c[OA_COL_RESOURCE_ATTRIBUTES], 1, "{}");
  assert_null_at(&c[OA_COL_SERVICE_NAME], 1);
  assert_text(&c[OA_COL_SCOPE], 1, "");
  assert_text(&c[OA_COL_SCOPE_NAME], 1, "");
  assert_null_at(&c[OA_COL_SCOPE_VERSION], 1);
  trial_free(&t);
}

static void a_service_name_must_be_a_string_and_the_first_one_counts(
    void **state) {
  (void)state;
  oa_emit number = {0};
  oa_emit twice = {0};
  trial t;
  request r = {0};
  put_int_attr(&number, 1, "service.name", 7);
  put_str_attr(&number, 1, "service.name", "later");
  put_str_attr(&twice, 1, "service.name", "");
  put_str_attr(&twice, 1, "service.name", "second");
  trial_init(&t, OA_LOGS);
  put_owned(&r, &number.out, NULL);
  put_owned(&r, &twice.out, NULL);
  take(&t, &r);
  assert_null_at(&columns_of(&t)[OA_COL_SERVICE_NAME], 0);
  assert_text(&columns_of(&t)[OA_COL_SERVICE_NAME], 1, "");
  oa_buf_free(&number.out);
  oa_buf_free(&twice.out);
  trial_free(&t);
}

/* Equal resources are stored once, however they were written. */
static void equal_owners_share_an_entry(void **state) {
  (void)state;
  oa_emit plain = {0};
  oa_emit strange = {0};
  trial t;
  request r = {0};
  put_str_attr(&plain, 1, "k", "v");
  oa_emit_varint(&plain, 2, 3);
  oa_emit_varint(&strange, 2, 3);
  oa_emit_varint(&strange, 99, 1);
  put_str_attr(&strange, 1, "k", "v");
  trial_init(&t, OA_LOGS);
  for (int i = 0; i < 40; i++) {
    put_owned(&r, &plain.out, NULL);
    put_owned(&r, &strange.out, NULL);
  }
  take(&t, &r);
  const oa_array *resource = &columns_of(&t)[OA_COL_RESOURCE];
  assert_int_equal(resource->dictionary->length, 1);
  size_t len;
  const uint8_t *have = oa_array_dict_bytes(resource, 79, &len);
  assert_int_equal(len, plain.out.len);
  assert_memory_equal(have, plain.out.data, len);
  assert_int_equal(t.builder->resources.raw.count, 2);
  oa_buf_free(&plain.out);
  oa_buf_free(&strange.out);
  trial_free(&t);
}

static void many_owners_are_kept_apart(void **state) {
  (void)state;
  enum { OWNERS = 100 };
  trial t;
  request r = {0};
  char name[16];
  trial_init(&t, OA_LOGS);
  for (int i = 0; i < 2 * OWNERS; i++) {
    oa_emit resource = {0};
    snprintf(name, sizeof name, "s%d", i % OWNERS);
    put_str_attr(&resource, 1, "service.name", name);
    put_owned(&r, &resource.out, NULL);
    oa_buf_free(&resource.out);
  }
  take(&t, &r);
  for (int i = 0; i < 2 * OWNERS; i++) {
    snprintf(name, sizeof name, "s%d", i % OWNERS);
    assert_text(&columns_of(&t)[OA_COL_SERVICE_NAME], i, name);
  }
  trial_free(&t);
}

/* Owners with a value nested 65 deep. */
static void one_too_deep_takes_its_rows_along_and_no_others(void **state) {
  (void)state;
  for (int scope = 0; scope < 2; scope++) {
    oa_emit deep = {0};
    oa_emit fine = {0};
    trial t;
    request r = {0};
    put_deep_attr(&deep, scope == 1 ? 3 : 1, 65);
    put_deep_attr(&fine, scope == 1 ? 3 : 1, 64);
    trial_init(&t, OA_LOGS);
    for (int i = 0; i < 4; i++) {
      const oa_buf *owner = i % 2 == 0 ? &fine.out : &deep.out;
      put_owned(&r, scope == 1 ? NULL : owner, scope == 1 ? owner : NULL);
    }
    take(&t, &r);
    assert_int_equal(t.result.accepted, 2);
    assert_int_equal(t.result.rejected, 2);
    assert_int_equal(rows_of(&t), 2);
    assert_string_equal(t.result.reason,
                        scope == 1
                            ? "resource_logs[1].scope_logs[0]: an attribute of "
                              "the scope is nested deeper than 64"
                            : "resource_logs[1]: an attribute of the resource "
                              "is nested deeper than 64");
    oa_buf_free(&deep.out);
    oa_buf_free(&fine.out);
    trial_free(&t);
  }
}

static void text_in_owners_is_repaired(void **state) {
  (void)state;
  oa_emit resource = {0};
  oa_emit scope = {0};
  trial t;
  request r = {0};
  put_str_attr(&resource, 1, "service.name", "a\xFF");
  put_text(&scope, 1, "\xC3");
  trial_init(&t, OA_LOGS);
  put_owned(&r, &resource.out, &scope.out);
  take(&t, &r);
  assert_int_equal(t.result.repaired, 2);
  assert_text(&columns_of(&t)[OA_COL_SERVICE_NAME], 0, "a\xEF\xBF\xBD");
  assert_text(&columns_of(&t)[OA_COL_SCOPE_NAME], 0, "\xEF\xBF\xBD");
  oa_buf_free(&resource.out);
  oa_buf_free(&scope.out);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_resource_and_a_scope_fill_their_columns),
      cmocka_unit_test(none_and_an_empty_one_are_told_apart),
      cmocka_unit_test(
          a_service_name_must_be_a_string_and_the_first_one_counts),
      cmocka_unit_test(equal_owners_share_an_entry),
      cmocka_unit_test(many_owners_are_kept_apart),
      cmocka_unit_test(one_too_deep_takes_its_rows_along_and_no_others),
      cmocka_unit_test(text_in_owners_is_repaired),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
