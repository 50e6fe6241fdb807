/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1_session.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
  /* The rest of a body that was answered early is read and thrown away, so
   * that the connection lives on, up to this; a longer one ends it. */
  MAX_DISCARDED = 1024 * 1024,
  NS_PER_SECOND = 1000000000,
};

static void free_room(oa_http1_session *session) {
  oa_free(session->room.head);
  oa_free(session->room.fields);
  session->room = (oa_http1_room){0};
}

/* Room for a head, which is bounded like those of HTTP/2. */
static oa_status make_room(oa_http1_session *session, size_t head_size) {
  session->room = (oa_http1_room){
      .head = oa_malloc(head_size),
      .head_size = head_size,
      .fields = oa_calloc(OA_HTTP1_MAX_FIELDS, sizeof *session->room.fields),
      .max_fields = OA_HTTP1_MAX_FIELDS,
      .max_line = OA_HTTP1_MAX_LINE,
  };
  if (session->room.head == NULL || session->room.fields == NULL) {
    free_room(session);
    return OA_ERR_NOMEM;
  }
  return OA_OK;
}

oa_status oa_http1_open(oa_connection *connection) {
  connection->http1 = oa_calloc(1, sizeof *connection->http1);
  return connection->http1 == NULL ? OA_ERR_NOMEM : OA_OK;
}

void oa_http1_close(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  if (session == NULL) {
    return;
  }
  free_room(session);
  oa_buf_free(&session->rest);
  oa_buf_free(&session->pending);
  oa_buf_free(&session->out);
  oa_free(session);
  connection->http1 = NULL;
}

/* --- answers --- */

static bool keeps_alive(const oa_http1_session *session) {
  const oa_http1_request *request = &session->reader.request;
  if (session->closing || session->last || !request->keep_alive) {
    return false;
  }
  if (session->complete || request->body == OA_HTTP1_NO_BODY) {
    return true;
  }
  /* Answered early.  Who waits for "100 Continue" may or may not send the
   * body now. */
  return !request->expect_100 && request->body == OA_HTTP1_LENGTH &&
         request->content_length <= MAX_DISCARDED;
}

static oa_status put_answer(oa_http1_session *session,
                            const oa_http_reply_data *reply, bool head_only) {
  oa_http1_header headers[OA_HTTP_MAX_FIELDS + 1];
  size_t count = 0;
  if (reply->content_type != NULL) {
    headers[count++] = (oa_http1_header){"content-type", reply->content_type};
  }
  for (size_t i = 0; i < OA_HTTP_MAX_FIELDS && reply->fields[i].name != NULL;
       i++) {
    headers[count++] =
        (oa_http1_header){reply->fields[i].name, reply->fields[i].value};
  }
  const oa_http1_answer answer = {.status = reply->status,
                                  .headers = headers,
                                  .header_count = count,
                                  .content_length = reply->body_len,
                                  .date = oa_clock_wall_ns() / NS_PER_SECOND,
                                  .minor = session->reader.request.minor,
                                  .keep_alive = !session->closing};
  OA_TRY(oa_http1_put_head(&session->out, &answer));
  return head_only ? OA_OK
                   : oa_buf_put(&session->out, reply->body, reply->body_len);
}

/* The reader refuses what has come. */
static void answer_refusal(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  const oa_http1_refusal *refusal = &session->reader.refusal;
  char text[160];
  const int len = snprintf(text, sizeof text, "%s.\n", refusal->text);
  const oa_http_reply_data reply = {
      .status = refusal->status,
      .content_type = "text/plain; charset=utf-8",
      .body = (const uint8_t *)text,
      .body_len = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1};
  session->closing = true;
  session->reader.request.minor = 1;
  if (session->stream != NULL) {
    /* In the middle of a body: the handler's call ends here. */
    oa_stream *stream = session->stream;
    if (stream->state != OA_STREAM_ANSWERED) {
      oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0, "%s", refusal->text);
    }
    return;
  }
  if (put_answer(session, &reply, false) != OA_OK) {
    session->out.len = 0;
  }
}

bool oa_http1_time_out(oa_connection *connection) {
  static const char text[] = "The request did not come in time.\n";
  oa_http1_session *session = connection->http1;
  const oa_http_reply_data reply = {.status = 408,
                                    .content_type = "text/plain; charset=utf-8",
                                    .body = (const uint8_t *)text,
                                    .body_len = sizeof text - 1};
  if (!session->started || session->answered || session->stream != NULL ||
      session->closing) {
    return false;
  }
  session->closing = true;
  session->reader.request.minor = 1;
  if (put_answer(session, &reply, false) != OA_OK) {
    session->out.len = 0;
  }
  oa_connection_touch(connection);
  return true;
}

void oa_http1_reply(oa_stream *stream, const oa_http_reply_data *reply) {
  oa_connection *connection = stream->connection;
  oa_http1_session *session = connection->http1;
  const size_t before = session->out.len;
  /* Who was too slow would be so with the rest (RFC 9110, 15.5.9). */
  session->closing = stream->late || !keeps_alive(session);
  if (put_answer(session, reply, strcmp(stream->head.method, "HEAD") == 0) !=
      OA_OK) {
    session->out.len = before;
    session->closing = true;
  }
  oa_connection_touch(connection);
}

/* --- requests --- */

static oa_status put_field(oa_stream *stream, const char *name, size_t name_len,
                           oa_http1_text value) {
  return oa_stream_header(stream, (const uint8_t *)name, name_len,
                          (const uint8_t *)value.data, value.len);
}

static oa_status put_head(oa_stream *stream, const oa_http1_request *request) {
  const oa_http1_text target = {request->path.data, request->path.len};
  OA_TRY(put_field(stream, ":method", 7, request->method));
  if (request->query.len > 0 &&
      request->query.data == request->path.data + request->path.len + 1) {
    /* Path and query stand in one piece in the target, unless the path is
     * missing ("http://host?query") and "/" has taken its place. */
    const oa_http1_text whole = {
        request->path.data, (size_t)(request->query.data + request->query.len -
                                     request->path.data)};
    OA_TRY(put_field(stream, ":path", 5, whole));
  } else {
    OA_TRY(put_field(stream, ":path", 5, target));
  }
  for (size_t i = 0; i < request->field_count; i++) {
    const oa_http1_field *field = &request->fields[i];
    OA_TRY(put_field(stream, field->name.data, field->name.len, field->value));
  }
  return OA_OK;
}

/* The head is complete: the request becomes a stream. */
static void begin(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  const oa_http1_request *request = &session->reader.request;
  oa_stream *stream = oa_stream_open(connection, 0);
  if (stream == NULL) {
    oa_connection_fail(connection);
    return;
  }
  stream->http1 = true;
  session->stream = stream;
  if (put_head(stream, request) != OA_OK) {
    oa_connection_fail(connection);
    return;
  }
  oa_stream_begin(stream);
  if (request->expect_100 && stream->state == OA_STREAM_BODY &&
      oa_buf_put(&session->out, OA_HTTP1_CONTINUE,
                 sizeof OA_HTTP1_CONTINUE - 1) != OA_OK) {
    oa_connection_fail(connection);
  }
}

static void take_body(oa_connection *connection, oa_http1_bytes body) {
  oa_http1_session *session = connection->http1;
  oa_stream *stream = session->stream;
  size_t taken = body.len;
  if (stream != NULL && stream->state != OA_STREAM_ANSWERED) {
    taken = oa_message_receive(stream, body.at, body.len);
    if (stream->state == OA_STREAM_ANSWERED) {
      taken = body.len;
    }
  } else {
    session->discarded += body.len;
    if (session->discarded > MAX_DISCARDED) {
      session->closing = true;
    }
  }
  if (taken < body.len &&
      oa_buf_put(&session->rest, body.at + taken, body.len - taken) != OA_OK) {
    oa_connection_fail(connection);
  }
}

/* Nothing of the last request is left. */
static void reset(oa_http1_session *session) {
  session->started = false;
  session->answered = false;
  session->complete = false;
  free_room(session);
}

static void end(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  oa_stream *stream = session->stream;
  session->complete = true;
  if (stream == NULL) {
    reset(session); /* it was answered before */
    oa_connection_streams_changed(connection);
  } else if (stream->state != OA_STREAM_ANSWERED) {
    oa_message_end(stream);
  }
}

bool oa_http1_waits(const oa_connection *connection) {
  const oa_http1_session *session = connection->http1;
  return session->rest.len > 0 || session->complete || session->closing;
}

/* Before the first byte of a request. */
static bool start(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  if (session->room.head == NULL &&
      make_room(session, connection->thread->options->max_header_bytes) !=
          OA_OK) {
    oa_connection_fail(connection);
    return false;
  }
  oa_http1_start(&session->reader, &session->room);
  session->started = true;
  session->complete = false;
  session->discarded = 0;
  oa_connection_expect(connection);
  return true;
}

static void refuse(oa_connection *connection) {
  answer_refusal(connection);
  connection->http1->closing = true;
}

/* Works on LEN bytes as far as it can now and returns how many those were. */
static size_t feed(oa_connection *connection, const uint8_t *data, size_t len) {
  oa_http1_session *session = connection->http1;
  oa_http1_bytes input = {data, len};
  oa_http1_bytes body = {0};
  oa_http1_event event = OA_HTTP1_BODY;
  while (event != OA_HTTP1_MORE && !connection->failed &&
         !oa_http1_waits(connection)) {
    if (!session->started && (input.len == 0 || !start(connection))) {
      break;
    }
    event = oa_http1_next(&session->reader, &input, &body);
    if (event == OA_HTTP1_HEAD) {
      begin(connection);
    } else if (event == OA_HTTP1_BODY) {
      take_body(connection, body);
    } else if (event == OA_HTTP1_END) {
      end(connection);
    } else if (event == OA_HTTP1_REFUSED) {
      refuse(connection);
    }
  }
  return len - input.len;
}

void oa_http1_receive(oa_connection *connection, const uint8_t *data,
                      size_t len) {
  oa_http1_session *session = connection->http1;
  size_t used = 0;
  if (session->closing) {
    return;
  }
  if (session->pending.len == 0) {
    used = feed(connection, data, len);
  }
  if (used < len &&
      oa_buf_put(&session->pending, data + used, len - used) != OA_OK) {
    oa_connection_fail(connection);
  }
  oa_connection_touch(connection);
}

/* The stream may take what it could not take before. */
static void take_rest(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  oa_stream *stream = session->stream;
  oa_buf *rest = &session->rest;
  size_t taken = rest->len;
  if (stream != NULL && stream->state != OA_STREAM_ANSWERED) {
    taken = oa_message_receive(stream, rest->data, rest->len);
    if (stream->state == OA_STREAM_ANSWERED) {
      taken = rest->len;
    }
  }
  if (taken > 0) {
    memmove(rest->data, rest->data + taken, rest->len - taken);
    rest->len -= taken;
  }
  if (rest->len == 0) {
    oa_buf_free(rest);
  }
}

bool oa_http1_work(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  if (session->rest.len > 0) {
    take_rest(connection);
  }
  if (!oa_http1_waits(connection)) {
    oa_buf bytes = session->pending;
    session->pending = (oa_buf){0};
    const size_t used = feed(connection, bytes.data, bytes.len);
    if (used < bytes.len) {
      memmove(bytes.data, bytes.data + used, bytes.len - used);
      bytes.len -= used;
      session->pending = bytes;
    } else {
      oa_buf_free(&bytes);
    }
  }
  return session->closing && (session->stream == NULL ||
                              session->stream->state == OA_STREAM_ANSWERED);
}

bool oa_http1_sent(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  oa_stream *stream = session->stream;
  session->out.len = 0;
  if (stream == NULL || stream->state != OA_STREAM_ANSWERED) {
    return false;
  }
  session->stream = NULL;
  oa_stream_closed(stream);
  if (session->complete) {
    reset(session);
    oa_buf_free(&session->out);
  } else {
    /* The rest of its body, which nobody waits for, may come, but soon. */
    session->answered = true;
    oa_connection_expect(connection);
  }
  return session->pending.len > 0;
}

void oa_http1_say_goaway(oa_connection *connection) {
  oa_http1_session *session = connection->http1;
  const oa_stream *stream = session->stream;
  if (stream != NULL && stream->state != OA_STREAM_ANSWERED) {
    session->last = true; /* the rest of its body may still come */
  } else {
    session->closing = true;
  }
  oa_connection_touch(connection);
}
