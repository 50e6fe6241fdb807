/* SPDX-License-Identifier: Apache-2.0 */
/* mock_impl.h - the ways in which a mock shows what it has received.
 *
 * What is shown is a slice, which does not change and belongs to whoever
 * reads it; so these know nothing of the mock.  One thread a call.
 */
#ifndef OA_API_MOCK_IMPL_H
#define OA_API_MOCK_IMPL_H

#include "otlp_arrow.h"
#include "service/shelf.h"

/* Both take SLICE, also on failure.  See oa_mock_open() and oa_mock_json(). */
oa_status oa_mock_stream(struct ArrowArrayStream *out, oa_shelf_slice *slice,
                         oa_error *error);
oa_status oa_mock_lines(oa_shelf_slice *slice, oa_text_sink sink, void *context,
                        oa_error *error);

#endif
