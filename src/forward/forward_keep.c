/* SPDX-License-Identifier: Apache-2.0 */
/* Where forwarding stands: kept, found again, and what there is from there
 * on. */
#include <string.h>

#include "base/clock.h"
#include "forward/forward_impl.h"

/* --- the files --- */

oa_status oa_forward_list(oa_forward_lane *lane, oa_error *error) {
  oa_pending found = {0};
  const oa_status status =
      oa_pending_list(&found, lane->dir, &lane->rule, &lane->point, error);
  if (status != OA_OK) {
    oa_pending_free(&found);
    return status;
  }
  oa_pending_free(&lane->pending);
  lane->pending = found;
  lane->incomplete = false;
  atomic_store(&lane->waiting, 0);
  return OA_OK;
}

static bool hurries(void *context) {
  const oa_forward *forward = context;
  return atomic_load(&forward->hurry);
}

/* How many rows stand in file NAME; -1: it cannot be told now. */
static int64_t count_rows(oa_forward *forward, const oa_forward_lane *lane,
                          const oa_name *name) {
  char text[OA_NAME_SIZE];
  char path[OA_PATH_SIZE];
  oa_store_scan scan;
  oa_name_text(&lane->rule, name, text);
  if (hurries(forward) || !oa_path_join(path, lane->dir, text) ||
      oa_store_scan_file(path, &scan, NULL) != OA_OK) {
    return -1;
  }
  return scan.rows;
}

void oa_forward_count(oa_forward *forward) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_lane *lane = &forward->lanes[i];
    uv_mutex_lock(&forward->lock);
    for (size_t at = lane->pending.first; at < lane->pending.end; at++) {
      oa_pending_file *file = &lane->pending.files[at];
      if (file->rows >= 0) {
        continue;
      }
      const oa_name name = file->name;
      uv_mutex_unlock(&forward->lock);
      const int64_t rows = count_rows(forward, lane, &name);
      uv_mutex_lock(&forward->lock);
      /* Retention may have been there, and the list moved. */
      file = oa_pending_find(&lane->pending, &name);
      if (file != NULL && file->rows < 0 && rows >= 0) {
        file->rows = rows;
        atomic_fetch_add(&lane->waiting, (uint64_t)oa_pending_left(file));
      }
    }
    uv_mutex_unlock(&forward->lock);
  }
}

/* --- the position --- */

void oa_forward_keep(oa_forward *forward) {
  oa_position position;
  oa_error error = {0};
  forward->kept_ns = oa_clock_monotonic_ns();
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    position.points[i] = forward->lanes[i].point;
  }
  oa_status status = oa_position_write(&forward->disk, forward->options.root,
                                       &position, &error);
  if (status == OA_OK && !forward->rooted) {
    /* Without the name, the next start would be the first one again, which
     * leaves out what is stored. */
    status = oa_dir_sync(&forward->disk, forward->options.root, &error);
  }
  if (status != OA_OK) {
    oa_log_line(forward->options.log, OA_LOG_WARN,
                "forwarding: where it stands cannot be kept: %s", error.text);
    forward->moved = true; /* so that it is tried again */
    return;
  }
  forward->rooted = true;
  forward->moved = false;
}

/* A first start: from now on. */
static oa_status skip_all(oa_forward *forward, oa_error *error) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_lane *lane = &forward->lanes[i];
    OA_TRY(oa_pending_skip(&lane->point, lane->dir, &lane->rule, error));
  }
  oa_log_line(forward->options.log, OA_LOG_INFO,
              "forwarding: begins with what is stored from now on");
  return OA_OK;
}

static void take_points(oa_forward *forward, const oa_position *position) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    forward->lanes[i].point =
        position == NULL ? OA_FORWARD_BEGIN : position->points[i];
  }
}

static oa_status list_all(oa_forward *forward, oa_error *error) {
  size_t files = 0;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_lane *lane = &forward->lanes[i];
    OA_TRY(oa_forward_list(lane, error));
    files += lane->pending.end;
  }
  oa_log_line(forward->options.log, OA_LOG_INFO,
              "forwarding: goes on where it stood; %zu files are there from "
              "that on",
              files);
  return OA_OK;
}

oa_status oa_forward_resume(oa_forward *forward, oa_error *error) {
  oa_position position;
  oa_error why = {0};
  const oa_status status =
      oa_position_read(&position, forward->options.root, &why);
  switch (status) {
    case OA_OK:
      take_points(forward, &position);
      forward->rooted = true;
      return list_all(forward, error);
    case OA_ERR_NOT_FOUND:
      OA_TRY(skip_all(forward, error));
      break;
    case OA_ERR_MALFORMED:
      /* Twice is better than not at all. */
      oa_log_line(forward->options.log, OA_LOG_WARN,
                  "forwarding: %s: all that is stored is sent again", why.text);
      take_points(forward, NULL);
      OA_TRY(list_all(forward, error));
      break;
    default:
      return oa_error_set(error, status, "forwarding: %s", why.text);
  }
  oa_forward_keep(forward);
  return OA_OK;
}
