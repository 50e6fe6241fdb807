/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/table_impl.h"
#include "base/mem.h"

/* --- make --- */

static oa_status init_child(oa_column *column, oa_table_tree *tree,
                            uint64_t seed) {
  const oa_field *item = column->field->children;
  const bool is_struct = item->type == OA_TYPE_STRUCT;

  column->child = oa_calloc(1, sizeof *column->child);
  if (column->child == NULL) {
    return OA_ERR_NOMEM;
  }
  return oa_table_init(column->child, is_struct ? item->children : item,
                       is_struct ? item->child_count : 1, tree, seed);
}

oa_status oa_table_init(oa_table *table, const oa_field *fields, size_t count,
                        oa_table_tree *tree, uint64_t seed) {
  *table = (oa_table){.column_count = count, .tree = tree};
  tree->scratch.purse = &tree->purse;
  table->columns = oa_calloc(count, sizeof *table->columns);
  table->arrays = oa_calloc(count, sizeof *table->arrays);
  table->dictionaries = oa_calloc(count, sizeof *table->dictionaries);
  if (table->columns == NULL || table->arrays == NULL ||
      table->dictionaries == NULL) {
    return OA_ERR_NOMEM;
  }
  for (size_t i = 0; i < count; i++) {
    oa_column *column = &table->columns[i];
    column->field = &fields[i];
    column->starts_gaps = fields[i].nullable;
    column->bytes.purse = &tree->purse;
    if (fields[i].type == OA_TYPE_LIST) {
      OA_TRY(init_child(column, tree, seed));
    } else if (fields[i].dictionary) {
      column->dict = oa_calloc(1, sizeof *column->dict);
      if (column->dict == NULL) {
        return OA_ERR_NOMEM;
      }
      column->dict->seed = seed;
      column->dict->bytes.purse = &tree->purse;
    }
  }
  return OA_OK;
}
/* --- end --- */

static void finish_column(oa_table *table, size_t i) {
  oa_column *column = &table->columns[i];
  oa_array *array = &table->arrays[i];
  const oa_field *field = column->field;
  const uint32_t length = table->length;

  *array = (oa_array){.length = length};
  if (field->nullable) {
    array->null_count = (int64_t)length - column->valid;
  }
  if (field->type == OA_TYPE_LIST) {
    const oa_array *items = oa_table_finish(column->child);
    const oa_field *item = field->children;
    if (item->type == OA_TYPE_STRUCT) {
      column->child->item =
          (oa_array){.length = column->child->length, .children = items};
      items = &column->child->item;
    }
    array->children = items;
  }
  if (field->dictionary) {
    oa_array *values = &table->dictionaries[i];
    *values = (oa_array){.length = column->dict->count,
                         .offsets = column->dict->offsets,
                         .values = column->dict->bytes.data,
                         .values_size = column->dict->bytes.len};
    array->dictionary = values;
  }
  /* Nothing was ever put since the last clear: all null, or all zero. */
  if (column->filled == 0 || !oa_column_catch_up(table, column, length)) {
    return;
  }
  array->validity = array->null_count == 0 ? NULL : column->validity;
  if (oa_field_has_offsets(field)) {
    array->offsets = column->offsets;
    array->values = oa_field_is_variable(field) ? column->bytes.data : NULL;
    array->values_size = column->bytes.len;
  } else {
    array->values = column->values;
    array->values_size = oa_values_size(field, length);
  }
}

const oa_array *oa_table_finish(oa_table *table) {
  for (size_t i = 0; i < table->column_count; i++) {
    finish_column(table, i);
  }
  return table->arrays;
}

static void release_column(oa_table *table, oa_column *column) {
  oa_column_release_rows(table, column);
  oa_buf_free(&column->bytes);
  if (column->dict != NULL) {
    oa_dict_free(column->dict);
  }
  if (column->child != NULL) {
    oa_table_release(column->child);
  }
}

void oa_table_release(oa_table *table) {
  oa_table_clear(table);
  for (size_t i = 0; i < table->column_count; i++) {
    release_column(table, &table->columns[i]);
  }
  table->capacity = 0;
  table->room = 0;
  table->row_bits = 0;
  table->slots_for = 0;
  table->tree->text = 0;
}

void oa_table_free(oa_table *table) {
  for (size_t i = 0; table->columns != NULL && i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    if (column->field == NULL) {
      continue; /* making the table failed before this column */
    }
    if (column->child != NULL) {
      oa_table_free(column->child);
    }
    release_column(table, column);
    oa_free(column->dict);
    oa_free(column->child);
  }
  oa_free(table->columns);
  oa_free(table->arrays);
  oa_free(table->dictionaries);
  *table = (oa_table){.tree = table->tree};
}
