/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http2.h"

#include "base/mem.h"
#include "net/stream.h"

enum {
  /* All streams together may always send this much; the brake is the window
   * of each stream. */
  CONNECTION_WINDOW = 64 * 1024 * 1024,
  /* Larger DATA frames than the default of 16 KiB save work on both sides. */
  MAX_FRAME_SIZE = 64 * 1024,
  /* Answers to PING and SETTINGS that may wait to be sent. */
  MAX_OUTBOUND_ACKS = 100,
  /* Canceled streams: so many at once, then so many a second (rapid reset,
   * CVE-2023-44487). */
  RESET_BURST = 500,
  RESET_RATE = 33,
  /* Frames after HEADERS that continue it (CVE-2024-28182); 16 KiB of headers
   * fit into the first. */
  MAX_CONTINUATIONS = 4,
  /* Entries of one SETTINGS frame (CVE-2020-11080). */
  MAX_SETTINGS = 32,
  /* PING, SETTINGS, PRIORITY, empty DATA and the like: so many at once, so
   * many a second, and some for each call.  Clients that measure bandwidth
   * send about one PING a round trip. */
  CALM_BURST = 10000,
  CALM_PER_SECOND = 1000,
  CALM_PER_CALL = 8,
  /* A client that has made this many calls in a row, one at a time, on a
   * thread with few connections may send a whole usual message unasked, which
   * saves it a round trip; one that makes more calls at once may not. */
  LONE_CALLS = 8,
  LONE_CONNECTIONS = 8,
  LONE_STREAMS = 2,
  LONE_WINDOW = 1024 * 1024,
};

static void *session_malloc(size_t size, void *user) {
  (void)user;
  return oa_malloc(size);
}

static void session_free(void *block, void *user) {
  (void)user;
  oa_free(block);
}

static void *session_calloc(size_t count, size_t size, void *user) {
  (void)user;
  return oa_calloc(count, size);
}

static void *session_realloc(void *block, size_t size, void *user) {
  (void)user;
  return oa_realloc(block, size);
}

nghttp2_mem oa_http2_mem(void) {
  return (nghttp2_mem){NULL, session_malloc, session_free, session_calloc,
                       session_realloc};
}

static oa_stream *find(nghttp2_session *session, int32_t id) {
  return nghttp2_session_get_stream_user_data(session, id);
}

static int drop_peer(oa_connection *connection, uint32_t code) {
  nghttp2_session_terminate_session(connection->session, code);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Counts the frames that bring nothing. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd,
                          void *user) {
  oa_connection *connection = user;
  (void)session;
  if (hd->type == NGHTTP2_DATA && hd->length > 0) {
    return 0;
  }
  if (hd->type == NGHTTP2_HEADERS ||
      (hd->type == NGHTTP2_DATA && (hd->flags & NGHTTP2_FLAG_END_STREAM))) {
    connection->calm += CALM_PER_CALL;
    return 0;
  }
  const uint64_t now = uv_now(&connection->thread->loop);
  if (now - connection->calm_at >= 1000) {
    const uint64_t seconds = (now - connection->calm_at) / 1000;
    connection->calm +=
        (int64_t)(seconds < 3600 ? seconds : 3600) * CALM_PER_SECOND;
    connection->calm_at = now;
  }
  if (connection->calm > CALM_BURST) {
    connection->calm = CALM_BURST;
  }
  if (--connection->calm < 0) {
    return drop_peer(connection, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  return 0;
}

static void set_initial_window(oa_connection *connection, uint32_t window) {
  const nghttp2_settings_entry setting = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                          window};
  if (nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &setting,
                              1) == 0) {
    connection->wide = !connection->wide;
  }
}

/* A stream has begun: widens or narrows what streams may send unasked. */
static void adapt_window(oa_connection *connection) {
  const oa_thread *thread = connection->thread;
  if (connection->stream_count > LONE_STREAMS ||
      thread->live > LONE_CONNECTIONS) {
    connection->lone_calls = 0;
    if (connection->wide) {
      set_initial_window(connection, thread->options->stream_window);
    }
  } else if (connection->stream_count == 1 && !connection->wide &&
             thread->options->stream_window < LONE_WINDOW &&
             ++connection->lone_calls == LONE_CALLS) {
    set_initial_window(connection, LONE_WINDOW);
  }
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *user) {
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
    return 0;
  }
  oa_stream *stream = oa_stream_open(user, frame->hd.stream_id);
  if (stream == NULL) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
  adapt_window(user);
  return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user) {
  oa_stream *stream = find(session, frame->hd.stream_id);
  (void)flags;
  if (stream != NULL &&
      oa_stream_header(stream, name, name_len, value, value_len) != OA_OK) {
    return drop_peer(user, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  return 0;
}

/* Our window settings have reached the peer: what was granted before is now
 * counted from another start. */
static void renew_windows(oa_connection *connection) {
  oa_link *link = oa_list_first(&connection->streams);
  for (; link != NULL; link = oa_list_next(&connection->streams, link)) {
    oa_flow_renew_window(OA_LIST_ENTRY(link, oa_stream, in_connection));
  }
}

static void on_settings(oa_connection *connection, uint8_t flags) {
  if (flags & NGHTTP2_FLAG_ACK) {
    renew_windows(connection);
  } else if (!connection->greeted) {
    oa_connection_greeted(connection);
  }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user) {
  const nghttp2_frame_hd *hd = &frame->hd;
  if (hd->type == NGHTTP2_SETTINGS) {
    on_settings(user, hd->flags);
    return 0;
  }
  if (hd->type != NGHTTP2_DATA && hd->type != NGHTTP2_HEADERS) {
    return 0;
  }
  oa_stream *stream = find(session, hd->stream_id);
  if (stream == NULL) {
    return 0;
  }
  if (hd->type == NGHTTP2_HEADERS &&
      frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    oa_stream_begin(stream);
  } else if (hd->type == NGHTTP2_DATA && frame->data.padlen > 0) {
    oa_message_padded(stream);
  }
  if (hd->flags & NGHTTP2_FLAG_END_STREAM) {
    oa_message_end(stream);
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *data, size_t len, void *user) {
  oa_stream *stream = find(session, id);
  (void)flags;
  (void)user;
  if (stream != NULL) {
    oa_message_receive(stream, data, len);
  }
  return nghttp2_session_consume_connection(session, len) == 0
             ? 0
             : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user) {
  (void)user;
  const nghttp2_frame_hd *hd = &frame->hd;
  if ((hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS) &&
      (hd->flags & NGHTTP2_FLAG_END_STREAM)) {
    oa_stream *stream = find(session, hd->stream_id);
    if (stream != NULL) {
      oa_answer_sent(stream);
    }
  }
  return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                           void *user) {
  oa_stream *stream = find(session, id);
  (void)code;
  (void)user;
  if (stream != NULL) {
    nghttp2_session_set_stream_user_data(session, id, NULL);
    oa_stream_closed(stream);
  }
  return 0;
}

oa_status oa_http2_prepare(nghttp2_option **option,
                           nghttp2_session_callbacks **callbacks) {
  if (nghttp2_option_new(option) != 0 ||
      nghttp2_session_callbacks_new(callbacks) != 0) {
    return OA_ERR_NOMEM;
  }
  nghttp2_option_set_no_auto_window_update(*option, 1);
  nghttp2_option_set_no_closed_streams(*option, 1);
  nghttp2_option_set_max_outbound_ack(*option, MAX_OUTBOUND_ACKS);
  nghttp2_option_set_max_settings(*option, MAX_SETTINGS);
  nghttp2_option_set_stream_reset_rate_limit(*option, RESET_BURST, RESET_RATE);
  nghttp2_option_set_max_continuations(*option, MAX_CONTINUATIONS);

  nghttp2_session_callbacks *to = *callbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(to, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(to, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(to, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(to, on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(to, on_frame_send);
  nghttp2_session_callbacks_set_on_stream_close_callback(to, on_stream_close);
  return OA_OK;
}

/* NO_RFC7540_PRIORITIES would suit unary answers and is left out on purpose:
 * libnghttp2 1.52 frees a frame twice when memory is short under it. */
static oa_status greet(oa_connection *connection) {
  const oa_server_options *options = connection->thread->options;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options->stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, MAX_FRAME_SIZE},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       (uint32_t)options->max_header_bytes},
  };
  nghttp2_session *session = connection->session;
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                              sizeof settings / sizeof settings[0]) != 0 ||
      nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                            CONNECTION_WINDOW) != 0) {
    return OA_ERR_NOMEM;
  }
  return OA_OK;
}

oa_status oa_http2_open(oa_connection *connection) {
  const oa_thread *thread = connection->thread;
  nghttp2_mem mem = oa_http2_mem();
  if (nghttp2_session_server_new3(&connection->session, thread->http2_callbacks,
                                  connection, thread->http2_option,
                                  &mem) != 0) {
    connection->session = NULL;
    return OA_ERR_NOMEM;
  }
  connection->calm = CALM_BURST;
  connection->calm_at = uv_now(&thread->loop);
  return greet(connection);
}

void oa_http2_receive(oa_connection *connection, const uint8_t *data,
                      size_t len) {
  if (connection->failed) {
    return;
  }
  const ssize_t taken =
      nghttp2_session_mem_recv(connection->session, data, len);
  if (taken < 0) {
    oa_log_line(connection->thread->options->log, OA_LOG_DEBUG,
                "closing a connection: %s", nghttp2_strerror((int)taken));
    connection->failed = true;
  }
}
