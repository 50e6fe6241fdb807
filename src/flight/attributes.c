/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/attributes.h"

#include <string.h>

#include "otlp/otlp.h"
#include "wire/json_scan.h"
#include "wire/json_value.h"

/* Field numbers of common.proto. */
enum {
  KEY = 1,
  VALUE = 2,

  ANY_STRING = 1,
  ANY_BOOL = 2,
  ANY_INT = 3,
  ANY_DOUBLE = 4,
  ANY_ARRAY = 5,
  ANY_MAP = 6,

  LIST_VALUES = 1, /* of ArrayValue and of KeyValueList */
};

typedef struct walk {
  oa_emit *emit;
  oa_scan scan;
  oa_buf *scratch;
} walk;

static oa_status put_value(walk *w, unsigned depth);

static oa_status put_string(walk *w, uint32_t field) {
  oa_scan_text text;
  OA_TRY(oa_scan_string(&w->scan, &text));
  if (!text.escaped) {
    oa_emit_bytes(w->emit, field, text.at, text.len);
    return OA_OK;
  }
  w->scratch->len = 0;
  OA_TRY(oa_buf_reserve(w->scratch, text.len));
  const size_t len = oa_scan_unescape(&text, w->scratch->data);
  oa_emit_bytes(w->emit, field, w->scratch->data, len);
  return OA_OK;
}

static bool looks_real(const oa_scan_number *number) {
  for (size_t i = 0; i < number->len; i++) {
    const uint8_t byte = number->at[i];
    if (byte == '.' || byte == 'e' || byte == 'E') {
      return true;
    }
  }
  return false;
}

static oa_status put_number(walk *w) {
  const uint8_t *start = w->scan.at;
  oa_scan_number number;
  int64_t whole;
  double real;
  uint64_t bits;
  OA_TRY(oa_scan_number_at(&w->scan, &number));
  if (!looks_real(&number) && oa_scan_int64(&number, &whole) == NULL) {
    oa_emit_varint(w->emit, ANY_INT, (uint64_t)whole);
    return OA_OK;
  }
  const char *problem = oa_scan_double(&number, &real);
  if (problem != NULL) {
    w->scan.at = start;
    return oa_scan_wrong(&w->scan, problem);
  }
  memcpy(&bits, &real, sizeof bits);
  oa_emit_fixed64(w->emit, ANY_DOUBLE, bits);
  return OA_OK;
}

/* Goes over a comma, or over the bracket CLOSE and sets *END. */
static oa_status go_on(walk *w, uint8_t close, bool *end) {
  const uint8_t next = oa_scan_next(&w->scan);
  if (next != ',' && next != close) {
    return oa_scan_wrong(
        &w->scan, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
  }
  w->scan.at++;
  *end = next == close;
  return OA_OK;
}

/* The members of the object whose bracket stands at the scan. */
static oa_status put_members(walk *w, uint32_t field, unsigned depth) {
  bool end = false;
  w->scan.at++;
  if (oa_scan_next(&w->scan) == '}') {
    w->scan.at++;
    return OA_OK;
  }
  while (!end) {
    if (oa_scan_next(&w->scan) != '"') {
      return oa_scan_wrong(&w->scan, "expected a key in double quotes");
    }
    const oa_emit_nest member = oa_emit_open(w->emit, field, 1);
    OA_TRY(put_string(w, KEY));
    if (oa_scan_next(&w->scan) != ':') {
      return oa_scan_wrong(&w->scan, "expected ':'");
    }
    w->scan.at++;
    if (oa_scan_next(&w->scan) == 'n') {
      OA_TRY(oa_scan_word(&w->scan, "null"));
    } else {
      const oa_emit_nest value = oa_emit_open(w->emit, VALUE, 1);
      OA_TRY(put_value(w, depth));
      oa_emit_close(w->emit, value);
    }
    oa_emit_close(w->emit, member);
    OA_TRY(go_on(w, '}', &end));
  }
  return OA_OK;
}

static oa_status put_items(walk *w, unsigned depth) {
  bool end = false;
  w->scan.at++;
  if (oa_scan_next(&w->scan) == ']') {
    w->scan.at++;
    return OA_OK;
  }
  while (!end) {
    const oa_emit_nest item = oa_emit_open(w->emit, LIST_VALUES, 1);
    if (oa_scan_next(&w->scan) == 'n') {
      OA_TRY(oa_scan_word(&w->scan, "null"));
    } else {
      OA_TRY(put_value(w, depth));
    }
    oa_emit_close(w->emit, item);
    OA_TRY(go_on(w, ']', &end));
  }
  return OA_OK;
}

/* The fields of an AnyValue.  DEPTH is the number of containers around it. */
static oa_status put_value(walk *w, unsigned depth) {
  const uint8_t first = oa_scan_next(&w->scan);
  if (first == '{' || first == '[') {
    if (depth == OA_OTLP_MAX_DEPTH) {
      w->scan.problem = "nested too deep";
      return OA_ERR_LIMIT;
    }
    const oa_emit_nest nest =
        oa_emit_open(w->emit, first == '{' ? ANY_MAP : ANY_ARRAY, 1);
    OA_TRY(first == '{' ? put_members(w, LIST_VALUES, depth + 1)
                        : put_items(w, depth + 1));
    oa_emit_close(w->emit, nest);
    return OA_OK;
  }
  if (first == '"') {
    return put_string(w, ANY_STRING);
  }
  if (first == 't' || first == 'f') {
    OA_TRY(oa_scan_word(&w->scan, first == 't' ? "true" : "false"));
    oa_emit_varint(w->emit, ANY_BOOL, first == 't');
    return OA_OK;
  }
  if (first == '-' || (first >= '0' && first <= '9')) {
    return put_number(w);
  }
  return oa_scan_wrong(&w->scan, "expected a value");
}

static oa_status put_all(walk *w, uint32_t field) {
  const uint8_t first = oa_scan_next(&w->scan);
  if (first == '{') {
    OA_TRY(put_members(w, field, 0));
  } else if (first == 'n') {
    OA_TRY(oa_scan_word(&w->scan, "null"));
  } else if (w->scan.at != w->scan.end) {
    return oa_scan_wrong(&w->scan, "expected an object");
  }
  (void)oa_scan_next(&w->scan);
  return w->scan.at == w->scan.end
             ? w->emit->status
             : oa_scan_wrong(&w->scan, "expected the end");
}

oa_status oa_flight_put_attributes(oa_emit *emit, uint32_t field,
                                   oa_cursor text, oa_buf *scratch,
                                   const char **problem, size_t *at) {
  if (oa_cursor_done(&text)) {
    return OA_OK;
  }
  walk w = {.emit = emit,
            .scan = oa_scan_over(text.at, oa_cursor_left(&text)),
            .scratch = scratch};
  const oa_status status = put_all(&w, field);
  if (status == OA_ERR_MALFORMED || status == OA_ERR_LIMIT) {
    *problem = w.scan.problem != NULL ? w.scan.problem : "it takes 2 GiB";
    *at = (size_t)(w.scan.at - text.at);
  }
  return status;
}
