/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>

#include "cli/tool_finding.h"

static const char help_text[] =
    "usage: otlp-arrow repair [--dry-run] [--json] [--quiet] DIR\n"
    "\n"
    "Makes the files of an output directory whole again, as the start of the\n"
    "service does with those that a crash left, and more thoroughly: every "
    "file\n"
    "is read to its last byte. Prints a line for each file that it changes.\n"
    "\n"
    "  - A file that ends inside a batch is cut to its last whole batch and "
    "ended.\n"
    "  - Of a file that is damaged elsewhere, all that is whole before the "
    "damage\n"
    "    is kept, and the damaged file stays beside it as *.corrupt.\n"
    "  - A file in which nothing can be read is renamed to *.corrupt.\n"
    "\n"
    "Nothing else is removed, and a service that owns the directory must be\n"
    "stopped first.\n"
    "\n"
    "  -n, --dry-run  only say what would be done\n"
    "  --json         one JSON object a line, and the sums at the end\n"
    "  -q, --quiet    print nothing but what is still wrong\n"
    "  -h, --help     this text\n"
    "\n"
    "exit codes: 0 all is well now, 1 something is still wrong (in a dry run:\n"
    "something is to be done) or the directory cannot be repaired, 2 wrong "
    "usage\n";

static void on_finding(void *context, const oa_finding *finding) {
  oa_tool_print_finding(context, finding);
}

static void print_sums(const tool_printer *printer, bool dry_run,
                       const oa_repair_result *result) {
  if (printer->quiet) {
    return;
  }
  if (printer->json) {
    printf("{\"files\":%" PRIu64 ",\"repaired\":%" PRIu64 ",\"aside\":%" PRIu64
           ",\"removed\":%" PRIu64 ",\"notes\":%" PRIu64
           ",\"problems\":%" PRIu64 "}\n",
           result->files, result->repaired, result->aside, result->removed,
           result->notes, result->problems);
    return;
  }
  oa_tool_print_count(result->files, "file");
  if (result->repaired + result->aside + result->removed + result->problems ==
      0) {
    printf(": nothing to repair\n");
    return;
  }
  printf(": %" PRIu64 " %srepaired, %" PRIu64 " set aside, ", result->repaired,
         dry_run ? "to be " : "", result->aside);
  oa_tool_print_count(result->removed, "leftover");
  printf(" removed, ");
  oa_tool_print_count(result->problems, "problem");
  printf(dry_run ? "\n" : " left\n");
}

static int repair(const char *path, const tool_printer *printer, bool dry_run) {
  tool_printer context = *printer;
  const oa_repair_options options = {
      .dry_run = dry_run, .finding = on_finding, .context = &context};
  oa_repair_result result;
  oa_error error = {0};
  if (oa_repair(path, &options, &result, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  print_sums(printer, dry_run, &result);
  return result.problems > 0 ? TOOL_FAILED : TOOL_OK;
}

int oa_tool_repair(int argc, char **argv) {
  static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  tool_printer printer = {0};
  bool dry_run = false;
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "hnq", options, NULL)) != -1) {
    switch (option) {
      case 'n':
        dry_run = true;
        break;
      case 'j':
        printer.json = true;
        break;
      case 'q':
        printer.quiet = true;
        break;
      case 'h':
        fputs(help_text, stdout);
        return oa_tool_flush();
      default:
        return oa_tool_usage("repair", "repair: unknown option '%s'",
                             argv[optind - 1]);
    }
  }
  if (optind + 1 != argc) {
    return oa_tool_usage("repair", "repair: name one output directory");
  }
  const int code = repair(argv[optind], &printer, dry_run);
  return oa_tool_flush() == TOOL_OK ? code : TOOL_FAILED;
}
