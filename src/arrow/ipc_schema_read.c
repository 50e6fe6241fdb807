/* SPDX-License-Identifier: Apache-2.0 */
/* Schema messages to fields.  Everything is copied into the reader's arena. */
#include <string.h>

#include "arrow/ipc_read_impl.h"
#include "base/text.h"

/* A flatbuffer may name one table many times, so a few bytes could unfold to
 * gigabytes.  Honest schemas take a few times their own size as fields. */
enum { SCHEMA_GROWTH = 64, SCHEMA_BASE = 64 * 1024, FIELD_LEAST = 16 };

typedef struct schema_reader {
  oa_ipc_reader *reader;
  oa_arena *arena;
  size_t fields; /* seen so far, at all depths */
  size_t max_fields;
  unsigned depth;
  int32_t *dict_of;
  oa_ipc_dict *dicts; /* room for one a field */
  size_t dict_count;
  oa_error *error;
} schema_reader;

static oa_status damaged(const schema_reader *s, const char *what) {
  return oa_error_set(s->error, OA_ERR_MALFORMED, "Arrow schema: %s", what);
}

static oa_status take(const schema_reader *s, size_t count, size_t size,
                      void **out) {
  oa_status status = oa_arena_get_zeroed(s->arena, count, size, out);
  if (status == OA_ERR_LIMIT) {
    return oa_error_set(s->error, status,
                        "Arrow schema: it unfolds to more than %zu bytes",
                        s->arena->max);
  }
  return status;
}

/* True when a C string can hold the text. */
static bool is_plain(const char *text, size_t len) {
  return len == 0 || memchr(text, 0, len) == NULL;
}

static oa_status copy_text(const schema_reader *s, const char *text, size_t len,
                           const char **out) {
  void *copy = NULL;
  OA_TRY(take(s, len + 1, 1, &copy));
  if (len > 0) {
    memcpy(copy, text, len);
  }
  *out = copy;
  return OA_OK;
}

static oa_status read_pair(const schema_reader *s, const oa_flat_vector *vector,
                           size_t i, oa_key_value *out, bool *kept) {
  oa_flat_table pair;
  const char *key = NULL;
  const char *value = NULL;
  size_t key_len = 0;
  size_t value_len = 0;
  if (!oa_flat_vector_table(vector, i, &pair) ||
      !oa_flat_get_text(&pair, OA_PAIR_KEY, &key, &key_len) ||
      !oa_flat_get_text(&pair, OA_PAIR_VALUE, &value, &value_len)) {
    return damaged(s, "the custom metadata is not a valid flatbuffer");
  }
  /* Some writers keep binary values there; a C string cannot, and nothing
   * here asks for them. */
  *kept = is_plain(key, key_len) && is_plain(value, value_len);
  if (!*kept) {
    return OA_OK;
  }
  OA_TRY(copy_text(s, key, key_len, &out->key));
  return copy_text(s, value, value_len, &out->value);
}

static oa_status read_metadata(const schema_reader *s,
                               const oa_flat_table *table, size_t id,
                               const oa_key_value **out, size_t *count) {
  oa_flat_vector vector;
  if (!oa_flat_get_vector(table, id, OA_FLAT_OFFSET, &vector)) {
    return damaged(s, "the custom metadata is not a valid flatbuffer");
  }
  if (vector.count == 0) {
    return OA_OK;
  }
  void *block = NULL;
  OA_TRY(take(s, vector.count, sizeof(oa_key_value), &block));
  oa_key_value *pairs = block;
  size_t used = 0;
  for (size_t i = 0; i < vector.count; i++) {
    bool kept = false;
    OA_TRY(read_pair(s, &vector, i, &pairs[used], &kept));
    used += kept ? 1 : 0;
  }
  *out = pairs;
  *count = used;
  return OA_OK;
}

/* --- types --- */

static const char *code_name(int64_t code) {
  static const char *const names[] = {"no type",
                                      "null",
                                      "int",
                                      "floating point",
                                      "binary",
                                      "utf8",
                                      "bool",
                                      "decimal",
                                      "date",
                                      "time",
                                      "timestamp",
                                      "interval",
                                      "list",
                                      "struct",
                                      "union",
                                      "fixed-size binary",
                                      "fixed-size list",
                                      "map",
                                      "duration",
                                      "large binary",
                                      "large utf8",
                                      "large list",
                                      "run-end encoded",
                                      "binary view",
                                      "utf8 view",
                                      "list view",
                                      "large list view"};
  const int64_t count = sizeof names / sizeof names[0];
  return code >= 0 && code < count ? names[code] : "unknown";
}

static oa_status unsupported(const schema_reader *s, const oa_field *field,
                             const char *type) {
  return oa_error_set(s->error, OA_ERR_UNSUPPORTED,
                      "Arrow schema: column \"%.80s\" has type %s, which is "
                      "not supported",
                      field->name, type);
}

static oa_status read_int(const schema_reader *s, const oa_field *field,
                          const oa_flat_table *table, oa_type *out) {
  int64_t bits = 0;
  int64_t is_signed = 0;
  if (!oa_flat_get(table, 0, 4, 0, &bits) ||
      !oa_flat_get(table, 1, 1, 0, &is_signed)) {
    return damaged(s, "an integer type is not a valid flatbuffer");
  }
  switch (bits) {
    case 8:
      *out = is_signed != 0 ? OA_TYPE_INT8 : OA_TYPE_UINT8;
      return OA_OK;
    case 16:
      *out = is_signed != 0 ? OA_TYPE_INT16 : OA_TYPE_UINT16;
      return OA_OK;
    case 32:
      *out = is_signed != 0 ? OA_TYPE_INT32 : OA_TYPE_UINT32;
      return OA_OK;
    case 64:
      *out = is_signed != 0 ? OA_TYPE_INT64 : OA_TYPE_UINT64;
      return OA_OK;
    default:
      return unsupported(s, field, "integer of unusual width");
  }
}

static oa_status read_float(const schema_reader *s, oa_field *field,
                            const oa_flat_table *table) {
  int64_t precision = 0;
  if (!oa_flat_get(table, 0, 2, 0, &precision)) {
    return damaged(s, "a floating point type is not a valid flatbuffer");
  }
  if (precision == OA_PRECISION_SINGLE) {
    field->type = OA_TYPE_FLOAT;
    return OA_OK;
  }
  if (precision == OA_PRECISION_DOUBLE) {
    field->type = OA_TYPE_DOUBLE;
    return OA_OK;
  }
  return unsupported(s, field, "half float");
}

static oa_status read_time(const schema_reader *s, oa_field *field,
                           const oa_flat_table *table, bool timestamp) {
  int64_t unit = 0;
  const char *zone = NULL;
  size_t zone_len = 0;
  /* The defaults of the two tables differ. */
  if (!oa_flat_get(table, 0, 2, timestamp ? OA_UNIT_SECOND : OA_UNIT_MILLI,
                   &unit) ||
      (timestamp && !oa_flat_get_text(table, 1, &zone, &zone_len)) ||
      unit < OA_UNIT_SECOND || unit > OA_UNIT_NANO) {
    return damaged(s, "a time type is not valid");
  }
  field->type = timestamp ? OA_TYPE_TIMESTAMP : OA_TYPE_DURATION;
  field->unit = (oa_time_unit)unit;
  if (zone_len == 0) {
    return OA_OK;
  }
  if (!is_plain(zone, zone_len)) {
    return damaged(s, "a time zone has a zero byte");
  }
  return copy_text(s, zone, zone_len, &field->timezone);
}

static oa_status read_fixed(const schema_reader *s, oa_field *field,
                            const oa_flat_table *table) {
  int64_t width = 0;
  if (!oa_flat_get(table, 0, 4, 0, &width) || width < 0) {
    return damaged(s, "the width of a fixed-size binary type is not valid");
  }
  field->type = OA_TYPE_FIXED_BINARY;
  field->width = (int32_t)width;
  return OA_OK;
}

static oa_status read_type(const schema_reader *s, const oa_flat_table *table,
                           oa_field *field) {
  int64_t code = 0;
  oa_flat_table type;
  if (!oa_flat_get(table, OA_FIELD_TYPE_TYPE, 1, 0, &code) ||
      !oa_flat_get_table(table, OA_FIELD_TYPE, &type)) {
    return damaged(s, "a type is not a valid flatbuffer");
  }
  switch (code) {
    case OA_CODE_NULL:
      field->type = OA_TYPE_NULL;
      return OA_OK;
    case OA_CODE_BOOL:
      field->type = OA_TYPE_BOOL;
      return OA_OK;
    case OA_CODE_INT:
      return read_int(s, field, &type, &field->type);
    case OA_CODE_FLOAT:
      return read_float(s, field, &type);
    case OA_CODE_BINARY:
      field->type = OA_TYPE_BINARY;
      return OA_OK;
    case OA_CODE_UTF8:
      field->type = OA_TYPE_UTF8;
      return OA_OK;
    case OA_CODE_LARGE_BINARY:
      field->type = OA_TYPE_LARGE_BINARY;
      return OA_OK;
    case OA_CODE_LARGE_UTF8:
      field->type = OA_TYPE_LARGE_UTF8;
      return OA_OK;
    case OA_CODE_TIMESTAMP:
    case OA_CODE_DURATION:
      return read_time(s, field, &type, code == OA_CODE_TIMESTAMP);
    case OA_CODE_FIXED_BINARY:
      return read_fixed(s, field, &type);
    case OA_CODE_LIST:
      field->type = OA_TYPE_LIST;
      return OA_OK;
    case OA_CODE_STRUCT:
      field->type = OA_TYPE_STRUCT;
      return OA_OK;
    default:
      return unsupported(s, field, code_name(code));
  }
}

/* --- dictionaries --- */

/* The entry of dictionary ID, which fields may share when they agree. */
static oa_status find_dict(schema_reader *s, int64_t id, const oa_field *field,
                           int32_t *out) {
  oa_purse *purse = s->reader->limits.purse;
  oa_field values = *field;
  values.dictionary = false;
  for (size_t i = 0; i < s->dict_count; i++) {
    if (s->dicts[i].id == id) {
      const oa_field *other = &s->dicts[i].values;
      if (other->type != values.type || other->width != values.width) {
        return damaged(s, "two columns of different types share a dictionary");
      }
      *out = (int32_t)i;
      return OA_OK;
    }
  }
  s->dicts[s->dict_count] = (oa_ipc_dict){.id = id,
                                          .values = values,
                                          .validity = {.purse = purse},
                                          .offsets = {.purse = purse},
                                          .bytes = {.purse = purse}};
  *out = (int32_t)s->dict_count++;
  return OA_OK;
}

static oa_status read_encoding(schema_reader *s, const oa_flat_table *table,
                               oa_field *field, int32_t *dict) {
  oa_flat_table encoding;
  oa_flat_table index;
  int64_t id = 0;
  int64_t kind = 0;
  *dict = OA_IPC_NO_DICT;
  if (!oa_flat_get_table(table, OA_FIELD_DICTIONARY, &encoding)) {
    return damaged(s, "a dictionary encoding is not a valid flatbuffer");
  }
  if (encoding.bytes == NULL) {
    return OA_OK;
  }
  if (!oa_flat_get(&encoding, OA_ENCODING_ID, 8, 0, &id) ||
      !oa_flat_get_table(&encoding, OA_ENCODING_INDEX_TYPE, &index) ||
      !oa_flat_get(&encoding, OA_ENCODING_KIND, 2, 0, &kind) || kind != 0) {
    return damaged(s, "a dictionary encoding is not valid");
  }
  if (field->type == OA_TYPE_LIST || field->type == OA_TYPE_STRUCT ||
      field->type == OA_TYPE_NULL ||
      (field->type == OA_TYPE_FIXED_BINARY && field->width == 0)) {
    return unsupported(s, field, "dictionary of nested or empty values");
  }
  field->dictionary = true;
  field->index_type = OA_TYPE_INT32;
  if (index.bytes != NULL) {
    OA_TRY(read_int(s, field, &index, &field->index_type));
  }
  return find_dict(s, id, field, dict);
}

/* --- fields --- */

static oa_status read_fields(schema_reader *s, const oa_flat_vector *vector,
                             const oa_field **out);

static oa_status read_name(const schema_reader *s, const oa_flat_table *table,
                           oa_field *field) {
  const char *name = NULL;
  size_t len = 0;
  if (!oa_flat_get_text(table, OA_FIELD_NAME, &name, &len)) {
    return damaged(s, "a column name is not a valid flatbuffer");
  }
  if (len > 0 &&
      (!is_plain(name, len) || !oa_utf8_valid((const uint8_t *)name, len))) {
    return damaged(s, "a column name is not UTF-8 text");
  }
  return copy_text(s, name, len, &field->name);
}

static oa_status read_children(schema_reader *s, const oa_flat_table *table,
                               oa_field *field) {
  oa_flat_vector children;
  if (!oa_flat_get_vector(table, OA_FIELD_CHILDREN, OA_FLAT_OFFSET,
                          &children)) {
    return damaged(s, "the children of a column are not a valid flatbuffer");
  }
  if (field->type == OA_TYPE_LIST
          ? children.count != 1
          : field->type != OA_TYPE_STRUCT && children.count != 0) {
    return oa_error_set(s->error, OA_ERR_MALFORMED,
                        "Arrow schema: column \"%.80s\" has %zu children, "
                        "which its type does not allow",
                        field->name, children.count);
  }
  if (children.count == 0) {
    return OA_OK;
  }
  if (s->depth >= s->reader->limits.max_depth) {
    return oa_error_set(s->error, OA_ERR_LIMIT,
                        "Arrow schema: columns are nested deeper than %u",
                        s->reader->limits.max_depth);
  }
  s->depth++;
  OA_TRY(read_fields(s, &children, &field->children));
  s->depth--;
  field->child_count = children.count;
  return OA_OK;
}

static oa_status read_field(schema_reader *s, const oa_flat_table *table,
                            oa_field *field) {
  int64_t nullable = 0;
  const size_t number = s->fields++;
  if (number >= s->max_fields) {
    return oa_error_set(s->error, OA_ERR_LIMIT,
                        "Arrow schema: more than %zu columns", s->max_fields);
  }
  OA_TRY(read_name(s, table, field));
  if (!oa_flat_get(table, OA_FIELD_NULLABLE, 1, 0, &nullable)) {
    return damaged(s, "a column is not a valid flatbuffer");
  }
  field->nullable = nullable != 0;
  OA_TRY(read_type(s, table, field));
  OA_TRY(read_encoding(s, table, field, &s->dict_of[number]));
  OA_TRY(read_metadata(s, table, OA_FIELD_METADATA, &field->metadata,
                       &field->metadata_count));
  return read_children(s, table, field);
}

static oa_status read_fields(schema_reader *s, const oa_flat_vector *vector,
                             const oa_field **out) {
  if (vector->count > s->max_fields) {
    return oa_error_set(s->error, OA_ERR_LIMIT,
                        "Arrow schema: more than %zu columns", s->max_fields);
  }
  void *block = NULL;
  OA_TRY(take(s, vector->count, sizeof(oa_field), &block));
  oa_field *fields = block;
  for (size_t i = 0; i < vector->count; i++) {
    oa_flat_table table;
    if (!oa_flat_vector_table(vector, i, &table)) {
      return damaged(s, "a column is not a valid flatbuffer");
    }
    OA_TRY(read_field(s, &table, &fields[i]));
  }
  *out = fields;
  return OA_OK;
}

static oa_status read_all(schema_reader *s, const oa_flat_table *head,
                          oa_schema *schema) {
  int64_t endianness = 0;
  oa_flat_vector fields;
  if (!oa_flat_get(head, OA_SCHEMA_ENDIANNESS, 2, 0, &endianness) ||
      !oa_flat_get_vector(head, OA_SCHEMA_FIELDS, OA_FLAT_OFFSET, &fields)) {
    return damaged(s, "it is not a valid flatbuffer");
  }
  if (endianness != 0) {
    return oa_error_set(s->error, OA_ERR_UNSUPPORTED,
                        "Arrow schema: the data is big-endian");
  }
  OA_TRY(read_fields(s, &fields, &schema->fields));
  schema->field_count = fields.count;
  return read_metadata(s, head, OA_SCHEMA_METADATA, &schema->metadata,
                       &schema->metadata_count);
}

/* Room for the tables of all fields.  A field of a flatbuffer takes more than
 * FIELD_LEAST bytes, unless one table is named many times. */
static oa_status make_room(schema_reader *s, size_t meta_len) {
  const size_t most = s->reader->limits.max_fields;
  const size_t guess = meta_len / FIELD_LEAST + 1;
  void *block = NULL;
  s->max_fields = guess < most ? guess : most;
  OA_TRY(take(s, s->max_fields, sizeof *s->dict_of, &block));
  s->dict_of = block;
  OA_TRY(take(s, s->max_fields, sizeof *s->dicts, &block));
  s->dicts = block;
  return OA_OK;
}

oa_status oa_ipc_read_schema(oa_ipc_reader *reader, const oa_flat_table *head,
                             size_t meta_len, oa_error *error) {
  schema_reader s = {
      .reader = reader, .arena = &reader->schema_arena, .error = error};
  oa_schema schema = {0};
  oa_arena_init(s.arena, SCHEMA_BASE + meta_len * SCHEMA_GROWTH);
  s.arena->purse = reader->limits.purse;
  oa_status status = make_room(&s, meta_len);
  if (status == OA_OK) {
    status = read_all(&s, head, &schema);
  }
  if (status != OA_OK) {
    oa_arena_free(s.arena);
    return status;
  }
  reader->schema = schema;
  reader->field_total = s.fields;
  reader->dict_of = s.dict_of;
  reader->dicts = s.dicts;
  reader->dict_count = s.dict_count;
  reader->has_schema = true;
  return OA_OK;
}
