/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over the messages of an OTLP/JSON text.  It is a loop over a stack
 * of open messages, so deep nesting costs no stack of the machine. */
#include "otlp/json_read_impl.h"

enum {
  /* A message whose length takes another number of bytes than was thought is
   * moved.  A text that is made so that this happens in every one of its
   * levels would cost far more time than its length: it is refused. */
  MOVES_PER_BYTE = 64,
  MOVES_FREE = 1 << 16,
};

static oa_json_frame *top(oa_json_reader *reader) {
  return &reader->frames[reader->depth - 1];
}

/* Bytes that the length of the next message in FRAME will take.  The outer
 * messages hold most of the text, which is about three times as long as their
 * protobuf; others are as long as the one before. */
static size_t guess_width(const oa_json_reader *reader,
                          const oa_json_frame *frame) {
  const size_t outer = 2;
  const size_t left = (size_t)(reader->scan.end - reader->scan.at);
  if (reader->depth <= outer && frame->in_list && frame->index == 0) {
    return left < INT32_MAX ? oa_varint_size(left / 3) : 5;
  }
  return frame->width;
}

/* The object at the scan is FIELD's, one more of the message on top. */
static oa_status open_message(oa_json_reader *reader,
                              const oa_message_field *field) {
  oa_json_frame *frame = top(reader);
  if (oa_scan_next(&reader->scan) != '{') {
    return oa_scan_wrong(&reader->scan, "expected an object");
  }
  if (reader->depth == OA_JSON_MAX_MESSAGES) {
    reader->scan.problem = "values are nested too deep";
    return OA_ERR_LIMIT;
  }
  const oa_emit_nest nest =
      oa_emit_open(&reader->emit, field->number, guess_width(reader, frame));
  reader->scan.at++;
  reader->frames[reader->depth++] =
      (oa_json_frame){.message = field->message, .nest = nest, .width = 1};
  return reader->emit.status;
}

/* Behind the closing brace of the message on top. */
static oa_status close_message(oa_json_reader *reader) {
  const oa_json_frame *frame = top(reader);
  const size_t len = reader->emit.out.len - frame->nest.body;
  const size_t width = oa_varint_size(len);

  if (reader->emit.status != OA_OK) {
    return reader->emit.status;
  }
  if (reader->depth == 1) {
    reader->depth = 0;
    return OA_OK;
  }
  if (width != frame->nest.width) {
    const size_t size = (size_t)(reader->scan.end - reader->text);
    reader->moved += len;
    if (reader->moved / MOVES_PER_BYTE > size + MOVES_FREE) {
      reader->scan.problem = "values are nested too deep for their length";
      return OA_ERR_LIMIT;
    }
  }
  oa_emit_close(&reader->emit, frame->nest);
  reader->depth--;
  top(reader)->width = (uint32_t)width;
  return reader->emit.status;
}

static bool is_name(const oa_scan_text *key, const char *name, size_t len) {
  return key->len == len && memcmp(key->at, name, len) == 0;
}

/* The field that KEY names, or NULL.  Members mostly come in the order of the
 * message, so the search begins behind the one before. */
static const oa_message_field *find_field(oa_json_frame *frame,
                                          const oa_scan_text *key) {
  const oa_message *message = frame->message;
  const uint32_t count = (uint32_t)message->count;
  uint32_t i = frame->hint;

  for (uint32_t n = 0; n < count; n++) {
    const oa_message_field *field = &message->fields[i];
    i = i + 1 == count ? 0 : i + 1;
    if (is_name(key, field->json, field->json_len)) {
      frame->hint = i;
      return field;
    }
  }
  for (i = 0; i < count; i++) {
    const oa_message_field *field = &message->fields[i];
    if (is_name(key, field->name, strlen(field->name))) {
      return field;
    }
  }
  return NULL;
}

/* The value of FIELD, which is the current member. */
static oa_status read_value(oa_json_reader *reader,
                            const oa_message_field *field) {
  oa_json_frame *frame = top(reader);
  const uint8_t first = oa_scan_next(&reader->scan);

  if (first == 'n') {
    return oa_scan_word(&reader->scan, "null");
  }
  if (!field->repeated) {
    return field->message != NULL ? open_message(reader, field)
                                  : oa_json_read_scalar(reader, field);
  }
  if (first != '[') {
    return oa_scan_wrong(&reader->scan, "expected an array");
  }
  reader->scan.at++;
  frame->index = 0;
  if (field->message == NULL) {
    return oa_json_read_list(reader, field);
  }
  if (oa_scan_next(&reader->scan) == ']') {
    reader->scan.at++;
    return OA_OK;
  }
  frame->in_list = true;
  return open_message(reader, field);
}

/* The name of a member and the colon; *FIELD is NULL for an unknown one. */
static oa_status read_name(oa_json_reader *reader,
                           const oa_message_field **field) {
  oa_scan_text key;
  if (oa_scan_next(&reader->scan) != '"') {
    return oa_scan_wrong(&reader->scan, "expected a name in quotes");
  }
  OA_TRY(oa_scan_string(&reader->scan, &key));
  OA_TRY(oa_json_plain(reader, &key));
  if (oa_scan_next(&reader->scan) != ':') {
    return oa_scan_wrong(&reader->scan, "expected ':'");
  }
  reader->scan.at++;
  *field = find_field(top(reader), &key);
  return OA_OK;
}

/* Inside an object: the next member, or the end. */
static oa_status next_member(oa_json_reader *reader, oa_json_frame *frame) {
  const uint8_t next = oa_scan_next(&reader->scan);

  frame->field = NULL;
  if (next == '}') {
    reader->scan.at++;
    return close_message(reader);
  }
  if (frame->begun) {
    if (next != ',') {
      return oa_scan_wrong(&reader->scan, "expected ',' or '}'");
    }
    reader->scan.at++;
  }
  frame->begun = true;
  OA_TRY(read_name(reader, &frame->field));
  frame->index = 0;
  return frame->field == NULL ? oa_scan_skip(&reader->scan)
                              : read_value(reader, frame->field);
}

/* Behind an element of a list of messages. */
static oa_status next_element(oa_json_reader *reader, oa_json_frame *frame) {
  const uint8_t next = oa_scan_next(&reader->scan);

  if (next == ']') {
    reader->scan.at++;
    frame->in_list = false;
    return OA_OK;
  }
  if (next != ',') {
    return oa_scan_wrong(&reader->scan, "expected ',' or ']'");
  }
  reader->scan.at++;
  frame->index++;
  return open_message(reader, frame->field);
}

/* The brace that every text begins with. */
static oa_status open_text(oa_json_reader *reader) {
  const size_t mark = 3;

  if ((size_t)(reader->scan.end - reader->scan.at) >= mark &&
      memcmp(reader->scan.at, "\xEF\xBB\xBF", mark) == 0) {
    return oa_scan_wrong(&reader->scan,
                         "JSON must not begin with a byte order mark");
  }
  if (oa_scan_next(&reader->scan) != '{') {
    return oa_scan_wrong(&reader->scan, "expected an object");
  }
  reader->scan.at++;
  return OA_OK;
}

static oa_status read_text(oa_json_reader *reader) {
  OA_TRY(open_text(reader));
  while (reader->depth > 0) {
    oa_json_frame *frame = top(reader);
    OA_TRY(frame->in_list ? next_element(reader, frame)
                          : next_member(reader, frame));
  }
  oa_scan_next(&reader->scan);
  return reader->scan.at == reader->scan.end
             ? OA_OK
             : oa_scan_wrong(&reader->scan, "expected nothing more");
}

/* The reader is large; its frames are filled as they are opened. */
static void begin(oa_json_reader *reader, uint64_t line, const uint8_t *text,
                  size_t len) {
  static const uint8_t nothing;
  reader->text = len > 0 ? text : &nothing;
  reader->scan = oa_scan_over(reader->text, len);
  reader->emit = (oa_emit){0};
  reader->value = NULL;
  reader->line = line;
  reader->moved = 0;
  reader->depth = 0;
}

oa_status oa_otlp_json_read_line(oa_signal signal, uint64_t line,
                                 const uint8_t *text, size_t len, oa_buf *out,
                                 oa_error *error) {
  oa_json_reader reader;
  const size_t before = out->len;

  begin(&reader, line, text, len);
  reader.emit.out = *out;
  reader.frames[reader.depth++] =
      (oa_json_frame){.message = oa_message_request(signal), .width = 1};
  /* About what it will be; whole pages that stay unused cost nothing. */
  oa_status status = oa_buf_reserve(&reader.emit.out, len / 2);
  if (status == OA_OK) {
    status = read_text(&reader);
  }
  if (status == OA_OK) {
    status = reader.emit.status;
  }
  *out = reader.emit.out;
  if (status == OA_OK) {
    return OA_OK;
  }
  out->len = before;
  return oa_json_explain(&reader, status, oa_signal_name(signal), error);
}

oa_status oa_otlp_json_read(oa_signal signal, const uint8_t *text, size_t len,
                            oa_buf *out, oa_error *error) {
  return oa_otlp_json_read_line(signal, 1, text, len, out, error);
}

static oa_status find_signal(oa_json_reader *reader, oa_signal *out) {
  const oa_message_field *field;

  OA_TRY(open_text(reader));
  if (oa_scan_next(&reader->scan) == '}') {
    return OA_END;
  }
  for (;;) {
    oa_scan before = reader->scan;
    for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
      reader->scan = before;
      reader->frames[0] =
          (oa_json_frame){.message = oa_message_request((oa_signal)signal)};
      OA_TRY(read_name(reader, &field));
      if (field != NULL) {
        *out = (oa_signal)signal;
        return OA_OK;
      }
    }
    OA_TRY(oa_scan_skip(&reader->scan));
    const uint8_t next = oa_scan_next(&reader->scan);
    if (next == '}') {
      return oa_json_wrong_value(reader, reader->text,
                                 "no member is resourceSpans, resourceMetrics "
                                 "or resourceLogs");
    }
    if (next != ',') {
      return oa_scan_wrong(&reader->scan, "expected ',' or '}'");
    }
    reader->scan.at++;
  }
}

oa_status oa_otlp_json_signal(uint64_t line, const uint8_t *text, size_t len,
                              oa_signal *out, oa_error *error) {
  oa_json_reader reader;

  begin(&reader, line, text, len);
  reader.depth = 1;
  const oa_status status = find_signal(&reader, out);
  oa_buf_free(&reader.emit.out);
  if (status == OA_OK || status == OA_END) {
    return status;
  }
  reader.depth = 0;
  return oa_json_explain(&reader, status, "OTLP/JSON", error);
}
