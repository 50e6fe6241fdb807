/* SPDX-License-Identifier: Apache-2.0 */
/* export_impl.h - what the ways of exporting share. */
#ifndef OA_API_EXPORT_IMPL_H
#define OA_API_EXPORT_IMPL_H

#include "otlp_arrow.h"
#include "service/service.h"

/* Puts INTAKE, of which SIGNAL, BYTES, DECODE and INPUT are set, into SERVICE,
 * as oa_service_export() says it.  RESULT may be NULL. */
oa_status oa_export_put(oa_service *service, oa_intake *intake,
                        oa_export_result *result, oa_error *error);

#endif
