/* SPDX-License-Identifier: Apache-2.0 */
/* Columns to struct ArrowArray. */
#include "arrow/c_data_impl.h"
#include "base/mem.h"

/* Some consumers do not take NULL for a buffer of no bytes. */
enum { LEAST_ZEROS = 64, MOST_BUFFERS = 3 };

/* --- release --- */

static void release(struct ArrowArray *array) {
  for (int64_t i = 0; i < array->n_children; i++) {
    struct ArrowArray *child = array->children[i];
    if (child->release != NULL) {
      child->release(child);
    }
  }
  if (array->dictionary != NULL && array->dictionary->release != NULL) {
    array->dictionary->release(array->dictionary);
  }
  array->release = NULL;
  oa_c_block_drop(array->private_data);
}

/* --- zeros --- */

static size_t bits_size(int64_t bits) {
  return ((size_t)bits + 7) / 8;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* Bytes of the values of ARRAY when all of them are zero. */
static size_t values_size(const oa_field *field, const oa_array *array) {
  if (field->dictionary) {
    return (size_t)array->length * oa_type_width(field->index_type);
  }
  if (field->type == OA_TYPE_BOOL) {
    return bits_size(array->length);
  }
  return oa_c_offset_width(field) > 0
             ? 0
             : (size_t)array->length * oa_field_width(field);
}

/* How many zero bytes the buffers that ARRAY leaves out stand for. */
static size_t count_zeros(const oa_field *field, const oa_array *array) {
  size_t most = LEAST_ZEROS;
  if (field->type == OA_TYPE_NULL) {
    return most;
  }
  if (array->validity == NULL && array->null_count != 0) {
    most = larger(most, bits_size(array->length));
  }
  if (array->offsets == NULL && !field->dictionary) {
    most = larger(most, ((size_t)array->length + 1) * oa_c_offset_width(field));
  }
  if (array->values == NULL) {
    most = larger(most, values_size(field, array));
  }
  if (field->dictionary) {
    const oa_field values = oa_c_dictionary_field(field);
    return array->dictionary == NULL
               ? most
               : larger(most, count_zeros(&values, array->dictionary));
  }
  for (size_t i = 0; i < field->child_count; i++) {
    most = larger(most, count_zeros(&field->children[i], &array->children[i]));
  }
  return most;
}

/* --- arrays --- */

typedef struct maker {
  oa_c_block *block;
  const oa_c_rows *rows;
  void *context; /* of the owner */
  size_t nodes;
} maker;

/* Rows of an array that a node shows. */
typedef struct window {
  int64_t from;
  int64_t count;
} window;

static oa_status take(maker *m, size_t count, size_t size, void **out) {
  /* Also for none, so that no list is NULL. */
  return oa_arena_get_zeroed(&m->block->arena, count, size, out);
}

static int64_t count_nulls(const oa_array *array, window w) {
  if (array->null_count == 0) {
    return 0;
  }
  if (array->validity == NULL) {
    return w.count;
  }
  /* Of a part it is for the consumer to count them, if need be. */
  return w.from == 0 && w.count == array->length ? array->null_count : -1;
}

static const void *or_zeros(const maker *m, const void *buffer) {
  return buffer != NULL ? buffer : m->block->zeros;
}

static void put_buffers(const maker *m, const oa_field *field,
                        const oa_array *array, const void **out) {
  size_t used = 0;
  if (field->type == OA_TYPE_NULL && !field->dictionary) {
    return;
  }
  out[used++] = array->null_count == 0 ? NULL : or_zeros(m, array->validity);
  if (!field->dictionary && oa_c_offset_width(field) > 0) {
    out[used++] = or_zeros(m, array->offsets);
  }
  if (field->dictionary ||
      (field->type != OA_TYPE_LIST && field->type != OA_TYPE_STRUCT)) {
    out[used] = or_zeros(m, array->values);
  }
}

static oa_status put_node(maker *m, struct ArrowArray *out,
                          const oa_field *field, const oa_array *array,
                          window w);

static oa_status put_children(maker *m, struct ArrowArray *out,
                              const oa_field *field, const oa_array *array) {
  void *lists = NULL;
  void *nodes = NULL;
  OA_TRY(take(m, field->child_count, sizeof(struct ArrowArray *), &lists));
  OA_TRY(take(m, field->child_count, sizeof(struct ArrowArray), &nodes));
  out->children = lists;
  out->n_children = (int64_t)field->child_count;
  for (size_t i = 0; i < field->child_count; i++) {
    const oa_array *child = &array->children[i];
    const window all = {.count = field->type == OA_TYPE_STRUCT ? array->length
                                                               : child->length};
    out->children[i] = (struct ArrowArray *)nodes + i;
    OA_TRY(put_node(m, out->children[i], &field->children[i], child, all));
  }
  return OA_OK;
}

static oa_status put_dictionary(maker *m, struct ArrowArray *out,
                                const oa_field *field, const oa_array *array) {
  static const oa_array empty;
  const oa_field values = oa_c_dictionary_field(field);
  const oa_array *dictionary =
      array->dictionary == NULL ? &empty : array->dictionary;
  void *node = NULL;
  OA_TRY(take(m, 1, sizeof(struct ArrowArray), &node));
  out->dictionary = node;
  if (m->rows->dictionary != NULL && dictionary != &empty) {
    dictionary = m->rows->dictionary(m->context, dictionary);
  }
  const window all = {.count = dictionary->length};
  return put_node(m, node, &values, dictionary, all);
}

static oa_status put_node(maker *m, struct ArrowArray *out,
                          const oa_field *field, const oa_array *array,
                          window w) {
  void *buffers = NULL;
  OA_TRY(take(m, MOST_BUFFERS, sizeof(void *), &buffers));
  *out = (struct ArrowArray){.length = w.count,
                             .null_count = count_nulls(array, w),
                             .offset = w.from,
                             .n_buffers = oa_c_buffer_count(field),
                             .buffers = buffers,
                             .release = release,
                             .private_data = m->block};
  m->nodes++;
  put_buffers(m, field, array, out->buffers);
  if (field->dictionary) {
    return put_dictionary(m, out, field, array);
  }
  return field->child_count == 0 ? OA_OK : put_children(m, out, field, array);
}

static oa_status put_root(maker *m, struct ArrowArray *out) {
  const oa_c_rows *rows = m->rows;
  const size_t count = rows->schema->field_count;
  const window w = {.from = rows->from, .count = rows->count};
  void *buffers = NULL;
  void *lists = NULL;
  void *nodes = NULL;
  OA_TRY(take(m, 1, sizeof(void *), &buffers));
  OA_TRY(take(m, count, sizeof(struct ArrowArray *), &lists));
  OA_TRY(take(m, count, sizeof(struct ArrowArray), &nodes));
  *out = (struct ArrowArray){.length = rows->count,
                             .n_buffers = 1,
                             .buffers = buffers,
                             .n_children = (int64_t)count,
                             .children = lists,
                             .release = release,
                             .private_data = m->block};
  m->nodes++;
  for (size_t i = 0; i < count; i++) {
    out->children[i] = (struct ArrowArray *)nodes + i;
    OA_TRY(put_node(m, out->children[i], &rows->schema->fields[i],
                    &rows->columns[i], w));
  }
  return OA_OK;
}

static oa_status put_zeros(maker *m) {
  const oa_c_rows *rows = m->rows;
  size_t most = LEAST_ZEROS;
  for (size_t i = 0; i < rows->schema->field_count; i++) {
    most =
        larger(most, count_zeros(&rows->schema->fields[i], &rows->columns[i]));
  }
  m->block->zeros = oa_calloc(1, most);
  return m->block->zeros == NULL ? OA_ERR_NOMEM : OA_OK;
}

oa_status oa_c_array_export(struct ArrowArray *out, const oa_c_rows *rows,
                            oa_c_owner owner) {
  struct ArrowArray root;
  maker m = {.block = oa_c_block_new(), .rows = rows, .context = owner.context};
  if (m.block == NULL) {
    return OA_ERR_NOMEM;
  }
  oa_status status = put_zeros(&m);
  if (status == OA_OK) {
    status = put_root(&m, &root);
  }
  if (status != OA_OK) {
    oa_c_block_abandon(m.block);
    return status;
  }
  m.block->owner = owner;
  atomic_store_explicit(&m.block->holders, m.nodes, memory_order_relaxed);
  *out = root;
  return OA_OK;
}
