/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/auth_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config_expand.h"
#include "config/config_value.h"

enum {
  MAX_FILE = 256 * 1024,
  /* Every check looks at every key. */
  MAX_KEYS = 1024,
  MAX_NAME = 64,
  MAX_SECRET = 4096,
};

typedef struct key {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  char name[MAX_NAME + 1];
} key;

struct oa_auth_keys {
  key *keys;
  size_t count;
  size_t capacity;
};

oa_status oa_auth_keys_new(oa_auth_keys **out) {
  oa_auth_keys *keys = oa_calloc(1, sizeof *keys);
  if (keys == NULL) {
    return OA_ERR_NOMEM;
  }
  *out = keys;
  return OA_OK;
}

void oa_auth_keys_free(oa_auth_keys *keys) {
  if (keys != NULL) {
    oa_free(keys->keys);
    oa_free(keys);
  }
}

static oa_status make_room(oa_auth_keys *keys) {
  enum { FIRST = 8 };
  if (keys->count < keys->capacity) {
    return OA_OK;
  }
  if (keys->count == MAX_KEYS) {
    return OA_ERR_LIMIT;
  }
  const size_t capacity = keys->capacity == 0 ? FIRST : 2 * keys->capacity;
  key *grown = oa_realloc(keys->keys, capacity * sizeof *grown);
  if (grown == NULL) {
    return OA_ERR_NOMEM;
  }
  keys->keys = grown;
  keys->capacity = capacity;
  return OA_OK;
}

oa_status oa_auth_keys_add(oa_auth_keys *keys, const char *name,
                           size_t name_len, const char *secret,
                           size_t secret_len) {
  OA_TRY(make_room(keys));
  key *added = &keys->keys[keys->count];
  const size_t len = name_len < MAX_NAME ? name_len : MAX_NAME;
  memcpy(added->name, name, len);
  added->name[len] = '\0';
  SHA256((const unsigned char *)secret, secret_len, added->digest);
  keys->count++;
  return OA_OK;
}

size_t oa_auth_keys_count(const oa_auth_keys *keys) {
  return keys->count;
}

const char *oa_auth_keys_find(const oa_auth_keys *keys, const void *text,
                              size_t len) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  const char *name = NULL;
  SHA256(text, len, digest);
  for (size_t i = 0; i < keys->count; i++) {
    if (CRYPTO_memcmp(digest, keys->keys[i].digest, sizeof digest) == 0) {
      name = keys->keys[i].name;
    }
  }
  return name;
}

/* --- the file --- */

typedef struct span {
  const char *at;
  size_t len;
} span;

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static span trim(span s) {
  while (s.len > 0 && is_space(s.at[0])) {
    s.at++;
    s.len--;
  }
  while (s.len > 0 && is_space(s.at[s.len - 1])) {
    s.len--;
  }
  return s;
}

/* A secret may stand in quotes, as YAML would have it. */
static span unquote(span s) {
  if (s.len >= 2 && (s.at[0] == '"' || s.at[0] == '\'') &&
      s.at[s.len - 1] == s.at[0]) {
    s.at++;
    s.len -= 2;
  }
  return s;
}

static bool is_printable(span s) {
  for (size_t i = 0; i < s.len; i++) {
    const unsigned char c = (unsigned char)s.at[i];
    if (c < 0x20 || c == 0x7F) {
      return false;
    }
  }
  return oa_utf8_valid((const uint8_t *)s.at, s.len);
}

static bool has_name(const oa_auth_keys *keys, span name) {
  for (size_t i = 0; i < keys->count; i++) {
    if (strlen(keys->keys[i].name) == name.len &&
        memcmp(keys->keys[i].name, name.at, name.len) == 0) {
      return true;
    }
  }
  return false;
}

/* What is wrong with a key, or NULL. */
static const char *find_fault(const oa_auth_keys *keys, span name,
                              span secret) {
  if (name.len == 0 || name.len > MAX_NAME || !is_printable(name)) {
    return "a name has 1 to 64 bytes (UTF-8, no control characters)";
  }
  if (has_name(keys, name)) {
    return "the name is there twice; give each key its own";
  }
  if (secret.len == 0) {
    return "the secret is empty; write \"name: secret\"";
  }
  if (secret.len > MAX_SECRET || !is_printable(secret)) {
    return "a secret has at most 4096 bytes (UTF-8, no control characters)";
  }
  return NULL;
}

static oa_status add_pair(oa_auth_keys *keys, span name, span secret,
                          bool pairs) {
  if (!pairs) {
    return oa_auth_keys_add(keys, name.at, name.len, secret.at, secret.len);
  }
  oa_buf pair = {0};
  oa_status status = oa_buf_put(&pair, name.at, name.len);
  if (status == OA_OK) {
    status = oa_buf_put_byte(&pair, ':');
  }
  if (status == OA_OK) {
    status = oa_buf_put(&pair, secret.at, secret.len);
  }
  if (status == OA_OK) {
    status = oa_auth_keys_add(keys, name.at, name.len, (const char *)pair.data,
                              pair.len);
  }
  OPENSSL_cleanse(pair.data, pair.len);
  oa_buf_free(&pair);
  return status;
}

/* One line without its end. */
static oa_status read_line(oa_auth_keys *keys, span line, bool pairs,
                           oa_error *error) {
  line = trim(line);
  if (line.len == 0 || line.at[0] == '#') {
    return OA_OK;
  }
  const char *colon = memchr(line.at, ':', line.len);
  if (colon == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "is not a key; write \"name: secret\"");
  }
  const size_t before = (size_t)(colon - line.at);
  const span name = unquote(trim((span){line.at, before}));
  const span secret = unquote(trim((span){colon + 1, line.len - before - 1}));
  const char *fault = find_fault(keys, name, secret);
  if (fault != NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "%s", fault);
  }
  const oa_status status = add_pair(keys, name, secret, pairs);
  if (status == OA_ERR_LIMIT) {
    return oa_error_set(error, OA_ERR_CONFIG, "more than %d keys", MAX_KEYS);
  }
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status, "%s", oa_status_text(status));
}

static oa_status read_lines(oa_auth_keys *keys, span text, bool pairs,
                            const char *shown, oa_error *error) {
  for (unsigned number = 1; text.len > 0; number++) {
    const char *end = memchr(text.at, '\n', text.len);
    const size_t len = end == NULL ? text.len : (size_t)(end - text.at);
    const oa_status status =
        read_line(keys, (span){text.at, len}, pairs, error);
    if (status != OA_OK) {
      oa_error_prefix(error, "%s:%u", shown, number);
      return status;
    }
    const size_t used = len + (end == NULL ? 0 : 1);
    text.at += used;
    text.len -= used;
  }
  return OA_OK;
}

oa_status oa_auth_keys_read(oa_auth_keys *keys, const char *path, bool pairs,
                            oa_error *error) {
  char shown[OA_SHOWN_PATH_SIZE];
  oa_buf text = {0};
  oa_config_show_path(path, shown);
  oa_status status = oa_config_slurp(path, MAX_FILE, &text, error);
  if (status == OA_OK) {
    status = read_lines(keys, (span){(const char *)text.data, text.len}, pairs,
                        shown, error);
  } else if (status != OA_ERR_NOMEM) {
    oa_error_prefix(error, "protocols.authentication.keys_file");
    status = OA_ERR_CONFIG;
  }
  if (text.len > 0) {
    OPENSSL_cleanse(text.data, text.len);
  }
  oa_buf_free(&text);
  return status;
}
