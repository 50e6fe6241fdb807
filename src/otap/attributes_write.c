/* SPDX-License-Identifier: Apache-2.0 */
/* Writes attributes into the builder, each straight to its place. */
#include "arrow/bits.h"
#include "otap/attributes.h"

/* The columns of an attribute list: the rows [base, base + count) are open. */
typedef struct run {
  oa_attrs *to;
  uint32_t base;
  uint32_t count;
  const uint32_t *counts; /* of them, of each type */
  uint8_t *keys;          /* the columns' row 0; NULL where no row has it */
  uint8_t *types;
  uint8_t *strings;
  uint8_t *integers;
  uint8_t *doubles;
  uint8_t *bools;
  /* Which row of which kind each is; NULL: nobody asks. */
  oa_otap_seat *seats;
  uint32_t kind; /* of those that are being written */
} run;

static uint8_t *open_value(run *r, size_t column, uint8_t type) {
  return r->counts[type] == 0
             ? NULL
             : oa_otap_open_gaps(r->to->table, &r->to->column[column], r->base,
                                 r->count);
}

static uint8_t *open_dense(run *r, size_t column) {
  oa_column *to = &r->to->column[column];
  /* Its row 0, as the places are counted from there. */
  return oa_otap_open_full(r->to->table, to, r->base, r->count) == NULL
             ? NULL
             : to->values;
}

static oa_status open_run(run *r) {
  r->keys = open_dense(r, OA_ATTR_KEY);
  r->types = open_dense(r, OA_ATTR_TYPE);
  r->strings = open_value(r, OA_ATTR_STR, OA_VALUE_STR);
  r->integers = open_value(r, OA_ATTR_INT, OA_VALUE_INT);
  r->doubles = open_value(r, OA_ATTR_DOUBLE, OA_VALUE_DOUBLE);
  r->bools = open_value(r, OA_ATTR_BOOL, OA_VALUE_BOOL);
  return r->keys == NULL || r->types == NULL || r->to->table->tree->failed
             ? OA_ERR_NOMEM
             : OA_OK;
}

/* --- rows to their places --- */

/* The place of row I, which gets KEY and TYPE. */
OA_INLINE size_t put_row(const run *r, const oa_otap_join *join, int32_t key,
                         uint8_t type, uint32_t i) {
  const size_t row = join->places[join->parents[i]]++;
  memcpy(r->keys + row * sizeof key, &key, sizeof key);
  r->types[row] = type;
  if (r->seats != NULL) {
    r->seats[row - r->base] = (oa_otap_seat){.kind = r->kind, .row = i};
  }
  return row;
}

/* The rows [AT, END), which have KEY. */
static void put_strings(const run *r, const oa_otap_attrs *a, int32_t key,
                        uint32_t at, uint32_t end) {
  const run to = *r; /* stores of bytes could change any memory */
  const oa_otap_attrs from = *a;
  for (uint32_t i = at; i < end; i++) {
    const size_t row = put_row(&to, &from.join, key, OA_VALUE_STR, i);
    memcpy(to.strings + row * sizeof(int32_t), &from.strings[i],
           sizeof(int32_t));
  }
}

static void put_numbers(const run *r, const oa_otap_attrs *a, int32_t key,
                        uint32_t at, uint32_t end) {
  const run to = *r;
  const oa_otap_attrs from = *a;
  const uint8_t type = a->types[at];
  uint8_t *values = type == OA_VALUE_INT ? to.integers : to.doubles;
  const uint64_t *numbers = type == OA_VALUE_INT ? from.integers : from.doubles;
  for (uint32_t i = at; i < end; i++) {
    const size_t row = put_row(&to, &from.join, key, type, i);
    memcpy(values + row * sizeof numbers[i], &numbers[i], sizeof numbers[i]);
  }
}

static void put_others(const run *r, const oa_otap_attrs *a, int32_t key,
                       uint32_t at, uint32_t end) {
  const oa_otap_column *bools = &a->table->columns[OA_OTAP_ATTR_BOOL];
  const uint8_t type = a->types[at];
  for (uint32_t i = at; i < end; i++) {
    const size_t row = put_row(r, &a->join, key, type, i);
    if (type == OA_VALUE_BOOL && oa_otap_bool(bools, i)) {
      r->bools[row >> 3] |= (uint8_t)(1U << (row & 7));
    }
  }
}

/* Writes every row to its place.  Values of variable length must come in
 * order, so they are not written here. */
static void scatter(const run *r, const oa_otap_attrs *a) {
  for (uint32_t end, at = 0; at < a->join.rows; at = end) {
    const int32_t key = oa_otap_attrs_key(a, at);
    end = oa_otap_attrs_run(a, at);
    switch (a->types[at]) {
      case OA_VALUE_STR:
        put_strings(r, a, key, at, end);
        break;
      case OA_VALUE_INT:
      case OA_VALUE_DOUBLE:
        put_numbers(r, a, key, at, end);
        break;
      default:
        put_others(r, a, key, at, end);
        break;
    }
  }
}

/* --- which rows hold a value --- */

/* The three bits of up to 64 types, each in a word of its own. */
typedef struct planes {
  uint64_t bits[3];
} planes;

/* The lowest bit of each of eight bytes. */
OA_INLINE uint64_t low_bits(uint64_t eight) {
  return (eight & UINT64_C(0x0101010101010101)) *
             UINT64_C(0x0102040810204080) >>
         56;
}

static planes planes_of(const uint8_t *types, unsigned count) {
  planes p = {{0}};
  unsigned i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t eight;
    memcpy(&eight, types + i, sizeof eight);
    p.bits[0] |= low_bits(eight) << i;
    p.bits[1] |= low_bits(eight >> 1) << i;
    p.bits[2] |= low_bits(eight >> 2) << i;
  }
  for (; i < count; i++) {
    p.bits[0] |= (uint64_t)(types[i] & 1) << i;
    p.bits[1] |= (uint64_t)(types[i] >> 1 & 1) << i;
    p.bits[2] |= (uint64_t)(types[i] >> 2 & 1) << i;
  }
  return p;
}

/* Which of COUNT types are TYPE. */
OA_INLINE uint64_t word_of(const planes *p, unsigned count, uint8_t type) {
  uint64_t word = oa_ones(count);
  for (unsigned bit = 0; bit < 3; bit++) {
    word &= (type >> bit & 1) != 0 ? p->bits[bit] : ~p->bits[bit];
  }
  return word;
}

OA_INLINE void put_valid(const run *r, const planes *p, uint32_t at,
                         unsigned count, size_t column, uint8_t type) {
  if (r->counts[type] != 0) {
    oa_bits_put(r->to->column[column].validity, at, count,
                word_of(p, count, type));
  }
}

static void set_valid(const run *r) {
  oa_column *column = r->to->column;
  for (uint32_t i = 0; i < r->count; i += OA_WORD) {
    const unsigned count = oa_word_count(r->count - i);
    const uint32_t at = r->base + i;
    const planes p = planes_of(r->types + at, count);
    put_valid(r, &p, at, count, OA_ATTR_STR, OA_VALUE_STR);
    put_valid(r, &p, at, count, OA_ATTR_INT, OA_VALUE_INT);
    put_valid(r, &p, at, count, OA_ATTR_DOUBLE, OA_VALUE_DOUBLE);
    put_valid(r, &p, at, count, OA_ATTR_BOOL, OA_VALUE_BOOL);
  }
  column[OA_ATTR_STR].valid += r->counts[OA_VALUE_STR];
  column[OA_ATTR_INT].valid += r->counts[OA_VALUE_INT];
  column[OA_ATTR_DOUBLE].valid += r->counts[OA_VALUE_DOUBLE];
  column[OA_ATTR_BOOL].valid += r->counts[OA_VALUE_BOOL];
}

/* --- values of variable length --- */

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
  run r = {.to = to, .base = base, .count = count, .counts = counts};
  void *seats = NULL;
  count_types(kinds, kind_count, counts);
  const bool variable =
      counts[OA_VALUE_BYTES] + counts[OA_VALUE_MAP] + counts[OA_VALUE_SLICE] !=
      0;
  OA_TRY(oa_table_reserve_rows(to->table, count));
  OA_TRY(open_run(&r));
  if (variable) {
    OA_TRY(oa_scratch_get(d->scratch, count, sizeof(oa_otap_seat), &seats));
    r.seats = seats;
  }
  for (size_t k = 0; k < kind_count; k++) {
    if (kinds[k].table != NULL) {
      r.kind = (uint32_t)k;
      scatter(&r, &kinds[k]);
    }
  }
  set_valid(&r);
  for (uint32_t i = 0; variable && i < count; i++) {
    const oa_otap_seat *seat = &r.seats[i];
    OA_TRY(put_variable(d, to, &kinds[seat->kind], seat->row));
    to->table->length++;
  }
  to->table->length = base + count;
  return OA_OK;
}

/* A message is taken whole or not at all, so one record with too many
 * attributes is too much. */
static oa_status check_counts(const oa_otap_decoder *d, const oa_column *list,
                              uint32_t base, uint32_t count, uint32_t items) {
  const uint32_t most = d->builder->max_attributes;
  /* Behind the last row that has a list no offset stands yet. */
  const uint32_t end =
      list->filled < base + count ? list->filled : base + count;
  for (uint32_t i = base; items > most && i < end; i++) {
    const uint32_t have = (uint32_t)(list->offsets[i + 1] - list->offsets[i]);
    if (have > most) {
      return oa_error_set(d->error, OA_ERR_MALFORMED,
                          "%s: a record has %u attributes; at most %u are "
                          "taken",
                          oa_signal_name(d->stream->signal), have, most);
    }
  }
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
  if (items == 0) {
    return OA_OK;
  }
  OA_TRY(check_counts(d, list, base, count, items));
  return write_items(d, to, kinds, kind_count, items);
}

oa_status oa_otap_attrs_append(const oa_otap_decoder *d, oa_attrs *to,
                               const oa_otap_attrs *a, uint32_t i) {
  oa_table *table = to->table;
  oa_column *column = to->column;
  OA_TRY(oa_table_reserve(table));
  OA_TRY(oa_otap_spend(d, oa_otap_attrs_length(a->table, a->types[i], i)));
  OA_TRY(put_variable(d, to, a, i));
  switch (a->types[i]) {
    case OA_VALUE_STR:
      oa_put_u32(table, &column[OA_ATTR_STR], (uint32_t)a->strings[i]);
      break;
    case OA_VALUE_INT:
      oa_put_u64(table, &column[OA_ATTR_INT], a->integers[i]);
      break;
    case OA_VALUE_DOUBLE:
      oa_put_u64(table, &column[OA_ATTR_DOUBLE], a->doubles[i]);
      break;
    case OA_VALUE_BOOL:
      oa_put_bool(table, &column[OA_ATTR_BOOL],
                  oa_otap_bool(&a->table->columns[OA_OTAP_ATTR_BOOL], i));
      break;
    default:
      break;
  }
  oa_put_u32(table, &column[OA_ATTR_KEY], (uint32_t)oa_otap_attrs_key(a, i));
  oa_put_u8(table, &column[OA_ATTR_TYPE], a->types[i]);
  table->length++;
  return OA_OK;
}
