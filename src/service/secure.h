/* SPDX-License-Identifier: Apache-2.0 */
/* secure.h - the files that keep strangers out: certificates and keys.
 *
 * They are read at the start, again when an operator asks, and once before
 * either when a configuration is only to be checked.  Any thread.
 */
#ifndef OA_SERVICE_SECURE_H
#define OA_SERVICE_SECURE_H

#include "base/log.h"
#include "config/config.h"
#include "net/tls.h"

/* *OUT is NULL when CONFIG has no certificate.  What is wrong but usable is
 * logged.  OA_ERR_CONFIG names the file; OA_ERR_NOMEM. */
oa_status oa_secure_load_tls(oa_tls_context **out, const oa_config *config,
                             const oa_log *log, oa_error *error);

/* Whether all that CONFIG names can be read and used. */
oa_status oa_secure_check(const oa_config *config, oa_error *error);

/* Logs what is risky: files of secrets that everybody can read, and ports that
 * everybody can reach. */
void oa_secure_warn(const oa_config *config, const oa_log *log);

#endif
