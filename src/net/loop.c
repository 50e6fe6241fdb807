/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an I/O thread. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/connection.h"
#include "net/handshake.h"
#include "net/http2.h"
#include "net/limits.h"
#include "net/stream.h"
#include "net/thread.h"
#include "net/unpack.h"

enum {
  /* Without traffic for this long, in milliseconds, a thread gives back the
   * memory that it kept for speed. */
  TRIM_AFTER = 3000,
  /* A tick that is late by this many milliseconds tells that the thread did
   * not run (a stopped process, a frozen machine).  Peers are not to blame;
   * what they have sent meanwhile is read before anything is overdue. */
  LATE_TICK = 1000,
  PATIENCE = 1000,
  /* So many connections must have gone, and so much time, in milliseconds,
   * before the heap is searched for memory that can be given back. */
  GONE_MANY = 500,
  GIVE_BACK_EVERY = 3000,
  /* Between two log lines about the same matter, in milliseconds. */
  TELL_INTERVAL = 60 * 1000,
  NS_PER_SECOND = 1000000000,
};

bool oa_thread_may_tell(oa_thread *thread, uint64_t *told_at) {
  const uint64_t now = uv_now(&thread->loop);
  if (*told_at != 0 && now - *told_at <= TELL_INTERVAL) {
    return false;
  }
  *told_at = now;
  return true;
}

const char *oa_thread_date(oa_thread *thread) {
  const uint64_t now = oa_clock_wall_ns() / NS_PER_SECOND;
  if (now != thread->date_at) {
    thread->date_at = now;
    oa_http1_date(thread->date, now);
  }
  return thread->date;
}

static void end_if_over(oa_thread *thread) {
  uv_handle_t *timer = (uv_handle_t *)&thread->timer;
  if (!thread->stopping || thread->live > 0 || uv_is_closing(timer)) {
    return;
  }
  uv_close(timer, NULL);
  uv_close((uv_handle_t *)&thread->prepare, NULL);
  uv_mutex_lock(&thread->async_lock);
  thread->async_open = false;
  uv_close((uv_handle_t *)&thread->async, NULL);
  uv_mutex_unlock(&thread->async_lock);
}

void oa_thread_connection_gone(oa_thread *thread) {
  thread->live--;
  thread->gone++;
  end_if_over(thread);
}

void oa_thread_settle(oa_thread *thread) {
  oa_link *link;
  oa_handshake_go_on(thread);
  do {
    oa_turn_deliver(thread);
    oa_unpack_go_on(thread);
    oa_flow_grant(thread);
    oa_call_tell_drained(thread);
    while ((link = oa_list_first(&thread->dirty)) != NULL) {
      oa_connection_flush(OA_LIST_ENTRY(link, oa_connection, in_dirty));
    }
    /* Sending ends streams, which may free budget for others. */
  } while (!thread->paused && !thread->delivering &&
           (oa_list_first(&thread->ready) != NULL ||
            oa_list_first(&thread->drained) != NULL ||
            oa_list_first(&thread->dirty) != NULL));
  if (oa_list_first(&thread->backlog) != NULL && !thread->paused) {
    oa_thread_go_on_soon(thread);
  }
}

static void for_each_connection(oa_thread *thread,
                                void (*act)(oa_connection *)) {
  oa_link *link = oa_list_first(&thread->connections);
  while (link != NULL) {
    oa_link *next = oa_list_next(&thread->connections, link);
    act(OA_LIST_ENTRY(link, oa_connection, in_thread));
    link = next;
  }
}

static void say_soon(oa_connection *connection) {
  oa_connection_say_goaway(connection, false);
}

static void say_now(oa_connection *connection) {
  oa_connection_say_goaway(connection, true);
}

static void close_listeners(oa_thread *thread) {
  for (size_t i = 0; i < OA_SERVER_MAX_LISTENERS; i++) {
    oa_listener_close(&thread->listeners[i]);
  }
}

static void begin_stop(oa_thread *thread) {
  const uint64_t timeout =
      atomic_load_explicit(&thread->stop_timeout_ms, memory_order_relaxed);
  thread->stopping = true;
  thread->stop_at = uv_now(&thread->loop) + timeout;
  close_listeners(thread);
  for_each_connection(thread, timeout > 0 ? say_soon : oa_connection_close);
  oa_thread_settle(thread);
  end_if_over(thread);
}

static void go_on_stopping(oa_thread *thread) {
  if (uv_now(&thread->loop) >= thread->stop_at) {
    for_each_connection(thread, oa_connection_close);
  } else if (!thread->goaway_sent) {
    /* A round trip has passed since the notice, so calls that were on their
     * way have come. */
    thread->goaway_sent = true;
    for_each_connection(thread, say_now);
  }
}

static void trim(oa_thread *thread) {
  oa_flow_trim(thread);
  oa_unpack_trim(thread);
  oa_stream_trim(thread);
  oa_free(thread->read_buffer);
  oa_free(thread->write_buffer);
  oa_free(thread->plain_buffer);
  oa_buf_free(&thread->cipher);
  thread->plain_buffer = NULL;
  thread->read_buffer = NULL;
  thread->write_buffer = NULL;
}

/* Ends what is overdue. */
static void expire(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  if (thread->ticked_at != 0 &&
      now - thread->ticked_at > thread->options->tick_ms + LATE_TICK) {
    thread->patient_until = now + PATIENCE;
  }
  thread->ticked_at = now;
  if (now >= thread->patient_until) {
    oa_stream_expire(thread);
    oa_pace_check(thread);
    oa_flow_forgive(thread);
    oa_handshake_expire(thread);
    oa_connection_expire(thread);
  }
}

/* After a wave of connections the heap is mostly holes. */
static void give_back(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  if (thread->gone >= GONE_MANY && now - thread->trimmed_at > GIVE_BACK_EVERY) {
    thread->gone = 0;
    thread->trimmed_at = now;
    oa_mem_give_back();
  }
}

static void on_tick(uv_timer_t *timer) {
  oa_thread *thread = timer->data;
  const oa_server_options *options = thread->options;
  if (options->handler->tick != NULL) {
    options->handler->tick(options->context, thread->index);
  }
  for (size_t i = 0; i < options->listener_count; i++) {
    oa_listener_resume(&thread->listeners[i]);
  }
  expire(thread);
  give_back(thread);
  if (thread->stopping) {
    go_on_stopping(thread);
  } else if (uv_now(&thread->loop) - thread->busy_at > TRIM_AFTER) {
    trim(thread);
  }
  oa_thread_settle(thread);
}

bool oa_thread_offer(oa_thread *thread, int fd) {
  uv_mutex_lock(&thread->async_lock);
  const bool taken = thread->async_open && thread->inbox_len < OA_THREAD_INBOX;
  if (taken) {
    thread->inbox[thread->inbox_len++] = fd;
    uv_async_send(&thread->async);
  }
  uv_mutex_unlock(&thread->async_lock);
  return taken;
}

/* Serves the sockets that other threads have accepted. */
static void empty_inbox(oa_thread *thread) {
  int fds[OA_THREAD_INBOX];
  uv_mutex_lock(&thread->async_lock);
  const size_t count = thread->inbox_len;
  memcpy(fds, thread->inbox, count * sizeof fds[0]);
  thread->inbox_len = 0;
  uv_mutex_unlock(&thread->async_lock);
  for (size_t i = 0; i < count; i++) {
    if (thread->stopping) {
      close(fds[i]);
      atomic_fetch_sub(&thread->load, 1);
    } else {
      oa_connection_accept(thread, fds[i]);
    }
  }
}

void oa_thread_go_on_soon(oa_thread *thread) {
  uv_mutex_lock(&thread->async_lock);
  if (thread->async_open) {
    uv_async_send(&thread->async);
  }
  uv_mutex_unlock(&thread->async_lock);
}

/* Those that put themselves off once more wait for the turn after this. */
static void go_on_postponed(oa_thread *thread) {
  oa_link *link;
  bool any = false;
  while ((link = oa_list_first(&thread->postponed)) != NULL) {
    oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_dirty);
    connection->postponed = false;
    oa_list_push(&thread->dirty, link);
    any = true;
  }
  any = any || oa_list_first(&thread->backlog) != NULL;
  oa_turn_go_on(thread);
  any = oa_unpack_take(thread) || any;
  any = oa_crowd_go_on(thread) || any;
  if (thread->overdue) {
    oa_connection_expire(thread);
    any = true;
  }
  if (any || oa_list_first(&thread->in_line) != NULL) {
    oa_thread_settle(thread);
  }
}

static void on_async(uv_async_t *async) {
  oa_thread *thread = async->data;
  const oa_server_options *options = thread->options;
  empty_inbox(thread);
  go_on_postponed(thread);
  if (atomic_exchange(&thread->wake_wanted, false) &&
      options->handler->wake != NULL) {
    options->handler->wake(options->context, thread->index);
    oa_thread_settle(thread);
  }
  if (atomic_load(&thread->stop_wanted) && !thread->stopping) {
    begin_stop(thread);
  }
}

void oa_thread_wake(oa_thread *thread) {
  if (!atomic_exchange(&thread->wake_wanted, true)) {
    oa_thread_go_on_soon(thread);
  }
}

void oa_thread_stop(oa_thread *thread, uint32_t timeout_ms) {
  atomic_store_explicit(&thread->stop_timeout_ms, timeout_ms,
                        memory_order_relaxed);
  atomic_store(&thread->stop_wanted, true);
  oa_thread_go_on_soon(thread);
}

static void init_lists(oa_thread *thread) {
  oa_list *const lists[] = {&thread->connections,
                            &thread->hellos,
                            &thread->in_line,
                            &thread->shaking,
                            &thread->handshaking,
                            &thread->idle,
                            &thread->lingering,
                            &thread->blocked,
                            &thread->dirty,
                            &thread->postponed,
                            &thread->put_off,
                            &thread->timed,
                            &thread->parting,
                            &thread->paced,
                            &thread->granted,
                            &thread->crawling,
                            &thread->waiting[OA_LANE_USUAL],
                            &thread->waiting[OA_LANE_LARGE],
                            &thread->ready,
                            &thread->backlog,
                            &thread->unpacking,
                            &thread->handed,
                            &thread->drained};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    oa_list_init(lists[i]);
  }
}

oa_status oa_thread_init(oa_thread *thread, oa_server *server,
                         const oa_server_options *options, unsigned index,
                         oa_error *error) {
  thread->server = server;
  thread->options = options;
  thread->index = index;
  init_lists(thread);
  for (size_t i = 0; i < OA_SERVER_MAX_LISTENERS; i++) {
    thread->listeners[i].fd = -1;
  }
  /* Free blocks may add up to a little more than the budget, so that rounding
   * up to block sizes does not make the last one go and come. */
  oa_pool_init(&thread->pool, options->body_budget + options->body_budget / 4);
  thread->purse.account = options->account;
  thread->pool.purse = &thread->purse;
  if (oa_http2_prepare(&thread->http2_option, &thread->http2_callbacks,
                       options) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for the server");
  }
  int failed = uv_mutex_init(&thread->async_lock);
  if (failed == 0 && (failed = uv_sem_init(&thread->started, 0)) != 0) {
    uv_mutex_destroy(&thread->async_lock);
  }
  if (failed == 0 && (failed = uv_sem_init(&thread->go, 0)) != 0) {
    uv_mutex_destroy(&thread->async_lock);
    uv_sem_destroy(&thread->started);
  }
  if (failed == 0 && (failed = uv_loop_init(&thread->loop)) != 0) {
    uv_mutex_destroy(&thread->async_lock);
    uv_sem_destroy(&thread->started);
    uv_sem_destroy(&thread->go);
  }
  if (failed != 0) {
    return oa_error_set(error, OA_ERR_IO, "cannot make an event loop: %s",
                        uv_strerror(failed));
  }
  thread->loop_open = true;
  return OA_OK;
}

static void on_prepare(uv_prepare_t *prepare) {
  oa_thread *thread = prepare->data;
  thread->turn++;
}

static oa_status open_handles(oa_thread *thread, oa_error *error) {
  const size_t descriptors =
      thread->options->max_connections + OA_LIMIT_SPARE_DESCRIPTORS;
  if (oa_watch_reserve(&thread->watch, &thread->loop, descriptors) != OA_OK) {
    return oa_error_set(error, OA_ERR_IO, "cannot prepare an I/O thread: %s",
                        "no descriptor is left");
  }
  int failed = uv_timer_init(&thread->loop, &thread->timer);
  thread->timer.data = thread;
  if (failed == 0) {
    failed = uv_async_init(&thread->loop, &thread->async, on_async);
    thread->async.data = thread;
    thread->async_open = failed == 0;
  }
  const uint32_t tick = thread->options->tick_ms;
  if (failed == 0) {
    failed = uv_timer_start(&thread->timer, on_tick, tick, tick);
  }
  if (failed == 0) {
    failed = uv_prepare_init(&thread->loop, &thread->prepare);
    thread->prepare.data = thread;
  }
  if (failed == 0) {
    failed = uv_prepare_start(&thread->prepare, on_prepare);
  }
  for (size_t i = 0; failed == 0 && i < thread->options->listener_count; i++) {
    if (oa_listener_open(&thread->listeners[i], thread) != OA_OK) {
      failed = UV_EINVAL;
    }
  }
  return failed == 0 ? OA_OK
                     : oa_error_set(error, OA_ERR_IO,
                                    "cannot prepare an I/O thread: %s",
                                    uv_strerror(failed));
}

/* Signals are the embedding program's; SIGPIPE, which a peer that hangs up
 * would cause, must not end it.  Faults stay deadly. */
static void block_signals(void) {
  sigset_t set;
  sigfillset(&set);
  sigdelset(&set, SIGSEGV);
  sigdelset(&set, SIGBUS);
  sigdelset(&set, SIGFPE);
  sigdelset(&set, SIGILL);
  sigdelset(&set, SIGABRT);
  sigdelset(&set, SIGPROF);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void run(void *argument) {
  oa_thread *thread = argument;
  const oa_server_options *options = thread->options;
  block_signals();
  thread->start_status =
      options->handler->thread_start == NULL
          ? OA_OK
          : options->handler->thread_start(options->context, thread->index,
                                           &thread->start_error);
  const bool started = thread->start_status == OA_OK;
  uv_sem_post(&thread->started);
  uv_sem_wait(&thread->go);
  if (started && thread->go_ahead) {
    uv_run(&thread->loop, UV_RUN_DEFAULT);
  }
  if (started && options->handler->thread_stop != NULL) {
    options->handler->thread_stop(options->context, thread->index);
  }
}

oa_status oa_thread_start(oa_thread *thread, oa_error *error) {
  OA_TRY(open_handles(thread, error));
  const int failed = uv_thread_create(&thread->id, run, thread);
  if (failed != 0) {
    return oa_error_set(error, OA_ERR_IO, "cannot start a thread: %s",
                        uv_strerror(failed));
  }
  thread->running = true;
  uv_sem_wait(&thread->started);
  if (thread->start_status != OA_OK && error != NULL) {
    *error = thread->start_error;
  }
  return thread->start_status;
}

void oa_thread_go(oa_thread *thread, bool ahead) {
  if (thread->running) {
    thread->go_ahead = ahead;
    uv_sem_post(&thread->go);
  }
}

static void close_handle(uv_handle_t *handle, void *argument) {
  (void)argument;
  if (!uv_is_closing(handle)) {
    uv_close(handle, NULL);
  }
}

void oa_thread_reset(oa_thread *thread) {
  close_listeners(thread);
  oa_unpack_close(thread);
  if (thread->loop_open) {
    /* Open handles are left only when the thread has never served. */
    uv_walk(&thread->loop, close_handle, NULL);
    uv_run(&thread->loop, UV_RUN_DEFAULT);
    uv_loop_close(&thread->loop);
    for (size_t i = 0; i < thread->inbox_len; i++) {
      close(thread->inbox[i]);
    }
    uv_mutex_destroy(&thread->async_lock);
    uv_sem_destroy(&thread->started);
    uv_sem_destroy(&thread->go);
    thread->loop_open = false;
  }
  oa_link *link;
  while ((link = oa_list_first(&thread->handed)) != NULL) {
    oa_stream_free(OA_LIST_ENTRY(link, oa_stream, in_queue));
  }
  trim(thread);
  oa_purse_close(&thread->purse);
  nghttp2_option_del(thread->http2_option);
  nghttp2_session_callbacks_del(thread->http2_callbacks);
}
