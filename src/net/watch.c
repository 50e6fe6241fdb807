/* SPDX-License-Identifier: Apache-2.0 */
#include "net/watch.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

/* The number of places in a table that has one for NUMBER: a power of two less
 * the two that libuv has use for. */
static size_t table_for(size_t number) {
  size_t size = 64;
  while (size < number + 3) {
    size *= 2;
  }
  return size - 2;
}

/* The highest number that a descriptor will have, when COUNT are added to those
 * below NEXT: the kernel gives out the lowest free one. */
static int highest(int next, size_t count) {
  struct rlimit limit;
  const size_t number = (size_t)next + count;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
      limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= number) {
    return (int)limit.rlim_cur - 1;
  }
  return number < INT32_MAX ? (int)number : INT32_MAX;
}

/* Has LOOP watch a descriptor of that number, which makes the room. */
static oa_status touch(oa_watch *watch, uv_loop_t *loop, int number) {
  const int fd = fcntl(watch->pipe[0], F_DUPFD_CLOEXEC, number);
  if (fd < 0) {
    /* Others have those up to the limit: the rest is asked for later. */
    return OA_OK;
  }
  oa_status status = OA_ERR_IO;
  if (uv_poll_init(loop, &watch->poll, fd) == 0) {
    if (uv_poll_start(&watch->poll, UV_READABLE, NULL) == 0) {
      watch->room = table_for((size_t)fd);
      status = OA_OK;
    }
    uv_close((uv_handle_t *)&watch->poll, NULL);
  }
  close(fd);
  return status;
}

oa_status oa_watch_reserve(oa_watch *watch, uv_loop_t *loop, size_t count) {
  if (pipe(watch->pipe) != 0) {
    return OA_ERR_IO;
  }
  const oa_status status = touch(watch, loop, highest(watch->pipe[1], count));
  close(watch->pipe[0]);
  close(watch->pipe[1]);
  return status;
}

bool oa_watch_fits(oa_watch *watch, int fd) {
  if ((size_t)fd < watch->room) {
    return true;
  }
  /* What libuv will ask for next is what we give back here. */
  const size_t room = table_for((size_t)fd);
  void *block = oa_malloc((room + 2) * sizeof(void *));
  oa_free(block);
  if (block == NULL) {
    return false;
  }
  watch->room = room;
  return true;
}
