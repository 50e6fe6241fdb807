/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "net/limits.h"
#include "net/thread.h"

enum { MAX_THREADS = 256 };

struct oa_server {
  oa_server_options options;
  oa_thread **threads;
  unsigned thread_count;
  uint16_t ports[OA_SERVER_MAX_LISTENERS];
  atomic_uint_fast64_t connections;
  uv_mutex_t tls_lock; /* over the next */
  oa_tls_context *tls;
  bool has_lock;
  bool stopped;
};

void oa_server_options_init(oa_server_options *options) {
  *options = (oa_server_options){
      .max_message = (size_t)64 * 1024 * 1024,
      .max_connections = OA_LIMIT_CONNECTIONS,
      .max_streams = OA_LIMIT_STREAMS,
      .stream_window = 16384,
      .body_budget = (size_t)12 * 1024 * 1024,
      .body_limit = (size_t)128 * 1024 * 1024,
      .max_header_bytes = OA_LIMIT_HEADER_BYTES,
      .max_resets = OA_LIMIT_RESETS,
      .max_control_frames = OA_LIMIT_CONTROL_FRAMES,
      .max_handshakes = OA_LIMIT_HANDSHAKES,
      .tick_ms = 100,
      .handshake_timeout_ms = OA_LIMIT_HANDSHAKE_MS,
      .idle_timeout_ms = OA_LIMIT_IDLE_MS,
      .body_timeout_ms = OA_LIMIT_BODY_MS,
      .min_body_rate = OA_LIMIT_BODY_RATE,
      .pace_ms = OA_LIMIT_PACE_MS,
  };
}

/* A message and its frame must fit into a window, which has 31 bits. */
static const size_t LARGEST_MESSAGE = (size_t)INT32_MAX - 1024;

static oa_status check(const oa_server_options *options, oa_error *error) {
  const oa_server_handler *handler = options->handler;
  if (handler == NULL || handler->admit == NULL || handler->request == NULL ||
      handler->problem == NULL) {
    return oa_error_set(
        error, OA_ERR_CONFIG,
        "the server needs a handler with admit, request and problem");
  }
  if (options->listener_count == 0 ||
      options->listener_count > OA_SERVER_MAX_LISTENERS) {
    return oa_error_set(error, OA_ERR_CONFIG, "1 to %d listeners, not %zu",
                        (int)OA_SERVER_MAX_LISTENERS, options->listener_count);
  }
  if (options->threads > MAX_THREADS) {
    return oa_error_set(error, OA_ERR_CONFIG, "at most %d I/O threads, not %u",
                        (int)MAX_THREADS, options->threads);
  }
  if (options->max_message > LARGEST_MESSAGE) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "messages of at most %zu bytes, not %zu",
                        LARGEST_MESSAGE, options->max_message);
  }
  if (options->stream_window == 0 || options->stream_window > INT32_MAX ||
      options->max_streams == 0 || options->tick_ms == 0 ||
      options->max_header_bytes == 0 || options->max_header_bytes > INT32_MAX ||
      options->max_resets == 0 || options->max_control_frames == 0 ||
      options->max_handshakes == 0 || options->pace_ms == 0) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "window, streams, tick, pace, header bytes, resets, "
                        "control frames and handshakes must be positive");
  }
  return OA_OK;
}

static unsigned thread_count(const oa_server_options *options) {
  if (options->threads > 0) {
    return options->threads;
  }
  const unsigned count = uv_available_parallelism();
  return count < MAX_THREADS ? count : MAX_THREADS;
}

static oa_status make_threads(oa_server *server, oa_error *error) {
  const unsigned count = thread_count(&server->options);
  server->threads = oa_calloc(count, sizeof(oa_thread *));
  if (server->threads == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for the server");
  }
  while (server->thread_count < count) {
    oa_thread *thread = oa_calloc(1, sizeof *thread);
    if (thread == NULL) {
      return oa_error_set(error, OA_ERR_NOMEM, "no memory for the server");
    }
    const unsigned index = server->thread_count++;
    server->threads[index] = thread;
    OA_TRY(oa_thread_init(thread, server, &server->options, index, error));
  }
  return OA_OK;
}

static oa_status bind_all(oa_server *server, oa_error *error) {
  int fds[MAX_THREADS];
  for (size_t i = 0; i < server->options.listener_count; i++) {
    OA_TRY(oa_listener_bind(fds, server->thread_count,
                            &server->options.listeners[i], &server->ports[i],
                            error));
    for (unsigned t = 0; t < server->thread_count; t++) {
      server->threads[t]->listeners[i].fd = fds[t];
    }
  }
  return OA_OK;
}

static oa_status start_threads(oa_server *server, oa_error *error) {
  oa_status status = OA_OK;
  for (unsigned i = 0; i < server->thread_count && status == OA_OK; i++) {
    status = oa_thread_start(server->threads[i], error);
  }
  return status;
}

/* Connections may not take the descriptors that files need: without them
 * nothing could be stored any more. */
static void spare_descriptors(oa_server_options *options) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY) {
    return;
  }
  const uint64_t all = limit.rlim_cur;
  const uint64_t spare = all / 2 < OA_LIMIT_SPARE_DESCRIPTORS
                             ? all / 2
                             : OA_LIMIT_SPARE_DESCRIPTORS;
  if (options->max_connections > all - spare) {
    options->max_connections = (size_t)(all - spare);
    oa_log_line(options->log, OA_LOG_WARN,
                "this process may open %llu files only, so %zu connections "
                "are taken at most; raise the limit (ulimit -n, LimitNOFILE=) "
                "or lower limits.connections",
                (unsigned long long)all, options->max_connections);
  }
}

/* Has the threads serve, or end when AHEAD is false. */
static void go(oa_server *server, bool ahead) {
  for (unsigned i = 0; i < server->thread_count; i++) {
    oa_thread_go(server->threads[i], ahead);
  }
}

static void join(oa_server *server) {
  for (unsigned i = 0; i < server->thread_count; i++) {
    if (server->threads[i]->running) {
      uv_thread_join(&server->threads[i]->id);
      server->threads[i]->running = false;
    }
  }
}

oa_status oa_server_start(oa_server **out, const oa_server_options *options,
                          oa_error *error) {
  OA_TRY(check(options, error));
  oa_server *server = oa_calloc(1, sizeof *server);
  if (server == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for the server");
  }
  server->options = *options;
  spare_descriptors(&server->options);
  server->tls = oa_tls_context_take(options->tls);
  server->has_lock = uv_mutex_init(&server->tls_lock) == 0;
  oa_status status =
      server->has_lock
          ? make_threads(server, error)
          : oa_error_set(error, OA_ERR_NOMEM, "no memory for the server");
  if (status == OA_OK) {
    status = bind_all(server, error);
  }
  if (status == OA_OK) {
    status = start_threads(server, error);
  }
  if (status != OA_OK) {
    go(server, false);
    join(server);
    oa_server_free(server);
    return status;
  }
  /* First, because callbacks may need it. */
  *out = server;
  go(server, true);
  return OA_OK;
}

uint16_t oa_server_port(const oa_server *server, size_t index) {
  return index < server->options.listener_count ? server->ports[index] : 0;
}

unsigned oa_server_threads(const oa_server *server) {
  return server->thread_count;
}

void oa_server_wake(oa_server *server, unsigned thread) {
  oa_thread_wake(server->threads[thread]);
}

void oa_server_pause(oa_server *server, unsigned thread, bool paused) {
  server->threads[thread]->paused = paused;
}

void oa_server_stop(oa_server *server, uint32_t timeout_ms) {
  if (server->stopped) {
    return;
  }
  server->stopped = true;
  for (unsigned i = 0; i < server->thread_count; i++) {
    oa_thread_stop(server->threads[i], timeout_ms);
  }
  join(server);
}

void oa_server_set_tls(oa_server *server, oa_tls_context *tls) {
  uv_mutex_lock(&server->tls_lock);
  oa_tls_context *old = server->tls;
  server->tls = oa_tls_context_take(tls);
  uv_mutex_unlock(&server->tls_lock);
  oa_tls_context_release(old);
}

oa_tls_context *oa_server_take_tls(oa_server *server) {
  if (server->options.tls == NULL) {
    return NULL;
  }
  uv_mutex_lock(&server->tls_lock);
  oa_tls_context *tls = oa_tls_context_take(server->tls);
  uv_mutex_unlock(&server->tls_lock);
  return tls;
}

oa_thread *oa_server_choose(oa_server *server, oa_thread *self) {
  oa_thread *best = self;
  uint_fast32_t least = atomic_load(&self->load);
  for (unsigned i = 0; i < server->thread_count && least > 0; i++) {
    const uint_fast32_t load = atomic_load(&server->threads[i]->load);
    if (load < least) {
      least = load;
      best = server->threads[i];
    }
  }
  atomic_fetch_add(&best->load, 1);
  return best;
}

bool oa_server_admit(oa_server *server) {
  const uint64_t before = atomic_fetch_add(&server->connections, 1);
  if (before >= server->options.max_connections) {
    atomic_fetch_sub(&server->connections, 1);
    return false;
  }
  return true;
}

void oa_server_dismiss(oa_server *server) {
  atomic_fetch_sub(&server->connections, 1);
}

static uint64_t get(const atomic_uint_fast64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

void oa_server_get_stats(const oa_server *server, oa_server_stats *out) {
  *out = (oa_server_stats){.connections_now = get(&server->connections)};
  for (unsigned i = 0; i < server->thread_count; i++) {
    const oa_thread *thread = server->threads[i];
    out->connections_opened += get(&thread->opened);
    out->connections_refused += get(&thread->refused);
    out->connections_late += get(&thread->late);
    out->connections_flooded += get(&thread->flooded);
    out->bodies_late += get(&thread->late_bodies);
    out->accept_pauses += get(&thread->accept_pauses);
    out->bytes_received += get(&thread->received);
    out->body_bytes_now += get(&thread->held);
  }
}

void oa_server_free(oa_server *server) {
  if (server == NULL) {
    return;
  }
  for (unsigned i = 0; i < server->thread_count; i++) {
    oa_thread_reset(server->threads[i]);
    oa_free(server->threads[i]);
  }
  oa_tls_context_release(server->tls);
  if (server->has_lock) {
    uv_mutex_destroy(&server->tls_lock);
  }
  oa_free(server->threads);
  oa_free(server);
}
