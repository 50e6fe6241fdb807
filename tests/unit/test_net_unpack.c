/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that become long when they are decompressed: they keep nobody else
 * waiting, all of them are served, and their memory is counted. */
#include "net_trial.h"

#include "base/account.h"
#include "codec/codec.h"

enum {
  LONG = 20 * 1024 * 1024, /* bytes of a message that becomes long */
  SHORT = 500,
  MOST = 32 * 1024 * 1024, /* that a message may have */
  FEW = 5,
};

static oa_buf framed(oa_buf body) {
  oa_buf out = {0};
  const uint8_t prefix[] = {1, (uint8_t)(body.len >> 24),
                            (uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8),
                            (uint8_t)body.len};
  assert_int_equal(oa_buf_put(&out, prefix, sizeof prefix), OA_OK);
  assert_int_equal(oa_buf_put(&out, body.data, body.len), OA_OK);
  oa_buf_free(&body);
  return out;
}

/* A message of LEN bytes of DATA; NULL: zeros. */
static oa_buf pack(oa_coding codec, const uint8_t *data, size_t len) {
  oa_deflater *deflater = NULL;
  oa_buf body = {0};
  assert_int_equal(oa_deflater_new(&deflater, codec, 0), OA_OK);
  assert_int_equal(data == NULL ? oa_deflate_zeros(deflater, len, &body)
                                : oa_deflate(deflater, data, len, &body),
                   OA_OK);
  oa_deflater_free(deflater);
  return framed(body);
}

/* A message of LEN zeros, of a few KiB. */
static oa_buf pack_zeros(oa_coding codec, size_t len) {
  return pack(codec, NULL, len);
}

/* One client of a server with an account. */
typedef struct guest {
  oa_account account;
  fixture f;
  client *c;
  uint8_t *small;
} guest;

static void enter(guest *g, size_t memory) {
  oa_account_init(&g->account, memory);
  fixture_init(&g->f);
  g->f.options.max_message = MOST;
  g->f.options.account = &g->account;
  fixture_start(&g->f);
  g->c = client_greet(&g->f);
  g->small = make_frame(SHORT, false);
}

/* Nothing is held and, at last, nothing counted. */
static void leave(guest *g) {
  await_held(&g->f, 0);
  client_close(g->c);
  fixture_end(&g->f);
  assert_int_equal(oa_account_used(&g->account), 0);
  oa_free(g->small);
}

static ask ask_packed(const oa_buf *body, const char *encoding) {
  ask what = ask_for(body->data, body->len);
  what.encoding = encoding;
  return what;
}

static void a_long_message_does_not_keep_a_short_one_waiting(void **state) {
  (void)state;
  static const struct {
    oa_coding codec;
    const char *name;
  } kinds[] = {{OA_CODING_GZIP, "gzip"}, {OA_CODING_ZSTD, "zstd"}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    guest g;
    enter(&g, SIZE_MAX);
    oa_buf bomb = pack_zeros(kinds[i].codec, LONG);
    const ask heavy = ask_packed(&bomb, kinds[i].name);
    const ask quick = ask_for(g.small, SHORT + 5);
    int32_t streams[FEW + 1];
    /* All are there before the first is begun. */
    carry_out(&g.f, PAUSE);
    client_ask_often(g.c, &heavy, streams, FEW);
    streams[FEW] = client_ask(g.c, &quick);
    client_settle(g.c);
    carry_out(&g.f, RESUME);
    client_await_ok(g.c, streams, FEW + 1);
    assert_int_equal(g.f.requests, FEW + 1);
    assert_int_equal(g.f.order[0], SHORT);
    for (size_t k = 1; k <= FEW; k++) {
      assert_int_equal(g.f.order[k], LONG);
    }
    oa_buf_free(&bomb);
    leave(&g);
  }
}

static void a_long_message_comes_whole(void **state) {
  (void)state;
  guest g;
  enter(&g, SIZE_MAX);
  uint8_t *frame = make_frame(LONG, false);
  oa_buf gzip = pack(OA_CODING_GZIP, frame + 5, LONG);
  oa_buf zstd = pack(OA_CODING_ZSTD, frame + 5, LONG);
  const ask asks[] = {ask_packed(&gzip, "gzip"), ask_packed(&zstd, "zstd")};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(client_call(g.c, &asks[i % 2])->grpc_status, 0);
    assert_true(got_frame(&g.f, LONG));
  }
  oa_buf_free(&gzip);
  oa_buf_free(&zstd);
  oa_free(frame);
  leave(&g);
}

static void messages_of_a_stream_keep_their_order(void **state) {
  (void)state;
  guest g;
  enter(&g, SIZE_MAX);
  oa_buf all = {0};
  oa_buf bomb = pack_zeros(OA_CODING_ZSTD, LONG);
  for (size_t i = 0; i < FEW; i++) {
    assert_int_equal(oa_buf_put(&all, g.small, SHORT + 5), OA_OK);
    assert_int_equal(oa_buf_put(&all, bomb.data, bomb.len), OA_OK);
  }
  ask what = ask_packed(&all, "zstd");
  what.path = STREAM_PATH;
  g.f.echo = false;
  assert_int_equal(client_call(g.c, &what)->grpc_status, 0);
  assert_int_equal(g.f.messages, 2 * FEW);
  assert_int_equal(g.f.message_bytes, FEW * (size_t)(LONG + SHORT));
  assert_int_equal(g.f.ends, 1);
  assert_int_equal(g.f.cancels, 0);
  oa_buf_free(&bomb);
  oa_buf_free(&all);
  leave(&g);
}

static void what_becomes_too_long_is_refused(void **state) {
  (void)state;
  guest g;
  enter(&g, SIZE_MAX);
  oa_buf most = pack_zeros(OA_CODING_GZIP, MOST);
  oa_buf gzip = pack_zeros(OA_CODING_GZIP, MOST + 1);
  oa_buf zstd = pack_zeros(OA_CODING_ZSTD, MOST + 1);
  ask what = ask_packed(&most, "gzip");
  assert_int_equal(client_call(g.c, &what)->grpc_status, 0);
  what = ask_packed(&gzip, "gzip");
  assert_int_equal(client_call(g.c, &what)->grpc_status, 8);
  what = ask_packed(&zstd, "zstd");
  assert_int_equal(client_call(g.c, &what)->grpc_status, 8);
  assert_int_equal(g.f.refusals, 2);
  assert_int_equal(g.f.requests, 1);
  oa_buf_free(&most);
  oa_buf_free(&gzip);
  oa_buf_free(&zstd);
  leave(&g);
}

static void a_damaged_long_message_is_refused(void **state) {
  (void)state;
  guest g;
  enter(&g, SIZE_MAX);
  uint8_t *frame = make_frame(LONG, false);
  oa_buf gzip = pack(OA_CODING_GZIP, frame + 5, LONG);
  /* Its checksum, and then bytes in its middle. */
  gzip.data[gzip.len - 8] ^= 1;
  const ask what = ask_packed(&gzip, "gzip");
  const answer *a = client_call(g.c, &what);
  assert_int_equal(a->grpc_status, 13);
  assert_non_null(strstr(a->message, "cannot be decompressed"));
  memset(gzip.data + gzip.len / 2, 0xff, 64);
  assert_int_equal(client_call(g.c, &what)->grpc_status, 13);
  assert_int_equal(g.f.requests, 0);
  oa_buf_free(&gzip);
  oa_free(frame);
  serves_still(&g.f, SHORT);
  leave(&g);
}

static void long_messages_that_nobody_waits_for_are_dropped(void **state) {
  (void)state;
  guest g;
  enter(&g, SIZE_MAX);
  oa_buf bomb = pack_zeros(OA_CODING_GZIP, LONG);
  const ask what = ask_packed(&bomb, "gzip");
  int32_t streams[FEW];
  carry_out(&g.f, PAUSE);
  client_ask_often(g.c, &what, streams, FEW);
  client_settle(g.c);
  assert_int_equal(held_now(&g.f), FEW * (uint64_t)(bomb.len - 5));
  carry_out(&g.f, RESUME);
  /* The first is under way, the last stands in the line. */
  nghttp2_submit_rst_stream(g.c->session, NGHTTP2_FLAG_NONE, streams[0],
                            NGHTTP2_CANCEL);
  nghttp2_submit_rst_stream(g.c->session, NGHTTP2_FLAG_NONE, streams[FEW - 1],
                            NGHTTP2_CANCEL);
  client_send_at_once(g.c);
  client_await_ok(g.c, streams + 1, FEW - 2);
  /* And a client that hangs up. */
  client *other = client_greet(&g.f);
  client_ask_often(other, &what, NULL, FEW);
  client_send_at_once(other);
  client_close(other);
  serves_still(&g.f, SHORT);
  oa_buf_free(&bomb);
  leave(&g);
}

static void a_server_stops_while_it_decompresses(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    guest g;
    enter(&g, SIZE_MAX);
    oa_buf bomb = pack_zeros(OA_CODING_GZIP, LONG);
    const ask what = ask_packed(&bomb, "gzip");
    client_ask_often(g.c, &what, NULL, FEW);
    client_send_at_once(g.c);
    pause_ms(5 * i);
    oa_server_stop(g.f.server, 0);
    client_close(g.c);
    fixture_end(&g.f);
    assert_int_equal(oa_account_used(&g.account), 0);
    oa_buf_free(&bomb);
    oa_free(g.small);
  }
}

static void a_handler_that_pauses_gets_no_long_message(void **state) {
  (void)state;
  guest g;
  enter(&g, SIZE_MAX);
  oa_buf bomb = pack_zeros(OA_CODING_ZSTD, LONG);
  const ask what = ask_packed(&bomb, "zstd");
  int32_t streams[FEW];
  carry_out(&g.f, PAUSE);
  client_ask_often(g.c, &what, streams, FEW);
  client_run(g.c, 100);
  assert_int_equal(read_count(&g.f, &g.f.requests), 0);
  /* And it holds no more than what has come. */
  assert_true(oa_account_used(&g.account) < LONG);
  carry_out(&g.f, RESUME);
  client_await_ok(g.c, streams, FEW);
  oa_buf_free(&bomb);
  leave(&g);
}

static void without_memory_a_long_message_may_come_again(void **state) {
  (void)state;
  guest g;
  enter(&g, LONG / 2);
  oa_buf bomb = pack_zeros(OA_CODING_GZIP, LONG);
  oa_buf half = pack_zeros(OA_CODING_GZIP, LONG / 4);
  ask what = ask_packed(&bomb, "gzip");
  for (size_t i = 0; i < FEW; i++) {
    assert_int_equal(client_call(g.c, &what)->grpc_status, 14);
  }
  what = ask_packed(&half, "gzip");
  assert_int_equal(client_call(g.c, &what)->grpc_status, 0);
  oa_buf_free(&bomb);
  oa_buf_free(&half);
  leave(&g);
}

/* Serving while the Nth allocation fails: an error or a lost connection is
 * allowed, and nothing may be damaged or leak. */
static void failing_memory_costs_a_long_message_but_not_the_server(
    void **state) {
  (void)state;
  enum { TRIES = 200, A_BIT_LONG = 5 * 1024 * 1024 };
  guest g;
  enter(&g, SIZE_MAX);
  oa_buf bomb = pack_zeros(OA_CODING_GZIP, A_BIT_LONG);
  const ask what = ask_packed(&bomb, "gzip");
  bool served = false;
  for (int n = 0; n < TRIES && !served; n++) {
    client *c = client_greet(&g.f);
    const int32_t stream = client_ask(c, &what);
    const answer *a = answer_of(c, stream);
    const uint64_t end = now_ms() + 100 + 10 * (uint64_t)n;
    client_send_at_once(c);
    oa_mem_fail_after(n);
    while (!a->closed && !c->eof && now_ms() < end) {
      client_turn(c, 2);
    }
    oa_mem_fail_after(-1);
    served = a->closed && a->grpc_status == 0;
    client_close(c);
  }
  assert_true(served);
  serves_still(&g.f, SHORT);
  oa_buf_free(&bomb);
  leave(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_long_message_does_not_keep_a_short_one_waiting),
      cmocka_unit_test(a_long_message_comes_whole),
      cmocka_unit_test(messages_of_a_stream_keep_their_order),
      cmocka_unit_test(what_becomes_too_long_is_refused),
      cmocka_unit_test(a_damaged_long_message_is_refused),
      cmocka_unit_test(long_messages_that_nobody_waits_for_are_dropped),
      cmocka_unit_test(a_server_stops_while_it_decompresses),
      cmocka_unit_test(a_handler_that_pauses_gets_no_long_message),
      cmocka_unit_test(without_memory_a_long_message_may_come_again),
      cmocka_unit_test(failing_memory_costs_a_long_message_but_not_the_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
