/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and scopes: decoded once for each distinct one in a batch, then
 * only looked up by the bytes that came. */
#include "base/mem.h"
#include "otlp/builder_impl.h"
#include "otlp/json_text.h"
#include "otlp/message.h"
#include "otlp/value.h"

enum { FIRST_ENTRIES = 16 };

/* Columns that an owner's numbers go to. */
static const uint8_t resource_columns[] = {
    OA_COL_RESOURCE, OA_COL_RESOURCE_ATTRIBUTES, OA_COL_SERVICE_NAME,
    OA_COL_SERVICE_NAMESPACE, OA_COL_SERVICE_INSTANCE_ID};
static const uint8_t scope_columns[] = {OA_COL_SCOPE, OA_COL_SCOPE_ATTRIBUTES,
                                        OA_COL_SCOPE_NAME,
                                        OA_COL_SCOPE_VERSION};

static const oa_owner nobody = {{-1, -1, -1, -1, -1}};

static int32_t intern(oa_otlp_builder *builder, size_t column,
                      const uint8_t *bytes, size_t len) {
  return oa_column_intern(&builder->root, oa_builder_column(builder, column),
                          bytes, len);
}

static int32_t intern_cursor(oa_otlp_builder *builder, size_t column,
                             oa_cursor text) {
  return intern(builder, column, text.at, oa_cursor_left(&text));
}

/* The attributes of MESSAGE (repeated KeyValue with TAG) as a JSON object. */
static oa_status intern_json(oa_otlp_builder *builder, size_t column,
                             oa_cursor message, uint32_t tag, int32_t *out) {
  oa_buf *cbor = &builder->cbor;
  oa_buf *text = &builder->text;
  cbor->len = 0;
  text->len = 0;
  OA_TRY(oa_attributes_put_cbor(message, tag, builder->depth_left_out, cbor,
                                &builder->tree.repaired));
  OA_TRY(oa_json_put_cbor(text, cbor->data, cbor->len));
  *out = intern(builder, column, text->data, text->len);
  return OA_OK;
}

/* The first attribute KEY of a canonical resource, when it is a string. */
static oa_status find_text(oa_cursor resource, const char *key,
                           oa_cursor *out) {
  const size_t len = strlen(key);
  *out = (oa_cursor){0};
  while (!oa_cursor_done(&resource)) {
    uint32_t tag;
    oa_cursor entry;
    oa_cursor name;
    oa_cursor value;
    oa_any any;
    oa_buf joined = {0};
    OA_TRY(oa_cursor_tag(&resource, &tag));
    if (tag != OA_TAG(1, OA_WIRE_BYTES)) {
      OA_TRY(oa_cursor_skip(&resource, tag));
      continue;
    }
    OA_TRY(oa_cursor_bytes(&resource, &entry));
    OA_TRY(oa_key_value_read(entry, &name, &value, &joined));
    if (oa_cursor_left(&name) == len && memcmp(name.at, key, len) == 0) {
      OA_TRY(oa_any_read(value, &any));
      if (any.tag == OA_ANY_STRING) {
        *out = any.bytes;
      }
      return OA_OK;
    }
  }
  return OA_OK;
}

static oa_status intern_service(oa_otlp_builder *builder, size_t column,
                                oa_cursor resource, const char *key,
                                int32_t *out) {
  oa_cursor text;
  OA_TRY(find_text(resource, key, &text));
  *out = text.at == NULL ? -1 : intern_cursor(builder, column, text);
  return OA_OK;
}

static oa_status read_resource(oa_otlp_builder *builder, oa_cursor resource,
                               oa_owner *out) {
  OA_TRY(intern_json(builder, OA_COL_RESOURCE_ATTRIBUTES, resource,
                     OA_TAG(1, OA_WIRE_BYTES), &out->number[1]));
  out->number[0] = intern_cursor(builder, OA_COL_RESOURCE, resource);
  OA_TRY(intern_service(builder, OA_COL_SERVICE_NAME, resource, "service.name",
                        &out->number[2]));
  OA_TRY(intern_service(builder, OA_COL_SERVICE_NAMESPACE, resource,
                        "service.namespace", &out->number[3]));
  return intern_service(builder, OA_COL_SERVICE_INSTANCE_ID, resource,
                        "service.instance.id", &out->number[4]);
}

static oa_status read_scope(oa_otlp_builder *builder, oa_cursor scope,
                            oa_owner *out) {
  oa_cursor name = {scope.at, scope.at};
  oa_cursor version = name;

  OA_TRY(intern_json(builder, OA_COL_SCOPE_ATTRIBUTES, scope,
                     OA_TAG(3, OA_WIRE_BYTES), &out->number[1]));
  out->number[0] = intern_cursor(builder, OA_COL_SCOPE, scope);
  while (!oa_cursor_done(&scope)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&scope, &tag));
    if (tag == OA_TAG(1, OA_WIRE_BYTES)) {
      OA_TRY(oa_cursor_bytes(&scope, &name));
    } else if (tag == OA_TAG(2, OA_WIRE_BYTES)) {
      OA_TRY(oa_cursor_bytes(&scope, &version));
    } else {
      OA_TRY(oa_cursor_skip(&scope, tag));
    }
  }
  out->number[2] = intern_cursor(builder, OA_COL_SCOPE_NAME, name);
  out->number[3] = oa_cursor_done(&version)
                       ? -1
                       : intern_cursor(builder, OA_COL_SCOPE_VERSION, version);
  return OA_OK;
}

/* Room for the entry that the next string of OWNERS will have. */
static oa_status reserve(oa_owners *owners) {
  if (owners->raw.count < owners->capacity) {
    return OA_OK;
  }
  const size_t capacity =
      owners->capacity == 0 ? FIRST_ENTRIES : owners->capacity * 2;
  const size_t more = (capacity - owners->capacity) * sizeof *owners->entries;
  if (!oa_purse_take(owners->raw.bytes.purse, more)) {
    return OA_ERR_NOMEM;
  }
  oa_owner *entries =
      oa_realloc(owners->entries, capacity * sizeof *owners->entries);
  if (entries == NULL) {
    oa_purse_give(owners->raw.bytes.purse, more);
    return OA_ERR_NOMEM;
  }
  owners->entries = entries;
  owners->capacity = capacity;
  return OA_OK;
}

/* Reads RAW, which was not seen before. */
static oa_status read_owner(oa_otlp_builder *builder, bool resource,
                            oa_cursor raw, oa_owner *out) {
  oa_buf *canonical = &builder->canonical;
  canonical->len = 0;
  OA_TRY(
      oa_message_canonical(resource ? &oa_message_resource : &oa_message_scope,
                           raw, canonical, &builder->tree.repaired));
  const oa_cursor bytes = oa_buf_cursor(canonical);
  return resource ? read_resource(builder, bytes, out)
                  : read_scope(builder, bytes, out);
}

oa_status oa_builder_find_owner(oa_otlp_builder *builder, bool resource,
                                oa_cursor raw, int32_t *entry) {
  oa_owners *owners = resource ? &builder->resources : &builder->scopes;
  const size_t len = oa_cursor_left(&raw);
  const uint32_t hash = oa_dict_hash(&owners->raw, raw.at, len);
  const int32_t found = oa_dict_find(&owners->raw, raw.at, len, hash);
  if (found >= 0) {
    *entry = found;
    return OA_OK;
  }
  oa_owner owner = nobody;
  OA_TRY(read_owner(builder, resource, raw, &owner));
  OA_TRY(reserve(owners));
  const int32_t number = oa_dict_add(&owners->raw, raw.at, len, hash);
  if (number < 0 || builder->tree.failed) {
    return OA_ERR_NOMEM;
  }
  owners->entries[number] = owner;
  *entry = number;
  return OA_OK;
}

void oa_builder_put_owner(oa_otlp_builder *builder, bool resource,
                          uint32_t from, uint32_t to, int32_t entry) {
  const oa_owners *owners = resource ? &builder->resources : &builder->scopes;
  const uint8_t *columns = resource ? resource_columns : scope_columns;
  const size_t count =
      resource ? sizeof resource_columns : sizeof scope_columns;
  for (size_t i = 0; i < count; i++) {
    const int32_t number = owners->entries[entry].number[i];
    if (number >= 0) {
      oa_fill_u32_to(&builder->root, oa_builder_column(builder, columns[i]),
                     from, to, (uint32_t)number);
    }
  }
}

static oa_status fill(oa_otlp_builder *builder, bool resource, uint32_t from,
                      oa_cursor raw) {
  int32_t entry = 0;
  const oa_status status =
      oa_builder_find_owner(builder, resource, raw, &entry);
  if (status == OA_ERR_LIMIT) {
    return oa_builder_reject(
        builder, "an attribute of the %s is nested deeper than %u",
        resource ? "resource" : "scope", oa_builder_depth(builder));
  }
  OA_TRY(status);
  oa_builder_put_owner(builder, resource, from, builder->root.length, entry);
  return OA_OK;
}

static void fill_url(oa_otlp_builder *builder, size_t column, uint32_t from,
                     oa_cursor url) {
  if (!oa_cursor_done(&url)) {
    const int32_t number = intern_cursor(builder, column, url);
    if (number >= 0) {
      oa_fill_u32(&builder->root, oa_builder_column(builder, column), from,
                  (uint32_t)number);
    }
  }
}

oa_status oa_builder_fill_resource(oa_otlp_builder *builder, uint32_t from,
                                   oa_cursor resource, bool present,
                                   oa_cursor schema_url) {
  if (present) {
    OA_TRY(fill(builder, true, from, resource));
  }
  fill_url(builder, OA_COL_RESOURCE_SCHEMA_URL, from, schema_url);
  oa_fill_u64(&builder->root, oa_builder_column(builder, OA_COL_RESOURCE_ORD),
              from, builder->resource_ord++);
  return OA_OK;
}

oa_status oa_builder_fill_scope(oa_otlp_builder *builder, uint32_t from,
                                oa_cursor scope, bool present,
                                oa_cursor schema_url) {
  if (present) {
    OA_TRY(fill(builder, false, from, scope));
  }
  fill_url(builder, OA_COL_SCOPE_SCHEMA_URL, from, schema_url);
  oa_fill_u64(&builder->root, oa_builder_column(builder, OA_COL_SCOPE_ORD),
              from, builder->scope_ord++);
  return OA_OK;
}
