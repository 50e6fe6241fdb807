/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_table.h"
#include "config/config_value.h"

/* The field of KEY in CONFIG; the kind says of which type it is. */
static void *field_of(oa_config *config, const oa_config_key *key) {
  return (char *)config + key->offset;
}

static oa_status store_text(oa_config *config, const oa_config_key *key,
                            const char *text, oa_error *error) {
  char **field = field_of(config, key);
  char *copy = oa_strdup(text);
  if (copy == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "%s: out of memory", key->path);
  }
  oa_free(*field);
  *field = copy;
  return OA_OK;
}

static oa_status store_value(oa_config *config, const oa_config_key *key,
                             const oa_config_value *value, oa_error *error) {
  if (key->state == OA_KEY_ABSENT) {
    return OA_OK;
  }
  if (oa_config_kind_is_text(key->kind)) {
    return store_text(config, key, value->text, error);
  }
  if (key->kind == OA_KIND_BOOL) {
    bool *field = field_of(config, key);
    *field = value->number != 0;
    return OA_OK;
  }
  uint64_t *field = field_of(config, key);
  *field = value->number;
  return OA_OK;
}

/* A key whose feature is not here takes its default and nothing else. */
static oa_status require_default(const oa_config_key *key,
                                 const oa_config_value *value,
                                 oa_error *error) {
  oa_config_value def;
  OA_TRY(oa_config_value_parse(key, key->def, &def, error));
  if (oa_config_kind_is_text(key->kind) ? strcmp(value->text, def.text) == 0
                                        : value->number == def.number) {
    return OA_OK;
  }
  return oa_error_set(error, OA_ERR_CONFIG,
                      "%s: %s is not available in this version; remove the "
                      "key%s%s",
                      key->path, key->feature,
                      key->def[0] != '\0' ? " or set it to " : "", key->def);
}

oa_status oa_config_put(oa_config *config, const oa_config_key *key,
                        const char *text, oa_config_origin origin,
                        oa_error *error) {
  oa_config_value value;
  oa_config_origin *at = &config->origins[key - oa_config_keys];

  OA_TRY(oa_config_value_parse(key, text, &value, error));
  if (key->state != OA_KEY_READY) {
    OA_TRY(require_default(key, &value, error));
  }
  /* What is overruled must be right too: nobody wants to find a slip in the
   * file on the day when the variable goes away. */
  if (origin.source < at->source) {
    return OA_OK;
  }
  OA_TRY(store_value(config, key, &value, error));
  *at = origin;
  return OA_OK;
}

/* The default of KEY; a program that embeds us is the one that decides about
 * ports, and what is written to its standard error. */
static const char *default_of(const oa_config_key *key, bool embedded) {
  static const struct {
    const char *path;
    const char *value;
  } other[] = {{"protocols.protobuf_enabled", "false"},
               {"protocols.arrow_flight_enabled", "false"},
               {"dashboard.enabled", "false"},
               {"log.level", "warn"}};
  for (size_t i = 0; embedded && i < sizeof other / sizeof other[0]; i++) {
    if (strcmp(other[i].path, key->path) == 0) {
      return other[i].value;
    }
  }
  return key->def;
}

static oa_status init(oa_config *config, bool embedded) {
  const oa_config_origin origin = {.source = OA_CONFIG_DEFAULT};

  *config = (oa_config){.embedded = embedded};
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    oa_status status =
        oa_config_put(config, key, default_of(key, embedded), origin, NULL);
    if (status != OA_OK) {
      oa_config_reset(config);
      return status;
    }
  }
  return OA_OK;
}

oa_status oa_config_init(oa_config *config) {
  return init(config, false);
}

oa_status oa_config_init_embedded(oa_config *config) {
  return init(config, true);
}

void oa_config_reset(oa_config *config) {
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (key->state != OA_KEY_ABSENT && oa_config_kind_is_text(key->kind)) {
      char **field = field_of(config, key);
      oa_free(*field);
    }
  }
  oa_free(config->file);
  oa_config_codecs_reset(&config->codecs);
  *config = (oa_config){0};
}

oa_status oa_config_copy(oa_config *out, const oa_config *config) {
  oa_config from = *config;
  oa_config to = *config;
  oa_status status = oa_config_codecs_copy(&to.codecs, &from.codecs);

  to.file = NULL;
  if (status == OA_OK && from.file != NULL) {
    to.file = oa_strdup(from.file);
    status = to.file == NULL ? OA_ERR_NOMEM : OA_OK;
  }
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (key->state == OA_KEY_ABSENT || !oa_config_kind_is_text(key->kind)) {
      continue;
    }
    char **field = field_of(&to, key);
    char **source = field_of(&from, key);
    *field = status == OA_OK ? oa_strdup(*source) : NULL;
    if (*field == NULL) {
      status = OA_ERR_NOMEM;
    }
  }
  if (status != OA_OK) {
    oa_config_reset(&to);
    return status;
  }
  *out = to;
  return OA_OK;
}

oa_status oa_config_assign(oa_config *config, const char *key,
                           const char *value, oa_error *error) {
  const oa_config_origin origin = {.source = OA_CONFIG_SET};
  const oa_config_key *found = oa_config_key_find(key, strlen(key));
  if (found != NULL) {
    return oa_config_put(config, found, value, origin, error);
  }

  char shown[OA_SHOWN_SIZE];
  char near[OA_CONFIG_NAME_SIZE];
  oa_config_show(key, strlen(key), shown);
  if (oa_config_is_section(key, strlen(key))) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: is a section, not a key; name a key in it", shown);
  }
  if (oa_config_suggest_key(key, near)) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: unknown key; did you mean %s?", shown, near);
  }
  return oa_error_set(error, OA_ERR_CONFIG, "%s: unknown key", shown);
}
