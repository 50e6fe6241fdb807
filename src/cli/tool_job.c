/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/tool_job.h"

/* Protobuf requests do not say what they are of, and an Arrow file has one
 * schema.  LINE 0 stands for the whole file. */
static int check_signal(tool_job *job, const char *signal, const char *path,
                        unsigned long long line) {
  char at[24] = "";
  if (line > 0) {
    snprintf(at, sizeof at, ":%llu", line);
  }
  if (job->to != TOOL_TO_JSON && job->signal[0] != '\0' &&
      strcmp(job->signal, signal) != 0) {
    return oa_tool_failed(
        "%s%s: %s behind %s; the output holds one signal: convert one at a "
        "time, or to otlp-json",
        path, at, signal[0] == '\0' ? "no telemetry" : signal, job->signal);
  }
  snprintf(job->signal, sizeof job->signal, "%s", signal);
  return TOOL_OK;
}

/* --- Arrow files --- */

static oa_status convert_batch(tool_job *job, oa_reader *reader,
                               oa_error *error) {
  switch (job->to) {
    case TOOL_TO_PROTO:
      return oa_reader_requests(reader, oa_job_write_request, job, error);
    case TOOL_TO_JSON:
      return oa_reader_requests_json(reader, oa_job_write_request, job, error);
    case TOOL_TO_OTAP:
      return oa_otap_output_batch(job->otap, reader, error);
    default:
      return oa_output_batch(job->output, reader, error);
  }
}

static oa_status convert_batches(tool_job *job, oa_reader *reader,
                                 oa_error *error) {
  oa_status status = OA_OK;

  if (oa_job_is_arrow(job)) {
    status = oa_output_source(job->output, reader, error);
  }
  while (status == OA_OK && (status = oa_reader_next(reader, error)) == OA_OK) {
    status = convert_batch(job, reader, error);
  }
  return status == OA_END ? OA_OK : status;
}

static int convert_arrow(tool_job *job, const char *path) {
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
  const int code = check_signal(job, oa_reader_signal(reader), path, 0);
  if (code != TOOL_OK) {
    oa_reader_close(reader);
    return code;
  }
  status = convert_batches(job, reader, &error);
  const int torn = oa_reader_torn(reader);
  oa_reader_close(reader);
  if (status != OA_OK) {
    return oa_job_explain(job, &error);
  }
  if (torn) {
    fprintf(stderr,
            "otlp-arrow: %s: its last message is incomplete; all before it was "
            "converted\n",
            path);
  }
  return TOOL_OK;
}

/* --- OTLP/JSON files --- */

static oa_status convert_request(tool_job *job, oa_json_file *file,
                                 oa_rejection *rejection, oa_error *error) {
  const char *text;
  size_t len;
  oa_status status;

  switch (job->to) {
    case TOOL_TO_PROTO: {
      const void *request = oa_json_file_request(file, &len);
      return oa_job_write_request(job, request, len);
    }
    case TOOL_TO_JSON:
      status = oa_json_file_text(file, &text, &len, error);
      return status == OA_OK ? oa_job_write_request(job, text, len) : status;
    default:
      return oa_output_request(job->output, file, rejection, error);
  }
}

static int convert_requests(tool_job *job, oa_json_file *file,
                            const char *path) {
  oa_error error = {0};
  oa_status status;

  while ((status = oa_json_file_next(file, &error)) == OA_OK) {
    const unsigned long long line = oa_json_file_line(file);
    oa_rejection rejection = {0};
    const int code = check_signal(job, oa_json_file_signal(file), path, line);
    if (code != TOOL_OK) {
      return code;
    }
    status = convert_request(job, file, &rejection, &error);
    if (status != OA_OK && job->write_error == 0) {
      return oa_tool_failed("%s:%llu: %s", path, line, error.text);
    }
    if (status != OA_OK) {
      return oa_job_explain(job, &error);
    }
    if (rejection.items > 0) {
      fprintf(stderr, "otlp-arrow: %s:%llu: %llu items left out: %s\n", path,
              line, (unsigned long long)rejection.items, rejection.reason);
    }
  }
  return status == OA_END ? TOOL_OK : oa_tool_failed("%s", error.text);
}

static int convert_json(tool_job *job, const char *path) {
  oa_error error = {0};
  oa_json_file *file;

  if (oa_json_file_open(&file, path, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  const int code = convert_requests(job, file, path);
  if (code == TOOL_OK && oa_json_file_torn(file)) {
    fprintf(stderr,
            "otlp-arrow: %s: its last request is incomplete; all before it was "
            "converted\n",
            path);
  }
  oa_json_file_close(file);
  return code;
}

/* --- all of them --- */

static int convert_files(tool_job *job) {
  oa_error error = {0};
  oa_file_list *files;
  int code = TOOL_OK;

  if (oa_file_list_new(&files, job->input, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  const size_t count = oa_file_list_count(files);
  if (count == 0) {
    code =
        oa_tool_failed("%s: no *.arrow or *.arrows file is in it", job->input);
  }
  for (size_t i = 0; i < count && code == TOOL_OK; i++) {
    const char *path = oa_file_list_path(files, i);
    if (oa_json_file_is(path) && job->to == TOOL_TO_OTAP) {
      code = oa_tool_failed(
          "%s: OTAP is made from Arrow files; convert it to arrow first", path);
      break;
    }
    code = oa_json_file_is(path) ? convert_json(job, path)
                                 : convert_arrow(job, path);
  }
  oa_file_list_free(files);
  return code;
}

static int run_otap(tool_job *job) {
  oa_error error = {0};
  const oa_otap_output_options options = {.compression = job->compression,
                                          .metric_metadata = 1,
                                          .sink = oa_job_write_request,
                                          .context = job};
  if (oa_otap_output_new(&job->otap, &options, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  const int code = convert_files(job);
  oa_otap_output_free(job->otap);
  return code;
}

int oa_job_run(tool_job *job) {
  oa_error error = {0};
  const oa_output_options options = {
      .format = job->to == TOOL_TO_FILE ? OA_OUTPUT_FILE : OA_OUTPUT_STREAM,
      .compression = job->compression,
      .write = oa_job_write,
      .context = job};

  if (job->to == TOOL_TO_OTAP) {
    return run_otap(job);
  }
  if (!oa_job_is_arrow(job)) {
    return convert_files(job);
  }
  if (oa_output_new(&job->output, &options, &error) != OA_OK) {
    return oa_tool_failed("%s", error.text);
  }
  int code = convert_files(job);
  if (code == TOOL_OK && oa_output_finish(job->output, &error) != OA_OK) {
    code = oa_job_explain(job, &error);
  }
  oa_output_free(job->output);
  return code;
}
