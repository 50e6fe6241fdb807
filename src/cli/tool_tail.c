/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/tool.h"

static const char help_text[] =
    "usage: otlp-arrow tail [OPTIONS] DIR\n"
    "\n"
    "Prints a line for each of the last spans, data points and log records of\n"
    "the files under DIR.\n"
    "\n"
    "  -f, --follow       go on with those that come, until Ctrl-C\n"
    "  -n, --lines N      begin with the last N of each signal (default 10)\n"
    "  -s, --signal S     only traces, metrics or logs\n"
    "  -h, --help         this text\n";

/* Flows that are read at a time: one a signal, and some to spare for several
 * services under one directory. */
enum { MAX_FLOWS = 64 };

/* How many files back the last rows are looked for. */
enum { MAX_FILES_BACK = 16 };

/* How often -f looks for more. */
static const long poll_ns = 250000000;

/* The files of one signal in one directory, one after the other. */
typedef struct flow {
  char path[PATH_MAX]; /* of the newest file that was met */
  oa_reader *reader;   /* NULL: it is done with, or */
  bool waiting;        /* it has no schema yet */
} flow;

typedef struct tail {
  const char *root;
  const char *signal; /* NULL = all */
  uint64_t lines;
  bool follow;
  bool stopped;     /* by a signal */
  bool complained;  /* that there are too many flows */
  sigset_t signals; /* those that end -f */
  size_t flow_count;
  flow flows[MAX_FLOWS];
} tail;

/* Waits NANOSECONDS, or until a signal says to stop. */
static void wait_for_signal(tail *t, long nanoseconds) {
  const struct timespec timeout = {.tv_nsec = nanoseconds};
  if (t->follow && sigtimedwait(&t->signals, NULL, &timeout) > 0) {
    t->stopped = true;
  }
}

static bool print_batch(oa_reader *reader, uint64_t skip) {
  oa_error error = {0};
  const char *line;

  for (int64_t row = (int64_t)skip; row < oa_reader_rows(reader); row++) {
    if (oa_reader_line(reader, row, &line, &error) != OA_OK) {
      oa_tool_failed("%s", error.text);
      return false;
    }
    if (puts(line) == EOF) {
      return false;
    }
  }
  return true;
}

/* Prints what follows in the file, less the first SKIP rows.  False when the
 * file is of no further use. */
static bool print_rest(tail *t, oa_reader *reader, uint64_t skip) {
  oa_error error = {0};
  oa_status status;

  while ((status = oa_reader_next(reader, &error)) == OA_OK) {
    const uint64_t rows = (uint64_t)oa_reader_rows(reader);
    const uint64_t here = skip < rows ? skip : rows;
    if (!print_batch(reader, here)) {
      return false;
    }
    skip -= here;
    wait_for_signal(t, 0);
    if (t->stopped) {
      return true;
    }
  }
  if (status != OA_END) {
    oa_tool_failed("%s", error.text);
  }
  return status == OA_END && !oa_reader_ended(reader);
}

/* NULL when the file cannot be read (*WAITING: not yet) or holds another
 * signal. */
static oa_reader *open_file(const tail *t, const char *path, bool *waiting) {
  oa_error error = {0};
  oa_reader *reader;

  *waiting = false;
  const oa_status status = oa_reader_open(&reader, path, &error);
  if (status != OA_OK) {
    /* One that was made a moment ago has no schema yet; one that retention
     * has removed meanwhile is no failure. */
    *waiting = status == OA_ERR_TRUNCATED;
    if (!*waiting && status != OA_ERR_NOT_FOUND) {
      oa_tool_failed("%s", error.text);
    }
    return NULL;
  }
  const char *signal = oa_reader_signal(reader);
  if (signal[0] == '\0' ||
      (t->signal != NULL && strcmp(signal, t->signal) != 0)) {
    oa_reader_close(reader);
    return NULL;
  }
  return reader;
}

/* Bytes of PATH that are the same for all files of a flow: the directory and
 * the name up to its date. */
static size_t flow_length(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  return (size_t)(name - path) + strcspn(name, "0123456789");
}

static bool same_flow(const char *a, const char *b) {
  const size_t len = flow_length(a);
  return len == flow_length(b) && strncmp(a, b, len) == 0;
}

/* The flow that PATH is of; NULL when it is new and there is no room.
 * *IS_NEW: it has no file yet. */
static flow *find_flow(tail *t, const char *path, bool *is_new) {
  *is_new = false;
  for (size_t i = 0; i < t->flow_count; i++) {
    if (same_flow(t->flows[i].path, path)) {
      return &t->flows[i];
    }
  }
  if (strlen(path) >= PATH_MAX || t->flow_count == MAX_FLOWS) {
    if (!t->complained) {
      oa_tool_failed(
          "%s: more than %d directories with files; it and others "
          "are left out",
          path, MAX_FLOWS);
      t->complained = true;
    }
    return NULL;
  }
  *is_new = true;
  return &t->flows[t->flow_count++];
}

/* Prints the last WANT rows of the files of one flow, the newest of which is
 * number LAST of FILES; older ones are looked into while the newer have too
 * few.  Gives the newest file's reader as open_file() does. */
static oa_reader *print_last(tail *t, const oa_file_list *files, size_t last,
                             uint64_t want, int back, bool *waiting) {
  const char *path = oa_file_list_path(files, last);
  oa_error error = {0};
  uint64_t found = 0;
  bool ignored;

  oa_reader *reader = open_file(t, path, waiting);
  if (reader != NULL &&
      oa_reader_seek_last(reader, want, &found, &error) != OA_OK) {
    oa_tool_failed("%s", error.text);
    oa_reader_close(reader);
    return NULL;
  }
  if ((reader != NULL || *waiting) && found < want && back > 0) {
    for (size_t i = last; i > 0; i--) {
      if (same_flow(path, oa_file_list_path(files, i - 1))) {
        oa_reader_close(
            print_last(t, files, i - 1, want - found, back - 1, &ignored));
        break;
      }
    }
  }
  if (reader != NULL &&
      !print_rest(t, reader, found > want ? found - want : 0)) {
    oa_reader_close(reader);
    reader = NULL;
  }
  return reader;
}

/* The first look: the last rows of every flow. */
static void look_back(tail *t, const oa_file_list *files) {
  for (size_t i = oa_file_list_count(files); i > 0 && !t->stopped; i--) {
    const char *path = oa_file_list_path(files, i - 1);
    bool is_new;
    flow *at = find_flow(t, path, &is_new);
    if (at == NULL || !is_new) {
      continue; /* an older file of a flow that is done */
    }
    snprintf(at->path, sizeof at->path, "%s", path);
    at->reader =
        print_last(t, files, i - 1, t->lines, MAX_FILES_BACK, &at->waiting);
  }
}

/* What has come in the file that the flow is at. */
static void read_on(tail *t, flow *at) {
  if (at->waiting) {
    at->reader = open_file(t, at->path, &at->waiting);
  }
  if (at->reader != NULL && !print_rest(t, at->reader, 0)) {
    oa_reader_close(at->reader);
    at->reader = NULL;
  }
}

static void look_on(tail *t, const oa_file_list *files) {
  for (size_t i = 0; i < t->flow_count && !t->stopped; i++) {
    read_on(t, &t->flows[i]);
  }
  for (size_t i = 0; i < oa_file_list_count(files) && !t->stopped; i++) {
    const char *path = oa_file_list_path(files, i);
    bool is_new;
    flow *at = find_flow(t, path, &is_new);
    if (at == NULL || (!is_new && oa_file_name_compare(path, at->path) <= 0)) {
      continue;
    }
    if (!is_new) {
      /* The service has gone on to this file, so all of the last one is there
       * now. */
      read_on(t, at);
      oa_reader_close(at->reader);
    }
    snprintf(at->path, sizeof at->path, "%s", path);
    at->reader = NULL;
    at->waiting = true;
    read_on(t, at);
  }
}

static int list_and(tail *t, void (*look)(tail *, const oa_file_list *)) {
  oa_error error = {0};
  oa_file_list *files;

  if (oa_file_list_new(&files, t->root, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  const size_t count = oa_file_list_count(files);
  look(t, files);
  oa_file_list_free(files);
  if (count == 0 && !t->follow) {
    return oa_tool_failed("%s: no *.arrow or *.arrows file is in it", t->root);
  }
  return oa_tool_flush();
}

static int run(tail *t) {
  if (t->follow) {
    /* Taken by sigtimedwait() alone, so nothing is cut short. */
    sigemptyset(&t->signals);
    sigaddset(&t->signals, SIGINT);
    sigaddset(&t->signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &t->signals, NULL);
  }
  int code = list_and(t, look_back);
  while (code == TOOL_OK && t->follow && !t->stopped) {
    wait_for_signal(t, poll_ns);
    if (!t->stopped) {
      code = list_and(t, look_on);
    }
  }
  for (size_t i = 0; i < t->flow_count; i++) {
    oa_reader_close(t->flows[i].reader);
  }
  return code;
}

static bool parse_lines(const char *text, uint64_t *out) {
  char *end;
  if (text[0] < '0' || text[0] > '9') {
    return false;
  }
  errno = 0;
  *out = strtoull(text, &end, 10);
  return errno == 0 && *end == '\0';
}

static int take_option(tail *t, int option, char **argv) {
  switch (option) {
    case 'f':
      t->follow = true;
      return TOOL_OK;
    case 'n':
      return parse_lines(optarg, &t->lines)
                 ? TOOL_OK
                 : oa_tool_usage("tail", "tail: '%s' is no number of lines",
                                 optarg);
    case 's':
      t->signal = optarg;
      if (strcmp(optarg, "traces") == 0 || strcmp(optarg, "metrics") == 0 ||
          strcmp(optarg, "logs") == 0) {
        return TOOL_OK;
      }
      return oa_tool_usage(
          "tail",
          "tail: unknown signal '%s'; there are traces, metrics and logs",
          optarg);
    case ':':
      return oa_tool_usage("tail", "tail: '%s' needs a value",
                           argv[optind - 1]);
    default:
      return oa_tool_usage("tail", "tail: unknown option '%s'",
                           argv[optind - 1]);
  }
}

int oa_tool_tail(int argc, char **argv) {
  static const struct option options[] = {
      {"follow", no_argument, NULL, 'f'},
      {"lines", required_argument, NULL, 'n'},
      {"signal", required_argument, NULL, 's'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  tail t = {.lines = 10};
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, ":fn:s:h", options, NULL)) != -1) {
    if (option == 'h') {
      fputs(help_text, stdout);
      return oa_tool_flush();
    }
    const int code = take_option(&t, option, argv);
    if (code != TOOL_OK) {
      return code;
    }
  }
  if (optind + 1 != argc) {
    return oa_tool_usage("tail", "tail: name one directory");
  }
  t.root = argv[optind];
  return run(&t);
}
