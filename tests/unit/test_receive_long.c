/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that take long to decode do not hold up the others. */
#include "receive_trial.h"

enum { MEBIBYTE = 1 << 20, MOST = 8 * MEBIBYTE };

#define HEAD                 \
  "POST /v1/logs HTTP/1.1\n" \
  "content-type: application/x-protobuf"
#define JSON_HEAD            \
  "POST /v1/logs HTTP/1.1\n" \
  "content-type: application/json"

static house *open_house(oa_ack ack) {
  house *h = house_new();
  h->options.ack = ack;
  h->options.max_message = MOST;
  house_open(h);
  return h;
}

/* COUNT records, and so many bytes that nobody wants that it is long. */
static oa_buf make_long(int count, int bad) {
  enum { UNKNOWN = 15 };
  oa_emit e = {0};
  uint8_t *padding = calloc(1, MEBIBYTE);
  assert_non_null(padding);
  put_records(&e, OA_LOGS, count, bad);
  oa_emit_bytes(&e, UNKNOWN, padding, MEBIBYTE);
  assert_int_equal(e.status, OA_OK);
  free(padding);
  return e.out;
}

static int post_long(house *h, const char *head, int count, int bad) {
  oa_buf body = make_long(count, bad);
  const int status = talk(h, head, body.data, body.len);
  oa_buf_free(&body);
  return status;
}

static int post_short(house *h, int count) {
  oa_emit e = {0};
  put_records(&e, OA_LOGS, count, 0);
  const int status = talk(h, HEAD, e.out.data, e.out.len);
  oa_buf_free(&e.out);
  return status;
}

static void long_ones_are_taken_like_short_ones(void **state) {
  (void)state;
  for (oa_ack level = OA_ACK_MEMORY; level <= OA_ACK_FSYNC; level++) {
    house *h = open_house(level);
    assert_int_equal(post_long(h, HEAD, 3, 0), 200);
    assert_int_equal(post_short(h, 1), 200);
    assert_int_equal(post_long(h, HEAD, 5, 2), 200);
    assert_true(heard_len(h) > 0); /* partial success */
    assert_int_equal(totals_of(h, OA_LOGS).items_accepted, 7);
    assert_int_equal(totals_of(h, OA_LOGS).items_rejected, 2);
    assert_int_equal(rows_in_files(&h->yard, OA_LOGS),
                     level == OA_ACK_MEMORY ? 0 : 7);
    assert_int_equal(house_close(h, OA_LOGS), 7);
  }
}

static void long_json_is_taken(void **state) {
  static const char text[] =
      "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{},{}]}]}],\"x\":\"";
  (void)state;
  house *h = open_house(OA_ACK_WRITE);
  char *body = malloc(2 * MEBIBYTE);
  assert_non_null(body);
  memset(body, 'x', 2 * MEBIBYTE);
  memcpy(body, text, sizeof text - 1);
  memcpy(body + 2 * MEBIBYTE - 2, "\"}", 2);
  assert_int_equal(talk(h, JSON_HEAD, body, 2 * MEBIBYTE), 200);
  body[2 * MEBIBYTE - 1] = ']';
  assert_int_equal(talk(h, JSON_HEAD, body, 2 * MEBIBYTE), 400);
  assert_non_null(strstr(heard(h), "2097151")); /* where */
  free(body);
  assert_int_equal(house_close(h, OA_LOGS), 2);
}

static void what_is_wrong_with_a_long_one_is_told(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_WRITE);
  oa_buf body = make_long(3, 0);
  body.data[0] = 0xff;
  assert_int_equal(talk(h, HEAD, body.data, body.len), 400);
  assert_true(heard_len(h) > 10);
  oa_buf_free(&body);
  assert_int_equal(post_long(h, HEAD "\notlp-arrow-ack: soon", 1, 0), 400);
  assert_int_equal(post_long(h, HEAD, 1001, 0), 413); /* rows of a batch */
  set_disk(DISK_FULL);
  assert_int_equal(post_long(h, HEAD, 1, 0), 503);
  assert_true(has_name(h, "retry-after"));
  assert_int_equal(post_long(h, HEAD, 1, 0), 503); /* refused at once */
  set_disk(DISK_WORKS);
  const oa_signal_totals totals = totals_of(h, OA_LOGS);
  assert_int_equal(totals.refused[OA_REFUSED_MALFORMED], 2);
  assert_int_equal(totals.refused[OA_REFUSED_TOO_LARGE], 1);
  assert_int_equal(totals.refused[OA_REFUSED_DISK], 1);
  assert_int_equal(totals.requests, 5);
  assert_int_equal(house_close(h, OA_LOGS), 0);
}

/* --- what others notice --- */

/* Sends BODY and does not wait for the answer. */
static int begin_post(house *h, const uint8_t *body, size_t len) {
  char head[256];
  const int fd = connect_to(oa_server_port(h->fixture.server, 0));
  const int used = snprintf(head, sizeof head,
                            "POST /v1/logs HTTP/1.1\r\nhost: x\r\n"
                            "content-type: application/x-protobuf\r\n"
                            "content-length: %zu\r\n\r\n",
                            len);
  assert_true(send_all(fd, head, (size_t)used));
  assert_true(send_all(fd, body, len));
  return fd;
}

static void await_requests(const house *h, uint64_t count) {
  const uint64_t end = now_ms() + PATIENCE;
  while (totals_of(h, OA_LOGS).requests < count) {
    assert_true(now_ms() < end);
    pause_ms(1);
  }
}

static bool has_answer(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void await_answer(int fd) {
  char said[16] = {0};
  assert_int_equal(recv(fd, said, 12, MSG_WAITALL), 12);
  assert_string_equal(said, "HTTP/1.1 200");
  close(fd);
}

/* Millions of resources with nothing in them. */
static uint8_t *make_empties(void) {
  enum { RESOURCE_LOGS = 0x0a };
  uint8_t *body = calloc(1, MOST);
  assert_non_null(body);
  for (size_t i = 0; i < MOST; i += 2) {
    body[i] = RESOURCE_LOGS;
  }
  return body;
}

/* There is one I/O thread; if it decoded them, no other request that comes
 * after it has begun would be answered before it is. */
static void a_short_one_overtakes_a_long_one(void **state) {
  enum { TRIES = 50 };
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  uint8_t *body = make_empties();
  bool overtook = false;
  uint64_t requests = 0;
  int64_t rows = 0;
  for (int i = 0; i < TRIES && !overtook; i++) {
    const int fd = begin_post(h, body, MOST);
    await_requests(h, ++requests);
    assert_int_equal(post_short(h, 1), 200);
    overtook = !has_answer(fd);
    requests++;
    rows++;
    await_answer(fd);
  }
  assert_true(overtook);
  free(body);
  assert_int_equal(house_close(h, OA_LOGS), rows);
}

static void several_wait_for_each_other(void **state) {
  enum { MANY = 6 };
  (void)state;
  house *h = open_house(OA_ACK_WRITE);
  oa_buf body = make_long(10, 0);
  int fds[MANY];
  for (int i = 0; i < MANY; i++) {
    fds[i] = begin_post(h, body.data, body.len);
    assert_int_equal(post_short(h, 1), 200);
  }
  for (int i = 0; i < MANY; i++) {
    await_answer(fds[i]);
  }
  oa_buf_free(&body);
  assert_int_equal(rows_in_files(&h->yard, OA_LOGS), 11 * MANY);
  assert_int_equal(house_close(h, OA_LOGS), 11 * MANY);
}

static void a_sender_may_go_meanwhile(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  uint8_t *body = make_empties();
  for (uint64_t i = 1; i <= 3; i++) {
    const int fd = begin_post(h, body, MOST);
    await_requests(h, i);
    close(fd);
  }
  free(body);
  assert_int_equal(post_long(h, HEAD, 2, 0), 200);
  assert_int_equal(house_close(h, OA_LOGS), 2);
}

/* The one that is being decoded is answered, those behind it are not taken. */
static void a_stop_ends_the_line(void **state) {
  enum { MANY = 4 };
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  uint8_t *body = make_empties();
  int fds[MANY];
  for (int i = 0; i < MANY; i++) {
    fds[i] = begin_post(h, body, MOST);
  }
  await_requests(h, 1);
  oa_server_stop(h->fixture.server, 0);
  for (int i = 0; i < MANY; i++) {
    close(fds[i]);
  }
  free(body);
  assert_int_equal(house_close(h, OA_LOGS), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(long_ones_are_taken_like_short_ones),
      cmocka_unit_test(long_json_is_taken),
      cmocka_unit_test(what_is_wrong_with_a_long_one_is_told),
      cmocka_unit_test(a_short_one_overtakes_a_long_one),
      cmocka_unit_test(several_wait_for_each_other),
      cmocka_unit_test(a_sender_may_go_meanwhile),
      cmocka_unit_test(a_stop_ends_the_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
