/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge_rows.h"

#include <sys/random.h>

#include "arrow/coerce.h"

enum {
  /* Rows taken at a time, which is as many as stay in the caches. */
  STEP = 4096,
  /* What describes a batch takes eight bytes a dictionary entry and a little
   * for each column; a reader's bound on the batch itself is about that. */
  ARENA_MAX = 64 << 20,
};

/* --- what can be gathered --- */

static bool field_fits(const oa_field *field);

static bool list_fits(const oa_field *field) {
  /* A table does not tell an empty list from none. */
  if (field->nullable || field->child_count != 1) {
    return false;
  }
  const oa_field *item = field->children;
  if (item->dictionary || item->type != OA_TYPE_STRUCT) {
    return field_fits(item);
  }
  for (size_t i = 0; i < item->child_count; i++) {
    if (!field_fits(&item->children[i])) {
      return false;
    }
  }
  return item->child_count > 0;
}

static bool field_fits(const oa_field *field) {
  if (field->dictionary) {
    return field->index_type == OA_TYPE_INT32 &&
           (field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY);
  }
  switch (field->type) {
    case OA_TYPE_LIST:
      return list_fits(field);
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_BOOL:
      return true;
    default: {
      const size_t width = oa_field_width(field);
      return width == 1 || width == 4 || width == 8 || width == 16;
    }
  }
}

bool oa_merge_rows_fit(const oa_schema *schema) {
  for (size_t i = 0; i < schema->field_count; i++) {
    if (!field_fits(&schema->fields[i])) {
      return false;
    }
  }
  return schema->field_count > 0;
}

/* --- make --- */

oa_status oa_merge_rows_init(oa_merge_rows *rows, const oa_schema *schema,
                             int64_t max_rows) {
  /* Texts come from strangers: they must not know how we hash them. */
  uint64_t seed = (uint64_t)(uintptr_t)rows;
  (void)!getrandom(&seed, sizeof seed, GRND_NONBLOCK);
  *rows = (oa_merge_rows){.schema = schema, .max_rows = max_rows};
  oa_arena_init(&rows->arena, ARENA_MAX);
  return oa_table_init(&rows->table, schema->fields, schema->field_count,
                       &rows->tree, seed);
}

void oa_merge_rows_free(oa_merge_rows *rows) {
  oa_table_free(&rows->table);
  oa_buf_free(&rows->tree.scratch);
  oa_arena_free(&rows->arena);
}

/* --- describe a batch --- */

typedef struct level {
  const oa_field *fields;
  const oa_array *arrays;
  size_t count;
  int64_t rows;
} level;

static void refuse(void *context, int64_t row, const char *text) {
  oa_merge_rows *rows = context;
  (void)row;
  (void)text;
  rows->refused = true;
}

static oa_status bind(oa_merge_rows *rows, const level *at, oa_source *out);

static oa_status bind_list(oa_merge_rows *rows, const oa_field *field,
                           const oa_array *array, int64_t count,
                           oa_source *out) {
  const oa_coercion how = {
      .arena = &rows->arena, .refuse = refuse, .context = rows};
  OA_TRY(oa_source_make_list(out, field, array, count, &how));
  if (out->absent) {
    return OA_OK;
  }
  const oa_field *item = field->children;
  const oa_array *items = array->children;
  const bool is_struct = item->type == OA_TYPE_STRUCT && !item->dictionary;
  const level inner = {
      .fields = is_struct ? item->children : item,
      .arrays = is_struct ? items->children : items,
      .count = is_struct ? item->child_count : 1,
      .rows = ((const int32_t *)out->array.offsets)[count],
  };
  if (inner.rows == 0) {
    out->absent = true; /* all lists are empty, as rows passed over are */
    return OA_OK;
  }
  void *children = NULL;
  if (is_struct && oa_array_head(items, inner.rows).null_count != 0) {
    return OA_ERR_UNSUPPORTED;
  }
  OA_TRY(oa_arena_get_zeroed(&rows->arena, inner.count, sizeof(oa_source),
                             &children));
  out->children = children;
  return bind(rows, &inner, children);
}

static oa_status bind(oa_merge_rows *rows, const level *at, oa_source *out) {
  const oa_coercion how = {
      .arena = &rows->arena, .refuse = refuse, .context = rows};
  for (size_t i = 0; i < at->count; i++) {
    const oa_field *field = &at->fields[i];
    const oa_array *array = &at->arrays[i];
    if (!field->nullable && oa_array_head(array, at->rows).null_count != 0) {
      return OA_ERR_UNSUPPORTED;
    }
    if (field->type == OA_TYPE_LIST && !field->dictionary) {
      OA_TRY(bind_list(rows, field, array, at->rows, &out[i]));
      continue;
    }
    OA_TRY(oa_source_make(&out[i], field, field, array, at->rows, &how));
    /* A time of 0 stays one. */
    out[i].zero_is_null = false;
  }
  return OA_OK;
}

static oa_status describe(oa_merge_rows *rows, const oa_array *columns,
                          int64_t count) {
  void *sources = NULL;
  const level top = {.fields = rows->schema->fields,
                     .arrays = columns,
                     .count = rows->schema->field_count,
                     .rows = count};
  oa_arena_reset(&rows->arena);
  OA_TRY(oa_arena_get_zeroed(&rows->arena, top.count, sizeof(oa_source),
                             &sources));
  OA_TRY(bind(rows, &top, sources));
  rows->sources = sources;
  return OA_OK;
}

void oa_merge_rows_next(oa_merge_rows *rows) {
  rows->sources = NULL;
}

/* --- take --- */

/* Bytes of memory that the rows of TABLE take. */
static size_t memory(const oa_table *table) {
  size_t sum = oa_table_used(table);
  for (size_t i = 0; i < table->column_count; i++) {
    const oa_column *column = &table->columns[i];
    sum += column->bytes.len;
    if (column->dict != NULL) {
      sum += column->dict->bytes.len;
    }
    if (column->child != NULL) {
      sum += memory(column->child);
    }
  }
  return sum;
}

bool oa_merge_rows_full(const oa_merge_rows *rows) {
  return rows->table.length >= rows->max_rows ||
         memory(&rows->table) >= OA_MERGE_BYTES;
}

bool oa_merge_rows_fits(const oa_merge_rows *rows, int64_t count,
                        size_t bytes) {
  return rows->table.length == 0 ||
         (rows->table.length + count <= rows->max_rows &&
          memory(&rows->table) + bytes <= OA_MERGE_BYTES);
}

oa_status oa_merge_rows_take(oa_merge_rows *rows, const oa_array *columns,
                             int64_t count) {
  return oa_merge_rows_take_part(rows, columns, count, 0, count);
}

oa_status oa_merge_rows_take_part(oa_merge_rows *rows, const oa_array *columns,
                                  int64_t count, int64_t from, int64_t end) {
  if (rows->sources == NULL) {
    OA_TRY(describe(rows, columns, count));
  }
  while (from < end) {
    const int64_t to = from + STEP < end ? from + STEP : end;
    OA_TRY(oa_table_append(&rows->table, rows->sources, from, to));
    from = to;
  }
  return rows->refused || rows->tree.repaired > 0 ? OA_ERR_UNSUPPORTED : OA_OK;
}

const oa_array *oa_merge_rows_finish(oa_merge_rows *rows, int64_t *count) {
  const oa_array *columns = oa_table_finish(&rows->table);
  *count = rows->table.length;
  return rows->tree.failed ? NULL : columns;
}

void oa_merge_rows_clear(oa_merge_rows *rows) {
  oa_table_clear(&rows->table);
  /* The numbers that values had in the table hold no longer. */
  rows->sources = NULL;
}
