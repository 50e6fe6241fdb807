/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an attribute table.  Senders sort these tables by type, so all is done
 * for runs of rows of one type; a table in any other order has only shorter
 * runs. */
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
    end = oa_otap_attrs_run(a->types, at, rows);
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

/* A null key is the empty one. */
static oa_status read_keys(const oa_otap_decoder *d, oa_otap_attrs *a,
                           oa_attrs *to, bool *repaired) {
  const oa_otap_column *column = &a->table->columns[OA_OTAP_ATTR_KEY];
  oa_otap_texts texts;
  OA_TRY(oa_otap_texts_open(&texts, a->table, column, d->builder, to->table,
                            &to->column[OA_ATTR_KEY]));
  oa_otap_texts_read(&texts, 0, a->table->rows, a->keys);
  if (oa_otap_has_nulls(column)) {
    const int32_t empty =
        oa_column_intern(to->table, &to->column[OA_ATTR_KEY], NULL, 0);
    for (uint32_t i = 0; i < a->table->rows; i++) {
      a->keys[i] = a->keys[i] < 0 ? empty : a->keys[i];
    }
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
    end = oa_otap_attrs_run(a->types, at, a->table->rows);
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

/* --- rows that look like the one before --- */

static void same_strings(const oa_otap_attrs *a, uint32_t at, uint32_t end,
                         uint8_t *restrict same) {
  const int32_t *keys = a->keys;
  const int32_t *strings = a->strings;
  for (uint32_t i = at; i < end; i++) {
    same[i] =
        (uint8_t)((keys[i] == keys[i - 1]) & (strings[i] == strings[i - 1]));
  }
}

static void same_integers(const oa_otap_attrs *a, uint32_t at, uint32_t end,
                          uint8_t *restrict same) {
  const int32_t *keys = a->keys;
  const uint64_t *integers = a->integers;
  for (uint32_t i = at; i < end; i++) {
    same[i] =
        (uint8_t)((keys[i] == keys[i - 1]) & (integers[i] == integers[i - 1]));
  }
}

static void same_others(const oa_otap_attrs *a, uint32_t at, uint32_t end,
                        uint8_t *same) {
  for (uint32_t i = at; i < end; i++) {
    same[i] = a->keys[i] == a->keys[i - 1] &&
              oa_otap_same_value(a->table, a->types[i], i);
  }
}

/* The first row of a run never looks like the one before it. */
static void read_same(const oa_otap_attrs *a, uint8_t *same) {
  const uint32_t rows = a->table->rows;
  for (uint32_t end, at = 0; at < rows; at = end) {
    end = oa_otap_attrs_run(a->types, at, rows);
    same[at] = 0;
    switch (a->types[at]) {
      case OA_VALUE_STR:
        same_strings(a, at + 1, end, same);
        break;
      case OA_VALUE_INT:
        same_integers(a, at + 1, end, same);
        break;
      default:
        same_others(a, at + 1, end, same);
        break;
    }
  }
}

/* --- all of it --- */

static void count_types(oa_otap_attrs *a) {
  const uint32_t rows = a->table->rows;
  for (uint32_t end, at = 0; at < rows; at = end) {
    end = oa_otap_attrs_run(a->types, at, rows);
    a->counts[a->types[at]] += end - at;
  }
}

static oa_status take_memory(const oa_otap_decoder *d, oa_otap_attrs *a,
                             uint8_t **same) {
  void *types = NULL;
  void *keys = NULL;
  void *strings = NULL;
  void *block = NULL;
  const uint32_t rows = a->table->rows;
  OA_TRY(oa_scratch_get(d->scratch, rows, 1, &types));
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof *a->keys, &keys));
  OA_TRY(oa_scratch_get(d->scratch, rows, sizeof *a->strings, &strings));
  OA_TRY(oa_scratch_get(d->scratch, rows, 1, &block));
  a->types = types;
  a->keys = keys;
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
  read_same(a, *same);
  return OA_OK;
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
