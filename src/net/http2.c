/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http2.h"

#include "base/mem.h"
#include "net/limits.h"
#include "net/stream.h"

enum {
  /* All streams together may always send this much; the brake is the window
   * of each stream. */
  CONNECTION_WINDOW = 64 * 1024 * 1024,
  /* Larger DATA frames than the default of 16 KiB save work on both sides. */
  MAX_FRAME_SIZE = 64 * 1024,
  /* Frames after HEADERS that continue it (CVE-2024-28182).  16 KiB of headers
   * fit into the first; but libnghttp2 counts a frame anew for each piece in
   * which its first nine octets come, and a few may be honest. */
  MAX_CONTINUATIONS = 40,
  /* Entries of one SETTINGS frame (CVE-2020-11080). */
  MAX_SETTINGS = 32,
  /* PING, SETTINGS, PRIORITY, empty or tiny DATA and the like: so many at
   * once, so many a second, some for each call and each large frame of data.
   * Clients that measure bandwidth send about one PING a round trip, those
   * that download two WINDOW_UPDATEs for some frames of ours. */
  CALM_BURST = 10000,
  CALM_PER_SECOND = 1000,
  CALM_PER_CALL = 8,
  CALM_PER_DATA = 2,
  /* What a call that is refused by RST_STREAM costs: more than its HEADERS
   * have brought. */
  CALM_REFUSED = 10,
  /* DATA shorter than this is as much work as content (CVE-2019-9511; clients
   * send gRPC's five bytes alone at times), and from that on it pays for
   * others. */
  TINY_DATA = 128,
  LARGE_DATA = 1024,
  /* A client that has made this many calls in a row, one at a time, on a
   * thread with few connections may send a whole usual message unasked, which
   * saves it a round trip; one that makes more calls at once may not. */
  LONE_CALLS = 8,
  LONE_CONNECTIONS = 8,
  LONE_STREAMS = 2,
  LONE_WINDOW = 1024 * 1024,
  /* SETTINGS of ours on their way at once: the first ones, and those that
   * correct them. */
  UNSETTLED = 2,
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

/* The peer sends more of what brings only work than any client does. */
static int drop_flood(oa_connection *connection) {
  oa_connection_note_flood(connection);
  return drop_peer(connection, NGHTTP2_ENHANCE_YOUR_CALM);
}

static uint64_t now_of(const oa_connection *connection) {
  return uv_now(&connection->thread->loop);
}

/* Counts the frames that bring nothing. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd,
                          void *user) {
  oa_connection *connection = user;
  (void)session;
  if (hd->type == NGHTTP2_DATA && hd->length >= TINY_DATA) {
    if (hd->length >= LARGE_DATA) {
      oa_bucket_credit(&connection->calm, CALM_PER_DATA);
    }
    return 0;
  }
  if (hd->type == NGHTTP2_HEADERS ||
      (hd->type == NGHTTP2_DATA && (hd->flags & NGHTTP2_FLAG_END_STREAM))) {
    oa_bucket_credit(&connection->calm, CALM_PER_CALL);
    return 0;
  }
  const uint64_t now = now_of(connection);
  if (!oa_bucket_take(&connection->calm, 1, now) ||
      (hd->type == NGHTTP2_RST_STREAM &&
       !oa_bucket_take(&connection->resets, 1, now))) {
    return drop_flood(connection);
  }
  return 0;
}

static void set_initial_window(oa_connection *connection, uint32_t window) {
  const nghttp2_settings_entry setting = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                          window};
  if (window == connection->window || connection->unsettled >= UNSETTLED) {
    return;
  }
  if (nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &setting,
                              1) == 0) {
    connection->window = window;
    connection->unsettled++;
  }
}

/* A stream has begun: widens or narrows what streams may send unasked. */
static void adapt_window(oa_connection *connection) {
  const oa_thread *thread = connection->thread;
  const uint32_t usual = thread->options->stream_window;
  if (connection->stream_count > LONE_STREAMS ||
      thread->live > LONE_CONNECTIONS) {
    connection->lone_calls = 0;
    set_initial_window(connection,
                       oa_flow_first_window(thread, connection->window));
  } else if (connection->stream_count == 1 && usual < LONE_WINDOW &&
             connection->window < LONE_WINDOW &&
             ++connection->lone_calls >= LONE_CALLS) {
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
    /* The peer may try again, which it may not after what nghttp2 says. */
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE,
                                     frame->hd.stream_id,
                                     NGHTTP2_REFUSED_STREAM) == 0
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
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
    return drop_flood(user);
  }
  return 0;
}

/* Our window settings have reached the peer: what was granted before is now
 * counted from another start. */
static void renew_windows(oa_connection *connection) {
  oa_link *link = oa_list_first(&connection->streams);
  for (; link != NULL; link = oa_list_next(&connection->streams, link)) {
    oa_window_renew(OA_LIST_ENTRY(link, oa_stream, in_connection));
  }
}

static void on_settings(oa_connection *connection, uint8_t flags) {
  if (flags & NGHTTP2_FLAG_ACK) {
    connection->unsettled -= connection->unsettled > 0 ? 1 : 0;
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

/* We end a stream.  Mistakes that make us do so cost us as much as a reset by
 * the peer does. */
static void count_reset(oa_connection *connection, uint32_t code) {
  const uint64_t now = now_of(connection);
  bool calm = true;
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
      calm = oa_bucket_take(&connection->resets, 1, now);
      break;
    case NGHTTP2_REFUSED_STREAM:
      calm = oa_bucket_take(&connection->calm, CALM_REFUSED, now);
      break;
    default:
      break;
  }
  if (!calm && !connection->failed) {
    oa_connection_note_flood(connection);
    nghttp2_session_terminate_session(connection->session,
                                      NGHTTP2_ENHANCE_YOUR_CALM);
    connection->failed = true;
  }
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user) {
  const nghttp2_frame_hd *hd = &frame->hd;
  oa_connection *connection = user;
  if (hd->type == NGHTTP2_RST_STREAM) {
    count_reset(connection, frame->rst_stream.error_code);
    return 0;
  }
  if (hd->type == NGHTTP2_DATA && hd->length >= LARGE_DATA) {
    oa_bucket_credit(&connection->calm, CALM_PER_DATA);
  }
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

/* Resets are counted here rather than there, so that the peer is told why. */
oa_status oa_http2_prepare(nghttp2_option **option,
                           nghttp2_session_callbacks **callbacks,
                           const oa_server_options *options) {
  if (nghttp2_option_new(option) != 0 ||
      nghttp2_session_callbacks_new(callbacks) != 0) {
    return OA_ERR_NOMEM;
  }
  nghttp2_option_set_no_auto_window_update(*option, 1);
  nghttp2_option_set_no_closed_streams(*option, 1);
  nghttp2_option_set_max_outbound_ack(*option, options->max_control_frames);
  nghttp2_option_set_max_settings(*option, MAX_SETTINGS);
  nghttp2_option_set_stream_reset_rate_limit(*option, UINT32_MAX, UINT32_MAX);
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
  connection->window = oa_flow_first_window(connection->thread, 0);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, connection->window},
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
  connection->unsettled++;
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
  const oa_server_options *options = thread->options;
  const uint64_t now = uv_now(&thread->loop);
  const int64_t burst =
      (int64_t)options->max_resets * OA_LIMIT_RESET_BURST_SECONDS;
  /* A client may give up all that it has under way, and once more. */
  const int64_t least = 2 * (int64_t)options->max_streams;
  connection->calm = oa_bucket_full(CALM_BURST, CALM_PER_SECOND, now);
  connection->resets = oa_bucket_full(burst > least ? burst : least,
                                      (int64_t)options->max_resets, now);
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
    if (taken == NGHTTP2_ERR_FLOODED ||
        taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
      /* The session itself says no more than that it is over. */
      drop_flood(connection);
    }
    connection->failed = true;
  }
}
