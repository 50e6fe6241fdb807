/* SPDX-License-Identifier: Apache-2.0 */
/* A struct ArrowSchema of somebody else to a schema of ours. */
#include <string.h>

#include "arrow/c_data.h"
#include "arrow/ipc_read.h"
#include "base/text.h"

/* Names, formats and metadata together; a schema is a small thing. */
#define MAX_TEXT ((size_t)16 << 20)

enum { MAX_PAIRS = 4096, SHOWN = 40 };

typedef struct importer {
  oa_arena *arena;
  size_t fields; /* seen so far, at all depths */
  size_t text;   /* bytes copied so far */
  unsigned depth;
  oa_error *error;
} importer;

static oa_status damaged(const importer *m, const char *name,
                         const char *what) {
  return oa_error_set(m->error, OA_ERR_MALFORMED,
                      "Arrow schema: column \"%.80s\": %s", name, what);
}

static oa_status take(const importer *m, size_t count, size_t size,
                      void **out) {
  const oa_status status = oa_arena_get_zeroed(m->arena, count, size, out);
  return status == OA_OK
             ? status
             : oa_error_set(m->error, status,
                            "Arrow schema: no memory for its columns");
}

static oa_status copy_text(importer *m, const char *text, size_t len,
                           const char **out) {
  void *copy = NULL;
  if (len >= MAX_TEXT - m->text) {
    return oa_error_set(m->error, OA_ERR_LIMIT,
                        "Arrow schema: more than %zu bytes of text", MAX_TEXT);
  }
  m->text += len + 1;
  OA_TRY(take(m, len + 1, 1, &copy));
  memcpy(copy, text, len);
  *out = copy;
  return OA_OK;
}

/* --- metadata --- */

/* Moves over the number at *AT, which need not be aligned. */
static int32_t read_int(const char **at) {
  int32_t value;
  memcpy(&value, *at, sizeof value);
  *at += sizeof value;
  return value;
}

static oa_status read_string(importer *m, const char *name, const char **at,
                             const char **out, bool *plain) {
  const int32_t len = read_int(at);
  if (len < 0) {
    return damaged(m, name, "its metadata has a negative length");
  }
  const size_t size = (size_t)len;
  OA_TRY(copy_text(m, *at, size, out));
  /* Some writers keep binary values there; a C string cannot, and nothing
   * here asks for them. */
  *plain = *plain && strlen(*out) == size;
  *at += size;
  return OA_OK;
}

static oa_status read_metadata(importer *m, const char *name, const char *at,
                               const oa_key_value **out, size_t *count) {
  void *block = NULL;
  if (at == NULL) {
    return OA_OK;
  }
  const int32_t claimed = read_int(&at);
  if (claimed < 0 || claimed > MAX_PAIRS) {
    return damaged(m, name, "its metadata has an impossible number of pairs");
  }
  OA_TRY(take(m, (size_t)claimed, sizeof(oa_key_value), &block));
  oa_key_value *pairs = block;
  size_t used = 0;
  for (int32_t i = 0; i < claimed; i++) {
    bool plain = true;
    OA_TRY(read_string(m, name, &at, &pairs[used].key, &plain));
    OA_TRY(read_string(m, name, &at, &pairs[used].value, &plain));
    used += plain ? 1 : 0;
  }
  *out = pairs;
  *count = used;
  return OA_OK;
}

/* --- formats --- */

static oa_status unsupported(const importer *m, const oa_field *field,
                             const char *format) {
  char shown[SHOWN + 1];
  size_t len = 0;
  /* Nobody knows what stands there. */
  for (; len < SHOWN && format[len] != '\0'; len++) {
    shown[len] = format[len] >= ' ' && format[len] <= '~' ? format[len] : '?';
  }
  shown[len] = '\0';
  return oa_error_set(m->error, OA_ERR_UNSUPPORTED,
                      "Arrow schema: column \"%.80s\" has the format \"%s\", "
                      "which is not supported",
                      field->name, shown);
}

static bool read_plain(const char *format, oa_type *out) {
  static const struct {
    const char *format;
    oa_type type;
  } known[] = {
      {"n", OA_TYPE_NULL},   {"b", OA_TYPE_BOOL},
      {"c", OA_TYPE_INT8},   {"C", OA_TYPE_UINT8},
      {"s", OA_TYPE_INT16},  {"S", OA_TYPE_UINT16},
      {"i", OA_TYPE_INT32},  {"I", OA_TYPE_UINT32},
      {"l", OA_TYPE_INT64},  {"L", OA_TYPE_UINT64},
      {"f", OA_TYPE_FLOAT},  {"g", OA_TYPE_DOUBLE},
      {"u", OA_TYPE_UTF8},   {"U", OA_TYPE_LARGE_UTF8},
      {"z", OA_TYPE_BINARY}, {"Z", OA_TYPE_LARGE_BINARY},
      {"+l", OA_TYPE_LIST},  {"+s", OA_TYPE_STRUCT},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(format, known[i].format) == 0) {
      *out = known[i].type;
      return true;
    }
  }
  return false;
}

static bool read_unit(char letter, oa_time_unit *out) {
  static const char units[] = "smun";
  const char *at = letter == '\0' ? NULL : strchr(units, letter);
  if (at == NULL) {
    return false;
  }
  *out = (oa_time_unit)(at - units);
  return true;
}

/* "w:" and a number that is written as one. */
static bool read_width(const char *digits, int32_t *out) {
  int64_t width = 0;
  if (*digits == '\0') {
    return false;
  }
  for (; *digits >= '0' && *digits <= '9' && width <= INT32_MAX; digits++) {
    width = width * 10 + (*digits - '0');
  }
  *out = (int32_t)width;
  return *digits == '\0' && width <= INT32_MAX;
}

static oa_status read_timestamp(importer *m, oa_field *field,
                                const char *format) {
  const char *zone = format + 4;
  field->type = OA_TYPE_TIMESTAMP;
  return *zone == '\0' ? OA_OK
                       : copy_text(m, zone, strlen(zone), &field->timezone);
}

static oa_status read_format(importer *m, oa_field *field, const char *format) {
  if (read_plain(format, &field->type)) {
    return OA_OK;
  }
  if (strncmp(format, "w:", 2) == 0 && read_width(format + 2, &field->width)) {
    field->type = OA_TYPE_FIXED_BINARY;
    return OA_OK;
  }
  if (strncmp(format, "ts", 2) == 0 && read_unit(format[2], &field->unit) &&
      format[3] == ':') {
    return read_timestamp(m, field, format);
  }
  if (strncmp(format, "tD", 2) == 0 && read_unit(format[2], &field->unit) &&
      format[3] == '\0') {
    field->type = OA_TYPE_DURATION;
    return OA_OK;
  }
  return unsupported(m, field, format);
}

/* --- fields --- */

static oa_status read_field(importer *m, oa_field *out,
                            const struct ArrowSchema *schema);

static bool is_integer(oa_type type) {
  return type >= OA_TYPE_INT8 && type <= OA_TYPE_UINT64;
}

/* FIELD has the type of the indices, and gets that of the values. */
static oa_status read_dictionary(importer *m, oa_field *field,
                                 const struct ArrowSchema *schema) {
  const struct ArrowSchema *values = schema->dictionary;
  const oa_type index = field->type;
  oa_field described = {.name = field->name};
  if (values->release == NULL || values->format == NULL) {
    return damaged(m, field->name, "its dictionary was released");
  }
  if (!is_integer(index) || schema->n_children != 0) {
    return damaged(m, field->name,
                   "the indices of its dictionary are not "
                   "integers");
  }
  OA_TRY(read_format(m, &described, values->format));
  if (described.type == OA_TYPE_LIST || described.type == OA_TYPE_STRUCT ||
      described.type == OA_TYPE_NULL || values->dictionary != NULL ||
      (described.type == OA_TYPE_FIXED_BINARY && described.width == 0)) {
    return oa_error_set(m->error, OA_ERR_UNSUPPORTED,
                        "Arrow schema: column \"%.80s\" is a dictionary of "
                        "nested or empty values, which is not supported",
                        field->name);
  }
  if (values->n_children != 0) {
    return damaged(m, field->name,
                   "its dictionary has children, which its "
                   "type does not allow");
  }
  field->type = described.type;
  field->width = described.width;
  field->unit = described.unit;
  field->timezone = described.timezone;
  field->dictionary = true;
  field->index_type = index;
  return OA_OK;
}

static oa_status read_children(importer *m, oa_field *field,
                               const struct ArrowSchema *schema) {
  const int64_t count = schema->n_children;
  void *block = NULL;
  if (count < 0 || (count > 0 && schema->children == NULL) ||
      (field->type == OA_TYPE_LIST
           ? count != 1
           : field->type != OA_TYPE_STRUCT && count != 0)) {
    return oa_error_set(m->error, OA_ERR_MALFORMED,
                        "Arrow schema: column \"%.80s\" has %lld children, "
                        "which its type does not allow",
                        field->name, (long long)count);
  }
  if (count == 0) {
    return OA_OK;
  }
  if (m->depth >= oa_ipc_limits_default.max_depth) {
    return oa_error_set(m->error, OA_ERR_LIMIT,
                        "Arrow schema: columns are nested deeper than %u",
                        oa_ipc_limits_default.max_depth);
  }
  /* Compared before memory is taken for so many. */
  const size_t most = oa_ipc_limits_default.max_fields;
  if ((uint64_t)count > most || m->fields > most - (size_t)count) {
    return oa_error_set(m->error, OA_ERR_LIMIT,
                        "Arrow schema: more than %zu columns", most);
  }
  m->fields += (size_t)count;
  OA_TRY(take(m, (size_t)count, sizeof(oa_field), &block));
  oa_field *children = block;
  m->depth++;
  for (int64_t i = 0; i < count; i++) {
    OA_TRY(read_field(m, &children[i], schema->children[i]));
  }
  m->depth--;
  field->children = children;
  field->child_count = (size_t)count;
  return OA_OK;
}

static oa_status read_name(importer *m, oa_field *field, const char *name) {
  const size_t len = name == NULL ? 0 : strlen(name);
  field->name = "";
  if (len == 0) {
    return OA_OK;
  }
  if (!oa_utf8_valid((const uint8_t *)name, len)) {
    return oa_error_set(m->error, OA_ERR_MALFORMED,
                        "Arrow schema: a column name is not UTF-8 text");
  }
  return copy_text(m, name, len, &field->name);
}

static oa_status read_field(importer *m, oa_field *out,
                            const struct ArrowSchema *schema) {
  if (schema == NULL || schema->release == NULL || schema->format == NULL) {
    return oa_error_set(m->error, OA_ERR_MALFORMED,
                        "Arrow schema: it or one of its columns was released");
  }
  OA_TRY(read_name(m, out, schema->name));
  out->nullable = (schema->flags & ARROW_FLAG_NULLABLE) != 0;
  OA_TRY(read_format(m, out, schema->format));
  OA_TRY(read_metadata(m, out->name, schema->metadata, &out->metadata,
                       &out->metadata_count));
  return schema->dictionary != NULL ? read_dictionary(m, out, schema)
                                    : read_children(m, out, schema);
}

oa_status oa_c_schema_import(oa_schema *out, const struct ArrowSchema *schema,
                             oa_arena *arena, oa_error *error) {
  importer m = {.arena = arena, .error = error};
  oa_field root = {0};
  OA_TRY(read_field(&m, &root, schema));
  if (root.type != OA_TYPE_STRUCT || root.dictionary) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow schema: it is not that of a record batch, "
                        "which is a struct");
  }
  *out = (oa_schema){.fields = root.children,
                     .field_count = root.child_count,
                     .metadata = root.metadata,
                     .metadata_count = root.metadata_count};
  return OA_OK;
}
