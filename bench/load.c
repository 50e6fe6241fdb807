/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - sends gRPC requests from a pack file over HTTP/2 and times them.
 *
 * h2load sends one body again and again, and a batch of equal bodies flatters
 * every compressor and dictionary.  This sends each body of a pack in turn
 * (bench/payload.py writes packs) and otherwise does what h2load does: one
 * thread, C connections, M streams in flight on each.  A request answered
 * UNAVAILABLE is sent again after a short wait, as an exporter would, and
 * counted.  The result is one line of JSON.
 *
 *   load -p PORT -u PATH -f PACK [-c 1] [-m 1] [-n 100] [-r REQUESTS/S]
 *        [-w PAUSE_US] [-a]     -a: any HTTP status will do (the floor)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_CONNECTIONS = 256,
  PREFIX = 5,             /* gRPC: compressed flag, length */
  OUT_BYTES = 256 * 1024, /* gathered for one send() */
  RETRY_NS = 5000000,
  UNAVAILABLE = 14,
};

typedef struct frame {
  const uint8_t *data;
  size_t len;
} frame;

typedef struct load load;

typedef struct call {
  load *run;
  frame body;
  size_t sent;
  size_t number; /* which request, for sending it again */
  int64_t start;
  int http_status;
  int grpc_status;
} call;

typedef struct connection {
  load *run;
  int fd;
  nghttp2_session *session;
  size_t in_flight;
  uint8_t *out;
  size_t out_len;
  size_t out_sent;
} connection;

struct load {
  unsigned port, connections, streams;
  size_t requests;
  double rate;
  int64_t pause_ns;
  bool any_status;
  const char *path;
  char authority[32];
  frame *frames;
  size_t frame_count;
  connection conns[MAX_CONNECTIONS];
  size_t next;   /* first request not sent yet */
  size_t *again; /* requests to send again, a stack */
  size_t again_count;
  int64_t not_before; /* nothing is sent earlier */
  int64_t begin;
  int64_t *latency;
  size_t ok, failed, refused;
  int last_http, last_grpc; /* of the last failure */
  uint64_t bytes;
};

static void die(const char *what) {
  fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "",
          errno ? strerror(errno) : "");
  exit(1);
}

static void *need(void *memory) {
  if (memory == NULL) {
    die("out of memory");
  }
  return memory;
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Maps the pack and notes where each framed request begins. */
static void open_pack(load *run, const char *path) {
  const int fd = open(path, O_RDONLY);
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0 || about.st_size < PREFIX) {
    die(path);
  }
  const size_t size = (size_t)about.st_size;
  const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) {
    die(path);
  }
  close(fd);
  size_t at = 0;
  size_t room = 0;
  while (size - at >= PREFIX) {
    uint32_t be;
    memcpy(&be, data + at + 1, sizeof be);
    const size_t len = PREFIX + (size_t)ntohl(be);
    if (len > size - at) {
      break;
    }
    if (run->frame_count == room) {
      room = room ? room * 2 : 256;
      run->frames = need(realloc(run->frames, room * sizeof *run->frames));
    }
    run->frames[run->frame_count++] = (frame){data + at, len};
    at += len;
  }
  if (at != size) {
    errno = 0;
    die("the pack ends inside a request");
  }
}

static ssize_t read_body(nghttp2_session *session, int32_t stream,
                         uint8_t *into, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  (void)session, (void)stream, (void)user;
  call *c = source->ptr;
  const size_t left = c->body.len - c->sent;
  const size_t take = left < room ? left : room;
  memcpy(into, c->body.data + c->sent, take);
  c->sent += take;
  if (c->sent == c->body.len) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return (ssize_t)take;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *about,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user) {
  (void)flags, (void)user;
  call *c = nghttp2_session_get_stream_user_data(session, about->hd.stream_id);
  char text[16];
  if (c == NULL || value_len >= sizeof text) {
    return 0;
  }
  memcpy(text, value, value_len);
  text[value_len] = '\0';
  if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
    c->http_status = (int)strtol(text, NULL, 10);
  } else if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
    c->grpc_status = (int)strtol(text, NULL, 10);
  }
  return 0;
}

static void finish(load *run, call *c, int64_t now) {
  const bool good = run->any_status
                        ? c->http_status != 0
                        : c->http_status == 200 && c->grpc_status == 0;
  if (good) {
    run->latency[run->ok++] = now - c->start;
    run->bytes += c->body.len;
  } else if (c->grpc_status == UNAVAILABLE) {
    run->refused++;
    run->again[run->again_count++] = c->number;
    run->not_before = now + RETRY_NS;
  } else {
    run->failed++;
    run->last_http = c->http_status;
    run->last_grpc = c->grpc_status;
  }
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code,
                    void *user) {
  (void)code;
  connection *conn = user;
  call *c = nghttp2_session_get_stream_user_data(session, stream);
  if (c != NULL) {
    const int64_t now = now_ns();
    finish(conn->run, c, now);
    if (conn->run->pause_ns > 0) {
      conn->run->not_before = now + conn->run->pause_ns;
    }
    free(c);
    conn->in_flight--;
  }
  return 0;
}

static void connect_to(load *run, connection *conn,
                       const nghttp2_session_callbacks *callbacks) {
  const struct sockaddr_in to = {
      .sin_family = AF_INET,
      .sin_port = htons((uint16_t)run->port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  const int one = 1;
  conn->run = run;
  conn->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (conn->fd < 0 ||
      connect(conn->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
    die("connect");
  }
  setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(conn->fd, F_SETFL, O_NONBLOCK);
  conn->out = need(malloc(OUT_BYTES + 32 * 1024));
  if (nghttp2_session_client_new(&conn->session, callbacks, conn) != 0) {
    die("session");
  }
  nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

#define HEADER(NAME, VALUE)                                                    \
  (nghttp2_nv) {                                                               \
    (uint8_t *)(uintptr_t)(NAME), (uint8_t *)(uintptr_t)(VALUE), strlen(NAME), \
        strlen(VALUE), NGHTTP2_NV_FLAG_NONE                                    \
  }

static void submit(connection *conn, size_t number) {
  load *run = conn->run;
  call *c = need(calloc(1, sizeof *c));
  c->run = run;
  c->number = number;
  c->body = run->frames[number % run->frame_count];
  c->start = now_ns();
  c->grpc_status = -1;
  const nghttp2_nv headers[] = {
      HEADER(":method", "POST"),
      HEADER(":scheme", "http"),
      HEADER(":authority", run->authority),
      HEADER(":path", run->path),
      HEADER("content-type", "application/grpc"),
      HEADER("te", "trailers"),
      HEADER("user-agent", "otlp-arrow-bench"),
  };
  const nghttp2_data_provider body = {.source.ptr = c,
                                      .read_callback = read_body};
  if (nghttp2_submit_request(conn->session, NULL, headers,
                             sizeof headers / sizeof *headers, &body, c) < 0) {
    die("cannot submit a request");
  }
  conn->in_flight++;
}

/* When the next request may go: a time, or INT64_MAX when none is left. */
static int64_t next_due(const load *run) {
  int64_t due = run->not_before;
  if (run->again_count == 0) {
    if (run->next == run->requests) {
      return INT64_MAX;
    }
    if (run->rate > 0) {
      const int64_t turn =
          run->begin + (int64_t)((double)run->next * 1e9 / run->rate);
      due = due > turn ? due : turn;
    }
  }
  return due;
}

/* Starts requests on CONN as far as streams and time allow. */
static void start_calls(connection *conn) {
  load *run = conn->run;
  while (conn->in_flight < run->streams && next_due(run) <= now_ns()) {
    if (run->again_count > 0) {
      submit(conn, run->again[--run->again_count]);
    } else {
      submit(conn, run->next++);
    }
  }
}

/* Sends until nothing is left or the socket is full. */
static void flush(connection *conn) {
  for (;;) {
    if (conn->out_sent == conn->out_len) {
      conn->out_sent = conn->out_len = 0;
      while (conn->out_len < OUT_BYTES) {
        const uint8_t *data;
        const ssize_t len = nghttp2_session_mem_send(conn->session, &data);
        if (len < 0) {
          die("nghttp2 cannot send");
        }
        if (len == 0) {
          break;
        }
        memcpy(conn->out + conn->out_len, data, (size_t)len);
        conn->out_len += (size_t)len;
      }
      if (conn->out_len == 0) {
        return;
      }
    }
    const ssize_t sent =
        send(conn->fd, conn->out + conn->out_sent,
             conn->out_len - conn->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        return;
      }
      die("send");
    }
    conn->out_sent += (size_t)sent;
  }
}

static void receive(connection *conn) {
  uint8_t buffer[65536];
  for (;;) {
    const ssize_t got = recv(conn->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (got <= 0) {
      errno = got == 0 ? 0 : errno;
      die("the server closed a connection");
    }
    if (nghttp2_session_mem_recv(conn->session, buffer, (size_t)got) < 0) {
      errno = 0;
      die("the server broke HTTP/2");
    }
  }
}

static void wait_for_events(load *run, struct pollfd *fds) {
  const int64_t due = next_due(run);
  int64_t wait = 10000000000;
  bool full = true;
  for (unsigned i = 0; i < run->connections; i++) {
    const connection *conn = &run->conns[i];
    const bool unsent = conn->out_sent < conn->out_len;
    fds[i] = (struct pollfd){
        .fd = conn->fd,
        .events = (short)(POLLIN | (unsent ? POLLOUT : 0)),
    };
    full = full && conn->in_flight == run->streams;
  }
  if (!full && due != INT64_MAX) {
    const int64_t left = due - now_ns();
    wait = left > 0 ? left : 0;
  }
  const struct timespec limit = {wait / 1000000000, wait % 1000000000};
  const int ready = ppoll(fds, run->connections, &limit, NULL);
  if (ready < 0 && errno != EINTR) {
    die("poll");
  }
  if (ready == 0 && wait == 10000000000) {
    errno = 0;
    die("no answer for 10 seconds");
  }
}

static void run_load(load *run) {
  struct pollfd fds[MAX_CONNECTIONS];
  run->begin = now_ns();
  while (run->ok + run->failed < run->requests) {
    for (unsigned i = 0; i < run->connections; i++) {
      start_calls(&run->conns[i]);
      flush(&run->conns[i]);
    }
    wait_for_events(run, fds);
    for (unsigned i = 0; i < run->connections; i++) {
      if (fds[i].revents != 0) {
        receive(&run->conns[i]);
      }
    }
  }
}

static int compare(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static double percentile_us(const load *run, double share) {
  if (run->ok == 0) {
    return 0;
  }
  const double at = share * (double)(run->ok - 1);
  return (double)run->latency[(size_t)(at + 0.5)] / 1e3;
}

static void report(load *run) {
  const double seconds = (double)(now_ns() - run->begin) / 1e9;
  qsort(run->latency, run->ok, sizeof *run->latency, compare);
  printf(
      "{\"ok\": %zu, \"failed\": %zu, \"refused\": %zu, "
      "\"last_http\": %d, \"last_grpc\": %d, \"bytes\": %llu, "
      "\"seconds\": %.6f, \"p50_us\": %.1f, \"p90_us\": %.1f, "
      "\"p99_us\": %.1f, \"max_us\": %.1f}\n",
      run->ok, run->failed, run->refused, run->last_http, run->last_grpc,
      (unsigned long long)run->bytes, seconds, percentile_us(run, 0.5),
      percentile_us(run, 0.9), percentile_us(run, 0.99),
      percentile_us(run, 1.0));
}

static const char *parse(load *run, int argc, char **argv) {
  const char *pack = NULL;
  int option;
  while ((option = getopt(argc, argv, "p:u:f:c:m:n:r:w:a")) != -1) {
    const unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;
    switch (option) {
      case 'p':
        run->port = (unsigned)number;
        break;
      case 'u':
        run->path = optarg;
        break;
      case 'f':
        pack = optarg;
        break;
      case 'c':
        run->connections = (unsigned)number;
        break;
      case 'm':
        run->streams = (unsigned)number;
        break;
      case 'n':
        run->requests = number;
        break;
      case 'r':
        run->rate = strtod(optarg, NULL);
        break;
      case 'w':
        run->pause_ns = (int64_t)number * 1000;
        break;
      case 'a':
        run->any_status = true;
        break;
      default:
        exit(2);
    }
  }
  if (pack == NULL || run->path == NULL || run->port == 0 ||
      run->streams == 0 || run->connections == 0 ||
      run->connections > MAX_CONNECTIONS) {
    fputs("load: -p PORT -u PATH -f PACK are needed; 1 to 256 connections\n",
          stderr);
    exit(2);
  }
  return pack;
}

int main(int argc, char **argv) {
  static load run = {.connections = 1, .streams = 1, .requests = 100};
  const char *pack = parse(&run, argc, argv);
  open_pack(&run, pack);
  run.latency = need(calloc(run.requests + 1, sizeof *run.latency));
  run.again = need(calloc(run.requests + 1, sizeof *run.again));
  snprintf(run.authority, sizeof run.authority, "127.0.0.1:%u", run.port);
  nghttp2_session_callbacks *callbacks;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    die("out of memory");
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  for (unsigned i = 0; i < run.connections; i++) {
    connect_to(&run, &run.conns[i], callbacks);
  }
  run_load(&run);
  report(&run);
  return run.failed == 0 ? 0 : 1;
}
