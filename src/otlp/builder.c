/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/mem.h"
#include "otlp/builder_impl.h"

/* Ords are drawn in blocks, so that builders share a counter without meeting
 * on it at every request. */
enum { ORD_BLOCK = 1 << 24 };

/* --- make --- */

static void collect(oa_otlp_builder *builder, oa_table *table) {
  assert(builder->table_count < OA_BUILDER_MAX_TABLES);
  builder->tables[builder->table_count++] = table;
  for (size_t i = 0; i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    if (column->dict != NULL) {
      assert(builder->dict_count < OA_BUILDER_MAX_DICTS);
      builder->dicts[builder->dict_count++] = column->dict;
    }
    if (column->child != NULL) {
      collect(builder, column->child);
    }
  }
}

static oa_table *items_of(oa_table *table, size_t column) {
  return table->columns[column].child;
}

static void init_attrs(oa_otlp_builder *builder) {
  oa_table *root = &builder->root;
  switch (builder->signal) {
    case OA_TRACES:
      oa_attrs_init(&builder->attributes, items_of(root, OA_SPAN_ATTRIBUTES));
      oa_attrs_init(
          &builder->attributes_2,
          items_of(items_of(root, OA_SPAN_EVENTS), OA_EVENT_ATTRIBUTES));
      oa_attrs_init(
          &builder->attributes_3,
          items_of(items_of(root, OA_SPAN_LINKS), OA_LINK_ATTRIBUTES));
      break;
    case OA_METRICS:
      oa_attrs_init(&builder->attributes, items_of(root, OA_POINT_ATTRIBUTES));
      oa_attrs_init(
          &builder->attributes_2,
          items_of(items_of(root, OA_POINT_EXEMPLARS), OA_EXEMPLAR_ATTRIBUTES));
      oa_attrs_init(&builder->attributes_3, items_of(root, OA_POINT_METADATA));
      break;
    default:
      oa_attrs_init(&builder->attributes,
                    items_of(root, OA_LOG_COL_ATTRIBUTES));
      break;
  }
}

/* Everything that grows with what is sent. */
static void set_purse(oa_otlp_builder *builder) {
  oa_purse *purse = &builder->tree.purse;
  oa_buf *const bufs[] = {
      &builder->resources.raw.bytes,
      &builder->scopes.raw.bytes,
      &builder->cbor,
      &builder->text,
      &builder->canonical,
  };
  for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
    bufs[i]->purse = purse;
  }
}

oa_status oa_otlp_builder_new(oa_otlp_builder **out, oa_signal signal,
                              _Atomic uint64_t *ords) {
  oa_otlp_builder *builder = oa_calloc(1, sizeof *builder);
  if (builder == NULL) {
    return OA_ERR_NOMEM;
  }
  uint64_t seed = (uint64_t)(uintptr_t)builder;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
    seed ^= UINT64_C(0x9E3779B97F4A7C15);
  }
  const oa_schema *schema = oa_otlp_schema(signal);
  builder->signal = signal;
  builder->ords = ords;
  builder->generation = seed;
  builder->max_attributes = UINT32_MAX;
  builder->resources.raw.seed = seed;
  builder->scopes.raw.seed = seed;
  set_purse(builder);
  const oa_status status =
      oa_table_init(&builder->root, schema->fields, schema->field_count,
                    &builder->tree, seed);
  if (status != OA_OK) {
    oa_otlp_builder_free(builder);
    return status;
  }
  collect(builder, &builder->root);
  builder->dicts[builder->dict_count++] = &builder->resources.raw;
  builder->dicts[builder->dict_count++] = &builder->scopes.raw;
  init_attrs(builder);
  *out = builder;
  return OA_OK;
}

void oa_otlp_builder_set_limits(oa_otlp_builder *builder,
                                const oa_otlp_limits *limits) {
  const bool shallow =
      limits->max_depth != 0 && limits->max_depth < OA_OTLP_MAX_DEPTH;
  assert(builder->tree.purse.used == 0);
  builder->tree.purse.account = limits->account;
  builder->tree.purse.max = limits->max_memory;
  builder->root.max_rows = limits->max_rows;
  builder->depth_left_out = shallow ? OA_OTLP_MAX_DEPTH - limits->max_depth : 0;
  builder->max_attributes =
      limits->max_attributes != 0 ? limits->max_attributes : UINT32_MAX;
}

static void free_owners(oa_owners *owners) {
  oa_purse_give(owners->raw.bytes.purse,
                owners->capacity * sizeof *owners->entries);
  oa_dict_free(&owners->raw);
  oa_free(owners->entries);
  owners->entries = NULL;
  owners->capacity = 0;
}

void oa_otlp_builder_free(oa_otlp_builder *builder) {
  if (builder == NULL) {
    return;
  }
  oa_table_free(&builder->root);
  free_owners(&builder->resources);
  free_owners(&builder->scopes);
  oa_buf_free(&builder->cbor);
  oa_buf_free(&builder->text);
  oa_buf_free(&builder->canonical);
  oa_buf_free(&builder->tree.scratch);
  oa_purse_close(&builder->tree.purse);
  oa_free(builder);
}

/* --- look --- */

int64_t oa_otlp_builder_rows(const oa_otlp_builder *builder) {
  return builder->root.length;
}

size_t oa_otlp_builder_row_bytes(const oa_otlp_builder *builder) {
  size_t bytes = 0;
  for (size_t i = 0; i < builder->table_count; i++) {
    bytes += oa_table_used(builder->tables[i]);
  }
  return bytes;
}

size_t oa_otlp_builder_memory(const oa_otlp_builder *builder) {
  size_t memory = builder->tree.text + oa_otlp_builder_row_bytes(builder);
  for (size_t i = 0; i < builder->dict_count; i++) {
    memory += oa_dict_memory(builder->dicts[i]);
  }
  return memory;
}

size_t oa_otlp_builder_held(const oa_otlp_builder *builder) {
  return builder->tree.purse.used;
}

oa_status oa_otlp_builder_columns(oa_otlp_builder *builder,
                                  const oa_array **columns) {
  builder->tree.failed = false;
  /* Rows that were taken must get out: a bit or two a row are not refused. */
  builder->tree.purse.forced = true;
  *columns = oa_table_finish(&builder->root);
  builder->tree.purse.forced = false;
  return builder->tree.failed ? OA_ERR_NOMEM : OA_OK;
}

/* --- a request --- */

void oa_builder_begin(oa_otlp_builder *builder) {
  builder->tree.failed = false;
  builder->tree.outgrown = false;
  builder->tree.repaired = 0;
  builder->tree.purse.outgrown = false;
  builder->outgrown = false;
}

oa_status oa_builder_end(oa_otlp_builder *builder, oa_status status) {
  const oa_purse *purse = &builder->tree.purse;
  if (status == OA_OK && builder->tree.failed) {
    status = OA_ERR_NOMEM;
  }
  /* Memory that the account would have given, but for the builder's bound. */
  if (status == OA_ERR_NOMEM && (builder->tree.outgrown || purse->outgrown)) {
    status = OA_ERR_LIMIT;
  }
  builder->outgrown =
      status == OA_ERR_LIMIT && (builder->tree.outgrown || purse->outgrown);
  return status;
}

bool oa_otlp_builder_outgrown(const oa_otlp_builder *builder) {
  return builder->outgrown;
}

/* --- cut and clear --- */

void oa_builder_cut(oa_otlp_builder *builder, uint32_t rows) {
  oa_builder_settle(builder);
  oa_table_truncate(&builder->root, rows);
}

void oa_builder_settle(oa_otlp_builder *builder) {
  oa_attrs_settle(&builder->attributes);
  oa_attrs_settle(&builder->attributes_2);
  oa_attrs_settle(&builder->attributes_3);
}

void oa_builder_forget(oa_otlp_builder *builder) {
  builder->generation++;
  oa_attrs_forget(&builder->attributes);
  oa_attrs_forget(&builder->attributes_2);
  oa_attrs_forget(&builder->attributes_3);
}

void oa_otlp_builder_reset(oa_otlp_builder *builder, size_t keep) {
  oa_builder_forget(builder);
  if (oa_otlp_builder_memory(builder) <= keep) {
    oa_table_pack_clear(&builder->root);
    oa_dict_clear(&builder->resources.raw);
    oa_dict_clear(&builder->scopes.raw);
    return;
  }
  oa_table_release(&builder->root);
  free_owners(&builder->resources);
  free_owners(&builder->scopes);
  oa_buf_free(&builder->cbor);
  oa_buf_free(&builder->text);
  oa_buf_free(&builder->canonical);
  oa_buf_free(&builder->tree.scratch);
}

/* Writes where in the request we are, such as
 * "resource_logs[0].scope_logs[1].log_records[7]". */
static void put_path(const oa_otlp_builder *builder, char *out, size_t size) {
  static const char *const names[OA_SIGNAL_COUNT][3] = {
      [OA_TRACES] = {"resource_spans", "scope_spans", "spans"},
      [OA_METRICS] = {"resource_metrics", "scope_metrics", "metrics"},
      [OA_LOGS] = {"resource_logs", "scope_logs", "log_records"},
  };
  size_t used = 0;
  for (unsigned i = 0; i < builder->levels; i++) {
    const char *name =
        i < OA_LEVEL_RECORD ? names[builder->signal][i] : builder->point_list;
    const int len = snprintf(out + used, size - used, "%s%s[%u]",
                             i == 0 ? "" : ".", name, builder->index[i]);
    used += (size_t)len;
    assert(used < size);
  }
}

void oa_builder_keep_place(const oa_otlp_builder *builder,
                           oa_builder_place *place) {
  place->rows = builder->root.length;
  for (size_t i = 0; i < builder->dict_count; i++) {
    place->dicts[i] = builder->dicts[i]->count;
  }
}

void oa_builder_go_back(oa_otlp_builder *builder,
                        const oa_builder_place *place) {
  oa_builder_cut(builder, place->rows);
  oa_builder_forget(builder);
  for (size_t i = 0; i < builder->dict_count; i++) {
    oa_dict_truncate(builder->dicts[i], place->dicts[i]);
  }
}

oa_status oa_builder_reject(oa_otlp_builder *builder, const char *format, ...) {
  enum { PATH_SIZE = 136 }; /* indices of 32 bits all the way take less */
  char *reason = builder->result->reason;
  const size_t size = sizeof builder->result->reason;
  if (reason[0] == '\0') {
    char path[PATH_SIZE];
    put_path(builder, path, sizeof path);
    const int used = snprintf(reason, size, "%s: ", path);
    va_list args;
    va_start(args, format);
    vsnprintf(reason + used, size - (size_t)used, format, args);
    va_end(args);
  }
  return OA_RECORD_REJECTED;
}

void oa_builder_reserve_ords(oa_otlp_builder *builder, size_t len) {
  uint64_t most = builder->resource_ord;
  most = builder->scope_ord > most ? builder->scope_ord : most;
  most = builder->metric_ord > most ? builder->metric_ord : most;
  /* An empty message takes two bytes, and a request skips one number. */
  const uint64_t need = len / 2 + 2;
  if (builder->ord_end - most >= need) {
    return;
  }
  const uint64_t block = need > ORD_BLOCK ? need : ORD_BLOCK;
  const uint64_t start =
      atomic_fetch_add_explicit(builder->ords, block, memory_order_relaxed);
  builder->resource_ord = start;
  builder->scope_ord = start;
  builder->metric_ord = start;
  builder->ord_end = start + block;
}
