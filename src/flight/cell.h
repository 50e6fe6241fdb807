/* SPDX-License-Identifier: Apache-2.0 */
/* cell.h - one value of a column whose exact type a sender chose.
 *
 * The flat schemas that older clients send are read a row at a time, and a
 * number may come as any integer type, a text as any text type, plain or in
 * a dictionary.  Slow and simple; our own schema does not come this way.
 *
 * Any thread.  Arrays are valid ones, as the IPC reader makes them.
 */
#ifndef OA_FLIGHT_CELL_H
#define OA_FLIGHT_CELL_H

#include "arrow/array.h"
#include "wire/cursor.h"

typedef enum oa_cell_kind {
  OA_CELL_INTEGER, /* also TIMESTAMP, as nanoseconds */
  OA_CELL_NUMBER,  /* an integer or a floating-point number */
  OA_CELL_TEXT,
  OA_CELL_BYTES, /* also texts */
} oa_cell_kind;

/* A column, or none: FIELD is NULL then, and every value null. */
typedef struct oa_cells {
  const oa_field *field;
  const oa_array *array;
} oa_cells;

/* True when values of FIELD can be read as KIND. */
bool oa_cell_fits(const oa_field *field, oa_cell_kind kind);

bool oa_cell_is_null(const oa_cells *cells, int64_t row);

/* The functions below are for columns that fit and rows that are not null. */

/* The value's bits: unsigned types zero-extended, others sign-extended.  False
 * when a time in nanoseconds takes more than 64 bits. */
bool oa_cell_integer(const oa_cells *cells, int64_t row, uint64_t *out);
double oa_cell_number(const oa_cells *cells, int64_t row);
oa_cursor oa_cell_bytes(const oa_cells *cells, int64_t row);

/* Bytes of all values of CELLS, a column of texts or bytes of any type. */
uint64_t oa_cells_bytes(const oa_cells *cells);

#endif
