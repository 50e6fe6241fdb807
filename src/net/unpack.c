/* SPDX-License-Identifier: Apache-2.0 */
#include "net/unpack.h"

#include "base/mem.h"

enum {
  /* What becomes longer is decompressed beside the I/O thread: what takes
   * about as long as a connection may in a turn of the loop.  Most clients
   * send no more, as gRPC's usual limit for a message is as much. */
  AT_ONCE = 4 * 1024 * 1024,
  /* But for what its sender has sent so much of that it had its part of the
   * work: a message that was not compressed would take as long. */
  FAIR_RATIO = 8,
  /* The decompressors keep little on the stack. */
  STACK_SIZE = 256 * 1024,
};

typedef enum unpacker_state {
  UNPACKER_IDLE,
  UNPACKER_BUSY, /* a thread is at it */
  UNPACKER_DONE, /* its stream waits to be handed over */
} unpacker_state;

/* While it is busy, the other thread has what stands from `codec` on. */
typedef struct oa_unpacker {
  oa_thread *thread;
  unpacker_state state;
  oa_stream *stream; /* NULL: nobody waits for it any more */
  uv_thread_t id;
  atomic_bool over;
  oa_coding codec;
  oa_block block;
  size_t length;
  oa_inflater *inflater;
  oa_purse purse;
  oa_buf out;
  oa_status status;
  oa_error error;
} oa_unpacker;

/* What STREAM's message may become at once. */
static size_t most_at_once(const oa_stream *stream) {
  const size_t fair = (size_t)stream->length * FAIR_RATIO;
  const size_t most = fair > AT_ONCE ? fair : AT_ONCE;
  const size_t limit = stream->thread->options->max_message;
  return most < limit ? most : limit;
}

/* OA_ERR_LIMIT: it becomes long. */
static oa_status inflate_at_once(oa_stream *stream, oa_error *error) {
  oa_thread *thread = stream->thread;
  if (thread->inflater == NULL) {
    OA_TRY(oa_inflater_new(&thread->inflater));
  }
  stream->inflated = oa_flow_take_spare(thread);
  const oa_status status = oa_inflate(
      thread->inflater, stream->head.codec, stream->block.data, stream->length,
      most_at_once(stream), &stream->inflated, error);
  if (status == OA_ERR_LIMIT) {
    oa_flow_give_spare(thread, &stream->inflated);
  }
  return status;
}

static void refuse(oa_stream *stream, oa_status status, const oa_error *error) {
  switch (status) {
    case OA_ERR_LIMIT:
      oa_answer_refuse(stream, OA_GRPC_RESOURCE_EXHAUSTED, 0,
                       "the message has more than %zu bytes when decompressed",
                       stream->thread->options->max_message);
      break;
    case OA_ERR_NOMEM:
      oa_flow_refuse(stream);
      break;
    default:
      oa_answer_refuse(
          stream, OA_GRPC_INTERNAL, 0, "the message cannot be decompressed: %s",
          error->text[0] != '\0' ? error->text : oa_status_text(status));
      break;
  }
}

static void show(oa_stream *stream) {
  stream->call.message = stream->inflated.data;
  stream->call.message_len = stream->inflated.len;
}

/* Whose message was decompressed last, and is handed over now or never. */
static void release(oa_unpacker *unpacker) {
  unpacker->stream = NULL;
  if (unpacker->state == UNPACKER_DONE) {
    unpacker->state = UNPACKER_IDLE;
  }
}

static bool is_done(const oa_stream *stream) {
  const oa_unpacker *unpacker = stream->thread->unpacker;
  return unpacker != NULL && unpacker->state == UNPACKER_DONE &&
         unpacker->stream == stream;
}

/* True for what becomes long as far as it can be told.  HOPELESS: longer than
 * is allowed, which a frame of zstd that says so will not take back. */
static bool looks_long(const oa_stream *stream, bool *hopeless) {
  const oa_coding codec = stream->head.codec;
  const size_t likely =
      oa_inflate_foretell(codec, stream->block.data, stream->length);
  *hopeless =
      codec == OA_CODING_ZSTD && likely > stream->thread->options->max_message;
  return likely > most_at_once(stream);
}

bool oa_unpack(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  const bool may_be_long = most_at_once(stream) < thread->options->max_message;
  oa_error error = {0};
  oa_status status = OA_ERR_LIMIT;
  bool hopeless = false;
  if (is_done(stream)) {
    release(thread->unpacker);
    show(stream);
    /* The next one while the handler has this one. */
    oa_unpack_go_on(thread);
    return true;
  }
  if (!looks_long(stream, &hopeless) || !may_be_long) {
    status = inflate_at_once(stream, &error);
  }
  if (status == OA_ERR_LIMIT && may_be_long && !hopeless) {
    oa_list_push(&thread->unpacking, &stream->in_queue);
    return false;
  }
  if (status != OA_OK) {
    refuse(stream, status, &error);
    return false;
  }
  oa_flow_recount(stream, stream->inflated.len);
  show(stream);
  return true;
}

/* --- beside the I/O thread --- */

static void work(void *argument) {
  oa_unpacker *unpacker = argument;
  oa_status status = OA_OK;
  if (unpacker->inflater == NULL) {
    status = oa_inflater_new(&unpacker->inflater);
  }
  if (status == OA_OK) {
    status =
        oa_inflate(unpacker->inflater, unpacker->codec, unpacker->block.data,
                   unpacker->length, unpacker->thread->options->max_message,
                   &unpacker->out, &unpacker->error);
  }
  unpacker->status = status;
  /* To give so much back takes milliseconds, too. */
  if (status != OA_OK &&
      unpacker->out.cap > unpacker->thread->options->body_budget) {
    oa_buf_free(&unpacker->out);
  }
}

static void work_beside(void *argument) {
  oa_unpacker *unpacker = argument;
  oa_thread *thread = unpacker->thread;
  work(unpacker);
  atomic_store(&unpacker->over, true);
  oa_thread_go_on_soon(thread);
}

/* --- the line --- */

/* BUF's memory counts in PURSE from here on. */
static void count_in(oa_buf *buf, oa_purse *purse) {
  oa_purse_move(buf->purse, purse, buf->cap);
  buf->purse = purse;
}

/* What was decompressed gets its turn to be handed over. */
static void finish(oa_unpacker *unpacker) {
  oa_thread *thread = unpacker->thread;
  oa_stream *stream = unpacker->stream;
  oa_buf out = unpacker->out;
  oa_pool_give(&thread->pool, &unpacker->block);
  count_in(&out, &thread->purse);
  unpacker->out = (oa_buf){0};
  unpacker->state = UNPACKER_IDLE;
  if (stream == NULL || stream->state != OA_STREAM_READY ||
      unpacker->status != OA_OK) {
    unpacker->stream = NULL;
    oa_flow_give_spare(thread, &out);
    if (stream != NULL && stream->state == OA_STREAM_READY) {
      refuse(stream, unpacker->status, &unpacker->error);
    }
    return;
  }
  stream->inflated = out;
  oa_flow_recount(stream, stream->inflated.len);
  unpacker->state = UNPACKER_DONE;
  oa_turn_wait(stream);
}

static void start(oa_unpacker *unpacker, oa_stream *stream) {
  oa_thread *thread = unpacker->thread;
  const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                       .stack_size = STACK_SIZE};
  oa_link_remove(&stream->in_queue);
  unpacker->stream = stream;
  unpacker->codec = stream->head.codec;
  unpacker->block = stream->block;
  unpacker->length = stream->length;
  unpacker->out = oa_flow_take_spare(thread);
  count_in(&unpacker->out, &unpacker->purse);
  unpacker->error = (oa_error){0};
  atomic_store(&unpacker->over, false);
  stream->block = (oa_block){0};
  unpacker->state = UNPACKER_BUSY;
  if (uv_thread_create_ex(&unpacker->id, &options, work_beside, unpacker) !=
      0) {
    /* Better late than never. */
    work(unpacker);
    finish(unpacker);
  }
}

static oa_unpacker *need_unpacker(oa_thread *thread) {
  if (thread->unpacker == NULL) {
    oa_unpacker *unpacker = oa_calloc(1, sizeof *unpacker);
    if (unpacker == NULL) {
      return NULL;
    }
    unpacker->thread = thread;
    unpacker->purse.account = thread->options->account;
    thread->unpacker = unpacker;
  }
  return thread->unpacker;
}

void oa_unpack_go_on(oa_thread *thread) {
  oa_link *link;
  while (!thread->paused &&
         (link = oa_list_first(&thread->unpacking)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_queue);
    oa_unpacker *unpacker = need_unpacker(thread);
    if (unpacker == NULL) {
      oa_link_remove(link);
      oa_flow_refuse(stream);
    } else if (unpacker->state == UNPACKER_IDLE) {
      start(unpacker, stream);
    } else {
      return;
    }
  }
}

bool oa_unpack_take(oa_thread *thread) {
  oa_unpacker *unpacker = thread->unpacker;
  if (unpacker == NULL || unpacker->state != UNPACKER_BUSY ||
      !atomic_load(&unpacker->over)) {
    return false;
  }
  uv_thread_join(&unpacker->id);
  finish(unpacker);
  return true;
}

void oa_unpack_forget(const oa_stream *stream) {
  oa_unpacker *unpacker = stream->thread->unpacker;
  if (unpacker != NULL && unpacker->stream == stream) {
    release(unpacker);
  }
}

void oa_unpack_trim(oa_thread *thread) {
  oa_unpacker *unpacker = thread->unpacker;
  if (unpacker != NULL && unpacker->state != UNPACKER_BUSY) {
    oa_inflater_free(unpacker->inflater);
    unpacker->inflater = NULL;
  }
}

void oa_unpack_close(oa_thread *thread) {
  oa_unpacker *unpacker = thread->unpacker;
  if (unpacker == NULL) {
    return;
  }
  if (unpacker->state == UNPACKER_BUSY) {
    uv_thread_join(&unpacker->id);
    oa_pool_give(&thread->pool, &unpacker->block);
    oa_buf_free(&unpacker->out);
  }
  oa_inflater_free(unpacker->inflater);
  oa_purse_close(&unpacker->purse);
  oa_free(unpacker);
  thread->unpacker = NULL;
}
