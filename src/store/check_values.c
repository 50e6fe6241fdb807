/* SPDX-License-Identifier: Apache-2.0 */
/* Values and schemas: what a reader of Arrow does not have to look at. */
#include <string.h>

#include "base/text.h"
#include "store/check_impl.h"

/* --- values --- */

/* COUNT strings whose offsets of WIDTH bytes the IPC reader has checked. */
static int64_t offset_at(const void *offsets, size_t width, int64_t i) {
  return width == sizeof(int32_t) ? ((const int32_t *)offsets)[i]
                                  : ((const int64_t *)offsets)[i];
}

static bool text_valid(const oa_array *array, size_t width) {
  const uint8_t *bytes = array->values;
  if (array->offsets == NULL || array->length == 0) {
    return true;
  }
  const int64_t first = offset_at(array->offsets, width, 0);
  const int64_t last = offset_at(array->offsets, width, array->length);
  if (last > first && !oa_utf8_valid(bytes + first, (size_t)(last - first))) {
    return false;
  }
  /* All together are valid; none may begin inside of a character. */
  bool inside = false;
  for (int64_t i = 1; i < array->length; i++) {
    const int64_t at = offset_at(array->offsets, width, i);
    inside |= at < last && (bytes[at] & 0xC0) == 0x80;
  }
  return !inside;
}

static bool strings_valid(oa_type type, const oa_array *array) {
  if (type == OA_TYPE_UTF8) {
    return text_valid(array, sizeof(int32_t));
  }
  return type != OA_TYPE_LARGE_UTF8 || text_valid(array, sizeof(int64_t));
}

static oa_status damaged(const oa_field *field, const char *what,
                         oa_error *error) {
  return oa_error_set(error, OA_ERR_MALFORMED, "column \"%.80s\": %s",
                      field->name, what);
}

oa_status oa_check_values(const oa_field *field, const oa_array *array,
                          bool dictionaries, oa_error *error) {
  if (!field->nullable && array->null_count > 0) {
    return damaged(field, "nulls in a column that has none", error);
  }
  if (field->dictionary) {
    return !dictionaries || strings_valid(field->type, array->dictionary)
               ? OA_OK
               : damaged(field, "text that is not UTF-8", error);
  }
  if (!strings_valid(field->type, array)) {
    return damaged(field, "text that is not UTF-8", error);
  }
  for (size_t i = 0; i < field->child_count; i++) {
    OA_TRY(oa_check_values(&field->children[i], &array->children[i],
                           dictionaries, error));
  }
  return OA_OK;
}

/* --- schemas --- */

static bool same_text(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_pairs(const oa_key_value *a, size_t a_count,
                       const oa_key_value *b, size_t b_count) {
  bool same = a_count == b_count;
  for (size_t i = 0; same && i < a_count; i++) {
    same = same_text(a[i].key, b[i].key) && same_text(a[i].value, b[i].value);
  }
  return same;
}

static bool same_field(const oa_field *a, const oa_field *b) {
  bool same =
      same_text(a->name, b->name) && a->type == b->type &&
      a->nullable == b->nullable && a->dictionary == b->dictionary &&
      a->child_count == b->child_count &&
      (!a->dictionary || a->index_type == b->index_type) &&
      (a->type != OA_TYPE_FIXED_BINARY || a->width == b->width) &&
      ((a->type != OA_TYPE_TIMESTAMP && a->type != OA_TYPE_DURATION) ||
       a->unit == b->unit) &&
      (a->type != OA_TYPE_TIMESTAMP || same_text(a->timezone, b->timezone)) &&
      same_pairs(a->metadata, a->metadata_count, b->metadata,
                 b->metadata_count);
  for (size_t i = 0; same && i < a->child_count; i++) {
    same = same_field(&a->children[i], &b->children[i]);
  }
  return same;
}

bool oa_check_same_schema(const oa_schema *a, const oa_schema *b) {
  bool same = a->field_count == b->field_count &&
              same_pairs(a->metadata, a->metadata_count, b->metadata,
                         b->metadata_count);
  for (size_t i = 0; same && i < a->field_count; i++) {
    same = same_field(&a->fields[i], &b->fields[i]);
  }
  return same;
}

void oa_check_explain_schema(const oa_schema *want, const oa_schema *have,
                             oa_error *error) {
  enum { SHOWN = 60 };
  char want_type[SHOWN];
  char have_type[SHOWN];
  for (size_t i = 0; i < want->field_count && i < have->field_count; i++) {
    const oa_field *a = &want->fields[i];
    const oa_field *b = &have->fields[i];
    if (same_field(a, b)) {
      continue;
    }
    oa_field_type_name(a, want_type, sizeof want_type);
    oa_field_type_name(b, have_type, sizeof have_type);
    oa_error_set(error, OA_ERR_UNSUPPORTED,
                 "column %zu is %.40s %s%s, not %.40s %s%s", i + 1, b->name,
                 have_type, b->nullable ? "" : " not null", a->name, want_type,
                 a->nullable ? "" : " not null");
    return;
  }
  if (want->field_count != have->field_count) {
    oa_error_set(error, OA_ERR_UNSUPPORTED, "%zu columns, not %zu",
                 have->field_count, want->field_count);
    return;
  }
  oa_error_set(error, OA_ERR_UNSUPPORTED, "its metadata is another");
}
