/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "net/http1_impl.h"

/* Fields that may come once; bits of oa_http1.seen. */
enum {
  SEEN_HOST = 1,
  SEEN_LENGTH = 2,
  SEEN_CODING = 4,
};

static uint8_t lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t';
}

static bool all_token(oa_http1_text text) {
  for (size_t i = 0; i < text.len; i++) {
    if (!oa_http1_is_token((uint8_t)text.data[i])) {
      return false;
    }
  }
  return text.len > 0;
}

static oa_http1_text trim(const char *from, const char *to) {
  while (from < to && is_space(*from)) {
    from++;
  }
  while (to > from && is_space(to[-1])) {
    to--;
  }
  return (oa_http1_text){from, (size_t)(to - from)};
}

bool oa_http1_equal(oa_http1_text text, const char *word) {
  if (strlen(word) != text.len) {
    return false;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (lower((uint8_t)text.data[i]) != lower((uint8_t)word[i])) {
      return false;
    }
  }
  return true;
}

const oa_http1_field *oa_http1_find(const oa_http1_request *request,
                                    const char *name) {
  const size_t len = strlen(name);
  for (size_t i = 0; i < request->field_count; i++) {
    const oa_http1_text have = request->fields[i].name;
    if (have.len == len && memcmp(have.data, name, len) == 0) {
      return &request->fields[i];
    }
  }
  return NULL;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  const uint8_t l = lower((uint8_t)c);
  return is_digit(c) || (l >= 'a' && l <= 'f');
}

/* An address in brackets begins at AT: what is behind it, or NULL. */
static const char *skip_address(const char *at, const char *end) {
  const char *first = ++at;
  while (at < end && (is_hex(*at) || *at == ':' || *at == '.')) {
    at++;
  }
  return at > first && at < end && *at == ']' ? at + 1 : NULL;
}

/* The same for a name.  The comma, which the grammar allows, is in no real
 * name, but is how two Host fields look that somebody has joined. */
static const char *skip_name(const char *at, const char *end) {
  while (at < end && *at != ':') {
    const uint8_t l = lower((uint8_t)*at);
    if (*at == '%') {
      if (end - at < 3 || !is_hex(at[1]) || !is_hex(at[2])) {
        return NULL;
      }
      at += 3;
    } else if ((l >= 'a' && l <= 'z') || is_digit(*at) ||
               (l != 0 && strchr("-._~!$&'()*+;=", l) != NULL)) {
      at++;
    } else {
      return NULL;
    }
  }
  return at;
}

/* uri-host and port (RFC 3986 section 3.2), without user information; RFC
 * 9112 section 3.2 wants all else refused. */
static bool host_ok(oa_http1_text host) {
  const char *end = host.data + host.len;
  const char *at = host.len > 0 && host.data[0] == '['
                       ? skip_address(host.data, end)
                       : skip_name(host.data, end);
  if (at == NULL || (at < end && *at != ':')) {
    return false;
  }
  for (at += at < end; at < end; at++) {
    if (!is_digit(*at)) {
      return false;
    }
  }
  return true;
}

static bool read_version(oa_http1 *reader, oa_http1_text text) {
  const char *v = text.data;
  if (text.len != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' ||
      v[6] != '.' || v[7] < '0' || v[7] > '9') {
    return oa_http1_refuse(reader, 400,
                           "the request line must end in HTTP/1.1");
  }
  if (v[5] == '2' || v[5] == '3') {
    return oa_http1_refuse(reader, 505,
                           "this connection has begun with HTTP/1; HTTP/2 "
                           "must begin with its own preface");
  }
  if (v[5] != '1' || v[7] > '1') {
    return oa_http1_refuse(reader, 505,
                           "the HTTP version is not known here; send HTTP/1.1");
  }
  reader->request.minor = (unsigned)(v[7] - '0');
  return true;
}

static bool starts_with(oa_http1_text text, const char *prefix) {
  const size_t len = strlen(prefix);
  return text.len >= len &&
         oa_http1_equal((oa_http1_text){text.data, len}, prefix);
}

/* Absolute form, "http://host/path": the authority counts and the Host field
 * does not (RFC 9112 section 3.2.2).  Sets *REST to path and query. */
static bool read_authority(oa_http1 *reader, oa_http1_text target,
                           oa_http1_text *rest) {
  const size_t scheme = starts_with(target, "http://") ? 7 : 8;
  size_t end = scheme;
  while (end < target.len && target.data[end] != '/' &&
         target.data[end] != '?') {
    end++;
  }
  const oa_http1_text host = {target.data + scheme, end - scheme};
  if (host.len == 0 || host.data[0] == ':' || !host_ok(host)) {
    return oa_http1_refuse(reader, 400,
                           "the host in the request target is malformed");
  }
  reader->request.host = host;
  *rest = (oa_http1_text){target.data + end, target.len - end};
  return true;
}

static void split_path(oa_http1_request *request, oa_http1_text rest) {
  const char *mark = rest.len > 0 ? memchr(rest.data, '?', rest.len) : NULL;
  request->path = rest;
  if (mark != NULL) {
    request->path.len = (size_t)(mark - rest.data);
    request->query =
        (oa_http1_text){mark + 1, rest.len - request->path.len - 1};
  }
  if (request->path.len == 0) {
    request->path = (oa_http1_text){"/", 1};
  }
}

/* No character that must be percent-encoded, and no fragment. */
static bool target_ok(oa_http1_text target) {
  for (size_t i = 0; i < target.len; i++) {
    const uint8_t c = (uint8_t)target.data[i];
    if (c <= 0x20 || c >= 0x7F || c == '#') {
      return false;
    }
  }
  return true;
}

static bool read_target(oa_http1 *reader, oa_http1_text target) {
  if (!target_ok(target)) {
    return oa_http1_refuse(reader, 400,
                           "the request target has a character in it that "
                           "must be percent-encoded");
  }
  oa_http1_request *request = &reader->request;
  request->target = target;
  if (target.len == 1 && target.data[0] == '*' &&
      oa_http1_equal(request->method, "OPTIONS")) {
    request->path = target;
    return true;
  }
  oa_http1_text rest = target;
  if (starts_with(target, "http://") || starts_with(target, "https://")) {
    if (!read_authority(reader, target, &rest)) {
      return false;
    }
  } else if (target.len == 0 || target.data[0] != '/') {
    return oa_http1_refuse(reader, 400,
                           "the request target must be a path that begins "
                           "with a slash");
  }
  split_path(request, rest);
  return true;
}

static bool read_method(oa_http1 *reader, oa_http1_text method) {
  if (!all_token(method)) {
    return oa_http1_refuse(reader, 400, "the method is malformed");
  }
  if (method.len > OA_HTTP1_MAX_METHOD) {
    return oa_http1_refuse(reader, 501, "no method is that long");
  }
  if (method.len == 7 && memcmp(method.data, "CONNECT", 7) == 0) {
    return oa_http1_refuse(reader, 501, "this server is no proxy");
  }
  reader->request.method = method;
  return true;
}

/* A request line that ends behind its TARGET, as those of HTTP/0.9 did. */
static bool refuse_short(oa_http1 *reader, oa_http1_text target) {
  if (target.len > 0 && target.data[0] == '/' && target_ok(target)) {
    return oa_http1_refuse(reader, 505,
                           "HTTP/0.9 is not known here; send HTTP/1.1");
  }
  return oa_http1_refuse(reader, 400,
                         "the request line must have a method, a target and "
                         "a version");
}

bool oa_http1_request_line(oa_http1 *reader, char *line, size_t len) {
  const char *end = line + len;
  const char *first = memchr(line, ' ', len);
  if (first == NULL) {
    return oa_http1_refuse(reader, 400,
                           "the request line must have a method, a target and "
                           "a version");
  }
  const char *target = first + 1;
  const char *second = memchr(target, ' ', (size_t)(end - target));
  if (second == NULL) {
    return refuse_short(reader,
                        (oa_http1_text){target, (size_t)(end - target)});
  }
  const char *version = second + 1;
  return read_version(reader,
                      (oa_http1_text){version, (size_t)(end - version)}) &&
         read_method(reader, (oa_http1_text){line, (size_t)(first - line)}) &&
         read_target(reader,
                     (oa_http1_text){target, (size_t)(second - target)});
}

/* False when FIELD has come before. */
static bool once(oa_http1 *reader, unsigned field) {
  const bool first = (reader->seen & field) == 0;
  reader->seen |= field;
  return first;
}

static bool read_host(oa_http1 *reader, oa_http1_text value) {
  if (!once(reader, SEEN_HOST)) {
    return oa_http1_refuse(reader, 400, "there is more than one Host field");
  }
  if (!host_ok(value)) {
    return oa_http1_refuse(reader, 400, "the Host field is malformed");
  }
  if (reader->request.host.data == NULL) {
    reader->request.host = value;
  }
  return true;
}

static bool read_length(oa_http1 *reader, oa_http1_text value) {
  if (!once(reader, SEEN_LENGTH)) {
    return oa_http1_refuse(reader, 400,
                           "there is more than one Content-Length field");
  }
  uint64_t length = 0;
  bool ok = value.len > 0;
  for (size_t i = 0; i < value.len && ok; i++) {
    const uint8_t c = (uint8_t)value.data[i];
    /* Such a bound that no sum of lengths can overflow. */
    ok = c >= '0' && c <= '9' && length <= (INT64_MAX - 9) / 10;
    if (ok) {
      length = length * 10 + (uint64_t)(c - '0');
    }
  }
  if (!ok) {
    return oa_http1_refuse(reader, 400, "the Content-Length is malformed");
  }
  reader->request.content_length = length;
  return true;
}

static bool read_coding(oa_http1 *reader, oa_http1_text value) {
  if (!once(reader, SEEN_CODING)) {
    return oa_http1_refuse(reader, 400,
                           "there is more than one Transfer-Encoding field");
  }
  reader->other_coding = !oa_http1_equal(value, "chunked");
  return true;
}

static void read_option(oa_http1 *reader, oa_http1_text option) {
  if (oa_http1_equal(option, "close")) {
    reader->close = true;
  } else if (oa_http1_equal(option, "keep-alive")) {
    reader->persist = true;
  }
}

static void read_connection(oa_http1 *reader, oa_http1_text value) {
  const char *at = value.data;
  const char *end = value.data + value.len;
  while (at < end) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *to = comma == NULL ? end : comma;
    read_option(reader, trim(at, to));
    at = comma == NULL ? end : comma + 1;
  }
}

static void read_expect(oa_http1 *reader, oa_http1_text value) {
  if (oa_http1_equal(value, "100-continue")) {
    reader->request.expect_100 = true;
  } else {
    reader->other_expected = true;
  }
}

/* Fields that say how to read on. */
static bool understand(oa_http1 *reader, const oa_http1_field *field) {
  const oa_http1_text name = field->name;
  if (oa_http1_equal(name, "host")) {
    return read_host(reader, field->value);
  }
  if (oa_http1_equal(name, "content-length")) {
    return read_length(reader, field->value);
  }
  if (oa_http1_equal(name, "transfer-encoding")) {
    return read_coding(reader, field->value);
  }
  if (oa_http1_equal(name, "connection")) {
    read_connection(reader, field->value);
  } else if (oa_http1_equal(name, "expect")) {
    read_expect(reader, field->value);
  } else if (oa_http1_equal(name, "upgrade")) {
    reader->request.upgrade = true;
  }
  return true;
}

bool oa_http1_field_line(oa_http1 *reader, char *line, size_t len) {
  if (is_space(line[0])) {
    return oa_http1_refuse(reader, 400,
                           "a header field must stand on one line (no line "
                           "may begin with a space)");
  }
  char *colon = memchr(line, ':', len);
  if (colon == NULL) {
    return oa_http1_refuse(reader, 400, "a header field has no colon");
  }
  const oa_http1_text name = {line, (size_t)(colon - line)};
  if (!all_token(name)) {
    return oa_http1_refuse(reader, 400,
                           "the name of a header field is malformed (no space "
                           "may stand before the colon)");
  }
  for (char *c = line; c < colon; c++) {
    *c = (char)lower((uint8_t)*c);
  }
  for (const char *c = colon + 1; c < line + len; c++) {
    if (!oa_http1_is_value((uint8_t)*c)) {
      return oa_http1_refuse(reader, 400,
                             "a header field has a control character in its "
                             "value");
    }
  }
  oa_http1_request *request = &reader->request;
  if (request->field_count == reader->room.max_fields) {
    return oa_http1_refuse(reader, 431, "there are too many header fields");
  }
  oa_http1_field *field = &reader->room.fields[request->field_count];
  *field = (oa_http1_field){name, trim(colon + 1, line + len)};
  request->field_count++;
  return understand(reader, field);
}

bool oa_http1_head_end(oa_http1 *reader) {
  oa_http1_request *request = &reader->request;
  const bool chunked = (reader->seen & SEEN_CODING) != 0;
  if (request->minor > 0 && (reader->seen & SEEN_HOST) == 0) {
    return oa_http1_refuse(reader, 400, "the Host field is missing");
  }
  /* RFC 9112 section 6.1: the first is how a request is smuggled, and the
   * second was made by somebody who does not know what it means. */
  if (chunked && (reader->seen & SEEN_LENGTH) != 0) {
    return oa_http1_refuse(reader, 400,
                           "there is a Content-Length field beside a "
                           "Transfer-Encoding field");
  }
  if (chunked && request->minor == 0) {
    return oa_http1_refuse(reader, 400, "HTTP/1.0 has no Transfer-Encoding");
  }
  if (reader->other_coding) {
    return oa_http1_refuse(reader, 501,
                           "the only Transfer-Encoding known here is chunked "
                           "(compress with Content-Encoding)");
  }
  if (reader->other_expected && request->minor > 0) {
    return oa_http1_refuse(reader, 417,
                           "the only expectation known here is 100-continue");
  }
  if (chunked) {
    request->body = OA_HTTP1_CHUNKED;
  } else if (request->content_length > 0) {
    request->body = OA_HTTP1_LENGTH;
  }
  request->keep_alive =
      !reader->close && (request->minor > 0 || reader->persist);
  request->expect_100 = request->expect_100 && request->minor > 0 &&
                        request->body != OA_HTTP1_NO_BODY;
  return true;
}
