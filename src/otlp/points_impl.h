/* SPDX-License-Identifier: Apache-2.0 */
/* points_impl.h - the data points of the metric kinds.
 *
 * Private to otlp/.  Each call reads one data point and writes its own columns
 * of the row to come; the caller completes the row.  All checks stand before
 * the first write to the row.  OA_RECORD_REJECTED and the statuses of
 * oa_attrs_put().
 */
#ifndef OA_OTLP_POINTS_IMPL_H
#define OA_OTLP_POINTS_IMPL_H

#include "otlp/builder_impl.h"

oa_status oa_decode_number_point(oa_otlp_builder *builder, oa_cursor cursor);
oa_status oa_decode_histogram_point(oa_otlp_builder *builder, oa_cursor cursor);
oa_status oa_decode_exp_histogram_point(oa_otlp_builder *builder,
                                        oa_cursor cursor);
oa_status oa_decode_summary_point(oa_otlp_builder *builder, oa_cursor cursor);

/* Adds an exemplar to the list of the row to come. */
oa_status oa_decode_exemplar(oa_otlp_builder *builder, oa_cursor cursor);

#endif
