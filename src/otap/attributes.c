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

size_t oa_otap_value_column(uint8_t type) {
  return value_columns[type];
}

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

bool oa_otap_same_value(const oa_otap_table *table, uint8_t type, uint32_t i) {
  const oa_otap_column *column = &table->columns[value_columns[type]];
  switch (type) {
    case OA_VALUE_INT:
      return oa_otap_u64(column, i) == oa_otap_u64(column, i - 1);
    case OA_VALUE_DOUBLE:
      return oa_otap_same_double(oa_otap_u64(column, i),
                                 oa_otap_u64(column, i - 1));
    case OA_VALUE_BOOL:
      return oa_otap_bool(column, i) == oa_otap_bool(column, i - 1);
    case OA_VALUE_STR:
    case OA_VALUE_BYTES: /* null equals nothing, also here */
      return oa_otap_same_bytes(column, i, i - 1);
    default:
      return false;
  }
}

size_t oa_otap_attrs_length(const oa_otap_table *table, uint8_t type,
                            uint32_t i) {
  size_t len = 0;
  if (type == OA_VALUE_STR || type == OA_VALUE_BYTES) {
    (void)oa_otap_bytes(&table->columns[value_columns[type]], i, &len);
  }
  return len;
}

oa_status oa_otap_attrs_same(const oa_otap_decoder *d,
                             const oa_otap_table *table, uint8_t **out) {
  const oa_otap_column *keys = &table->columns[OA_OTAP_ATTR_KEY];
  void *block = NULL;
  OA_TRY(oa_scratch_get(d->scratch, table->rows, 1, &block));
  uint8_t *same = block;
  uint8_t before = OA_VALUE_EMPTY;
  const uint8_t *key_before = NULL;
  size_t len_before = 0;
  for (uint32_t i = 0; i < table->rows; i++) {
    uint8_t type = OA_VALUE_EMPTY;
    OA_TRY(oa_otap_attrs_type(d, table, i, &type));
    size_t len;
    const uint8_t *key = oa_otap_bytes(keys, i, &len);
    OA_TRY(oa_otap_spend(d, len + oa_otap_attrs_length(table, type, i)));
    same[i] = i > 0 && type == before && type != OA_VALUE_EMPTY &&
              /* a null key is the empty one */
              len == len_before &&
              (len == 0 || memcmp(key, key_before, len) == 0) &&
              oa_otap_same_value(table, type, i);
    before = type;
    key_before = key;
    len_before = len;
  }
  *out = same;
  return OA_OK;
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
  OA_TRY(oa_otap_spend(d, given_len));
  oa_status status =
      oa_cbor_normalize(given, given_len, oa_builder_depth(d->builder), out,
                        &d->builder->tree.repaired, &problem, &at);
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
