/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/ipc_write_impl.h"

/* A flatbuffer being made, and the next dictionary id: they are given out
 * depth first. */
typedef struct schema_writer {
  oa_flat_builder flat;
  int64_t next_id;
} schema_writer;

oa_status oa_ipc_end_frame(oa_buf *meta, size_t frame) {
  const size_t len = meta->len - frame;
  const size_t pad = (OA_IPC_ALIGN - len % OA_IPC_ALIGN) % OA_IPC_ALIGN;
  if (len + pad > INT32_MAX) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_buf_put_zeros(meta, pad));
  const uint32_t words[2] = {OA_IPC_CONTINUATION,
                             (uint32_t)(len + pad - OA_IPC_PREFIX)};
  memcpy(meta->data + frame, words, sizeof words);
  return OA_OK;
}

size_t oa_ipc_put_message(oa_flat_builder *flat, size_t root, int header_type,
                          uint64_t body_length) {
  oa_flat_slot slots[OA_MESSAGE_SLOTS] = {
      [OA_MESSAGE_VERSION] = {.width = 2, .value = OA_IPC_V5},
      [OA_MESSAGE_HEADER_TYPE] = {.width = 1, .value = header_type},
      [OA_MESSAGE_HEADER] = {.width = OA_FLAT_OFFSET},
      [OA_MESSAGE_BODY_LENGTH] = {.width = 8, .value = (int64_t)body_length},
  };
  oa_flat_link(flat, root, oa_flat_put_table(flat, slots, OA_MESSAGE_SLOTS));
  return slots[OA_MESSAGE_HEADER].at;
}

static size_t put_metadata(oa_flat_builder *flat, const oa_key_value *pairs,
                           size_t count) {
  const size_t vector = oa_flat_put_vector(flat, NULL, count, OA_FLAT_OFFSET);
  for (size_t i = 0; i < count; i++) {
    oa_flat_slot slots[OA_PAIR_SLOTS] = {
        [OA_PAIR_KEY] = {.width = OA_FLAT_OFFSET},
        [OA_PAIR_VALUE] = {.width = OA_FLAT_OFFSET},
    };
    oa_flat_link(flat, vector + 4 + i * OA_FLAT_OFFSET,
                 oa_flat_put_table(flat, slots, OA_PAIR_SLOTS));
    oa_flat_link(flat, slots[OA_PAIR_KEY].at,
                 oa_flat_put_text(flat, pairs[i].key));
    oa_flat_link(flat, slots[OA_PAIR_VALUE].at,
                 oa_flat_put_text(flat, pairs[i].value));
  }
  return vector;
}

static size_t put_int_type(oa_flat_builder *flat, oa_type type) {
  const bool is_signed = type >= OA_TYPE_INT8 && type <= OA_TYPE_INT64;
  oa_flat_slot slots[] = {
      {.width = 4, .value = (int64_t)(8 * oa_type_width(type))},
      {.width = 1, .value = is_signed ? 1 : 0},
  };
  return oa_flat_put_table(flat, slots, 2);
}

static size_t put_time_type(oa_flat_builder *flat, const oa_field *field) {
  const bool zone = field->type == OA_TYPE_TIMESTAMP && field->timezone != NULL;
  oa_flat_slot slots[] = {
      {.width = 2, .value = (int64_t)field->unit},
      {.width = OA_FLAT_OFFSET},
  };
  const size_t table = oa_flat_put_table(flat, slots, zone ? 2 : 1);
  if (zone) {
    oa_flat_link(flat, slots[1].at, oa_flat_put_text(flat, field->timezone));
  }
  return table;
}

/* The table of the type, whose member of the union is type_code(). */
static size_t put_type(oa_flat_builder *flat, const oa_field *field) {
  oa_flat_slot one = {0};
  switch (field->type) {
    case OA_TYPE_INT8:
    case OA_TYPE_INT16:
    case OA_TYPE_INT32:
    case OA_TYPE_INT64:
    case OA_TYPE_UINT8:
    case OA_TYPE_UINT16:
    case OA_TYPE_UINT32:
    case OA_TYPE_UINT64:
      return put_int_type(flat, field->type);
    case OA_TYPE_FLOAT:
      one = (oa_flat_slot){.width = 2, .value = OA_PRECISION_SINGLE};
      return oa_flat_put_table(flat, &one, 1);
    case OA_TYPE_DOUBLE:
      one = (oa_flat_slot){.width = 2, .value = OA_PRECISION_DOUBLE};
      return oa_flat_put_table(flat, &one, 1);
    case OA_TYPE_FIXED_BINARY:
      one = (oa_flat_slot){.width = 4, .value = field->width};
      return oa_flat_put_table(flat, &one, 1);
    case OA_TYPE_TIMESTAMP:
    case OA_TYPE_DURATION:
      return put_time_type(flat, field);
    case OA_TYPE_NULL:
    case OA_TYPE_BOOL:
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
    case OA_TYPE_LIST:
    case OA_TYPE_STRUCT:
      break;
  }
  return oa_flat_put_table(flat, NULL, 0);
}

static int type_code(oa_type type) {
  static const int codes[] = {
      [OA_TYPE_NULL] = OA_CODE_NULL,
      [OA_TYPE_BOOL] = OA_CODE_BOOL,
      [OA_TYPE_INT8] = OA_CODE_INT,
      [OA_TYPE_INT16] = OA_CODE_INT,
      [OA_TYPE_INT32] = OA_CODE_INT,
      [OA_TYPE_INT64] = OA_CODE_INT,
      [OA_TYPE_UINT8] = OA_CODE_INT,
      [OA_TYPE_UINT16] = OA_CODE_INT,
      [OA_TYPE_UINT32] = OA_CODE_INT,
      [OA_TYPE_UINT64] = OA_CODE_INT,
      [OA_TYPE_FLOAT] = OA_CODE_FLOAT,
      [OA_TYPE_DOUBLE] = OA_CODE_FLOAT,
      [OA_TYPE_TIMESTAMP] = OA_CODE_TIMESTAMP,
      [OA_TYPE_DURATION] = OA_CODE_DURATION,
      [OA_TYPE_UTF8] = OA_CODE_UTF8,
      [OA_TYPE_BINARY] = OA_CODE_BINARY,
      [OA_TYPE_LARGE_UTF8] = OA_CODE_LARGE_UTF8,
      [OA_TYPE_LARGE_BINARY] = OA_CODE_LARGE_BINARY,
      [OA_TYPE_FIXED_BINARY] = OA_CODE_FIXED_BINARY,
      [OA_TYPE_LIST] = OA_CODE_LIST,
      [OA_TYPE_STRUCT] = OA_CODE_STRUCT,
  };
  return codes[type];
}

static size_t put_encoding(schema_writer *writer, oa_type index_type) {
  oa_flat_slot slots[] = {
      [OA_ENCODING_ID] = {.width = 8, .value = writer->next_id++},
      [OA_ENCODING_INDEX_TYPE] = {.width = OA_FLAT_OFFSET},
  };
  const size_t table = oa_flat_put_table(&writer->flat, slots, 2);
  oa_flat_link(&writer->flat, slots[OA_ENCODING_INDEX_TYPE].at,
               put_int_type(&writer->flat, index_type));
  return table;
}

/* Fields are nested as deep as their schema, which is the program's own or
 * was bounded by the reader. */
static size_t put_fields(schema_writer *writer, const oa_field *fields,
                         size_t count);

static size_t put_field(schema_writer *writer, const oa_field *field) {
  oa_flat_builder *flat = &writer->flat;
  const oa_flat_slot absent = {0};
  const oa_flat_slot offset = {.width = OA_FLAT_OFFSET};
  oa_flat_slot slots[OA_FIELD_SLOTS] = {
      [OA_FIELD_NAME] = offset,
      [OA_FIELD_NULLABLE] = {.width = 1, .value = field->nullable ? 1 : 0},
      [OA_FIELD_TYPE_TYPE] = {.width = 1, .value = type_code(field->type)},
      [OA_FIELD_TYPE] = offset,
      [OA_FIELD_DICTIONARY] = field->dictionary ? offset : absent,
      [OA_FIELD_CHILDREN] = offset,
      [OA_FIELD_METADATA] = field->metadata_count > 0 ? offset : absent,
  };
  const size_t table = oa_flat_put_table(flat, slots, OA_FIELD_SLOTS);
  oa_flat_link(flat, slots[OA_FIELD_NAME].at,
               oa_flat_put_text(flat, field->name));
  oa_flat_link(flat, slots[OA_FIELD_TYPE].at, put_type(flat, field));
  if (field->dictionary) {
    oa_flat_link(flat, slots[OA_FIELD_DICTIONARY].at,
                 put_encoding(writer, field->index_type));
  }
  /* Also when there are none: some readers insist on the vector. */
  oa_flat_link(flat, slots[OA_FIELD_CHILDREN].at,
               put_fields(writer, field->children, field->child_count));
  if (field->metadata_count > 0) {
    oa_flat_link(flat, slots[OA_FIELD_METADATA].at,
                 put_metadata(flat, field->metadata, field->metadata_count));
  }
  return table;
}

static size_t put_fields(schema_writer *writer, const oa_field *fields,
                         size_t count) {
  oa_flat_builder *flat = &writer->flat;
  const size_t vector = oa_flat_put_vector(flat, NULL, count, OA_FLAT_OFFSET);
  for (size_t i = 0; i < count; i++) {
    oa_flat_link(flat, vector + 4 + i * OA_FLAT_OFFSET,
                 put_field(writer, &fields[i]));
  }
  return vector;
}

oa_status oa_ipc_put_schema(const oa_schema *schema, oa_buf *out) {
  const size_t frame = out->len;
  schema_writer writer = {0};
  OA_TRY(oa_buf_put_zeros(out, OA_IPC_PREFIX));
  const size_t root = oa_flat_begin(&writer.flat, out);
  const size_t header =
      oa_ipc_put_message(&writer.flat, root, OA_IPC_HEADER_SCHEMA, 0);
  const bool pairs = schema->metadata_count > 0;
  oa_flat_slot slots[OA_SCHEMA_SLOTS] = {
      [OA_SCHEMA_ENDIANNESS] = {.width = 2, .value = 0},
      [OA_SCHEMA_FIELDS] = {.width = OA_FLAT_OFFSET},
      [OA_SCHEMA_METADATA] = {.width = pairs ? OA_FLAT_OFFSET : 0},
  };
  oa_flat_link(&writer.flat, header,
               oa_flat_put_table(&writer.flat, slots, OA_SCHEMA_SLOTS));
  oa_flat_link(&writer.flat, slots[OA_SCHEMA_FIELDS].at,
               put_fields(&writer, schema->fields, schema->field_count));
  if (pairs) {
    oa_flat_link(
        &writer.flat, slots[OA_SCHEMA_METADATA].at,
        put_metadata(&writer.flat, schema->metadata, schema->metadata_count));
  }
  OA_TRY(writer.flat.status);
  return oa_ipc_end_frame(out, frame);
}
