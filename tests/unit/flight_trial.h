/* SPDX-License-Identifier: Apache-2.0 */
/* flight_trial.h - DoPut streams as a client would send them, and what comes
 * out of one.
 *
 * Include it first: it brings cmocka along.
 */
#ifndef OA_TESTS_UNIT_FLIGHT_TRIAL_H
#define OA_TESTS_UNIT_FLIGHT_TRIAL_H

#include "otlp_trial.h"

#include "arrow/ipc_write.h"
#include "flight/message.h"
#include "flight/put.h"
#include "flight/stored.h"

enum { FLOW_MAX = 64, DEFAULT_MEMORY = 64 << 20 };

/* The messages of one stream. */
typedef struct flow {
  oa_buf messages[FLOW_MAX];
  size_t count;
} flow;

static inline void flow_free(flow *f) {
  for (size_t i = 0; i < f->count; i++) {
    oa_buf_free(&f->messages[i]);
  }
  *f = (flow){0};
}

/* Takes what E wrote as the next message. */
static inline void flow_add(flow *f, oa_emit *e) {
  assert_int_equal(e->status, OA_OK);
  assert_true(f->count < FLOW_MAX);
  f->messages[f->count++] = e->out;
  *e = (oa_emit){0};
}

/* A FlightDescriptor as field 1: a path of the words up to NULL. */
static inline void put_path(oa_emit *e, const char *first, const char *second) {
  const oa_emit_nest nest = oa_emit_open(e, 1, 1);
  oa_emit_varint(e, 1, OA_FLIGHT_PATH);
  put_text(e, 3, first);
  if (second != NULL) {
    put_text(e, 3, second);
  }
  oa_emit_close(e, nest);
}

/* Adds the messages that PIECES hold, one FlightData each; a FlightDescriptor
 * with the path [WORD] goes with the first when WORD is not NULL. */
static inline void flow_pieces(flow *f, const oa_ipc_pieces *pieces,
                               const char *word) {
  oa_buf all = {0};
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(&all, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
  for (size_t at = 0; at < all.len;) {
    oa_stored_message m;
    size_t need;
    oa_emit e = {0};
    assert_int_equal(
        oa_stored_look(all.data + at, all.len - at, &m, &need, NULL), OA_OK);
    if (word != NULL) {
      put_path(&e, word, NULL);
      word = NULL;
    }
    oa_flight_write_data(&e, all.data + at + m.meta_at, m.meta_len,
                         (size_t)m.body_len);
    assert_int_equal(
        oa_buf_put(&e.out, all.data + at + m.body_at, (size_t)m.body_len),
        OA_OK);
    flow_add(f, &e);
    at += (size_t)m.size;
  }
  oa_buf_free(&all);
}

/* Adds the schema and BATCHES times the same rows. */
static inline void flow_table(flow *f, const oa_schema *schema,
                              const oa_array *columns, int64_t rows,
                              int batches, oa_coding codec, const char *word) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  assert_int_equal(oa_ipc_writer_new(&writer, schema, codec, 0), OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  flow_pieces(f, &pieces, word);
  for (int i = 0; i < batches; i++) {
    assert_int_equal(oa_ipc_write_batch(writer, columns, rows, &pieces), OA_OK);
    flow_pieces(f, &pieces, NULL);
  }
  oa_ipc_writer_free(writer);
}

/* The whole stream as its bytes in a file, with EOS. */
static inline oa_buf stream_bytes(const oa_schema *schema,
                                  const oa_array *columns, int64_t rows,
                                  int batches) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf out = {0};
  assert_int_equal(oa_ipc_writer_new(&writer, schema, OA_CODING_NONE, 0),
                   OA_OK);
  for (int step = -1; step <= batches; step++) {
    if (step < 0) {
      assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
    } else if (step < batches) {
      assert_int_equal(oa_ipc_write_batch(writer, columns, rows, &pieces),
                       OA_OK);
    } else {
      oa_ipc_write_end(&pieces);
    }
    for (size_t i = 0; i < pieces.count; i++) {
      assert_int_equal(
          oa_buf_put(&out, pieces.iov[i].iov_base, pieces.iov[i].iov_len),
          OA_OK);
    }
  }
  oa_ipc_writer_free(writer);
  return out;
}

/* A builder with one rich request of SIGNAL. */
static inline void rich_trial(trial *t, oa_signal signal) {
  request r = {0};
  trial_init(t, signal);
  put_rich_request(&r, signal, "flight");
  take(t, &r);
}

static inline void flow_rich(flow *f, oa_signal signal, int batches,
                             oa_coding codec, const char *word) {
  trial t;
  rich_trial(&t, signal);
  flow_table(f, oa_otlp_schema(signal), columns_of(&t), rows_of(&t), batches,
             codec, word);
  trial_free(&t);
}

/* --- the receiving end --- */

typedef struct landing {
  trial t; /* t.builder: NULL until the signal is known */
  uint64_t batches;
  uint64_t accepted;
  uint64_t rejected;
  char reason[192];
  oa_error error;
} landing;

static inline void landing_free(landing *l) {
  trial_free(&l->t);
  *l = (landing){0};
}

/* Gives one message to PUT, from a heap block of its size, and every batch of
 * it to the builder.  What failed is returned. */
static inline oa_status land_message(landing *l, oa_flight_put *put,
                                     const uint8_t *bytes, size_t len) {
  uint8_t *copy = malloc(len > 0 ? len : 1);
  assert_non_null(copy);
  if (len > 0) {
    memcpy(copy, bytes, len);
  }
  oa_status status = oa_flight_put_message(put, copy, len, &l->error);
  while (status == OA_OK) {
    status = oa_flight_put_next(put, &l->error);
    if (status != OA_OK) {
      break;
    }
    const oa_signal signal = oa_flight_put_signal(put);
    if (l->t.builder == NULL) {
      l->t.signal = signal;
      status = oa_otlp_builder_new(&l->t.builder, signal, &l->t.ords);
    }
    if (status == OA_OK && signal == l->t.signal) {
      const oa_builder_mark before = mark_of(&l->t);
      oa_otlp_result result = {0};
      status = oa_flight_put_decode(put, l->t.builder, &result, &l->error);
      if (status != OA_OK) {
        assert_mark(&l->t, &before);
        break;
      }
      l->batches++;
      l->accepted += result.accepted;
      l->rejected += result.rejected;
      if (l->reason[0] == '\0') {
        memcpy(l->reason, result.reason, sizeof l->reason);
      }
    }
  }
  memset(copy, 0xAA, len);
  free(copy);
  return status == OA_END ? OA_OK : status;
}

static inline oa_status land_with(landing *l, const flow *f, size_t memory) {
  oa_flight_put *put = NULL;
  oa_status status = oa_flight_put_new(&put, DEFAULT_MEMORY, memory);
  for (size_t i = 0; i < f->count && status == OA_OK; i++) {
    status = land_message(l, put, f->messages[i].data, f->messages[i].len);
  }
  oa_flight_put_free(put);
  return status;
}

static inline oa_status land(landing *l, const flow *f) {
  return land_with(l, f, DEFAULT_MEMORY);
}

/* Lands a stream that must be taken. */
static inline void land_ok(landing *l, const flow *f) {
  if (land(l, f) != OA_OK) {
    fail_msg("%s", l->error.text);
  }
}

static inline void assert_refused(const flow *f, oa_status status,
                                  const char *part) {
  landing l = {0};
  assert_int_equal(land(&l, f), status);
  if (strstr(l.error.text, part) == NULL) {
    fail_msg("\"%s\" does not say \"%s\"", l.error.text, part);
  }
  landing_free(&l);
}

#endif
