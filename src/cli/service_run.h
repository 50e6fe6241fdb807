/* SPDX-License-Identifier: Apache-2.0 */
/* service_run.h - from a configuration to the end: signals, the service manager
 * and what they are told. */
#ifndef OA_CLI_SERVICE_RUN_H
#define OA_CLI_SERVICE_RUN_H

#include "otlp_arrow.h"

enum { OA_EXIT_RUNTIME = 1, OA_EXIT_CONFIG = 2 };

/* Writes "otlp-arrow-service: TEXT" to standard error and returns CODE. */
int oa_service_fail(int code, const char *text);

/* Reads the configuration once more, as at the start.  NULL: that failed, and
 * has been told.  The caller frees what it gets. */
typedef oa_config *(*oa_read_again)(void *context);

/* Serves until a signal ends it; the exit code.  SIGHUP reloads. */
int oa_service_run(oa_config *config, oa_read_again again, void *context);

#endif
