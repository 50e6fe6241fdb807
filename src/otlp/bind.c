/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "otlp/otlp.h"

/* Columns of other producers may be anything; those that we use must have our
 * types exactly.  Names of list items do not matter: writers differ. */
static bool same_type(const oa_field *want, const oa_field *have) {
  if (want->type != have->type || want->dictionary != have->dictionary ||
      want->child_count != have->child_count) {
    return false;
  }
  if (want->dictionary && want->index_type != have->index_type) {
    return false;
  }
  if (want->type == OA_TYPE_FIXED_BINARY && want->width != have->width) {
    return false;
  }
  if (want->type == OA_TYPE_TIMESTAMP && want->unit != have->unit) {
    return false;
  }
  for (size_t i = 0; i < want->child_count; i++) {
    const oa_field *a = &want->children[i];
    const oa_field *b = &have->children[i];
    if ((want->type == OA_TYPE_STRUCT && strcmp(a->name, b->name) != 0) ||
        !same_type(a, b)) {
      return false;
    }
  }
  return true;
}

/* Protobuf text must be UTF-8, and the IPC reader does not look.  Values that
 * no row uses are checked too: a dictionary is small. */
static bool text_valid(const oa_array *array) {
  const int32_t *offsets = array->offsets;
  const uint8_t *bytes = array->values;

  if (offsets == NULL || array->length == 0) {
    return true;
  }
  const size_t len = (size_t)(offsets[array->length] - offsets[0]);
  if (len > 0 && !oa_utf8_valid(bytes + offsets[0], len)) {
    return false;
  }
  /* The whole is valid; a value must not begin inside a character. */
  for (int64_t i = 1; i < array->length; i++) {
    if (offsets[i] < offsets[array->length] &&
        (bytes[offsets[i]] & 0xC0) == 0x80) {
      return false;
    }
  }
  return true;
}

/* What the encoder relies on and an IPC reader has no reason to check. */
static const char *find_problem(const oa_field *field, const oa_array *array) {
  if (field->type == OA_TYPE_UTF8 &&
      !text_valid(field->dictionary ? array->dictionary : array)) {
    return "text that is not UTF-8";
  }
  if (field->dictionary && array->dictionary->null_count != 0) {
    return "a null in its dictionary";
  }
  if ((field->type == OA_TYPE_LIST || field->type == OA_TYPE_STRUCT) &&
      array->null_count != 0) {
    return "a null list or struct";
  }
  for (size_t i = 0; i < field->child_count; i++) {
    const char *problem =
        find_problem(&field->children[i], &array->children[i]);
    if (problem != NULL) {
      return problem;
    }
  }
  return NULL;
}

static oa_status refuse_type(oa_signal signal, const oa_field *want,
                             const oa_field *have, oa_error *error) {
  enum { SHOWN = 80 };
  char want_name[SHOWN];
  char have_name[SHOWN];
  oa_field_type_name(want, want_name, sizeof want_name);
  oa_field_type_name(have, have_name, sizeof have_name);
  return oa_error_set(error, OA_ERR_UNSUPPORTED,
                      "column %s of %s is %s, expected %s", want->name,
                      oa_signal_name(signal), have_name, want_name);
}

/* Finds the column of SCHEMA that is FIELD of SIGNAL. */
static oa_status find_column(oa_signal signal, const oa_field *field,
                             const oa_schema *schema, size_t *out,
                             oa_error *error) {
  size_t at = 0;
  while (at < schema->field_count &&
         strcmp(schema->fields[at].name, field->name) != 0) {
    at++;
  }
  if (at == schema->field_count) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED, "column %s of %s is missing",
                        field->name, oa_signal_name(signal));
  }
  if (!same_type(field, &schema->fields[at])) {
    return refuse_type(signal, field, &schema->fields[at], error);
  }
  *out = at;
  return OA_OK;
}

oa_status oa_otlp_bind_check(oa_signal signal, const oa_schema *schema,
                             oa_error *error) {
  const oa_schema *want = oa_otlp_schema(signal);
  size_t at;

  for (size_t i = 0; i < want->field_count; i++) {
    OA_TRY(find_column(signal, &want->fields[i], schema, &at, error));
  }
  return OA_OK;
}

oa_status oa_otlp_bind(oa_signal signal, const oa_schema *schema,
                       const oa_array *columns, oa_array *out,
                       oa_error *error) {
  const oa_schema *want = oa_otlp_schema(signal);

  for (size_t i = 0; i < want->field_count; i++) {
    const oa_field *field = &want->fields[i];
    size_t at = 0;
    OA_TRY(find_column(signal, field, schema, &at, error));
    const char *problem = find_problem(&schema->fields[at], &columns[at]);
    if (problem != NULL) {
      return oa_error_set(error, OA_ERR_MALFORMED, "column %s of %s has %s",
                          field->name, oa_signal_name(signal), problem);
    }
    out[i] = columns[at];
  }
  return OA_OK;
}
