/* SPDX-License-Identifier: Apache-2.0 */
/* When a sender has its OK, its data is as safe as the level says. */
#include "receive_trial.h"

#define HEAD(MORE)           \
  "POST /v1/logs HTTP/1.1\n" \
  "content-type: application/x-protobuf" MORE

static int post(house *h, const char *head, int count) {
  oa_emit e = {0};
  put_records(&e, OA_LOGS, count, 0);
  const int status = talk(h, head, e.out.data, e.out.len);
  oa_buf_free(&e.out);
  return status;
}

static house *open_house(oa_ack ack) {
  house *h = house_new();
  h->options.ack = ack;
  house_open(h);
  return h;
}

static void assert_held(const house *h, int64_t in_files) {
  assert_int_equal(rows_in_files(&h->yard, OA_LOGS), in_files);
}

static void at_memory_nothing_is_waited_for(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  assert_int_equal(post(h, HEAD(""), 3), 200);
  assert_held(h, 0);
  assert_int_equal(house_close(h, OA_LOGS), 3);
}

static void at_write_the_rows_are_in_the_file(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_WRITE);
  for (int i = 1; i <= 5; i++) {
    assert_int_equal(post(h, HEAD(""), 3), 200);
    assert_held(h, 3 * i);
  }
  assert_int_equal(atomic_load(&disk_syncs), 0);
  assert_int_equal(totals_of(h, OA_LOGS).items_stored, 15);
  assert_int_equal(house_close(h, OA_LOGS), 15);
}

/* And one that is alone waits for one fsync each. */
static void at_fsync_the_rows_are_on_the_disk(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_FSYNC);
  for (int i = 1; i <= 5; i++) {
    assert_int_equal(post(h, HEAD(""), 3), 200);
    assert_held(h, 3 * i);
    assert_int_equal(atomic_load(&disk_syncs), i);
  }
  assert_int_equal(house_close(h, OA_LOGS), 15);
}

static void a_header_raises_the_level(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  assert_int_equal(post(h, HEAD("\notlp-arrow-ack: write"), 1), 200);
  assert_held(h, 1);
  assert_int_equal(post(h, HEAD(""), 1), 200);
  assert_held(h, 1);
  assert_int_equal(atomic_load(&disk_syncs), 0);
  /* Rows that came before are of the same batch. */
  assert_int_equal(post(h, HEAD("\notlp-arrow-ack: fsync"), 1), 200);
  assert_held(h, 3);
  assert_int_equal(atomic_load(&disk_syncs), 1);
  assert_int_equal(house_close(h, OA_LOGS), 3);
}

static void a_header_does_not_lower_it(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_FSYNC);
  assert_int_equal(post(h, HEAD("\notlp-arrow-ack: memory"), 1), 200);
  assert_held(h, 1);
  assert_int_equal(post(h, HEAD("\notlp-arrow-ack: write"), 1), 200);
  assert_int_equal(atomic_load(&disk_syncs), 2);
  assert_int_equal(house_close(h, OA_LOGS), 2);
}

static void a_header_that_names_no_level_is_refused(void **state) {
  static const char *const heads[] = {
      HEAD("\notlp-arrow-ack: Fsync"), HEAD("\notlp-arrow-ack: fsyncs"),
      HEAD("\notlp-arrow-ack: "), HEAD("\notlp-arrow-ack: write, fsync")};
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    assert_int_equal(post(h, heads[i], 1), 400);
    assert_non_null(strstr(heard(h), "otlp-arrow-ack: say \"memory\""));
  }
  assert_int_equal(totals_of(h, OA_LOGS).refused[OA_REFUSED_MALFORMED], 4);
  assert_int_equal(house_close(h, OA_LOGS), 0);
}

static void an_empty_request_waits_for_nothing(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_FSYNC);
  set_disk(DISK_STANDS_STILL);
  assert_int_equal(post(h, HEAD(""), 0), 200);
  set_disk(DISK_WORKS);
  assert_int_equal(house_close(h, OA_LOGS), 0);
}

static void await_ready(house *h) {
  const uint64_t end = now_ms() + PATIENCE;
  while (!oa_pipeline_ready(h->pipeline, NULL, 0)) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
}

/* Their sender has them and sends them again, so they are not kept. */
static void rows_that_cannot_be_written_are_given_up(void **state) {
  (void)state;
  for (oa_ack level = OA_ACK_WRITE; level <= OA_ACK_FSYNC; level++) {
    house *h = open_house(level);
    oa_pipeline_stats stats;
    set_disk(DISK_FULL);
    assert_int_equal(post(h, HEAD(""), 4), 503);
    assert_true(has_name(h, "retry-after"));
    assert_non_null(strstr(heard(h), "No space left"));
    oa_pipeline_get_stats(h->pipeline, &stats);
    assert_int_equal(stats.rows_buffered[OA_LOGS], 0);
    assert_int_equal(totals_of(h, OA_LOGS).items_accepted, 4);
    assert_int_equal(totals_of(h, OA_LOGS).items_given_up, 4);
    assert_false(oa_pipeline_ready(h->pipeline, NULL, 0));
    assert_int_equal(post(h, HEAD(""), 4), 503); /* refused at once */
    assert_int_equal(totals_of(h, OA_LOGS).items_accepted, 4);
    set_disk(DISK_WORKS);
    await_ready(h); /* by itself, with nothing to write */
    assert_int_equal(post(h, HEAD(""), 4), 200);
    assert_held(h, 4);
    assert_int_equal(house_close(h, OA_LOGS), 4);
  }
}

static void rows_that_were_acknowledged_are_kept(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_MEMORY);
  assert_int_equal(post(h, HEAD(""), 2), 200);
  set_disk(DISK_FULL);
  assert_int_equal(post(h, HEAD("\notlp-arrow-ack: write"), 3), 503);
  assert_int_equal(totals_of(h, OA_LOGS).items_given_up, 0);
  set_disk(DISK_WORKS);
  await_ready(h);
  /* With those whose sender was told to come back: at least once. */
  assert_held(h, 5);
  assert_int_equal(house_close(h, OA_LOGS), 5);
}

static void a_failed_fsync_is_told(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_FSYNC);
  assert_int_equal(post(h, HEAD(""), 1), 200);
  set_disk(DISK_FAILS_FSYNC);
  assert_int_equal(post(h, HEAD(""), 2), 503);
  assert_true(has_name(h, "retry-after"));
  assert_false(oa_pipeline_ready(h->pipeline, NULL, 0));
  set_disk(DISK_WORKS);
  await_ready(h);
  assert_int_equal(post(h, HEAD(""), 2), 200);
  assert_true(house_close(h, OA_LOGS) >= 3);
}

/* The service ends although the disk does not answer: so do the calls. */
static void a_stop_ends_those_who_wait(void **state) {
  (void)state;
  house *h = open_house(OA_ACK_FSYNC);
  oa_emit e = {0};
  char head[256];
  put_records(&e, OA_LOGS, 2, 0);
  set_disk(DISK_STANDS_STILL);
  const int fd = connect_to(oa_server_port(h->fixture.server, 0));
  const int len = snprintf(head, sizeof head,
                           "POST /v1/logs HTTP/1.1\r\nhost: x\r\n"
                           "content-type: application/x-protobuf\r\n"
                           "content-length: %zu\r\n\r\n",
                           e.out.len);
  assert_true(send_all(fd, head, (size_t)len));
  assert_true(send_all(fd, e.out.data, e.out.len));
  oa_buf_free(&e.out);
  const uint64_t end = now_ms() + PATIENCE;
  while (totals_of(h, OA_LOGS).items_accepted < 2) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  oa_server_stop(h->fixture.server, 50);
  close(fd);
  set_disk(DISK_WORKS);
  assert_int_equal(house_close(h, OA_LOGS), 2);
}

static void levels_have_names(void **state) {
  (void)state;
  oa_ack level = OA_ACK_MEMORY;
  assert_true(oa_ack_raise(&level, "memory", 6));
  assert_int_equal(level, OA_ACK_MEMORY);
  assert_true(oa_ack_raise(&level, "fsync", 5));
  assert_true(oa_ack_raise(&level, "write", 5));
  assert_int_equal(level, OA_ACK_FSYNC);
  assert_false(oa_ack_raise(&level, "writ", 4));
  assert_false(oa_ack_raise(&level, "", 0));
  assert_int_equal(level, OA_ACK_FSYNC);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(at_memory_nothing_is_waited_for),
      cmocka_unit_test(at_write_the_rows_are_in_the_file),
      cmocka_unit_test(at_fsync_the_rows_are_on_the_disk),
      cmocka_unit_test(a_header_raises_the_level),
      cmocka_unit_test(a_header_does_not_lower_it),
      cmocka_unit_test(a_header_that_names_no_level_is_refused),
      cmocka_unit_test(an_empty_request_waits_for_nothing),
      cmocka_unit_test(rows_that_cannot_be_written_are_given_up),
      cmocka_unit_test(rows_that_were_acknowledged_are_kept),
      cmocka_unit_test(a_failed_fsync_is_told),
      cmocka_unit_test(a_stop_ends_those_who_wait),
      cmocka_unit_test(levels_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
