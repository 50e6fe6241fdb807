/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1.h"

#include <string.h>

#include "net/http1_impl.h"

/* In the order in which a request passes through them. */
enum {
  REQUEST_LINE,
  FIELD_LINES,
  LENGTH_BODY,
  CHUNK_FIRST, /* the first digit of a chunk's size */
  CHUNK_DIGITS,
  CHUNK_SPACE, /* between size and extension */
  CHUNK_EXTENSION,
  CHUNK_LF,
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNK_DATA_LF,
  TRAILER_FIRST, /* the first byte of a trailer, or the end */
  TRAILER_NAME,
  TRAILER_VALUE,
  TRAILER_LF,
  LAST_LF,
  ENDED,
  FAILED,
};

void oa_http1_start(oa_http1 *reader, const oa_http1_room *room) {
  *reader = (oa_http1){.room = *room, .state = REQUEST_LINE};
  reader->request.fields = room->fields;
}

bool oa_http1_idle(const oa_http1 *reader) {
  return reader->state == REQUEST_LINE && reader->head_len == 0 &&
         !reader->empty_line;
}

static void advance(oa_http1_bytes *input, size_t len) {
  input->at += len;
  input->len -= len;
}

/* --- the head: whole lines, gathered in the owner's room ------------------ */

/* Bytes of the line at hand that there is room for. */
static size_t line_room(const oa_http1 *reader) {
  size_t room = reader->room.head_size - reader->head_len;
  if (reader->state == REQUEST_LINE) {
    const size_t line = reader->room.max_line + 2;
    const size_t have = reader->head_len - reader->line_start;
    room = room < line - have ? room : line - have;
  }
  return room;
}

static bool refuse_long(oa_http1 *reader) {
  if (reader->state == REQUEST_LINE) {
    return oa_http1_refuse(reader, 414, "the request line is too long");
  }
  return oa_http1_refuse(reader, 431, "the header fields are too long");
}

/* An empty line: the end of the head, or one that some clients send behind a
 * body and that RFC 9112 section 2.2 wants ignored. */
static bool take_empty_line(oa_http1 *reader, bool *done) {
  if (reader->state == FIELD_LINES) {
    *done = true;
    return oa_http1_head_end(reader);
  }
  if (reader->empty_line) {
    return oa_http1_refuse(reader, 400, "there is no request line");
  }
  reader->empty_line = true;
  reader->head_len = 0;
  return true;
}

/* The line that begins at line_start is complete. */
static bool take_line(oa_http1 *reader, bool *done) {
  char *line = reader->room.head + reader->line_start;
  const size_t len = reader->head_len - reader->line_start;
  if (len < 2 || line[len - 2] != '\r') {
    return oa_http1_refuse(reader, 400,
                           "a line must end in carriage return and line feed");
  }
  if (len == 2) {
    return take_empty_line(reader, done);
  }
  reader->line_start = reader->head_len;
  if (reader->state == FIELD_LINES) {
    return oa_http1_field_line(reader, line, len - 2);
  }
  reader->state = FIELD_LINES;
  return oa_http1_request_line(reader, line, len - 2);
}

/* Moves bytes of INPUT, up to a line's end, into the room. */
static bool gather(oa_http1 *reader, oa_http1_bytes *input, bool *whole) {
  /* Said at once, since no line end might ever come. */
  if (reader->state == REQUEST_LINE && reader->head_len == 0 &&
      input->at[0] != '\r' && input->at[0] != '\n' &&
      !oa_http1_is_token(input->at[0])) {
    return oa_http1_refuse(reader, 400,
                           "these bytes are not the beginning of an HTTP "
                           "request");
  }
  const uint8_t *lf = memchr(input->at, '\n', input->len);
  const size_t len = lf == NULL ? input->len : (size_t)(lf - input->at) + 1;
  if (len > line_room(reader)) {
    return refuse_long(reader);
  }
  memcpy(reader->room.head + reader->head_len, input->at, len);
  reader->head_len += (uint32_t)len;
  advance(input, len);
  *whole = lf != NULL;
  return true;
}

static oa_http1_event begin_body(oa_http1 *reader) {
  switch (reader->request.body) {
    case OA_HTTP1_NO_BODY:
      reader->state = ENDED;
      break;
    case OA_HTTP1_LENGTH:
      reader->body_left = reader->request.content_length;
      reader->state = LENGTH_BODY;
      break;
    case OA_HTTP1_CHUNKED:
      reader->state = CHUNK_FIRST;
      break;
  }
  return OA_HTTP1_HEAD;
}

static oa_http1_event fail(oa_http1 *reader) {
  reader->state = FAILED;
  return OA_HTTP1_REFUSED;
}

static oa_http1_event read_head(oa_http1 *reader, oa_http1_bytes *input) {
  bool done = false;
  while (input->len > 0) {
    bool whole = false;
    if (!gather(reader, input, &whole) ||
        (whole && !take_line(reader, &done))) {
      return fail(reader);
    }
    if (done) {
      return begin_body(reader);
    }
  }
  return OA_HTTP1_MORE;
}

/* --- the body ------------------------------------------------------------- */

/* Hands on what there is of the body or chunk; NEXT follows it. */
static oa_http1_event read_data(oa_http1 *reader, oa_http1_bytes *input,
                                oa_http1_bytes *body, unsigned next) {
  size_t len = input->len;
  if (len == 0) {
    return OA_HTTP1_MORE;
  }
  if (len > reader->body_left) {
    len = (size_t)reader->body_left;
  }
  *body = (oa_http1_bytes){input->at, len};
  advance(input, len);
  reader->body_left -= len;
  if (reader->body_left == 0) {
    reader->state = next;
  }
  return OA_HTTP1_BODY;
}

/* The value of a hexadecimal digit, or 16. */
static unsigned hex(uint8_t c) {
  if (c >= '0' && c <= '9') {
    return (unsigned)(c - '0');
  }
  const uint8_t l = c | 0x20;
  return l >= 'a' && l <= 'f' ? (unsigned)(l - 'a' + 10) : 16;
}

static bool move(oa_http1 *reader, unsigned state) {
  reader->state = state;
  return true;
}

static bool skip(oa_http1 *reader, uint32_t max, const char *text) {
  if (reader->skipped == max) {
    return oa_http1_refuse(reader, 431, text);
  }
  reader->skipped++;
  return true;
}

static bool step_size(oa_http1 *reader, uint8_t c) {
  const unsigned digit = hex(c);
  if (digit < 16) {
    if (reader->digits == OA_HTTP1_MAX_CHUNK_DIGITS) {
      return oa_http1_refuse(reader, 400, "the size of a chunk is too long");
    }
    reader->digits++;
    reader->body_left = reader->body_left << 4 | digit;
    return move(reader, CHUNK_DIGITS);
  }
  if (reader->state == CHUNK_DIGITS) {
    switch (c) {
      case '\r':
        return move(reader, CHUNK_LF);
      case ';':
        return move(reader, CHUNK_EXTENSION);
      case ' ':
      case '\t':
        return move(reader, CHUNK_SPACE);
      default:
        break;
    }
  }
  return oa_http1_refuse(reader, 400, "the size of a chunk is malformed");
}

/* RFC 9112 section 7.1.1: space may stand before the semicolon alone. */
static bool step_extension(oa_http1 *reader, uint8_t c) {
  if (reader->state == CHUNK_SPACE && c == ';') {
    reader->state = CHUNK_EXTENSION;
  } else if (reader->state == CHUNK_EXTENSION && c == '\r') {
    return move(reader, CHUNK_LF);
  } else if (reader->state == CHUNK_SPACE ? c != ' ' && c != '\t'
                                          : !oa_http1_is_value(c)) {
    return oa_http1_refuse(reader, 400, "the size of a chunk is malformed");
  }
  return skip(reader, OA_HTTP1_MAX_EXTENSIONS,
              "the chunk extensions are too long");
}

static bool step_chunk_end(oa_http1 *reader, uint8_t c) {
  switch (reader->state) {
    case CHUNK_LF:
      if (c == '\n') {
        if (reader->body_left > 0) {
          return move(reader, CHUNK_DATA);
        }
        reader->skipped = 0;
        return move(reader, TRAILER_FIRST);
      }
      break;
    case CHUNK_DATA_CR:
      if (c == '\r') {
        return move(reader, CHUNK_DATA_LF);
      }
      break;
    default:
      if (c == '\n') {
        reader->digits = 0;
        return move(reader, CHUNK_FIRST);
      }
      break;
  }
  return oa_http1_refuse(reader, 400,
                         "a chunk and its size must end in carriage return "
                         "and line feed");
}

static bool step_trailer(oa_http1 *reader, uint8_t c) {
  bool ok = false;
  switch (reader->state) {
    case TRAILER_FIRST:
      if (c == '\r') {
        return move(reader, LAST_LF);
      }
      ok = oa_http1_is_token(c);
      reader->state = TRAILER_NAME;
      break;
    case TRAILER_NAME:
      ok = c == ':' || oa_http1_is_token(c);
      reader->state = c == ':' ? TRAILER_VALUE : TRAILER_NAME;
      break;
    case TRAILER_VALUE:
      ok = c == '\r' || oa_http1_is_value(c);
      reader->state = c == '\r' ? TRAILER_LF : TRAILER_VALUE;
      break;
    case TRAILER_LF:
      ok = c == '\n';
      reader->state = TRAILER_FIRST;
      break;
    default: /* LAST_LF */
      if (c == '\n') {
        return move(reader, ENDED);
      }
      break;
  }
  if (!ok) {
    return oa_http1_refuse(reader, 400, "a trailer field is malformed");
  }
  return skip(reader, OA_HTTP1_MAX_TRAILERS, "the trailer fields are too long");
}

static bool step(oa_http1 *reader, uint8_t c) {
  switch (reader->state) {
    case CHUNK_FIRST:
    case CHUNK_DIGITS:
      return step_size(reader, c);
    case CHUNK_SPACE:
    case CHUNK_EXTENSION:
      return step_extension(reader, c);
    case CHUNK_LF:
    case CHUNK_DATA_CR:
    case CHUNK_DATA_LF:
      return step_chunk_end(reader, c);
    default:
      return step_trailer(reader, c);
  }
}

static oa_http1_event read_chunked(oa_http1 *reader, oa_http1_bytes *input,
                                   oa_http1_bytes *body) {
  while (reader->state != ENDED) {
    if (reader->state == CHUNK_DATA) {
      return read_data(reader, input, body, CHUNK_DATA_CR);
    }
    if (input->len == 0) {
      return OA_HTTP1_MORE;
    }
    const uint8_t c = input->at[0];
    advance(input, 1);
    if (!step(reader, c)) {
      return fail(reader);
    }
  }
  return OA_HTTP1_END;
}

oa_http1_event oa_http1_next(oa_http1 *reader, oa_http1_bytes *input,
                             oa_http1_bytes *body) {
  switch (reader->state) {
    case REQUEST_LINE:
    case FIELD_LINES:
      return read_head(reader, input);
    case LENGTH_BODY:
      return read_data(reader, input, body, ENDED);
    case ENDED:
      return OA_HTTP1_END;
    case FAILED:
      return OA_HTTP1_REFUSED;
    default:
      return read_chunked(reader, input, body);
  }
}
