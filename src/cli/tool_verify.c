/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "cli/tool_finding.h"

static const char help_text[] =
    "usage: otlp-arrow verify [--json] [--quiet] FILE|DIR ...\n"
    "\n"
    "Reads every file below a directory to its last byte, changes nothing, "
    "and\n"
    "prints a line for whatever is wrong: the path, the byte, the batch, what\n"
    "is wrong, and what to do. It may run beside a service; a file that this\n"
    "is writing has no end mark yet, and that is well.\n"
    "\n"
    "  --json      one JSON object a line: one a file, one a finding, and the\n"
    "              sums at the end\n"
    "  -q, --quiet print nothing but what is wrong\n"
    "  -h, --help  this text\n"
    "\n"
    "Arrow files have no checksums: a value that was changed to another valid\n"
    "one cannot be seen. Everything else can.\n"
    "\n"
    "exit codes: 0 all is well, 1 something is wrong, 2 wrong usage or "
    "something\n"
    "cannot be read\n";

enum { TOOL_UNREADABLE = 2 };

typedef struct tool_verify {
  tool_printer printer;
  oa_verify_result sum;
  bool terminal; /* progress is shown */
  bool shown;    /* and stands on the last line */
  double began;  /* seconds */
  double shown_at;
  bool failed;
} tool_verify;

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void clear_progress(tool_verify *v) {
  if (v->shown) {
    fputs("\r\x1b[K", stderr);
    v->shown = false;
  }
}

/* Once a second, when it takes long. */
static int on_progress(void *context, uint64_t bytes, uint64_t total) {
  tool_verify *v = context;
  const double at = v->terminal ? now() : 0;
  if (!v->terminal || at - v->shown_at < 1) {
    return 1;
  }
  v->shown_at = at;
  v->shown = true;
  fprintf(stderr, "\r%.0f %% of %.1f GB, %.2f GB/s\x1b[K",
          total == 0 ? 100.0 : 100.0 * (double)bytes / (double)total,
          (double)total / 1e9, (double)bytes / 1e9 / (at - v->began));
  return 1;
}

static void on_finding(void *context, const oa_finding *finding) {
  tool_verify *v = context;
  clear_progress(v);
  oa_tool_print_finding(&v->printer, finding);
}

static void on_file(void *context, const oa_verified_file *file) {
  tool_verify *v = context;
  if (!v->printer.json || (v->printer.quiet && file->problems == 0)) {
    return;
  }
  clear_progress(v);
  printf("{\"path\":");
  oa_tool_print_json(file->path);
  printf(",\"signal\":\"%s\",\"state\":\"%s\",\"size\":%" PRIu64
         ",\"batches\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"problems\":%" PRIu64
         "}\n",
         file->signal, file->state, file->size, file->batches, file->rows,
         file->problems);
}

static void add(oa_verify_result *sum, const oa_verify_result *more) {
  sum->files += more->files;
  sum->open += more->open;
  sum->bytes += more->bytes;
  sum->batches += more->batches;
  sum->rows += more->rows;
  sum->notes += more->notes;
  sum->problems += more->problems;
  sum->unreadable += more->unreadable;
}

static void verify_path(tool_verify *v, const char *path) {
  const oa_verify_options options = {.finding = on_finding,
                                     .file = on_file,
                                     .progress = on_progress,
                                     .context = v};
  oa_verify_result result;
  oa_error error = {0};
  v->began = now();
  v->shown_at = v->began;
  const oa_status status = oa_verify(path, &options, &result, &error);
  clear_progress(v);
  if (status != OA_OK) {
    oa_tool_failed("%s", error.text);
    v->failed = true;
    return;
  }
  add(&v->sum, &result);
}

static void print_sums(const tool_verify *v) {
  const oa_verify_result *sum = &v->sum;
  if (v->printer.quiet) {
    return;
  }
  if (v->printer.json) {
    printf("{\"files\":%" PRIu64 ",\"open\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"batches\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"notes\":%" PRIu64
           ",\"problems\":%" PRIu64 ",\"unreadable\":%" PRIu64 "}\n",
           sum->files, sum->open, sum->bytes, sum->batches, sum->rows,
           sum->notes, sum->problems, sum->unreadable);
    return;
  }
  oa_tool_print_count(sum->files, "file");
  if (sum->open > 0) {
    printf(" (%" PRIu64 " open)", sum->open);
  }
  printf(", %" PRIu64 " batches, ", sum->batches);
  oa_tool_print_count(sum->rows, "row");
  printf(", %" PRIu64 " bytes: ", sum->bytes);
  if (sum->problems == 0 && sum->unreadable == 0 && !v->failed) {
    printf(sum->files == 0 ? "no file to look at\n" : "all is well\n");
    return;
  }
  oa_tool_print_count(sum->problems, "problem");
  if (sum->unreadable > 0) {
    printf(", %" PRIu64 " unreadable", sum->unreadable);
  }
  printf("\n");
}

int oa_tool_verify(int argc, char **argv) {
  static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  tool_verify v = {.terminal = isatty(STDERR_FILENO) == 1};
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
    switch (option) {
      case 'j':
        v.printer.json = true;
        break;
      case 'q':
        v.printer.quiet = true;
        break;
      case 'h':
        fputs(help_text, stdout);
        return oa_tool_flush();
      default:
        return oa_tool_usage("verify", "verify: unknown option '%s'",
                             argv[optind - 1]);
    }
  }
  if (optind == argc) {
    return oa_tool_usage("verify", "verify: name a file or directory");
  }
  for (; optind < argc; optind++) {
    verify_path(&v, argv[optind]);
  }
  print_sums(&v);
  if (oa_tool_flush() != TOOL_OK || v.failed || v.sum.unreadable > 0) {
    return TOOL_UNREADABLE;
  }
  return v.sum.problems > 0 ? TOOL_FAILED : TOOL_OK;
}
