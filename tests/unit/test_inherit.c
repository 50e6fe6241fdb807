/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/inherit.h"

/* A TCP socket on a free port of the loopback. */
static int listening(int family, bool listens) {
  struct sockaddr_in four = {.sin_family = AF_INET};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                             .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  const void *any = &four;
  socklen_t len = sizeof four;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (family == AF_INET6) {
    any = &six;
    len = sizeof six;
  }
  const int fd = socket(family, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  if (bind(fd, any, len) != 0 || (listens && listen(fd, 8) != 0)) {
    close(fd);
    return -1; /* no IPv6 here */
  }
  return fd;
}

static void a_listening_socket_has_address_and_port(void **state) {
  char address[OA_ADDRESS_SIZE];
  uint16_t port = 0;
  (void)state;
  int fd = listening(AF_INET, true);
  assert_int_equal(oa_socket_inspect(fd, address, &port, NULL), OA_OK);
  assert_string_equal(address, "127.0.0.1");
  assert_int_not_equal(port, 0);
  close(fd);
  fd = listening(AF_INET6, true);
  if (fd >= 0) {
    assert_int_equal(oa_socket_inspect(fd, address, &port, NULL), OA_OK);
    assert_string_equal(address, "::1");
    close(fd);
  }
}

static void other_descriptors_are_refused_with_a_reason(void **state) {
  char address[OA_ADDRESS_SIZE];
  uint16_t port;
  int pair[2];
  (void)state;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const struct {
    int fd;
    const char *what;
  } cases[] = {
      {open("/dev/null", O_RDONLY), "is not a socket"},
      {pair[0], "of another kind"},
      {socket(AF_INET, SOCK_DGRAM, 0), "of another kind"},
      {listening(AF_INET, false), "does not listen"},
      {999, "is not open"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_error error = {0};
    int copies[2];
    assert_int_equal(oa_socket_inspect(cases[i].fd, address, &port, &error),
                     OA_ERR_CONFIG);
    assert_non_null(strstr(error.text, cases[i].what));
    assert_non_null(strstr(error.text, "ListenStream="));
    assert_int_equal(oa_socket_adopt(copies, 2, cases[i].fd, &port, NULL),
                     OA_ERR_CONFIG);
    assert_int_equal(copies[0], -1);
    assert_int_equal(copies[1], -1);
    close(cases[i].fd);
  }
  close(pair[1]);
}

static void copies_share_the_queue_and_do_not_block(void **state) {
  enum { COPIES = 3 };
  int copies[COPIES];
  uint16_t port = 0;
  struct sockaddr_in to = {.sin_family = AF_INET};
  (void)state;
  const int fd = listening(AF_INET, true);
  assert_int_equal(oa_socket_adopt(copies, COPIES, fd, &port, NULL), OA_OK);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  const void *any = &to;
  /* Connected before anybody accepts, and after the first owner has gone. */
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(client, any, sizeof to), 0);
  close(fd);
  for (int i = 0; i < COPIES; i++) {
    assert_true((fcntl(copies[i], F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(copies[i], F_GETFL) & O_NONBLOCK) != 0);
    const int got = accept(copies[i], NULL, NULL);
    assert_int_equal(got >= 0, i == 0);
    if (got >= 0) {
      close(got);
    }
    close(copies[i]);
  }
  close(client);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_listening_socket_has_address_and_port),
      cmocka_unit_test(other_descriptors_are_refused_with_a_reason),
      cmocka_unit_test(copies_share_the_queue_and_do_not_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
