/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/attributes.h"

#include "otlp/cbor_normalize.h"

static const uint8_t value_columns[] = {[OA_VALUE_EMPTY] = OA_OTAP_ATTR_COUNT,
                                        [OA_VALUE_STR] = OA_OTAP_ATTR_STR,
                                        [OA_VALUE_INT] = OA_OTAP_ATTR_INT,
                                        [OA_VALUE_DOUBLE] = OA_OTAP_ATTR_DOUBLE,
                                        [OA_VALUE_BOOL] = OA_OTAP_ATTR_BOOL,
                                        [OA_VALUE_MAP] = OA_OTAP_ATTR_SER,
                                        [OA_VALUE_SLICE] = OA_OTAP_ATTR_SER,
                                        [OA_VALUE_BYTES] = OA_OTAP_ATTR_BYTES};

/* --- types --- */

/* An empty byte string may come as null; any other null is the empty value. */
static uint8_t effective(const oa_otap_table *table, uint8_t type, uint32_t i) {
  if (type == OA_VALUE_EMPTY || type == OA_VALUE_BYTES) {
    return type;
  }
  return oa_otap_is_null(&table->columns[value_columns[type]], i)
             ? OA_VALUE_EMPTY
             : type;
}

oa_status oa_otap_attrs_type(const oa_otap_decoder *d,
                             const oa_otap_table *table, uint32_t i,
                             uint8_t *out) {
  const uint32_t type = oa_otap_u32(&table->columns[OA_OTAP_ATTR_TYPE], i);
  if (type > OA_VALUE_BYTES) {
    return oa_otap_refuse(d, table, i, "%u is no type of value", type);
  }
  *out = effective(table, (uint8_t)type, i);
  return OA_OK;
}

/* --- which rows look like the one before --- */

/* Doubles are compared as numbers: NaN equals nothing, 0.0 equals -0.0. */
OA_INLINE bool same_double(uint64_t a, uint64_t b) {
  double x;
  double y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  return x <= y && x >= y;
}

static bool same_value(const oa_otap_table *table, uint8_t type, uint32_t i) {
  const oa_otap_column *column = &table->columns[value_columns[type]];
  switch (type) {
    case OA_VALUE_INT:
      return oa_otap_u64(column, i) == oa_otap_u64(column, i - 1);
    case OA_VALUE_DOUBLE:
      return same_double(oa_otap_u64(column, i), oa_otap_u64(column, i - 1));
    case OA_VALUE_BOOL:
      return oa_otap_bool(column, i) == oa_otap_bool(column, i - 1);
    case OA_VALUE_STR:
    case OA_VALUE_BYTES: /* null equals nothing, also here */
      return oa_otap_same_bytes(column, i, i - 1);
    default:
      return false;
  }
}

oa_status oa_otap_attrs_same(const oa_otap_decoder *d,
                             const oa_otap_table *table, uint8_t **out) {
  const oa_otap_column *keys = &table->columns[OA_OTAP_ATTR_KEY];
  void *block = NULL;
  OA_TRY(oa_scratch_get(d->scratch, table->rows, 1, &block));
  uint8_t *same = block;
  uint8_t before = OA_VALUE_EMPTY;
  for (uint32_t i = 0; i < table->rows; i++) {
    uint8_t type = OA_VALUE_EMPTY;
    OA_TRY(oa_otap_attrs_type(d, table, i, &type));
    same[i] = i > 0 && type == before && type != OA_VALUE_EMPTY &&
              oa_otap_same_bytes(keys, i, i - 1) && same_value(table, type, i);
    before = type;
  }
  *out = same;
  return OA_OK;
}

/* --- read --- */

static oa_status read_types(const oa_otap_decoder *d, oa_otap_attrs *a) {
  const oa_otap_table *table = a->table;
  const oa_otap_column *column = &table->columns[OA_OTAP_ATTR_TYPE];
  uint8_t all = 0;
  if (column->index_width == 0 && !oa_otap_has_nulls(column)) {
    memcpy(a->types, column->array->values, table->rows);
  } else {
    /* Not forbidden, only unheard of. */
    for (uint32_t i = 0; i < table->rows; i++) {
      a->types[i] = (uint8_t)oa_otap_u32(column, i);
    }
  }
  for (uint32_t i = 0; i < table->rows; i++) {
    all |= a->types[i];
  }
  for (uint32_t i = 0; all > OA_VALUE_BYTES && i < table->rows; i++) {
    uint8_t ignored = OA_VALUE_EMPTY;
    OA_TRY(oa_otap_attrs_type(d, table, i, &ignored));
  }
  return OA_OK;
}

/* A null key is the empty one. */
static oa_status read_keys(const oa_otap_decoder *d, oa_otap_attrs *a,
                           oa_attrs *to, bool *repaired) {
  const oa_otap_column *column = &a->table->columns[OA_OTAP_ATTR_KEY];
  oa_otap_texts texts;
  OA_TRY(oa_otap_texts_open(&texts, a->table, column, d->builder, to->table,
                            &to->column[OA_ATTR_KEY]));
  oa_otap_texts_read(&texts, a->table->rows, a->keys);
  if (oa_otap_has_nulls(column)) {
    const int32_t empty =
        oa_column_intern(to->table, &to->column[OA_ATTR_KEY], NULL, 0);
    for (uint32_t i = 0; i < a->table->rows; i++) {
      a->keys[i] = a->keys[i] < 0 ? empty : a->keys[i];
    }
  }
  return oa_otap_texts_close(&texts, repaired);
}

/* Copies of the columns, so that a compiler sees that nothing changes them. */
typedef struct value_reader {
  oa_otap_column strings;
  oa_otap_column integers;
  oa_otap_column doubles;
  oa_otap_column bools;
  oa_otap_texts texts;
} value_reader;

/* The value of row I; *TYPE becomes EMPTY when it is null. */
OA_INLINE uint64_t read_value(const value_reader *r, const oa_otap_table *table,
                              uint32_t i, uint8_t *type) {
  const oa_otap_column *column = NULL;
  switch (*type) {
    case OA_VALUE_STR:
      if (!oa_otap_is_null(&r->strings, i)) {
        return (uint32_t)oa_otap_text_at(&r->texts, i);
      }
      break;
    case OA_VALUE_INT:
    case OA_VALUE_DOUBLE:
      column = *type == OA_VALUE_INT ? &r->integers : &r->doubles;
      if (!oa_otap_is_null(column, i)) {
        return oa_otap_u64(column, i);
      }
      break;
    case OA_VALUE_BOOL:
      if (!oa_otap_is_null(&r->bools, i)) {
        return oa_otap_bool(&r->bools, i) ? 1 : 0;
      }
      break;
    case OA_VALUE_MAP:
    case OA_VALUE_SLICE:
      if (!oa_otap_is_null(&table->columns[OA_OTAP_ATTR_SER], i)) {
        return 0;
      }
      break;
    default:
      return 0;
  }
  *type = OA_VALUE_EMPTY;
  return 0;
}

/* Reads all values, and into SAME whether a row looks like the one before. */
static void read_values(const value_reader *from, oa_otap_attrs *a,
                        uint8_t *same) {
  const value_reader r = *from;
  const oa_otap_column *bytes = &a->table->columns[OA_OTAP_ATTR_BYTES];
  uint32_t counts[OA_VALUE_BYTES + 1] = {0};
  uint8_t type_before = OA_VALUE_EMPTY;
  int32_t key_before = -1;
  uint64_t value_before = 0;
  for (uint32_t i = 0; i < a->table->rows; i++) {
    uint8_t type = a->types[i];
    const int32_t key = a->keys[i];
    const uint64_t value = read_value(&r, a->table, i, &type);
    bool alike = type == type_before && key == key_before;
    if (type <= OA_VALUE_BOOL && type != OA_VALUE_DOUBLE) {
      alike &= value == value_before && type != OA_VALUE_EMPTY;
    } else if (alike) {
      alike = (type == OA_VALUE_DOUBLE && same_double(value, value_before)) ||
              (type == OA_VALUE_BYTES && oa_otap_same_bytes(bytes, i, i - 1));
    }
    same[i] = alike;
    a->types[i] = type;
    a->values[i] = value;
    counts[type]++;
    type_before = type;
    key_before = key;
    value_before = value;
  }
  memcpy(a->counts, counts, sizeof counts);
}

static oa_status take_memory(const oa_otap_decoder *d, oa_otap_attrs *a,
                             uint8_t **same) {
  void *types = NULL;
  void *keys = NULL;
  void *values = NULL;
  void *block = NULL;
  const uint32_t rows = a->table->rows;
  OA_TRY(oa_scratch_get(d->scratch, rows, 1, &types));
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof *a->keys, &keys));
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof *a->values, &values));
  OA_TRY(oa_scratch_get(d->scratch, rows, 1, &block));
  a->types = types;
  a->keys = keys;
  a->values = values;
  *same = block;
  return OA_OK;
}

static oa_status read_rows(const oa_otap_decoder *d, oa_otap_attrs *a,
                           oa_attrs *to, uint8_t **same) {
  const oa_otap_table *table = a->table;
  bool keys_repaired = false;
  bool repaired = false;
  value_reader r = {.strings = table->columns[OA_OTAP_ATTR_STR],
                    .integers = table->columns[OA_OTAP_ATTR_INT],
                    .doubles = table->columns[OA_OTAP_ATTR_DOUBLE],
                    .bools = table->columns[OA_OTAP_ATTR_BOOL]};
  OA_TRY(take_memory(d, a, same));
  OA_TRY(read_types(d, a));
  OA_TRY(read_keys(d, a, to, &keys_repaired));
  OA_TRY(oa_otap_texts_open(&r.texts, table, &table->columns[OA_OTAP_ATTR_STR],
                            d->builder, to->table, &to->column[OA_ATTR_STR]));
  read_values(&r, a, *same);
  OA_TRY(oa_otap_texts_close(&r.texts, &repaired));
  /* Numbers do not tell texts apart that were not UTF-8. */
  return keys_repaired || repaired ? oa_otap_attrs_same(d, table, same) : OA_OK;
}

oa_status oa_otap_attrs_read(const oa_otap_decoder *d, oa_payload_type type,
                             oa_attrs *to, const oa_otap_ids *parents,
                             uint32_t parent_rows, oa_otap_attrs *out) {
  uint8_t *same = NULL;
  uint32_t *ids = NULL;
  *out = (oa_otap_attrs){.table = oa_otap_table_of(d, type)};
  if (out->table == NULL) {
    return OA_OK;
  }
  OA_TRY(read_rows(d, out, to, &same));
  OA_TRY(oa_otap_parents_read(out->table, OA_OTAP_ATTR_PARENT_ID, same,
                              d->scratch, &ids, d->error));
  return oa_otap_join_rows(out->table, ids, parents, parent_rows, d->scratch,
                           &out->join, d->error);
}

/* --- nested values --- */

oa_status oa_otap_read_nested(const oa_otap_decoder *d,
                              const oa_otap_table *table, size_t column,
                              uint8_t type, uint32_t i, const uint8_t **cbor,
                              size_t *len) {
  const char *problem = "";
  size_t at = 0;
  size_t given_len;
  oa_buf *out = &d->builder->cbor;
  const uint8_t *given = oa_otap_bytes(&table->columns[column], i, &given_len);
  out->len = 0;
  oa_status status = oa_cbor_normalize(
      given, given_len, out, &d->builder->tree.repaired, &problem, &at);
  if (status == OA_ERR_NOMEM) {
    return status;
  }
  if (status != OA_OK) {
    return oa_otap_refuse(d, table, i, "bad CBOR in \"%s\" at byte %zu: %s",
                          table->info->columns[column].name, at, problem);
  }
  const bool is_map = (out->data[0] >> 5 & 1) != 0; /* of majors 4 and 5 */
  if (is_map != (type == OA_VALUE_MAP)) {
    return oa_otap_refuse(d, table, i, "the CBOR is no %s, as its type says",
                          type == OA_VALUE_MAP ? "map" : "array");
  }
  *cbor = out->data;
  *len = out->len;
  return OA_OK;
}

/* --- write --- */

/* The open run of an attribute list's columns; NULL where no row has it. */
typedef struct run {
  oa_attrs *to;
  uint8_t *keys;
  uint8_t *types;
  uint8_t *strings;
  uint8_t *integers;
  uint8_t *doubles;
  uint8_t *bools;
} run;

static uint8_t *open_value(run *r, size_t column, uint32_t base, uint32_t count,
                           uint32_t some) {
  return some == 0 ? NULL
                   : oa_otap_open_gaps(r->to->table, &r->to->column[column],
                                       base, count);
}

static uint8_t *open_dense(run *r, size_t column, uint32_t base,
                           uint32_t count) {
  oa_column *to = &r->to->column[column];
  /* Its row 0, as the places are counted from there. */
  return oa_otap_open_full(r->to->table, to, base, count) == NULL ? NULL
                                                                  : to->values;
}

static oa_status open_run(run *r, const uint32_t *counts, uint32_t base,
                          uint32_t count) {
  r->keys = open_dense(r, OA_ATTR_KEY, base, count);
  r->types = open_dense(r, OA_ATTR_TYPE, base, count);
  r->strings = open_value(r, OA_ATTR_STR, base, count, counts[OA_VALUE_STR]);
  r->integers = open_value(r, OA_ATTR_INT, base, count, counts[OA_VALUE_INT]);
  r->doubles =
      open_value(r, OA_ATTR_DOUBLE, base, count, counts[OA_VALUE_DOUBLE]);
  r->bools = open_value(r, OA_ATTR_BOOL, base, count, counts[OA_VALUE_BOOL]);
  return r->to->table->tree->failed ? OA_ERR_NOMEM : OA_OK;
}

OA_INLINE void put32(oa_column *column, uint8_t *values, uint32_t row,
                     uint32_t value) {
  memcpy(values + (size_t)row * sizeof value, &value, sizeof value);
  oa_otap_set_valid(column, row);
}

OA_INLINE void put64(oa_column *column, uint8_t *values, uint32_t row,
                     uint64_t value) {
  memcpy(values + (size_t)row * sizeof value, &value, sizeof value);
  oa_otap_set_valid(column, row);
}

/* Writes every row to its place.  Values of variable length must come in
 * order, so they are only noted in SEATS. */
static void scatter(const run *r, oa_otap_attrs *a, uint32_t kind,
                    uint32_t base, oa_otap_seat *seats) {
  oa_column *column = r->to->column;
  const oa_otap_attrs from = *a; /* stores of bytes could change any memory */
  for (uint32_t i = 0; i < from.join.rows; i++) {
    const uint32_t row = from.join.places[from.join.parents[i]]++;
    const uint8_t type = from.types[i];
    memcpy(r->keys + (size_t)row * sizeof(int32_t), &a->keys[i],
           sizeof(int32_t));
    r->types[row] = type;
    switch (type) {
      case OA_VALUE_STR:
        put32(&column[OA_ATTR_STR], r->strings, row, (uint32_t)a->values[i]);
        break;
      case OA_VALUE_INT:
        put64(&column[OA_ATTR_INT], r->integers, row, a->values[i]);
        break;
      case OA_VALUE_DOUBLE:
        put64(&column[OA_ATTR_DOUBLE], r->doubles, row, a->values[i]);
        break;
      case OA_VALUE_BOOL:
        if (a->values[i] != 0) {
          r->bools[row >> 3] |= (uint8_t)(1U << (row & 7));
        }
        oa_otap_set_valid(&column[OA_ATTR_BOOL], row);
        break;
      default:
        break;
    }
    if (seats != NULL) {
      seats[row - base] = (oa_otap_seat){.kind = kind, .row = i};
    }
  }
}

/* The row's bytes or nested value; TABLE's length is the row's number. */
static oa_status put_variable(const oa_otap_decoder *d, oa_attrs *to,
                              const oa_otap_attrs *a, uint32_t i) {
  const uint8_t *bytes = NULL;
  size_t len = 0;
  const uint8_t type = a->types[i];
  if (type == OA_VALUE_BYTES) {
    bytes = oa_otap_bytes(&a->table->columns[OA_OTAP_ATTR_BYTES], i, &len);
    oa_put_bytes(to->table, &to->column[OA_ATTR_BYTES], bytes, len);
  } else if (type == OA_VALUE_MAP || type == OA_VALUE_SLICE) {
    OA_TRY(oa_otap_read_nested(d, a->table, OA_OTAP_ATTR_SER, type, i, &bytes,
                               &len));
    oa_put_bytes(to->table, &to->column[OA_ATTR_SER], bytes, len);
  }
  return OA_OK;
}

static void count_types(const oa_otap_attrs *kinds, size_t kind_count,
                        uint32_t *counts) {
  for (size_t k = 0; k < kind_count; k++) {
    for (size_t type = 0; type <= OA_VALUE_BYTES; type++) {
      counts[type] += kinds[k].counts[type];
    }
  }
}

/* Writes COUNT items; the places are known. */
static oa_status write_items(const oa_otap_decoder *d, oa_attrs *to,
                             oa_otap_attrs *kinds, size_t kind_count,
                             uint32_t count) {
  uint32_t counts[OA_VALUE_BYTES + 1] = {0};
  const uint32_t base = to->table->length;
  run r = {.to = to};
  void *seats = NULL;
  count_types(kinds, kind_count, counts);
  const bool variable =
      counts[OA_VALUE_BYTES] + counts[OA_VALUE_MAP] + counts[OA_VALUE_SLICE] !=
      0;
  OA_TRY(oa_table_reserve_rows(to->table, count));
  OA_TRY(open_run(&r, counts, base, count));
  if (variable) {
    OA_TRY(oa_scratch_get(d->scratch, count, sizeof(oa_otap_seat), &seats));
  }
  for (size_t k = 0; k < kind_count; k++) {
    if (kinds[k].table != NULL) {
      scatter(&r, &kinds[k], (uint32_t)k, base, seats);
    }
  }
  for (uint32_t i = 0; variable && i < count; i++) {
    const oa_otap_seat *seat = (const oa_otap_seat *)seats + i;
    OA_TRY(put_variable(d, to, &kinds[seat->kind], seat->row));
    to->table->length++;
  }
  to->table->length = base + count;
  return OA_OK;
}

oa_status oa_otap_attrs_write(const oa_otap_decoder *d, oa_attrs *to,
                              oa_otap_attrs *kinds, size_t kind_count,
                              oa_table *table, oa_column *list, uint32_t base,
                              uint32_t count, const oa_otap_seat *seats) {
  oa_otap_join *joins[OA_OTAP_MAX_KINDS] = {0};
  for (size_t k = 0; k < kind_count; k++) {
    joins[k] = &kinds[k].join;
  }
  const uint32_t items =
      oa_otap_place_lists(table, list, base, count, seats, joins);
  return items == 0 ? OA_OK : write_items(d, to, kinds, kind_count, items);
}

oa_status oa_otap_attrs_append(const oa_otap_decoder *d, oa_attrs *to,
                               const oa_otap_attrs *a, uint32_t i) {
  oa_table *table = to->table;
  oa_column *column = to->column;
  OA_TRY(oa_table_reserve(table));
  OA_TRY(put_variable(d, to, a, i));
  switch (a->types[i]) {
    case OA_VALUE_STR:
      oa_put_u32(table, &column[OA_ATTR_STR], (uint32_t)a->values[i]);
      break;
    case OA_VALUE_INT:
      oa_put_u64(table, &column[OA_ATTR_INT], a->values[i]);
      break;
    case OA_VALUE_DOUBLE:
      oa_put_u64(table, &column[OA_ATTR_DOUBLE], a->values[i]);
      break;
    case OA_VALUE_BOOL:
      oa_put_bool(table, &column[OA_ATTR_BOOL], a->values[i] != 0);
      break;
    default:
      break;
  }
  oa_put_u32(table, &column[OA_ATTR_KEY], (uint32_t)a->keys[i]);
  oa_put_u8(table, &column[OA_ATTR_TYPE], a->types[i]);
  table->length++;
  return OA_OK;
}
