/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/cors.h"

#include <string.h>
#include <strings.h>

#include "net/http_field.h"

/* What an exporter may want to send, when a preflight does not say it. */
static const char usual_headers[] =
    "content-type, content-encoding, authorization, x-api-key, "
    "otlp-arrow-ack";

/* Scheme and host of an origin have no case (RFC 6454, section 4), and
 * browsers send them in lower case. */
static bool matches(const char *pattern, const char *origin, size_t len) {
  const char *star = strchr(pattern, '*');
  if (star == NULL) {
    return strlen(pattern) == len && strncasecmp(pattern, origin, len) == 0;
  }
  const size_t before = (size_t)(star - pattern);
  const size_t after = strlen(star + 1);
  return len >= before + after && strncasecmp(pattern, origin, before) == 0 &&
         strncasecmp(star + 1, origin + len - after, after) == 0;
}

/* Printable and without what would end a header field. */
static bool is_plain(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (text[i] <= ' ' || text[i] > '~') {
      return false;
    }
  }
  return true;
}

void oa_cors_read(oa_cors *out, const oa_call *call, const char *const *origins,
                  size_t count) {
  size_t len = 0;
  const char *origin = oa_call_header(call, "origin", &len);
  out->any = false;
  out->origin[0] = '\0';
  if (origin == NULL || len == 0 || len >= sizeof out->origin ||
      !is_plain(origin, len)) {
    return;
  }
  for (size_t i = 0; i < count; i++) {
    if (strcmp(origins[i], "*") == 0) {
      out->any = true;
    } else if (out->origin[0] == '\0' && matches(origins[i], origin, len)) {
      memcpy(out->origin, origin, len);
      out->origin[len] = '\0';
    }
  }
}

static void put(oa_http_field *fields, size_t *used, const char *name,
                const char *value) {
  fields[*used] = (oa_http_field){.name = name, .value = value};
  (*used)++;
}

void oa_cors_put(const oa_cors *cors, oa_http_field *fields, size_t *used) {
  if (cors->origin[0] != '\0') {
    put(fields, used, "access-control-allow-origin", cors->origin);
    /* navigator.sendBeacon() always sends with credentials.  A star may not
     * allow them: any page could then use what the browser knows. */
    put(fields, used, "access-control-allow-credentials", "true");
    put(fields, used, "vary", "origin");
  } else if (cors->any) {
    put(fields, used, "access-control-allow-origin", "*");
  }
}

void oa_cors_put_preflight(oa_cors *cors, const oa_call *call,
                           oa_http_field *fields, size_t *used) {
  size_t len = 0;
  const char *wanted =
      oa_call_header(call, "access-control-request-headers", &len);
  if (cors->origin[0] == '\0' && !cors->any) {
    return;
  }
  const char *headers = usual_headers;
  if (wanted != NULL && len < sizeof cors->headers &&
      oa_field_is_name_list(wanted, len)) {
    memcpy(cors->headers, wanted, len);
    cors->headers[len] = '\0';
    headers = cors->headers;
  }
  oa_cors_put(cors, fields, used);
  put(fields, used, "access-control-allow-methods", "POST");
  put(fields, used, "access-control-allow-headers", headers);
  put(fields, used, "access-control-max-age", "7200");
}
