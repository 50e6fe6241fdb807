/* SPDX-License-Identifier: Apache-2.0 */
/* export_impl.h - what the ways of exporting share. */
#ifndef OA_API_EXPORT_IMPL_H
#define OA_API_EXPORT_IMPL_H

#include "otlp_arrow.h"
#include "service/service.h"

/* What RESULT says of a call that fails before anything is looked at. */
void oa_export_clear(oa_export_result *result);

/* Puts INTAKE, of which SIGNAL, BYTES, DECODE and INPUT are set, into SERVICE,
 * as oa_service_export() says it.  RESULT is clear; it may be NULL. */
oa_status oa_export_put(oa_service *service, oa_intake *intake,
                        oa_export_result *result, oa_error *error);

#endif
