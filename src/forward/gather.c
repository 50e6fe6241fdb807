/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/gather.h"

void oa_gather_drop(oa_gather *gather) {
  if (gather->ready) {
    oa_merge_rows_free(&gather->rows);
    gather->ready = false;
  }
}

static oa_status prepare(oa_gather *gather, oa_signal signal, int64_t max) {
  if (gather->ready && gather->signal == signal) {
    gather->rows.max_rows = max;
    oa_merge_rows_clear(&gather->rows);
    return OA_OK;
  }
  oa_gather_drop(gather);
  gather->ready = true;
  gather->signal = signal;
  return oa_merge_rows_init(&gather->rows, oa_otlp_schema(signal), max);
}

/* What is left of the file after the first batch, as far as it fits.  Whatever
 * stands in the way of more rows is met again when these are delivered. */
static oa_status take_more(oa_gather *gather, oa_forward_source *source,
                           int64_t at, int64_t end) {
  oa_forward_batch next;
  while (at < end && oa_forward_source_load(source, at, &next, NULL) == OA_OK &&
         next.first == at && next.first + next.rows <= end &&
         oa_merge_rows_fits(&gather->rows, next.rows, next.bytes)) {
    oa_merge_rows_next(&gather->rows);
    OA_TRY(oa_merge_rows_take(&gather->rows, next.columns, next.rows));
    at += next.rows;
  }
  return OA_OK;
}

oa_status oa_gather_take(oa_gather *gather, oa_signal signal,
                         oa_forward_source *source, int64_t from, int64_t end,
                         int64_t max, oa_forward_batch *batch) {
  const int64_t first_end = batch->first + batch->rows;
  if (batch->bytes >= OA_MERGE_BYTES / 2) {
    return OA_OK;
  }
  oa_status status = prepare(gather, signal, max);
  if (status == OA_OK) {
    oa_merge_rows_next(&gather->rows);
    status = oa_merge_rows_take_part(&gather->rows, batch->columns, batch->rows,
                                     from - batch->first, batch->rows);
  }
  if (status == OA_OK) {
    status = take_more(gather, source, first_end, end);
  }
  oa_forward_batch all = {.first = from};
  if (status == OA_OK) {
    all.columns = oa_merge_rows_finish(&gather->rows, &all.rows);
    status = all.columns == NULL ? OA_ERR_NOMEM : OA_OK;
  }
  if (status != OA_OK) {
    oa_gather_drop(gather);
    return status;
  }
  *batch = all;
  return OA_OK;
}
