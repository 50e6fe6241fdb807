/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the program's own: checks that they have what they need, and puts
 * them into the configuration.  Codecs are in service_codec.c. */
#include <string.h>

#include "api/refuse.h"
#include "config/config.h"
#include "otlp_arrow.h"

oa_status oa_config_set_authenticator(oa_config *config,
                                      const oa_authenticator *authenticator,
                                      oa_error *error) {
  if (config == NULL ||
      (authenticator != NULL && authenticator->check == NULL)) {
    return oa_refuse_null(error);
  }
  config->authenticator = (oa_authenticator){0};
  if (authenticator != NULL) {
    config->authenticator = *authenticator;
  }
  return OA_OK;
}

oa_status oa_config_set_sink(oa_config *config, const oa_sink *sink,
                             oa_error *error) {
  if (config == NULL || (sink != NULL && sink->append == NULL)) {
    return oa_refuse_null(error);
  }
  config->sink = (oa_sink){0};
  if (sink != NULL) {
    config->sink = *sink;
  }
  return OA_OK;
}

oa_status oa_config_set_log(oa_config *config, const oa_log_sink *sink,
                            oa_error *error) {
  if (config == NULL || (sink != NULL && sink->line == NULL)) {
    return oa_refuse_null(error);
  }
  config->log_sink = (oa_log_sink){0};
  if (sink != NULL) {
    config->log_sink = *sink;
  }
  return OA_OK;
}

/* What is missing of EXPORTER, or NULL. */
static const char *missing_of(const oa_exporter *exporter) {
  const oa_codec *codec = exporter->codec;
  if (codec == NULL) {
    return exporter->deliver == NULL
               ? "the exporter has no deliver, and no codec for deliver_bytes"
               : NULL;
  }
  if (exporter->deliver_bytes == NULL) {
    return "the exporter has a codec, and no deliver_bytes";
  }
  if (codec->encode == NULL) {
    return "the codec of the exporter has no encode";
  }
  if (codec->content_type == NULL || codec->content_type[0] == '\0' ||
      strlen(codec->content_type) > OA_CODEC_MAX_TYPE) {
    return "the codec of the exporter has no content type of 1 to 127 bytes";
  }
  return NULL;
}

oa_status oa_config_set_exporter(oa_config *config, const oa_exporter *exporter,
                                 oa_error *error) {
  if (config == NULL) {
    return oa_refuse_null(error);
  }
  const char *missing = exporter == NULL ? NULL : missing_of(exporter);
  if (missing != NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "%s", missing);
  }
  config->has_exporter = exporter != NULL;
  config->exporter = (oa_exporter){0};
  config->exporter_codec = (oa_codec){0};
  if (exporter == NULL) {
    return OA_OK;
  }
  config->exporter = *exporter;
  config->exporter.codec = NULL;
  if (exporter->codec != NULL) {
    config->exporter_codec = *exporter->codec;
    config->exporter_codec.content_type = NULL;
    memcpy(config->exporter_type, exporter->codec->content_type,
           strlen(exporter->codec->content_type) + 1);
  }
  return OA_OK;
}

oa_status oa_config_set_breaker(oa_config *config, const oa_breaker *breaker,
                                oa_error *error) {
  if (config == NULL || (breaker != NULL && breaker->allow == NULL)) {
    return oa_refuse_null(error);
  }
  config->breaker = (oa_breaker){0};
  if (breaker != NULL) {
    config->breaker = *breaker;
  }
  return OA_OK;
}
