/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of attributes.  Sorted by type, key and value, the column of a value
 * is a few long runs, and the rows that have it are small steps. */
#include "otap/encode_impl.h"
#include "otlp/cbor_read.h"

/* Numbers are spread over so many bits to bring equal ones together. */
enum { HASH_BITS = 16 };

/* Groups are numbered type * keys + key in 32 bits. */
enum { MAX_KEYS = 1 << 28 };

static uint64_t u64_at(const oa_array *array, int64_t i) {
  const uint64_t *values = array->values;
  return values == NULL ? 0 : values[i];
}

static uint8_t u8_at(const oa_array *array, int64_t i) {
  const uint8_t *values = array->values;
  return values == NULL ? 0 : values[i];
}

static uint32_t index_at(const oa_array *array, int64_t i) {
  const uint32_t *indices = array->values;
  return indices == NULL ? 0 : indices[i];
}

static bool bool_at(const oa_array *array, int64_t i) {
  return array->values != NULL && oa_bit(array->values, i);
}

static uint32_t hash(uint64_t value) {
  return (uint32_t)((value * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - HASH_BITS));
}

/* The column that holds a value of each type. */
static const uint8_t value_column[] = {
    [OA_VALUE_STR] = OA_ATTR_STR,       [OA_VALUE_INT] = OA_ATTR_INT,
    [OA_VALUE_DOUBLE] = OA_ATTR_DOUBLE, [OA_VALUE_BOOL] = OA_ATTR_BOOL,
    [OA_VALUE_MAP] = OA_ATTR_SER,       [OA_VALUE_SLICE] = OA_ATTR_SER,
    [OA_VALUE_BYTES] = OA_ATTR_BYTES,
};

/* The peer will take the CBOR apart: what is none must not reach it. */
static oa_status check_cbor(oa_otap_encoder *encoder, const oa_array *ser,
                            int64_t i, uint8_t type) {
  oa_cbor_reader reader;
  oa_cbor_token token = {0};
  size_t len;
  const uint8_t *bytes = oa_array_bytes(ser, i, &len);
  bool first = true;
  oa_status status;

  oa_cbor_init(&reader, bytes, len);
  while ((status = oa_cbor_next(&reader, &token)) == OA_OK) {
    if (first &&
        token.kind != (type == OA_VALUE_MAP ? OA_CBOR_MAP : OA_CBOR_ARRAY)) {
      return oa_send_refuse(encoder, "the CBOR is no %s, as its type says",
                            type == OA_VALUE_MAP ? "map" : "array");
    }
    first = false;
  }
  return status == OA_END
             ? OA_OK
             : oa_send_refuse(encoder, "bad CBOR at byte %zu: %s",
                              (size_t)(reader.at - bytes), reader.problem);
}

static oa_status check(oa_otap_encoder *encoder, const oa_array *fields,
                       int64_t i, uint8_t type) {
  if (type > OA_VALUE_BYTES) {
    return oa_send_refuse(encoder, "an attribute has the unknown type %u",
                          type);
  }
  if (oa_array_is_null(&fields[OA_ATTR_KEY], i)) {
    return oa_send_refuse(encoder, "an attribute without a key");
  }
  /* Empty bytes may be null, as in OTAP. */
  if (type == OA_VALUE_EMPTY || type == OA_VALUE_BYTES) {
    return OA_OK;
  }
  if (oa_array_is_null(&fields[value_column[type]], i)) {
    return oa_send_refuse(
        encoder, "an attribute has type %u and no value of that type", type);
  }
  return type == OA_VALUE_MAP || type == OA_VALUE_SLICE
             ? check_cbor(encoder, &fields[OA_ATTR_SER], i, type)
             : OA_OK;
}

static uint32_t rank_of(const oa_array *fields, int64_t i, uint8_t type) {
  switch (type) {
    case OA_VALUE_STR:
      return index_at(&fields[OA_ATTR_STR], i);
    case OA_VALUE_INT:
      return hash(u64_at(&fields[OA_ATTR_INT], i));
    case OA_VALUE_DOUBLE:
      return hash(u64_at(&fields[OA_ATTR_DOUBLE], i));
    case OA_VALUE_BOOL:
      return bool_at(&fields[OA_ATTR_BOOL], i);
    default:
      return 0; /* hardly ever the same twice */
  }
}

oa_status oa_send_attrs_add(oa_otap_encoder *encoder, oa_send_attrs *attrs,
                            int64_t begin, int64_t end, uint32_t parent) {
  const oa_array *fields = attrs->fields;
  const oa_array *keys = fields[OA_ATTR_KEY].dictionary;
  const int64_t key_count = keys == NULL ? 0 : keys->length;
  for (int64_t i = begin; i < end; i++) {
    const uint8_t type = u8_at(&fields[OA_ATTR_TYPE], i);
    OA_TRY(check(encoder, fields, i, type));
    if (key_count > MAX_KEYS) {
      return OA_ERR_LIMIT;
    }
    attrs->items[attrs->count++] = (oa_send_attr){
        .index = (uint32_t)i,
        .parent = parent,
        .group = type * (uint32_t)key_count + index_at(&fields[OA_ATTR_KEY], i),
        .rank = rank_of(fields, i, type)};
  }
  return OA_OK;
}

oa_status oa_send_put_attr_list(oa_otap_encoder *encoder, oa_payload_type type,
                                const oa_array *list, const oa_send_rows *rows,
                                const uint32_t *parents) {
  oa_send_attrs attrs = {0};
  int64_t begin;
  int64_t end;
  int64_t sum = 0;

  for (int64_t i = 0; i < rows->count; i++) {
    oa_array_range(list, oa_send_row(rows, i), &begin, &end);
    sum += end - begin;
  }
  if (sum == 0) {
    return OA_OK;
  }
  attrs.fields = list->children->children;
  OA_TRY(oa_send_get(encoder, sum, sizeof *attrs.items, &attrs.items));
  for (int64_t i = 0; i < rows->count; i++) {
    oa_array_range(list, oa_send_row(rows, i), &begin, &end);
    encoder->row = oa_send_origin(rows, i);
    OA_TRY(oa_send_attrs_add(encoder, &attrs, begin, end, parents[i]));
  }
  return oa_send_put_attrs(encoder, type, &attrs);
}

/* --- the columns --- */

/* What is being made: the sorted attributes and where their values lie. */
typedef struct making {
  oa_otap_encoder *encoder;
  oa_send_table *table;
  const oa_array *fields;
  const oa_send_attr *items;
  int64_t count;
  uint32_t *index; /* of the items */
  uint8_t *types;
} making;

/* The run of items with a type from FIRST to LAST: [*begin, *end). */
static void find_run(const making *m, uint8_t first, uint8_t last,
                     int64_t *begin, int64_t *end) {
  int64_t at = 0;
  while (at < m->count && m->types[at] < first) {
    at++;
  }
  *begin = at;
  while (at < m->count && m->types[at] <= last) {
    at++;
  }
  *end = at;
}

/* Puts VALUES as those of the run; the other rows are null. */
static oa_status put_run(const making *m, size_t column, const void *values,
                         int64_t begin, int64_t end) {
  uint8_t *bits = NULL;
  oa_send_put_whole(m->table, column, values);
  if (end - begin < m->count) {
    oa_array *array = &m->table->columns[column].array;
    OA_TRY(oa_send_get_zeroed(m->encoder, m->count / 8 + 1, 1, &bits));
    oa_send_set_bits(bits, begin, end);
    array->validity = bits;
    array->null_count = m->count - (end - begin);
  }
  return OA_OK;
}

static oa_status put_numbers(const making *m, uint8_t type, size_t from,
                             size_t column) {
  int64_t begin;
  int64_t end;
  uint64_t *values = NULL;
  find_run(m, type, type, &begin, &end);
  if (begin == end) {
    return OA_OK;
  }
  OA_TRY(oa_send_get_zeroed(m->encoder, m->count, sizeof *values, &values));
  for (int64_t i = begin; i < end; i++) {
    values[i] = u64_at(&m->fields[from], m->index[i]);
  }
  return put_run(m, column, values, begin, end);
}

static oa_status put_bools(const making *m) {
  int64_t begin;
  int64_t end;
  uint8_t *values = NULL;
  find_run(m, OA_VALUE_BOOL, OA_VALUE_BOOL, &begin, &end);
  if (begin == end) {
    return OA_OK;
  }
  OA_TRY(oa_send_get_zeroed(m->encoder, m->count / 8 + 1, 1, &values));
  for (int64_t i = begin; i < end; i++) {
    if (bool_at(&m->fields[OA_ATTR_BOOL], m->index[i])) {
      oa_send_set_bits(values, i, i + 1);
    }
  }
  return put_run(m, OA_OTAP_ATTR_BOOL, values, begin, end);
}

/* `bytes` and `ser`; null bytes are empty ones. */
static oa_status put_bytes(const making *m, uint8_t first, uint8_t last,
                           size_t from, size_t column) {
  const oa_array *input = &m->fields[from];
  int64_t begin;
  int64_t end;
  int64_t sum = 0;
  int32_t *offsets = NULL;
  uint8_t *bytes = NULL;
  size_t len;

  find_run(m, first, last, &begin, &end);
  if (begin == end) {
    return OA_OK;
  }
  OA_TRY(oa_send_get(m->encoder, m->count + 1, sizeof *offsets, &offsets));
  for (int64_t i = 0; i < m->count; i++) {
    offsets[i] = (int32_t)sum;
    if (i >= begin && i < end && !oa_array_is_null(input, m->index[i])) {
      oa_array_bytes(input, m->index[i], &len);
      sum += (int64_t)len;
      if (sum > INT32_MAX) {
        return OA_ERR_LIMIT;
      }
    }
  }
  offsets[m->count] = (int32_t)sum;
  OA_TRY(oa_send_get(m->encoder, sum, 1, &bytes));
  for (int64_t i = begin; i < end; i++) {
    if (offsets[i] != offsets[i + 1]) {
      memcpy(bytes + offsets[i], oa_array_bytes(input, m->index[i], &len),
             (size_t)(offsets[i + 1] - offsets[i]));
    }
  }
  OA_TRY(put_run(m, column, bytes, begin, end));
  m->table->columns[column].array.offsets = offsets;
  m->table->columns[column].array.values_size = (size_t)sum;
  return OA_OK;
}

static oa_status put_strings(const making *m) {
  int64_t begin;
  int64_t end;
  find_run(m, OA_VALUE_STR, OA_VALUE_STR, &begin, &end);
  const oa_send_rows rows = {.index = m->index + begin, .count = end - begin};
  return begin == end ? OA_OK
                      : oa_send_put_text_run(
                            m->encoder, m->table, OA_OTAP_ATTR_STR,
                            &m->fields[OA_ATTR_STR], &rows,
                            (oa_send_run){.at = begin, .total = m->count});
}

/* True when the attributes I and I - 1 have the same type, key and value, as
 * the peer will judge: maps, slices and nothing are never the same, doubles
 * are when they compare equal. */
static bool same_as_before(const making *m, int64_t i) {
  const oa_send_column *columns = m->table->columns;
  const uint8_t type = m->types[i];
  const oa_array *doubles = &columns[OA_OTAP_ATTR_DOUBLE].array;
  const oa_array *bytes = &columns[OA_OTAP_ATTR_BYTES].array;
  if (type != m->types[i - 1] ||
      !oa_send_text_same(&columns[OA_OTAP_ATTR_KEY], i, i - 1)) {
    return false;
  }
  switch (type) {
    case OA_VALUE_STR:
      return oa_send_text_same(&columns[OA_OTAP_ATTR_STR], i, i - 1);
    case OA_VALUE_INT:
      return u64_at(&columns[OA_OTAP_ATTR_INT].array, i) ==
             u64_at(&columns[OA_OTAP_ATTR_INT].array, i - 1);
    case OA_VALUE_DOUBLE: {
      const double *values = doubles->values;
      return values[i] >= values[i - 1] && values[i] <= values[i - 1];
    }
    case OA_VALUE_BOOL:
      return bool_at(&columns[OA_OTAP_ATTR_BOOL].array, i) ==
             bool_at(&columns[OA_OTAP_ATTR_BOOL].array, i - 1);
    case OA_VALUE_BYTES: {
      size_t a_len;
      size_t b_len;
      const uint8_t *a = oa_array_bytes(bytes, i, &a_len);
      const uint8_t *b = oa_array_bytes(bytes, i - 1, &b_len);
      return a_len == b_len && oa_bytes_equal(a, b, a_len);
    }
    default:
      return false;
  }
}

/* Quasi-delta: the step from the attribute before while that is the same. */
static oa_status put_parents(const making *m) {
  const bool wide =
      m->table->info->columns[OA_OTAP_ATTR_PARENT_ID].type == OA_TYPE_UINT32;
  void *values = NULL;
  OA_TRY(oa_send_get(m->encoder, m->count, wide ? 4 : 2, &values));
  for (int64_t i = 0; i < m->count; i++) {
    uint32_t parent = m->items[i].parent;
    if (i > 0 && same_as_before(m, i)) {
      parent -= m->items[i - 1].parent;
    }
    if (wide) {
      ((uint32_t *)values)[i] = parent;
    } else {
      ((uint16_t *)values)[i] = (uint16_t)parent;
    }
  }
  oa_send_put_whole(m->table, OA_OTAP_ATTR_PARENT_ID, values);
  return OA_OK;
}

oa_status oa_send_put_attrs(oa_otap_encoder *encoder, oa_payload_type type,
                            const oa_send_attrs *attrs) {
  oa_send_attr *items = attrs->items;
  making m = {.encoder = encoder,
              .table = oa_send_table_of(encoder, type),
              .fields = attrs->fields,
              .count = attrs->count};
  OA_TRY(oa_send_sort_attrs(encoder, &items, attrs->count));
  m.items = items;
  OA_TRY(oa_send_get(encoder, m.count, sizeof *m.index, &m.index));
  OA_TRY(oa_send_get(encoder, m.count, sizeof *m.types, &m.types));
  for (int64_t i = 0; i < m.count; i++) {
    m.index[i] = items[i].index;
    m.types[i] = u8_at(&m.fields[OA_ATTR_TYPE], items[i].index);
  }
  oa_send_table_begin(m.table, m.count);
  const oa_send_rows all = {.index = m.index, .count = m.count};
  OA_TRY(oa_send_put_text(encoder, m.table, OA_OTAP_ATTR_KEY,
                          &m.fields[OA_ATTR_KEY], &all));
  oa_send_put_whole(m.table, OA_OTAP_ATTR_TYPE, m.types);
  OA_TRY(put_strings(&m));
  OA_TRY(put_numbers(&m, OA_VALUE_INT, OA_ATTR_INT, OA_OTAP_ATTR_INT));
  OA_TRY(put_numbers(&m, OA_VALUE_DOUBLE, OA_ATTR_DOUBLE, OA_OTAP_ATTR_DOUBLE));
  OA_TRY(put_bools(&m));
  OA_TRY(put_bytes(&m, OA_VALUE_BYTES, OA_VALUE_BYTES, OA_ATTR_BYTES,
                   OA_OTAP_ATTR_BYTES));
  OA_TRY(put_bytes(&m, OA_VALUE_MAP, OA_VALUE_SLICE, OA_ATTR_SER,
                   OA_OTAP_ATTR_SER));
  return put_parents(&m);
}
