/* SPDX-License-Identifier: Apache-2.0 */
/* check_impl.h - what the files of the check share. */
#ifndef OA_STORE_CHECK_IMPL_H
#define OA_STORE_CHECK_IMPL_H

#include "arrow/array.h"
#include "base/error.h"

/* --- check_values.c --- */

/* What is wrong with the values of ARRAY that the IPC reader lets pass, as
 * "column \"name\": ..." in ERROR: text that is not UTF-8, nulls in a column
 * without.  Values of dictionaries are looked at with DICTIONARIES only. */
oa_status oa_check_values(const oa_field *field, const oa_array *array,
                          bool dictionaries, oa_error *error);

/* True when both schemas say the same, nullability and metadata included. */
bool oa_check_same_schema(const oa_schema *a, const oa_schema *b);

/* Says in ERROR what the first difference of HAVE from WANT is. */
void oa_check_explain_schema(const oa_schema *want, const oa_schema *have,
                             oa_error *error);

#endif
