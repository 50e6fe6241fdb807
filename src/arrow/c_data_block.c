/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/c_data_impl.h"
#include "base/mem.h"

oa_c_block *oa_c_block_new(void) {
  oa_c_block *block = oa_calloc(1, sizeof *block);
  if (block != NULL) {
    atomic_init(&block->holders, 0);
    oa_arena_init(&block->arena, SIZE_MAX / 2);
  }
  return block;
}

void oa_c_block_abandon(oa_c_block *block) {
  oa_arena_free(&block->arena);
  oa_free(block->zeros);
  oa_free(block);
}

void oa_c_block_drop(oa_c_block *block) {
  /* The last one must see what all others have done to the memory. */
  if (atomic_fetch_sub_explicit(&block->holders, 1, memory_order_acq_rel) !=
      1) {
    return;
  }
  if (block->owner.release != NULL) {
    block->owner.release(block->owner.context);
  }
  oa_c_block_abandon(block);
}

size_t oa_c_offset_width(const oa_field *field) {
  switch (field->type) {
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_LIST:
      return sizeof(int32_t);
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return sizeof(int64_t);
    default:
      return 0;
  }
}

int64_t oa_c_buffer_count(const oa_field *field) {
  if (field->dictionary) {
    return 2; /* validity and indices */
  }
  switch (field->type) {
    case OA_TYPE_NULL:
      return 0;
    case OA_TYPE_STRUCT:
      return 1;
    case OA_TYPE_LIST:
      return 2;
    default:
      return oa_c_offset_width(field) == 0 ? 2 : 3;
  }
}

oa_field oa_c_dictionary_field(const oa_field *field) {
  oa_field values = *field;
  values.name = "";
  values.dictionary = false;
  values.nullable = true;
  values.metadata_count = 0;
  return values;
}
