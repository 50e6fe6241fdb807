/* SPDX-License-Identifier: Apache-2.0 */
/* c_data.h - columns across the border of this library: our schemas and arrays
 * as the structs of the Arrow C Data Interface, and back.
 *
 * What goes out is described, not copied: an exported array keeps the memory
 * of its columns alive through an owner.  Every struct of an exported tree can
 * be released by itself, in any order and by any thread, as consumers may take
 * children out of their parents.
 *
 * What comes in is hostile, as far as it can be looked at: counts, lengths,
 * offsets, bitmaps, indices, depth and format strings are checked before they
 * are used, as those of an IPC message are.  That a buffer is as long as its
 * array says nobody can check, as the interface does not tell.
 *
 * Any thread; one array or schema is used by one thread at a time.
 */
#ifndef OA_ARROW_C_DATA_H
#define OA_ARROW_C_DATA_H

#include "arrow/array.h"
#include "base/arena.h"
#include "base/error.h"
#include "otlp_arrow_c_data.h"

/* Whom the memory of exported columns belongs to: RELEASE is called once, when
 * the last struct of the tree is released.  NULL = nobody, the memory stays. */
typedef struct oa_c_owner {
  void (*release)(void *context);
  void *context;
} oa_c_owner;

/* Rows of columns that go out. */
typedef struct oa_c_rows {
  const oa_schema *schema;
  const oa_array *columns; /* as many as SCHEMA has fields */
  int64_t from;            /* the first row */
  int64_t count;           /* FROM and COUNT lie within each column */
  /* The array to name in place of DICTIONARY, when it has moved; NULL: none
   * has.  CONTEXT is the owner's. */
  const oa_array *(*dictionary)(void *context, const oa_array *dictionary);
} oa_c_rows;

/* Fills OUT with SCHEMA as a struct type.  All texts are copied, SCHEMA is not
 * needed after the call.  OA_ERR_NOMEM. */
oa_status oa_c_schema_export(struct ArrowSchema *out, const oa_schema *schema);

/* Fills OUT with ROWS as a struct array without an offset of its own.  OWNER
 * passes over on success only.  The nodes of ROWS->columns are not needed
 * after the call; their buffers are.  OA_ERR_NOMEM. */
oa_status oa_c_array_export(struct ArrowArray *out, const oa_c_rows *rows,
                            oa_c_owner owner);

/* Makes OUT of a struct type SCHEMA.  Texts are copied into ARENA.
 * OA_ERR_UNSUPPORTED names a column of a type that type.h does not have;
 * OA_ERR_MALFORMED, OA_ERR_LIMIT, OA_ERR_NOMEM. */
oa_status oa_c_schema_import(oa_schema *out, const struct ArrowSchema *schema,
                             oa_arena *arena, oa_error *error);

/* Makes columns of a struct ARRAY, whose schema was imported as SCHEMA.  They
 * point into ARRAY's buffers where these can be used as they lie and into ARENA
 * where not, so that both must outlive them; ARRAY is not released.  A row
 * whose value in its dictionary is null is null itself.
 * OA_ERR_MALFORMED, OA_ERR_LIMIT, OA_ERR_NOMEM. */
oa_status oa_c_array_import(const oa_array **columns, int64_t *rows,
                            const oa_schema *schema,
                            const struct ArrowArray *array, oa_arena *arena,
                            oa_error *error);

#endif
