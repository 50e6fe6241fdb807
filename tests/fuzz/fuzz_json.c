/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as OTLP/JSON.  What is read and decoded whole is encoded and
 * written as JSON; that text must be read as the very bytes that the encoder
 * made.  The first byte chooses the signal. */
#include <stdlib.h>

#include "otlp/json.h"
#include "otlp/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

/* MESSAGE -> text -> the same message. */
static oa_status check_request(void *context, const uint8_t *message,
                               size_t len) {
  const oa_signal signal = *(const oa_signal *)context;
  oa_buf text = {0};
  oa_buf again = {0};
  oa_error error = {0};
  require(oa_otlp_json_write(signal, message, len, &text, &error) == OA_OK);
  require(oa_otlp_json_read(signal, text.data, text.len, &again, &error) ==
          OA_OK);
  require(again.len == len &&
          (len == 0 || memcmp(again.data, message, len) == 0));
  oa_buf_free(&text);
  oa_buf_free(&again);
  return OA_OK;
}

/* Also what never becomes rows must be safe to write. */
static void check_direct(oa_signal signal, const oa_buf *request) {
  oa_buf text = {0};
  const oa_status status =
      oa_otlp_json_write(signal, request->data, request->len, &text, NULL);
  require(status == OA_OK || status == OA_ERR_LIMIT);
  oa_buf_free(&text);
}

static void check_rows(oa_signal signal, const oa_buf *request) {
  _Atomic uint64_t ords = 0;
  oa_otlp_builder *builder = NULL;
  oa_otlp_result result;
  oa_error error = {0};
  const oa_array *columns;

  require(oa_otlp_builder_new(&builder, signal, &ords) == OA_OK);
  require(oa_otlp_decode(builder, request->data, request->len, &result,
                         &error) == OA_OK);
  require(oa_otlp_builder_columns(builder, &columns) == OA_OK);
  require(oa_otlp_encode(signal, columns, oa_otlp_builder_rows(builder),
                         check_request, &signal, &error) == OA_OK);
  oa_otlp_builder_free(builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  oa_buf request = {0};
  oa_error error = {0};
  oa_signal found;

  if (len == 0) {
    return 0;
  }
  const oa_signal signal = (oa_signal)(data[0] % OA_SIGNAL_COUNT);
  oa_otlp_json_signal(1, data + 1, len - 1, &found, &error);
  const oa_status status =
      oa_otlp_json_read(signal, data + 1, len - 1, &request, &error);
  if (status == OA_OK) {
    check_direct(signal, &request);
    check_rows(signal, &request);
  } else {
    require(request.len == 0 && error.text[0] != '\0');
  }
  oa_buf_free(&request);
  return 0;
}
