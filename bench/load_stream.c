/* SPDX-License-Identifier: Apache-2.0 */
/* load_stream.c - gRPC streams that carry the whole pack in its order, since
 * what a message means depends on those before it.
 *
 * A unit of the pack is what the server answers once: for OTAP a message, for
 * Arrow Flight a batch with the schema and dictionaries before it.  At most
 * `window` units are unanswered.  When a stream has ended well the next one
 * begins, until as many units have been sent as were asked for.  A refused
 * unit cannot be sent again alone, so it counts as failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { MAX_ANSWER = 4096 };

typedef struct put {
  connection *conn;
  int32_t id;
  size_t unit, at; /* what is sent next */
  size_t answered;
  bool waiting; /* for an answer, before the next unit */
  int64_t *starts;
  uint8_t answer[PREFIX + MAX_ANSWER];
  size_t answer_len;
  int http_status;
  int grpc_status;
  char text[512]; /* grpc-message */
} put;

static ssize_t read_units(nghttp2_session *session, int32_t stream,
                          uint8_t *into, size_t room, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
  (void)session, (void)stream, (void)user;
  put *p = source->ptr;
  const load *run = p->conn->run;
  if (p->at == 0) {
    if (p->unit - p->answered >= run->window) {
      p->waiting = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    p->starts[p->unit] = now_ns();
  }
  const frame unit = run->frames[p->unit];
  const size_t left = unit.len - p->at;
  const size_t take = left < room ? left : room;
  memcpy(into, unit.data + p->at, take);
  p->at += take;
  if (p->at == unit.len) {
    p->at = 0;
    p->unit++;
    if (p->unit == run->frame_count) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
  }
  return (ssize_t)take;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *about,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user) {
  (void)flags, (void)user;
  put *p = nghttp2_session_get_stream_user_data(session, about->hd.stream_id);
  char text[sizeof p->text];
  if (p == NULL || value_len >= sizeof text) {
    return 0;
  }
  memcpy(text, value, value_len);
  text[value_len] = '\0';
  if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
    p->http_status = (int)strtol(text, NULL, 10);
  } else if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
    p->grpc_status = (int)strtol(text, NULL, 10);
  } else if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0) {
    memcpy(p->text, text, value_len + 1);
  }
  return 0;
}

static void answer(put *p, size_t units, bool good) {
  load *run = p->conn->run;
  for (size_t i = 0; i < units; i++) {
    if (p->answered == p->unit) {
      errno = 0;
      die("more answers than units were sent");
    }
    if (good) {
      count_ok(run, run->frames[p->answered].len, p->starts[p->answered]);
    } else {
      count_failed(run, 1, p->http_status, -1);
    }
    p->answered++;
  }
  if (p->waiting) {
    p->waiting = false;
    nghttp2_session_resume_data(p->conn->session, p->id);
  }
}

static uint64_t read_varint(const uint8_t **at, const uint8_t *end) {
  uint64_t value = 0;
  for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
    const uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      break;
    }
  }
  return value;
}

/* BatchStatus {1: batch_id, 2: status_code, 3: text}: good without a code. */
static void read_batch_status(put *p, const uint8_t *at, const uint8_t *end) {
  uint64_t code = 0;
  while (at < end) {
    const uint64_t tag = read_varint(&at, end);
    const uint64_t value = read_varint(&at, end);
    if (tag == 0x10) {
      code = value;
    } else if (tag == 0x1a) {
      const size_t len =
          (size_t)(end - at) < value ? (size_t)(end - at) : value;
      if (code != 0 && p->conn->run->failed == 0) {
        fprintf(stderr, "load: status %u: %.*s\n", (unsigned)code, (int)len,
                at);
      }
      at += len;
    }
  }
  answer(p, 1, code == 0);
}

/* PutResult {1: app_metadata}, which is JSON of ours: "batches" stands in it
 * when one answer is for several, "rejected" says what was not taken. */
static void read_put_result(put *p, uint8_t *at, uint8_t *end) {
  char text[MAX_ANSWER + 1];
  memcpy(text, at, (size_t)(end - at));
  text[end - at] = '\0';
  const char *batches = strstr(text, "\"batches\":");
  const char *rejected = strstr(text, "\"rejected\":0");
  answer(p, batches != NULL ? strtoul(batches + 10, NULL, 10) : 1,
         rejected != NULL);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                   const uint8_t *data, size_t len, void *user) {
  (void)flags, (void)user;
  put *p = nghttp2_session_get_stream_user_data(session, stream);
  for (size_t i = 0; p != NULL && i < len; i++) {
    uint32_t be;
    p->answer[p->answer_len++] = data[i];
    if (p->answer_len < PREFIX) {
      continue;
    }
    memcpy(&be, p->answer + 1, sizeof be);
    const size_t whole = PREFIX + (size_t)ntohl(be);
    if (whole > sizeof p->answer) {
      errno = 0;
      die("an answer that is too long");
    }
    if (p->answer_len == whole) {
      uint8_t *end = p->answer + whole;
      if (p->conn->run->kind == LOAD_OTAP) {
        read_batch_status(p, p->answer + PREFIX, end);
      } else {
        read_put_result(p, p->answer + PREFIX, end);
      }
      p->answer_len = 0;
    }
  }
  return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code,
                    void *user) {
  connection *conn = user;
  load *run = conn->run;
  put *p = nghttp2_session_get_stream_user_data(session, stream);
  if (p == NULL) {
    return 0;
  }
  if (p->answered < run->frame_count || p->grpc_status != 0) {
    const size_t lost = run->frame_count - p->answered;
    fprintf(stderr,
            "load: a stream ended with HTTP %d, gRPC %d (%s), HTTP/2 error %u, "
            "after %zu of %zu\n",
            p->http_status, p->grpc_status, p->text, (unsigned)code,
            p->answered, run->frame_count);
    count_failed(run, lost, p->http_status, p->grpc_status);
  }
  free(p->starts);
  free(p);
  conn->in_flight--;
  return 0;
}

static void open_stream(connection *conn) {
  load *run = conn->run;
  if (run->callbacks == NULL) {
    if (nghttp2_session_callbacks_new(&run->callbacks) != 0) {
      die("out of memory");
    }
    nghttp2_session_callbacks_set_on_header_callback(run->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(run->callbacks,
                                                              on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(run->callbacks,
                                                           on_close);
  }
  http2_session(conn);
}

static void submit(connection *conn) {
  load *run = conn->run;
  put *p = need(calloc(1, sizeof *p));
  p->starts = need(calloc(run->frame_count, sizeof *p->starts));
  p->conn = conn;
  p->grpc_status = -1;
  const nghttp2_nv headers[] = {
      header(":method", "POST"),
      header(":scheme", run->tls != NULL ? "https" : "http"),
      header(":authority", run->authority),
      header(":path", run->path),
      header("content-type", "application/grpc"),
      header("te", "trailers"),
      header("user-agent", "otlp-arrow-bench"),
  };
  const nghttp2_data_provider body = {.source.ptr = p,
                                      .read_callback = read_units};
  p->id = nghttp2_submit_request(conn->session, NULL, headers,
                                 sizeof headers / sizeof *headers, &body, p);
  if (p->id < 0) {
    die("cannot submit a request");
  }
  conn->in_flight++;
}

static void start(connection *conn) {
  load *run = conn->run;
  while (conn->in_flight < run->streams &&
         run->requests - run->next >= run->frame_count) {
    run->next += run->frame_count;
    submit(conn);
  }
}

const protocol load_stream = {
    .open = open_stream,
    .start = start,
    .gather = http2_gather,
    .receive = http2_receive,
};
