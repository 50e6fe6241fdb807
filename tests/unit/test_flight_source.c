/* SPDX-License-Identifier: Apache-2.0 */
/* Reading back: the calls that look at stored files, over a directory of the
 * test's own. */
#include "flight_calls.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "receive/flight_source.h"

typedef struct place {
  char root[64];
  desk desk;
} place;

static void erase(const char *root) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  assert_int_equal(system(command), 0);
}

static void place_open(place *p) {
  char dir[96];
  snprintf(p->root, sizeof p->root, "/tmp/oa_flight_XXXXXX");
  assert_non_null(mkdtemp(p->root));
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    snprintf(dir, sizeof dir, "%s/%s", p->root, oa_signal_name((oa_signal)i));
    assert_int_equal(mkdir(dir, 0700), 0);
  }
  desk_open(&p->desk, p->root);
}

static void place_close(place *p) {
  desk_close(&p->desk);
  erase(p->root);
}

static void file_path(const place *p, int seq, char *out, size_t size) {
  snprintf(out, size, "%s/logs/otlp_logs_20240501_120000_%06d.arrow", p->root,
           seq);
}

static void write_file(const place *p, int seq, const uint8_t *bytes,
                       size_t len) {
  char path[256];
  file_path(p, seq, path, sizeof path);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

/* A stream file with BATCHES batches, of one record each, whose times are
 * FIRST, FIRST + 1, ...  0 is no time. */
static oa_buf log_file(uint64_t first, int batches, oa_coding codec) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf out = {0};
  assert_int_equal(
      oa_ipc_writer_new(&writer, oa_otlp_schema(OA_LOGS), codec, 0), OA_OK);
  for (int i = -1; i <= batches; i++) {
    trial t;
    trial_init(&t, OA_LOGS);
    if (i < 0) {
      assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
    } else if (i == batches) {
      oa_ipc_write_end(&pieces);
    } else {
      request r = {0};
      open_records(&r);
      for (int k = 0; k < 50; k++) { /* so many that they compress */
        const oa_emit_nest record = open_record(&r);
        oa_emit_fixed64_set(&r.e, 1, first == 0 ? 0 : first + (uint64_t)i);
        oa_emit_close(&r.e, record);
      }
      close_records(&r);
      take(&t, &r);
      assert_int_equal(
          oa_ipc_write_batch(writer, columns_of(&t), rows_of(&t), &pieces),
          OA_OK);
    }
    for (size_t k = 0; k < pieces.count; k++) {
      assert_int_equal(
          oa_buf_put(&out, pieces.iov[k].iov_base, pieces.iov[k].iov_len),
          OA_OK);
    }
    trial_free(&t);
  }
  oa_ipc_writer_free(writer);
  return out;
}

/* Gets TICKET as a client that reads all. */
static void get(place *p, fake_call *c, const char *ticket) {
  call_open(&p->desk, c, "DoGet");
  call_field(&p->desk, c, 1, ticket);
  if (!c->replied) {
    call_end(&p->desk, c);
  }
}

/* Rows of what was sent, put into a stream of our own. */
static uint64_t rows_sent(const fake_call *c) {
  landing l = {0};
  land_ok(&l, &c->sent);
  const uint64_t rows = l.accepted;
  landing_free(&l);
  return rows;
}

#define TICKET "logs/otlp_logs_20240501_120000_000001.arrow"

static void a_file_is_sent_message_by_message(void **state) {
  (void)state;
  static const oa_coding each[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                   OA_CODING_ZSTD};
  for (size_t i = 0; i < 3; i++) {
    place p;
    fake_call c;
    place_open(&p);
    oa_buf bytes = log_file(1000, 3, each[i]);
    write_file(&p, 1, bytes.data, bytes.len);
    get(&p, &c, TICKET);
    assert_reply(&c, OA_GRPC_OK, "");
    assert_int_equal(rows_sent(&c), 150);
    call_free(&p.desk, &c);
    oa_buf_free(&bytes);
    place_close(&p);
  }
}

static void a_file_is_read_to_its_last_whole_message(void **state) {
  (void)state;
  place p;
  uint64_t last = 0;
  place_open(&p);
  oa_buf bytes = log_file(1000, 2, OA_CODING_NONE);
  for (size_t len = 0; len <= bytes.len; len += 61) {
    fake_call c;
    write_file(&p, 1, bytes.data, len);
    get(&p, &c, TICKET);
    assert_reply(&c, OA_GRPC_OK, "");
    const uint64_t rows = c.sent.count == 0 ? 0 : rows_sent(&c);
    assert_true(rows >= last && rows % 50 == 0);
    last = rows;
    call_free(&p.desk, &c);
  }
  assert_true(last >= 50);
  oa_buf_free(&bytes);
  place_close(&p);
}

static void batches_out_of_the_filter_are_left_out(void **state) {
  (void)state;
  static const struct {
    const char *filter;
    uint64_t rows;
  } cases[] = {{"?1000-1003", 150}, {"?1001-1002", 50}, {"?1003-2000", 0},
               {"?0-1000", 0},      {"?1002-9999", 50}, {"?5-4", 0}};
  static const oa_coding each[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                   OA_CODING_ZSTD};
  for (size_t k = 0; k < 3; k++) {
    place p;
    place_open(&p);
    oa_buf bytes = log_file(1000, 3, each[k]);
    write_file(&p, 1, bytes.data, bytes.len);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      fake_call c;
      char ticket[128];
      snprintf(ticket, sizeof ticket, "%s%s", TICKET, cases[i].filter);
      get(&p, &c, ticket);
      assert_reply(&c, OA_GRPC_OK, "");
      assert_int_equal(rows_sent(&c), cases[i].rows);
      call_free(&p.desk, &c);
    }
    oa_buf_free(&bytes);
    place_close(&p);
  }
}

static void rows_without_a_time_are_left_out_by_no_filter(void **state) {
  (void)state;
  place p;
  fake_call c;
  place_open(&p);
  oa_buf bytes = log_file(0, 2, OA_CODING_NONE);
  write_file(&p, 1, bytes.data, bytes.len);
  get(&p, &c, TICKET "?1-2");
  assert_int_equal(rows_sent(&c), 100);
  call_free(&p.desk, &c);
  oa_buf_free(&bytes);
  place_close(&p);
}

static void a_client_that_does_not_read_is_waited_for(void **state) {
  (void)state;
  enum { BATCHES = 2000 };
  place p;
  fake_call c;
  place_open(&p);
  oa_buf bytes = log_file(1000, BATCHES, OA_CODING_NONE);
  write_file(&p, 1, bytes.data, bytes.len);
  call_open(&p.desk, &c, "DoGet");
  c.reads = false;
  call_field(&p.desk, &c, 1, TICKET);
  call_end(&p.desk, &c);
  int rounds = 0;
  while (!c.replied) {
    assert_true(c.unsent > OA_FLIGHT_MAX_UNSENT);
    assert_true(c.unsent < 2 * OA_FLIGHT_MAX_UNSENT);
    assert_true(p.desk.thread.stream_bytes > OA_FLIGHT_MAX_UNSENT);
    c.unsent = 0;
    oa_protocol_flight.drained(&p.desk.receiver, &c.call);
    rounds++;
  }
  assert_true(rounds >= 2);
  assert_reply(&c, OA_GRPC_OK, "");
  call_free(&p.desk, &c);
  oa_buf_free(&bytes);
  place_close(&p);
}

static void a_file_that_is_gone_is_read_to_its_end(void **state) {
  (void)state;
  place p;
  fake_call c;
  char path[256];
  place_open(&p);
  oa_buf bytes = log_file(1000, 3, OA_CODING_NONE);
  write_file(&p, 1, bytes.data, bytes.len);
  call_open(&p.desk, &c, "DoGet");
  call_field(&p.desk, &c, 1, TICKET);
  file_path(&p, 1, path, sizeof path);
  assert_int_equal(unlink(path), 0);
  call_end(&p.desk, &c);
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(rows_sent(&c), 150);
  call_free(&p.desk, &c);
  get(&p, &c, TICKET);
  assert_reply(&c, OA_GRPC_NOT_FOUND, "not stored here");
  call_free(&p.desk, &c);
  oa_buf_free(&bytes);
  place_close(&p);
}

/* A link, a directory and a pipe under the name of a file. */
static void only_regular_files_are_opened(void **state) {
  (void)state;
  place p;
  char path[256];
  char outside[128];
  place_open(&p);
  file_path(&p, 1, path, sizeof path);
  snprintf(outside, sizeof outside, "%s/outside", p.root);
  oa_buf bytes = log_file(1000, 1, OA_CODING_NONE);
  write_file(&p, 2, bytes.data, bytes.len);
  for (int i = 0; i < 3; i++) {
    fake_call c;
    char from[256];
    file_path(&p, 2, from, sizeof from);
    const int made = i == 0   ? symlink(from, path)
                     : i == 1 ? mkdir(path, 0700)
                              : mkfifo(path, 0600);
    assert_int_equal(made, 0);
    get(&p, &c, TICKET);
    assert_reply(&c, OA_GRPC_NOT_FOUND, "not stored here");
    call_free(&p.desk, &c);
    assert_int_equal(remove(path), 0);
  }
  oa_buf_free(&bytes);
  place_close(&p);
}

static void a_damaged_file_is_not_the_clients_fault(void **state) {
  (void)state;
  place p;
  fake_call c;
  place_open(&p);
  oa_buf bytes = log_file(1000, 2, OA_CODING_NONE);
  memset(bytes.data, 'x', 8);
  write_file(&p, 1, bytes.data, bytes.len);
  get(&p, &c, TICKET);
  assert_reply(&c, OA_GRPC_INTERNAL, "byte 0");
  call_free(&p.desk, &c);
  oa_buf_free(&bytes);
  place_close(&p);
}

/* Whatever a file holds: an answer, and no harm. */
static void changed_files_do_no_harm(void **state) {
  (void)state;
  place p;
  place_open(&p);
  oa_buf bytes = log_file(1000, 1, OA_CODING_ZSTD);
  for (size_t at = 0; at < bytes.len; at += at < 600 ? 1 : 37) {
    fake_call c;
    const uint8_t before = bytes.data[at];
    bytes.data[at] ^= (uint8_t)(1U << (at % 8));
    write_file(&p, 1, bytes.data, bytes.len);
    get(&p, &c, TICKET "?1000-1001");
    assert_true(c.replied);
    call_free(&p.desk, &c);
    bytes.data[at] = before;
  }
  oa_buf_free(&bytes);
  place_close(&p);
}

static void too_many_readers_are_told_to_come_back(void **state) {
  (void)state;
  place p;
  fake_call first;
  fake_call second;
  place_open(&p);
  oa_buf bytes = log_file(1000, 1, OA_CODING_NONE);
  write_file(&p, 1, bytes.data, bytes.len);
  p.desk.receiver.options.stream_budget = 1000;
  call_open(&p.desk, &first, "DoGet");
  call_field(&p.desk, &first, 1, TICKET);
  assert_false(first.replied);
  call_open(&p.desk, &second, "DoGet");
  call_field(&p.desk, &second, 1, TICKET);
  assert_reply(&second, OA_GRPC_UNAVAILABLE, "try again");
  assert_true(second.retry_after_ms > 0);
  call_free(&p.desk, &second);
  call_end(&p.desk, &first);
  assert_reply(&first, OA_GRPC_OK, "");
  call_free(&p.desk, &first);
  oa_buf_free(&bytes);
  place_close(&p);
}

/* --- lists --- */

static void asks_for(place *p, fake_call *c, const char *method,
                     const char *first, const char *second) {
  oa_emit e = {0};
  put_path(&e, first, second);
  oa_cursor whole = oa_cursor_over(e.out.data, e.out.len);
  uint32_t tag;
  oa_cursor descriptor;
  assert_int_equal(oa_cursor_tag(&whole, &tag), OA_OK);
  assert_int_equal(oa_cursor_bytes(&whole, &descriptor), OA_OK);
  call_open(&p->desk, c, method);
  call_message(&p->desk, c, descriptor.at, oa_cursor_left(&descriptor));
  oa_buf_free(&e.out);
  if (!c->replied) {
    call_end(&p->desk, c);
  }
}

/* Endpoints of the FlightInfo that is answer I. */
static int endpoints_of(const fake_call *c, size_t i) {
  assert_true(i < c->sent.count);
  oa_cursor cursor =
      oa_cursor_over(c->sent.messages[i].data, c->sent.messages[i].len);
  int count = 0;
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    assert_int_equal(oa_cursor_tag(&cursor, &tag), OA_OK);
    assert_int_equal(oa_cursor_skip(&cursor, tag), OA_OK);
    count += tag == OA_TAG(3, OA_WIRE_BYTES) ? 1 : 0;
  }
  return count;
}

static void list(place *p, fake_call *c, const char *filter) {
  call_open(&p->desk, c, "ListFlights");
  call_field(&p->desk, c, 1, filter);
  if (!c->replied) {
    call_end(&p->desk, c);
  }
}

static void flights_are_listed(void **state) {
  (void)state;
  place p;
  fake_call c;
  place_open(&p);
  for (int i = 0; i < 3; i++) {
    oa_buf bytes = log_file(1000 * (uint64_t)(i + 1), 2, OA_CODING_NONE);
    write_file(&p, i + 1, bytes.data, bytes.len);
    oa_buf_free(&bytes);
  }
  static const struct {
    const char *filter;
    size_t flights;
    int endpoints; /* of the last */
  } cases[] = {{"", 3, 3},
               {"{}", 3, 1},
               {"{\"signal\":\"logs\"}", 3, 1},
               {"{\"signal\":\"logs\",\"from_ns\":2000}", 2, 1},
               {"{\"signal\":\"logs\",\"from_ns\":2001,\"to_ns\":2002}", 1, 1},
               {"{\"signal\":\"logs\",\"from_ns\":2002,\"to_ns\":3000}", 0, 0},
               {"{\"signal\":\"traces\"}", 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    list(&p, &c, cases[i].filter);
    assert_reply(&c, OA_GRPC_OK, "");
    assert_int_equal(c.sent.count, cases[i].flights);
    if (cases[i].flights > 0) {
      assert_int_equal(endpoints_of(&c, c.sent.count - 1), cases[i].endpoints);
    }
    call_free(&p.desk, &c);
  }
  list(&p, &c, "{\"signal\":1}");
  assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "filter");
  call_free(&p.desk, &c);
  place_close(&p);
}

static void a_flight_is_found_by_its_path(void **state) {
  (void)state;
  place p;
  fake_call c;
  place_open(&p);
  oa_buf bytes = log_file(1000, 2, OA_CODING_NONE);
  write_file(&p, 1, bytes.data, bytes.len);
  write_file(&p, 2, bytes.data, bytes.len);
  asks_for(&p, &c, "GetFlightInfo", "logs", NULL);
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(endpoints_of(&c, 0), 2);
  call_free(&p.desk, &c);
  asks_for(&p, &c, "GetFlightInfo", "logs",
           "otlp_logs_20240501_120000_000002.arrow");
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(endpoints_of(&c, 0), 1);
  call_free(&p.desk, &c);
  asks_for(&p, &c, "GetFlightInfo", "logs",
           "otlp_logs_20240501_120000_000003.arrow");
  assert_reply(&c, OA_GRPC_NOT_FOUND, "not stored here");
  call_free(&p.desk, &c);
  asks_for(&p, &c, "GetFlightInfo", "logs", "../../etc/passwd");
  assert_reply(&c, OA_GRPC_NOT_FOUND, "not the name");
  call_free(&p.desk, &c);
  asks_for(&p, &c, "GetFlightInfo", "profiles", NULL);
  assert_reply(&c, OA_GRPC_NOT_FOUND, "no such flight");
  call_free(&p.desk, &c);
  asks_for(&p, &c, "GetSchema", "otlp", "traces");
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(c.sent.count, 1);
  call_free(&p.desk, &c);
  oa_buf_free(&bytes);
  place_close(&p);
}

static void without_a_directory_there_are_no_files(void **state) {
  (void)state;
  place p;
  fake_call c;
  place_open(&p);
  erase(p.root);
  list(&p, &c, "");
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(c.sent.count, 3);
  assert_int_equal(endpoints_of(&c, 0), 0);
  call_free(&p.desk, &c);
  place_close(&p);
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  static const char *const methods[] = {"DoGet", "ListFlights"};
  static const char *const texts[] = {TICKET "?1000-1001", "{\"from_ns\":1}"};
  place p;
  place_open(&p);
  oa_buf bytes = log_file(1000, 2, OA_CODING_ZSTD);
  write_file(&p, 1, bytes.data, bytes.len);
  for (size_t i = 0; i < 2; i++) {
    bool whole = false;
    for (int64_t n = 0; !whole; n++) {
      fake_call c;
      call_open(&p.desk, &c, methods[i]);
      oa_emit e = {0};
      put_text(&e, 1, texts[i]);
      oa_mem_fail_after(n);
      call_message(&p.desk, &c, e.out.data, e.out.len);
      if (!c.replied) {
        call_end(&p.desk, &c);
      }
      oa_mem_fail_after(-1);
      whole = c.code == OA_GRPC_OK && c.sent.count > 0;
      assert_true(c.replied);
      assert_true(c.code == OA_GRPC_OK || c.code == OA_GRPC_UNAVAILABLE);
      call_free(&p.desk, &c);
      oa_buf_free(&e.out);
      assert_true(n < 1000);
    }
  }
  oa_buf_free(&bytes);
  place_close(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_sent_message_by_message),
      cmocka_unit_test(a_file_is_read_to_its_last_whole_message),
      cmocka_unit_test(batches_out_of_the_filter_are_left_out),
      cmocka_unit_test(rows_without_a_time_are_left_out_by_no_filter),
      cmocka_unit_test(a_client_that_does_not_read_is_waited_for),
      cmocka_unit_test(a_file_that_is_gone_is_read_to_its_end),
      cmocka_unit_test(only_regular_files_are_opened),
      cmocka_unit_test(a_damaged_file_is_not_the_clients_fault),
      cmocka_unit_test(changed_files_do_no_harm),
      cmocka_unit_test(too_many_readers_are_told_to_come_back),
      cmocka_unit_test(flights_are_listed),
      cmocka_unit_test(a_flight_is_found_by_its_path),
      cmocka_unit_test(without_a_directory_there_are_no_files),
      cmocka_unit_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
