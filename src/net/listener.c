/* SPDX-License-Identifier: Apache-2.0 */
/* SO_REUSEPORT is hidden from programs that ask for POSIX 2008 alone. */
#define _DEFAULT_SOURCE

#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connection.h"
#include "net/inherit.h"
#include "net/thread.h"

enum {
  /* The kernel cuts it to net.core.somaxconn. */
  BACKLOG = 4096,
  /* Connections taken in a row before others get their turn. */
  ACCEPTS_AT_ONCE = 64,
};

static oa_status parse(const oa_listen *where, struct sockaddr_storage *out,
                       oa_error *error) {
  memset(out, 0, sizeof *out);
  if (uv_ip4_addr(where->address, where->port, (struct sockaddr_in *)out) ==
          0 ||
      uv_ip6_addr(where->address, where->port, (struct sockaddr_in6 *)out) ==
          0) {
    return OA_OK;
  }
  return oa_error_set(error, OA_ERR_CONFIG,
                      "%s is not an IP address; use one such as 127.0.0.1, "
                      "0.0.0.0 or ::",
                      where->address);
}

static socklen_t length_of(const struct sockaddr_storage *address) {
  return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                        : sizeof(struct sockaddr_in);
}

static uint16_t port_of(const struct sockaddr_storage *address) {
  const void *any = address;
  return address->ss_family == AF_INET6
             ? ntohs(((const struct sockaddr_in6 *)any)->sin6_port)
             : ntohs(((const struct sockaddr_in *)any)->sin_port);
}

static int set_flag(int fd, int option) {
  const int on = 1;
  return setsockopt(fd, SOL_SOCKET, option, &on, sizeof on);
}

static int new_socket(int family) {
  const int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0) {
    return -1;
  }
  /* Old connections in TIME_WAIT must not keep a restarted service away. */
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || set_flag(fd, SO_REUSEADDR) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* A socket that listens on ADDRESS, or -1 with errno.  The FIRST one tolerates
 * no other, and becomes tolerant only when it listens. */
static int listen_on(const struct sockaddr_storage *address, bool first,
                     bool alone) {
  const void *any = address;
  const int fd = new_socket(address->ss_family);
  if (fd < 0) {
    return -1;
  }
  if ((!first && set_flag(fd, SO_REUSEPORT) != 0) ||
      bind(fd, any, length_of(address)) != 0 || listen(fd, BACKLOG) != 0 ||
      (first && !alone && set_flag(fd, SO_REUSEPORT) != 0)) {
    const int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  return fd;
}

/* Has ADDRESS carry the port that FD was given. */
static int resolve(int fd, struct sockaddr_storage *address) {
  socklen_t len = sizeof *address;
  void *any = address;
  return getsockname(fd, any, &len);
}

static oa_status bind_error(oa_error *error, const oa_listen *where) {
  const char *advice = "";
  const char *key = "";
  if (errno == EADDRINUSE) {
    advice = "; stop the other program, or choose another ";
    key = where->key == NULL ? "port" : where->key;
  } else if (errno == EACCES) {
    advice = "; ports below 1024 need a privilege";
  } else if (errno == EADDRNOTAVAIL) {
    advice = "; no interface of this machine has it";
  }
  const bool v6 = strchr(where->address, ':') != NULL;
  return oa_error_set(error, OA_ERR_IO, "cannot listen on %s%s%s:%u: %s%s%s",
                      v6 ? "[" : "", where->address, v6 ? "]" : "",
                      (unsigned)where->port, uv_strerror(-errno), advice, key);
}

oa_status oa_listener_bind(int *fds, unsigned count, const oa_listen *where,
                           uint16_t *port, oa_error *error) {
  struct sockaddr_storage address;
  for (unsigned i = 0; i < count; i++) {
    fds[i] = -1;
  }
  if (where->fd != 0) {
    return oa_socket_adopt(fds, count, where->fd, port, error);
  }
  OA_TRY(parse(where, &address, error));
  for (unsigned i = 0; i < count; i++) {
    fds[i] = listen_on(&address, i == 0, count == 1);
    if (fds[i] < 0 || (i == 0 && resolve(fds[i], &address) != 0)) {
      goto fail;
    }
  }
  *port = port_of(&address);
  return OA_OK;

fail:
  bind_error(error, where);
  for (unsigned i = 0; i < count; i++) {
    if (fds[i] >= 0) {
      close(fds[i]);
      fds[i] = -1;
    }
  }
  return OA_ERR_IO;
}

/* True for what ails one connection attempt and not the listener. */
static bool passing(int code) {
  return code == EINTR || code == ECONNABORTED || code == EPROTO ||
         code == EPERM || code == ENETDOWN || code == EHOSTUNREACH;
}

/* Has the least loaded thread serve FD. */
static void assign(oa_thread *thread, int fd) {
  oa_thread *chosen = oa_server_choose(thread->server, thread);
  if (chosen != thread) {
    if (oa_thread_offer(chosen, fd)) {
      return;
    }
    atomic_fetch_sub(&chosen->load, 1);
    atomic_fetch_add(&thread->load, 1);
  }
  oa_connection_accept(thread, fd);
}

/* Takes FD, as part of what comes and goes. */
static void take(oa_thread *thread, int fd) {
  const uint64_t began = oa_crowd_begin(thread, OA_CROWD_ACCEPT);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  assign(thread, fd);
  oa_crowd_end(thread, OA_CROWD_ACCEPT, began);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  oa_listener *listener = poll->data;
  oa_thread *thread = listener->thread;
  (void)status;
  (void)events;
  /* One at least, however many come and go. */
  for (int i = 0;
       i < ACCEPTS_AT_ONCE && (i == 0 || oa_crowd_may(thread, OA_CROWD_ACCEPT));
       i++) {
    const int fd = accept(listener->fd, NULL, NULL);
    if (fd >= 0) {
      take(thread, fd);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    }
    if (!passing(errno)) {
      /* The socket stays readable, so watching it on would spin.  Clients
       * wait in the backlog until some descriptor is free again. */
      const int code = errno;
      if (oa_thread_may_tell(thread, &thread->accept_told_at)) {
        oa_log_line(thread->options->log, OA_LOG_WARN,
                    "cannot accept connections: %s; trying again until it "
                    "works",
                    uv_strerror(-code));
      }
      oa_thread_count(&thread->accept_pauses, 1);
      listener->resting = true;
      uv_poll_stop(poll);
      return;
    }
  }
}

oa_status oa_listener_open(oa_listener *listener, oa_thread *thread) {
  listener->thread = thread;
  if (uv_poll_init(&thread->loop, &listener->poll, listener->fd) != 0) {
    return OA_ERR_IO;
  }
  listener->opened = true;
  listener->poll.data = listener;
  return uv_poll_start(&listener->poll, UV_READABLE, on_readable) == 0
             ? OA_OK
             : OA_ERR_IO;
}

void oa_listener_resume(oa_listener *listener) {
  if (listener->resting) {
    listener->resting = false;
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
  }
}

void oa_listener_close(oa_listener *listener) {
  if (listener->opened) {
    listener->opened = false;
    listener->resting = false;
    uv_close((uv_handle_t *)&listener->poll, NULL);
  }
  if (listener->fd >= 0) {
    close(listener->fd);
    listener->fd = -1;
  }
}
