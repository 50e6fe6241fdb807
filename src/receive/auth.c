/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/auth.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "receive/auth_keys.h"

/* Of what a sender may show; longer than any key. */
enum { MAX_SHOWN = 6144, HEADER_SIZE = 128, TEXT_SIZE = 256 };

/* Threads look at the newest set without a lock, so older ones stay until the
 * end: a few kilobytes each time that somebody reloads. */
typedef struct set {
  oa_auth_keys *keys;
  struct set *older;
} set;

struct oa_auth {
  oa_authenticator authenticator; /* the built-in one, or the program's */
  const oa_config *config;
  _Atomic(set *) newest; /* NULL with the program's own */
  char header[HEADER_SIZE];
  char challenge[HEADER_SIZE + 64];
  char missing[TEXT_SIZE];
};

/* --- what a sender shows --- */

typedef struct span {
  const char *at;
  size_t len;
} span;

/* What follows SCHEME and spaces in an authorization field (RFC 9110, section
 * 11.4), or nothing. */
static span strip_scheme(span value, const char *scheme) {
  const size_t len = strlen(scheme);
  if (value.len <= len || strncasecmp(value.at, scheme, len) != 0 ||
      value.at[len] != ' ') {
    return (span){NULL, 0};
  }
  span rest = {value.at + len, value.len - len};
  while (rest.len > 0 && rest.at[0] == ' ') {
    rest.at++;
    rest.len--;
  }
  while (rest.len > 0 && rest.at[rest.len - 1] == ' ') {
    rest.len--;
  }
  return rest;
}

static int digit_of(char c) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = c == '\0' ? NULL : strchr(digits, c);
  return found == NULL ? -1 : (int)(found - digits);
}

/* Decodes base64 (RFC 4648, section 4), with or without padding; 0 when it is
 * none or longer than MAX_SHOWN. */
static size_t decode_base64(span text, uint8_t out[MAX_SHOWN]) {
  uint32_t bits = 0;
  unsigned have = 0;
  size_t made = 0;
  while (text.len > 0 && text.at[text.len - 1] == '=') {
    text.len--;
  }
  for (size_t i = 0; i < text.len; i++) {
    const int digit = digit_of(text.at[i]);
    if (digit < 0 || made == MAX_SHOWN) {
      return 0;
    }
    bits = bits << 6 | (uint32_t)digit;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out[made++] = (uint8_t)(bits >> have);
    }
  }
  return made;
}

static const char *find(const oa_auth *auth, const void *text, size_t len) {
  const set *newest = atomic_load_explicit(&auth->newest, memory_order_acquire);
  return len == 0 || len > MAX_SHOWN
             ? NULL
             : oa_auth_keys_find(newest->keys, text, len);
}

static const char *find_basic(const oa_auth *auth, span value) {
  uint8_t pair[MAX_SHOWN];
  const size_t len = decode_base64(strip_scheme(value, "Basic"), pair);
  const char *name = find(auth, pair, len);
  OPENSSL_cleanse(pair, len);
  return name;
}

/* The built-in authenticator. */
static int check_keys(void *context, const oa_sender *sender,
                      const char **name) {
  const oa_auth *auth = context;
  span value = {NULL, 0};
  value.at = sender->field(sender->request, auth->header, &value.len);
  if (value.at == NULL) {
    return 0;
  }
  switch ((oa_auth_type)auth->config->auth_type) {
    case OA_AUTH_API_KEY:
      *name = find(auth, value.at, value.len);
      break;
    case OA_AUTH_BEARER_TOKEN:
      value = strip_scheme(value, "Bearer");
      *name = find(auth, value.at, value.len);
      break;
    case OA_AUTH_BASIC:
      *name = find_basic(auth, value);
      break;
    case OA_AUTH_NONE:
      return 1;
  }
  return *name != NULL;
}

/* --- sets --- */

/* The user and password of the configuration as one secret. */
static oa_status add_user(oa_auth_keys *keys, const oa_config *config) {
  oa_buf pair = {0};
  oa_status status = oa_buf_printf(&pair, "%s:%s", config->auth_username,
                                   config->auth_password);
  if (status == OA_OK) {
    status = oa_auth_keys_add(keys, config->auth_username,
                              strlen(config->auth_username),
                              (const char *)pair.data, pair.len);
  }
  if (pair.len > 0) {
    OPENSSL_cleanse(pair.data, pair.len);
  }
  oa_buf_free(&pair);
  return status;
}

static oa_status add_configured(oa_auth_keys *keys, const oa_config *config) {
  static const char name[] = "configured";
  const char *secret = config->auth_type == OA_AUTH_API_KEY
                           ? config->auth_key
                           : config->auth_token;
  if (config->auth_type == OA_AUTH_BASIC) {
    return config->auth_username[0] == '\0' ? OA_OK : add_user(keys, config);
  }
  return secret[0] == '\0' ? OA_OK
                           : oa_auth_keys_add(keys, name, sizeof name - 1,
                                              secret, strlen(secret));
}

static oa_status refuse_file(const oa_config *config, const char *what,
                             oa_error *error) {
  return oa_error_set(error, OA_ERR_CONFIG, "%.150s: %s",
                      config->auth_keys_file, what);
}

static oa_status read_keys(oa_auth_keys *keys, const oa_config *config,
                           oa_error *error) {
  const oa_status status = add_configured(keys, config);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  if (config->auth_keys_file[0] != '\0') {
    OA_TRY(oa_auth_keys_read(keys, config->auth_keys_file,
                             config->auth_type == OA_AUTH_BASIC, error));
  }
  return oa_auth_keys_count(keys) > 0
             ? OA_OK
             : refuse_file(config, "holds no key; write \"name: secret\"",
                           error);
}

/* Reads all keys and puts them in force. */
static oa_status load(oa_auth *auth, const oa_config *config, size_t *count,
                      oa_error *error) {
  set *made = oa_calloc(1, sizeof *made);
  oa_status status =
      made == NULL ? OA_ERR_NOMEM : oa_auth_keys_new(&made->keys);
  if (status != OA_OK) {
    oa_free(made);
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  status = read_keys(made->keys, config, error);
  if (status != OA_OK) {
    oa_auth_keys_free(made->keys);
    oa_free(made);
    return status;
  }
  *count = oa_auth_keys_count(made->keys);
  made->older = atomic_load_explicit(&auth->newest, memory_order_relaxed);
  atomic_store_explicit(&auth->newest, made, memory_order_release);
  return OA_OK;
}

/* --- make, ask, end --- */

/* Where the built-in one looks, and what it tells those who show nothing. */
static void describe(oa_auth *auth) {
  static const char realm[] = "realm=\"otlp-arrow\"";
  const oa_config *config = auth->config;
  switch ((oa_auth_type)config->auth_type) {
    case OA_AUTH_API_KEY:
      /* The configuration's bound is below ours. */
      for (size_t i = 0;
           i < HEADER_SIZE - 1 && config->auth_header_name[i] != '\0'; i++) {
        auth->header[i] =
            (char)tolower((unsigned char)config->auth_header_name[i]);
      }
      snprintf(auth->challenge, sizeof auth->challenge,
               "ApiKey %s, header=\"%s\"", realm, auth->header);
      snprintf(auth->missing, sizeof auth->missing,
               "no valid key: send one in the header %s", auth->header);
      return;
    case OA_AUTH_BASIC:
      snprintf(auth->challenge, sizeof auth->challenge,
               "Basic %s, charset=\"UTF-8\"", realm);
      snprintf(auth->missing, sizeof auth->missing,
               "no valid user and password: send them in the header "
               "authorization, as \"Basic\" and base64 of \"user:password\"");
      break;
    default:
      snprintf(auth->challenge, sizeof auth->challenge, "Bearer %s", realm);
      snprintf(auth->missing, sizeof auth->missing,
               "no valid token: send one in the header authorization, as "
               "\"Bearer\" and the token");
  }
  snprintf(auth->header, sizeof auth->header, "authorization");
}

oa_status oa_auth_new(oa_auth **out, const oa_config *config, oa_error *error) {
  const bool foreign = config->authenticator.check != NULL;
  size_t count;
  if (!foreign && config->auth_type == OA_AUTH_NONE) {
    *out = NULL;
    return OA_OK;
  }
  oa_auth *auth = oa_calloc(1, sizeof *auth);
  if (auth == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "%s",
                        oa_status_text(OA_ERR_NOMEM));
  }
  auth->config = config;
  atomic_init(&auth->newest, NULL);
  if (foreign) {
    auth->authenticator = config->authenticator;
    snprintf(auth->missing, sizeof auth->missing,
             "this sender is not known here");
    *out = auth;
    return OA_OK;
  }
  describe(auth);
  auth->authenticator = (oa_authenticator){
      .context = auth, .check = check_keys, .challenge = auth->challenge};
  const oa_status status = load(auth, config, &count, error);
  if (status != OA_OK) {
    oa_free(auth);
    return status;
  }
  *out = auth;
  return OA_OK;
}

void oa_auth_free(oa_auth *auth) {
  if (auth == NULL) {
    return;
  }
  set *at = atomic_load_explicit(&auth->newest, memory_order_relaxed);
  while (at != NULL) {
    set *older = at->older;
    oa_auth_keys_free(at->keys);
    oa_free(at);
    at = older;
  }
  oa_free(auth);
}

oa_status oa_auth_reload(oa_auth *auth, const oa_config *config, size_t *count,
                         oa_error *error) {
  *count = 0;
  if (auth->authenticator.check != check_keys) {
    return OA_OK;
  }
  return load(auth, config, count, error);
}

static const char *field_of_call(const void *request, const char *name,
                                 size_t *len) {
  return oa_call_header(request, name, len);
}

bool oa_auth_check(oa_auth *auth, const oa_call *call, const char **name,
                   const char **challenge, const char **text) {
  const oa_sender sender = {.request = call, .field = field_of_call};
  if (auth->authenticator.check(auth->authenticator.context, &sender, name) !=
      0) {
    return true;
  }
  *challenge = auth->authenticator.challenge;
  *text = auth->missing;
  return false;
}
