/* SPDX-License-Identifier: Apache-2.0 */
/* Another form of telemetry: a codec of the program's own is added, and put to
 * work on a builder for each request. */
#include "api/builder_impl.h"
#include "api/refuse.h"
#include "config/config.h"
#include "otlp_arrow.h"

/* A decode() that fills the whole text may forget its end. */
static void end_text(oa_error *error) {
  error->text[sizeof error->text - 1] = '\0';
}

/* What came of it.  The sender is told the codec's own reason, but for one that
 * only repeats that the builder was used wrongly: this it cannot mend. */
static oa_status judge(oa_builder *b, oa_status said, oa_error *error) {
  const void *bytes;
  size_t len;
  if (said != OA_OK && !(said == OA_ERR_CONFIG && !oa_builder_ready(b))) {
    end_text(error);
    return said == OA_ERR_CONFIG ? OA_ERR_MALFORMED : said;
  }
  const oa_status status = oa_builder_finish(b, &bytes, &len, error);
  if (status == OA_ERR_LIMIT) {
    oa_error_prefix(error, "as OTLP");
  }
  return status;
}

/* An oa_codec_run. */
static oa_status run(const oa_codec *codec, const oa_codec_input *in,
                     oa_buf *out, oa_error *error) {
  oa_builder b;
  oa_builder_init(&b, in->signal);
  b.limit = in->max < b.limit ? in->max : b.limit;
  /* Its memory is that of OUT, which is counted. */
  b.emit.out = *out;
  b.emit.out.len = 0;
  *error = (oa_error){0};
  const oa_status said =
      codec->decode(codec->context, in->signal, in->bytes, in->len, &b, error);
  const oa_status status = judge(&b, said, error);
  *out = b.emit.out;
  if (status != OA_OK) {
    out->len = 0;
  }
  return status;
}

oa_status oa_config_add_codec(oa_config *config, const oa_codec *codec,
                              oa_error *error) {
  if (config == NULL || codec == NULL || codec->content_type == NULL) {
    return oa_refuse_null(error);
  }
  if (codec->decode == NULL && codec->encode == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "the codec has neither decode nor encode");
  }
  OA_TRY(oa_config_codecs_add(&config->codecs, codec, error));
  config->codecs.run = run;
  return OA_OK;
}
