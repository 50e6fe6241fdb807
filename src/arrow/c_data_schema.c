/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas to struct ArrowSchema. */
#include <stdio.h>
#include <string.h>

#include "arrow/c_data_impl.h"
#include "base/buf.h"

/* --- release --- */

static void release(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    struct ArrowSchema *child = schema->children[i];
    if (child->release != NULL) {
      child->release(child);
    }
  }
  if (schema->dictionary != NULL && schema->dictionary->release != NULL) {
    schema->dictionary->release(schema->dictionary);
  }
  schema->release = NULL;
  oa_c_block_drop(schema->private_data);
}

/* --- texts --- */

typedef struct maker {
  oa_c_block *block;
  size_t nodes;
} maker;

static oa_status copy(maker *m, const void *bytes, size_t len,
                      const char **out) {
  void *block = NULL;
  OA_TRY(oa_arena_get(&m->block->arena, len, &block));
  memcpy(block, bytes, len);
  *out = block;
  return OA_OK;
}

static const char *plain_format(oa_type type) {
  static const char *const formats[] = {
      [OA_TYPE_NULL] = "n",         [OA_TYPE_BOOL] = "b",
      [OA_TYPE_INT8] = "c",         [OA_TYPE_INT16] = "s",
      [OA_TYPE_INT32] = "i",        [OA_TYPE_INT64] = "l",
      [OA_TYPE_UINT8] = "C",        [OA_TYPE_UINT16] = "S",
      [OA_TYPE_UINT32] = "I",       [OA_TYPE_UINT64] = "L",
      [OA_TYPE_FLOAT] = "f",        [OA_TYPE_DOUBLE] = "g",
      [OA_TYPE_TIMESTAMP] = "ts",   [OA_TYPE_DURATION] = "tD",
      [OA_TYPE_UTF8] = "u",         [OA_TYPE_BINARY] = "z",
      [OA_TYPE_LARGE_UTF8] = "U",   [OA_TYPE_LARGE_BINARY] = "Z",
      [OA_TYPE_FIXED_BINARY] = "w", [OA_TYPE_LIST] = "+l",
      [OA_TYPE_STRUCT] = "+s"};
  return formats[type];
}

static oa_status put_text(oa_buf *out, const oa_field *field) {
  static const char units[] = "smun";
  if (field->dictionary) {
    return oa_buf_printf(out, "%s", plain_format(field->index_type));
  }
  const char *base = plain_format(field->type);
  switch (field->type) {
    case OA_TYPE_TIMESTAMP:
      return oa_buf_printf(out, "%s%c:%s", base, units[field->unit],
                           field->timezone == NULL ? "" : field->timezone);
    case OA_TYPE_DURATION:
      return oa_buf_printf(out, "%s%c", base, units[field->unit]);
    case OA_TYPE_FIXED_BINARY:
      return oa_buf_printf(out, "%s:%d", base, (int)field->width);
    default:
      return oa_buf_printf(out, "%s", base);
  }
}

static oa_status put_format(maker *m, struct ArrowSchema *out,
                            const oa_field *field) {
  oa_buf text = {0};
  oa_status status = put_text(&text, field);
  if (status == OA_OK) {
    status = oa_buf_put_byte(&text, '\0');
  }
  if (status == OA_OK) {
    status = copy(m, text.data, text.len, &out->format);
  }
  oa_buf_free(&text);
  return status;
}

static oa_status put_string(oa_buf *out, const char *text) {
  const size_t size = strlen(text);
  const int32_t len = (int32_t)size;
  OA_TRY(oa_buf_put(out, &len, sizeof len));
  return oa_buf_put(out, text, size);
}

static oa_status put_pairs(oa_buf *out, const oa_key_value *pairs,
                           size_t count) {
  const int32_t n = (int32_t)count;
  OA_TRY(oa_buf_put(out, &n, sizeof n));
  for (size_t i = 0; i < count; i++) {
    OA_TRY(put_string(out, pairs[i].key));
    OA_TRY(put_string(out, pairs[i].value));
  }
  return OA_OK;
}

static oa_status put_metadata(maker *m, struct ArrowSchema *out,
                              const oa_key_value *pairs, size_t count) {
  oa_buf bytes = {0};
  if (count == 0) {
    return OA_OK;
  }
  oa_status status = put_pairs(&bytes, pairs, count);
  if (status == OA_OK) {
    status = copy(m, bytes.data, bytes.len, &out->metadata);
  }
  oa_buf_free(&bytes);
  return status;
}

/* --- fields --- */

static oa_status put_field(maker *m, struct ArrowSchema *out,
                           const oa_field *field);

static oa_status put_children(maker *m, struct ArrowSchema *out,
                              const oa_field *fields, size_t count) {
  void *lists = NULL;
  void *nodes = NULL;
  if (count == 0) {
    return OA_OK;
  }
  OA_TRY(oa_arena_get_zeroed(&m->block->arena, count,
                             sizeof(struct ArrowSchema *), &lists));
  OA_TRY(oa_arena_get_zeroed(&m->block->arena, count,
                             sizeof(struct ArrowSchema), &nodes));
  out->children = lists;
  out->n_children = (int64_t)count;
  for (size_t i = 0; i < count; i++) {
    out->children[i] = (struct ArrowSchema *)nodes + i;
    OA_TRY(put_field(m, out->children[i], &fields[i]));
  }
  return OA_OK;
}

static oa_status put_field(maker *m, struct ArrowSchema *out,
                           const oa_field *field) {
  *out =
      (struct ArrowSchema){.flags = field->nullable ? ARROW_FLAG_NULLABLE : 0,
                           .release = release,
                           .private_data = m->block};
  m->nodes++;
  OA_TRY(put_format(m, out, field));
  OA_TRY(copy(m, field->name, strlen(field->name) + 1, &out->name));
  OA_TRY(put_metadata(m, out, field->metadata, field->metadata_count));
  if (field->dictionary) {
    const oa_field values = oa_c_dictionary_field(field);
    void *node = NULL;
    OA_TRY(oa_arena_get_zeroed(&m->block->arena, 1, sizeof *out, &node));
    out->dictionary = node;
    return put_field(m, node, &values);
  }
  return put_children(m, out, field->children, field->child_count);
}

oa_status oa_c_schema_export(struct ArrowSchema *out, const oa_schema *schema) {
  struct ArrowSchema root;
  const oa_field field = {.name = "",
                          .type = OA_TYPE_STRUCT,
                          .children = schema->fields,
                          .child_count = schema->field_count,
                          .metadata = schema->metadata,
                          .metadata_count = schema->metadata_count};
  maker m = {.block = oa_c_block_new()};
  if (m.block == NULL) {
    return OA_ERR_NOMEM;
  }
  const oa_status status = put_field(&m, &root, &field);
  if (status != OA_OK) {
    oa_c_block_abandon(m.block);
    return status;
  }
  atomic_store_explicit(&m.block->holders, m.nodes, memory_order_relaxed);
  *out = root;
  return OA_OK;
}
