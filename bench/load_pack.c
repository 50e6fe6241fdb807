/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { RETRY_NS = 5000000 };

void die(const char *what) {
  fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "",
          errno ? strerror(errno) : "");
  exit(1);
}

void *need(void *memory) {
  if (memory == NULL) {
    die("out of memory");
  }
  return memory;
}

int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Maps the pack and notes where each framed request begins. */
void open_pack(load *run, const char *path) {
  const int fd = open(path, O_RDONLY);
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0 || about.st_size < PREFIX) {
    die(path);
  }
  const size_t size = (size_t)about.st_size;
  const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) {
    die(path);
  }
  close(fd);
  const size_t skip = framed(run) ? 0 : PREFIX;
  size_t at = 0;
  size_t room = 0;
  while (size - at >= PREFIX) {
    uint32_t be;
    memcpy(&be, data + at + 1, sizeof be);
    const size_t len = PREFIX + (size_t)ntohl(be);
    if (len > size - at) {
      break;
    }
    if (run->frame_count == room) {
      room = room ? room * 2 : 256;
      run->frames = need(realloc(run->frames, room * sizeof *run->frames));
    }
    run->frames[run->frame_count++] = (frame){data + at + skip, len - skip};
    at += len;
  }
  if (at != size) {
    errno = 0;
    die("the pack ends inside a request");
  }
}

/* The units of a stream are gRPC messages with their prefixes, one or more,
 * behind the prefix that makes the pack its own index. */
bool framed(const load *run) {
  return run->kind == LOAD_GRPC;
}

/* When the next request may go: a time, or INT64_MAX when none is left. */
int64_t next_due(const load *run) {
  int64_t due = run->not_before;
  if (run->again_count == 0) {
    if (run->next == run->requests) {
      return INT64_MAX;
    }
    if (run->rate > 0) {
      const int64_t turn =
          run->begin + (int64_t)((double)run->next * 1e9 / run->rate);
      due = due > turn ? due : turn;
    }
  }
  return due;
}

size_t take_next(load *run) {
  return run->again_count > 0 ? run->again[--run->again_count] : run->next++;
}

void count_ok(load *run, size_t bytes, int64_t start) {
  const int64_t now = now_ns();
  run->latency[run->ok++] = now - start;
  run->bytes += bytes;
  if (run->pause_ns > 0) {
    run->not_before = now + run->pause_ns;
  }
}

/* It is sent again after a short wait, unless its own stream RESTS. */
void count_refused(load *run, size_t number, bool rests) {
  run->refused++;
  run->again[run->again_count++] = number;
  if (!rests) {
    run->not_before = now_ns() + RETRY_NS;
  }
}

void count_failed(load *run, size_t count, int http, int grpc) {
  run->failed += count;
  run->last_http = http;
  run->last_grpc = grpc;
}
