/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for rows.
 *
 * A column has room for many more rows than it may be given yet: room costs
 * nothing before it is written to (base/pages.h).  Rows are paid for before
 * they may be written, in steps, so that what the tree's purse counts is what
 * the system has really given. */
#include "arrow/bits.h"
#include "arrow/table_impl.h"
#include "base/pages.h"

/* Offsets and dictionary indices are 32 bits wide. */
enum { FIRST_ROWS = 64, MAX_ROWS = INT32_MAX / 2 };

/* Room grows in few and large steps. */
enum { GROWTH = 4 };

/* Rows are paid for so many at a time: a part of those that are there. */
enum { STEP_PART = 4, STEP_MIN = 64 };

/* Rows that are zeroed at a time. */
enum { ZEROED_AHEAD = 1024 };

/* --- paying --- */

/* What a buffer of ROOM bytes costs when its first USED bytes are written. */
static size_t cost(size_t room, size_t used) {
  return room < OA_PAGES_FROM ? room : used;
}

/* What COLUMN's buffers cost with room for at least ROOM rows of which ROWS may
 * be written.  The pack is paid for as a whole. */
static size_t column_cost(const oa_table *table, const oa_column *column,
                          uint32_t room, uint32_t rows) {
  const oa_field *field = column->field;
  const uint32_t values = room > column->room ? room : column->room;
  const uint32_t bits = room > column->bits_room ? room : column->bits_room;
  size_t bytes = 0;
  if (column->values != NULL &&
      (values > column->room ||
       !oa_buffer_packed(table->tree, column->values))) {
    bytes +=
        column->offsets != NULL
            ? cost(oa_offsets_size(values), oa_offsets_size(rows))
            : cost(oa_values_size(field, values), oa_values_size(field, rows));
  }
  if (column->validity != NULL &&
      (bits > column->bits_room ||
       !oa_buffer_packed(table->tree, column->validity))) {
    bytes += cost(oa_bits_size(bits), oa_bits_size(rows));
  }
  return bytes;
}

/* Pays for COLUMN up to BYTES.  False and a failed table when they are
 * refused. */
static bool pay(oa_table *table, oa_column *column, size_t bytes) {
  oa_purse *purse = &table->tree->purse;
  if (bytes <= column->paid) {
    oa_purse_give(purse, column->paid - bytes);
  } else if (!oa_purse_take(purse, bytes - column->paid)) {
    table->tree->failed = true;
    return false;
  }
  column->paid = bytes;
  return true;
}

void oa_column_release_rows(oa_table *table, oa_column *column) {
  const uint32_t room = column->room;
  oa_buffer_free(table->tree, column->values,
                 column->offsets != NULL ? oa_offsets_size(room)
                                         : oa_values_size(column->field, room));
  oa_buffer_free(table->tree, column->validity,
                 oa_bits_size(column->bits_room));
  oa_purse_give(&table->tree->purse, column->paid);
  column->paid = 0;
  column->room = 0;
  column->bits_room = 0;
  column->values = NULL;
  column->validity = NULL;
  column->offsets = NULL;
  column->dirty = 0;
}

/* --- growing --- */

/* oa_buffer_resize() into *BLOCK; false and a failed table without memory. */
static bool resize(oa_table *table, void **block, size_t old_size, size_t used,
                   size_t size) {
  void *bigger = oa_buffer_resize(table->tree, *block, old_size, used, size);
  if (bigger == NULL) {
    table->tree->failed = true;
    return false;
  }
  *block = bigger;
  return true;
}

static bool resize_offsets(oa_table *table, oa_column *column, uint32_t rows) {
  void *block = column->offsets;
  if (!resize(table, &block, oa_offsets_size(column->room),
              oa_offsets_size(column->filled), oa_offsets_size(rows))) {
    return false;
  }
  column->offsets = block;
  column->values = block;
  column->room = rows;
  return true;
}

static bool resize_values(oa_table *table, oa_column *column, uint32_t rows) {
  const oa_field *field = column->field;
  /* Those that are not zero yet have to be known still. */
  const uint32_t used =
      column->filled > column->dirty ? column->filled : column->dirty;
  void *block = column->values;
  if (!resize(table, &block, oa_values_size(field, column->room),
              oa_values_size(field, used), oa_values_size(field, rows))) {
    return false;
  }
  column->values = block;
  column->room = rows;
  return true;
}

static bool resize_bits(oa_table *table, oa_column *column, uint32_t rows) {
  void *block = column->validity;
  if (!resize(table, &block, oa_bits_size(column->bits_room),
              oa_bits_size(column->filled), oa_bits_size(rows))) {
    return false;
  }
  column->validity = block;
  column->bits_room = rows;
  return true;
}

bool oa_column_resize(oa_table *table, oa_column *column, uint32_t rows) {
  if (column->validity != NULL && column->bits_room < rows &&
      !resize_bits(table, column, rows)) {
    return false;
  }
  if (column->values == NULL || column->room >= rows) {
    return true;
  }
  return column->offsets != NULL ? resize_offsets(table, column, rows)
                                 : resize_values(table, column, rows);
}

/* Pays for ROWS rows, with room for ROOM. */
static bool pay_rows(oa_table *table, uint32_t room, uint32_t rows) {
  for (size_t i = 0; i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    if (!pay(table, column, column_cost(table, column, room, rows))) {
      return false;
    }
  }
  return true;
}

bool oa_table_open_packed(oa_table *table) {
  for (size_t i = 0; i < table->column_count; i++) {
    if (!oa_column_resize(table, &table->columns[i], table->slots_for)) {
      return false;
    }
  }
  table->room = table->slots_for;
  table->capacity = table->slots_for;
  return pay_rows(table, table->room, table->capacity);
}

/* Lets NEED rows be written, or WANT, at most all that there is room for. */
static bool open_rows(oa_table *table, uint32_t room, uint32_t need,
                      uint32_t want) {
  if (want > need && pay_rows(table, room, want)) {
    table->capacity = want;
    return true;
  }
  table->tree->failed = false;
  if (!pay_rows(table, room, need)) {
    return false;
  }
  table->capacity = need;
  return true;
}

oa_status oa_table_grow(oa_table *table) {
  return oa_table_reserve_rows(table, 1);
}

oa_status oa_table_reserve_rows(oa_table *table, size_t more) {
  const uint32_t most = table->max_rows != 0 ? table->max_rows : MAX_ROWS;
  const size_t need = more > MAX_ROWS ? more : table->length + more;
  uint32_t room = table->room;

  if (need <= table->capacity) {
    return OA_OK;
  }
  if (need > most) {
    table->tree->failed = true;
    table->tree->outgrown = true;
    return OA_ERR_LIMIT;
  }
  if (table->tree->failed) {
    return OA_ERR_NOMEM; /* it is known already: nobody reads what follows */
  }
  while (room < need) {
    room = room == 0                  ? FIRST_ROWS
           : room > MAX_ROWS / GROWTH ? MAX_ROWS
                                      : room * GROWTH;
  }
  const size_t step = table->capacity / STEP_PART + STEP_MIN;
  size_t want = table->capacity + step;
  want = want < room ? want : room;
  want = want < most ? want : most;
  if (!open_rows(table, room, (uint32_t)need, (uint32_t)want)) {
    return OA_ERR_NOMEM;
  }
  for (size_t i = 0; i < table->column_count; i++) {
    if (!oa_column_resize(table, &table->columns[i], room)) {
      table->capacity = table->length;
      return OA_ERR_NOMEM;
    }
  }
  table->room = room;
  return OA_OK;
}

/* --- columns --- */

/* First value of a column: its buffers, for as many rows as the table has. */
static bool materialize(oa_table *table, oa_column *column) {
  const oa_field *field = column->field;
  const bool offsets = oa_field_has_offsets(field);
  const size_t size = offsets ? oa_offsets_size(table->room)
                              : oa_values_size(field, table->room);
  const size_t used = offsets ? oa_offsets_size(table->capacity)
                              : oa_values_size(field, table->capacity);
  void *block = NULL;
  if (!pay(table, column, column->paid + cost(size, used)) ||
      !resize(table, &block, 0, 0, size)) {
    return false;
  }
  column->room = table->room;
  /* Not NULL says that the buffers are there; nothing reads through it. */
  column->values = block;
  if (offsets) {
    column->offsets = block;
    column->dirty = UINT32_MAX; /* offsets of passed rows must be written */
  }
  column->clean = offsets ? 0 : UINT32_MAX;
  const bool bits = field->type == OA_TYPE_BOOL;
  table->row_bits += offsets ? 32
                     : bits  ? 1
                             : (uint32_t)oa_values_size(field, 1) * 8;
  return true;
}

static bool make_bits(oa_table *table, oa_column *column) {
  void *block = NULL;
  const size_t size = oa_bits_size(table->room);
  const size_t used = oa_bits_size(table->capacity);
  if (!pay(table, column, column->paid + cost(size, used)) ||
      !resize(table, &block, 0, 0, size)) {
    return false;
  }
  column->validity = block;
  column->bits_room = table->room;
  return true;
}

/* Rows so far all hold values; from now on bits say which do. */
static bool start_gaps(oa_table *table, oa_column *column) {
  if (column->validity == NULL && !make_bits(table, column)) {
    return false;
  }
  oa_bits_fill(column->validity, 0, column->filled);
  column->gaps = true;
  column->starts_gaps = false;
  return true;
}

bool oa_column_open_gaps(oa_table *table, oa_column *column) {
  return !column->starts_gaps || start_gaps(table, column);
}

/* Zeroes the values of the rows up to ROW, and some behind it: those of a batch
 * before stand there.  They are written soon, and so are near by then. */
static void zero_ahead(oa_column *column, uint32_t row) {
  const size_t width = oa_values_size(column->field, 1);
  const uint32_t from =
      column->filled > column->clean ? column->filled : column->clean;
  const uint32_t dirty = column->dirty;
  const uint32_t to =
      row < dirty && dirty - row > ZEROED_AHEAD ? row + ZEROED_AHEAD : dirty;
  if (from < to) {
    memset(column->values + from * width, 0, (to - from) * width);
  }
  column->clean = to == dirty ? UINT32_MAX : to;
}

bool oa_column_catch_up(oa_table *table, oa_column *column, uint32_t row) {
  if (column->values == NULL && !materialize(table, column)) {
    return false;
  }
  const uint32_t from = column->filled;
  if (from >= row) {
    return true;
  }
  if (column->starts_gaps && !start_gaps(table, column)) {
    return false;
  }
  if (oa_field_has_offsets(column->field)) {
    const int32_t end = column->offsets[from];
    for (uint32_t i = from; i < row; i++) {
      column->offsets[i + 1] = end;
    }
  } else if (row > column->clean) {
    zero_ahead(column, row);
  }
  column->filled = row;
  return true;
}
