/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Digits alone; 0 when TEXT is no such number. */
static uint64_t number(const char *text) {
  char *end = NULL;
  if (text == NULL || text[0] < '0' || text[0] > '9') {
    return 0;
  }
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  return errno == 0 && *end == '\0' ? value : 0;
}

/* A path, or a name of Linux's own in the abstract space, which is written
 * with "@" for its leading 0. */
static bool parse(const char *text, oa_notify *out) {
  const size_t len = strlen(text);
  if ((text[0] != '/' && text[0] != '@') || len < 2 ||
      len >= sizeof out->to.sun_path) {
    return false;
  }
  out->to.sun_family = AF_UNIX;
  memcpy(out->to.sun_path, text, len);
  if (text[0] == '@') {
    out->to.sun_path[0] = '\0';
  }
  out->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
  return true;
}

bool oa_notify_open(oa_notify *out, const oa_notify_environment *from,
                    char *why, size_t size) {
  /* A manager that does not read must not stop us for ever. */
  const struct timeval patience = {.tv_sec = 2};
  *out = (oa_notify){.fd = -1};
  if (from->socket == NULL || from->socket[0] == '\0') {
    return true;
  }
  if (!parse(from->socket, out)) {
    snprintf(why, size, "NOTIFY_SOCKET is neither a path nor \"@\" and a name");
    return false;
  }
  out->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (out->fd < 0 || fcntl(out->fd, F_SETFD, FD_CLOEXEC) != 0 ||
      setsockopt(out->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
                 sizeof patience) != 0) {
    snprintf(why, size, "cannot make a socket for NOTIFY_SOCKET: %s",
             strerror(errno));
    oa_notify_close(out);
    return false;
  }
  if (from->watchdog_pid == NULL || from->watchdog_pid[0] == '\0' ||
      number(from->watchdog_pid) == (uint64_t)getpid()) {
    out->watchdog_us = number(from->watchdog_us);
  }
  return true;
}

void oa_notify_close(oa_notify *notify) {
  if (notify->fd >= 0) {
    close(notify->fd);
  }
  *notify = (oa_notify){.fd = -1};
}

bool oa_notify_send(const oa_notify *notify, const char *lines) {
  if (notify->fd < 0) {
    return true;
  }
  const void *to = &notify->to;
  const size_t len = strlen(lines);
  return sendto(notify->fd, lines, len, MSG_NOSIGNAL, to, notify->to_len) ==
         (ssize_t)len;
}

bool oa_notify_reloading(const oa_notify *notify) {
  char lines[80];
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  snprintf(
      lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
      (uint64_t)now.tv_sec * UINT64_C(1000000) + (uint64_t)now.tv_nsec / 1000);
  return oa_notify_send(notify, lines);
}
