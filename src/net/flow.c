/* SPDX-License-Identifier: Apache-2.0 */
/* The memory brake: what the bodies of a thread hold, and whose turn it is to
 * send a long one. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/stream.h"

enum {
  /* A granted message that takes longer than this crawls, in milliseconds. */
  CRAWL_TIME = 500,
  /* A message longer than this part of the budget is large. */
  LARGE_PART = 16,
  /* This part of the budget is never filled by large ones. */
  USUAL_PART = 4,
  /* One connection's messages fill at most this part of the body limit. */
  SHARE_PART = 2,
  /* A crawling message that has brought less than this part of what would
   * bring it to its end in time, after so many milliseconds, is ended when
   * others need its memory. */
  SCHEDULE_PART = 2,
  SCHEDULE_AFTER = 1000,
  /* Crawling messages take at most this part of the body limit. */
  CRAWL_PART = 4,
  /* What streams may send unasked while they are many: as little as a block
   * has. */
  NARROW_WINDOW = 4096,
  /* They are many when with the usual window they could bring this part of the
   * body limit, and few again below the other. */
  CROWD_PART = 4,
  UNCROWD_PART = 8,
  /* Beyond the body limit by this part of it, nobody is let in. */
  EXCESS_PART = 4,
};

void oa_flow_hold(oa_stream *stream, size_t bytes) {
  oa_thread *thread = stream->thread;
  thread->held_bytes += bytes - stream->held;
  if (stream->connection != NULL) {
    stream->connection->held += bytes - stream->held;
  }
  stream->held = bytes;
  atomic_store_explicit(&thread->held, thread->held_bytes,
                        memory_order_relaxed);
}

static void set_budget(oa_stream *stream, size_t bytes) {
  oa_thread *thread = stream->thread;
  size_t *sum =
      stream->slow ? &thread->slow_bytes : &thread->granted_bytes[stream->lane];
  *sum += bytes - stream->budgeted;
  if (stream->connection != NULL) {
    stream->connection->budgeted += bytes - stream->budgeted;
  }
  stream->budgeted = bytes;
}

void oa_flow_recount(oa_stream *stream, size_t bytes) {
  oa_pool_give(&stream->thread->pool, &stream->block);
  set_budget(stream, bytes);
  oa_flow_hold(stream, bytes);
}

void oa_flow_give_spare(oa_thread *thread, oa_buf *buf) {
  for (size_t i = 0; buf->data != NULL && i < OA_THREAD_SPARE_BUFS; i++) {
    if (thread->spare_bufs[i].data == NULL &&
        buf->cap <= thread->options->body_budget) {
      thread->spare_bufs[i] = *buf;
      thread->spare_bufs[i].len = 0;
      *buf = (oa_buf){0};
      return;
    }
  }
  oa_buf_free(buf);
}

oa_buf oa_flow_take_spare(oa_thread *thread) {
  for (size_t i = OA_THREAD_SPARE_BUFS; i-- > 0;) {
    if (thread->spare_bufs[i].data != NULL) {
      const oa_buf buf = thread->spare_bufs[i];
      thread->spare_bufs[i] = (oa_buf){0};
      return buf;
    }
  }
  return (oa_buf){.purse = &thread->purse};
}

void oa_flow_release(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  set_budget(stream, 0);
  oa_flow_hold(stream, 0);
  stream->slow = false;
  oa_link_remove(&stream->in_granted);
  oa_pool_give(&thread->pool, &stream->block);
  oa_window_set_ahead(stream, 0);
  oa_flow_give_spare(thread, &stream->inflated);
  stream->call.message = NULL;
  stream->call.message_len = 0;
}

void oa_flow_trim(oa_thread *thread) {
  oa_pool_trim(&thread->pool);
  for (size_t i = 0; i < OA_THREAD_SPARE_BUFS; i++) {
    oa_buf_free(&thread->spare_bufs[i]);
  }
  oa_inflater_free(thread->inflater);
  thread->inflater = NULL;
}

/* With so many streams that what comes unasked would fill much of the memory,
 * less may come: a sender who waits for its window costs next to nothing, and
 * one that is refused has sent for nothing. */
uint32_t oa_flow_first_window(const oa_thread *thread, uint32_t now) {
  const uint32_t usual = thread->options->stream_window;
  const size_t part = now == NARROW_WINDOW ? UNCROWD_PART : CROWD_PART;
  const bool crowded =
      thread->stream_count > thread->options->body_limit / part / usual;
  return crowded && usual > NARROW_WINDOW ? NARROW_WINDOW : usual;
}

bool oa_flow_is_long(const oa_stream *stream) {
  const uint32_t usual = stream->thread->options->stream_window;
  const uint32_t announced = stream->connection->window;
  const uint32_t window =
      stream->http1 || announced > usual ? usual : announced;
  return (size_t)stream->length + OA_GRPC_PREFIX_SIZE > window;
}

/* True when MORE bytes of STREAM's message may come in now.  One message of
 * each lane always may, however long it is. */
static bool fits_budget(const oa_stream *stream) {
  const oa_thread *thread = stream->thread;
  const size_t budget = thread->options->body_budget;
  const size_t more = stream->length - stream->budgeted;
  const size_t usual = thread->granted_bytes[OA_LANE_USUAL];
  size_t large = thread->granted_bytes[OA_LANE_LARGE];
  if (thread->paused) {
    return false;
  }
  if (thread->granted_bytes[stream->lane] == 0) {
    return true;
  }
  if (stream->lane == OA_LANE_USUAL && large > budget - budget / USUAL_PART) {
    large = budget - budget / USUAL_PART;
  }
  return usual + large < budget && more <= budget - usual - large;
}

/* True when the connection of a new message has its share already. */
static bool is_over_share(const oa_stream *stream) {
  const size_t share = stream->thread->options->body_limit / SHARE_PART;
  const size_t taken = stream->connection->budgeted;
  return stream->budgeted == 0 && taken > 0 && taken + stream->length > share;
}

static void choose_lane(oa_stream *stream) {
  const size_t bytes = stream->budgeted;
  const size_t most = stream->thread->options->body_budget / LARGE_PART;
  set_budget(stream, 0);
  stream->lane = stream->length > most ? OA_LANE_LARGE : OA_LANE_USUAL;
  set_budget(stream, bytes);
}

/* When the bodies that are held will have been taken, and what the handler has
 * before it besides. */
static uint32_t retry_delay(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  const oa_server_options *options = thread->options;
  uint32_t ms = oa_retry_delay_ms(&thread->retry, thread->held_bytes,
                                  stream->length, uv_now(&thread->loop));
  if (options->handler->retry_ms != NULL) {
    const uint32_t own =
        options->handler->retry_ms(options->context, thread->index);
    ms = own > ms ? own : ms;
  }
  return ms;
}

void oa_flow_refuse(oa_stream *stream) {
  oa_answer_refuse(stream, OA_GRPC_UNAVAILABLE, retry_delay(stream),
                   "too many messages are held in memory; try again later");
}

bool oa_flow_make_room(oa_stream *stream, size_t size) {
  if (size <= stream->block.size) {
    return true;
  }
  oa_pool *pool = &stream->thread->pool;
  oa_block block = oa_pool_take(pool, size);
  if (block.data == NULL) {
    return false;
  }
  if (stream->have > 0) {
    memcpy(block.data, stream->block.data, stream->have);
  }
  oa_pool_give(pool, &stream->block);
  stream->block = block;
  return true;
}

bool oa_flow_is_full(const oa_stream *stream) {
  const oa_thread *thread = stream->thread;
  const size_t limit = thread->options->body_limit;
  const size_t held = thread->held_bytes;
  /* Large messages and crawling ones have bounds of their own; a single one may
   * be larger than the limit, and must not keep out all others. */
  const size_t apart =
      thread->granted_bytes[OA_LANE_LARGE] + thread->slow_bytes;
  const size_t others = held > apart ? held - apart : 0;
  if (held <= limit) {
    return false;
  }
  return others > limit + limit / EXCESS_PART ||
         (stream->connection->held > 0 &&
          stream->connection->held + stream->length > limit / thread->live);
}

/* --- turns --- */

/* Lets the rest of STREAM's message in. */
static void grant(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  const uint64_t deadline = stream->call.deadline_ns;
  if (deadline != 0 && oa_clock_monotonic_ns() > deadline) {
    oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                     "the deadline passed before the message could come in");
    return;
  }
  if (!oa_flow_make_room(stream, stream->length)) {
    oa_flow_refuse(stream);
    return;
  }
  stream->state = OA_STREAM_BODY;
  stream->granted = true;
  set_budget(stream, stream->length);
  oa_flow_hold(stream, stream->length);
  if (!oa_link_linked(&stream->in_granted) && !stream->slow) {
    stream->granted_at = uv_now(&thread->loop);
    oa_list_push(&thread->granted, &stream->in_granted);
  }
  oa_stream_time(stream);
  if (stream->http1) {
    oa_connection_touch(stream->connection);
  } else {
    oa_window_renew(stream);
  }
}

/* A body of unknown length may have to wait again and again while it holds
 * budget.  The one that was granted first always goes on, so that some body
 * comes to its end. */
static void grant_oldest(oa_thread *thread) {
  oa_link *link = oa_list_first(&thread->granted);
  while (link != NULL && !thread->paused) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_granted);
    if (stream->state != OA_STREAM_WAITING) {
      return;
    }
    grant(stream);
    /* It stands first still, unless it was refused. */
    link = oa_list_first(&thread->granted);
  }
}

/* The stream whose turn it is in LANE: the oldest of the connection whose turn
 * it is.  NULL: none waits, or none that may have more. */
static oa_stream *next_waiting(oa_thread *thread, oa_lane lane) {
  oa_list *list = &thread->waiting[lane];
  oa_link *link = oa_list_first(list);
  while (link != NULL) {
    oa_connection *connection =
        OA_LIST_ENTRY(link, oa_connection, in_waiting[lane]);
    oa_link *next = oa_list_next(list, link);
    oa_link *first = oa_list_first(&connection->waiting[lane]);
    if (first == NULL) {
      oa_link_remove(link);
    } else if (!is_over_share(OA_LIST_ENTRY(first, oa_stream, in_queue))) {
      return OA_LIST_ENTRY(first, oa_stream, in_queue);
    }
    link = next;
  }
  return NULL;
}

static void wait_for_turn(oa_stream *stream) {
  oa_connection *connection = stream->connection;
  const oa_lane lane = stream->lane;
  stream->state = OA_STREAM_WAITING;
  stream->timed_at = uv_now(&stream->thread->loop);
  oa_list_push(&connection->waiting[lane], &stream->in_queue);
  if (!oa_link_linked(&connection->in_waiting[lane])) {
    oa_list_push(&stream->thread->waiting[lane], &connection->in_waiting[lane]);
  }
}

void oa_flow_forget(oa_connection *connection) {
  for (size_t lane = 0; lane < OA_LANES; lane++) {
    oa_link_remove(&connection->in_waiting[lane]);
  }
}

static void grant_lane(oa_thread *thread, oa_lane lane) {
  oa_stream *stream;
  while ((stream = next_waiting(thread, lane)) != NULL && fits_budget(stream)) {
    /* The others have their turns before its connection's next. */
    oa_list_push(&thread->waiting[lane], &stream->connection->in_waiting[lane]);
    grant(stream);
  }
}

void oa_flow_grant(oa_thread *thread) {
  grant_oldest(thread);
  grant_lane(thread, OA_LANE_USUAL);
  grant_lane(thread, OA_LANE_LARGE);
}

/* True when others need the memory of those that crawl. */
static bool is_short(oa_thread *thread) {
  return thread->held_bytes > thread->options->body_limit / 2 ||
         next_waiting(thread, OA_LANE_USUAL) != NULL ||
         next_waiting(thread, OA_LANE_LARGE) != NULL;
}

static bool is_behind(const oa_stream *stream, uint64_t now) {
  const uint64_t limit = stream->thread->options->body_timeout_ms;
  const uint64_t past = now - stream->granted_at;
  /* What a narrow window kept out before the grant is not its fault. */
  const uint64_t usual = stream->thread->options->stream_window;
  const uint64_t window = stream->http1 ? usual : stream->connection->window;
  const uint64_t brought = stream->have + (window < usual ? usual - window : 0);
  return past > SCHEDULE_AFTER && stream->state == OA_STREAM_BODY &&
         !stream->connection->back &&
         brought * limit < stream->length * past / SCHEDULE_PART;
}

/* Ends messages that crawl so slowly that their time will be over before they
 * are whole.  Alone they would have been waited for, so they may come again. */
static void shed(oa_thread *thread, const oa_list *list) {
  const uint64_t now = uv_now(&thread->loop);
  oa_link *link = is_short(thread) ? oa_list_first(list) : NULL;
  while (link != NULL) {
    oa_link *next = oa_list_next(list, link);
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_granted);
    if (is_behind(stream, now)) {
      oa_thread_count(&thread->late_bodies, 1);
      stream->late = true;
      oa_answer_refuse(stream, OA_GRPC_UNAVAILABLE, retry_delay(stream),
                       "the message came too slowly while others waited");
    }
    link = next;
  }
}

void oa_flow_forgive(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  oa_link *link;
  oa_retry_measure(
      &thread->retry,
      atomic_load_explicit(&thread->received, memory_order_relaxed), now);
  shed(thread, &thread->crawling);
  shed(thread, &thread->granted);
  while ((link = oa_list_first(&thread->granted)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_granted);
    const size_t bytes = stream->budgeted;
    if (now - stream->granted_at < CRAWL_TIME ||
        thread->slow_bytes + bytes > thread->options->body_limit / CRAWL_PART) {
      return;
    }
    oa_list_push(&thread->crawling, &stream->in_granted);
    set_budget(stream, 0);
    stream->slow = true;
    set_budget(stream, bytes);
  }
}

/* Memory for what may come of a waiting HTTP/2 message all the same. */
static bool hold_first(oa_stream *stream) {
  const oa_connection *connection = stream->connection;
  const int32_t open = nghttp2_session_get_stream_local_window_size(
      connection->session, stream->id);
  size_t window = open > 0 ? (size_t)open : 0;
  /* SETTINGS on their way will make it smaller. */
  window = window < connection->window ? window : connection->window;
  size_t first = stream->have + stream->behind + window;
  first = first < stream->length ? first : stream->length;
  if (!oa_flow_make_room(stream, first)) {
    return false;
  }
  oa_flow_hold(stream, first);
  return true;
}

bool oa_flow_begin_long(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  choose_lane(stream);
  const bool oldest =
      oa_list_first(&thread->granted) == &stream->in_granted && !thread->paused;
  if (oldest || (next_waiting(thread, stream->lane) == NULL &&
                 !is_over_share(stream) && fits_budget(stream))) {
    grant(stream);
    return stream->state == OA_STREAM_BODY;
  }
  /* The bytes of HTTP/1.1 wait in their socket. */
  if (!stream->http1 && !hold_first(stream)) {
    oa_flow_refuse(stream);
    return false;
  }
  wait_for_turn(stream);
  return true;
}
