/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, whole and in pieces, as HTTP/1.1 requests: both ways give
 * the same events, nothing is read or written outside its room, and what is
 * said of a request is true of its texts. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEAD = 2048, FIELDS = 16, LINE = 512 };

typedef struct reading {
  char *head;
  oa_http1_field *fields;
  oa_http1_room room;
  oa_http1 reader;
  uint64_t sum; /* of all events */
  uint64_t body;
  bool over;
} reading;

static void check(bool promise) {
  if (!promise) {
    abort();
  }
}

/* FNV-1a: order counts, pieces do not. */
static void add(reading *r, const void *data, size_t len) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < len; i++) {
    r->sum = (r->sum ^ bytes[i]) * UINT64_C(1099511628211);
  }
}

static void add_text(reading *r, oa_http1_text text, const char *allowed) {
  const bool inside = text.data >= r->head && text.data < r->head + HEAD &&
                      text.len <= (size_t)(r->head + HEAD - text.data);
  check(text.len == 0 || inside || (text.len == 1 && *text.data == '/'));
  for (size_t i = 0; i < text.len; i++) {
    const uint8_t c = (uint8_t)text.data[i];
    check((c >= 0x20 && c != 0x7F) || c == '\t');
    check(allowed == NULL || strchr(allowed, c) == NULL);
  }
  add(r, text.data, text.len);
  add(r, "", 1);
}

static void add_head(reading *r) {
  const oa_http1_request *q = &r->reader.request;
  check(q->method.len > 0 && q->path.len > 0 && q->minor <= 1);
  check(q->field_count <= FIELDS);
  check((q->body == OA_HTTP1_LENGTH) == (q->content_length > 0));
  check(q->minor == 1 || q->body != OA_HTTP1_CHUNKED);
  check(!q->expect_100 || q->body != OA_HTTP1_NO_BODY);
  add_text(r, q->method, " \t/:");
  add_text(r, q->path, " \t?#");
  add_text(r, q->query, " \t#");
  add_text(r, q->host, " \t/@,");
  for (size_t i = 0; i < q->field_count; i++) {
    add_text(r, q->fields[i].name, " \t:ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    add_text(r, q->fields[i].value, NULL);
  }
  r->body = 0;
}

static void feed(reading *r, const uint8_t *data, size_t len) {
  oa_http1_bytes input = {data, len};
  const uint8_t *end = data + len;
  while (!r->over) {
    oa_http1_bytes body = {NULL, 0};
    const oa_http1_event event = oa_http1_next(&r->reader, &input, &body);
    check(input.at + input.len == end);
    if (event == OA_HTTP1_MORE) {
      check(input.len == 0);
      return;
    }
    if (event == OA_HTTP1_HEAD) {
      add_head(r);
    } else if (event == OA_HTTP1_BODY) {
      check(body.len > 0 && body.at + body.len == input.at);
      add(r, body.at, body.len);
      r->body += body.len;
    } else if (event == OA_HTTP1_END) {
      check(r->reader.request.body != OA_HTTP1_LENGTH ||
            r->body == r->reader.request.content_length);
      add(r, "end", 3);
      oa_http1_start(&r->reader, &r->room);
    } else {
      const oa_http1_refusal refusal = r->reader.refusal;
      check(oa_http1_reason(refusal.status)[0] != '\0');
      check(refusal.text != NULL);
      add(r, refusal.text, strlen(refusal.text));
      r->over = true;
    }
  }
}

/* Reads DATA, PIECE bytes at a time. */
static uint64_t run(const uint8_t *data, size_t len, size_t piece) {
  reading r = {.head = oa_malloc(HEAD),
               .fields = oa_calloc(FIELDS, sizeof(oa_http1_field))};
  check(r.head != NULL && r.fields != NULL);
  r.room = (oa_http1_room){.head = r.head,
                           .head_size = HEAD,
                           .fields = r.fields,
                           .max_fields = FIELDS,
                           .max_line = LINE};
  oa_http1_start(&r.reader, &r.room);
  for (size_t at = 0; at < len; at += piece) {
    feed(&r, data + at, len - at < piece ? len - at : piece);
  }
  oa_free(r.head);
  oa_free(r.fields);
  return r.sum;
}

/* What we repeat in an answer never becomes a line of its own. */
static void put(const uint8_t *data, size_t len) {
  char *text = oa_strndup((const char *)data, len);
  check(text != NULL);
  const oa_http1_header header = {"X-Repeated", text};
  const oa_http1_answer answer = {
      .status = 200, .headers = &header, .header_count = 1, .keep_alive = true};
  oa_buf out = {0};
  const oa_status status = oa_http1_put_head(&out, &answer);
  check(status == OA_OK || (status == OA_ERR_MALFORMED && out.len == 0));
  size_t lines = 0;
  for (size_t i = 0; i < out.len; i++) {
    lines += out.data[i] == '\n' ? 1 : 0;
  }
  /* Status, ours, Content-Length, Connection, and the empty one. */
  check(status != OA_OK || lines == 5);
  oa_buf_free(&out);
  oa_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  const uint64_t whole = run(data, len, len > 0 ? len : 1);
  check(run(data, len, 1) == whole);
  check(run(data, len, 7) == whole);
  put(data, len);
  return 0;
}
