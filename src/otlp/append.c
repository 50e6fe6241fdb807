/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "arrow/bits.h"
#include "otlp/append_impl.h"

/* Copies of one batch take a small multiple of its own size; this only stops
 * what is no batch at all. */
static const size_t max_copies = (size_t)1 << 30;

/* --- rows that are left out --- */

/* The row of LEVEL's parent whose list has item ITEM, or -1. */
static int64_t owner_of(const oa_append_level *level, int64_t item) {
  const oa_array *list = &level->list->array;
  const int32_t *offsets = list->offsets;
  int64_t low = 0;
  int64_t high = list->length;

  if (item < offsets[0] || item >= offsets[high]) {
    return -1;
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (offsets[middle] <= item) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return oa_array_is_null(list, low) ? -1 : low;
}

static void put_name(const oa_append_level *level, char *out, size_t size) {
  out[0] = '\0';
  if (level->parent != NULL) {
    put_name(level->parent, out, size);
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", used > 0 ? "." : "",
             level->list->field->name);
  }
}

static bool make_bad(oa_appender *a) {
  void *bits = NULL;
  if (oa_arena_get_zeroed(&a->arena, (size_t)a->rows / 8 + 1, 1, &bits) !=
      OA_OK) {
    a->builder->tree.failed = true; /* looked at before rows are appended */
    return false;
  }
  a->bad = bits;
  a->any_bad = true;
  return true;
}

void oa_append_refuse(oa_appender *a, const oa_append_level *level,
                      const char *column, int64_t row, const char *text) {
  char name[64];
  char *reason = a->result->reason;
  const oa_append_level *at = level;

  for (; at->parent != NULL && row >= 0; at = at->parent) {
    row = owner_of(at, row);
  }
  if (row < 0 || row >= a->rows) {
    return; /* an item that no row has */
  }
  if (!a->any_bad && !make_bad(a)) {
    return;
  }
  a->bad[row >> 3] |= (uint8_t)(1U << (row & 7));
  if (reason[0] == '\0') {
    put_name(level, name, sizeof name);
    snprintf(reason, sizeof a->result->reason, "row %lld, column %s%s%s: %s",
             (long long)row, name,
             name[0] != '\0' && column[0] != '\0' ? "." : "", column, text);
  }
}

/* --- the batch --- */

static oa_status open_appender(oa_appender *a) {
  const size_t count = a->builder->root.column_count;
  void *columns = NULL;
  void *have = NULL;
  OA_TRY(oa_arena_get_zeroed(&a->arena, count, sizeof(oa_source), &columns));
  OA_TRY(oa_arena_get_zeroed(&a->arena, count, sizeof(bool), &have));
  a->columns = columns;
  a->have = have;
  return OA_OK;
}

/* Everything that can make a row be left out. */
static oa_status check_rows(oa_appender *a) {
  switch (a->builder->signal) {
    case OA_TRACES:
      OA_TRY(oa_append_check_spans(a));
      break;
    case OA_METRICS:
      OA_TRY(oa_append_check_points(a));
      break;
    default:
      OA_TRY(oa_append_check_logs(a));
      break;
  }
  return oa_append_find_owners(a);
}

/* The columns that are filled by their owner, not copied. */
static void take_out(oa_appender *a, oa_source *ords) {
  static const uint8_t owned[] = {
      OA_COL_RESOURCE_ORD,        OA_COL_SCOPE_ORD,
      OA_COL_SERVICE_NAME,        OA_COL_SERVICE_NAMESPACE,
      OA_COL_SERVICE_INSTANCE_ID, OA_COL_RESOURCE,
      OA_COL_RESOURCE_ATTRIBUTES, OA_COL_SCOPE,
      OA_COL_SCOPE_NAME,          OA_COL_SCOPE_VERSION,
      OA_COL_SCOPE_ATTRIBUTES};

  ords[0] = a->columns[OA_COL_RESOURCE_ORD];
  ords[1] = a->columns[OA_COL_SCOPE_ORD];
  ords[2] = (oa_source){.absent = true};
  for (size_t i = 0; i < sizeof owned; i++) {
    a->columns[owned[i]].absent = true;
  }
  if (a->builder->signal == OA_METRICS) {
    ords[2] = a->columns[OA_POINT_METRIC_ORD];
    a->columns[OA_POINT_METRIC_ORD].absent = true;
  }
}

/* Runs of rows that are not left out. */
static oa_status append_rows(oa_appender *a) {
  oa_table *root = &a->builder->root;
  int64_t from = 0;

  if (!a->any_bad) {
    return oa_table_append(root, a->columns, 0, a->rows);
  }
  for (int64_t i = 0; i <= a->rows; i++) {
    if (i == a->rows || oa_append_is_bad(a, i)) {
      OA_TRY(oa_table_append(root, a->columns, from, i));
      from = i + 1;
    }
  }
  return OA_OK;
}

static void count_items(oa_appender *a) {
  for (int64_t i = 0; i < a->rows; i++) {
    if (oa_append_is_item(a, i)) {
      *(oa_append_is_bad(a, i) ? &a->result->rejected : &a->result->accepted) +=
          1;
    }
  }
}

static oa_status append_batch(oa_appender *a, const oa_schema *schema,
                              const oa_array *columns) {
  const uint32_t from = a->builder->root.length;
  oa_source ords[3];

  OA_TRY(open_appender(a));
  OA_TRY(oa_append_bind(a, schema, columns));
  if (a->rows == 0) {
    return OA_OK;
  }
  OA_TRY(check_rows(a));
  take_out(a, ords);
  /* Each row takes two numbers at most: a resource's and one between. */
  oa_builder_reserve_ords(a->builder, 4 * (size_t)a->rows);
  OA_TRY(append_rows(a));
  count_items(a);
  oa_append_put_owners(a, ords, from);
  return OA_OK;
}

oa_status oa_otlp_append(oa_otlp_builder *builder, const oa_schema *schema,
                         const oa_array *columns, int64_t rows,
                         oa_otlp_result *result, oa_error *error) {
  oa_error said = {0};
  oa_builder_place before = {0};
  oa_appender a = {
      .builder = builder, .rows = rows, .result = result, .error = &said};

  oa_builder_keep_place(builder, &before);
  oa_arena_init(&a.arena, max_copies);
  a.arena.purse = &builder->tree.purse;
  a.text.purse = &builder->tree.purse;
  *result = (oa_otlp_result){0};
  oa_builder_begin(builder);

  oa_status status =
      rows > INT32_MAX / 2 ? OA_ERR_LIMIT : append_batch(&a, schema, columns);
  oa_arena_free(&a.arena);
  oa_buf_free(&a.text);
  builder->resource_ord++; /* the number between requests */
  result->repaired = builder->tree.repaired;
  status = oa_builder_end(builder, status);
  if (status == OA_OK) {
    return OA_OK;
  }
  oa_builder_go_back(builder, &before);
  *result = (oa_otlp_result){0};
  if (said.text[0] != '\0') {
    return oa_error_set(error, said.code, "%s", said.text);
  }
  return oa_error_set(error, status, "%s: %s", oa_signal_name(builder->signal),
                      oa_status_text(status));
}
