/* SPDX-License-Identifier: Apache-2.0 */
/* config_table.h - the keys of the configuration, as data.
 *
 * For the config*.c files and their tests alone.  All constants.
 */
#ifndef OA_CONFIG_CONFIG_TABLE_H
#define OA_CONFIG_CONFIG_TABLE_H

#include "config/config.h"

typedef enum oa_config_kind {
  OA_KIND_BOOL,     /* bool */
  OA_KIND_NUMBER,   /* uint64_t, and so are those down to PORT */
  OA_KIND_DURATION, /* nanoseconds */
  OA_KIND_SIZE,     /* bytes */
  OA_KIND_CHOICE,   /* index into .choices */
  OA_KIND_PORT,
  OA_KIND_STRING, /* char *, and so are the rest */
  OA_KIND_PATH,
  OA_KIND_IP,   /* literal, of version 4 or 6 */
  OA_KIND_WORD, /* lower-case letters and digits */
  OA_KIND_LIST, /* texts with commas between them */
} oa_config_kind;

/* An upper bound from here on is far beyond any use, and no text names it. */
#define OA_CONFIG_NO_BOUND (UINT64_C(1) << 60)

typedef enum oa_key_state {
  OA_KEY_READY,
  OA_KEY_ABSENT, /* its feature is not here; it has no field */
} oa_key_state;

typedef struct oa_config_key {
  const char *path;
  const char *env; /* NULL = OTLP_ and the path in capitals */
  oa_config_kind kind;
  oa_key_state state;
  bool secret;
  bool zero;       /* 0 is allowed although it is below MIN */
  size_t offset;   /* of its field in oa_config; unused when ABSENT */
  uint64_t min;    /* of numbers; of the length of strings */
  uint64_t max;    /* likewise */
  const char *def; /* as a user would write it; "" = none */
  const char *const *choices; /* ends with NULL */
  const char *feature;        /* when ABSENT: what is missing, a noun */
  const char *help;
} oa_config_key;

extern const oa_config_key oa_config_keys[];
extern const size_t oa_config_key_count;

/* The row of PATH, or NULL. */
const oa_config_key *oa_config_key_find(const char *path, size_t len);

/* True when some key's path begins with PATH and a dot. */
bool oa_config_is_section(const char *path, size_t len);

/* Checks TEXT and stores it in CONFIG, unless a source of higher rank has
 * already spoken.  The error text begins with the path. */
oa_status oa_config_put(oa_config *config, const oa_config_key *key,
                        const char *text, oa_config_origin origin,
                        oa_error *error);

enum { OA_CONFIG_NAME_SIZE = 96 }; /* of any path or variable, with its 0 */

/* The environment variable of KEY. */
void oa_config_key_env(const oa_config_key *key, char out[OA_CONFIG_NAME_SIZE]);

/* The key, section or variable that NAME was probably meant to be, written to
 * OUT; false when nothing is near. */
bool oa_config_suggest_key(const char *name, char out[OA_CONFIG_NAME_SIZE]);
bool oa_config_suggest_env(const char *name, char out[OA_CONFIG_NAME_SIZE]);

#endif
