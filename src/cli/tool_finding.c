/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tool_finding.h"

#include <inttypes.h>

static const char *kind_name(oa_finding_kind kind) {
  switch (kind) {
    case OA_FINDING_PROBLEM:
      return "problem";
    case OA_FINDING_UNREADABLE:
      return "unreadable";
    case OA_FINDING_DONE:
      return "done";
    default:
      return "note";
  }
}

static void print_object(const oa_finding *finding) {
  printf("{\"finding\":\"%s\",\"path\":", kind_name(finding->kind));
  oa_tool_print_json(finding->path);
  if (finding->has_place) {
    printf(",\"offset\":%" PRIu64, finding->offset);
  }
  if (finding->batch > 0) {
    printf(",\"batch\":%" PRIu64, finding->batch);
  }
  printf(",\"what\":");
  oa_tool_print_json(finding->what);
  printf(",\"advice\":");
  oa_tool_print_json(finding->advice);
  printf("}\n");
}

void oa_tool_print_finding(const tool_printer *printer,
                           const oa_finding *finding) {
  if (printer->quiet &&
      (finding->kind == OA_FINDING_NOTE || finding->kind == OA_FINDING_DONE)) {
    return;
  }
  if (printer->json) {
    print_object(finding);
    return;
  }
  if (finding->kind == OA_FINDING_NOTE) {
    printf("note: ");
  }
  oa_tool_print_plain(finding->path);
  if (finding->has_place) {
    printf(": byte %" PRIu64, finding->offset);
  }
  if (finding->batch > 0) {
    printf(", batch %" PRIu64, finding->batch);
  }
  printf(": ");
  oa_tool_print_plain(finding->what);
  if (finding->advice[0] != '\0') {
    printf("; ");
    oa_tool_print_plain(finding->advice);
  }
  printf("\n");
}

void oa_tool_print_count(uint64_t count, const char *noun) {
  printf("%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
}
