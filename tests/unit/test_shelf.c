/* SPDX-License-Identifier: Apache-2.0 */
/* Batches kept in memory: counted, bounded, and there for whoever looks, also
 * while others come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "c_data_trial.h"
#include "otlp_arrow.h"
#include "service/shelf.h"

#define MS UINT64_C(1000000)

enum { ROOM = 1 << 20 };

/* --- trial --- */

/* A recorded request as a service hands it to a sink. */
typedef struct sample {
  oa_signal signal;
  oa_otlp_builder *builder;
  struct ArrowSchema schema;
  struct ArrowArray batch;
} sample;

static void make_sample(sample *s, oa_signal signal) {
  static _Atomic uint64_t ords;
  const oa_array *columns;
  s->signal = signal;
  s->builder = golden(signal, 1, &ords);
  assert_int_equal(oa_otlp_builder_columns(s->builder, &columns), OA_OK);
  const oa_c_rows rows = {.schema = oa_otlp_schema(signal),
                          .columns = columns,
                          .count = oa_otlp_builder_rows(s->builder)};
  assert_int_equal(oa_c_schema_export(&s->schema, rows.schema), OA_OK);
  assert_int_equal(oa_c_array_export(&s->batch, &rows, (oa_c_owner){0}), OA_OK);
}

static void free_sample(sample *s) {
  s->batch.release(&s->batch);
  s->schema.release(&s->schema);
  oa_otlp_builder_free(s->builder);
}

static oa_status append(oa_shelf *shelf, const sample *s, oa_error *error) {
  const oa_sink sink = oa_shelf_sink(shelf);
  return sink.append(sink.context, s->signal, &s->schema, &s->batch, error);
}

static oa_shelf *make_shelf(size_t max_bytes) {
  oa_shelf *shelf;
  assert_int_equal(oa_shelf_new(&shelf, max_bytes), OA_OK);
  return shelf;
}

static size_t count_batches(oa_shelf *shelf, oa_signal signal) {
  oa_shelf_slice slice;
  assert_int_equal(oa_shelf_slice_take(&slice, shelf, signal), OA_OK);
  const size_t count = slice.count;
  oa_shelf_slice_free(&slice);
  return count;
}

/* Bytes that the batches of SLICE have, all of them read. */
static size_t read_bytes(const oa_shelf_slice *slice, uint8_t *sum) {
  size_t all = 0;
  for (size_t i = 0; i < slice->count; i++) {
    size_t len;
    const uint8_t *bytes = oa_shelf_batch_bytes(slice->batches[i], &len);
    for (size_t k = 0; k < len; k++) {
      *sum ^= bytes[k];
    }
    all += len;
  }
  return all;
}

/* --- tests --- */

static void rows_are_counted_by_signal(void **state) {
  (void)state;
  oa_shelf *shelf = make_shelf(ROOM);
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    sample s;
    bool full = true;
    make_sample(&s, (oa_signal)signal);
    assert_int_equal(oa_shelf_rows(shelf, s.signal), 0);
    assert_int_equal(append(shelf, &s, NULL), OA_OK);
    assert_int_equal(append(shelf, &s, NULL), OA_OK);
    assert_int_equal(oa_shelf_rows(shelf, s.signal), 2 * s.batch.length);
    assert_int_equal(oa_shelf_wait(shelf, s.signal, 1, 0, &full),
                     2 * s.batch.length);
    assert_false(full);
    assert_int_equal(count_batches(shelf, s.signal), 2);
    free_sample(&s);
  }
  oa_shelf_clear(shelf);
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    assert_int_equal(oa_shelf_rows(shelf, (oa_signal)signal), 0);
    assert_int_equal(count_batches(shelf, (oa_signal)signal), 0);
  }
  oa_shelf_free(shelf);
}

static void a_full_shelf_takes_nothing_until_it_is_cleared(void **state) {
  (void)state;
  oa_shelf *shelf = make_shelf(256 << 10);
  oa_error error = {0};
  oa_shelf_slice slice;
  sample s;
  bool full = false;
  uint8_t sum = 0;
  size_t taken = 0;
  make_sample(&s, OA_TRACES);
  while (append(shelf, &s, &error) == OA_OK) {
    taken++;
  }
  assert_int_equal(error.code, OA_ERR_BUSY);
  assert_non_null(strstr(error.text, "262144"));
  assert_int_equal(append(shelf, &s, NULL), OA_ERR_BUSY);
  assert_int_equal(count_batches(shelf, OA_TRACES), taken);
  oa_shelf_wait(shelf, OA_TRACES, UINT64_MAX, 0, &full);
  assert_true(full);

  assert_int_equal(oa_shelf_slice_take(&slice, shelf, OA_TRACES), OA_OK);
  const size_t bytes = read_bytes(&slice, &sum);
  oa_shelf_slice_free(&slice);
  assert_in_range(bytes, 1, 256 << 10);
  /* One more would not have fit. */
  assert_true(bytes * (taken + 1) > taken * ((size_t)256 << 10));

  oa_shelf_clear(shelf);
  oa_shelf_wait(shelf, OA_TRACES, 1, 0, &full);
  assert_false(full);
  for (size_t i = 0; i < taken; i++) {
    assert_int_equal(append(shelf, &s, NULL), OA_OK);
  }
  free_sample(&s);
  oa_shelf_free(shelf);
}

static void a_slice_stays_as_it_was(void **state) {
  (void)state;
  oa_shelf *shelf = make_shelf(ROOM);
  oa_shelf_slice slice;
  sample s;
  uint8_t before = 0;
  uint8_t after = 0;
  make_sample(&s, OA_LOGS);
  assert_int_equal(append(shelf, &s, NULL), OA_OK);
  assert_int_equal(oa_shelf_slice_take(&slice, shelf, OA_LOGS), OA_OK);
  const size_t bytes = read_bytes(&slice, &before);
  assert_int_equal(append(shelf, &s, NULL), OA_OK);
  oa_shelf_clear(shelf);
  assert_int_equal(append(shelf, &s, NULL), OA_OK);
  oa_shelf_free(shelf);
  assert_int_equal(slice.count, 1);
  assert_int_equal(read_bytes(&slice, &after), bytes);
  assert_int_equal(after, before);
  oa_shelf_slice_free(&slice);
  free_sample(&s);
}

static void waiting_ends_with_its_time(void **state) {
  (void)state;
  oa_shelf *shelf = make_shelf(ROOM);
  bool full = true;
  const uint64_t begin = oa_clock_monotonic_ns();
  assert_int_equal(oa_shelf_wait(shelf, OA_TRACES, 1, 30, &full), 0);
  assert_true(oa_clock_monotonic_ns() - begin >= 30 * MS);
  assert_false(full);
  oa_shelf_free(shelf);
}

static void without_memory_nothing_is_kept(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  oa_shelf *shelf = NULL;
  oa_shelf_slice slice;
  sample s;
  int64_t n;
  make_sample(&s, OA_METRICS);
  for (n = 0; status != OA_OK; n++) {
    oa_mem_fail_after(n);
    status = oa_shelf_new(&shelf, ROOM);
    oa_mem_fail_after(-1);
  }
  assert_true(n > 3);
  status = OA_ERR_NOMEM;
  for (n = 0; status != OA_OK; n++) {
    assert_int_equal(oa_shelf_rows(shelf, OA_METRICS), 0);
    oa_mem_fail_after(n);
    status = append(shelf, &s, NULL);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
  }
  assert_true(n > 3);
  assert_int_equal(oa_shelf_rows(shelf, OA_METRICS), s.batch.length);
  oa_mem_fail_after(0);
  assert_int_equal(oa_shelf_slice_take(&slice, shelf, OA_METRICS),
                   OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_int_equal(count_batches(shelf, OA_METRICS), 1);
  oa_shelf_free(shelf);
  free_sample(&s);
}

static void another_process_can_only_free_it(void **state) {
  (void)state;
  oa_shelf *shelf = make_shelf(ROOM);
  int code = 0;
  assert_false(oa_shelf_is_foreign(shelf));
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const bool foreign = oa_shelf_is_foreign(shelf);
    oa_shelf_free(shelf);
    _exit(foreign ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);
  oa_shelf_free(shelf);
}

/* --- behind a service --- */

static oa_status export_one(oa_service *service) {
  static const char record[] =
      "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}";
  return oa_service_export(service, OA_LOGS, OA_FORM_JSON, record,
                           sizeof record - 1, NULL, NULL);
}

static oa_service *start_on(oa_shelf *shelf) {
  const oa_options options = {.size = sizeof options,
                              .ack = OA_OPTION_ACK_WRITE,
                              .shutdown_timeout_ms = OA_NO_WAIT};
  const oa_sink sink = oa_shelf_sink(shelf);
  oa_config *config;
  oa_service *service;
  assert_int_equal(oa_config_new_embedded(&config, NULL), OA_OK);
  assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  assert_int_equal(oa_service_start(&service, config, NULL), OA_OK);
  oa_config_free(config);
  return service;
}

static void senders_come_again_until_there_is_room(void **state) {
  (void)state;
  oa_shelf *shelf = make_shelf(64 << 10);
  oa_service *service = start_on(shelf);
  oa_status status = OA_OK;
  uint64_t taken = 0;
  while ((status = export_one(service)) == OA_OK) {
    taken++;
    assert_int_equal(oa_shelf_rows(shelf, OA_LOGS), taken);
  }
  /* This one had been let in, the next is not. */
  assert_int_equal(status, OA_ERR_IO);
  assert_true(taken > 0);
  assert_int_equal(oa_shelf_rows(shelf, OA_LOGS), taken);

  oa_shelf_clear(shelf);
  const uint64_t begin = oa_clock_monotonic_ns();
  while ((status = export_one(service)) != OA_OK) {
    assert_int_equal(status, OA_ERR_BUSY);
    assert_true(oa_clock_monotonic_ns() - begin < 30000 * MS);
    uv_sleep(5);
  }
  assert_int_equal(oa_shelf_rows(shelf, OA_LOGS), 1);
  while (export_one(service) == OA_OK) {
  }
  /* Full again: nobody has an OK for what is lost. */
  assert_int_equal(oa_service_stop(service, NULL), OA_OK);
  oa_shelf_free(shelf);
}

/* --- many at once --- */

enum { APPENDS = 200, LOOKERS = 3 };

typedef struct crowd {
  oa_shelf *shelf;
  const sample *sample;
  atomic_bool over;
} crowd;

static void *append_many(void *context) {
  crowd *c = context;
  for (int i = 0; i < APPENDS; i++) {
    (void)append(c->shelf, c->sample, NULL); /* full, or not */
  }
  atomic_store(&c->over, true);
  return NULL;
}

static void *look(void *context) {
  crowd *c = context;
  uintptr_t wrong = 0;
  while (!atomic_load(&c->over)) {
    oa_shelf_slice slice;
    uint8_t sum = 0;
    bool full;
    (void)oa_shelf_wait(c->shelf, c->sample->signal, 3, 1, &full);
    if (oa_shelf_slice_take(&slice, c->shelf, c->sample->signal) != OA_OK) {
      wrong++;
      continue;
    }
    wrong += slice.count > 0 && read_bytes(&slice, &sum) == 0;
    oa_shelf_slice_free(&slice);
    if (oa_shelf_rows(c->shelf, c->sample->signal) > 20) {
      oa_shelf_clear(c->shelf);
    }
  }
  return (void *)wrong;
}

static void one_appends_while_others_look_wait_and_clear(void **state) {
  (void)state;
  pthread_t threads[LOOKERS + 1];
  sample s;
  make_sample(&s, OA_TRACES);
  crowd c = {.shelf = make_shelf(64 << 10), .sample = &s};
  for (size_t i = 0; i <= LOOKERS; i++) {
    assert_int_equal(
        pthread_create(&threads[i], NULL, i == 0 ? append_many : look, &c), 0);
  }
  for (size_t i = 0; i <= LOOKERS; i++) {
    void *wrong;
    assert_int_equal(pthread_join(threads[i], &wrong), 0);
    assert_null(wrong);
  }
  oa_shelf_clear(c.shelf);
  assert_int_equal(append(c.shelf, &s, NULL), OA_OK);
  assert_int_equal(oa_shelf_rows(c.shelf, OA_TRACES), s.batch.length);
  oa_shelf_free(c.shelf);
  free_sample(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_counted_by_signal),
      cmocka_unit_test(a_full_shelf_takes_nothing_until_it_is_cleared),
      cmocka_unit_test(a_slice_stays_as_it_was),
      cmocka_unit_test(waiting_ends_with_its_time),
      cmocka_unit_test(without_memory_nothing_is_kept),
      cmocka_unit_test(another_process_can_only_free_it),
      cmocka_unit_test(senders_come_again_until_there_is_room),
      cmocka_unit_test(one_appends_while_others_look_wait_and_clear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
