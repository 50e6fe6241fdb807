/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reader_impl.h"
#include "otlp/json.h"

/* Stands between the encoder and the sink, and makes text on the way. */
typedef struct relay {
  const oa_reader *reader;
  oa_reader_sink sink;
  void *context;
  oa_buf text;
  oa_error *error;
} relay;

static oa_status pass_on(void *context, const void *message, size_t len) {
  relay *to = context;
  oa_error problem = {0};

  to->text.len = 0;
  const oa_status status = oa_otlp_json_write(
      (oa_signal)to->reader->signal, message, len, &to->text, &problem);
  return status == OA_OK
             ? to->sink(to->context, to->text.data, to->text.len)
             : oa_reader_fail(to->reader, status, &problem, to->error);
}

oa_status oa_reader_requests_json(oa_reader *reader, oa_reader_sink sink,
                                  void *context, oa_error *error) {
  relay to = {
      .reader = reader, .sink = sink, .context = context, .error = error};
  const oa_status status = oa_reader_requests(reader, pass_on, &to, error);
  oa_buf_free(&to.text);
  return status;
}
