/* SPDX-License-Identifier: Apache-2.0 */
/* net_talk.h - a client for fuzz targets whose other side is a server on
 * loopback: connects, sends bytes, says that there will be no more, and reads
 * to the end.
 *
 * The server answers the end of a connection by closing it, and has looked at
 * all bytes before; so that an input is over when talk() returns.  Nothing
 * may take longer than PATIENCE.
 */
#ifndef OA_TESTS_FUZZ_NET_TALK_H
#define OA_TESTS_FUZZ_NET_TALK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum {
  /* Milliseconds; generous, since machines that fuzz are busy. */
  TALK_PATIENCE = 15000,
  /* With a server that may overlook the end. */
  TALK_SHORT = 100,
  /* Bytes of an answer that are kept. */
  TALK_KEPT = 1 << 16,
  /* In front of the payload of a frame of HTTP/2. */
  TALK_FRAME_HEAD = 9,
};

static inline void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static inline int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int talk_connect(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void *any = &address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  require(fd >= 0);
  /* All ports may be in use for a moment by connections that are closing. */
  const int64_t end = now_ms() + TALK_PATIENCE;
  while (connect(fd, any, sizeof address) != 0) {
    require((errno == EADDRNOTAVAIL || errno == EINTR) && now_ms() < end);
    poll(NULL, 0, 10);
  }
  require(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  return fd;
}

/* Reads what is there; false at the end. */
static inline bool talk_read(int fd, oa_buf *answer) {
  uint8_t bytes[16384];
  for (;;) {
    const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return true;
    }
    if (got <= 0) {
      return false;
    }
    const size_t room = TALK_KEPT - answer->len;
    const size_t part = (size_t)got < room ? (size_t)got : room;
    require(oa_buf_put(answer, bytes, part) == OA_OK);
  }
}

/* Sends LEN bytes on FD, says after PAUSE milliseconds (or when an answer
 * comes) that they were all, and reads until the server closes; FD is closed.
 * With a PAUSE the server need not close, and is waited for shortly.
 * ANSWER gets the first TALK_KEPT bytes of what it says. */
static inline void talk_on(int fd, const uint8_t *data, size_t len, int pause,
                           oa_buf *answer) {
  const int64_t end = now_ms() + (pause > 0 ? TALK_SHORT : TALK_PATIENCE);
  bool open = true;
  bool sending = true;
  while (open) {
    if (sending && len > 0) {
      const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
      if (sent > 0) {
        data += sent;
        len -= (size_t)sent;
      } else if (errno != EAGAIN && errno != EINTR) {
        sending = false; /* it has hung up; what it said still comes */
      }
    }
    if (sending && len == 0) {
      struct pollfd soon = {.fd = fd, .events = POLLIN};
      sending = false;
      if (pause > 0) {
        poll(&soon, 1, pause);
      }
      shutdown(fd, SHUT_WR);
    }
    struct pollfd wait = {
        .fd = fd, .events = (short)(sending ? POLLIN | POLLOUT : POLLIN)};
    poll(&wait, 1, pause > 0 ? TALK_SHORT : 1000);
    open = talk_read(fd, answer);
    if (open && now_ms() >= end) {
      require(pause > 0); /* it does not let go of us */
      open = false;
    }
  }
  close(fd);
}

static inline void talk(uint16_t port, const uint8_t *data, size_t len,
                        oa_buf *answer) {
  talk_on(talk_connect(port), data, len, 0, answer);
}

/* For replay_main.c: each input takes long. */
extern const size_t oa_replay_mutations;
const size_t oa_replay_mutations = 16;

/* --- leaks --- */

int LLVMFuzzerInitialize(int *count, char ***args);

/* libFuzzer looks for leaks after an input that has allocated more than it has
 * freed.  Here other threads allocate and free meanwhile, so that it would look
 * all the time; the end of the process is early enough. */
int LLVMFuzzerInitialize(int *count, char ***args) {
  enum { MOST_ARGS = 128 };
  static char flag[] = "-detect_leaks=0";
  static char *more[MOST_ARGS];
  require(*count + 2 <= MOST_ARGS);
  memcpy(more, *args, (size_t)*count * sizeof more[0]);
  more[(*count)++] = flag;
  *args = more;
  return 0;
}

/* --- HTTP/2 --- */

static inline size_t talk_frame_length(const uint8_t *frame) {
  return (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
}

/* What a server says are whole frames that begin with SETTINGS; the last one
 * may be cut where the connection ended. */
static inline void talk_check_frames(const oa_buf *answer) {
  enum { SETTINGS = 4, PUSH_PROMISE = 5, CONTINUATION = 9 };
  size_t at = 0;
  while (answer->len - at >= TALK_FRAME_HEAD) {
    const uint8_t *frame = answer->data + at;
    const uint8_t type = frame[3];
    require(at > 0 || type == SETTINGS);
    require(type <= CONTINUATION && type != PUSH_PROMISE);
    const size_t size = TALK_FRAME_HEAD + talk_frame_length(frame);
    if (size > answer->len - at) {
      return;
    }
    at += size;
  }
}

/* Appends a frame whose stream is below 256. */
static inline void talk_put_frame(oa_buf *out, uint8_t type, uint8_t flags,
                                  uint8_t stream, const void *bytes,
                                  size_t len) {
  const uint8_t head[TALK_FRAME_HEAD] = {(uint8_t)(len >> 16),
                                         (uint8_t)(len >> 8),
                                         (uint8_t)len,
                                         type,
                                         flags,
                                         0,
                                         0,
                                         0,
                                         stream};
  require(oa_buf_put(out, head, sizeof head) == OA_OK);
  require(oa_buf_put(out, bytes, len) == OA_OK);
}

/* Appends a field to a header block: a literal without index (RFC 7541, section
 * 6.2.2).  Name and value are at most 126 bytes long. */
static inline void talk_put_field(oa_buf *out, const char *name,
                                  const char *value) {
  const uint8_t lengths[2] = {(uint8_t)strlen(name), (uint8_t)strlen(value)};
  require(oa_buf_put_byte(out, 0) == OA_OK);
  require(oa_buf_put_byte(out, lengths[0]) == OA_OK);
  require(oa_buf_put(out, name, lengths[0]) == OA_OK);
  require(oa_buf_put_byte(out, lengths[1]) == OA_OK);
  require(oa_buf_put(out, value, lengths[1]) == OA_OK);
}

#endif
