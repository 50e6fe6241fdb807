/* SPDX-License-Identifier: Apache-2.0 */
#include "net/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static int get_option(int fd, int option) {
  int value = 0;
  socklen_t len = sizeof value;
  return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static oa_status refuse(oa_error *error, int fd, const char *what) {
  return oa_error_set(error, OA_ERR_CONFIG,
                      "descriptor %d %s; pass a TCP socket that listens "
                      "(ListenStream= with a port)",
                      fd, what);
}

oa_status oa_socket_inspect(int fd, char address[OA_ADDRESS_SIZE],
                            uint16_t *port, oa_error *error) {
  struct sockaddr_storage found;
  void *any = &found;
  socklen_t len = sizeof found;
  memset(&found, 0, sizeof found);
  if (getsockname(fd, any, &len) != 0) {
    return refuse(error, fd,
                  errno == ENOTSOCK ? "is not a socket" : "is not open");
  }
  if (get_option(fd, SO_TYPE) != SOCK_STREAM ||
      (found.ss_family != AF_INET && found.ss_family != AF_INET6)) {
    return refuse(error, fd, "is a socket of another kind");
  }
  if (get_option(fd, SO_ACCEPTCONN) != 1) {
    return refuse(error, fd, "is a socket that does not listen");
  }
  const struct sockaddr_in *four = any;
  const struct sockaddr_in6 *six = any;
  const bool is_six = found.ss_family == AF_INET6;
  if (is_six) {
    uv_ip6_name(six, address, OA_ADDRESS_SIZE);
  } else {
    uv_ip4_name(four, address, OA_ADDRESS_SIZE);
  }
  *port = ntohs(is_six ? six->sin6_port : four->sin_port);
  return OA_OK;
}

oa_status oa_socket_adopt(int *fds, unsigned count, int fd, uint16_t *port,
                          oa_error *error) {
  char address[OA_ADDRESS_SIZE];
  /* Descriptors below are the standard streams, which a program may have
   * closed. */
  enum { LOWEST = 3 };
  for (unsigned i = 0; i < count; i++) {
    fds[i] = -1;
  }
  OA_TRY(oa_socket_inspect(fd, address, port, error));
  for (unsigned i = 0; i < count; i++) {
    fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST);
    /* All copies share this flag, and one is enough for each thread: who
     * comes late to a connection finds none, and goes on. */
    if (fds[i] < 0 || fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0) {
      oa_error_set(error, OA_ERR_IO, "cannot copy descriptor %d: %s", fd,
                   uv_strerror(-errno));
      for (unsigned n = 0; n <= i; n++) {
        if (fds[n] >= 0) {
          close(fds[n]);
        }
        fds[n] = -1;
      }
      return OA_ERR_IO;
    }
  }
  return OA_OK;
}
