/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and scopes: messages in the input's dictionaries, tables of
 * attributes in OTAP.  Each is read once a call, however often it comes. */
#include "otap/encode_impl.h"
#include "otlp/value.h"

/* Fields of resource.v1.Resource and common.v1.InstrumentationScope. */
enum {
  RESOURCE_ATTRIBUTES = OA_TAG(1, OA_WIRE_BYTES),
  RESOURCE_DROPPED = OA_TAG(2, OA_WIRE_VARINT),
  SCOPE_ATTRIBUTES = OA_TAG(3, OA_WIRE_BYTES),
  SCOPE_DROPPED = OA_TAG(4, OA_WIRE_VARINT)
};

oa_status oa_send_owners_init(oa_send_owners *owners, uint64_t seed) {
  const oa_field *list = &oa_otlp_schema(OA_TRACES)->fields[OA_SPAN_ATTRIBUTES];
  return oa_table_init(&owners->attrs, list->children->children, OA_ATTR_COUNT,
                       &owners->tree, seed);
}

void oa_send_owners_free(oa_send_owners *owners) {
  oa_table_free(&owners->attrs);
  oa_buf_free(&owners->tree.scratch);
  oa_buf_free(&owners->entries);
}

oa_status oa_send_owners_begin(oa_send_owners *owners, const oa_array *column) {
  const size_t count =
      column->dictionary == NULL ? 0 : (size_t)column->dictionary->length;
  oa_table_clear(&owners->attrs);
  owners->tree.failed = false;
  owners->entries.len = 0;
  return oa_buf_put_zeros(&owners->entries, count * sizeof(oa_send_owner));
}

static void put_value(oa_table *attrs, const oa_any *any, const oa_buf *cbor) {
  oa_column *columns = attrs->columns;
  const size_t len = oa_cursor_left(&any->bytes);
  uint8_t type = OA_VALUE_EMPTY;
  switch (any->tag) {
    case OA_ANY_STRING:
      type = OA_VALUE_STR;
      oa_put_text(attrs, &columns[OA_ATTR_STR], any->bytes.at, len);
      break;
    case OA_ANY_INT:
      type = OA_VALUE_INT;
      oa_put_u64(attrs, &columns[OA_ATTR_INT], any->bits);
      break;
    case OA_ANY_DOUBLE:
      type = OA_VALUE_DOUBLE;
      oa_put_u64(attrs, &columns[OA_ATTR_DOUBLE], any->bits);
      break;
    case OA_ANY_BOOL:
      type = OA_VALUE_BOOL;
      oa_put_bool(attrs, &columns[OA_ATTR_BOOL], any->bits != 0);
      break;
    case OA_ANY_BYTES:
      type = OA_VALUE_BYTES;
      oa_put_bytes(attrs, &columns[OA_ATTR_BYTES], any->bytes.at, len);
      break;
    case OA_ANY_MAP:
    case OA_ANY_ARRAY:
      type = any->tag == OA_ANY_MAP ? OA_VALUE_MAP : OA_VALUE_SLICE;
      oa_put_bytes(attrs, &columns[OA_ATTR_SER], cbor->data, cbor->len);
      break;
    default:
      break;
  }
  oa_put_u8(attrs, &columns[OA_ATTR_TYPE], type);
}

static oa_status read_pair(oa_otap_encoder *encoder, oa_table *attrs,
                           oa_cursor entry, oa_buf *joined) {
  oa_buf *cbor = &encoder->scratch;
  uint64_t repaired = 0;
  oa_cursor key;
  oa_cursor value;
  oa_any any;
  OA_TRY(oa_key_value_read(entry, &key, &value, joined));
  OA_TRY(oa_any_read(value, &any));
  cbor->len = 0;
  if (any.tag == OA_ANY_MAP || any.tag == OA_ANY_ARRAY) {
    OA_TRY(oa_any_put_cbor(&any, 0, cbor, &repaired));
  }
  OA_TRY(oa_table_reserve(attrs));
  oa_put_text(attrs, &attrs->columns[OA_ATTR_KEY], key.at,
              oa_cursor_left(&key));
  put_value(attrs, &any, cbor);
  attrs->length++;
  return OA_OK;
}

static oa_status read_fields(oa_otap_encoder *encoder, bool resource,
                             oa_cursor message, oa_table *attrs,
                             uint32_t *dropped) {
  const uint32_t attributes = resource ? RESOURCE_ATTRIBUTES : SCOPE_ATTRIBUTES;
  const uint32_t count = resource ? RESOURCE_DROPPED : SCOPE_DROPPED;
  while (!oa_cursor_done(&message)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&message, &tag));
    if (tag == attributes) {
      oa_cursor entry;
      oa_buf joined = {0};
      OA_TRY(oa_cursor_bytes(&message, &entry));
      const oa_status status = read_pair(encoder, attrs, entry, &joined);
      oa_buf_free(&joined);
      OA_TRY(status);
    } else if (tag == count) {
      uint64_t value;
      OA_TRY(oa_cursor_varint(&message, &value));
      *dropped = (uint32_t)value;
    } else {
      OA_TRY(oa_cursor_skip(&message, tag));
    }
  }
  return OA_OK;
}

static oa_status read_owner(oa_otap_encoder *encoder, bool resource,
                            oa_cursor message, oa_send_owner *out) {
  oa_send_owners *owners = resource ? &encoder->resources : &encoder->scopes;
  oa_table *attrs = &owners->attrs;
  oa_send_owner owner = {.begin = attrs->length, .read = true};

  const oa_status status =
      read_fields(encoder, resource, message, attrs, &owner.dropped);
  if (status == OA_ERR_NOMEM || (status == OA_OK && owners->tree.failed)) {
    return OA_ERR_NOMEM;
  }
  if (status != OA_OK) {
    return oa_send_refuse(encoder, "the %s is not what OTLP calls one: %s",
                          resource ? "resource" : "scope",
                          oa_status_text(status));
  }
  owner.end = attrs->length;
  *out = owner;
  return OA_OK;
}

oa_status oa_send_owner_at(oa_otap_encoder *encoder, bool resource, int64_t row,
                           const oa_send_owner **out) {
  const oa_array *column =
      &encoder->columns[resource ? OA_COL_RESOURCE : OA_COL_SCOPE];
  oa_send_owners *owners = resource ? &encoder->resources : &encoder->scopes;
  const int32_t *indices = column->values;
  size_t len;

  *out = NULL;
  if (oa_array_is_null(column, row)) {
    return OA_OK;
  }
  oa_send_owner *entry = (oa_send_owner *)(void *)owners->entries.data +
                         (indices == NULL ? 0 : indices[row]);
  if (!entry->read) {
    const uint8_t *bytes = oa_array_dict_bytes(column, row, &len);
    encoder->row = row;
    OA_TRY(read_owner(encoder, resource, oa_cursor_over(bytes, len), entry));
  }
  *out = entry;
  return OA_OK;
}

oa_status oa_send_put_owner_attrs(oa_otap_encoder *encoder, bool resource) {
  oa_send_owners *owners = resource ? &encoder->resources : &encoder->scopes;
  const oa_send_owner *entries = (const void *)owners->entries.data;
  oa_send_attrs attrs = {0};
  int64_t sum = 0;

  for (int64_t i = 0; i < owners->id_count; i++) {
    if (owners->ids[i] >= 0) {
      const oa_send_owner *owner = &entries[owners->ids[i]];
      sum += owner->end - owner->begin;
    }
  }
  if (sum == 0) {
    return OA_OK;
  }
  attrs.fields = oa_table_finish(&owners->attrs);
  OA_TRY(oa_send_get(encoder, sum, sizeof *attrs.items, &attrs.items));
  for (int64_t i = 0; i < owners->id_count; i++) {
    if (owners->ids[i] >= 0) {
      const oa_send_owner *owner = &entries[owners->ids[i]];
      OA_TRY(oa_send_attrs_add(encoder, &attrs, owner->begin, owner->end,
                               (uint32_t)i));
    }
  }
  return oa_send_put_attrs(
      encoder, resource ? OA_PAYLOAD_RESOURCE_ATTRS : OA_PAYLOAD_SCOPE_ATTRS,
      &attrs);
}
