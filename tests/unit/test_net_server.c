/* SPDX-License-Identifier: Apache-2.0 */
/* One call at a time: what goes in, what comes out. */
#include "net_trial.h"

#include "codec/codec.h"

static void ask_and_expect(fixture *f, const ask *what, int code) {
  client *c = client_open(f);
  const answer *a = client_call(c, what);
  assert_int_equal(a->http_status, 200);
  assert_int_equal(a->grpc_status, code);
  client_close(c);
}

static void a_message_arrives_whole(void **state) {
  (void)state;
  static const size_t sizes[] = {0,     1,     100,   16384,  65531,
                                 65532, 65536, 70000, 400000, 5000000};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t *frame = make_frame(sizes[i], false);
    ask what = ask_for(frame, sizes[i] + 5);
    const answer *a = client_call(c, &what);
    assert_int_equal(a->http_status, 200);
    assert_int_equal(a->grpc_status, 0);
    assert_string_equal(a->type, "application/grpc");
    assert_string_equal(a->accepts,
                        "identity,gzip,zstd,zstdarrow1,zstdarrow2,zstdarrow3,"
                        "zstdarrow4,zstdarrow5,zstdarrow6,zstdarrow7,"
                        "zstdarrow8,zstdarrow9,zstdarrow10");
    assert_int_equal(a->body_len, 5);
    assert_int_equal(a->error, NGHTTP2_NO_ERROR);
    assert_true(got_frame(&f, sizes[i]));
    sum += sizes[i];
    oa_free(frame);
  }
  oa_server_stats stats;
  oa_server_get_stats(f.server, &stats);
  assert_true(stats.bytes_received == sum);
  assert_int_equal(stats.connections_opened, 1);
  assert_int_equal(stats.connections_now, 1);
  client_close(c);
  fixture_end(&f);
}

static void fragments_of_any_size_make_the_same_message(void **state) {
  (void)state;
  static const size_t frames[] = {1, 2, 3, 4, 5, 6, 7, 4096};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  uint8_t *frame = make_frame(9000, false);
  for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
    /* So many of the smallest are no flood yet, but not all of them. */
    client *c = client_open(&f);
    ask what = ask_for(frame, 9005);
    what.body.frame = frames[i];
    assert_int_equal(client_call(c, &what)->grpc_status, 0);
    assert_true(got_frame(&f, 9000));
    client_close(c);
  }
  oa_free(frame);
  fixture_end(&f);
}

static void padding_is_no_part_of_the_message(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(300000, false);
  ask what = ask_for(frame, 300005);
  what.body.frame = 500;
  what.body.pad = 255;
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  assert_true(got_frame(&f, 300000));
  what.body.len = 65005;
  uint8_t *shorter = make_frame(65000, false);
  what.body.data = shorter;
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  assert_true(got_frame(&f, 65000));
  oa_free(shorter);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void the_answer_carries_the_handlers_message(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.reply.message = (const uint8_t *)"hello";
  f.reply.message_len = 5;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(10, false);
  ask what = ask_for(frame, 15);
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, 0);
  assert_int_equal(a->body_len, 10);
  assert_memory_equal(a->body, "\0\0\0\0\5hello", 10);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void errors_carry_text_and_retry_delay(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.reply.code = OA_GRPC_UNAVAILABLE;
  f.reply.text = "buffers are 100% full";
  f.reply.retry_after_ms = 1500;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(10, false);
  ask what = ask_for(frame, 15);
  const answer *a = client_call(c, &what);
  assert_int_equal(a->http_status, 200);
  assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
  assert_string_equal(a->message, "buffers are 100%25 full");
  assert_true(strlen(a->details) > 40);
  assert_int_equal(a->body_len, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void an_unknown_path_is_named(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(400000, false);
  ask what = ask_for(frame, 400005);
  what.path = "/foo.Bar/Baz";
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_UNIMPLEMENTED);
  assert_non_null(strstr(a->message, "/foo.Bar/Baz"));
  assert_int_equal(a->details[0], '\0');
  assert_int_equal(f.refused_method, -1);
  assert_int_equal(f.requests, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void what_is_no_grpc_call_gets_an_http_status(void **state) {
  (void)state;
  static const struct {
    const char *path;
    const char *method;
    const char *type;
    int status;
  } cases[] = {{PATH, "POST", "application/json", 415},
               {PATH, "POST", NULL, 415},
               {PATH, "POST", "application/grpc-web", 415},
               {PATH, "GET", "application/grpc", 405},
               {"/", "GET", NULL, 404},
               {"/v1/traces", "POST", "application/x-protobuf", 404}};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(10, false);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ask what = ask_for(frame, 15);
    what.path = cases[i].path;
    what.method = cases[i].method;
    what.type = cases[i].type;
    const answer *a = client_call(c, &what);
    assert_int_equal(a->http_status, cases[i].status);
    assert_int_equal(a->grpc_status, -1);
    assert_true(a->body_len > 10);
  }
  assert_int_equal(f.requests, 0);
  assert_int_equal(f.refusals, sizeof cases / sizeof cases[0]);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void a_too_large_message_is_refused_at_its_prefix(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_message = 1000;
  fixture_start(&f);
  client *c = client_open(&f);
  static const uint8_t prefixes[][5] = {
      {0, 0, 0, 0x03, 0xe9}, {0, 0xff, 0xff, 0xff, 0xff}, {0, 0x80, 0, 0, 0}};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
    ask what = ask_for(prefixes[i], 5);
    what.body.open_end = true;
    const answer *a = client_call(c, &what);
    assert_int_equal(a->grpc_status, OA_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(a->details[0], '\0');
    assert_non_null(strstr(a->message, "1000"));
    /* The client is told to stop sending. */
    assert_int_equal(a->error, NGHTTP2_NO_ERROR);
  }
  uint8_t *frame = make_frame(1000, false);
  ask what = ask_for(frame, 1005);
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  assert_int_equal(held_now(&f), 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void malformed_frames_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
    int code;
  } cases[] = {
      {"", 0, OA_GRPC_UNIMPLEMENTED},
      {"\0", 1, OA_GRPC_INTERNAL},
      {"\0\0\0\0", 4, OA_GRPC_INTERNAL},
      {"\0\0\0\0\5abcd", 9, OA_GRPC_INTERNAL},
      {"\0\0\1\0\0abcd", 9, OA_GRPC_INTERNAL},
      {"\2\0\0\0\1a", 6, OA_GRPC_INTERNAL},
      {"\1\0\0\0\1a", 6, OA_GRPC_INTERNAL},
      {"\0\0\0\0\1ab", 7, OA_GRPC_UNIMPLEMENTED},
      {"\0\0\0\0\1a\0\0\0\0\1b", 12, OA_GRPC_UNIMPLEMENTED},
      {"\0\0\0\0\0\0\0\0\0\0", 10, OA_GRPC_UNIMPLEMENTED},
  };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (size_t frame = 0; frame < 3; frame++) {
      ask what = ask_for((const uint8_t *)cases[i].bytes, cases[i].len);
      what.body.frame = frame;
      ask_and_expect(&f, &what, cases[i].code);
      assert_int_equal(f.refused_code, cases[i].code);
      assert_int_equal(f.refused_method, METHOD_TRACES);
    }
  }
  assert_int_equal(f.requests, 0);
  fixture_end(&f);
}

static void a_second_message_behind_a_granted_one_is_seen(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(300000, false);
  uint8_t *twice = oa_malloc(600010);
  memcpy(twice, frame, 300005);
  memcpy(twice + 300005, frame, 300005);
  ask what = ask_for(twice, 600010);
  assert_int_equal(client_call(c, &what)->grpc_status, OA_GRPC_UNIMPLEMENTED);
  await_held(&f, 0);
  oa_free(twice);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static oa_buf compress(oa_coding codec, const uint8_t *data, size_t len) {
  oa_deflater *deflater = NULL;
  oa_buf out = {0};
  assert_int_equal(oa_deflater_new(&deflater, codec, 0), OA_OK);
  assert_int_equal(oa_buf_put(&out, "\1\0\0\0\0", 5), OA_OK);
  assert_int_equal(oa_deflate(deflater, data, len, &out), OA_OK);
  const size_t body = out.len - 5;
  out.data[1] = (uint8_t)(body >> 24);
  out.data[2] = (uint8_t)(body >> 16);
  out.data[3] = (uint8_t)(body >> 8);
  out.data[4] = (uint8_t)body;
  oa_deflater_free(deflater);
  return out;
}

static void compressed_messages_are_opened(void **state) {
  (void)state;
  static const char *const names[] = {"zstd", "zstdarrow1", "zstdarrow10"};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(400000, false);
  oa_buf body = compress(OA_CODING_ZSTD, frame + 5, 400000);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ask what = ask_for(body.data, body.len);
    what.encoding = names[i];
    assert_int_equal(client_call(c, &what)->grpc_status, 0);
    assert_true(got_frame(&f, 400000));
  }
  /* A codec is named, and this message does without. */
  ask what = ask_for(frame, 400005);
  what.encoding = "gzip";
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  assert_true(got_frame(&f, 400000));
  oa_buf_free(&body);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

/* gzip of "hello, hello, hello" as `printf ... | gzip -n` makes it. */
static const uint8_t GZIP[] = {
    1,    0,    0,    0,    29,   0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x40,
    0xa2, 0x00, 0x9f, 0xa1, 0xca, 0x09, 0x13, 0x00, 0x00, 0x00};

static void gzip_messages_are_opened(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  ask what = ask_for(GZIP, sizeof GZIP);
  what.encoding = "gzip";
  ask_and_expect(&f, &what, 0);
  assert_int_equal(f.message_len, 19);
  assert_memory_equal(f.message, "hello, hello, hello", 19);
  what.encoding = "zstd";
  ask_and_expect(&f, &what, OA_GRPC_INTERNAL);
  what.encoding = NULL;
  ask_and_expect(&f, &what, OA_GRPC_INTERNAL);
  what.encoding = "snappy";
  ask_and_expect(&f, &what, OA_GRPC_UNIMPLEMENTED);
  assert_int_equal(f.requests, 1);
  fixture_end(&f);
}

static void bombs_stay_within_the_largest_message(void **state) {
  (void)state;
  enum { LARGEST = 100000, BOMB = 50 * 1000 * 1000 };
  fixture f;
  fixture_init(&f);
  f.options.max_message = LARGEST;
  fixture_start(&f);
  uint8_t *zeros = oa_calloc(1, BOMB);
  assert_non_null(zeros);
  oa_buf body = compress(OA_CODING_ZSTD, zeros, BOMB);
  assert_true(body.len < LARGEST);
  ask what = ask_for(body.data, body.len);
  what.encoding = "zstd";
  client *c = client_open(&f);
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_RESOURCE_EXHAUSTED);
  assert_int_equal(a->details[0], '\0');
  assert_int_equal(f.requests, 0);
  assert_int_equal(held_now(&f), 0);
  oa_buf_free(&body);
  oa_free(zeros);
  client_close(c);
  fixture_end(&f);
}

static void deadlines_are_kept(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  uint8_t *frame = make_frame(10, false);
  ask what = ask_for(frame, 15);
  what.timeout = "1n";
  ask_and_expect(&f, &what, OA_GRPC_DEADLINE_EXCEEDED);
  assert_int_equal(f.refused_code, OA_GRPC_DEADLINE_EXCEEDED);
  what.timeout = "soon";
  ask_and_expect(&f, &what, OA_GRPC_INTERNAL);
  what.timeout = "10S";
  ask_and_expect(&f, &what, 0);
  assert_int_equal(f.requests, 1);
  oa_free(frame);
  fixture_end(&f);
}

static void headers_that_are_too_long_are_refused(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_header_bytes = 1000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(10, false);
  char path[1200];
  memset(path, 'x', sizeof path);
  path[0] = '/';
  path[sizeof path - 1] = '\0';
  ask what = ask_for(frame, 15);
  what.path = path;
  assert_int_equal(client_call(c, &what)->http_status, 431);
  what.path = PATH;
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void many_calls_share_a_connection(void **state) {
  (void)state;
  enum { CALLS = 1000 };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(500, false);
  ask what = ask_for(frame, 505);
  for (int i = 0; i < CALLS; i++) {
    client_ask(c, &what);
  }
  for (int i = 0; i < CALLS; i++) {
    assert_int_equal(client_await(c, 2 * i + 1)->grpc_status, 0);
  }
  assert_int_equal(f.requests, CALLS);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_arrives_whole),
      cmocka_unit_test(fragments_of_any_size_make_the_same_message),
      cmocka_unit_test(padding_is_no_part_of_the_message),
      cmocka_unit_test(the_answer_carries_the_handlers_message),
      cmocka_unit_test(errors_carry_text_and_retry_delay),
      cmocka_unit_test(an_unknown_path_is_named),
      cmocka_unit_test(what_is_no_grpc_call_gets_an_http_status),
      cmocka_unit_test(a_too_large_message_is_refused_at_its_prefix),
      cmocka_unit_test(malformed_frames_are_refused),
      cmocka_unit_test(a_second_message_behind_a_granted_one_is_seen),
      cmocka_unit_test(compressed_messages_are_opened),
      cmocka_unit_test(gzip_messages_are_opened),
      cmocka_unit_test(bombs_stay_within_the_largest_message),
      cmocka_unit_test(deadlines_are_kept),
      cmocka_unit_test(headers_that_are_too_long_are_refused),
      cmocka_unit_test(many_calls_share_a_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
