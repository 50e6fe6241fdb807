/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reader_impl.h"
#include "base/mem.h"
#include "otap/encode.h"
#include "otlp/otlp.h"

struct oa_otap_output {
  oa_otap_encoder_options options;
  oa_reader_sink sink;
  void *context;
  oa_status sink_status;    /* what the sink said last */
  oa_otap_encoder *encoder; /* NULL before the first batch */
  oa_signal signal;
  oa_array *columns; /* the signal's among those of the reader */
};

static oa_coding codec_of(oa_output_compression compression) {
  switch (compression) {
    case OA_OUTPUT_LZ4:
      return OA_CODING_LZ4;
    case OA_OUTPUT_ZSTD:
      return OA_CODING_ZSTD;
    default:
      return OA_CODING_NONE;
  }
}

static oa_status out_of_memory(oa_error *error) {
  return oa_error_set(error, OA_ERR_NOMEM, "no memory for OTAP messages");
}

oa_status oa_otap_output_new(oa_otap_output **out,
                             const oa_otap_output_options *options,
                             oa_error *error) {
  const oa_otap_encoder_options encoder_options = {
      .codec = codec_of(options->compression),
      .level = options->level,
      .metric_attrs = options->metric_metadata != 0,
      .max_rows = options->max_rows,
      .max_bytes = options->max_bytes};
  oa_otap_encoder *trial = NULL;

  /* Says now whether the options are good, not at the first batch. */
  const oa_status status =
      oa_otap_encoder_new(&trial, OA_TRACES, &encoder_options);
  oa_otap_encoder_free(trial);
  if (status == OA_ERR_CONFIG) {
    return oa_error_set(error, status,
                        "OTAP messages: max_rows must be at most %d, "
                        "max_bytes at least 65536, and the level one of the "
                        "compression",
                        OA_OTAP_MAX_ROWS);
  }
  oa_otap_output *output =
      status == OA_OK ? oa_calloc(1, sizeof *output) : NULL;
  if (output == NULL) {
    return out_of_memory(error);
  }
  output->options = encoder_options;
  output->sink = options->sink;
  output->context = options->context;
  *out = output;
  return OA_OK;
}

void oa_otap_output_free(oa_otap_output *output) {
  if (output == NULL) {
    return;
  }
  oa_otap_encoder_free(output->encoder);
  oa_free(output->columns);
  oa_free(output);
}

static oa_status begin(oa_otap_output *output, oa_signal signal) {
  if (output->columns == NULL) {
    output->columns =
        oa_calloc(oa_otlp_schema(signal)->field_count, sizeof(oa_array));
    if (output->columns == NULL) {
      return OA_ERR_NOMEM;
    }
  }
  output->signal = signal;
  return oa_otap_encoder_new(&output->encoder, signal, &output->options);
}

/* Checks that READER is at a batch of the output's signal. */
static oa_status check(oa_otap_output *output, const oa_reader *reader,
                       oa_error *error) {
  if (reader->columns == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "the reader is at no batch");
  }
  if (reader->signal == OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "its schema does not say otlp.signal = traces, "
                        "metrics or logs; it was not written by otlp-arrow");
  }
  if (output->encoder == NULL &&
      begin(output, (oa_signal)reader->signal) != OA_OK) {
    return out_of_memory(error);
  }
  if (output->signal != (oa_signal)reader->signal) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "it holds %s and the batches before %s; an OTAP "
                        "stream has one signal",
                        oa_signal_name((oa_signal)reader->signal),
                        oa_signal_name(output->signal));
  }
  return OA_OK;
}

static oa_status pass_on(void *context, const uint8_t *message, size_t len) {
  oa_otap_output *output = context;
  output->sink_status = output->sink(output->context, message, len);
  return output->sink_status;
}

oa_status oa_otap_output_batch(oa_otap_output *output, const oa_reader *reader,
                               oa_error *error) {
  oa_error problem = {0};

  output->sink_status = OA_OK;
  oa_status status = check(output, reader, &problem);
  if (status == OA_OK) {
    status = oa_otlp_bind(output->signal, oa_ipc_reader_schema(reader->ipc),
                          reader->columns, output->columns, &problem);
  }
  if (status == OA_OK) {
    status = oa_otap_encode(output->encoder, output->columns, reader->rows,
                            pass_on, output, &problem);
  }
  /* When the sink stops it is the caller who knows why. */
  return status == OA_OK || output->sink_status != OA_OK
             ? status
             : oa_reader_fail(reader, status, &problem, error);
}
