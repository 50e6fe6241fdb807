/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows stand together: the sender's numbers say it, and so do the
 * columns that all rows of a group share.  A group of a sender that numbers
 * carelessly must not swallow what differs. */
#include "otlp/append_impl.h"

/* Columns that a metric's rows share. */
static const uint8_t metric_columns[] = {
    OA_POINT_METRIC_NAME, OA_POINT_DESCRIPTION, OA_POINT_UNIT,
    OA_POINT_METRIC_TYPE, OA_POINT_TEMPORALITY, OA_POINT_IS_MONOTONIC};

/* Rows of the builder from which on the groups that are open run. */
typedef struct groups {
  uint32_t resource, scope, metric;
  uint32_t end; /* the next row */
  int64_t last; /* the sender's row before that, or -1 */
  bool request; /* another request has begun */
} groups;

static bool is_set(const oa_column *column, uint32_t row) {
  return row < column->filled &&
         (!column->gaps || oa_bit(column->validity, row));
}

static bool same_list(const oa_column *list, uint32_t x, uint32_t y);

static bool same_value(const oa_column *column, uint32_t x, uint32_t y) {
  const oa_field *field = column->field;

  if (column->child != NULL) {
    return same_list(column, x, y);
  }
  const bool has_x = is_set(column, x);
  const bool has_y = is_set(column, y);
  if (!has_x || !has_y) {
    return has_x == has_y;
  }
  if (!field->dictionary && column->offsets != NULL) {
    const int32_t from_x = column->offsets[x];
    const int32_t from_y = column->offsets[y];
    const size_t len = (size_t)(column->offsets[x + 1] - from_x);
    return len == (size_t)(column->offsets[y + 1] - from_y) &&
           (len == 0 || memcmp(column->bytes.data + from_x,
                               column->bytes.data + from_y, len) == 0);
  }
  if (field->type == OA_TYPE_BOOL) {
    return oa_bit(column->values, x) == oa_bit(column->values, y);
  }
  const size_t width =
      field->dictionary ? sizeof(int32_t) : oa_field_width(field);
  return memcmp(column->values + x * width, column->values + y * width,
                width) == 0;
}

static bool same_list(const oa_column *list, uint32_t x, uint32_t y) {
  const oa_table *items = list->child;
  const bool has_x = x < list->filled;
  const bool has_y = y < list->filled;
  const uint32_t from_x = has_x ? (uint32_t)list->offsets[x] : 0;
  const uint32_t from_y = has_y ? (uint32_t)list->offsets[y] : 0;
  const uint32_t len = has_x ? (uint32_t)list->offsets[x + 1] - from_x : 0;
  if (len != (has_y ? (uint32_t)list->offsets[y + 1] - from_y : 0)) {
    return false;
  }
  for (uint32_t i = 0; i < len; i++) {
    for (size_t at = 0; at < items->column_count; at++) {
      if (!same_value(&items->columns[at], from_x + i, from_y + i)) {
        return false;
      }
    }
  }
  return true;
}

/* The sender's number of row I; 0 when it has none. */
static uint64_t ord_at(const oa_source *ords, size_t which, int64_t i) {
  const oa_source *source = &ords[which];
  return oa_source_is_null(source, i)
             ? 0
             : ((const uint64_t *)source->array.values)[i];
}

static bool same_column(const oa_appender *a, size_t column, uint32_t row) {
  return same_value(oa_builder_column(a->builder, column), row - 1, row);
}

static bool same_resource(const oa_appender *a, const oa_source *ords,
                          const groups *g, int64_t i) {
  return ord_at(ords, 0, g->last) == ord_at(ords, 0, i) &&
         a->resources[g->last] == a->resources[i] &&
         same_column(a, OA_COL_RESOURCE_SCHEMA_URL, g->end);
}

static bool same_scope(const oa_appender *a, const oa_source *ords,
                       const groups *g, int64_t i) {
  return ord_at(ords, 1, g->last) == ord_at(ords, 1, i) &&
         a->scopes[g->last] == a->scopes[i] &&
         same_column(a, OA_COL_SCOPE_SCHEMA_URL, g->end);
}

/* Points that are numbered anew belong to another metric. */
static bool same_metric(const oa_appender *a, const oa_source *ords,
                        const groups *g, int64_t i) {
  if (ord_at(ords, 2, g->last) != ord_at(ords, 2, i)) {
    return false;
  }
  for (size_t k = 0; k < sizeof metric_columns; k++) {
    if (!same_column(a, metric_columns[k], g->end)) {
      return false;
    }
  }
  if (a->have[OA_POINT_POINT_ORD]) {
    const oa_source *point = &a->columns[OA_POINT_POINT_ORD];
    const uint32_t *numbers = point->array.values;
    if (oa_source_is_null(point, i) || oa_source_is_null(point, g->last) ||
        numbers[i] <= numbers[g->last]) {
      return false;
    }
  }
  return same_column(a, OA_POINT_METADATA, g->end);
}

/* --- numbers --- */

static void end_metric(const oa_appender *a, groups *g) {
  oa_otlp_builder *b = a->builder;
  uint32_t number = 0;
  if (b->signal == OA_METRICS && g->end > g->metric) {
    oa_fill_u64_to(&b->root, oa_builder_column(b, OA_POINT_METRIC_ORD),
                   g->metric, g->end, b->metric_ord++);
    const oa_column *types = oa_builder_column(b, OA_POINT_METRIC_TYPE);
    for (uint32_t row = g->metric; row < g->end && !a->have[OA_POINT_POINT_ORD];
         row++) {
      if (row < types->filled && types->values[row] != OA_METRIC_NONE) {
        oa_fill_u32_to(&b->root, oa_builder_column(b, OA_POINT_POINT_ORD), row,
                       row + 1, number++);
      }
    }
  }
  g->metric = g->end;
}

static void end_scope(const oa_appender *a, groups *g) {
  oa_otlp_builder *b = a->builder;
  end_metric(a, g);
  if (g->end > g->scope) {
    const int32_t entry = a->scopes[g->last];
    if (entry >= 0) {
      oa_builder_put_owner(b, false, g->scope, g->end, entry);
    }
    oa_fill_u64_to(&b->root, oa_builder_column(b, OA_COL_SCOPE_ORD), g->scope,
                   g->end, b->scope_ord++);
  }
  g->scope = g->end;
}

static void end_resource(const oa_appender *a, groups *g) {
  oa_otlp_builder *b = a->builder;
  end_scope(a, g);
  if (g->end > g->resource) {
    const int32_t entry = a->resources[g->last];
    if (entry >= 0) {
      oa_builder_put_owner(b, true, g->resource, g->end, entry);
    }
    oa_fill_u64_to(&b->root, oa_builder_column(b, OA_COL_RESOURCE_ORD),
                   g->resource, g->end, b->resource_ord++);
  }
  g->resource = g->end;
}

/* Row I of the sender is row g->end of the builder. */
static void step(const oa_appender *a, const oa_source *ords, groups *g,
                 int64_t i) {
  if (g->last < 0) {
    g->request = false;
    return;
  }
  if (!same_resource(a, ords, g, i)) {
    end_resource(a, g);
    if (g->request) {
      a->builder->resource_ord++; /* the number between requests */
    }
  } else if (!same_scope(a, ords, g, i)) {
    end_scope(a, g);
  } else if (a->builder->signal == OA_METRICS && !same_metric(a, ords, g, i)) {
    end_metric(a, g);
  }
  g->request = false;
}

void oa_append_put_owners(oa_appender *a, const oa_source *ords,
                          uint32_t from) {
  groups g = {
      .resource = from, .scope = from, .metric = from, .end = from, .last = -1};
  uint64_t before = a->rows > 0 ? ord_at(ords, 0, 0) : 0;

  for (int64_t i = 0; i < a->rows; i++) {
    /* Rows that are left out count here: they were in some request, too. */
    const uint64_t ord = ord_at(ords, 0, i);
    g.request |= ord != before && ord != before + 1;
    before = ord;
    if (!oa_append_is_bad(a, i)) {
      step(a, ords, &g, i);
      g.last = i;
      g.end++;
    }
  }
  end_resource(a, &g);
}
