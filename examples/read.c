/* SPDX-License-Identifier: Apache-2.0 */
/* Says how many spans, data points and log records are stored, all of them or
 * those of a range of time.  A service may be writing meanwhile.
 *
 *   cc read.c $(pkg-config --cflags --libs otlp-arrow) -o read
 *   ./read /var/lib/otlp
 *   ./read /var/lib/otlp 1767225600 1767312000     (seconds since 1970)
 *
 * The batches are Arrow's: a program that has an Arrow library gives it the
 * stream itself, and has the columns of docs/schema.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include <otlp_arrow.h>

/* Counts the rows of STREAM.  A file that is damaged is named and passed. */
static int count_rows(struct ArrowArrayStream *stream, long long *rows) {
  int failures = 0;
  *rows = 0;
  for (;;) {
    struct ArrowArray batch;
    if (stream->get_next(stream, &batch) != 0) {
      fprintf(stderr, "%s\n", stream->get_last_error(stream));
      if (++failures == 100) {
        return 1;
      }
      continue;
    }
    if (batch.release == NULL) { /* the end */
      return failures > 0;
    }
    *rows += batch.length;
    batch.release(&batch);
  }
}

static int print_signal(const char *path, oa_signal signal, const char *name,
                        const oa_stored_options *options) {
  struct ArrowArrayStream stream;
  oa_error error;
  long long rows;

  if (oa_stored_open(&stream, path, signal, options, &error) != OA_OK) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  const int failed = count_rows(&stream, &rows);
  stream.release(&stream);
  printf("%-8s %12lld\n", name, rows);
  return failed;
}

static uint64_t nanoseconds(const char *seconds) {
  return (uint64_t)strtoull(seconds, NULL, 10) * UINT64_C(1000000000);
}

int main(int count, char **args) {
  oa_stored_options options = {.size = sizeof options};
  int failed = 0;

  if (count < 2 || count > 4) {
    fprintf(stderr, "usage: %s DIRECTORY [FROM [TO]]\n", args[0]);
    return 2;
  }
  if (count > 2) {
    options.from_ns = nanoseconds(args[2]);
  }
  if (count > 3) {
    options.to_ns = nanoseconds(args[3]);
  }
  failed |= print_signal(args[1], OA_TRACES, "traces", &options);
  failed |= print_signal(args[1], OA_METRICS, "metrics", &options);
  failed |= print_signal(args[1], OA_LOGS, "logs", &options);
  return failed;
}
