/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the program itself: what was accepted is in the files, whoever
 * exports, flushes and shuts down at the same time, and whosever the memory. */
#include <stdatomic.h>

#include "export_trial.h"

static void after_the_shutdown_everything_says_so(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_error error = {0};
  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(oa_service_shutdown(service, UINT32_MAX, &error), OA_OK);
  assert_int_equal(rows_in(*state), 1);
  assert_int_equal(export_text(service, record, NULL, &error), OA_ERR_CLOSED);
  assert_non_null(strstr(error.text, "shut down"));
  assert_int_equal(oa_service_flush(service, 1000, &error), OA_ERR_CLOSED);
  assert_int_equal(oa_service_reload(service, NULL, &error), OA_ERR_CLOSED);
  assert_int_equal(oa_service_shutdown(service, 0, &error), OA_OK);
  assert_int_equal(stats_of(service).signals[OA_LOGS].stored, 1);
  stop(service);
}

/* --- many threads --- */

enum { THREADS = 64, EACH = 40, SPANS = 8 };

typedef struct crowd {
  oa_service *service;
  atomic_uint accepted; /* requests */
  atomic_uint closed;
  atomic_uint other;
} crowd;

static void export_some(void *context) {
  crowd *c = context;
  oa_builder *builder;
  if (oa_builder_new(&builder, OA_TRACES, NULL) != OA_OK) {
    atomic_fetch_add(&c->other, 1);
    return;
  }
  build(builder, SPANS);
  for (int i = 0; i < EACH; i++) {
    const oa_status status =
        oa_service_export_built(c->service, builder, NULL, NULL);
    if (status == OA_OK) {
      atomic_fetch_add(&c->accepted, 1);
    } else if (status == OA_ERR_CLOSED) {
      atomic_fetch_add(&c->closed, 1);
    } else {
      atomic_fetch_add(&c->other, 1);
    }
    if (i % 16 == 3 && oa_service_flush(c->service, 60000, NULL) != OA_OK &&
        status == OA_OK) {
      /* Only a shutdown may come between. */
      atomic_fetch_add(
          &c->other,
          oa_service_flush(c->service, 1, NULL) == OA_ERR_CLOSED ? 0 : 1);
    }
  }
  oa_builder_free(builder);
}

/* 64 threads; the service is shut down after DELAY_MS by two more when that is
 * not negative, else at the end. */
static void run_crowd(const char *directory, const char *ack, int delay_ms) {
  crowd c = {.service = start_in(directory, ack)};
  uv_thread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(uv_thread_create(&threads[i], export_some, &c), 0);
  }
  if (delay_ms >= 0) {
    uv_sleep((unsigned)delay_ms);
    assert_int_equal(oa_service_shutdown(c.service, UINT32_MAX, NULL), OA_OK);
  }
  for (int i = 0; i < THREADS; i++) {
    uv_thread_join(&threads[i]);
  }
  assert_int_equal(oa_service_shutdown(c.service, UINT32_MAX, NULL), OA_OK);
  const oa_service_stats stats = stats_of(c.service);
  stop(c.service);
  const uint64_t rows = rows_in(directory);
  assert_int_equal(stats.signals[OA_TRACES].stored, rows);
  assert_int_equal(stats.signals[OA_TRACES].buffered, 0);
  assert_int_equal(rows, (uint64_t)c.accepted * SPANS);
  assert_int_equal(c.accepted + c.closed + c.other, THREADS * EACH);
  assert_int_equal(c.other, 0);
  assert_true(delay_ms >= 0 || c.closed == 0);
}

static void threads_lose_nothing(void **state) {
  run_crowd(*state, "memory", -1);
}

static void threads_that_wait_for_the_disk_lose_nothing(void **state) {
  run_crowd(*state, "fsync", -1);
}

static void a_shutdown_among_threads_keeps_what_was_accepted(void **state) {
  run_crowd(*state, "memory", 5);
}

static void a_shutdown_among_threads_that_wait_tells_them(void **state) {
  run_crowd(*state, "write", 20);
}

/* --- memory of the program's --- */

typedef struct purse {
  atomic_size_t blocks;
  atomic_size_t taken;
} purse;

static void *take_block(void *context, size_t size, size_t alignment) {
  purse *p = context;
  void *block = NULL;
  const size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;
  if (posix_memalign(&block, least, size) != 0) {
    return NULL;
  }
  atomic_fetch_add(&p->blocks, 1);
  atomic_fetch_add(&p->taken, 1);
  return block;
}

static void *resize_block(void *context, void *block, size_t size) {
  purse *p = context;
  void *bigger = realloc(block, size);
  atomic_fetch_add(&p->blocks, block == NULL && bigger != NULL ? 1 : 0);
  return bigger;
}

static void release_block(void *context, void *block) {
  purse *p = context;
  atomic_fetch_sub(&p->blocks, block == NULL ? 0 : 1);
  free(block);
}

static void the_program_gives_the_memory_and_gets_it_back(void **state) {
  purse p = {.blocks = 0};
  oa_allocator allocator = {
      .context = &p, .allocate = take_block, .resize = resize_block};
  assert_int_equal(oa_set_allocator(&allocator), OA_ERR_CONFIG);
  allocator.release = release_block;
  assert_int_equal(oa_set_allocator(&allocator), OA_OK);
  run_crowd(*state, "memory", -1);
  assert_int_equal(oa_set_allocator(NULL), OA_OK);
  assert_true(p.taken > 100);
  assert_int_equal(p.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(after_the_shutdown_everything_says_so),
      IN_DIRECTORY(threads_lose_nothing),
      IN_DIRECTORY(the_program_gives_the_memory_and_gets_it_back),
      IN_DIRECTORY(threads_that_wait_for_the_disk_lose_nothing),
      IN_DIRECTORY(a_shutdown_among_threads_keeps_what_was_accepted),
      IN_DIRECTORY(a_shutdown_among_threads_that_wait_tells_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
