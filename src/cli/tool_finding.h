/* SPDX-License-Identifier: Apache-2.0 */
/* tool_finding.h - how `otlp-arrow verify` and `otlp-arrow repair` print what
 * they find, a line each, for people or as JSON. */
#ifndef OA_CLI_TOOL_FINDING_H
#define OA_CLI_TOOL_FINDING_H

#include <stdbool.h>

#include "cli/tool.h"
#include "otlp_arrow_verify.h"

typedef struct tool_printer {
  bool json;
  bool quiet; /* problems only */
} tool_printer;

/* To standard output. */
void oa_tool_print_finding(const tool_printer *printer,
                           const oa_finding *finding);

/* "1 file", "2 files". */
void oa_tool_print_count(uint64_t count, const char *noun);

#endif
