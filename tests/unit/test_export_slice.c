/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of large batches: a part counts for what it is. */
#include "export_trial.h"

enum {
  BEFORE = 40 << 20, /* bytes that lie before the part: more than a batch has */
  ROWS = 3,
  TEXT = 4,
  WATCH_MS = 300
};

static void leave_schema(struct ArrowSchema *schema) {
  schema->release = NULL;
}

static void leave_array(struct ArrowArray *array) {
  array->release = NULL;
}

/* Log records of which the last ROWS are the part. */
typedef struct large {
  uint64_t times[ROWS + 1];
  int32_t narrow[ROWS + 2];
  int64_t wide[ROWS + 2];
  char *texts;
} large;

static void fill(large *l) {
  l->texts = calloc(1, BEFORE + ROWS * TEXT);
  assert_non_null(l->texts);
  memset(l->texts + BEFORE, 'x', (size_t)ROWS * TEXT);
  l->narrow[0] = 0;
  for (int i = 0; i <= ROWS; i++) {
    l->narrow[i + 1] = BEFORE + i * TEXT;
    l->wide[i + 1] = l->narrow[i + 1];
    l->times[i] = 1;
  }
  l->wide[0] = 0;
}

/* Exports the part; WIDE: its offsets have 64 bits. */
static oa_status export_part(oa_service *service, const large *l, bool wide) {
  struct ArrowSchema times_field = {
      .format = "tsn:", .name = "time_unix_nano", .release = leave_schema};
  struct ArrowSchema body_field = {.format = wide ? "U" : "u",
                                   .name = "body",
                                   .flags = ARROW_FLAG_NULLABLE,
                                   .release = leave_schema};
  struct ArrowSchema *fields[] = {&times_field, &body_field};
  const struct ArrowSchema schema = {.format = "+s",
                                     .n_children = 2,
                                     .children = fields,
                                     .release = leave_schema};
  const void *none[] = {NULL};
  const void *times[] = {NULL, l->times};
  const void *texts[] = {
      NULL, wide ? (const void *)l->wide : (const void *)l->narrow, l->texts};
  struct ArrowArray times_column = {.length = ROWS + 1,
                                    .n_buffers = 2,
                                    .buffers = times,
                                    .release = leave_array};
  struct ArrowArray body_column = {.length = ROWS + 1,
                                   .n_buffers = 3,
                                   .buffers = texts,
                                   .release = leave_array};
  struct ArrowArray *columns[] = {&times_column, &body_column};
  const struct ArrowArray part = {.length = ROWS,
                                  .offset = 1,
                                  .n_buffers = 1,
                                  .n_children = 2,
                                  .buffers = none,
                                  .children = columns,
                                  .release = leave_array};
  return oa_service_export_arrow(service, OA_LOGS, &schema, &part, NULL, NULL);
}

static void a_part_of_a_large_batch_is_no_large_batch(void **state) {
  large l;
  fill(&l);
  oa_config *config = embedded_config(*state);
  set(config, "write_interval_secs", "3600");
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_equal(export_part(service, &l, false), OA_OK);
  assert_int_equal(export_part(service, &l, true), OA_OK);
  /* It would go to its file at once. */
  for (int ms = 0; ms < WATCH_MS; ms += 10) {
    assert_int_equal(stats_of(service).signals[OA_LOGS].buffered, 2 * ROWS);
    uv_sleep(10);
  }
  assert_int_equal(oa_service_flush(service, 30000, NULL), OA_OK);
  assert_int_equal(stats_of(service).signals[OA_LOGS].stored, 2 * ROWS);
  stop(service);
  free(l.texts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(a_part_of_a_large_batch_is_no_large_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
