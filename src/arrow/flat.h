/* SPDX-License-Identifier: Apache-2.0 */
/* flat.h - the little of FlatBuffers that Arrow's message headers use.
 *
 * Reading follows no offset before it is checked, so any bytes may be given;
 * it copies and allocates nothing.  Writing goes forward: an offset slot is
 * linked when the thing it names has been written behind it.
 * (FlatBuffers, "Internals"; little-endian throughout.)
 */
#ifndef OA_ARROW_FLAT_H
#define OA_ARROW_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "columns are written as they lie in memory");

/* --- reading ---
 * Each function returns false when the bytes are damaged.  What is absent is
 * not damage: it gives MISSING, a NULL pointer or a count of 0. */

typedef struct oa_flat_table {
  const uint8_t *bytes; /* the whole buffer; NULL = no such table */
  size_t size;
  size_t at;
  size_t vtable;
  size_t fields; /* ids below this have a place in the vtable */
} oa_flat_table;

typedef struct oa_flat_vector {
  const uint8_t *bytes;
  size_t size;
  size_t at; /* of the first item */
  size_t count;
} oa_flat_vector;

bool oa_flat_root(const uint8_t *bytes, size_t size, oa_flat_table *out);

/* An integer of WIDTH 1, 2, 4 or 8 bytes, sign-extended. */
bool oa_flat_get(const oa_flat_table *table, size_t id, size_t width,
                 int64_t missing, int64_t *out);

bool oa_flat_get_table(const oa_flat_table *table, size_t id,
                       oa_flat_table *out);

/* Without a terminator that could be relied on. */
bool oa_flat_get_text(const oa_flat_table *table, size_t id, const char **out,
                      size_t *len);

/* ITEM_SIZE bytes an item: 4 for tables and strings. */
bool oa_flat_get_vector(const oa_flat_table *table, size_t id, size_t item_size,
                        oa_flat_vector *out);

/* Item I, below count, of a vector of tables. */
bool oa_flat_vector_table(const oa_flat_vector *vector, size_t i,
                          oa_flat_table *out);

/* The 64-bit word at OFFSET bytes behind the start of item I of a vector of
 * structs; inside the item by the caller's promise. */
int64_t oa_flat_vector_word(const oa_flat_vector *vector, size_t i,
                            size_t item_size, size_t offset);

/* --- writing ---
 * After a failure STATUS is set and further calls do nothing. */

typedef struct oa_flat_builder {
  oa_buf *out;
  size_t start; /* offsets are aligned relative to it */
  oa_status status;
} oa_flat_builder;

/* One field of a table; its id is its index in the array. */
typedef struct oa_flat_slot {
  size_t width;  /* 1, 2, 4, 8; 0 = absent */
  int64_t value; /* of a scalar */
  size_t at;     /* out: where it stands, for oa_flat_link() */
} oa_flat_slot;

enum { OA_FLAT_MAX_SLOTS = 16, OA_FLAT_OFFSET = 4 };

/* Starts a buffer at the end of OUT.  Gives the slot of the root table. */
size_t oa_flat_begin(oa_flat_builder *builder, oa_buf *out);

/* Writes a table with COUNT fields and returns its place. */
size_t oa_flat_put_table(oa_flat_builder *builder, oa_flat_slot *slots,
                         size_t count);

size_t oa_flat_put_text(oa_flat_builder *builder, const char *text);

/* ITEMS may be NULL: all zero, such as offsets that are linked later; the
 * slot of item I is the returned place + 4 + I * ITEM_SIZE. */
size_t oa_flat_put_vector(oa_flat_builder *builder, const void *items,
                          size_t count, size_t item_size);

/* Makes the offset at SLOT name what stands at TARGET, behind it. */
void oa_flat_link(oa_flat_builder *builder, size_t slot, size_t target);

#endif
