/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <string.h>

#include "cli/tool_job.h"

static const char help_text[] =
    "usage: otlp-arrow convert FILE|DIR --to FORMAT [OPTIONS]\n"
    "\n"
    "Makes one output from a file, or from all *.arrow and *.arrows files\n"
    "under a directory in the order of their names. A file may also hold\n"
    "OTLP/JSON, one request a line (*.json, *.jsonl, *.ndjson). All are of\n"
    "one signal, but for --to otlp-json.\n"
    "\n"
    "  --to otlp-proto    the Export requests as OTLP protobuf, each behind "
    "its\n"
    "                     length in four bytes, big-endian\n"
    "  --to otlp-json     the Export requests as OTLP/JSON, one a line\n"
    "  --to otap          one OTAP stream: BatchArrowRecords, each behind its\n"
    "                     length as above\n"
    "  --to arrow         one Arrow IPC stream\n"
    "  --to ipc-file      one Arrow IPC file for random access (Feather V2)\n"
    "  -o, --output FILE  where to; it appears when it is complete.\n"
    "                     Default: standard output\n"
    "  --compression C    none, lz4 or zstd, for otap, arrow and ipc-file.\n"
    "                     Default: zstd\n"
    "  -h, --help         this text\n"
    "\n"
    "Of files that are torn or still written, all that is whole is "
    "converted.\n";

static bool parse_target(const char *text, tool_target *out) {
  static const char *const names[] = {"",     "otlp-proto", "otlp-json",
                                      "otap", "arrow",      "ipc-file"};
  for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) == 0) {
      *out = (tool_target)i;
      return true;
    }
  }
  return false;
}

static bool parse_compression(const char *text, oa_output_compression *out) {
  static const char *const names[] = {"none", "lz4", "zstd"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) == 0) {
      *out = (oa_output_compression)i;
      return true;
    }
  }
  return false;
}

static int take_option(tool_job *job, int option, char **argv) {
  switch (option) {
    case 't':
      return parse_target(optarg, &job->to)
                 ? TOOL_OK
                 : oa_tool_usage("convert",
                                 "convert: unknown format '%s'; there are "
                                 "otlp-proto, otlp-json, otap, arrow and "
                                 "ipc-file",
                                 optarg);
    case 'c':
      job->compression_given = true;
      return parse_compression(optarg, &job->compression)
                 ? TOOL_OK
                 : oa_tool_usage("convert",
                                 "convert: unknown compression '%s'; there are "
                                 "none, lz4 and zstd",
                                 optarg);
    case 'o':
      job->path = optarg;
      return TOOL_OK;
    case ':':
      return oa_tool_usage("convert", "convert: '%s' needs a value",
                           argv[optind - 1]);
    default:
      return oa_tool_usage("convert", "convert: unknown option '%s'",
                           argv[optind - 1]);
  }
}

static int check(tool_job *job, int argc, char **argv) {
  if (optind == argc) {
    return oa_tool_usage("convert", "convert: name a file or directory");
  }
  if (optind + 1 < argc) {
    return oa_tool_usage("convert", "convert: one file or directory only");
  }
  if (job->to == TOOL_TO_NOTHING) {
    return oa_tool_usage("convert", "convert: say what to make with --to");
  }
  if (!oa_job_is_arrow(job) && job->to != TOOL_TO_OTAP &&
      job->compression_given) {
    return oa_tool_usage("convert",
                         "convert: only Arrow and OTAP have compression");
  }
  job->input = argv[optind];
  return TOOL_OK;
}

int oa_tool_convert(int argc, char **argv) {
  static const struct option options[] = {
      {"to", required_argument, NULL, 't'},
      {"output", required_argument, NULL, 'o'},
      {"compression", required_argument, NULL, 'c'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  tool_job job = {.compression = OA_OUTPUT_ZSTD};
  int code = TOOL_OK;
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
    if (option == 'h') {
      fputs(help_text, stdout);
      return oa_tool_flush();
    }
    code = take_option(&job, option, argv);
    if (code != TOOL_OK) {
      return code;
    }
  }
  code = check(&job, argc, argv);
  if (code == TOOL_OK) {
    code = oa_job_open_output(&job);
  }
  return code == TOOL_OK ? oa_job_close_output(&job, oa_job_run(&job)) : code;
}
