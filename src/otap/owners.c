/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and scopes.  OTAP tears them apart into columns of the root and
 * tables of attributes; the builder keeps them as the OTLP messages that they
 * are, so they are put together here, once for each run of rows. */
#include "otap/attributes.h"
#include "otlp/encode_impl.h"
#include "otlp/value.h"

/* Field numbers of opentelemetry-proto (common/v1, resource/v1). */
enum {
  RESOURCE_ATTRIBUTES = 1,
  RESOURCE_DROPPED = 2,
  SCOPE_NAME = 1,
  SCOPE_VERSION = 2,
  SCOPE_ATTRIBUTES = 3,
  SCOPE_DROPPED = 4,
  PAIR_KEY = 1,
  PAIR_VALUE = 2,
  ANY_STRING = 1,
  ANY_BOOL = 2,
  ANY_INT = 3,
  ANY_DOUBLE = 4,
  ANY_BYTES = 7,
};

/* What an attribute costs beside its bytes, in bytes.  Each run of rows has its
 * owner encoded again. */
enum { PAIR = 16 };

/* An attribute table whose parents are resource.id or scope.id. */
typedef struct owner_attrs {
  const oa_otap_table *table; /* NULL: there is none */
  uint32_t id_end;            /* all parent_ids are below */
  uint32_t *starts; /* of the rows with parent_id i in order; id_end + 1 */
  uint32_t *order;
  uint8_t *used; /* for each id: the root has it */
} owner_attrs;

/* One of the two kinds of owners. */
typedef struct owner_kind {
  owner_attrs attrs;
  const oa_otap_column *id;
  const uint32_t *ids; /* of the root's rows; NULL: they are simple */
  uint32_t last_id;    /* of the simple ones */
  uint8_t *changes;    /* for each row of the root: 1: another owner begins */
} owner_kind;

/* --- attributes by owner --- */

static oa_status sort_by_id(const oa_otap_decoder *d, owner_attrs *a,
                            const uint32_t *ids) {
  const uint32_t rows = a->table->rows;
  void *starts = NULL;
  void *order = NULL;
  void *used = NULL;
  for (uint32_t i = 0; i < rows; i++) {
    a->id_end = ids[i] >= a->id_end ? ids[i] + 1 : a->id_end;
  }
  OA_TRY(oa_scratch_get_zeroed(d->scratch, a->id_end + 2, sizeof(uint32_t),
                               &starts));
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof(uint32_t), &order));
  OA_TRY(oa_scratch_get_zeroed(d->scratch, a->id_end, 1, &used));
  a->starts = starts;
  a->order = order;
  a->used = used;
  for (uint32_t i = 0; i < rows; i++) {
    a->starts[ids[i] + 2]++;
  }
  for (uint32_t id = 0; id < a->id_end; id++) {
    a->starts[id + 2] += a->starts[id + 1];
  }
  for (uint32_t i = 0; i < rows; i++) {
    a->order[a->starts[ids[i] + 1]++] = i;
  }
  return OA_OK;
}

static oa_status read_attrs(const oa_otap_decoder *d, oa_payload_type type,
                            owner_attrs *out) {
  uint8_t *same = NULL;
  uint32_t *ids = NULL;
  *out = (owner_attrs){.table = oa_otap_table_of(d, type)};
  if (out->table == NULL) {
    return OA_OK;
  }
  OA_TRY(oa_otap_attrs_same(d, out->table, &same));
  OA_TRY(oa_otap_parents_read(out->table, OA_OTAP_ATTR_PARENT_ID, same,
                              d->scratch, &ids, d->error));
  return sort_by_id(d, out, ids);
}

static oa_status check_used(const oa_otap_decoder *d, const owner_attrs *a) {
  for (uint32_t id = 0; a->table != NULL && id < a->id_end; id++) {
    if (a->used[id] == 0 && a->starts[id] < a->starts[id + 1]) {
      return oa_otap_refuse(d, a->table, a->order[a->starts[id]],
                            "it has parent_id %u, and no row of the root has "
                            "that id",
                            id);
    }
  }
  return OA_OK;
}

/* --- where an owner ends --- */

static void mark_encoded(const oa_otap_column *column, uint32_t rows,
                         uint8_t *changes) {
  const void *indices = column->array->values;
  if (column->index_width == 1) {
    const uint8_t *index = indices;
    for (uint32_t i = 1; i < rows; i++) {
      changes[i] |= index[i] != index[i - 1];
    }
    return;
  }
  for (uint32_t i = 1; i < rows; i++) {
    changes[i] |= oa_otap_place(column, i) != oa_otap_place(column, i - 1);
  }
}

static bool same_cell(const oa_otap_column *column, uint32_t i) {
  const bool null = oa_otap_is_null(column, i);
  if (null || oa_otap_is_null(column, i - 1)) {
    return null == oa_otap_is_null(column, i - 1);
  }
  if (column->index_width > 0) {
    return oa_otap_place(column, i) == oa_otap_place(column, i - 1);
  }
  return column->field->type == OA_TYPE_UTF8
             ? oa_otap_same_bytes(column, i, i - 1)
             : oa_otap_u32(column, i) == oa_otap_u32(column, i - 1);
}

/* All rows of an owner must have what its first row has, also when a sender
 * forgot to raise the id. */
static void mark_changes(const oa_otap_column *column, uint32_t rows,
                         uint8_t *changes) {
  if (!oa_otap_has(column)) {
    return;
  }
  if (column->index_width > 0 && !oa_otap_has_nulls(column)) {
    mark_encoded(column, rows, changes);
    return;
  }
  for (uint32_t i = 1; i < rows; i++) {
    changes[i] |= !same_cell(column, i);
  }
}

/* Ids in each row, as numbers of their own: they need not be undone row by
 * row. */
static bool are_simple(const oa_otap_column *id) {
  return !oa_otap_has_nulls(id) && id->index_width == 0;
}

static void mark_simple_ids(const oa_otap_column *id, uint32_t rows,
                            uint8_t *changes) {
  const uint16_t *ids = id->array->values;
  if (id->encoding != OA_ENCODING_PLAIN) {
    for (uint32_t i = 1; i < rows; i++) {
      changes[i] |= ids[i] != 0;
    }
    return;
  }
  for (uint32_t i = 1; i < rows; i++) {
    changes[i] |= ids[i] != ids[i - 1];
  }
}

static void mark_ids(const oa_otap_column *id, uint32_t rows,
                     const uint32_t *ids, uint8_t *changes) {
  for (uint32_t i = 1; i < rows; i++) {
    changes[i] |= ids[i] != ids[i - 1];
  }
  for (uint32_t i = 1; oa_otap_has_nulls(id) && i < rows; i++) {
    changes[i] |= oa_otap_is_null(id, i) != oa_otap_is_null(id, i - 1);
  }
}

/* The id of the owner that begins at row I of the root.  To be asked once for
 * each, in order. */
static uint32_t next_id(owner_kind *kind, uint32_t i) {
  if (kind->ids != NULL) {
    return kind->ids[i];
  }
  const uint16_t id = ((const uint16_t *)kind->id->array->values)[i];
  kind->last_id = kind->id->encoding == OA_ENCODING_PLAIN
                      ? id
                      : (kind->last_id + id) & UINT16_MAX;
  return kind->last_id;
}

static oa_status open_kind(const oa_otap_decoder *d, const oa_otap_table *root,
                           bool resource, owner_kind *out) {
  uint32_t *ids = NULL;
  void *block = NULL;
  const size_t first = resource ? OA_OTAP_RESOURCE : OA_OTAP_SCOPE;
  const size_t last = resource ? OA_OTAP_RESOURCE_DROPPED : OA_OTAP_SCHEMA_URL;
  out->id = &root->columns[first + 1];
  OA_TRY(read_attrs(
      d, resource ? OA_PAYLOAD_RESOURCE_ATTRS : OA_PAYLOAD_SCOPE_ATTRS,
      &out->attrs));
  OA_TRY(oa_scratch_get_zeroed(d->scratch, root->rows, 1, &block));
  out->changes = block;
  if (are_simple(out->id)) {
    mark_simple_ids(out->id, root->rows, out->changes);
  } else {
    OA_TRY(oa_otap_ids_read(root, first + 1, d->scratch, &ids));
    mark_ids(out->id, root->rows, ids, out->changes);
  }
  out->ids = ids;
  for (size_t i = first + 2; i <= last; i++) {
    mark_changes(&root->columns[i], root->rows, out->changes);
  }
  return OA_OK;
}

/* The row behind those from AT on, all before END, that have one owner. */
static uint32_t run_end(const owner_kind *kind, uint32_t at, uint32_t end) {
  const uint8_t *next = memchr(kind->changes + at + 1, 1, end - at - 1);
  return next == NULL ? end : (uint32_t)(next - kind->changes);
}

/* --- messages --- */

static oa_cursor text_at(const oa_otap_column *column, uint32_t i) {
  const oa_cursor none = {0};
  size_t len;
  const uint8_t *text = oa_otap_bytes(column, i, &len);
  return text == NULL ? none : oa_cursor_over(text, len);
}

static void put_text(oa_emit *emit, uint32_t field, oa_cursor text) {
  oa_emit_bytes(emit, field, text.at == NULL ? (const uint8_t *)"" : text.at,
                oa_cursor_left(&text));
}

static oa_status put_value(const oa_otap_decoder *d, oa_encoder *encoder,
                           const oa_otap_table *table, uint8_t type,
                           uint32_t i) {
  const oa_otap_column *column = table->columns;
  oa_emit *emit = &encoder->emit;
  const uint8_t *cbor;
  size_t len;
  switch (type) {
    case OA_VALUE_STR:
      put_text(emit, ANY_STRING, text_at(&column[OA_OTAP_ATTR_STR], i));
      return OA_OK;
    case OA_VALUE_INT:
      oa_emit_varint(emit, ANY_INT, oa_otap_u64(&column[OA_OTAP_ATTR_INT], i));
      return OA_OK;
    case OA_VALUE_DOUBLE:
      oa_emit_fixed64(emit, ANY_DOUBLE,
                      oa_otap_u64(&column[OA_OTAP_ATTR_DOUBLE], i));
      return OA_OK;
    case OA_VALUE_BOOL:
      oa_emit_varint(emit, ANY_BOOL,
                     oa_otap_bool(&column[OA_OTAP_ATTR_BOOL], i) ? 1 : 0);
      return OA_OK;
    case OA_VALUE_BYTES:
      put_text(emit, ANY_BYTES, text_at(&column[OA_OTAP_ATTR_BYTES], i));
      return OA_OK;
    default:
      OA_TRY(oa_otap_read_nested(d, table, OA_OTAP_ATTR_SER, type, i, &cbor,
                                 &len));
      return oa_encode_cbor(encoder, type, cbor, len);
  }
}

static oa_status put_attribute(const oa_otap_decoder *d, oa_encoder *encoder,
                               uint32_t field, const oa_otap_table *table,
                               uint32_t i) {
  uint8_t type = OA_VALUE_EMPTY;
  oa_emit *emit = &encoder->emit;
  const oa_cursor key = text_at(&table->columns[OA_OTAP_ATTR_KEY], i);
  OA_TRY(oa_otap_attrs_type(d, table, i, &type));
  const oa_emit_nest pair = oa_emit_open(emit, field, OA_WIDTH_SMALL);
  oa_emit_bytes_set(emit, PAIR_KEY, key.at, oa_cursor_left(&key));
  if (type != OA_VALUE_EMPTY) {
    const oa_emit_nest value = oa_emit_open(emit, PAIR_VALUE, OA_WIDTH_SMALL);
    OA_TRY(put_value(d, encoder, table, type, i));
    oa_emit_close(emit, value);
  }
  oa_emit_close(emit, pair);
  return OA_OK;
}

/* The attributes of the owner of row I of the root; *SOME: it has any. */
static oa_status put_attributes(const oa_otap_decoder *d, oa_encoder *encoder,
                                uint32_t field, owner_kind *kind, uint32_t i,
                                bool *some) {
  const owner_attrs *a = &kind->attrs;
  const uint32_t id = next_id(kind, i);
  if (a->table == NULL || id >= a->id_end || oa_otap_is_null(kind->id, i)) {
    return OA_OK;
  }
  a->used[id] = 1;
  OA_TRY(oa_otap_spend(d, (size_t)(a->starts[id + 1] - a->starts[id]) * PAIR));
  for (uint32_t at = a->starts[id];
       at < a->starts[id + 1] && encoder->emit.status == OA_OK; at++) {
    *some = true;
    OA_TRY(put_attribute(d, encoder, field, a->table, a->order[at]));
  }
  return encoder->emit.status;
}

static oa_status put_resource(const oa_otap_decoder *d, oa_encoder *encoder,
                              const oa_otap_table *root, owner_kind *kind,
                              uint32_t i, bool *present) {
  const oa_otap_column *dropped = &root->columns[OA_OTAP_RESOURCE_DROPPED];
  oa_emit_reset(&encoder->emit);
  *present = !oa_otap_is_null(dropped, i);
  OA_TRY(put_attributes(d, encoder, RESOURCE_ATTRIBUTES, kind, i, present));
  oa_emit_varint_set(&encoder->emit, RESOURCE_DROPPED, oa_otap_u32(dropped, i));
  return encoder->emit.status;
}

static oa_status put_scope(const oa_otap_decoder *d, oa_encoder *encoder,
                           const oa_otap_table *root, owner_kind *kind,
                           uint32_t i, bool *present) {
  const oa_otap_column *dropped = &root->columns[OA_OTAP_SCOPE_DROPPED];
  const oa_cursor name = text_at(&root->columns[OA_OTAP_SCOPE_NAME], i);
  const oa_cursor version = text_at(&root->columns[OA_OTAP_SCOPE_VERSION], i);
  oa_emit *emit = &encoder->emit;
  oa_emit_reset(emit);
  *present =
      name.at != NULL || version.at != NULL || !oa_otap_is_null(dropped, i);
  oa_emit_bytes_set(emit, SCOPE_NAME, name.at, oa_cursor_left(&name));
  oa_emit_bytes_set(emit, SCOPE_VERSION, version.at, oa_cursor_left(&version));
  OA_TRY(put_attributes(d, encoder, SCOPE_ATTRIBUTES, kind, i, present));
  oa_emit_varint_set(emit, SCOPE_DROPPED, oa_otap_u32(dropped, i));
  return emit->status;
}

/* --- runs of rows --- */

typedef struct owner_fill {
  const oa_otap_decoder *d;
  oa_encoder encoder;
  const oa_otap_table *root;
  const uint32_t *ends;
  uint32_t base;
  owner_kind resources;
  owner_kind scopes;
} owner_fill;

/* The builder's row behind those that the root's rows before I became. */
static uint32_t row_at(const owner_fill *f, uint32_t i) {
  return f->base + (f->ends == NULL || i == 0 ? i : f->ends[i - 1]);
}

/* The owner that was encoded last, whose schema is at URL. */
static oa_status spend_owner(const owner_fill *f, oa_cursor url) {
  return oa_otap_spend(f->d, f->encoder.emit.out.len + oa_cursor_left(&url));
}

static oa_status fill_scopes(owner_fill *f, uint32_t begin, uint32_t end) {
  oa_otlp_builder *b = f->d->builder;
  const oa_otap_column *urls = &f->root->columns[OA_OTAP_SCHEMA_URL];
  for (uint32_t at = begin; at < end;) {
    bool present = false;
    const uint32_t next = run_end(&f->scopes, at, end);
    const oa_cursor url = text_at(urls, at);
    OA_TRY(put_scope(f->d, &f->encoder, f->root, &f->scopes, at, &present));
    OA_TRY(spend_owner(f, url));
    b->root.length = row_at(f, next);
    OA_TRY(oa_builder_fill_scope(
        b, row_at(f, at), oa_buf_cursor(&f->encoder.emit.out), present, url));
    at = next;
  }
  return OA_OK;
}

static oa_status fill_resources(owner_fill *f) {
  oa_otlp_builder *b = f->d->builder;
  const oa_otap_column *urls = &f->root->columns[OA_OTAP_RESOURCE_SCHEMA_URL];
  for (uint32_t at = 0; at < f->root->rows;) {
    bool present = false;
    const uint32_t next = run_end(&f->resources, at, f->root->rows);
    const oa_cursor url = text_at(urls, at);
    OA_TRY(fill_scopes(f, at, next));
    OA_TRY(
        put_resource(f->d, &f->encoder, f->root, &f->resources, at, &present));
    OA_TRY(spend_owner(f, url));
    OA_TRY(oa_builder_fill_resource(
        b, row_at(f, at), oa_buf_cursor(&f->encoder.emit.out), present, url));
    at = next;
  }
  OA_TRY(check_used(f->d, &f->resources.attrs));
  return check_used(f->d, &f->scopes.attrs);
}

oa_status oa_otap_fill_owners(const oa_otap_decoder *d,
                              const oa_otap_table *root, const uint32_t *ends) {
  oa_purse *purse = &d->builder->tree.purse;
  owner_fill f = {
      .d = d,
      .encoder = {.emit = {.out = {.purse = purse}}, .error = d->error},
      .root = root,
      .ends = ends,
      .base = d->builder->root.length};
  oa_status status = open_kind(d, root, true, &f.resources);
  if (status == OA_OK) {
    status = open_kind(d, root, false, &f.scopes);
  }
  if (status == OA_OK) {
    status = fill_resources(&f);
  }
  oa_buf_free(&f.encoder.emit.out);
  return status;
}
