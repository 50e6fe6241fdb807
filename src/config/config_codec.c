/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_codec.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_value.h"
#include "net/http_field.h"

/* The content types that the receiver itself understands, and those of gRPC,
 * which have a suffix at times (application/grpc+proto). */
static bool is_ours(const char *type) {
  static const char grpc[] = "application/grpc";
  return strcmp(type, "application/x-protobuf") == 0 ||
         strcmp(type, "application/protobuf") == 0 ||
         strcmp(type, "application/json") == 0 ||
         strncmp(type, grpc, sizeof grpc - 1) == 0;
}

/* A token (RFC 9110, section 5.6.2) of LEN bytes that is no range ("*"). */
static bool is_half(const char *text, size_t len) {
  return len > 0 && oa_field_is_name_list(text, len) &&
         memchr(text, ',', len) == NULL && memchr(text, ' ', len) == NULL &&
         memchr(text, '\t', len) == NULL && !(len == 1 && text[0] == '*');
}

static bool is_type(const char *text) {
  const size_t len = strnlen(text, OA_CODEC_MAX_TYPE + 1);
  const char *slash = memchr(text, '/', len);
  if (slash == NULL || len > OA_CODEC_MAX_TYPE) {
    return false;
  }
  const size_t first = (size_t)(slash - text);
  return is_half(text, first) && is_half(slash + 1, len - first - 1);
}

/* What is wrong with TYPE, which is in lower case, or NULL. */
static const char *flaw_of(const oa_config_codecs *codecs, const char *type) {
  if (!is_type(type)) {
    return "is not a media type; write one such as text/csv, without "
           "parameters";
  }
  if (is_ours(type)) {
    return "is of OTLP itself, which needs no codec";
  }
  for (size_t i = 0; i < codecs->count; i++) {
    if (strcmp(codecs->types[i], type) == 0) {
      return "has a codec already";
    }
  }
  return NULL;
}

static char *copy_lower(const char *text) {
  char *copy = oa_strdup(text);
  for (char *at = copy; at != NULL && *at != '\0'; at++) {
    *at = (char)tolower((unsigned char)*at);
  }
  return copy;
}

oa_status oa_config_codecs_add(oa_config_codecs *codecs, const oa_codec *codec,
                               oa_error *error) {
  if (codecs->count == OA_MAX_CODECS) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "there are %d codecs already, and no more may be",
                        (int)OA_MAX_CODECS);
  }
  char *type = copy_lower(codec->content_type);
  if (type == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "%s",
                        oa_status_text(OA_ERR_NOMEM));
  }
  const char *flaw = flaw_of(codecs, type);
  if (flaw != NULL) {
    char shown[OA_SHOWN_SIZE];
    oa_config_show(type, strlen(type), shown);
    oa_free(type);
    return oa_error_set(error, OA_ERR_CONFIG,
                        "the content type \"%s\" of the codec %s", shown, flaw);
  }
  const size_t at = codecs->count++;
  codecs->types[at] = type;
  codecs->items[at] = *codec;
  codecs->items[at].content_type = type;
  return OA_OK;
}

oa_status oa_config_codecs_copy(oa_config_codecs *out,
                                const oa_config_codecs *codecs) {
  *out = (oa_config_codecs){.run = codecs->run};
  while (out->count < codecs->count) {
    const size_t at = out->count;
    out->types[at] = oa_strdup(codecs->types[at]);
    if (out->types[at] == NULL) {
      return OA_ERR_NOMEM;
    }
    out->items[at] = codecs->items[at];
    out->items[at].content_type = out->types[at];
    out->count++;
  }
  return OA_OK;
}

void oa_config_codecs_reset(oa_config_codecs *codecs) {
  for (size_t i = 0; i < codecs->count; i++) {
    oa_free(codecs->types[i]);
  }
  *codecs = (oa_config_codecs){0};
}
