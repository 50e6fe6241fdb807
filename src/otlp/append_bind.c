/* SPDX-License-Identifier: Apache-2.0 */
/* A sender's columns by their names. */
#include <stdio.h>

#include "arrow/bits.h"
#include "otlp/append_impl.h"

enum { MAX_REQUIRED = 3, NAME_SIZE = 96 };

/* Columns without which there is no telemetry.  They also take a byte a row at
 * least, so that rows cannot be had for nothing. */
typedef struct demand {
  const char *list; /* the column that the items are in; NULL: numbers */
  const char *names[MAX_REQUIRED];
} demand;

static const demand signal_demands[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = {"traces", {"trace_id", "span_id", "name"}},
    [OA_METRICS] = {"metrics",
                    {"metric_name", "metric_type", "time_unix_nano"}},
    [OA_LOGS] = {"logs", {"time_unix_nano", "body"}},
};

static const demand item_demands[] = {
    {"attributes", {"key", "type"}},
    {"metadata", {"key", "type"}},
    {"events", {"name"}},
    {"links", {"trace_id", "span_id"}},
    {"quantiles", {"quantile", "value"}},
    {"exemplars", {"time_unix_nano"}},
    {NULL, {"item"}},
};

/* A table to be bound: what we want of it, and what is there. */
typedef struct binding {
  const oa_append_level *level;
  const demand *needs;
  const oa_field *want;
  size_t want_count;
  const oa_field *have;
  size_t have_count;
  const oa_array *arrays;
  int64_t rows;
  oa_source *out;
} binding;

/* For the callback of a coercion. */
typedef struct place {
  oa_appender *a;
  const oa_append_level *level;
  const char *column;
} place;

static oa_status bind_table(oa_appender *a, const binding *b);

static void refuse_value(void *context, int64_t row, const char *text) {
  const place *p = context;
  oa_append_refuse(p->a, p->level, p->column, row, text);
}

/* "events.attributes." */
static void put_level_name(const oa_append_level *level, char *out,
                           size_t size) {
  out[0] = '\0';
  if (level->parent != NULL) {
    put_level_name(level->parent, out, size);
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%s.", level->list->field->name);
  }
}

static bool is_required(const demand *needs, const char *name) {
  for (size_t i = 0; i < MAX_REQUIRED && needs->names[i] != NULL; i++) {
    if (strcmp(needs->names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static oa_status missing(const oa_appender *a, const binding *b,
                         const char *column) {
  char level[NAME_SIZE];
  char names[NAME_SIZE] = "";
  put_level_name(b->level, level, sizeof level);
  for (size_t i = 0; i < MAX_REQUIRED && b->needs->names[i] != NULL; i++) {
    const size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
             b->needs->names[i]);
  }
  return oa_error_set(a->error, OA_ERR_UNSUPPORTED,
                      "column %s%s is missing; %s need %s", level, column,
                      b->needs->list, names);
}

static oa_status wrong_type(const oa_appender *a, const binding *b,
                            const oa_field *want, const oa_field *have) {
  char level[NAME_SIZE];
  char want_name[48];
  char have_name[48];
  put_level_name(b->level, level, sizeof level);
  oa_field_type_name(want, want_name, sizeof want_name);
  oa_field_type_name(have, have_name, sizeof have_name);
  return oa_error_set(a->error, OA_ERR_UNSUPPORTED,
                      "column %s%s of %s is %s, which cannot become %s", level,
                      want->name, oa_signal_name(a->builder->signal), have_name,
                      want_name);
}

/* The index of the column NAME, or have_count. */
static size_t find(const binding *b, const char *name) {
  size_t i = 0;
  while (i < b->have_count && strcmp(b->have[i].name, name) != 0) {
    i++;
  }
  return i;
}

/* --- lists --- */

static const demand *demand_of(const oa_field *list) {
  const demand *d = item_demands;
  while (d->list != NULL && strcmp(d->list, list->name) != 0) {
    d++;
  }
  return d;
}

/* An item that is null is no item. */
static void refuse_null_items(oa_appender *a, const oa_append_level *level,
                              const oa_array *items, int64_t rows) {
  const oa_array head = oa_array_head(items, rows);
  for (int64_t i = 0; i < rows && head.null_count != 0; i += OA_WORD) {
    const unsigned count = oa_word_count(rows - i);
    uint64_t word = oa_ones(count) & ~oa_valid_word(&head, i, count);
    for (; word != 0; word &= word - 1) {
      oa_append_refuse(a, level, "", i + __builtin_ctzll(word),
                       "an item is null");
    }
  }
}

static oa_status check_items(oa_appender *a, const oa_append_level *level,
                             oa_source *items, int64_t rows) {
  static const char both[] = "value_int and value_double are both set";
  const char *name = level->list->field->name;
  if (strcmp(name, "attributes") == 0 || strcmp(name, "metadata") == 0) {
    return oa_append_check_attributes(a, level, items, rows);
  }
  const oa_source *whole = &items[OA_EXEMPLAR_VALUE_INT];
  const oa_source *real = &items[OA_EXEMPLAR_VALUE_DOUBLE];
  if (strcmp(name, "exemplars") != 0 || whole->absent || real->absent) {
    return OA_OK;
  }
  for (int64_t i = 0; i < rows; i++) {
    if (!oa_source_is_null(whole, i) && !oa_source_is_null(real, i)) {
      oa_append_refuse(a, level, "value_int", i, both);
    }
  }
  return OA_OK;
}

static oa_status bind_items(oa_appender *a, const binding *outer,
                            oa_source *list, const oa_field *have,
                            const oa_array *array) {
  const oa_field *item = list->field->children;
  const bool is_struct = item->type == OA_TYPE_STRUCT;
  const oa_array *items = &array->children[0];
  void *level = NULL;
  void *sources = NULL;

  if (have->child_count != 1 || have->children->dictionary ||
      (have->children->type == OA_TYPE_STRUCT) != is_struct) {
    return wrong_type(a, outer, list->field, have);
  }
  binding b = {
      .needs = demand_of(list->field),
      .want = is_struct ? item->children : item,
      .want_count = is_struct ? item->child_count : 1,
      .have = is_struct ? have->children->children : have->children,
      .have_count = is_struct ? have->children->child_count : 1,
      .arrays = is_struct ? items->children : items,
      .rows = list->absent
                  ? 0
                  : ((const int32_t *)list->array.offsets)[outer->rows],
  };
  OA_TRY(oa_arena_get(&a->arena, sizeof(oa_append_level), &level));
  OA_TRY(oa_arena_get_zeroed(&a->arena, b.want_count, sizeof(oa_source),
                             &sources));
  *(oa_append_level *)level =
      (oa_append_level){.parent = outer->level, .list = list};
  b.level = level;
  b.out = sources;
  list->children = sources;
  OA_TRY(bind_table(a, &b));
  if (b.rows == 0) {
    list->absent = true;
    return OA_OK;
  }
  if (is_struct) {
    refuse_null_items(a, b.level, items, b.rows);
  }
  return check_items(a, b.level, b.out, b.rows);
}

static oa_status bind_list(oa_appender *a, const binding *b, oa_source *out,
                           const oa_field *want, const oa_field *have,
                           const oa_array *array, const oa_coercion *how) {
  if (have->type == OA_TYPE_NULL) {
    out->absent = true;
    return OA_OK;
  }
  if (have->type != OA_TYPE_LIST) {
    return wrong_type(a, b, want, have);
  }
  OA_TRY(oa_source_make_list(out, want, array, b->rows, how));
  return bind_items(a, b, out, have, array);
}

/* --- columns --- */

static oa_status bind_column(oa_appender *a, const binding *b, size_t i,
                             const oa_field *have, const oa_array *array) {
  const oa_field *want = &b->want[i];
  oa_source *out = &b->out[i];
  place p = {.a = a, .level = b->level, .column = want->name};
  const oa_coercion how = {
      .arena = &a->arena, .refuse = refuse_value, .context = &p};

  if (have->type == OA_TYPE_NULL && is_required(b->needs, want->name)) {
    return wrong_type(a, b, want, have);
  }
  if (want->type == OA_TYPE_LIST) {
    return bind_list(a, b, out, want, have, array, &how);
  }
  const oa_status status =
      oa_source_make(out, want, have, array, b->rows, &how);
  if (status == OA_ERR_UNSUPPORTED) {
    return wrong_type(a, b, want, have);
  }
  /* The text of an attribute may be empty and be there all the same. */
  out->empty_is_null = want->dictionary && want->type == OA_TYPE_UTF8 &&
                       want->nullable && strcmp(want->name, "str") != 0;
  return status;
}

/* Columns that are made anew from others, when those are there. */
static bool is_derived(const binding *b, size_t i) {
  if (b->level->parent != NULL) {
    return false;
  }
  switch (i) {
    case OA_COL_RESOURCE_ATTRIBUTES:
    case OA_COL_SCOPE_ATTRIBUTES:
      return true;
    case OA_COL_SERVICE_NAME:
    case OA_COL_SERVICE_NAMESPACE:
    case OA_COL_SERVICE_INSTANCE_ID:
      return find(b, "resource") < b->have_count;
    case OA_COL_SCOPE_NAME:
    case OA_COL_SCOPE_VERSION:
      return find(b, "scope") < b->have_count;
    default:
      return false;
  }
}

static oa_status bind_table(oa_appender *a, const binding *b) {
  for (size_t i = 0; i < b->want_count; i++) {
    const bool number = b->needs->list == NULL;
    const size_t at = number ? 0 : find(b, b->want[i].name);
    b->out[i] = (oa_source){.field = &b->want[i], .absent = true};
    if (at == b->have_count || is_derived(b, i)) {
      if (is_required(b->needs, b->want[i].name)) {
        return missing(a, b, b->want[i].name);
      }
      continue;
    }
    OA_TRY(bind_column(a, b, i, &b->have[at], &b->arrays[at]));
    if (b->level->parent == NULL) {
      a->have[i] = true;
    }
  }
  return OA_OK;
}

oa_status oa_append_bind(oa_appender *a, const oa_schema *schema,
                         const oa_array *columns) {
  const oa_signal signal = a->builder->signal;
  const oa_schema *want = oa_otlp_schema(signal);
  const binding b = {
      .level = &a->root,
      .needs = &signal_demands[signal],
      .want = want->fields,
      .want_count = want->field_count,
      .have = schema->fields,
      .have_count = schema->field_count,
      .arrays = columns,
      .rows = a->rows,
      .out = a->columns,
  };
  return bind_table(a, &b);
}
