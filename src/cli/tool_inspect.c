/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "cli/tool.h"

static const char help_text[] =
    "usage: otlp-arrow inspect [--json] FILE|DIR ...\n"
    "\n"
    "Says of each Arrow stream file (of a directory: of every *.arrow and\n"
    "*.arrows file under it) what signal it holds, how many batches and rows,\n"
    "from when to when, how it is compressed, and whether it is whole.\n"
    "\n"
    "  --json      one JSON object a line and file\n"
    "  -h, --help  this text\n"
    "\n"
    "A torn file is no failure: all that is whole in it can be read.  The "
    "exit\n"
    "code is 1 when a file is damaged or cannot be read.\n";

static const char *state_name(oa_reader_state state) {
  switch (state) {
    case OA_READER_WHOLE:
      return "whole";
    case OA_READER_OPEN:
      return "without end mark";
    case OA_READER_TORN:
      return "torn";
    default:
      return "damaged";
  }
}

/* Stable words for programs. */
static const char *state_key(oa_reader_state state) {
  return state == OA_READER_OPEN ? "open" : state_name(state);
}

static void print_text(const oa_reader *reader, const char *path,
                       const oa_reader_info *info) {
  char first[TOOL_TIME_SIZE];
  char last[TOOL_TIME_SIZE];
  oa_reader_column column;

  oa_tool_print_plain(path);
  printf("\n  signal       %s\n",
         info->signal[0] == '\0' ? "unknown" : info->signal);
  printf("  state        %s", state_name(info->state));
  if (info->problem[0] != '\0') {
    printf(": ");
    oa_tool_print_plain(info->problem);
  }
  printf("\n  size         %llu bytes", (unsigned long long)info->size);
  if (info->whole != info->size) {
    printf(", %llu of them whole", (unsigned long long)info->whole);
  }
  printf("\n  batches      %llu\n  rows         %llu\n",
         (unsigned long long)info->batches, (unsigned long long)info->rows);
  if (info->last_time != 0) {
    oa_tool_time(info->first_time, first);
    oa_tool_time(info->last_time, last);
    printf("  from         %s\n  to           %s\n", first, last);
  }
  printf("  compression  %s\n  schema\n", info->compression);
  for (size_t i = 0; i < oa_reader_column_count(reader); i++) {
    oa_reader_get_column(reader, i, &column);
    printf("    ");
    oa_tool_print_plain(column.name);
    printf(": ");
    oa_tool_print_plain(column.type);
    printf("%s\n", column.nullable ? "" : " not null");
  }
}

static void print_object(const oa_reader *reader, const char *path,
                         const oa_reader_info *info) {
  oa_reader_column column;

  printf("{\"path\":");
  oa_tool_print_json(path);
  printf(",\"signal\":");
  oa_tool_print_json(info->signal);
  printf(",\"state\":\"%s\",\"problem\":", state_key(info->state));
  oa_tool_print_json(info->problem);
  printf(",\"size\":%llu,\"whole\":%llu,\"batches\":%llu,\"rows\":%llu",
         (unsigned long long)info->size, (unsigned long long)info->whole,
         (unsigned long long)info->batches, (unsigned long long)info->rows);
  if (info->last_time != 0) {
    char first[TOOL_TIME_SIZE];
    char last[TOOL_TIME_SIZE];
    oa_tool_time(info->first_time, first);
    oa_tool_time(info->last_time, last);
    /* As text: a double cannot hold so many nanoseconds. */
    printf(
        ",\"first_time_unix_nano\":\"%llu\",\"last_time_unix_nano\":\"%llu\""
        ",\"first_time\":\"%s\",\"last_time\":\"%s\"",
        (unsigned long long)info->first_time,
        (unsigned long long)info->last_time, first, last);
  }
  printf(",\"compression\":\"%s\",\"schema\":[", info->compression);
  for (size_t i = 0; i < oa_reader_column_count(reader); i++) {
    oa_reader_get_column(reader, i, &column);
    printf("%s{\"name\":", i == 0 ? "" : ",");
    oa_tool_print_json(column.name);
    printf(",\"type\":");
    oa_tool_print_json(column.type);
    printf(",\"nullable\":%s}", column.nullable ? "true" : "false");
  }
  printf("]}\n");
}

static int inspect_file(const char *path, bool json) {
  oa_error error = {0};
  oa_reader *reader;
  oa_reader_info info;

  if (oa_reader_open(&reader, path, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  if (oa_reader_describe(reader, &info, &error) != OA_OK) {
    oa_reader_close(reader);
    return oa_tool_failed("%s", error.text);
  }
  if (json) {
    print_object(reader, path, &info);
  } else {
    print_text(reader, path, &info);
  }
  oa_reader_close(reader);
  return info.state == OA_READER_DAMAGED ? TOOL_FAILED : TOOL_OK;
}

static int inspect_path(const char *path, bool json) {
  oa_error error = {0};
  oa_file_list *files;
  int code = TOOL_OK;

  if (oa_file_list_new(&files, path, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  const size_t count = oa_file_list_count(files);
  if (count == 0) {
    code = oa_tool_failed("%s: no *.arrow or *.arrows file is in it", path);
  }
  for (size_t i = 0; i < count; i++) {
    if (inspect_file(oa_file_list_path(files, i), json) != TOOL_OK) {
      code = TOOL_FAILED;
    }
  }
  oa_file_list_free(files);
  return code;
}

int oa_tool_inspect(int argc, char **argv) {
  static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  bool json = false;
  int code = TOOL_OK;
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
      case 'j':
        json = true;
        break;
      case 'h':
        fputs(help_text, stdout);
        return oa_tool_flush();
      default:
        return oa_tool_usage("inspect", "inspect: unknown option '%s'",
                             argv[optind - 1]);
    }
  }
  if (optind == argc) {
    return oa_tool_usage("inspect", "inspect: name a file or directory");
  }
  for (; optind < argc; optind++) {
    if (inspect_path(argv[optind], json) != TOOL_OK) {
      code = TOOL_FAILED;
    }
  }
  return oa_tool_flush() == TOOL_OK ? code : TOOL_FAILED;
}
