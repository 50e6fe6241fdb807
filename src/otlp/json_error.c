/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "otlp/json_read_impl.h"

enum { PATH_SIZE = 128, FOUND_SIZE = 32 };

/* The members down to where the reader stands, as "resourceSpans[0].resource".
 * A long path ends in "...". */
static void write_path(const oa_json_reader *reader, char out[PATH_SIZE]) {
  static const char cut[] = "...";
  size_t len = 0;

  out[0] = '\0';
  for (size_t i = 0; i < reader->depth; i++) {
    const oa_json_frame *frame = &reader->frames[i];
    const oa_message_field *field = frame->field;
    const size_t room = PATH_SIZE - sizeof cut - len;
    if (field == NULL) {
      return;
    }
    const char *dot = len == 0 ? "" : ".";
    const int n = frame->in_list
                      ? snprintf(out + len, room, "%s%s[%u]", dot, field->json,
                                 (unsigned)frame->index)
                      : snprintf(out + len, room, "%s%s", dot, field->json);
    if (n < 0 || (size_t)n >= room) {
      memcpy(out + len, cut, sizeof cut);
      return;
    }
    len += (size_t)n;
  }
}

/* What kind of thing begins with the byte at AT. */
static const char *name_found(const uint8_t *at, const uint8_t *end,
                              char out[FOUND_SIZE]) {
  static const char *const words[] = {"true", "false", "null"};

  if (at == end) {
    return "the end of the text";
  }
  switch (*at) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    default:
      break;
  }
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    const size_t len = strlen(words[i]);
    if ((size_t)(end - at) >= len && memcmp(at, words[i], len) == 0) {
      return words[i];
    }
  }
  if (*at == '-' || (*at >= '0' && *at <= '9')) {
    return "a number";
  }
  if (*at > ' ' && *at < 0x7F) {
    snprintf(out, FOUND_SIZE, "'%c'", *at);
  } else {
    snprintf(out, FOUND_SIZE, "byte 0x%02X", *at);
  }
  return out;
}

/* The line of AT, and how many bytes of it come before. */
static uint64_t find_line(const oa_json_reader *reader, const uint8_t *at,
                          size_t *before) {
  const uint8_t *start = reader->text;
  uint64_t line = reader->line;
  for (const uint8_t *byte = start; byte != at; byte++) {
    if (*byte == '\n') {
      line++;
      start = byte + 1;
    }
  }
  *before = (size_t)(at - start);
  return line;
}

oa_status oa_json_explain(const oa_json_reader *reader, oa_status status,
                          const char *label, oa_error *error) {
  static const char expected[] = "expected";
  const uint8_t *at = reader->value != NULL ? reader->value : reader->scan.at;
  const char *problem = reader->scan.problem;
  char path[PATH_SIZE];
  char buffer[FOUND_SIZE];
  const char *found = "";
  size_t before;

  if (problem == NULL) {
    return oa_error_set(error, status, "%s: %s", label, oa_status_text(status));
  }
  if (status == OA_ERR_MALFORMED && at == reader->scan.end) {
    status = OA_ERR_TRUNCATED;
  }
  const unsigned long long line =
      (unsigned long long)find_line(reader, at, &before);
  write_path(reader, path);
  if (strncmp(problem, expected, sizeof expected - 1) == 0) {
    found = name_found(at, reader->scan.end, buffer);
  }
  return oa_error_set(
      error, status, "%s: %s%sat byte %zu (line %llu, column %zu): %s%s%s",
      label, path, path[0] == '\0' ? "" : " ", (size_t)(at - reader->text),
      line, before + 1, problem, found[0] == '\0' ? "" : ", found ", found);
}
