/* SPDX-License-Identifier: Apache-2.0 */
#include "service/shelf.h"

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#include "arrow/c_data.h"
#include "arrow/ipc_write.h"
#include "base/clock.h"
#include "base/mem.h"
#include "otlp/schema.h"
#include "service/gate.h"

enum {
  NS_PER_MS = 1000000,
  FIRST_ROOM = 16, /* batches of a row */
  /* What describes a batch: a node a column, a pointer a struct. */
  ARENA_MAX = 64 << 20,
};

struct oa_shelf_batch {
  atomic_size_t holders;
  uint64_t rows;
  size_t len;
  uint8_t bytes[];
};

/* The batches of one signal. */
typedef struct row {
  oa_shelf_batch **batches;
  size_t count;
  size_t room;
  uint64_t items;
} row;

struct oa_shelf {
  oa_gate gate; /* for the process that it is of */
  size_t max_bytes;
  oa_ipc_writer *writers[OA_SIGNAL_COUNT]; /* of the one who appends */
  uv_mutex_t lock;                         /* over all below */
  uv_cond_t came;
  row rows[OA_SIGNAL_COUNT];
  size_t bytes;
  bool full;
};

/* --- batches --- */

static void hold(oa_shelf_batch *batch) {
  atomic_fetch_add_explicit(&batch->holders, 1, memory_order_relaxed);
}

static void drop(oa_shelf_batch *batch) {
  if (atomic_fetch_sub_explicit(&batch->holders, 1, memory_order_acq_rel) ==
      1) {
    oa_free(batch);
  }
}

static oa_shelf_batch *copy(const oa_ipc_pieces *pieces, uint64_t rows) {
  oa_shelf_batch *batch = oa_malloc(sizeof *batch + (size_t)pieces->size);
  if (batch == NULL) {
    return NULL;
  }
  atomic_init(&batch->holders, 1);
  batch->rows = rows;
  batch->len = (size_t)pieces->size;
  uint8_t *at = batch->bytes;
  for (size_t i = 0; i < pieces->count; i++) {
    const struct iovec *piece = &pieces->iov[i];
    if (piece->iov_len > 0) {
      memcpy(at, piece->iov_base, piece->iov_len);
      at += piece->iov_len;
    }
  }
  return batch;
}

const uint8_t *oa_shelf_batch_bytes(const oa_shelf_batch *batch, size_t *len) {
  *len = batch->len;
  return batch->bytes;
}

static void clear_row(row *r) {
  for (size_t i = 0; i < r->count; i++) {
    drop(r->batches[i]);
  }
  oa_free(r->batches);
  *r = (row){0};
}

/* --- make, free --- */

static void free_writers(oa_shelf *shelf) {
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_ipc_writer_free(shelf->writers[i]);
  }
}

static oa_status make_writers(oa_shelf *shelf) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    OA_TRY(oa_ipc_writer_new(&shelf->writers[i], oa_otlp_schema((oa_signal)i),
                             OA_CODING_NONE, 0));
    oa_ipc_writer_set_align(shelf->writers[i], 8); /* mostly small batches */
  }
  return OA_OK;
}

oa_status oa_shelf_new(oa_shelf **out, size_t max_bytes) {
  oa_shelf *shelf = oa_calloc_aligned(1, sizeof *shelf, _Alignof(oa_shelf));
  if (shelf == NULL) {
    return OA_ERR_NOMEM;
  }
  shelf->max_bytes = max_bytes;
  oa_gate_open(&shelf->gate);
  if (make_writers(shelf) != OA_OK || uv_mutex_init(&shelf->lock) != 0) {
    free_writers(shelf);
    oa_free(shelf);
    return OA_ERR_NOMEM;
  }
  if (uv_cond_init(&shelf->came) != 0) {
    uv_mutex_destroy(&shelf->lock);
    free_writers(shelf);
    oa_free(shelf);
    return OA_ERR_NOMEM;
  }
  *out = shelf;
  return OA_OK;
}

void oa_shelf_free(oa_shelf *shelf) {
  if (shelf == NULL || oa_gate_is_foreign(&shelf->gate)) {
    return; /* threads that are not in this process may have been inside */
  }
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    clear_row(&shelf->rows[i]);
  }
  free_writers(shelf);
  uv_cond_destroy(&shelf->came);
  uv_mutex_destroy(&shelf->lock);
  oa_free(shelf);
}

bool oa_shelf_is_foreign(const oa_shelf *shelf) {
  return oa_gate_is_foreign(&shelf->gate);
}

/* --- append --- */

static bool reserve(row *r) {
  if (r->count < r->room) {
    return true;
  }
  const size_t room = r->room == 0 ? FIRST_ROOM : r->room * 2;
  oa_shelf_batch **batches =
      oa_realloc(r->batches, room * sizeof(oa_shelf_batch *));
  if (batches == NULL) {
    return false;
  }
  r->batches = batches;
  r->room = room;
  return true;
}

/* With the lock held. */
static oa_status put(oa_shelf *shelf, row *r, oa_shelf_batch *batch,
                     oa_error *error) {
  shelf->full = batch->len > shelf->max_bytes - shelf->bytes;
  if (shelf->full) {
    return oa_error_set(error, OA_ERR_BUSY,
                        "it holds %zu bytes and takes %zu at most",
                        shelf->bytes, shelf->max_bytes);
  }
  if (!reserve(r)) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a batch");
  }
  r->batches[r->count++] = batch;
  r->items += batch->rows;
  shelf->bytes += batch->len;
  uv_cond_broadcast(&shelf->came);
  return OA_OK;
}

static oa_status keep(oa_shelf *shelf, oa_signal signal,
                      const oa_array *columns, int64_t rows, oa_error *error) {
  oa_ipc_pieces pieces;
  OA_TRY(oa_ipc_write_batch(shelf->writers[signal], columns, rows, &pieces));
  oa_shelf_batch *batch = copy(&pieces, (uint64_t)rows);
  if (batch == NULL) {
    return OA_ERR_NOMEM;
  }
  uv_mutex_lock(&shelf->lock);
  const oa_status status = put(shelf, &shelf->rows[signal], batch, error);
  uv_mutex_unlock(&shelf->lock);
  if (status != OA_OK) {
    drop(batch);
  }
  return status;
}

static oa_status append(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *array, oa_error *error) {
  const oa_array *columns;
  oa_arena arena;
  int64_t rows;
  (void)schema; /* that of the signal */
  oa_arena_init(&arena, ARENA_MAX);
  oa_status status = oa_c_array_import(&columns, &rows, oa_otlp_schema(signal),
                                       array, &arena, error);
  if (status == OA_OK) {
    status = keep(context, signal, columns, rows, error);
  }
  oa_arena_free(&arena);
  return status;
}

oa_sink oa_shelf_sink(oa_shelf *shelf) {
  return (oa_sink){.context = shelf, .append = append};
}

/* --- look --- */

uint64_t oa_shelf_rows(oa_shelf *shelf, oa_signal signal) {
  uv_mutex_lock(&shelf->lock);
  const uint64_t rows = shelf->rows[signal].items;
  uv_mutex_unlock(&shelf->lock);
  return rows;
}

uint64_t oa_shelf_wait(oa_shelf *shelf, oa_signal signal, uint64_t rows,
                       uint32_t timeout_ms, bool *full) {
  const row *r = &shelf->rows[signal];
  const uint64_t end =
      oa_clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
  uv_mutex_lock(&shelf->lock);
  while (r->items < rows) {
    const uint64_t now = oa_clock_monotonic_ns();
    if (now >= end) {
      break;
    }
    uv_cond_timedwait(&shelf->came, &shelf->lock, end - now);
  }
  const uint64_t found = r->items;
  *full = shelf->full;
  uv_mutex_unlock(&shelf->lock);
  return found;
}

void oa_shelf_clear(oa_shelf *shelf) {
  row old[OA_SIGNAL_COUNT];
  uv_mutex_lock(&shelf->lock);
  memcpy(old, shelf->rows, sizeof old);
  memset(shelf->rows, 0, sizeof shelf->rows);
  shelf->bytes = 0;
  shelf->full = false;
  uv_mutex_unlock(&shelf->lock);
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    clear_row(&old[i]);
  }
}

oa_status oa_shelf_slice_take(oa_shelf_slice *out, oa_shelf *shelf,
                              oa_signal signal) {
  const row *r = &shelf->rows[signal];
  oa_status status = OA_OK;
  oa_shelf_slice slice = {.signal = signal};
  uv_mutex_lock(&shelf->lock);
  slice.count = r->count;
  if (slice.count > 0) {
    slice.batches = oa_calloc(slice.count, sizeof(oa_shelf_batch *));
    status = slice.batches == NULL ? OA_ERR_NOMEM : OA_OK;
  }
  for (size_t i = 0; status == OA_OK && i < slice.count; i++) {
    slice.batches[i] = r->batches[i];
    hold(slice.batches[i]);
  }
  uv_mutex_unlock(&shelf->lock);
  if (status == OA_OK) {
    *out = slice;
  }
  return status;
}

void oa_shelf_slice_free(oa_shelf_slice *slice) {
  for (size_t i = 0; i < slice->count; i++) {
    drop(slice->batches[i]);
  }
  oa_free(slice->batches);
  *slice = (oa_shelf_slice){0};
}
