/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/service_notify.h"

/* The manager's end. */
typedef struct manager {
  int fd;
  char name[100]; /* as NOTIFY_SOCKET has it */
  char heard[256];
} manager;

static manager manager_new(bool abstract) {
  manager m = {.fd = socket(AF_UNIX, SOCK_DGRAM, 0)};
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  assert_true(m.fd >= 0);
  snprintf(m.name, sizeof m.name, "%s/tmp/oa_notify_%ld", abstract ? "@" : "",
           (long)getpid());
  const size_t len = strlen(m.name);
  memcpy(at.sun_path, m.name, len);
  if (abstract) {
    at.sun_path[0] = '\0';
  } else {
    unlink(m.name);
  }
  const void *any = &at;
  assert_int_equal(
      bind(m.fd, any,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
      0);
  return m;
}

static void manager_free(const manager *m) {
  close(m->fd);
  if (m->name[0] == '/') {
    unlink(m->name);
  }
}

static const char *hear(manager *m) {
  const ssize_t len = recv(m->fd, m->heard, sizeof m->heard - 1, MSG_DONTWAIT);
  m->heard[len < 0 ? 0 : len] = '\0';
  return len < 0 ? NULL : m->heard;
}

static oa_notify open_to(const char *socket, const char *us, const char *pid) {
  oa_notify notify;
  char why[160] = "";
  const oa_notify_environment from = {
      .socket = socket, .watchdog_us = us, .watchdog_pid = pid};
  if (!oa_notify_open(&notify, &from, why, sizeof why)) {
    fail_msg("%s", why);
  }
  return notify;
}

static void each_message_is_one_datagram(void **state) {
  (void)state;
  for (int abstract = 0; abstract < 2; abstract++) {
    manager m = manager_new(abstract != 0);
    oa_notify notify = open_to(m.name, NULL, NULL);
    assert_int_equal(notify.watchdog_us, 0);
    assert_true(oa_notify_send(&notify, "READY=1\nSTATUS=here\n"));
    assert_true(oa_notify_send(&notify, "STOPPING=1\n"));
    assert_string_equal(hear(&m), "READY=1\nSTATUS=here\n");
    assert_string_equal(hear(&m), "STOPPING=1\n");
    assert_null(hear(&m));
    oa_notify_close(&notify);
    manager_free(&m);
  }
}

static void a_reload_tells_its_time(void **state) {
  (void)state;
  manager m = manager_new(true);
  oa_notify notify = open_to(m.name, NULL, NULL);
  struct timespec now;
  unsigned long long us = 0;
  assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
  const uint64_t before =
      (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
  assert_true(oa_notify_reloading(&notify));
  const char *heard = hear(&m);
  static const char head[] = "RELOADING=1\nMONOTONIC_USEC=";
  assert_int_equal(strncmp(heard, head, sizeof head - 1), 0);
  char *end;
  us = strtoull(heard + sizeof head - 1, &end, 10);
  assert_string_equal(end, "\n");
  assert_in_range(us, before, before + 60 * UINT64_C(1000000));
  oa_notify_close(&notify);
  manager_free(&m);
}

static void without_a_manager_nothing_is_sent(void **state) {
  (void)state;
  static const char *const none[] = {NULL, ""};
  for (size_t i = 0; i < 2; i++) {
    oa_notify notify = open_to(none[i], "1000000", NULL);
    assert_int_equal(notify.fd, -1);
    assert_int_equal(notify.watchdog_us, 0);
    assert_true(oa_notify_send(&notify, "READY=1\n"));
    assert_true(oa_notify_reloading(&notify));
    oa_notify_close(&notify);
  }
}

static void a_manager_that_is_gone_is_a_failure(void **state) {
  (void)state;
  manager m = manager_new(false);
  oa_notify notify = open_to(m.name, NULL, NULL);
  manager_free(&m);
  assert_false(oa_notify_send(&notify, "READY=1\n"));
  oa_notify_close(&notify);
}

static void odd_sockets_are_refused(void **state) {
  (void)state;
  char longest[200];
  memset(longest, 'x', sizeof longest - 1);
  longest[0] = '/';
  longest[sizeof longest - 1] = '\0';
  const char *const odd[] = {"relative", "/", "@", "vsock:2:1", longest};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    oa_notify notify;
    char why[160] = "";
    const oa_notify_environment from = {.socket = odd[i]};
    assert_false(oa_notify_open(&notify, &from, why, sizeof why));
    assert_non_null(strstr(why, "NOTIFY_SOCKET"));
    assert_int_equal(notify.fd, -1);
  }
}

static void the_watchdog_is_for_whom_it_names(void **state) {
  (void)state;
  char mine[32];
  snprintf(mine, sizeof mine, "%ld", (long)getpid());
  const struct {
    const char *us;
    const char *pid;
    uint64_t want;
  } cases[] = {
      {"3000000", NULL, 3000000},
      {"3000000", "", 3000000},
      {"3000000", mine, 3000000},
      {"3000000", "1", 0},
      {"3000000", "x", 0},
      {NULL, mine, 0},
      {"", mine, 0},
      {"-5", mine, 0},
      {"12x", mine, 0},
      {"99999999999999999999999", mine, 0},
  };
  manager m = manager_new(true);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_notify notify = open_to(m.name, cases[i].us, cases[i].pid);
    assert_int_equal(notify.watchdog_us, cases[i].want);
    oa_notify_close(&notify);
  }
  manager_free(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_message_is_one_datagram),
      cmocka_unit_test(a_reload_tells_its_time),
      cmocka_unit_test(without_a_manager_nothing_is_sent),
      cmocka_unit_test(a_manager_that_is_gone_is_a_failure),
      cmocka_unit_test(odd_sockets_are_refused),
      cmocka_unit_test(the_watchdog_is_for_whom_it_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
