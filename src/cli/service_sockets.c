/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service_sockets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3, PORTS = 3, SHOWN = 40 };

static const char *const port_names[PORTS] = {
    [OA_LISTENER_PROTOBUF] = "protobuf",
    [OA_LISTENER_ARROW_FLIGHT] = "arrow-flight",
    [OA_LISTENER_DASHBOARD] = "dashboard",
};

typedef struct span {
  const char *at;
  size_t len;
} span;

/* Takes the next of NAMES, which may be fewer than the sockets. */
static span next_name(const char **names) {
  const char *at = *names;
  if (at == NULL) {
    return (span){"", 0};
  }
  const size_t len = strcspn(at, ":");
  *names = at[len] == ':' ? at + len + 1 : NULL;
  return (span){at, len};
}

/* The port called NAME, or -1. */
static int port_of(span name) {
  for (int i = 0; i < PORTS; i++) {
    if (strlen(port_names[i]) == name.len &&
        memcmp(port_names[i], name.at, name.len) == 0) {
      return i;
    }
  }
  return -1;
}

static bool give(oa_config *config, int port, int fd, char *why, size_t size) {
  oa_error error;
  if (oa_config_set_socket(config, (oa_listener)port, fd, &error) == OA_OK) {
    return true;
  }
  snprintf(why, size, "LISTEN_FDS: %s: %.200s", port_names[port], error.text);
  return false;
}

static bool give_all(oa_config *config, int count, const char *names, char *why,
                     size_t size) {
  int fd_of[PORTS] = {0};
  bool named[PORTS] = {false};
  const char *at = names;
  for (int i = 0; i < count; i++) {
    const span name = next_name(&at);
    const int port = port_of(name);
    if (port < 0) {
      continue;
    }
    if (fd_of[port] != 0) {
      snprintf(why, size, "LISTEN_FDNAMES: two sockets are called \"%s\"",
               port_names[port]);
      return false;
    }
    fd_of[port] = FIRST + i;
    named[i] = true;
  }
  int port = 0;
  for (int i = 0; i < count; i++) {
    if (named[i]) {
      continue;
    }
    while (fd_of[port] != 0) {
      port++; /* there are as many ports as sockets at least */
    }
    fd_of[port] = FIRST + i;
  }
  for (port = 0; port < PORTS; port++) {
    if (fd_of[port] != 0 && !give(config, port, fd_of[port], why, size)) {
      return false;
    }
  }
  return true;
}

bool oa_sockets_take(oa_config *config, const oa_sockets_environment *from,
                     char *why, size_t size) {
  char *end = NULL;
  if (from->pid == NULL || from->count == NULL ||
      strtol(from->pid, &end, 10) != (long)getpid() || *end != '\0') {
    return true; /* meant for another process, from which we inherited it */
  }
  const long count = strtol(from->count, &end, 10);
  if (end == from->count || *end != '\0' || count < 0 || count > PORTS) {
    snprintf(why, size,
             "LISTEN_FDS: \"%.*s\": pass 1 to %d sockets, for protobuf, "
             "arrow-flight and dashboard",
             SHOWN, from->count, PORTS);
    return false;
  }
  for (int fd = FIRST; fd < FIRST + (int)count; fd++) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      snprintf(why, size, "LISTEN_FDS: descriptor %d is not open", fd);
      return false;
    }
  }
  return give_all(config, (int)count, from->names, why, size);
}
