/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tool.h"

static const char help_text[] =
    "usage: otlp-arrow convert FILE|DIR --to FORMAT [OPTIONS]\n"
    "\n"
    "Makes one output from a file, or from all *.arrow and *.arrows files\n"
    "under a directory in the order of their names.\n"
    "\n"
    "  --to otlp-proto    the Export requests as OTLP protobuf, each behind "
    "its\n"
    "                     length in four bytes, big-endian\n"
    "  --to arrow         one Arrow IPC stream\n"
    "  --to ipc-file      one Arrow IPC file for random access (Feather V2)\n"
    "  -o, --output FILE  where to; it appears when it is complete.\n"
    "                     Default: standard output\n"
    "  --compression C    none, lz4 or zstd, for arrow and ipc-file.\n"
    "                     Default: zstd\n"
    "  -h, --help         this text\n"
    "\n"
    "Of files that are torn or still written, all that is whole is "
    "converted.\n";

typedef enum target { TO_NOTHING, TO_OTLP, TO_STREAM, TO_FILE } target;

typedef struct job {
  const char *input;
  const char *path; /* of the output; NULL = standard output */
  target to;
  oa_output_compression compression;
  bool compression_given;
  FILE *file;
  int write_error;      /* errno of the output */
  bool direct;          /* the output is a device or a pipe */
  char aside[PATH_MAX]; /* where the output is written first */
  oa_output *output;
} job;

static oa_status write_bytes(void *context, const void *bytes, size_t len) {
  job *work = context;
  if (fwrite(bytes, 1, len, work->file) == len) {
    return OA_OK;
  }
  work->write_error = errno;
  return OA_ERR_IO;
}

static oa_status write_request(void *context, const void *message, size_t len) {
  const unsigned char prefix[4] = {
      (unsigned char)(len >> 24 & 0xFF), (unsigned char)(len >> 16 & 0xFF),
      (unsigned char)(len >> 8 & 0xFF), (unsigned char)(len & 0xFF)};
  const oa_status status = write_bytes(context, prefix, sizeof prefix);
  return status == OA_OK ? write_bytes(context, message, len) : status;
}

static oa_status convert_batch(job *work, oa_reader *reader, oa_error *error) {
  return work->to == TO_OTLP
             ? oa_reader_requests(reader, write_request, work, error)
             : oa_output_batch(work->output, reader, error);
}

static oa_status convert_batches(job *work, oa_reader *reader,
                                 oa_error *error) {
  oa_status status = OA_OK;

  if (work->to != TO_OTLP) {
    status = oa_output_source(work->output, reader, error);
  }
  while (status == OA_OK && (status = oa_reader_next(reader, error)) == OA_OK) {
    status = convert_batch(work, reader, error);
  }
  return status == OA_END ? OA_OK : status;
}

static int output_failed(const job *work, int reason) {
  return oa_tool_failed("%s: %s; the output is not complete",
                        work->path == NULL ? "standard output" : work->path,
                        strerror(reason));
}

static int explain(const job *work, const oa_error *error) {
  return work->write_error != 0 ? output_failed(work, work->write_error)
                                : oa_tool_failed("%s", error->text);
}

static int convert_file(job *work, const char *path) {
  oa_error error = {0};
  oa_reader *reader;

  oa_status status = oa_reader_open(&reader, path, &error);
  if (status == OA_ERR_TRUNCATED) {
    /* Created a moment ago, or cut at once: it has no row yet. */
    fprintf(stderr, "otlp-arrow: %s; passed over\n", error.text);
    return TOOL_OK;
  }
  if (status != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  status = convert_batches(work, reader, &error);
  const int torn = oa_reader_torn(reader);
  oa_reader_close(reader);
  if (status != OA_OK) {
    return explain(work, &error);
  }
  if (torn) {
    fprintf(stderr,
            "otlp-arrow: %s: its last message is incomplete; all before it was "
            "converted\n",
            path);
  }
  return TOOL_OK;
}

static int convert_files(job *work) {
  oa_error error = {0};
  oa_file_list *files;
  int code = TOOL_OK;

  if (oa_file_list_new(&files, work->input, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  const size_t count = oa_file_list_count(files);
  if (count == 0) {
    code =
        oa_tool_failed("%s: no *.arrow or *.arrows file is in it", work->input);
  }
  for (size_t i = 0; i < count && code == TOOL_OK; i++) {
    code = convert_file(work, oa_file_list_path(files, i));
  }
  oa_file_list_free(files);
  return code;
}

static int convert_all(job *work) {
  oa_error error = {0};
  const oa_output_options options = {
      .format = work->to == TO_FILE ? OA_OUTPUT_FILE : OA_OUTPUT_STREAM,
      .compression = work->compression,
      .write = write_bytes,
      .context = work};

  if (work->to == TO_OTLP) {
    return convert_files(work);
  }
  if (oa_output_new(&work->output, &options, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  int code = convert_files(work);
  if (code == TOOL_OK && oa_output_finish(work->output, &error) != OA_OK) {
    code = explain(work, &error);
  }
  oa_output_free(work->output);
  return code;
}

static int open_output(job *work) {
  if (work->path == NULL) {
    if (isatty(STDOUT_FILENO)) {
      return oa_tool_usage("convert",
                           "convert: the output is binary and standard output "
                           "is a terminal; name a file with -o");
    }
    work->file = stdout;
    return TOOL_OK;
  }
  /* A device or a pipe must not be replaced by a file. */
  struct stat info;
  work->direct = stat(work->path, &info) == 0 && !S_ISREG(info.st_mode);
  const int len =
      work->direct ? snprintf(work->aside, sizeof work->aside, "%s", work->path)
                   : snprintf(work->aside, sizeof work->aside, "%s.tmp.%ld",
                              work->path, (long)getpid());
  if (len < 0 || (size_t)len >= sizeof work->aside) {
    return oa_tool_failed("%s: the path is too long", work->path);
  }
  const int flags = work->direct ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL;
  const int fd = open(work->aside, flags | O_CLOEXEC, 0666);
  work->file = fd < 0 ? NULL : fdopen(fd, "wb");
  if (work->file == NULL) {
    const int reason = errno;
    if (fd >= 0) {
      close(fd);
    }
    return oa_tool_failed("%s cannot be written: %s", work->path,
                          strerror(reason));
  }
  return TOOL_OK;
}

/* Nobody sees a half output: it gets its name when it is complete. */
static int close_output(job *work, int code) {
  if (work->file == stdout) {
    return code == TOOL_OK ? oa_tool_flush() : code;
  }
  const bool flushed = fflush(work->file) == 0 &&
                       (work->direct || fsync(fileno(work->file)) == 0);
  if ((fclose(work->file) != 0 || !flushed) && code == TOOL_OK) {
    code = output_failed(work, errno);
  }
  if (work->direct) {
    return code;
  }
  if (code == TOOL_OK && rename(work->aside, work->path) != 0) {
    code = oa_tool_failed("%s: %s", work->path, strerror(errno));
  }
  if (code != TOOL_OK) {
    unlink(work->aside);
  }
  return code;
}

static bool parse_target(const char *text, target *out) {
  static const char *const names[] = {"", "otlp-proto", "arrow", "ipc-file"};
  for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) == 0) {
      *out = (target)i;
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

static int take_option(job *work, int option, char **argv) {
  switch (option) {
    case 't':
      return parse_target(optarg, &work->to)
                 ? TOOL_OK
                 : oa_tool_usage("convert",
                                 "convert: unknown format '%s'; there are "
                                 "otlp-proto, arrow and ipc-file",
                                 optarg);
    case 'c':
      work->compression_given = true;
      return parse_compression(optarg, &work->compression)
                 ? TOOL_OK
                 : oa_tool_usage("convert",
                                 "convert: unknown compression '%s'; there are "
                                 "none, lz4 and zstd",
                                 optarg);
    case 'o':
      work->path = optarg;
      return TOOL_OK;
    case ':':
      return oa_tool_usage("convert", "convert: '%s' needs a value",
                           argv[optind - 1]);
    default:
      return oa_tool_usage("convert", "convert: unknown option '%s'",
                           argv[optind - 1]);
  }
}

static int check(job *work, int argc, char **argv) {
  if (optind == argc) {
    return oa_tool_usage("convert", "convert: name a file or directory");
  }
  if (optind + 1 < argc) {
    return oa_tool_usage("convert", "convert: one file or directory only");
  }
  if (work->to == TO_NOTHING) {
    return oa_tool_usage("convert", "convert: say what to make with --to");
  }
  if (work->to == TO_OTLP && work->compression_given) {
    return oa_tool_usage("convert",
                         "convert: otlp-proto output has no compression");
  }
  work->input = argv[optind];
  return TOOL_OK;
}

int oa_tool_convert(int argc, char **argv) {
  static const struct option options[] = {
      {"to", required_argument, NULL, 't'},
      {"output", required_argument, NULL, 'o'},
      {"compression", required_argument, NULL, 'c'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  job work = {.compression = OA_OUTPUT_ZSTD};
  int code = TOOL_OK;
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
    if (option == 'h') {
      fputs(help_text, stdout);
      return oa_tool_flush();
    }
    code = take_option(&work, option, argv);
    if (code != TOOL_OK) {
      return code;
    }
  }
  code = check(&work, argc, argv);
  if (code == TOOL_OK) {
    code = open_output(&work);
  }
  return code == TOOL_OK ? close_output(&work, convert_all(&work)) : code;
}
