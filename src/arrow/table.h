/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - builds columns that grow together, a row at a time.
 *
 * A table is the fields of a schema, or of a list's items: every list column
 * has a child table of its own, which is how nested data stays columns.
 * Buffers are in Arrow's own layout from the start, so finishing is a
 * hand-over of pointers, never a conversion.
 *
 * What nobody puts costs nothing: a row that was passed over is null (or 0,
 * or an empty list, when the field is not nullable), written only when a later
 * row puts a value, and a column without any value has no memory at all.
 *
 * Putting cannot fail at once: when memory runs out, or the tree's purse
 * refuses it, the table turns `failed` and swallows what follows; the caller
 * looks once, after a whole request.
 *
 * One thread at a time.
 */
#ifndef OA_ARROW_TABLE_H
#define OA_ARROW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arrow/array.h"
#include "base/account.h"
#include "base/dict.h"
#include "base/inline.h"
#include "base/status.h"

typedef struct oa_table oa_table;

typedef struct oa_column {
  const oa_field *field;
  uint8_t *values;   /* fixed-width values, bits, or dictionary indices */
  uint8_t *validity; /* counts only with GAPS */
  int32_t *offsets;  /* utf8, binary, list */
  uint32_t filled;   /* rows written; those up to the table's length are null */
  uint32_t valid;    /* nullable columns: rows that hold a value */
  uint32_t dirty;    /* values of rows in [clean, dirty), if not filled, are */
  uint32_t clean;    /* not zero; the highest number when there are none */
  bool gaps;         /* a row was passed over: validity says which */
  bool starts_gaps;  /* nullable, and no row was passed over yet */
  uint32_t room;     /* rows that values or offsets have memory for */
  uint32_t bits_room; /* and validity */
  size_t paid;        /* bytes of both that the tree's purse has counted */
  oa_buf bytes;       /* utf8, binary */
  oa_dict *dict;      /* dictionary columns */
  oa_table *child;    /* list columns: the items */
} oa_column;

/* One block for the large buffers of all columns (table_pack.c). */
typedef struct oa_table_pack {
  uint8_t *block; /* NULL: there is none */
  size_t size;
  uint32_t slots; /* buffers that lie in it */
  bool outgrown;  /* a large buffer does not */
} oa_table_pack;

/* What all tables of one tree share. */
typedef struct oa_table_tree {
  oa_purse purse; /* of all memory that the rows take */
  oa_table_pack pack;
  size_t text;       /* heap bytes of utf8 and binary values */
  bool failed;       /* no memory, or offsets past 32 bits */
  bool outgrown;     /* more rows than a table may have; the owner clears it */
  uint8_t sink[64];  /* where values go after a failure */
  uint64_t repaired; /* strings that were not UTF-8, since it was zeroed */
  oa_buf scratch;    /* the repaired string */
} oa_table_tree;

struct oa_table {
  oa_column *columns;
  size_t column_count;
  uint32_t length;    /* whole rows */
  uint32_t capacity;  /* rows that may be written */
  uint32_t room;      /* rows that the columns have address space for */
  uint32_t max_rows;  /* 0 = as many as 32 bits may count */
  uint32_t row_bits;  /* of memory that a row takes in columns with values */
  uint32_t slots_for; /* rows that slots are made for, with the next pack */
  oa_table_tree *tree;
  oa_array *arrays; /* the finished columns */
  oa_array item;    /* of a list of structs: the struct itself */
  oa_array *dictionaries;
};

/* Makes the table of FIELDS with all child tables.  SEED is for the hashes. */
oa_status oa_table_init(oa_table *table, const oa_field *fields, size_t count,
                        oa_table_tree *tree, uint64_t seed);
void oa_table_free(oa_table *table);

/* Forgets all rows, of the child tables too, and keeps the memory. */
void oa_table_clear(oa_table *table);

/* The same for the root of a tree, with rows that are like those to come: when
 * there are many, the large buffers of all columns are put beside each other,
 * with room for some more rows.  That memory is on huge pages, which the system
 * finds and writes to a disk faster than as many small ones. */
void oa_table_pack_clear(oa_table *root);

/* Forgets all rows and gives the memory back. */
void oa_table_release(oa_table *table);

/* Forgets the rows from LENGTH on, what was put for the next row, and the items
 * of lists that belong to no row before. */
void oa_table_truncate(oa_table *table, uint32_t length);

/* Makes the finished columns; they point into the table. */
const oa_array *oa_table_finish(oa_table *table);

/* Bytes of memory that the table's own rows take, without texts,
 * dictionaries and child tables.  Room for rows to come does not count: the
 * system gives memory when it is first written to. */
OA_INLINE size_t oa_table_used(const oa_table *table) {
  return (size_t)table->length * table->row_bits / 8;
}

oa_status oa_table_grow(oa_table *table);

/* Makes sure that MORE rows from `length` on may be written.  OA_ERR_NOMEM,
 * also when the purse refuses; OA_ERR_LIMIT: more rows than max_rows.  Both
 * fail the table. */
oa_status oa_table_reserve_rows(oa_table *table, size_t more);

/* Makes sure that the row at `length` may be written. */
OA_INLINE oa_status oa_table_reserve(oa_table *table) {
  return table->length < table->capacity ? OA_OK : oa_table_grow(table);
}

/* Brings COLUMN's buffers up to ROW: nulls for rows passed over.  False and
 * a failed table when there is no memory. */
bool oa_column_catch_up(oa_table *table, oa_column *column, uint32_t row);

/* From now on bits say which of a nullable COLUMN's rows hold a value; of no
 * other column.  False and a failed table when there is no memory. */
bool oa_column_open_gaps(oa_table *table, oa_column *column);

/* The row's value is about to be written.  Memory behind what is filled is
 * zero some rows ahead, so a gap mostly costs nothing. */
OA_INLINE bool oa_column_begin(oa_table *table, oa_column *column,
                               uint32_t row) {
  const bool gap = column->filled != row;
  if ((column->values == NULL ||
       (gap && (column->starts_gaps || row > column->clean))) &&
      !oa_column_catch_up(table, column, row)) {
    return false;
  }
  column->filled = row + 1;
  column->valid++;
  if (column->gaps) {
    column->validity[row >> 3] |= (uint8_t)(1U << (row & 7));
  }
  return true;
}

/* The place of the next row's value, of the column's own width. */
OA_INLINE void *oa_column_slot(oa_table *table, oa_column *column,
                               size_t width) {
  const uint32_t row = table->length;
  if (!oa_column_begin(table, column, row)) {
    return table->tree->sink;
  }
  return column->values + (size_t)row * width;
}

OA_INLINE void oa_put_u8(oa_table *table, oa_column *column, uint8_t v) {
  memcpy(oa_column_slot(table, column, sizeof v), &v, sizeof v);
}

OA_INLINE void oa_put_u32(oa_table *table, oa_column *column, uint32_t v) {
  memcpy(oa_column_slot(table, column, sizeof v), &v, sizeof v);
}

OA_INLINE void oa_put_u64(oa_table *table, oa_column *column, uint64_t v) {
  memcpy(oa_column_slot(table, column, sizeof v), &v, sizeof v);
}

/* For columns that are not nullable and get a value in every row: nothing is
 * to be counted. */
OA_INLINE void *oa_column_dense_slot(oa_table *table, oa_column *column,
                                     size_t width) {
  const uint32_t row = table->length;
  if ((column->values == NULL || column->filled != row) &&
      !oa_column_catch_up(table, column, row)) {
    return table->tree->sink;
  }
  column->filled = row + 1;
  return column->values + (size_t)row * width;
}

/* For columns that are not nullable: 0 is what a passed row holds anyway. */
OA_INLINE void oa_put_u32_unless_zero(oa_table *table, oa_column *column,
                                      uint32_t v) {
  if (v != 0) {
    oa_put_u32(table, column, v);
  }
}

void oa_put_bool(oa_table *table, oa_column *column, bool v);

/* LEN bytes of a utf8 or binary column; utf8 is repaired when it must. */
void oa_put_bytes(oa_table *table, oa_column *column, const uint8_t *bytes,
                  size_t len);

/* LEN bytes of a FIXED_BINARY column of that width: 8 or 16. */
OA_INLINE void oa_put_fixed(oa_table *table, oa_column *column,
                            const uint8_t *bytes, size_t len) {
  memcpy(oa_column_slot(table, column, len), bytes, len);
}

/* The number of a string in the column's dictionary, added when new; utf8 is
 * repaired when it must.  -1 and a failed table when there is no room. */
int32_t oa_column_intern(oa_table *table, oa_column *column,
                         const uint8_t *bytes, size_t len);

/* The same with the string's oa_dict_hash(). */
int32_t oa_column_intern_hashed(oa_table *table, oa_column *column,
                                const uint8_t *bytes, size_t len,
                                uint32_t hash);

/* oa_column_intern() and put. */
void oa_put_text(oa_table *table, oa_column *column, const uint8_t *bytes,
                 size_t len);

/* The items of this row's list are those added to the child since the last
 * row.  Needed only when there are any. */
void oa_put_list(oa_table *table, oa_column *column);

OA_INLINE void oa_put_list_since(oa_table *table, oa_column *column,
                                 uint32_t child_length_before) {
  if (column->child->length != child_length_before) {
    oa_put_list(table, column);
  }
}

/* The same value for the rows [from, table->length), of which none has one. */
void oa_fill_bool(oa_table *table, oa_column *column, uint32_t from,
                  bool value);
void oa_fill_u8(oa_table *table, oa_column *column, uint32_t from,
                uint8_t value);
void oa_fill_u32(oa_table *table, oa_column *column, uint32_t from,
                 uint32_t value);
void oa_fill_u64(oa_table *table, oa_column *column, uint32_t from,
                 uint64_t value);

/* The same for the rows [from, to), none of which lies behind the table. */
void oa_fill_u32_to(oa_table *table, oa_column *column, uint32_t from,
                    uint32_t to, uint32_t value);
void oa_fill_u64_to(oa_table *table, oa_column *column, uint32_t from,
                    uint32_t to, uint64_t value);

#endif
