/* SPDX-License-Identifier: Apache-2.0 */
#include "service/admin_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64 };

typedef union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} address;

static bool parse(const char *text, uint16_t port, address *out,
                  socklen_t *len) {
  memset(out, 0, sizeof *out);
  if (inet_pton(AF_INET, text, &out->four.sin_addr) == 1) {
    out->four.sin_family = AF_INET;
    out->four.sin_port = htons(port);
    *len = sizeof out->four;
    return true;
  }
  if (inet_pton(AF_INET6, text, &out->six.sin6_addr) == 1) {
    out->six.sin6_family = AF_INET6;
    out->six.sin6_port = htons(port);
    *len = sizeof out->six;
    return true;
  }
  return false;
}

/* Listens with FD; 0 or an errno. */
static int start(int fd, const address *to, socklen_t len) {
  const int on = 1;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    return errno;
  }
  /* "::" would take the IPv4 port as well, on some systems only. */
  if (to->any.sa_family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return errno;
  }
  return bind(fd, &to->any, len) != 0 || listen(fd, BACKLOG) != 0 ? errno : 0;
}

static oa_status refuse(const char *text, uint16_t port, int number,
                        oa_error *error) {
  char why[80];
  if (strerror_r(number, why, sizeof why) != 0) {
    why[0] = '\0';
  }
  const bool six = strchr(text, ':') != NULL;
  return oa_error_set(
      error, OA_ERR_IO,
      "cannot listen on %s%s%s:%u for health and metrics: "
      "%s%s",
      six ? "[" : "", text, six ? "]" : "", (unsigned)port, why,
      number == EADDRINUSE ? "; set dashboard.port to another one" : "");
}

oa_status oa_admin_listen(int *out, const char *text, uint16_t port,
                          uint16_t *bound, oa_error *error) {
  address to;
  socklen_t len = 0;
  if (!parse(text, port, &to, &len)) {
    return oa_error_set(error, OA_ERR_CONFIG, "%s: is not an IP address", text);
  }
  const int fd = socket(to.any.sa_family, SOCK_STREAM, 0);
  if (fd < 0) {
    return refuse(text, port, errno, error);
  }
  int number = start(fd, &to, len);
  if (number == 0 && getsockname(fd, &to.any, &len) != 0) {
    number = errno;
  }
  if (number != 0) {
    close(fd);
    return refuse(text, port, number, error);
  }
  *bound =
      ntohs(to.any.sa_family == AF_INET ? to.four.sin_port : to.six.sin6_port);
  *out = fd;
  return OA_OK;
}
