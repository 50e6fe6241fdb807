/* SPDX-License-Identifier: Apache-2.0 */
/* ids.h - undoes the encodings of id columns, and finds rows by id.
 *
 * Ids hold in one message only.  They come as differences (OTAP specification,
 * "transport optimizations"): an `id` to the row before, a `parent_id` to the
 * row before as long as the two rows look alike.  Arithmetic wraps at the
 * width of the column.
 *
 * Private to otap/; memory is taken from the stream's scratch.
 */
#ifndef OA_OTAP_IDS_H
#define OA_OTAP_IDS_H

#include "base/error.h"
#include "otap/column.h"
#include "otap/scratch.h"

enum { OA_OTAP_NO_ROW = -1 };

/* Which row has an id. */
typedef struct oa_otap_ids {
  const uint32_t *rows; /* of the ids [first, first + span), or NO_ROW; NULL:
                           they are the rows in order */
  uint32_t first;
  uint32_t span;
  const uint64_t *sorted; /* ids far apart: id and row, by id */
  uint32_t count;
} oa_otap_ids;

/* Reads column NUMBER of TABLE, an id that is plain or a delta, into *OUT;
 * nulls are 0. */
oa_status oa_otap_ids_read(const oa_otap_table *table, size_t number,
                           oa_scratch *scratch, uint32_t **out);

/* Reads a parent_id.  SAME says which rows look like the one before, as far as
 * the encoding asks for it.  OA_ERR_MALFORMED: a null. */
oa_status oa_otap_parents_read(const oa_otap_table *table, size_t number,
                               const uint8_t *same, oa_scratch *scratch,
                               uint32_t **out, oa_error *error);

/* Indexes the ids in column NUMBER of TABLE; rows with null have none.
 * OA_ERR_MALFORMED: two rows have the same. */
oa_status oa_otap_ids_index(const oa_otap_table *table, size_t number,
                            oa_scratch *scratch, oa_otap_ids *out,
                            oa_error *error);

/* The row with ID, or OA_OTAP_NO_ROW. */
OA_INLINE int64_t oa_otap_ids_find(const oa_otap_ids *ids, uint32_t id) {
  if (ids->sorted == NULL) {
    const uint32_t at = id - ids->first;
    return at >= ids->span     ? OA_OTAP_NO_ROW
           : ids->rows == NULL ? (int64_t)at
                               : (int64_t)(int32_t)ids->rows[at];
  }
  uint32_t low = 0;
  uint32_t high = ids->count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if ((uint32_t)(ids->sorted[middle] >> 32) < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < ids->count && (uint32_t)(ids->sorted[low] >> 32) == id
             ? (int64_t)(uint32_t)ids->sorted[low]
             : OA_OTAP_NO_ROW;
}

#endif
