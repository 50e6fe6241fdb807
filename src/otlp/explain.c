/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "otlp/message.h"
#include "otlp/otlp.h"

enum {
  PATH_SIZE = 128,
  MAX_FIELDS = 17, /* of the largest message, and one for unknown ones */
};

typedef struct walk {
  const uint8_t *start;
  const uint8_t *bad; /* where it went wrong; NULL while nothing did */
  oa_status status;
  char path[PATH_SIZE];
  size_t path_len;
} walk;

/* Adds ".NAME" or ".NAME[INDEX]"; what does not fit is left out. */
static void push(walk *w, const oa_message_field *field, uint32_t index) {
  char *at = w->path + w->path_len;
  const size_t room = sizeof w->path - w->path_len;
  const char *dot = w->path_len == 0 ? "" : ".";
  int len = field->repeated
                ? snprintf(at, room, "%s%s[%u]", dot, field->name, index)
                : snprintf(at, room, "%s%s", dot, field->name);
  if (len > 0 && (size_t)len < room) {
    w->path_len += (size_t)len;
  } else {
    *at = '\0';
  }
}

static bool fail(walk *w, const uint8_t *at, oa_status status) {
  w->bad = at;
  w->status = status;
  return false;
}

/* The elements of a packed field. */
static bool walk_packed(walk *w, const oa_message_field *field,
                        oa_cursor bytes) {
  if (field->kind == OA_KIND_FIXED64) {
    return oa_cursor_left(&bytes) % 8 == 0 ||
           fail(w, bytes.at, OA_ERR_TRUNCATED);
  }
  while (!oa_cursor_done(&bytes)) {
    uint64_t ignored;
    const uint8_t *at = bytes.at;
    const oa_status status = oa_cursor_varint(&bytes, &ignored);
    if (status != OA_OK) {
      return fail(w, at, status);
    }
  }
  return true;
}

static bool walk_message(walk *w, const oa_message *message, oa_cursor cursor,
                         unsigned depth) {
  uint32_t seen[MAX_FIELDS] = {0};

  while (!oa_cursor_done(&cursor)) {
    const uint8_t *at = cursor.at;
    uint32_t tag;
    oa_status status = oa_cursor_tag(&cursor, &tag);
    if (status != OA_OK) {
      return fail(w, at, status);
    }
    const size_t i = oa_message_find(message, tag >> 3);
    const oa_message_field *field =
        i < message->count ? &message->fields[i] : NULL;
    const size_t path_len = w->path_len;
    if (field != NULL) {
      push(w, field, seen[i]++);
    }
    oa_cursor bytes = {0};
    status = (tag & 7) == OA_WIRE_BYTES ? oa_cursor_bytes(&cursor, &bytes)
                                        : oa_cursor_skip(&cursor, tag);
    if (status != OA_OK) {
      return fail(w, at, status);
    }
    if (field != NULL && (tag & 7) == OA_WIRE_BYTES) {
      const bool packed = field->kind < OA_KIND_STRING && field->repeated;
      if (field->kind == OA_KIND_MESSAGE && depth < 4 * OA_OTLP_MAX_DEPTH &&
          !walk_message(w, field->message, bytes, depth + 1)) {
        return false;
      }
      if (packed && !walk_packed(w, field, bytes)) {
        return false;
      }
    }
    w->path_len = path_len;
    w->path[path_len] = '\0';
  }
  return true;
}

void oa_message_explain(oa_signal signal, const uint8_t *bytes, size_t len,
                        oa_error *error) {
  walk w = {.start = bytes};
  if (walk_message(&w, oa_message_request(signal), oa_cursor_over(bytes, len),
                   0)) {
    oa_error_set(error, OA_ERR_MALFORMED, "%s: malformed request",
                 oa_signal_name(signal));
    return;
  }
  oa_error_set(
      error, w.status, "%s: %s%sat byte %zu of %zu: %s", oa_signal_name(signal),
      w.path, w.path_len > 0 ? " " : "", (size_t)(w.bad - w.start), len,
      w.status == OA_ERR_TRUNCATED ? "the value passes the end of its message"
                                   : "no valid protobuf encoding");
}
