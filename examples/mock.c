/* SPDX-License-Identifier: Apache-2.0 */
/* A test of something that sends spans: waits until as many as were asked for
 * have come to a mock service, and shows them.
 *
 *   cc mock.c $(pkg-config --cflags --libs otlp-arrow) -o mock
 *   ./mock 3
 *
 * Whoever is tested sends to one of the two ports that it prints, by OTLP over
 * gRPC or HTTP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <otlp_arrow.h>

enum { PATIENCE_MS = 10000 };

static int fail(const oa_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

/* Receives one line of OTLP/JSON. */
static oa_status print(void *context, const char *text, size_t len) {
  return fwrite(text, 1, len, context) == len ? OA_OK : OA_ERR_IO;
}

/* How many spans came in how many batches: what an Arrow library would be
 * given. */
static oa_status print_batches(oa_mock *mock, oa_error *error) {
  struct ArrowArrayStream stream;
  struct ArrowArray batch;
  int64_t rows = 0;
  int batches = 0;

  const oa_status status = oa_mock_open(mock, &stream, OA_TRACES, error);
  if (status != OA_OK) {
    return status;
  }
  while (stream.get_next(&stream, &batch) == 0 && batch.release != NULL) {
    rows += batch.length;
    batches++;
    batch.release(&batch);
  }
  stream.release(&stream);
  printf("%" PRId64 " spans in %d batches\n", rows, batches);
  return OA_OK;
}

static int run_test(oa_mock *mock, uint64_t expected) {
  oa_error error;

  printf("ports %u %u\n", (unsigned)oa_mock_port(mock, OA_LISTENER_PROTOBUF),
         (unsigned)oa_mock_port(mock, OA_LISTENER_ARROW_FLIGHT));
  fflush(stdout);
  if (oa_mock_assert_received(mock, OA_TRACES, expected, PATIENCE_MS, &error) !=
          OA_OK ||
      oa_mock_json(mock, OA_TRACES, print, stdout, &error) != OA_OK ||
      print_batches(mock, &error) != OA_OK) {
    return fail(&error);
  }
  printf("%" PRIu64 " requests\n", oa_mock_grpc_calls_count(mock));
  return 0;
}

int main(int count, char **args) {
  oa_error error;
  oa_mock *mock;

  if (count != 2) {
    fprintf(stderr, "usage: %s SPANS\n", args[0]);
    return 2;
  }
  if (oa_mock_start(&mock, &error) != OA_OK) {
    return fail(&error);
  }
  const int failed = run_test(mock, strtoull(args[1], NULL, 10));
  if (oa_mock_stop(mock, &error) != OA_OK) {
    return fail(&error);
  }
  return failed;
}
