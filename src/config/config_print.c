/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config_table.h"
#include "config/config_value.h"

/* As a double-quoted scalar that reads back to the LEN bytes of TEXT. */
static oa_status quote(const char *text, size_t len, oa_buf *out) {
  OA_TRY(oa_buf_put_byte(out, '"'));
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '"' || text[i] == '\\') {
      OA_TRY(oa_buf_put_byte(out, '\\'));
    } else if (text[i] == '$' && i + 1 < len && text[i + 1] == '{') {
      OA_TRY(oa_buf_put_byte(out, '$')); /* or it would be expanded */
    }
    OA_TRY(oa_buf_put_byte(out, (uint8_t)text[i]));
  }
  return oa_buf_put_byte(out, '"');
}

static oa_status print_list(const char *list, oa_buf *out) {
  const char *item;
  const char *before = "[";
  size_t len;
  while (oa_config_list_next(&list, &item, &len)) {
    OA_TRY(oa_buf_printf(out, "%s", before));
    OA_TRY(quote(item, len, out));
    before = ", ";
  }
  return oa_buf_printf(out, "%s", before[0] == '[' ? "[]" : "]");
}

static oa_status print_text(const oa_config_key *key, const char *text,
                            oa_buf *out) {
  static const char mask[] = "********";
  if (key->kind == OA_KIND_LIST) {
    return print_list(text, out);
  }
  return key->secret && text[0] != '\0' ? quote(mask, sizeof mask - 1, out)
                                        : quote(text, strlen(text), out);
}

static oa_status print_value(const oa_config *config, const oa_config_key *key,
                             oa_buf *out) {
  const char *field = (const char *)config + key->offset;
  uint64_t number;

  if (oa_config_kind_is_text(key->kind)) {
    const char *text;
    memcpy(&text, field, sizeof text);
    return print_text(key, text, out);
  }
  if (key->kind == OA_KIND_BOOL) {
    bool on;
    memcpy(&on, field, sizeof on);
    number = on ? 1 : 0;
  } else {
    memcpy(&number, field, sizeof number);
  }
  char text[OA_CONFIG_NUMBER_SIZE];
  oa_config_number_text(key, number, text);
  return oa_buf_printf(out, "%s", text);
}

static oa_status print_origin(const oa_config *config, const oa_config_key *key,
                              oa_buf *out) {
  const oa_config_origin *origin = &config->origins[key - oa_config_keys];
  char name[OA_CONFIG_NAME_SIZE];
  char shown[OA_SHOWN_SIZE];

  switch (origin->source) {
    case OA_CONFIG_FILE:
      oa_config_show(config->file, strlen(config->file), shown);
      return oa_buf_printf(out, "  # %s:%u:%u\n", shown, origin->line,
                           origin->column);
    case OA_CONFIG_ENVIRONMENT:
      oa_config_key_env(key, name);
      return oa_buf_printf(out, "  # %s\n", name);
    case OA_CONFIG_SET:
      return oa_buf_printf(out, "  # --set\n");
    case OA_CONFIG_DEFAULT:
      break;
  }
  return oa_buf_printf(out, "  # default\n");
}

/* Length of the sections that both paths begin with, final dot included. */
static size_t common(const char *a, const char *b) {
  size_t len = 0;
  for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++) {
    if (a[i] == '.') {
      len = i + 1;
    }
  }
  return len;
}

/* "section:" lines for what PATH has and the key before it had not, then
 * "key: ". */
static oa_status print_path(const char *before, const char *path, oa_buf *out) {
  const size_t known = common(before, path);
  const char *part = path;
  int depth = 0;

  for (const char *dot = strchr(path, '.'); dot != NULL;
       dot = strchr(dot + 1, '.')) {
    if ((size_t)(dot - path) >= known) {
      OA_TRY(oa_buf_printf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - part),
                           part));
    }
    part = dot + 1;
    depth++;
  }
  return oa_buf_printf(out, "%*s%s: ", 2 * depth, "", part);
}

oa_status oa_config_print_yaml(const oa_config *config, oa_buf *out) {
  const char *before = "";
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (key->state == OA_KEY_ABSENT) {
      continue; /* it has no effect, so it is not in force */
    }
    OA_TRY(print_path(before, key->path, out));
    OA_TRY(print_value(config, key, out));
    OA_TRY(print_origin(config, key, out));
    before = key->path;
  }
  return OA_OK;
}

oa_status oa_config_print_keys(oa_buf *out) {
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    char env[OA_CONFIG_NAME_SIZE];
    oa_config_key_env(key, env);
    OA_TRY(oa_buf_printf(out, "%s (%s)\n  %s\n  default %s, takes ", key->path,
                         env, key->help,
                         key->def[0] != '\0' ? key->def : "none"));
    OA_TRY(oa_config_bounds_text(key, out));
    if (key->state != OA_KEY_READY) {
      OA_TRY(oa_buf_printf(out,
                           "\n  only its default: %s is not available "
                           "in this version",
                           key->feature));
    }
    OA_TRY(oa_buf_printf(out, "\n"));
  }
  return OA_OK;
}
