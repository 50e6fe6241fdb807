/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the known columns in the schema that a sender chose, and checks their
 * types. */
#include "otap/bind.h"

/* The field of COLUMN by name in FIELDS, or OA_OTAP_ABSENT. */
static int find(const oa_field *fields, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(fields[i].name, name) == 0) {
      return (int)i;
    }
  }
  return OA_OTAP_ABSENT;
}

static const char *metadata_of(const oa_field *field, const char *key) {
  for (size_t i = 0; i < field->metadata_count; i++) {
    if (strcmp(field->metadata[i].key, key) == 0) {
      return field->metadata[i].value;
    }
  }
  return NULL;
}

static oa_status wrong_type(const oa_payload_column *column,
                            const oa_field *field, oa_error *error) {
  char found[96];
  char wanted[32];
  const oa_field want = {
      .type = column->type, .width = column->width, .unit = OA_UNIT_NANO};
  oa_field_type_name(field, found, sizeof found);
  oa_field_type_name(&want, wanted, sizeof wanted);
  return oa_error_set(
      error, OA_ERR_MALFORMED, "column \"%s\" has type %s, not %s",
      column->name, found,
      column->type == OA_TYPE_LIST ? "the list it should be" : wanted);
}

/* A time may have any zone, as it counts from 1970 in UTC all the same. */
static bool is_type(const oa_payload_column *column, const oa_field *field) {
  if (field->type != column->type) {
    return false;
  }
  switch (field->type) {
    case OA_TYPE_FIXED_BINARY:
      return field->width == column->width;
    case OA_TYPE_TIMESTAMP:
    case OA_TYPE_DURATION:
      return field->unit == OA_UNIT_NANO;
    case OA_TYPE_LIST:
      return field->children->type == column->item;
    default:
      return true;
  }
}

static oa_status read_encoding(const oa_payload_column *column,
                               const oa_field *field, oa_payload_encoding *out,
                               oa_error *error) {
  static const char *const names[] = {[OA_ENCODING_PLAIN] = "plain",
                                      [OA_ENCODING_DELTA] = "delta",
                                      [OA_ENCODING_QUASI_DELTA] = "quasidelta"};
  const char *name = metadata_of(field, "encoding");
  *out = column->encoding;
  if (column->encoding == OA_ENCODING_PLAIN || name == NULL) {
    return OA_OK; /* not an id; or nothing is said */
  }
  /* A quasi delta looks at other columns, which only some tables have. */
  for (size_t i = 0; i <= OA_ENCODING_QUASI_DELTA; i++) {
    if (strcmp(name, names[i]) == 0 &&
        (i != OA_ENCODING_QUASI_DELTA ||
         column->encoding == OA_ENCODING_QUASI_DELTA)) {
      *out = (oa_payload_encoding)i;
      return OA_OK;
    }
  }
  return oa_error_set(error, OA_ERR_UNSUPPORTED,
                      "column \"%s\": encoding \"%.40s\" is none of plain%s",
                      column->name, name,
                      column->encoding == OA_ENCODING_QUASI_DELTA
                          ? ", delta and quasidelta"
                          : " and delta");
}

static oa_status bind_column(oa_otap_slot *slot, size_t i,
                             const oa_field *fields, size_t count,
                             oa_error *error) {
  const oa_payload_column *column = &slot->table.info->columns[i];
  const int place = find(fields, count, column->name);
  slot->places[i] = place;
  slot->table.columns[i] = (oa_otap_column){.map = &slot->maps[i]};
  if (place == OA_OTAP_ABSENT || fields == NULL) {
    return OA_OK;
  }
  const oa_field *field = &fields[place];
  if (!is_type(column, field)) {
    return wrong_type(column, field, error);
  }
  slot->table.columns[i].field = field;
  slot->table.columns[i].index_width =
      field->dictionary ? (uint8_t)oa_type_width(field->index_type) : 0;
  return read_encoding(column, field, &slot->table.columns[i].encoding, error);
}

oa_status oa_otap_bind(oa_otap_slot *slot, const oa_schema *schema,
                       oa_error *error) {
  const oa_payload_info *info = slot->table.info;
  for (size_t i = 0; i < info->column_count; i++) {
    const int inside = info->columns[i].inside;
    const oa_field *fields = schema->fields;
    size_t count = schema->field_count;
    if (inside != OA_PAYLOAD_TOP) {
      /* A struct stands before its members. */
      const oa_field *outer = slot->table.columns[inside].field;
      fields = outer == NULL ? NULL : outer->children;
      count = outer == NULL ? 0 : outer->child_count;
    }
    OA_TRY(bind_column(slot, i, fields, count, error));
  }
  return OA_OK;
}

oa_status oa_otap_attach(oa_otap_slot *slot, const oa_array *arrays,
                         oa_error *error) {
  oa_otap_table *table = &slot->table;
  for (size_t i = 0; i < table->info->column_count; i++) {
    const oa_payload_column *column = &table->info->columns[i];
    oa_otap_column *to = &table->columns[i];
    if (to->field == NULL) {
      if (column->required && table->rows > 0) {
        return oa_error_set(error, OA_ERR_MALFORMED, "column \"%s\" is missing",
                            column->name);
      }
      continue;
    }
    if (column->inside == OA_PAYLOAD_TOP) {
      to->array = &arrays[slot->places[i]];
    } else {
      to->outer = table->columns[column->inside].array;
      to->array = &to->outer->children[slot->places[i]];
    }
  }
  return OA_OK;
}
