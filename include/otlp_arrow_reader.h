/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_reader.h - reads the files that the service writes: what is in
 * them, as rows for people, as OTLP again, and as other Arrow files.  Reads
 * files of OTLP/JSON too and makes the same of them.
 *
 * A file is read as far as it is whole, so files that are being written, or
 * were cut short, are read up to their last whole batch.  Every byte of a file
 * is checked; a hostile one costs at most a refusal.
 *
 * A reader or an output belongs to one thread at a time; different ones are
 * independent of each other.  Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_READER_H
#define OTLP_ARROW_READER_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- The files of a directory --- */

typedef struct oa_file_list oa_file_list;

/* PATH itself when it is a file; when it is a directory, every *.arrow and
 * *.arrows file under it, sorted by name with numbers as numbers: files of one
 * signal then stand in the order in which they were written.
 * OA_ERR_NOT_FOUND, OA_ERR_IO, OA_ERR_NOMEM. */
OA_API oa_status oa_file_list_new(oa_file_list **out, const char *path,
                                  oa_error *error);
OA_API size_t oa_file_list_count(const oa_file_list *list);
OA_API const char *oa_file_list_path(const oa_file_list *list, size_t i);
OA_API void oa_file_list_free(oa_file_list *list);

/* Negative, 0 or positive as A stands before, with or behind B in a list. */
OA_API int oa_file_name_compare(const char *a, const char *b);

/* --- One file --- */

typedef struct oa_reader oa_reader;

typedef enum oa_reader_state {
  OA_READER_WHOLE,  /* the end-of-stream mark stands at its end */
  OA_READER_OPEN,   /* whole messages without that mark: being written, or its
                       writer was stopped */
  OA_READER_TORN,   /* part of a message follows the last whole one */
  OA_READER_DAMAGED /* something that is no Arrow message follows it */
} oa_reader_state;

typedef struct oa_reader_info {
  const char *signal; /* "traces", "metrics", "logs"; "" in other streams */
  oa_reader_state state;
  uint64_t size;  /* bytes of the file */
  uint64_t whole; /* bytes up to the end of the last whole message */
  uint64_t batches;
  uint64_t rows;
  uint64_t first_time; /* ns since 1970 of the rows' main time: the start of */
  uint64_t last_time;  /* spans, the time of others; 0 when no row has one */
  const char *compression;          /* "none", "lz4", "zstd", or "mixed" */
  char problem[OA_ERROR_TEXT_SIZE]; /* TORN, DAMAGED: what is wrong */
} oa_reader_info;

typedef struct oa_reader_column {
  const char *name; /* lives as long as the reader */
  int nullable;
  char type[512]; /* such as "dictionary<int32, utf8>"; cut when longer */
} oa_reader_column;

/* Opens the Arrow IPC stream file PATH.  OA_ERR_NOT_FOUND; OA_ERR_IO;
 * OA_ERR_TRUNCATED: not even its schema is whole (yet); OA_ERR_MALFORMED,
 * OA_ERR_UNSUPPORTED: it is something else. */
OA_API oa_status oa_reader_open(oa_reader **out, const char *path,
                                oa_error *error);
OA_API void oa_reader_close(oa_reader *reader);

/* "traces", "metrics" or "logs"; "" when the file does not say. */
OA_API const char *oa_reader_signal(const oa_reader *reader);

OA_API size_t oa_reader_column_count(const oa_reader *reader);
OA_API void oa_reader_get_column(const oa_reader *reader, size_t i,
                                 oa_reader_column *out);

/* Reads the whole file and goes back to its start.  A torn or damaged file is
 * no failure: INFO says it. */
OA_API oa_status oa_reader_describe(oa_reader *reader, oa_reader_info *info,
                                    oa_error *error);

/* Goes to the next batch.  OA_END: there is no further whole one now; when the
 * file grows a later call may find one, unless oa_reader_ended().
 * OA_ERR_MALFORMED and others: the file is damaged here. */
OA_API oa_status oa_reader_next(oa_reader *reader, oa_error *error);

/* Non-zero when the end-of-stream mark has been read. */
OA_API int oa_reader_ended(const oa_reader *reader);

/* Non-zero when bytes stand behind the last whole message that was read. */
OA_API int oa_reader_torn(const oa_reader *reader);

/* Goes to where the batches that follow are the last ones with ROWS rows at
 * least, or all batches there are; *FOUND is the number of their rows. */
OA_API oa_status oa_reader_seek_last(oa_reader *reader, uint64_t rows,
                                     uint64_t *found, oa_error *error);

/* --- The batch that the reader is at --- */

OA_API int64_t oa_reader_rows(const oa_reader *reader);

/* Receives one Export request as protobuf.  Anything but OA_OK stops and is
 * what the caller gets, without a text. */
typedef oa_status (*oa_reader_sink)(void *context, const void *message,
                                    size_t len);

/* Makes the OTLP requests that the rows came from.  OA_ERR_UNSUPPORTED: the
 * file's columns are not those of the service. */
OA_API oa_status oa_reader_requests(oa_reader *reader, oa_reader_sink sink,
                                    void *context, oa_error *error);

/* The same requests as OTLP/JSON, each on one line, without its end. */
OA_API oa_status oa_reader_requests_json(oa_reader *reader, oa_reader_sink sink,
                                         void *context, oa_error *error);

/* One line for people about row ROW, without line end or control characters.
 * *LINE lives until the next call on the reader. */
OA_API oa_status oa_reader_line(oa_reader *reader, int64_t row,
                                const char **line, oa_error *error);

/* --- One file of OTLP/JSON --- */

/* Export requests as text, one after another: mostly one a line, as the OTLP
 * file format has them, but a request may have several lines.  Requests of
 * different signals may stand in one file. */
typedef struct oa_json_file oa_json_file;

/* Non-zero when PATH is to be read as OTLP/JSON: its name ends in .json, .jsonl
 * or .ndjson, or its first byte is a brace. */
OA_API int oa_json_file_is(const char *path);

/* OA_ERR_NOT_FOUND; OA_ERR_IO; OA_ERR_NOMEM. */
OA_API oa_status oa_json_file_open(oa_json_file **out, const char *path,
                                   oa_error *error);
OA_API void oa_json_file_close(oa_json_file *file);

/* Goes to the next request; empty objects are passed over.  OA_END: there is
 * no further whole one.  OA_ERR_MALFORMED, OA_ERR_LIMIT: ERROR names the line
 * and what is wrong in it. */
OA_API oa_status oa_json_file_next(oa_json_file *file, oa_error *error);

/* Non-zero when the file ends inside a request. */
OA_API int oa_json_file_torn(const oa_json_file *file);

/* Of the request that the file is at: the line that it begins in; "traces",
 * "metrics" or "logs"; and the request as protobuf, which lives until the next
 * call on FILE. */
OA_API uint64_t oa_json_file_line(const oa_json_file *file);
OA_API const char *oa_json_file_signal(const oa_json_file *file);
OA_API const void *oa_json_file_request(const oa_json_file *file, size_t *len);

/* The request as one line of OTLP/JSON as the service writes it: names in
 * lowerCamelCase, no unknown members.  *TEXT lives until the next call. */
OA_API oa_status oa_json_file_text(oa_json_file *file, const char **text,
                                   size_t *len, oa_error *error);

/* --- Batches of one or more readers as one new Arrow file --- */

typedef enum oa_output_format {
  OA_OUTPUT_STREAM, /* Arrow IPC streaming format */
  OA_OUTPUT_FILE    /* Arrow IPC file format, for random access */
} oa_output_format;

typedef enum oa_output_compression {
  OA_OUTPUT_NONE,
  OA_OUTPUT_LZ4,
  OA_OUTPUT_ZSTD
} oa_output_compression;

/* Receives the bytes of the file in order.  Anything but OA_OK stops and is
 * what the caller gets, without a text. */
typedef oa_status (*oa_output_write)(void *context, const void *bytes,
                                     size_t len);

typedef struct oa_output_options {
  oa_output_format format;
  oa_output_compression compression;
  int level; /* 0 = the default of the compression */
  oa_output_write write;
  void *context;
} oa_output_options;

/* After a failure an output can only be freed: what it wrote is not a whole
 * file. */
typedef struct oa_output oa_output;

OA_API oa_status oa_output_new(oa_output **out,
                               const oa_output_options *options,
                               oa_error *error);

/* Says that batches of READER follow; the first call writes the schema.
 * OA_ERR_UNSUPPORTED: its columns are not those of the readers before. */
OA_API oa_status oa_output_source(oa_output *output, const oa_reader *reader,
                                  oa_error *error);

/* Writes the batch that READER is at. */
OA_API oa_status oa_output_batch(oa_output *output, const oa_reader *reader,
                                 oa_error *error);

/* Records of a request that the columns cannot hold, because an id has the
 * wrong length or a value is nested too deep. */
typedef struct oa_rejection {
  uint64_t items;   /* spans, data points, log records */
  char reason[192]; /* of the first one; "" when there is none */
} oa_rejection;

/* Takes the request that FILE is at; its rows are written in batches.
 * OA_ERR_UNSUPPORTED: it is of another signal than those before. */
OA_API oa_status oa_output_request(oa_output *output, const oa_json_file *file,
                                   oa_rejection *rejection, oa_error *error);

/* Writes what ends the file. */
OA_API oa_status oa_output_finish(oa_output *output, oa_error *error);
OA_API void oa_output_free(oa_output *output);

/* --- Batches of readers as OpenTelemetry Arrow protocol (OTAP) messages --- */

typedef struct oa_otap_output_options {
  oa_output_compression compression; /* of the Arrow bodies in the messages */
  int level;                         /* 0 = the default of the compression */
  int metric_metadata; /* non-zero: send Metric.metadata, which some receivers
                          do not know and break the stream at */
  int64_t max_rows;    /* spans, records or metrics of a message at most; 0 =
                          65,535, which is what the format allows */
  size_t max_bytes;    /* of a message; 0 = 2 GiB, else 64 KiB at least */
  oa_reader_sink sink; /* receives one BatchArrowRecords a call */
  void *context;
} oa_otap_output_options;

/* One stream of messages, each leaning on those before: a receiver must get
 * all of them, in order. */
typedef struct oa_otap_output oa_otap_output;

/* OA_ERR_CONFIG, OA_ERR_NOMEM. */
OA_API oa_status oa_otap_output_new(oa_otap_output **out,
                                    const oa_otap_output_options *options,
                                    oa_error *error);

/* Makes the messages of the batch that READER is at.  OA_ERR_UNSUPPORTED: it
 * is of another signal than the batches before, or its columns are not those
 * of the service. */
OA_API oa_status oa_otap_output_batch(oa_otap_output *output,
                                      const oa_reader *reader, oa_error *error);
OA_API void oa_otap_output_free(oa_otap_output *output);

#ifdef __cplusplus
}
#endif

#endif
