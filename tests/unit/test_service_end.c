/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a service that the program is still inside of: what was
 * acknowledged is written, nobody is waited for in vain, and a start that fails
 * leaves everything to the program. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "export_trial.h"

/* --- threads that are inside --- */

enum { THREADS = 16, RECORDS = 2000 };

typedef struct crowd {
  oa_service *service;
  int records;
  atomic_ulong accepted; /* items */
  atomic_uint exports;
} crowd;

static void build_logs(oa_builder *builder, int count) {
  oa_build_resource(builder, NULL);
  oa_build_scope(builder, NULL);
  for (int i = 0; i < count; i++) {
    const oa_log_record fields = {.size = sizeof fields};
    oa_build_log_record(builder, &fields);
    oa_build_string(builder, OA_S("key"), OA_S("a value that takes some time"));
  }
}

/* Until the service says that it is over. */
static void export_all_along(void *context) {
  crowd *c = context;
  oa_builder *builder;
  oa_status status;
  if (oa_builder_new(&builder, OA_LOGS, NULL) != OA_OK) {
    return;
  }
  build_logs(builder, c->records);
  do {
    oa_export_result result;
    status = oa_service_export_built(c->service, builder, &result, NULL);
    atomic_fetch_add(&c->accepted, result.accepted);
    atomic_fetch_add(&c->exports, 1);
    if (status == OA_ERR_BUSY) {
      uv_sleep(1);
    }
  } while (status != OA_ERR_CLOSED);
  oa_builder_free(builder);
}

/* Shuts C's service down, within TIMEOUT_MS, once its threads are under way;
 * how many milliseconds that took. */
static uint64_t end_among(crowd *c, uint32_t timeout_ms) {
  uv_thread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(uv_thread_create(&threads[i], export_all_along, c), 0);
  }
  while (atomic_load(&c->exports) < THREADS) {
    uv_sleep(1);
  }
  const uint64_t begin = oa_clock_monotonic_ns();
  assert_int_equal(oa_service_shutdown(c->service, timeout_ms, NULL), OA_OK);
  const uint64_t took = (oa_clock_monotonic_ns() - begin) / MS;
  for (int i = 0; i < THREADS; i++) {
    uv_thread_join(&threads[i]);
  }
  return took;
}

static void an_end_without_patience_loses_nothing_acknowledged(void **state) {
  for (int round = 0; round < 10; round++) {
    char directory[128];
    snprintf(directory, sizeof directory, "%s/%d", (const char *)*state, round);
    crowd c = {.service = start_in(directory, "memory"), .records = RECORDS};
    (void)end_among(&c, 0);
    const oa_signal_stats logs = stats_of(c.service).signals[OA_LOGS];
    stop(c.service);
    assert_int_equal(logs.buffered, 0);
    assert_int_equal(logs.stored, c.accepted);
    assert_int_equal(rows_in(directory), c.accepted);
  }
}

static void ports_do_not_make_an_end_wait(void **state) {
  enum { PATIENCE_MS = 30000 };
  for (int round = 0; round < 3; round++) {
    oa_config *config = embedded_config(*state);
    set(config, "ack", "fsync");
    set(config, "protocols.protobuf_enabled", "true");
    set(config, "protocols.protobuf_port", "0");
    crowd c = {.service = start(config), .records = 1};
    oa_config_free(config);
    assert_true(end_among(&c, PATIENCE_MS) < PATIENCE_MS / 2);
    stop(c.service);
  }
}

/* --- a start that fails --- */

static oa_status take(void *context, oa_signal signal,
                      const struct ArrowSchema *schema,
                      const struct ArrowArray *batch, oa_error *error) {
  (void)context;
  (void)signal;
  (void)schema;
  (void)batch;
  (void)error;
  return OA_OK;
}

static void count_close(void *context) {
  ++*(int *)context;
}

/* A socket on a port that is so taken. */
static int occupy(char port[8]) {
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
  snprintf(port, 8, "%u", (unsigned)ntohs(at.sin_port));
  return fd;
}

static void a_sink_is_closed_by_a_service_that_has_started(void **state) {
  int closes = 0;
  char port[8];
  const oa_sink sink = {
      .context = &closes, .append = take, .close = count_close};
  const int fd = occupy(port);
  oa_config *config = embedded_config(*state);
  oa_service *service;
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  set(config, "bind_address", "127.0.0.1");
  set(config, "protocols.protobuf_enabled", "true");
  set(config, "protocols.protobuf_port", port);
  assert_int_equal(oa_service_start(&service, config, NULL), OA_ERR_IO);
  assert_int_equal(closes, 0);

  close(fd);
  set(config, "protocols.protobuf_port", "0");
  service = start(config);
  oa_config_free(config);
  assert_int_equal(oa_service_shutdown(service, 1000, NULL), OA_OK);
  assert_int_equal(closes, 1);
  stop(service);
  assert_int_equal(closes, 1);
}

/* --- without memory --- */

static void a_flush_without_memory_does_not_say_that_it_is_done(void **state) {
  oa_service *service = start_in(*state, "memory");
  assert_int_equal(export_one(service), OA_OK);
  oa_mem_fail_after(0);
  assert_int_equal(oa_service_flush(service, 300, NULL), OA_ERR_BUSY);
  oa_mem_fail_after(-1);
  assert_int_equal(oa_service_flush(service, 30000, NULL), OA_OK);
  assert_int_equal(stats_of(service).signals[OA_LOGS].stored, 1);
  stop(service);
}

static void what_is_lost_without_memory_is_said_and_counted(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_error error = {0};
  assert_int_equal(export_one(service), OA_OK);
  oa_mem_fail_after(0);
  const oa_status status = oa_service_shutdown(service, 100, &error);
  oa_mem_fail_after(-1);
  const oa_signal_stats logs = stats_of(service).signals[OA_LOGS];
  assert_int_equal(status, OA_ERR_NOMEM);
  assert_non_null(strstr(error.text, "1 items"));
  assert_int_equal(logs.stored, 0);
  assert_int_equal(logs.given_up, 1);
  assert_int_equal(logs.buffered, 0);
  assert_int_equal(oa_service_stop(service, NULL), OA_ERR_NOMEM);
}

/* --- results --- */

static void a_result_is_filled_when_a_call_fails(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_builder *builder;
  oa_export_result result;
  static const oa_export_result nothing;
  assert_int_equal(oa_builder_new(&builder, OA_LOGS, NULL), OA_OK);
  oa_build_end(builder); /* makes no sense */

  memset(&result, 0xff, sizeof result);
  assert_int_equal(oa_service_export_built(service, builder, &result, NULL),
                   OA_ERR_CONFIG);
  assert_memory_equal(&result, &nothing, sizeof result);
  memset(&result, 0xff, sizeof result);
  assert_int_equal(oa_service_export(service, OA_SIGNAL_COUNT, OA_FORM_JSON,
                                     "{}", 2, &result, NULL),
                   OA_ERR_CONFIG);
  assert_memory_equal(&result, &nothing, sizeof result);
  memset(&result, 0xff, sizeof result);
  assert_int_equal(
      oa_service_export_arrow(service, OA_LOGS, NULL, NULL, &result, NULL),
      OA_ERR_CONFIG);
  assert_memory_equal(&result, &nothing, sizeof result);
  assert_int_equal(oa_service_shutdown(service, 1000, NULL), OA_OK);
  memset(&result, 0xff, sizeof result);
  assert_int_equal(export_text(service, record, &result, NULL), OA_ERR_CLOSED);
  assert_memory_equal(&result, &nothing, sizeof result);
  oa_builder_free(builder);
  stop(service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(an_end_without_patience_loses_nothing_acknowledged),
      IN_DIRECTORY(ports_do_not_make_an_end_wait),
      IN_DIRECTORY(a_sink_is_closed_by_a_service_that_has_started),
      IN_DIRECTORY(a_flush_without_memory_does_not_say_that_it_is_done),
      IN_DIRECTORY(what_is_lost_without_memory_is_said_and_counted),
      IN_DIRECTORY(a_result_is_filled_when_a_call_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
