/* SPDX-License-Identifier: Apache-2.0 */
/* verify_impl.h - what verify and repair share: the check of one file. */
#ifndef OA_API_VERIFY_IMPL_H
#define OA_API_VERIFY_IMPL_H

#include "api/stored.h"
#include "otlp_arrow_verify.h"
#include "store/check.h"

/* The schema that a file must have which is that of SIGNAL by its name; by its
 * metadata or its columns when SIGNAL is OA_SIGNAL_COUNT; NULL = any. */
const oa_schema *oa_verify_choose(oa_signal *signal, const oa_schema *found);

/* The directory that PATH stands in. */
void oa_verify_directory(const char *path, char *out, size_t size);

#endif
