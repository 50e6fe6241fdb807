/* SPDX-License-Identifier: Apache-2.0 */
/* A program that keeps an eye on the library inside of it: the library's memory
 * comes from here, and so do its log lines go here.
 *
 *   cc host.c $(pkg-config --cflags --libs otlp-arrow) -o host
 *   ./host DIRECTORY
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <otlp_arrow.h>

/* --- memory: malloc(3), counted; threads call these at once --- */

typedef struct counts {
  atomic_long blocks; /* in use */
  atomic_long calls;
} counts;

static void *counted(counts *c, void *block) {
  atomic_fetch_add(&c->calls, 1);
  atomic_fetch_add(&c->blocks, block != NULL ? 1 : 0);
  return block;
}

static void *allocate(void *context, size_t size, size_t alignment) {
  if (alignment <= _Alignof(max_align_t)) {
    return counted(context, malloc(size));
  }
  if (size > SIZE_MAX - alignment) {
    return NULL;
  }
  /* C11 wants a multiple of the alignment. */
  size = (size + alignment - 1) / alignment * alignment;
  return counted(context, aligned_alloc(alignment, size));
}

static void *resize(void *context, void *block, size_t size) {
  return block == NULL ? counted(context, malloc(size)) : realloc(block, size);
}

static void release(void *context, void *block) {
  counts *c = context;
  atomic_fetch_sub(&c->blocks, block != NULL ? 1 : 0);
  free(block);
}

/* --- log lines: under the name of this program --- */

static void line(void *context, oa_log_level level, const char *text) {
  static const char *const levels[] = {"debug", "info", "warning", "error"};
  fprintf(stderr, "%s: %s: %s\n", (const char *)context, levels[level], text);
}

/* One log record in files of DIRECTORY. */
static oa_status store(const char *directory, char *name, oa_error *error) {
  const oa_log_sink sink = {.context = name, .line = line};
  const oa_log_record record = {.size = sizeof record, .severity_number = 9};
  oa_config *config;
  oa_service *service = NULL;
  oa_builder *builder = NULL;
  oa_status status = oa_config_new_embedded(&config, error);
  if (status != OA_OK) {
    return status;
  }
  if ((status = oa_config_set(config, "output_dir", directory, error)) ==
          OA_OK &&
      (status = oa_config_set(config, "log.level", "info", error)) == OA_OK &&
      (status = oa_config_set_log(config, &sink, error)) == OA_OK &&
      (status = oa_service_start(&service, config, error)) == OA_OK &&
      (status = oa_builder_new(&builder, OA_LOGS, error)) == OA_OK) {
    oa_build_resource(builder, NULL);
    oa_build_scope(builder, NULL);
    oa_build_log_record(builder, &record);
    status = oa_service_export_built(service, builder, NULL, error);
  }
  oa_builder_free(builder);
  oa_config_free(config);
  const oa_status stopped = oa_service_stop(service, error);
  return status != OA_OK ? status : stopped;
}

int main(int count, char **args) {
  counts c = {0};
  const oa_allocator allocator = {&c, allocate, resize, release};
  oa_error error;

  if (count != 2) {
    fprintf(stderr, "usage: host DIRECTORY\n");
    return 2;
  }
  /* Before anything else of the library; it has all its functions. */
  (void)oa_set_allocator(&allocator);
  if (store(args[1], args[0], &error) != OA_OK) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  printf("%ld allocations, %ld blocks left\n", atomic_load(&c.calls),
         atomic_load(&c.blocks));
  return 0;
}
