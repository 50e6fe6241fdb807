/* SPDX-License-Identifier: Apache-2.0 */
#include "net/head.h"

#include <string.h>
#include <strings.h>

#include "net/grpc.h"

enum {
  /* HTTP/2 counts this many bytes for each field besides its text (RFC 9113,
   * section 6.5.2). */
  FIELD_OVERHEAD = 32,
  /* Memory for fields that a stream keeps for its next call. */
  KEPT_BYTES = 4096,
};

typedef struct lengths {
  uint32_t name;
  uint32_t value;
} lengths;

static bool is(const uint8_t *text, size_t len, const char *name) {
  return len == strlen(name) && memcmp(text, name, len) == 0;
}

/* Copies as much of TEXT as fits; what is cut cannot be what is served. */
static void copy(char *out, size_t size, const uint8_t *text, size_t len) {
  const size_t kept = len < size ? len : size - 1;
  memcpy(out, text, kept);
  out[kept] = '\0';
}

oa_status oa_head_put(oa_head *head, const uint8_t *name, size_t name_len,
                      const uint8_t *value, size_t value_len, size_t most) {
  head->bytes += name_len + value_len + FIELD_OVERHEAD;
  if (head->bytes > most) {
    return OA_OK;
  }
  if (is(name, name_len, ":method")) {
    copy(head->method, sizeof head->method, value, value_len);
    return OA_OK;
  }
  if (is(name, name_len, ":path")) {
    const uint8_t *query = memchr(value, '?', value_len);
    copy(head->path, sizeof head->path, value,
         query == NULL ? value_len : (size_t)(query - value));
  }
  const lengths len = {(uint32_t)name_len, (uint32_t)value_len};
  OA_TRY(oa_buf_reserve(&head->fields, sizeof len + name_len + value_len + 2));
  uint8_t *at = head->fields.data + head->fields.len;
  memcpy(at, &len, sizeof len);
  at += sizeof len;
  memcpy(at, name, name_len);
  at[name_len] = '\0';
  at += name_len + 1;
  if (value_len > 0) {
    memcpy(at, value, value_len);
  }
  at[value_len] = '\0';
  head->fields.len += sizeof len + name_len + value_len + 2;
  return OA_OK;
}

/* The next field NAME, from *AT on, which comes to stand behind it. */
static const char *find_next(const oa_head *head, const char *name, size_t *at,
                             size_t *len) {
  const size_t name_len = strlen(name);
  while (*at < head->fields.len) {
    lengths found;
    const uint8_t *text = head->fields.data + *at + sizeof found;
    memcpy(&found, head->fields.data + *at, sizeof found);
    *at += sizeof found + found.name + found.value + 2;
    if (found.name == name_len && memcmp(text, name, name_len) == 0) {
      *len = found.value;
      return (const char *)text + name_len + 1;
    }
  }
  return NULL;
}

const char *oa_head_find(const oa_head *head, const char *name, size_t *len) {
  size_t at = 0;
  return find_next(head, name, &at, len);
}

static const uint8_t *find(const oa_head *head, const char *name, size_t *len) {
  return (const uint8_t *)oa_head_find(head, name, len);
}

static bool is_word(const uint8_t *text, size_t len, const char *word) {
  return len == strlen(word) && strncasecmp((const char *)text, word, len) == 0;
}

/* content-encoding, one coding alone (RFC 9110, section 8.4). */
static oa_status parse_coding(const uint8_t *value, size_t len,
                              oa_coding *out) {
  static const struct {
    const char *name;
    oa_coding codec;
  } known[] = {{"identity", OA_CODING_NONE},   {"gzip", OA_CODING_GZIP},
               {"x-gzip", OA_CODING_GZIP},     {"zstd", OA_CODING_ZSTD},
               {"deflate", OA_CODING_DEFLATE}, {"", OA_CODING_NONE}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (is_word(value, len, known[i].name)) {
      *out = known[i].codec;
      return OA_OK;
    }
  }
  return OA_ERR_UNSUPPORTED;
}

static bool parse_length(const uint8_t *value, size_t len, uint64_t *out) {
  enum { MAX_DIGITS = 18 };
  uint64_t number = 0;
  if (len == 0 || len > MAX_DIGITS) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    if (value[i] < '0' || value[i] > '9') {
      return false;
    }
    number = number * 10 + (uint64_t)(value[i] - '0');
  }
  *out = number;
  return true;
}

static void finish_timeout(oa_head *head) {
  size_t len;
  const uint8_t *value = find(head, "grpc-timeout", &len);
  if (value == NULL) {
    return;
  }
  head->timeout_malformed =
      oa_grpc_timeout_parse(value, len, &head->timeout_ns) != OA_OK;
  if (head->timeout_ns == 0) {
    head->timeout_ns = 1; /* 0 stands for none */
  }
}

/* A second field is a second coding, as one behind a comma would be (RFC 9110,
 * section 5.3). */
static void finish_coding(oa_head *head) {
  const char *name = head->grpc ? "grpc-encoding" : "content-encoding";
  size_t at = 0;
  size_t len;
  const uint8_t *value = (const uint8_t *)find_next(head, name, &at, &len);
  if (value == NULL) {
    return;
  }
  const oa_status status =
      head->grpc ? oa_grpc_encoding_parse(value, len, &head->codec)
                 : parse_coding(value, len, &head->codec);
  head->encoding_unknown =
      status != OA_OK || find_next(head, name, &at, &len) != NULL;
}

void oa_head_finish(oa_head *head) {
  size_t len;
  const uint8_t *value = find(head, "content-type", &len);
  head->grpc = value != NULL && oa_grpc_content_type_ok(value, len);
  finish_coding(head);
  if (head->grpc) {
    finish_timeout(head);
  }
  value = find(head, "content-length", &len);
  head->length_known =
      value != NULL && parse_length(value, len, &head->content_length);
}

void oa_head_clear(oa_head *head) {
  oa_buf fields = head->fields;
  if (fields.cap > KEPT_BYTES) {
    oa_buf_free(&fields);
  }
  fields.len = 0;
  *head = (oa_head){.fields = fields};
}
