/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/requests.h"

#include "flight/cell.h"
#include "otlp/builder_impl.h"

/* Adds MORE, of row ROW, to SUM. */
static void add(oa_otlp_result *sum, const oa_otlp_result *more) {
  sum->accepted += more->accepted;
  sum->rejected += more->rejected;
  sum->repaired += more->repaired;
  if (sum->reason[0] == '\0') {
    memcpy(sum->reason, more->reason, sizeof sum->reason);
  }
}

oa_status oa_requests_decode(oa_otlp_builder *builder, const oa_field *field,
                             const oa_array *array, oa_otlp_result *result,
                             oa_error *error) {
  const oa_cells cells = {.field = field, .array = array};
  oa_otlp_result sum = {0};
  oa_builder_place before = {0};
  oa_builder_keep_place(builder, &before);
  for (int64_t row = 0; row < array->length; row++) {
    oa_otlp_result one;
    if (oa_cell_is_null(&cells, row)) {
      continue;
    }
    const oa_cursor request = oa_cell_bytes(&cells, row);
    const oa_status status = oa_otlp_decode(
        builder, request.at, oa_cursor_left(&request), &one, error);
    if (status != OA_OK) {
      oa_builder_go_back(builder, &before);
      oa_error_prefix(error, "otlp_proto in row %lld", (long long)row);
      return status;
    }
    add(&sum, &one);
  }
  *result = sum;
  return OA_OK;
}
