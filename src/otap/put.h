/* SPDX-License-Identifier: Apache-2.0 */
/* put.h - writes whole runs of a builder's columns at once.
 *
 * The builder's own puts write one value of the row to come; here COUNT rows
 * from BASE on are written column by column, which is how a received table
 * comes.  The rows become part of the table when the caller raises its length.
 * What is null or 0 in all rows is not written at all.  There must be room for
 * the rows: oa_table_reserve_rows().
 *
 * Private to otap/.  As with all puts a lack of memory turns the table's tree
 * `failed`.
 */
#ifndef OA_OTAP_PUT_H
#define OA_OTAP_PUT_H

#include "otap/column.h"

/* Opens a run of which every row gets a value: the place of the first one.
 * NULL: no memory. */
uint8_t *oa_otap_open_full(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count);

/* Opens a run whose rows are null (or 0) until their bits are set: the
 * place of the column's row 0.  NULL: no memory. */
uint8_t *oa_otap_open_gaps(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count);

/* Opens a run whose rows hold values where VALID (a bit each) says so: the
 * place of the first one.  All its values are to be written, with zeros for
 * null.  NULL: none is valid, or no memory. */
uint8_t *oa_otap_open_some(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count, const uint8_t *valid);

/* True when none of the VALUES is 0. */
bool oa_otap_none_zero(const uint64_t *values, uint32_t count);

/* Which of COUNT values, at most 64, are not 0. */
OA_INLINE uint64_t oa_otap_some_word(const uint64_t *values, unsigned count) {
  uint64_t word = 0;
  for (unsigned i = 0; i < count; i++) {
    word |= (uint64_t)(values[i] != 0) << i;
  }
  return word;
}

/* 0 is null. */
void oa_otap_put_times(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, const uint64_t *values);

/* 32-bit numbers of a column that is not nullable. */
void oa_otap_put_u32s(oa_table *table, oa_column *column, uint32_t base,
                      uint32_t count, const uint32_t *values);

/* Numbers in the column's dictionary; -1 and "" are null, or "" when the column
 * is not nullable.  They become so in NUMBERS too. */
void oa_otap_put_texts(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, int32_t *numbers);

/* The same for runs of equal texts: that of number i ends before row ENDS[i],
 * counted from BASE. */
void oa_otap_put_repeated_texts(oa_table *table, oa_column *column,
                                uint32_t base, uint32_t count, int32_t *numbers,
                                const uint32_t *ends);

/* Values of 32 bits; VALID (a bit each) says which are not null.  Those under
 * null are 0. */
void oa_otap_put_optional32(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const uint32_t *values,
                            const uint8_t *valid);

/* Ids of 8 or 16 bytes, from the rows ORDER of FROM (NULL: as they stand);
 * null and all zero are null. */
void oa_otap_put_ids(oa_table *table, oa_column *column, uint32_t base,
                     uint32_t count, const oa_otap_column *from,
                     const uint32_t *order);

/* The same for one row. */
void oa_otap_put_one_id(oa_table *table, oa_column *column, uint32_t row,
                        const oa_otap_column *from, uint32_t i);

#endif
