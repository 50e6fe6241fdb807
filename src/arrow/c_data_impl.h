/* SPDX-License-Identifier: Apache-2.0 */
/* c_data_impl.h - what the files of the C Data Interface share: the block that
 * one exported tree of structs stands in. */
#ifndef OA_ARROW_C_DATA_IMPL_H
#define OA_ARROW_C_DATA_IMPL_H

#include <stdatomic.h>

#include "arrow/c_data.h"

/* Every struct of the tree that is not released holds the block, so that those
 * that were taken out of their parents outlive these. */
typedef struct oa_c_block {
  atomic_size_t holders;
  oa_arena arena; /* structs, texts, lists of pointers */
  oa_c_owner owner;
  uint8_t *zeros; /* what buffers that are left out are read from */
} oa_c_block;

/* A block with no holder.  NULL when there is no memory. */
oa_c_block *oa_c_block_new(void);

/* Frees BLOCK and leaves its owner alone: after a failure. */
void oa_c_block_abandon(oa_c_block *block);

/* One holder goes; with the last one the block and the owner's memory. */
void oa_c_block_drop(oa_c_block *block);

/* Bytes of an offset of FIELD's plain layout: 0, 4 or 8. */
size_t oa_c_offset_width(const oa_field *field);

/* How many buffers an array of FIELD has. */
int64_t oa_c_buffer_count(const oa_field *field);

/* FIELD as its dictionary's values are described. */
oa_field oa_c_dictionary_field(const oa_field *field);

#endif
