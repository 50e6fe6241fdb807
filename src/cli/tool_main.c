/* SPDX-License-Identifier: Apache-2.0 */
/* tool_main.c - the program `otlp-arrow`: looks into the files of the service
 * and makes other files from them. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "cli/tool.h"

static const char help_text[] =
    "otlp-arrow - look into the files that otlp-arrow-service writes\n"
    "\n"
    "usage: otlp-arrow COMMAND [OPTIONS] ...\n"
    "\n"
    "commands:\n"
    "  inspect FILE|DIR   what is in each file: schema, batches, rows, time\n"
    "                     range, compression, whether it is whole\n"
    "  convert FILE|DIR   make OTLP protobuf, OTLP/JSON, OTAP, one Arrow "
    "stream\n"
    "                     or one Arrow file from them, or from OTLP/JSON\n"
    "  tail DIR           print the last rows, and with -f those that come\n"
    "  verify FILE|DIR    read all there is and list whatever is wrong\n"
    "  repair DIR         make files whole again that a crash or a disk left\n"
    "\n"
    "  otlp-arrow COMMAND --help   the options of a command\n"
    "  otlp-arrow --version        the version\n"
    "\n"
    "exit codes: 0 success, 1 failure, 2 wrong usage (verify: or something\n"
    "cannot be read)\n";

int oa_tool_usage(const char *command, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("otlp-arrow: ", stderr);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\nTry 'otlp-arrow %s%s--help'.\n", command,
          command[0] == '\0' ? "" : " ");
  return TOOL_USAGE;
}

int oa_tool_failed(const char *format, ...) {
  va_list args;
  /* What was printed so far comes first, also when both go to one file. */
  fflush(stdout);
  va_start(args, format);
  fputs("otlp-arrow: ", stderr);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  return TOOL_FAILED;
}

int oa_tool_flush(void) {
  if (fflush(stdout) != 0 || ferror(stdout)) {
    return oa_tool_failed("standard output: %s", strerror(errno));
  }
  return TOOL_OK;
}

/* Bytes of the UTF-8 character at TEXT, or 0 when there is none. */
static size_t character(const char *text) {
  const unsigned char *c = (const unsigned char *)text;
  const size_t len = c[0] < 0x80   ? 1
                     : c[0] < 0xC2 ? 0
                     : c[0] < 0xE0 ? 2
                     : c[0] < 0xF0 ? 3
                     : c[0] < 0xF5 ? 4
                                   : 0;
  for (size_t i = 1; i < len; i++) {
    if ((c[i] & 0xC0) != 0x80) {
      return 0; /* also at the terminator */
    }
  }
  /* Nothing overlong, no surrogates, nothing above U+10FFFF. */
  const bool odd =
      (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] >= 0xA0) ||
      (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] >= 0x90);
  return odd ? 0 : len;
}

void oa_tool_print_plain(const char *text) {
  while (*text != '\0') {
    const unsigned char c = (unsigned char)*text;
    const size_t len = c < 0x20 || c == 0x7F ? 0 : character(text);
    if (len == 0) {
      printf("\\x%02x", c);
      text++;
    } else {
      printf("%.*s", (int)len, text);
      text += len;
    }
  }
}

void oa_tool_print_json(const char *text) {
  putchar('"');
  while (*text != '\0') {
    const unsigned char c = (unsigned char)*text;
    const size_t len = character(text);
    if (len == 0) {
      fputs("\\ufffd", stdout);
    } else if (c == '"' || c == '\\') {
      printf("\\%c", c);
    } else if (c < 0x20 || c == 0x7F) {
      printf("\\u%04x", c);
    } else {
      printf("%.*s", (int)len, text);
    }
    text += len == 0 ? 1 : len;
  }
  putchar('"');
}

void oa_tool_time(uint64_t nanoseconds, char out[TOOL_TIME_SIZE]) {
  const uint64_t second = UINT64_C(1000000000);
  const time_t seconds = (time_t)(nanoseconds / second);
  char date[TOOL_TIME_SIZE];
  struct tm utc;

  if (gmtime_r(&seconds, &utc) == NULL ||
      strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0) {
    snprintf(out, TOOL_TIME_SIZE, "%llu", (unsigned long long)nanoseconds);
    return;
  }
  snprintf(out, TOOL_TIME_SIZE, "%.25s.%09lluZ", date,
           (unsigned long long)(nanoseconds % second));
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
  } commands[] = {
      {"inspect", oa_tool_inspect}, {"convert", oa_tool_convert},
      {"tail", oa_tool_tail},       {"verify", oa_tool_verify},
      {"repair", oa_tool_repair},
  };

  if (argc < 2) {
    return oa_tool_usage("", "a command is missing");
  }
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(argv[1], commands[i].name) == 0) {
      return commands[i].run(argc - 1, argv + 1);
    }
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
      strcmp(argv[1], "help") == 0) {
    fputs(help_text, stdout);
    return oa_tool_flush();
  }
  if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
    printf("otlp-arrow %s\n", OA_VERSION);
    return oa_tool_flush();
  }
  return oa_tool_usage("", "unknown command '%s'", argv[1]);
}
