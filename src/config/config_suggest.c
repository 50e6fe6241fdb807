/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/config_table.h"

/* The best candidate so far. */
typedef struct choice {
  const char *wanted;
  size_t distance;
  char name[OA_CONFIG_NAME_SIZE];
} choice;

static size_t least(size_t a, size_t b, size_t c) {
  const size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Letters to insert, remove or replace to make A of B (Levenshtein), with one
 * row of the table at a time.  B is shorter than OA_CONFIG_NAME_SIZE. */
static size_t distance(const char *a, const char *b) {
  size_t row[OA_CONFIG_NAME_SIZE];
  const size_t width = strlen(b);

  for (size_t j = 0; j <= width; j++) {
    row[j] = j;
  }
  for (size_t i = 0; a[i] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < width; j++) {
      const size_t above = row[j + 1];
      row[j + 1] = least(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
      diagonal = above;
    }
  }
  return row[width];
}

static const char *last_part(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot == NULL ? path : dot + 1;
}

static void consider(choice *best, const char *candidate, size_t len) {
  char name[OA_CONFIG_NAME_SIZE];
  snprintf(name, sizeof name, "%.*s", (int)len, candidate);

  size_t far = distance(best->wanted, name);
  /* The right word in the wrong section is a common slip. */
  if (far > 1 && strcmp(last_part(best->wanted), last_part(name)) == 0) {
    far = 1;
  }
  if (far < best->distance) {
    best->distance = far;
    memcpy(best->name, name, sizeof name);
  }
}

/* Something nearer than about a third of the name is worth a question. */
static bool settle(const choice *best, char out[OA_CONFIG_NAME_SIZE]) {
  if (best->distance > 1 + strlen(best->wanted) / 3) {
    return false;
  }
  memcpy(out, best->name, OA_CONFIG_NAME_SIZE);
  return true;
}

bool oa_config_suggest_key(const char *name, char out[OA_CONFIG_NAME_SIZE]) {
  if (strlen(name) >= OA_CONFIG_NAME_SIZE) {
    return false;
  }
  choice best = {.wanted = name, .distance = SIZE_MAX};
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const char *path = oa_config_keys[i].path;
    /* The key itself and each section that it lies in. */
    for (const char *dot = strchr(path, '.'); dot != NULL;
         dot = strchr(dot + 1, '.')) {
      consider(&best, path, (size_t)(dot - path));
    }
    consider(&best, path, strlen(path));
  }
  return settle(&best, out);
}

bool oa_config_suggest_env(const char *name, char out[OA_CONFIG_NAME_SIZE]) {
  /* All begin alike, which says nothing about how near two of them are. */
  static const char prefix[] = "OTLP_";
  const size_t skip = sizeof prefix - 1;
  char rest[OA_CONFIG_NAME_SIZE];
  if (strlen(name) >= OA_CONFIG_NAME_SIZE || strlen(name) < skip) {
    return false;
  }
  choice best = {.wanted = name + skip, .distance = SIZE_MAX};
  for (size_t i = 0; i < oa_config_key_count; i++) {
    char env[OA_CONFIG_NAME_SIZE];
    oa_config_key_env(&oa_config_keys[i], env);
    consider(&best, env + skip, strlen(env) - skip);
    if (best.distance > 1 &&
        strcasecmp(best.wanted, last_part(oa_config_keys[i].path)) == 0) {
      best.distance = 1; /* without its section */
      memcpy(best.name, env + skip, sizeof env - skip);
    }
  }
  if (!settle(&best, rest)) {
    return false;
  }
  memcpy(out, prefix, skip);
  memcpy(out + skip, rest, OA_CONFIG_NAME_SIZE - skip);
  out[OA_CONFIG_NAME_SIZE - 1] = '\0';
  return true;
}
