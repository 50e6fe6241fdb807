/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/flight_list.h"

#include <string.h>

#include "base/clock.h"
#include "flight/message.h"
#include "flight/stored.h"
#include "receive/flight_source.h"
#include "store/store.h"

/* The thread's other calls wait as long. */
enum { LOOK_MS = 20 };

oa_status oa_flight_list_open(oa_flight_list *out, const char *root,
                              const char *extension,
                              const oa_flight_filter *filter, oa_error *error) {
  char dir[OA_PATH_SIZE];
  const oa_signal signal = (oa_signal)filter->signal;
  const oa_name_rule rule = oa_flight_rule(signal, extension);
  oa_flight_list list = {
      .root = root,
      .extension = extension,
      .filter = *filter,
      .until_ns = oa_clock_monotonic_ns() + LOOK_MS * UINT64_C(1000000)};
  if (!oa_path_join(dir, root, rule.stream)) {
    return oa_error_set(error, OA_ERR_IO, "the path of %s is too long",
                        rule.stream);
  }
  OA_TRY(oa_dir_read(&list.files, dir, &rule, error));
  if (oa_stored_put_schema(signal, &list.schema) != OA_OK) {
    oa_flight_list_close(&list);
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a schema");
  }
  *out = list;
  return OA_OK;
}

void oa_flight_list_close(oa_flight_list *list) {
  oa_dir_list_free(&list->files);
  oa_buf_free(&list->schema);
}

static oa_flight_ticket ticket_of(const oa_flight_list *list, size_t i) {
  return (oa_flight_ticket){.signal = (oa_signal)list->filter.signal,
                            .name = list->files.items[i].name,
                            .filter = list->filter};
}

bool oa_flight_list_matches(const oa_flight_list *list, size_t i) {
  oa_flight_source *source = NULL;
  const oa_flight_ticket ticket = ticket_of(list, i);
  bool matches = true;
  if (!list->filter.timed || oa_clock_monotonic_ns() > list->until_ns) {
    return true;
  }
  const oa_status status = oa_flight_source_open(
      &source, list->root, list->extension, &ticket, NULL);
  if (status != OA_OK) {
    return status != OA_ERR_NOT_FOUND; /* removed since it was listed */
  }
  if (oa_flight_source_overlaps(source, list->until_ns, &matches, NULL) !=
      OA_OK) {
    matches = true; /* who reads it learns what is wrong */
  }
  oa_flight_source_close(source);
  return matches;
}

/* Rows of the file, -1 when there is no time to count them.  A filter leaves
 * out some that are not counted either. */
static int64_t rows_of(const oa_flight_list *list, const char *name) {
  char dir[OA_PATH_SIZE];
  char path[OA_PATH_SIZE];
  oa_store_scan scan;
  const char *stream = oa_signal_name((oa_signal)list->filter.signal);
  if (list->filter.timed || oa_clock_monotonic_ns() > list->until_ns ||
      !oa_path_join(dir, list->root, stream) ||
      !oa_path_join(path, dir, name) ||
      oa_store_scan_file(path, &scan, NULL) != OA_OK) {
    return -1;
  }
  return scan.rows;
}

static void put_endpoint(const oa_flight_list *list, size_t i, oa_emit *emit) {
  char text[OA_FLIGHT_TICKET_SIZE];
  const oa_flight_ticket ticket = ticket_of(list, i);
  oa_flight_ticket_write(&ticket, list->extension, text);
  oa_flight_info_endpoint(emit, text);
}

static void name_of(const oa_flight_list *list, size_t i,
                    char out[OA_NAME_SIZE]) {
  const oa_name_rule rule =
      oa_flight_rule((oa_signal)list->filter.signal, list->extension);
  oa_name_text(&rule, &list->files.items[i].name, out);
}

void oa_flight_list_put_file(const oa_flight_list *list, size_t i,
                             oa_emit *emit) {
  char name[OA_NAME_SIZE];
  name_of(list, i, name);
  const char *const path[] = {oa_signal_name((oa_signal)list->filter.signal),
                              name};
  oa_flight_info_open(emit, &list->schema, path, 2);
  put_endpoint(list, i, emit);
  oa_flight_info_close(
      emit, rows_of(list, name),
      list->filter.timed ? -1 : (int64_t)list->files.items[i].size);
}

void oa_flight_list_put_all(const oa_flight_list *list, oa_emit *emit) {
  const char *const path[] = {oa_signal_name((oa_signal)list->filter.signal)};
  int64_t rows = 0;
  oa_flight_info_open(emit, &list->schema, path, 1);
  for (size_t i = 0; i < list->files.count; i++) {
    char name[OA_NAME_SIZE];
    name_of(list, i, name);
    if (!oa_flight_list_matches(list, i)) {
      continue;
    }
    put_endpoint(list, i, emit);
    if (rows >= 0) {
      const int64_t more = rows_of(list, name);
      rows = more < 0 ? -1 : rows + more;
    }
  }
  oa_flight_info_close(emit, rows,
                       list->filter.timed ? -1 : (int64_t)list->files.bytes);
}

bool oa_flight_list_find(const oa_flight_list *list, const oa_name *name,
                         size_t *i) {
  for (size_t at = 0; at < list->files.count; at++) {
    if (oa_name_equal(&list->files.items[at].name, name)) {
      *i = at;
      return true;
    }
  }
  return false;
}
