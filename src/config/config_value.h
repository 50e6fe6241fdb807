/* SPDX-License-Identifier: Apache-2.0 */
/* config_value.h - one value of the configuration, from text and to text.
 *
 * For the config*.c files and their tests alone.
 */
#ifndef OA_CONFIG_CONFIG_VALUE_H
#define OA_CONFIG_CONFIG_VALUE_H

#include "config/config_table.h"

/* NUMBER holds every kind but the strings; a bool is 0 or 1. */
typedef struct oa_config_value {
  uint64_t number;
  const char *text; /* borrowed from what was parsed */
} oa_config_value;

/* Reads TEXT as KEY's kind and checks its bounds.  OA_ERR_CONFIG: the text
 * says "KEY: what is wrong". */
oa_status oa_config_value_parse(const oa_config_key *key, const char *text,
                                oa_config_value *out, oa_error *error);

bool oa_config_kind_is_text(oa_config_kind kind);

enum { OA_CONFIG_NUMBER_SIZE = 40 };

/* "5s", "24h", "64MiB", "true", "zstd": what parses to the same again. */
void oa_config_number_text(const oa_config_key *key, uint64_t number,
                           char out[OA_CONFIG_NUMBER_SIZE]);
void oa_duration_text(uint64_t ns, char out[OA_CONFIG_NUMBER_SIZE]);
void oa_size_text(uint64_t bytes, char out[OA_CONFIG_NUMBER_SIZE]);

/* Appends what KEY takes, as in "from 1 to 3600" or "memory, write or
 * fsync"; nothing for free text. */
oa_status oa_config_bounds_text(const oa_config_key *key, oa_buf *out);

enum { OA_SHOWN_SIZE = 72 };

/* A copy of what a stranger wrote that is safe to show: cut, and without
 * control characters or broken UTF-8. */
void oa_config_show(const char *text, size_t len, char out[OA_SHOWN_SIZE]);

enum { OA_SHOWN_PATH_SIZE = 152 };

/* The same for a path: of a long one the end is shown, where the name of the
 * file stands. */
void oa_config_show_path(const char *path, char out[OA_SHOWN_PATH_SIZE]);

#endif
