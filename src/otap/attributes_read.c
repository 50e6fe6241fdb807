/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an attribute table.  Senders sort these tables by type and key, so all
 * is done for runs of rows of one type, or of one type and key; a table in any
 * other order has only shorter runs. */
#include "otap/attributes.h"

/* --- types --- */

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

/* Values that are null are EMPTY, but those of BYTES. */
static void empty_nulls(oa_otap_attrs *a) {
  const uint32_t rows = a->table->rows;
  for (uint32_t end, at = 0; at < rows; at = end) {
    end = oa_otap_types_run(a->types, at, rows);
    const uint8_t type = a->types[at];
    if (type == OA_VALUE_EMPTY || type == OA_VALUE_BYTES) {
      continue;
    }
    const oa_otap_column *column =
        &a->table->columns[oa_otap_value_column(type)];
    if (oa_otap_all_set(column, at, end)) {
      continue;
    }
    for (uint32_t i = at; i < end; i++) {
      a->types[i] = oa_otap_is_null(column, i) ? OA_VALUE_EMPTY : type;
    }
  }
}

/* --- keys and values --- */

/* The keys one by one.  A null key is the empty one. */
static oa_status read_key_rows(const oa_otap_decoder *d, oa_otap_attrs *a,
                               oa_attrs *to, const oa_otap_texts *texts) {
  const uint32_t rows = a->table->rows;
  void *block = NULL;
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof *a->keys, &block));
  int32_t *keys = block;
  oa_otap_texts_read(texts, 0, rows, keys);
  if (oa_otap_has_nulls(texts->column)) {
    const int32_t empty =
        oa_column_intern(to->table, &to->column[OA_ATTR_KEY], NULL, 0);
    for (uint32_t i = 0; i < rows; i++) {
      keys[i] = keys[i] < 0 ? empty : keys[i];
    }
  }
  a->keys = keys;
  return OA_OK;
}

/* Short indices stay as they are: runs of them are found eight at a time. */
static oa_status read_keys(const oa_otap_decoder *d, oa_otap_attrs *a,
                           oa_attrs *to, bool *repaired) {
  const oa_otap_column *column = &a->table->columns[OA_OTAP_ATTR_KEY];
  oa_otap_texts texts;
  OA_TRY(oa_otap_texts_open(&texts, a->table, column, d->builder, to->table,
                            &to->column[OA_ATTR_KEY]));
  if (column->index_width == 1 && !oa_otap_has_nulls(column)) {
    oa_otap_texts_find(&texts, 0, a->table->rows);
    a->key_indices = column->array->values;
    a->keys = texts.numbers;
  } else {
    OA_TRY(read_key_rows(d, a, to, &texts));
  }
  return oa_otap_texts_close(&texts, repaired);
}

static oa_status read_strings(const oa_otap_decoder *d, oa_otap_attrs *a,
                              oa_attrs *to, bool *repaired) {
  oa_otap_texts texts;
  OA_TRY(oa_otap_texts_open(&texts, a->table,
                            &a->table->columns[OA_OTAP_ATTR_STR], d->builder,
                            to->table, &to->column[OA_ATTR_STR]));
  for (uint32_t end, at = 0; at < a->table->rows; at = end) {
    end = oa_otap_types_run(a->types, at, a->table->rows);
    if (a->types[at] == OA_VALUE_STR) {
      oa_otap_texts_read(&texts, at, end, a->strings);
    }
  }
  return oa_otap_texts_close(&texts, repaired);
}

/* The bits of a 64-bit column, where they are when they can be read there. */
static oa_status read_numbers(const oa_otap_decoder *d, const oa_otap_attrs *a,
                              size_t column, uint8_t type,
                              const uint64_t **out) {
  const oa_otap_column *from = &a->table->columns[column];
  uint64_t *copy = NULL;
  if (a->counts[type] > 0 && from->index_width > 0) {
    OA_TRY(oa_otap_get_u64s(d, a->table, column, &copy));
    *out = copy;
  } else if (a->counts[type] > 0) {
    *out = from->array->values;
  }
  return OA_OK;
}

/* --- runs of one key --- */

uint32_t oa_otap_attrs_run(const oa_otap_attrs *a, uint32_t at) {
  const uint8_t *keys = a->key_indices;
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint32_t rows = a->table->rows;
  const int32_t key = oa_otap_attrs_key(a, at);
  uint32_t end = at + 1;
  for (; keys != NULL && end + sizeof ones <= rows; end += sizeof ones) {
    uint64_t types8;
    uint64_t keys8;
    memcpy(&types8, a->types + end, sizeof types8);
    memcpy(&keys8, keys + end, sizeof keys8);
    if (types8 != a->types[at] * ones || keys8 != keys[at] * ones) {
      break;
    }
  }
  while (end < rows && a->types[end] == a->types[at] &&
         oa_otap_attrs_key(a, end) == key) {
    end++;
  }
  return end;
}

/* --- rows that look like the one before --- */

/* The rows [AT, END) have the type and key of the row before. */
static void mark_same(const oa_otap_attrs *a, uint32_t at, uint32_t end,
                      uint8_t *restrict same) {
  const int32_t *strings = a->strings;
  const uint64_t *integers = a->integers;
  const uint64_t *doubles = a->doubles;
  const uint8_t type = a->types[at - 1];
  if (type == OA_VALUE_STR) {
    for (uint32_t i = at; i < end; i++) {
      same[i] = strings[i] == strings[i - 1];
    }
  } else if (type == OA_VALUE_INT) {
    for (uint32_t i = at; i < end; i++) {
      same[i] = integers[i] == integers[i - 1];
    }
  } else if (type == OA_VALUE_DOUBLE) {
    for (uint32_t i = at; i < end; i++) {
      same[i] = oa_otap_same_double(doubles[i], doubles[i - 1]);
    }
  } else {
    for (uint32_t i = at; i < end; i++) {
      same[i] = oa_otap_same_value(a->table, type, i);
    }
  }
}

/* The first row of a run never looks like the one before it. */
static void read_same(const oa_otap_attrs *a, uint8_t *same) {
  for (uint32_t end, at = 0; at < a->table->rows; at = end) {
    end = oa_otap_attrs_run(a, at);
    same[at] = 0;
    mark_same(a, at + 1, end, same);
  }
}

/* Values of bytes are compared with each other, as they get no numbers. */
static oa_status spend_bytes(const oa_otap_decoder *d, const oa_otap_attrs *a) {
  const uint32_t rows = a->counts[OA_VALUE_BYTES] > 0 ? a->table->rows : 0;
  for (uint32_t i = 0; i < rows; i++) {
    if (a->types[i] == OA_VALUE_BYTES) {
      OA_TRY(
          oa_otap_spend(d, oa_otap_attrs_length(a->table, OA_VALUE_BYTES, i)));
    }
  }
  return OA_OK;
}

/* --- all of it --- */

static void count_types(oa_otap_attrs *a) {
  const uint32_t rows = a->table->rows;
  for (uint32_t end, at = 0; at < rows; at = end) {
    end = oa_otap_types_run(a->types, at, rows);
    a->counts[a->types[at]] += end - at;
  }
}

static oa_status take_memory(const oa_otap_decoder *d, oa_otap_attrs *a,
                             uint8_t **same) {
  void *types = NULL;
  void *strings = NULL;
  void *block = NULL;
  const uint32_t rows = a->table->rows;
  OA_TRY(oa_scratch_get(d->scratch, rows, 1, &types));
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof *a->strings, &strings));
  OA_TRY(oa_scratch_get(d->scratch, rows, 1, &block));
  a->types = types;
  a->strings = strings;
  *same = block;
  return OA_OK;
}

static oa_status read_rows(const oa_otap_decoder *d, oa_otap_attrs *a,
                           oa_attrs *to, uint8_t **same) {
  bool keys_repaired = false;
  bool repaired = false;
  OA_TRY(take_memory(d, a, same));
  OA_TRY(read_types(d, a));
  empty_nulls(a);
  count_types(a);
  OA_TRY(read_keys(d, a, to, &keys_repaired));
  OA_TRY(read_strings(d, a, to, &repaired));
  OA_TRY(read_numbers(d, a, OA_OTAP_ATTR_INT, OA_VALUE_INT, &a->integers));
  OA_TRY(read_numbers(d, a, OA_OTAP_ATTR_DOUBLE, OA_VALUE_DOUBLE, &a->doubles));
  if (keys_repaired || repaired) {
    /* Numbers do not tell texts apart that were not UTF-8. */
    return oa_otap_attrs_same(d, a->table, same);
  }
  OA_TRY(spend_bytes(d, a));
  read_same(a, *same);
  return OA_OK;
}

oa_status oa_otap_attrs_read(const oa_otap_decoder *d, oa_payload_type type,
                             oa_attrs *to, const oa_otap_ids *parents,
                             uint32_t parent_rows, oa_otap_attrs *out) {
  uint8_t *same = NULL;
  *out = (oa_otap_attrs){.table = oa_otap_table_of(d, type)};
  if (out->table == NULL) {
    return OA_OK;
  }
  OA_TRY(read_rows(d, out, to, &same));
  return oa_otap_join_read(out->table, OA_OTAP_ATTR_PARENT_ID, same, parents,
                           parent_rows, d->scratch, &out->join, d->error);
}
