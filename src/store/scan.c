/* SPDX-License-Identifier: Apache-2.0 */
/* MAP_ANONYMOUS is not in POSIX.1-2008. */
#define _DEFAULT_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrow/ipc_read.h"
#include "store/store_impl.h"

/* Metadata of our own batches fits; a larger one costs a second read. */
enum { FIRST_READ = 16384 };

/* Metadata larger than this is damage: it would describe millions of buffers.
 */
#define MAX_METADATA (UINT64_C(64) * 1024 * 1024)

/* Memory as long as the longest message, of which the part that is not read
 * into costs address space alone.  Reading, not mapping, the file: one that
 * shrinks meanwhile must not end the process by SIGBUS. */
typedef struct window {
  uint8_t *data;
  size_t size;
} window;

static void window_free(window *w) {
  if (w->data != NULL) {
    munmap(w->data, w->size);
  }
  memset(w, 0, sizeof *w);
}

static oa_status window_grow(window *w, uint64_t size) {
  if (size <= w->size) {
    return OA_OK;
  }
  if (size > SIZE_MAX) {
    return OA_ERR_NOMEM;
  }
  window_free(w);
  void *data = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return OA_ERR_NOMEM;
  }
  w->data = data;
  w->size = (size_t)size;
  return OA_OK;
}

/* Reads LEN bytes at AT, or fewer at the end of the file. */
static oa_status read_at(int fd, uint8_t *out, size_t len, uint64_t at,
                         size_t *got) {
  size_t have = 0;
  while (have < len) {
    const ssize_t n = pread(fd, out + have, len - have, (off_t)(at + have));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return OA_ERR_IO;
    }
    if (n == 0) {
      break;
    }
    have += (size_t)n;
  }
  *got = have;
  return OA_OK;
}

typedef struct message {
  size_t size;
  oa_ipc_event event;
  int64_t rows;
} message;

/* Bytes of the frame and the metadata at BYTES, of which there are LEN. */
static uint64_t metadata_end(const uint8_t *bytes, size_t len) {
  uint32_t size;
  if (len < 8) {
    return 8;
  }
  memcpy(&size, bytes + 4, sizeof size);
  return UINT64_C(8) + size;
}

/* Looks at the message at AT without its body.  OA_ERR_TRUNCATED: the file
 * ends inside it; OA_ERR_MALFORMED: it is none. */
static oa_status look(int fd, uint64_t at, uint64_t left, window *w,
                      message *out) {
  size_t got;
  OA_TRY(window_grow(w, FIRST_READ));
  OA_TRY(read_at(fd, w->data, FIRST_READ, at, &got));
  const uint64_t metadata = metadata_end(w->data, got);
  if (got == FIRST_READ && metadata > got && metadata <= left) {
    if (metadata > MAX_METADATA) {
      return OA_ERR_MALFORMED;
    }
    OA_TRY(window_grow(w, metadata));
    OA_TRY(read_at(fd, w->data, (size_t)metadata, at, &got));
  }
  const oa_status status =
      oa_ipc_skip(w->data, got, &out->size, &out->event, &out->rows, NULL);
  if (status != OA_ERR_TRUNCATED || out->size <= got || out->size > left ||
      metadata > got) {
    return status;
  }
  /* All metadata is here and the file holds the whole body. */
  const size_t whole = out->size;
  if (whole > w->size) {
    OA_TRY(window_grow(w, whole));
    OA_TRY(read_at(fd, w->data, (size_t)metadata, at, &got));
    if (got < metadata) {
      return OA_ERR_TRUNCATED; /* it shrank meanwhile */
    }
  }
  return oa_ipc_skip(w->data, whole, &out->size, &out->event, &out->rows, NULL);
}

/* Counts MSG; false when it cannot stand here. */
static bool take(oa_store_scan *scan, const message *msg) {
  if (scan->has_schema == (msg->event == OA_IPC_SCHEMA)) {
    return false; /* the schema comes first and once */
  }
  scan->whole += msg->size;
  switch (msg->event) {
    case OA_IPC_SCHEMA:
      scan->has_schema = true;
      scan->complete = scan->whole;
      break;
    case OA_IPC_BATCH:
      scan->batches++;
      scan->rows += msg->rows;
      scan->complete = scan->whole;
      break;
    case OA_IPC_EOS:
      scan->ended = true;
      break;
    case OA_IPC_DICTIONARY:
      break;
  }
  return true;
}

static oa_status walk(int fd, oa_store_scan *scan, bool (*stop)(void *context),
                      void *context) {
  window w = {0};
  oa_status status = OA_OK;
  while (!scan->ended && scan->whole < scan->size) {
    message msg = {0};
    if (stop != NULL && stop(context)) {
      status = OA_ERR_BUSY;
      break;
    }
    const uint64_t left = scan->size - scan->whole;
    status = look(fd, scan->whole, left, &w, &msg);
    if (status != OA_OK) {
      break;
    }
    if (msg.size == 0 || msg.size > left || !take(scan, &msg)) {
      status = OA_ERR_MALFORMED;
      break;
    }
  }
  window_free(&w);
  scan->damaged = status == OA_ERR_MALFORMED || status == OA_ERR_UNSUPPORTED ||
                  status == OA_ERR_LIMIT;
  if (scan->damaged || status == OA_ERR_TRUNCATED || status == OA_END) {
    return OA_OK;
  }
  return status;
}

oa_status oa_scan_fd(int fd, uint64_t size, oa_store_scan *out,
                     bool (*stop)(void *context), void *context) {
  oa_store_scan scan = {.size = size};
  OA_TRY(walk(fd, &scan, stop, context));
  *out = scan;
  return OA_OK;
}

oa_status oa_store_scan_file(const char *path, oa_store_scan *out,
                             oa_error *error) {
  struct stat at;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot open", path);
  }
  if (fstat(fd, &at) != 0 || !S_ISREG(at.st_mode)) {
    close(fd);
    return oa_path_error(error, EINVAL, "not a regular file:", path);
  }
  const oa_status status =
      oa_scan_fd(fd, (uint64_t)at.st_size, out, NULL, NULL);
  const int code = errno;
  close(fd);
  if (status == OA_ERR_IO) {
    return oa_path_error(error, code, "cannot read", path);
  }
  if (status != OA_OK) {
    return oa_error_set(error, status, "no memory to look into a file");
  }
  return OA_OK;
}
