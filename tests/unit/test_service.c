/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"
#include "service_trial.h"

static void a_service_listens_flushes_and_stops(void **state) {
  static char answer[ANSWER_SIZE];
  oa_config *config = listening_config(*state);
  oa_service *service = start(config);
  oa_config_free(config);

  const uint16_t ports[] = {oa_service_port(service, OA_LISTENER_PROTOBUF),
                            oa_service_port(service, OA_LISTENER_ARROW_FLIGHT),
                            oa_service_port(service, OA_LISTENER_DASHBOARD)};
  for (size_t i = 0; i < 3; i++) {
    assert_int_not_equal(ports[i], 0);
    const int fd = dial(ports[i]);
    assert_true(fd >= 0);
    close(fd);
  }
  get(ports[2], "/readyz", answer);
  assert_non_null(strstr(answer, "200 OK"));
  get(ports[2], "/metrics", answer);
  assert_non_null(strstr(answer, "\notlp_arrow_ready 1\n"));
  assert_string_equal(answer + strlen(answer) - 6, "# EOF\n");
  assert_int_equal(oa_service_flush(service, 5000, NULL), OA_OK);
  stop(service);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(dial(ports[i]), -1);
  }
}

static void a_listener_that_is_off_has_no_port(void **state) {
  oa_config *config = listening_config(*state);
  set(config, "protocols.protobuf_enabled", "false");
  oa_service *service = start(config);
  assert_int_equal(oa_service_port(service, OA_LISTENER_PROTOBUF), 0);
  assert_int_not_equal(oa_service_port(service, OA_LISTENER_ARROW_FLIGHT), 0);
  stop(service);
  set(config, "protocols.protobuf_enabled", "true");
  set(config, "protocols.arrow_flight_enabled", "false");
  service = start(config);
  assert_int_not_equal(oa_service_port(service, OA_LISTENER_PROTOBUF), 0);
  assert_int_equal(oa_service_port(service, OA_LISTENER_ARROW_FLIGHT), 0);
  stop(service);
  oa_config_free(config);
}

static void two_services_live_in_one_process(void **state) {
  char second_directory[128];
  snprintf(second_directory, sizeof second_directory, "%s/second",
           (char *)*state);
  oa_config *config = listening_config(*state);
  oa_service *first = start(config);
  set(config, "output_dir", second_directory);
  oa_service *second = start(config);
  assert_int_not_equal(oa_service_port(first, OA_LISTENER_PROTOBUF),
                       oa_service_port(second, OA_LISTENER_PROTOBUF));
  stop(first);
  assert_int_equal(oa_service_flush(second, 5000, NULL), OA_OK);
  stop(second);
  oa_config_free(config);
}

static void a_directory_has_one_owner(void **state) {
  oa_config *config = listening_config(*state);
  oa_service *first = start(config);
  oa_service *second = NULL;
  oa_error error = {0};
  assert_int_equal(oa_service_start(&second, config, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, *state));
  assert_null(second);
  stop(first);
  stop(start(config)); /* and is free again after the stop */
  oa_config_free(config);
}

static void a_taken_port_leaves_nothing_behind(void **state) {
  static const struct {
    const char *key;
    oa_listener listener;
  } listeners[] = {
      {"protocols.protobuf_port", OA_LISTENER_PROTOBUF},
      {"protocols.arrow_flight_port", OA_LISTENER_ARROW_FLIGHT},
      {"dashboard.port", OA_LISTENER_DASHBOARD},
  };
  char other_directory[128];
  oa_config *config = listening_config(*state);
  oa_service *first = start(config);
  snprintf(other_directory, sizeof other_directory, "%s/other", (char *)*state);
  set(config, "output_dir", other_directory);
  for (size_t i = 0; i < 3; i++) {
    char port[8];
    oa_service *second = NULL;
    oa_error error = {0};
    snprintf(port, sizeof port, "%u",
             (unsigned)oa_service_port(first, listeners[i].listener));
    set(config, listeners[i].key, port);
    assert_int_equal(oa_service_start(&second, config, &error), OA_ERR_IO);
    assert_non_null(strstr(error.text, port));
    assert_null(second);
    set(config, listeners[i].key, "0");
    stop(start(config)); /* the directory is not locked by the failure */
  }
  stop(first);
  oa_config_free(config);
}

/* --- is it alive --- */

/* Stands still, as a program's own check may when it asks elsewhere. */
static int dawdle(void *context, const oa_sender *sender, const char **name) {
  atomic_int *held = context;
  (void)sender;
  *name = "anybody";
  while (atomic_load(held) > 0) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  return 1;
}

static void a_thread_that_stands_still_is_named(void **state) {
  atomic_int held = 0;
  const oa_authenticator slow = {.context = &held, .check = dawdle};
  oa_error error = {0};
  oa_config *config = listening_config(*state);
  set(config, "net.io_threads", "1");
  assert_int_equal(oa_config_set_authenticator(config, &slow, NULL), OA_OK);
  oa_service *service = start(config);
  static const char request[] =
      "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
  assert_int_equal(oa_service_check(service, 60000, &error), OA_OK);
  atomic_store(&held, 1);
  const int fd = dial(oa_service_port(service, OA_LISTENER_PROTOBUF));
  assert_true(send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0);
  bool stuck = false;
  for (int i = 0; i < 1000 && !stuck; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    stuck = oa_service_check(service, 3000, &error) != OA_OK;
  }
  assert_true(stuck);
  assert_int_equal(error.code, OA_ERR_BUSY);
  static const char words[] = "I/O thread 0 has stood still for ";
  const char *found = strstr(error.text, words);
  assert_non_null(found);
  assert_true(strtol(found + sizeof words - 1, NULL, 10) >= 3);
  atomic_store(&held, 0);
  bool well = false;
  for (int i = 0; i < 1000 && !well; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    well = oa_service_check(service, 3000, &error) == OA_OK;
  }
  assert_true(well);
  assert_int_equal(oa_service_check(NULL, 1, &error), OA_ERR_CONFIG);
  close(fd);
  stop(service);
  oa_config_free(config);
}

/* --- sockets that somebody else has made --- */

static int listening(uint16_t *port) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t len = sizeof at;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
  assert_int_equal(listen(fd, 8), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
  *port = ntohs(at.sin_port);
  return fd;
}

static void sockets_of_the_program_are_served(void **state) {
  static char answer[ANSWER_SIZE];
  static const oa_listener all[] = {
      OA_LISTENER_PROTOBUF, OA_LISTENER_ARROW_FLIGHT, OA_LISTENER_DASHBOARD};
  uint16_t ports[3];
  int fds[3];
  oa_config *config = listening_config(*state);
  for (size_t i = 0; i < 3; i++) {
    fds[i] = listening(&ports[i]);
    assert_int_equal(oa_config_set_socket(config, all[i], fds[i], NULL), OA_OK);
  }
  for (int round = 0; round < 2; round++) {
    oa_service *service = start(config);
    for (size_t i = 0; i < 3; i++) {
      assert_int_equal(oa_service_port(service, all[i]), ports[i]);
    }
    send_log_record(service);
    assert_int_equal(export_with(ports[1], ""), 200);
    get(ports[2], "/readyz", answer);
    assert_non_null(strstr(answer, "200 OK"));
    stop(service); /* the sockets stay the program's */
  }
  for (size_t i = 0; i < 3; i++) {
    const int fd = dial(ports[i]);
    assert_true(fd >= 0);
    close(fd);
    close(fds[i]);
  }
  oa_config_free(config);
}

static void other_descriptors_are_no_sockets_to_serve(void **state) {
  uint16_t port;
  oa_error error = {0};
  oa_service *service = NULL;
  oa_config *config = listening_config(*state);
  assert_int_equal(
      oa_config_set_socket(config, OA_LISTENER_PROTOBUF, 2, &error),
      OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "descriptor 2"));
  const int fd = listening(&port);
  assert_int_equal(oa_config_set_socket(NULL, OA_LISTENER_PROTOBUF, fd, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_socket(config, (oa_listener)3, fd, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(
      oa_config_set_socket(config, OA_LISTENER_ARROW_FLIGHT, fd, NULL), OA_OK);
  set(config, "protocols.arrow_flight_enabled", "false");
  assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "arrow_flight_enabled"));
  set(config, "protocols.arrow_flight_enabled", "true");
  close(fd); /* too early */
  assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "is not open"));
  oa_config_free(config);
}

/* --- who may send --- */

static int has_pass(void *context, const oa_sender *sender, const char **name) {
  size_t len = 0;
  const char *value = sender->field(sender->request, "x-pass", &len);
  *name = "pass";
  return value != NULL && len == strlen(context) &&
         memcmp(value, context, len) == 0;
}

static void a_program_decides_who_may_send(void **state) {
  static char pass[] = "let me in";
  const oa_authenticator mine = {.context = pass, .check = has_pass};
  const oa_authenticator broken = {.context = pass};
  oa_error error = {0};
  oa_config *config = listening_config(*state);
  assert_int_equal(oa_config_set_authenticator(NULL, &mine, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_authenticator(config, &broken, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_authenticator(config, &mine, NULL), OA_OK);
  oa_service *service = start(config);
  uint16_t port = oa_service_port(service, OA_LISTENER_PROTOBUF);
  assert_int_equal(export_with(port, ""), 401);
  assert_int_equal(export_with(port, "X-Pass: let me\r\n"), 401);
  assert_int_equal(export_with(port, "X-Pass: let me in\r\n"), 200);
  assert_int_equal(oa_service_reload(service, NULL, &error), OA_OK);
  stop(service);
  assert_int_equal(oa_config_set_authenticator(config, NULL, NULL), OA_OK);
  service = start(config);
  port = oa_service_port(service, OA_LISTENER_PROTOBUF);
  assert_int_equal(export_with(port, ""), 200);
  stop(service);
  oa_config_free(config);
}

/* --- what cannot start --- */

static void a_certificate_that_is_none_starts_nothing(void **state) {
  char path[128];
  oa_config *config = listening_config(*state);
  oa_service *service = NULL;
  oa_error error = {0};
  snprintf(path, sizeof path, "%s/none.pem", (char *)*state);
  set(config, "protocols.tls.cert_file", path);
  set(config, "protocols.tls.key_file", path);
  for (int there = 0; there < 2; there++) {
    assert_int_equal(oa_config_check(config, &error), OA_ERR_CONFIG);
    assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_CONFIG);
    assert_non_null(strstr(error.text, path));
    assert_null(service);
    write_file(path, "nothing\n");
  }
  oa_config_free(config);
}

static void a_bad_configuration_starts_nothing(void **state) {
  oa_config *config = listening_config(*state);
  oa_service *service = NULL;
  oa_error error = {0};
  set(config, "protocols.protobuf_port", "4317");
  set(config, "protocols.arrow_flight_port", "4317");
  assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_CONFIG);
  assert_null(service);
  oa_config_free(config);
}

static void any_allocation_may_fail(void **state) {
  oa_config *config = listening_config(*state);
  set(config, "net.io_threads", "1");
  set(config, "protocols.authentication.auth_type", "api_key");
  set(config, "protocols.authentication.credentials.key", "k");
  set(config, "protocols.cors_allowed_origins", "https://a,https://b");
  int64_t n = 0;
  for (;; n++) {
    oa_service *service = NULL;
    oa_mem_fail_after(n);
    const oa_status status = oa_service_start(&service, config, NULL);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      stop(service);
      break;
    }
    assert_null(service);
  }
  assert_true(n > 10);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(a_service_listens_flushes_and_stops),
      IN_DIRECTORY(a_listener_that_is_off_has_no_port),
      IN_DIRECTORY(two_services_live_in_one_process),
      IN_DIRECTORY(a_directory_has_one_owner),
      IN_DIRECTORY(a_taken_port_leaves_nothing_behind),
      IN_DIRECTORY(a_thread_that_stands_still_is_named),
      IN_DIRECTORY(sockets_of_the_program_are_served),
      IN_DIRECTORY(other_descriptors_are_no_sockets_to_serve),
      IN_DIRECTORY(a_program_decides_who_may_send),
      IN_DIRECTORY(a_certificate_that_is_none_starts_nothing),
      IN_DIRECTORY(a_bad_configuration_starts_nothing),
      IN_DIRECTORY(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
