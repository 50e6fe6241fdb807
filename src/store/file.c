/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* O_DIRECT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrow/ipc_write.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/dir.h"
#include "store/file_impl.h"

/* Pieces given to one writev(2): at least 16 and at most IOV_MAX (1024 on
 * Linux) are allowed; 256 take 4 KiB of stack. */
enum { MAX_PIECES = 256 };

/* Memory that is written from where it lies has so many bytes: less is copied
 * sooner than listed. */
enum { OWN_MIN = 4 * OA_DISK_BLOCK };

/* O_APPEND puts each write at the end also after the file was cut back. */
enum { FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW };

/* Remembers whether the failure CODE is one that space would mend. */
static void note_full(oa_disk *disk, int code) {
  disk->full = code == ENOSPC || code == EDQUOT;
}

oa_status oa_file_create(oa_file *out, oa_disk *disk, const char *path,
                         oa_error *error) {
  const int fd = oa_disk_open(disk, path, FLAGS | O_CREAT | O_EXCL);
  if (fd < 0) {
    const int code = errno;
    oa_path_error(error, code, "cannot create", path);
    note_full(disk, code);
    if (code == EEXIST) {
      return OA_ERR_BUSY;
    }
    return code == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO;
  }
  *out = (oa_file){.fd = fd};
  return OA_OK;
}

oa_status oa_file_reopen(oa_file *out, const oa_disk *disk, const char *path,
                         uint64_t length, oa_error *error) {
  const int fd = oa_disk_open(disk, path, FLAGS);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot open", path);
  }
  *out = (oa_file){.fd = fd, .length = length, .dirty = true};
  return OA_OK;
}

oa_status oa_file_check(const oa_file *file, const char *path,
                        oa_error *error) {
  struct stat at;
  if (fstat(file->fd, &at) != 0) {
    return oa_path_error(error, errno, "cannot stat", path);
  }
  if (at.st_nlink == 0) {
    oa_path_error(error, ENOENT, "another program removed", path);
    return OA_ERR_NOT_FOUND;
  }
  if (at.st_size < 0 || (uint64_t)at.st_size != file->length) {
    char shown[OA_PATH_SHOWN];
    oa_path_show(shown, path);
    return oa_error_set(error, OA_ERR_IO,
                        "another program changed %s while it was being "
                        "written",
                        shown);
  }
  return OA_OK;
}

/* The bytes still to write: HEAD first, then the pieces from AT on, of whose
 * first DONE bytes are written. */
typedef struct rest {
  struct iovec head;
  const struct iovec *iov;
  size_t count;
  size_t at;
  size_t done;
} rest;

/* Lists the next pieces, at most MOST, in OUT; the empty ones are left out. */
static int next_pieces(const rest *left, struct iovec *out, int most) {
  int used = 0;
  if (left->head.iov_len > 0) {
    out[used++] = left->head;
  }
  size_t skip = left->done;
  for (size_t i = left->at; i < left->count && used < most; i++) {
    const struct iovec *piece = &left->iov[i];
    if (piece->iov_len > skip) {
      out[used].iov_base = (uint8_t *)piece->iov_base + skip;
      out[used].iov_len = piece->iov_len - skip;
      used++;
    }
    skip = 0;
  }
  return used;
}

/* Takes WRITTEN bytes off the front. */
static void advance(rest *left, size_t written) {
  if (left->head.iov_len > 0) {
    const size_t part =
        written < left->head.iov_len ? written : left->head.iov_len;
    left->head.iov_base = (uint8_t *)left->head.iov_base + part;
    left->head.iov_len -= part;
    written -= part;
  }
  while (left->at < left->count) {
    const size_t open = left->iov[left->at].iov_len - left->done;
    if (written < open) {
      left->done += written;
      return;
    }
    written -= open;
    left->at++;
    left->done = 0;
  }
}

/* Writes all of LEFT, in whole BLOCKs or, with 1, as it comes; 0 or an
 * errno. */
static int write_all(int fd, const oa_disk *disk, rest *left, size_t block,
                     uint64_t *written) {
  struct iovec pieces[MAX_PIECES];
  int count;
  while ((count = next_pieces(left, pieces, MAX_PIECES)) > 0) {
    const ssize_t n = disk->os->writev(fd, pieces, count);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return n == 0 ? EIO : errno; /* 0 would go on for ever */
    }
    advance(left, (size_t)n);
    *written += (uint64_t)n;
    /* After a part of a block the disk does not take the rest. */
    if (*written % block != 0) {
      return EIO;
    }
  }
  return 0;
}

bool oa_file_cut(const oa_file *file, const oa_disk *disk) {
  int result;
  do {
    result = disk->os->ftruncate(file->fd, (off_t)file->length);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

/* --- past the page cache --- */

static uint64_t left_size(const rest *left) {
  uint64_t size = left->head.iov_len;
  for (size_t i = left->at; i < left->count; i++) {
    size += left->iov[i].iov_len;
  }
  return size - left->done;
}

/* Memory at the address of a block, and of a huge page where the system has
 * them to give; that is asked for before the first touch decides. */
static uint8_t *new_stage(void) {
  uint8_t *stage = oa_malloc_aligned(OA_DISK_STAGE, OA_DISK_STAGE);
  if (stage != NULL) {
    (void)madvise(stage, OA_DISK_STAGE, MADV_HUGEPAGE);
  }
  return stage;
}

/* What one system call writes past the page cache: runs of the stage, and
 * between them column memory that lies in whole blocks. */
typedef struct gathered {
  struct iovec iov[MAX_PIECES];
  int count;
  size_t size;   /* of all of them */
  size_t staged; /* of those in the stage */
} gathered;

static void add_piece(gathered *to, const void *base, size_t len) {
  struct iovec *last = to->count > 0 ? &to->iov[to->count - 1] : NULL;
  if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == base) {
    last->iov_len += len;
  } else {
    /* iovec has no const form; writev() only reads. */
    to->iov[to->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)base, .iov_len = len};
  }
  to->size += len;
}

/* How much of PIECE can be written from where it lies: whole blocks at the
 * address of one, where the file is at one. */
static size_t direct_part(const gathered *to, struct iovec piece) {
  return (uintptr_t)piece.iov_base % OA_DISK_BLOCK == 0 &&
                 to->size % OA_DISK_BLOCK == 0 && piece.iov_len >= OWN_MIN
             ? piece.iov_len - piece.iov_len % OA_DISK_BLOCK
             : 0;
}

/* Takes as much as there is room for off the front of PIECE; how much. */
static size_t take_piece(const oa_disk *disk, gathered *to,
                         struct iovec piece) {
  const size_t direct = direct_part(to, piece);
  if (direct > 0) {
    add_piece(to, piece.iov_base, direct);
    return direct;
  }
  const size_t room = OA_DISK_STAGE - to->staged;
  const size_t n = piece.iov_len < room ? piece.iov_len : room;
  if (n > 0) {
    memcpy(disk->stage + to->staged, piece.iov_base, n);
    add_piece(to, disk->stage + to->staged, n);
    to->staged += n;
  }
  return n;
}

/* Takes the next pieces off the front of LEFT, whole blocks in all; false when
 * there are none. */
static bool gather(const oa_disk *disk, rest *left, gathered *to) {
  struct iovec piece;
  *to = (gathered){.count = 0};
  /* A new entry begins with a block, so the call may end before it. */
  while (to->count < MAX_PIECES && next_pieces(left, &piece, 1) > 0) {
    const size_t taken = take_piece(disk, to, piece);
    if (taken == 0) {
      break; /* the stage is full */
    }
    advance(left, taken);
  }
  return to->count > 0;
}

/* Whether LEFT is worth writing, and can be written, past the page cache. */
static bool wants_direct(const oa_file *file, const oa_disk *disk,
                         const rest *left) {
  const uint64_t size = disk->direct ? left_size(left) : 0;
  return size >= OA_DISK_DIRECT_MIN && size % OA_DISK_BLOCK == 0 &&
         file->length % OA_DISK_BLOCK == 0;
}

/* 0 or an errno. */
static int set_direct(oa_file *file, const oa_disk *disk, bool on) {
  const int flags = FLAGS & ~O_CLOEXEC;
  int result;
  do {
    result = disk->os->set_flags(file->fd, on ? flags | O_DIRECT : flags);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return errno;
  }
  file->direct = on;
  return 0;
}

/* write_all() past the page cache; 0 or an errno.  A file system that has no
 * such way is written to in the usual one from then on. */
static int write_direct(oa_file *file, oa_disk *disk, rest *left,
                        uint64_t *written) {
  if (disk->stage == NULL) {
    disk->stage = new_stage();
  }
  if (disk->stage == NULL || set_direct(file, disk, true) != 0) {
    disk->direct = false;
    return write_all(file->fd, disk, left, 1, written);
  }
  int code = 0;
  gathered next;
  while (code == 0 && gather(disk, left, &next)) {
    rest part = {.iov = next.iov, .count = (size_t)next.count};
    code = write_all(file->fd, disk, &part, OA_DISK_BLOCK, written);
  }
  /* Some file systems say no only to the write itself. */
  disk->direct = code != EINVAL;
  /* What is written is written: when this fails, the next append tries again
   * before it writes anything. */
  (void)set_direct(file, disk, false);
  return code;
}

/* Writes all of LEFT, one way or the other; 0 or an errno. */
static int write_rest(oa_file *file, oa_disk *disk, rest *left,
                      uint64_t *written) {
  const int code = file->direct ? set_direct(file, disk, false) : 0;
  if (code != 0) {
    return code;
  }
  return wants_direct(file, disk, left)
             ? write_direct(file, disk, left, written)
             : write_all(file->fd, disk, left, 1, written);
}

oa_status oa_file_append(oa_file *file, oa_disk *disk, const char *path,
                         struct iovec head, const struct iovec *iov,
                         size_t count, oa_error *error) {
  rest left = {.head = head, .iov = iov, .count = count};
  uint64_t written = 0;
  const uint64_t start = oa_clock_monotonic_ns();
  const int code = write_rest(file, disk, &left, &written);
  oa_disk_count(&disk->counters.write_ns, oa_clock_monotonic_ns() - start);
  if (code == 0) {
    file->length += written;
    file->dirty = true;
    return OA_OK;
  }
  note_full(disk, code);
  /* Also when nothing seems to be written: the call failed, so its word is
   * not the one to take. */
  if (!oa_file_cut(file, disk) || file->direct) {
    oa_file_drop(file);
  }
  return oa_path_error(error, code, "cannot write", path);
}

oa_status oa_file_sync(oa_file *file, oa_disk *disk, const char *dir,
                       const char *path, oa_error *error) {
  if (file->dirty) {
    if (oa_disk_fdatasync(disk, file->fd) != 0) {
      const int code = errno;
      oa_file_drop(file);
      return oa_path_error(error, code, "cannot fdatasync", path);
    }
    file->dirty = false;
  }
  if (!file->named) {
    const oa_status status = oa_dir_sync(disk, dir, error);
    if (status != OA_OK) {
      oa_file_drop(file);
      return status;
    }
    file->named = true;
  }
  return OA_OK;
}

oa_status oa_file_seal(oa_file *file, oa_disk *disk, const char *dir,
                       const char *path, oa_error *error) {
  oa_ipc_pieces end;
  const struct iovec none = {0};
  oa_ipc_write_end(&end);
  OA_TRY(oa_file_append(file, disk, path, none, end.iov, end.count, error));
  if (oa_disk_fsync(disk, file->fd) != 0) {
    const int code = errno;
    oa_file_drop(file);
    return oa_path_error(error, code, "cannot fsync", path);
  }
  oa_file_drop(file);
  return oa_dir_sync(disk, dir, error);
}

void oa_file_drop(oa_file *file) {
  if (file->fd >= 0) {
    close(file->fd);
    file->fd = -1;
  }
}
