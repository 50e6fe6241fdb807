/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/flight_ticket.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flight/form.h"
#include "wire/json_scan.h"
#include "wire/json_value.h"

/* --- the filter --- */

static oa_status complain(const oa_scan *scan, const uint8_t *start,
                          oa_error *error) {
  return oa_error_set(error, OA_ERR_MALFORMED,
                      "the filter is not JSON like {\"signal\": \"traces\", "
                      "\"from_ns\": 1, \"to_ns\": 2}: %s at byte %zu",
                      scan->problem, (size_t)(scan->at - start));
}

static bool text_is(const oa_scan_text *text, const char *word) {
  return oa_flight_is(oa_cursor_over(text->at, text->len), word);
}

static oa_status read_signal(oa_scan *scan, oa_flight_filter *out) {
  const uint8_t *start = scan->at;
  oa_scan_text text;
  oa_signal signal;
  if (oa_scan_next(scan) != '"') {
    return oa_scan_wrong(scan, "expected the name of a signal");
  }
  OA_TRY(oa_scan_string(scan, &text));
  if (!oa_flight_signal_named(oa_cursor_over(text.at, text.len), &signal)) {
    scan->at = start;
    return oa_scan_wrong(scan, "expected traces, metrics or logs");
  }
  out->signal = (int)signal;
  return OA_OK;
}

/* A number, or a number in quotes: 64 bits are more than JavaScript has. */
static oa_status read_time(oa_scan *scan, uint64_t *out) {
  const uint8_t *start = scan->at;
  const bool quoted = oa_scan_next(scan) == '"';
  oa_scan_number number;
  scan->at += quoted ? 1 : 0;
  OA_TRY(oa_scan_number_at(scan, &number));
  const char *problem = oa_scan_uint64(&number, out);
  if (problem != NULL) {
    scan->at = start;
    return oa_scan_wrong(scan, problem);
  }
  if (quoted && (scan->at == scan->end || *scan->at++ != '"')) {
    return oa_scan_wrong(scan, "expected '\"'");
  }
  return OA_OK;
}

static oa_status read_member(oa_scan *scan, oa_flight_filter *out) {
  oa_scan_text key;
  const uint8_t *start = scan->at;
  if (oa_scan_next(scan) != '"') {
    return oa_scan_wrong(scan, "expected a key in double quotes");
  }
  OA_TRY(oa_scan_string(scan, &key));
  if (oa_scan_next(scan) != ':') {
    return oa_scan_wrong(scan, "expected ':'");
  }
  scan->at++;
  (void)oa_scan_next(scan);
  if (text_is(&key, "signal")) {
    return read_signal(scan, out);
  }
  if (text_is(&key, "from_ns") || text_is(&key, "to_ns")) {
    out->timed = true;
    return read_time(scan, text_is(&key, "from_ns") ? &out->from : &out->to);
  }
  scan->at = start;
  return oa_scan_wrong(scan, "a filter has signal, from_ns and to_ns only");
}

static oa_status read_filter(oa_scan *scan, oa_flight_filter *out) {
  if (oa_scan_next(scan) != '{') {
    return oa_scan_wrong(scan, "expected an object");
  }
  scan->at++;
  bool end = oa_scan_next(scan) == '}';
  scan->at += end ? 1 : 0;
  while (!end) {
    OA_TRY(read_member(scan, out));
    const uint8_t next = oa_scan_next(scan);
    if (next != ',' && next != '}') {
      return oa_scan_wrong(scan, "expected ',' or '}'");
    }
    scan->at++;
    (void)oa_scan_next(scan);
    end = next == '}';
  }
  (void)oa_scan_next(scan);
  return scan->at == scan->end ? OA_OK
                               : oa_scan_wrong(scan, "expected the end");
}

oa_status oa_flight_filter_read(oa_cursor text, oa_flight_filter *out,
                                oa_error *error) {
  oa_flight_filter filter = {.signal = -1, .to = UINT64_MAX};
  if (!oa_cursor_done(&text)) {
    oa_scan scan = oa_scan_over(text.at, oa_cursor_left(&text));
    if (read_filter(&scan, &filter) != OA_OK) {
      return complain(&scan, text.at, error);
    }
  }
  *out = filter;
  return OA_OK;
}

/* --- names and tickets --- */

oa_name_rule oa_flight_rule(oa_signal signal, const char *extension) {
  return (oa_name_rule){.prefix = "otlp",
                        .stream = oa_signal_name(signal),
                        .extension = extension};
}

/* Copies a text that must be short and without NUL. */
static bool copy_text(oa_cursor text, char *out, size_t size) {
  const size_t len = oa_cursor_left(&text);
  if (len == 0 || len >= size || memchr(text.at, 0, len) != NULL) {
    return false;
  }
  memcpy(out, text.at, len);
  out[len] = '\0';
  return true;
}

bool oa_flight_name_read(oa_cursor text, oa_signal signal,
                         const char *extension, oa_name *out) {
  char name[OA_NAME_SIZE];
  const oa_name_rule rule = oa_flight_rule(signal, extension);
  return copy_text(text, name, sizeof name) && oa_name_parse(&rule, name, out);
}

void oa_flight_ticket_write(const oa_flight_ticket *ticket,
                            const char *extension,
                            char out[OA_FLIGHT_TICKET_SIZE]) {
  char name[OA_NAME_SIZE];
  const oa_name_rule rule = oa_flight_rule(ticket->signal, extension);
  oa_name_text(&rule, &ticket->name, name);
  if (ticket->filter.timed) {
    snprintf(out, OA_FLIGHT_TICKET_SIZE, "%s/%s?%" PRIu64 "-%" PRIu64,
             oa_signal_name(ticket->signal), name, ticket->filter.from,
             ticket->filter.to);
  } else {
    snprintf(out, OA_FLIGHT_TICKET_SIZE, "%s/%s",
             oa_signal_name(ticket->signal), name);
  }
}

/* The part of TEXT before BYTE, which goes too; false when it is not there. */
static bool split(oa_cursor *text, uint8_t byte, oa_cursor *before) {
  const size_t len = oa_cursor_left(text);
  const uint8_t *at = len == 0 ? NULL : memchr(text->at, byte, len);
  if (at == NULL) {
    return false;
  }
  *before = (oa_cursor){text->at, at};
  text->at = at + 1;
  return true;
}

static bool read_number(oa_cursor text, uint64_t *out) {
  uint64_t value = 0;
  if (oa_cursor_done(&text)) {
    return false;
  }
  for (; text.at != text.end; text.at++) {
    if (*text.at < '0' || *text.at > '9' ||
        __builtin_mul_overflow(value, UINT64_C(10), &value) ||
        __builtin_add_overflow(value, (uint64_t)(*text.at - '0'), &value)) {
      return false;
    }
  }
  *out = value;
  return true;
}

static bool parse_ticket(oa_cursor text, const char *extension,
                         oa_flight_ticket *out) {
  oa_cursor signal;
  oa_cursor name;
  oa_cursor from;
  out->filter = (oa_flight_filter){.signal = -1, .to = UINT64_MAX};
  if (!split(&text, '/', &signal) ||
      !oa_flight_signal_named(signal, &out->signal)) {
    return false;
  }
  if (!split(&text, '?', &name)) {
    return oa_flight_name_read(text, out->signal, extension, &out->name);
  }
  out->filter.timed = true;
  return split(&text, '-', &from) && read_number(from, &out->filter.from) &&
         read_number(text, &out->filter.to) &&
         oa_flight_name_read(name, out->signal, extension, &out->name);
}

oa_status oa_flight_ticket_read(oa_cursor text, const char *extension,
                                oa_flight_ticket *out, oa_error *error) {
  oa_flight_ticket ticket;
  memset(&ticket, 0, sizeof ticket);
  if (!parse_ticket(text, extension, &ticket)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "this is no ticket of this server; take one from "
                        "GetFlightInfo or ListFlights");
  }
  ticket.filter.signal = (int)ticket.signal;
  *out = ticket;
  return OA_OK;
}
