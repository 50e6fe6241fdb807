/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "config/config_expand.h"
#include "config/config_table.h"
#include "config/config_value.h"

/* libyaml's events are taken one by one instead of a loaded tree: each key
 * and value then has its line and column, nothing is built for input that
 * will be refused, and nesting cannot go deeper than the table's sections. */

enum {
  MAX_FILE = 1024 * 1024,
  MAX_LIST = 64 * 1024,
  MAX_SECTIONS = 32, /* mappings of one file; each may be there once */
};

typedef struct reader {
  oa_config *config;
  const char *name; /* of the file, for texts */
  yaml_parser_t parser;
  bool seen[OA_CONFIG_MAX_KEYS];
  const char *sections[MAX_SECTIONS]; /* a key's path that begins with it */
  size_t section_lens[MAX_SECTIONS];
  size_t section_count;
  char path[OA_CONFIG_NAME_SIZE]; /* of the key at hand */
  size_t path_len;
  oa_error *error;
} reader;

static unsigned from_one(size_t n) {
  return n < UINT_MAX ? (unsigned)n + 1 : UINT_MAX;
}

/* Puts file:line:column in front of the error text; of a long path the end
 * is what tells. */
static void place(const reader *r, yaml_mark_t mark) {
  enum { LONGEST = 100 };
  const size_t len = strlen(r->name);
  const bool cut = len > LONGEST;
  oa_error_prefix(r->error, "%s%s:%u:%u", cut ? "..." : "",
                  cut ? r->name + len - LONGEST : r->name, from_one(mark.line),
                  from_one(mark.column));
}

static oa_status refuse(const reader *r, yaml_mark_t mark, const char *what) {
  oa_error_set(r->error, OA_ERR_CONFIG, "%s%s%s", r->path,
               r->path_len > 0 ? ": " : "", what);
  place(r, mark);
  return OA_ERR_CONFIG;
}

static oa_status refuse_syntax(const reader *r) {
  const yaml_parser_t *parser = &r->parser;
  if (parser->error == YAML_MEMORY_ERROR) {
    return oa_error_set(r->error, OA_ERR_NOMEM, "out of memory");
  }
  const char *problem = parser->problem == NULL ? "unknown" : parser->problem;
  const char *hint = strstr(problem, "cannot start any token") != NULL
                         ? " (tabs cannot indent)"
                         : "";
  oa_error_set(r->error, OA_ERR_CONFIG, "is not YAML: %s%s", problem, hint);
  place(r, parser->error == YAML_READER_ERROR ? parser->mark
                                              : parser->problem_mark);
  return OA_ERR_CONFIG;
}

/* The next event, which the caller deletes.  Anchors, aliases and tags have
 * no use here and have served attacks elsewhere. */
static oa_status next(reader *r, yaml_event_t *event) {
  bool fancy = false;
  if (!yaml_parser_parse(&r->parser, event)) {
    return refuse_syntax(r);
  }
  switch (event->type) {
    case YAML_ALIAS_EVENT:
      fancy = true;
      break;
    case YAML_SCALAR_EVENT:
      fancy =
          event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
      break;
    case YAML_SEQUENCE_START_EVENT:
      fancy = event->data.sequence_start.anchor != NULL ||
              event->data.sequence_start.tag != NULL;
      break;
    case YAML_MAPPING_START_EVENT:
      fancy = event->data.mapping_start.anchor != NULL ||
              event->data.mapping_start.tag != NULL;
      break;
    default:
      break;
  }
  if (fancy) {
    const yaml_mark_t mark = event->start_mark;
    yaml_event_delete(event);
    return refuse(r, mark, "anchors, aliases and tags are not allowed");
  }
  return OA_OK;
}

static bool is_null(const yaml_event_t *event) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
  if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
    return false;
  }
  for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
    if (strcmp((const char *)event->data.scalar.value, nulls[i]) == 0) {
      return true;
    }
  }
  return false;
}

static oa_status refuse_unknown(const reader *r, yaml_mark_t mark,
                                const char *name, size_t len) {
  char shown[OA_SHOWN_SIZE];
  char near[OA_CONFIG_NAME_SIZE];
  char full[OA_CONFIG_NAME_SIZE + OA_SHOWN_SIZE + 1];

  oa_config_show(name, len, shown);
  snprintf(full, sizeof full, "%s%s%s", r->path, r->path_len > 0 ? "." : "",
           shown);
  if (oa_config_key_find(full, strlen(full)) != NULL) {
    oa_error_set(r->error, OA_ERR_CONFIG,
                 "%s: names with dots are for --set; here each part has a line "
                 "of its own, further to the right than the one before",
                 full);
  } else if (oa_config_suggest_key(full, near)) {
    oa_error_set(r->error, OA_ERR_CONFIG, "%s: unknown key; did you mean %s?",
                 full, near);
  } else {
    oa_error_set(r->error, OA_ERR_CONFIG, "%s: unknown key", full);
  }
  place(r, mark);
  return OA_ERR_CONFIG;
}

/* Appends NAME to the path if a key or section is called so. */
static oa_status enter(reader *r, const yaml_event_t *event) {
  const char *name = (const char *)event->data.scalar.value;
  const size_t len = event->data.scalar.length;
  const size_t dot = r->path_len > 0 ? 1 : 0;
  const size_t end = r->path_len + dot + len;
  char path[OA_CONFIG_NAME_SIZE];

  if (end >= sizeof path || len == 0 || memchr(name, '.', len) != NULL ||
      memchr(name, 0, len) != NULL) {
    return refuse_unknown(r, event->start_mark, name, len);
  }
  memcpy(path, r->path, r->path_len);
  path[r->path_len] = '.';
  memcpy(path + r->path_len + dot, name, len);
  path[end] = '\0';
  if (oa_config_key_find(path, end) == NULL &&
      !oa_config_is_section(path, end)) {
    return refuse_unknown(r, event->start_mark, name, len);
  }
  memcpy(r->path, path, end + 1);
  r->path_len = end;
  return OA_OK;
}

static void leave(reader *r, size_t path_len) {
  r->path_len = path_len;
  r->path[path_len] = '\0';
}

/* --- values --- */

static oa_status put(reader *r, const oa_config_key *key, const char *text,
                     yaml_mark_t mark) {
  const oa_config_origin origin = {.source = OA_CONFIG_FILE,
                                   .line = from_one(mark.line),
                                   .column = from_one(mark.column)};
  oa_status status = oa_config_put(r->config, key, text, origin, r->error);
  if (status != OA_OK) {
    place(r, mark);
  }
  return status;
}

static oa_status read_scalar(reader *r, const oa_config_key *key,
                             const yaml_event_t *event) {
  if (key == NULL) {
    return is_null(event) ? OA_OK
                          : refuse(r, event->start_mark,
                                   "is a section; put its keys below it, "
                                   "further to the right");
  }
  if (is_null(event)) {
    return key->def[0] == '\0'
               ? put(r, key, "", event->start_mark)
               : refuse(r, event->start_mark,
                        "has no value; give it one or remove the key");
  }
  oa_buf text = {0};
  oa_status status =
      oa_config_expand((const char *)event->data.scalar.value,
                       event->data.scalar.length, &text, r->error);
  if (status == OA_OK) {
    status = put(r, key, (const char *)text.data, event->start_mark);
  } else {
    oa_error_prefix(r->error, "%s", r->path);
    place(r, event->start_mark);
  }
  oa_buf_free(&text);
  return status;
}

/* Appends the scalar of EVENT and a comma to LIST. */
static oa_status read_item(reader *r, const yaml_event_t *event, oa_buf *list) {
  const char *text = (const char *)event->data.scalar.value;
  const size_t len = event->data.scalar.length;
  if (event->type != YAML_SCALAR_EVENT) {
    return refuse(r, event->start_mark, "a list holds texts and nothing else");
  }
  if (len == 0 || memchr(text, ',', len) != NULL) {
    return refuse(r, event->start_mark,
                  "an item of a list is not empty and has no comma");
  }
  const oa_status status = oa_config_expand(text, len, list, r->error);
  if (status != OA_OK) {
    oa_error_prefix(r->error, "%s", r->path);
    place(r, event->start_mark);
    return status;
  }
  list->data[list->len - 1] = ','; /* where the terminator was */
  return OA_OK;
}

static oa_status read_items(reader *r, oa_buf *list) {
  for (;;) {
    yaml_event_t event;
    OA_TRY(next(r, &event));
    const bool end = event.type == YAML_SEQUENCE_END_EVENT;
    const oa_status status = end ? OA_OK : read_item(r, &event, list);
    yaml_event_delete(&event);
    if (end || status != OA_OK) {
      return status;
    }
    if (list->len > MAX_LIST) {
      return oa_error_set(r->error, OA_ERR_CONFIG, "%s: the list is too long",
                          r->path);
    }
  }
}

static oa_status read_list(reader *r, const oa_config_key *key,
                           yaml_mark_t mark) {
  if (key == NULL || key->kind != OA_KIND_LIST) {
    return refuse(r, mark,
                  key == NULL ? "is a section and takes keys, not a list"
                              : "takes one value, not a list");
  }
  oa_buf list = {0};
  oa_status status = read_items(r, &list);
  if (status == OA_OK) {
    status = oa_buf_reserve(&list, 1);
  }
  if (status == OA_OK) {
    const size_t len = list.len > 0 ? list.len - 1 : 0; /* the last comma */
    list.data[len] = '\0';
    status = put(r, key, (const char *)list.data, mark);
  }
  oa_buf_free(&list);
  return status;
}

static oa_status read_mapping(reader *r);

static oa_status read_section(reader *r, const oa_config_key *key,
                              yaml_mark_t mark) {
  if (key != NULL) {
    return refuse(r, mark, "takes one value, not keys below it");
  }
  return read_mapping(r);
}

/* Each key and each section may be there once. */
static oa_status note_once(reader *r, const oa_config_key *key,
                           yaml_mark_t mark) {
  const char *twice = "is there twice; remove one of them";
  if (key != NULL) {
    bool *seen = &r->seen[key - oa_config_keys];
    if (*seen) {
      return refuse(r, mark, twice);
    }
    *seen = true;
    return OA_OK;
  }
  for (size_t i = 0; i < r->section_count; i++) {
    if (r->section_lens[i] == r->path_len &&
        memcmp(r->sections[i], r->path, r->path_len) == 0) {
      return refuse(r, mark, twice);
    }
  }
  /* Paths change; the table's do not, so the section is kept as the front of
   * some key in it. */
  for (size_t i = 0; i < oa_config_key_count; i++) {
    if (strncmp(oa_config_keys[i].path, r->path, r->path_len) == 0 &&
        r->section_count < MAX_SECTIONS) {
      r->sections[r->section_count] = oa_config_keys[i].path;
      r->section_lens[r->section_count++] = r->path_len;
      break;
    }
  }
  return OA_OK;
}

/* The value of the key or section that the path names. */
static oa_status read_value(reader *r) {
  const oa_config_key *key = oa_config_key_find(r->path, r->path_len);
  yaml_event_t event;

  OA_TRY(next(r, &event));
  oa_status status = OA_OK;
  const yaml_mark_t mark = event.start_mark;
  switch (event.type) {
    case YAML_SCALAR_EVENT:
      status = read_scalar(r, key, &event);
      break;
    case YAML_SEQUENCE_START_EVENT:
      status = read_list(r, key, mark);
      break;
    case YAML_MAPPING_START_EVENT:
      status = read_section(r, key, mark);
      break;
    default:
      status = refuse(r, mark, "has no value");
  }
  yaml_event_delete(&event);
  return status;
}

/* What follows a mapping's start, up to its end. */
static oa_status read_mapping(reader *r) {
  const size_t path_len = r->path_len;
  for (;;) {
    yaml_event_t event;
    OA_TRY(next(r, &event));
    const yaml_mark_t mark = event.start_mark;
    if (event.type == YAML_MAPPING_END_EVENT) {
      yaml_event_delete(&event);
      return OA_OK;
    }
    oa_status status = event.type == YAML_SCALAR_EVENT
                           ? enter(r, &event)
                           : refuse(r, mark, "a key must be a plain word");
    yaml_event_delete(&event);
    OA_TRY(status);
    OA_TRY(note_once(r, oa_config_key_find(r->path, r->path_len), mark));
    OA_TRY(read_value(r));
    leave(r, path_len);
  }
}

/* --- the document --- */

static oa_status read_root(reader *r, yaml_event_t *event) {
  if (event->type == YAML_MAPPING_START_EVENT) {
    return read_mapping(r);
  }
  if (event->type == YAML_SCALAR_EVENT && is_null(event)) {
    return OA_OK;
  }
  return refuse(r, event->start_mark,
                "a configuration is made of lines \"key: value\"");
}

static oa_status read_stream(reader *r) {
  bool done = false;
  bool root = false;
  while (!done) {
    yaml_event_t event;
    oa_status status = OA_OK;
    OA_TRY(next(r, &event));
    switch (event.type) {
      case YAML_STREAM_START_EVENT:
      case YAML_DOCUMENT_END_EVENT:
        break;
      case YAML_STREAM_END_EVENT:
        done = true;
        break;
      case YAML_DOCUMENT_START_EVENT:
        status = root ? refuse(r, event.start_mark,
                               "a second document; only one is allowed")
                      : OA_OK;
        root = true;
        break;
      default:
        status = read_root(r, &event);
    }
    yaml_event_delete(&event);
    OA_TRY(status);
  }
  return OA_OK;
}

/* Fills COPY, a copy of the user's configuration. */
static oa_status read_into(oa_config *copy, const char *name, const char *bytes,
                           size_t len, oa_error *error) {
  reader r = {.config = copy, .name = name, .error = error};

  copy->file = oa_strdup(name);
  if (copy->file == NULL || !yaml_parser_initialize(&r.parser)) {
    return oa_error_set(error, OA_ERR_NOMEM, "out of memory");
  }
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, len);
  oa_status status = read_stream(&r);
  yaml_parser_delete(&r.parser);
  return status;
}

oa_status oa_config_read_yaml(oa_config *config, const char *name,
                              const char *bytes, size_t len, oa_error *error) {
  oa_config copy;

  if (config->file != NULL) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "a configuration file has been read already; give one");
  }
  if (len > MAX_FILE) {
    return oa_error_set(error, OA_ERR_CONFIG, "%s: is larger than 1 MiB", name);
  }
  oa_status status = oa_config_copy(&copy, config);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  status = read_into(&copy, name, bytes, len, error);
  if (status != OA_OK) {
    oa_config_reset(&copy);
    return status;
  }
  oa_config_reset(config);
  *config = copy;
  return OA_OK;
}

oa_status oa_config_read_file(oa_config *config, const char *path,
                              oa_error *error) {
  oa_buf bytes = {0};
  oa_status status = oa_config_slurp(path, MAX_FILE, &bytes, error);
  if (status == OA_OK) {
    status = oa_config_read_yaml(config, path, (const char *)bytes.data,
                                 bytes.len, error);
  }
  oa_buf_free(&bytes);
  return status;
}
