/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tool_job.h"

oa_status oa_job_write(void *job, const void *bytes, size_t len) {
  tool_job *work = job;
  if (fwrite(bytes, 1, len, work->file) == len) {
    return OA_OK;
  }
  work->write_error = errno;
  return OA_ERR_IO;
}

oa_status oa_job_write_request(void *job, const void *message, size_t len) {
  const tool_job *work = job;
  if (work->to == TOOL_TO_JSON) {
    const oa_status status = oa_job_write(job, message, len);
    return status == OA_OK ? oa_job_write(job, "\n", 1) : status;
  }
  const unsigned char prefix[4] = {
      (unsigned char)(len >> 24 & 0xFF), (unsigned char)(len >> 16 & 0xFF),
      (unsigned char)(len >> 8 & 0xFF), (unsigned char)(len & 0xFF)};
  const oa_status status = oa_job_write(job, prefix, sizeof prefix);
  return status == OA_OK ? oa_job_write(job, message, len) : status;
}

static int output_failed(const tool_job *job, int reason) {
  return oa_tool_failed("%s: %s; the output is not complete",
                        job->path == NULL ? "standard output" : job->path,
                        strerror(reason));
}

int oa_job_explain(const tool_job *job, const oa_error *error) {
  return job->write_error != 0 ? output_failed(job, job->write_error)
                               : oa_tool_failed("%s", error->text);
}

int oa_job_open_output(tool_job *job) {
  if (job->path == NULL) {
    if (job->to != TOOL_TO_JSON && isatty(STDOUT_FILENO)) {
      return oa_tool_usage("convert",
                           "convert: the output is binary and standard output "
                           "is a terminal; name a file with -o");
    }
    job->file = stdout;
    return TOOL_OK;
  }
  /* A device or a pipe must not be replaced by a file. */
  struct stat info;
  job->direct = stat(job->path, &info) == 0 && !S_ISREG(info.st_mode);
  const int len = job->direct
                      ? snprintf(job->aside, sizeof job->aside, "%s", job->path)
                      : snprintf(job->aside, sizeof job->aside, "%s.tmp.%ld",
                                 job->path, (long)getpid());
  if (len < 0 || (size_t)len >= sizeof job->aside) {
    return oa_tool_failed("%s: the path is too long", job->path);
  }
  const int flags = job->direct ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL;
  const int fd = open(job->aside, flags | O_CLOEXEC, 0666);
  job->file = fd < 0 ? NULL : fdopen(fd, "wb");
  if (job->file == NULL) {
    const int reason = errno;
    if (fd >= 0) {
      close(fd);
    }
    return oa_tool_failed("%s cannot be written: %s", job->path,
                          strerror(reason));
  }
  return TOOL_OK;
}

/* Nobody sees a half output: it gets its name when it is complete. */
int oa_job_close_output(tool_job *job, int code) {
  if (job->file == stdout) {
    return code == TOOL_OK ? oa_tool_flush() : code;
  }
  const bool flushed =
      fflush(job->file) == 0 && (job->direct || fsync(fileno(job->file)) == 0);
  if ((fclose(job->file) != 0 || !flushed) && code == TOOL_OK) {
    code = output_failed(job, errno);
  }
  if (job->direct) {
    return code;
  }
  if (code == TOOL_OK && rename(job->aside, job->path) != 0) {
    code = oa_tool_failed("%s: %s", job->path, strerror(errno));
  }
  if (code != TOOL_OK) {
    unlink(job->aside);
  }
  return code;
}
