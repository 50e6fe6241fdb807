/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service_run.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli/service_notify.h"
#include "cli/service_sockets.h"

enum {
  NS_PER_US = 1000,
  US_PER_S = 1000000,
  TEXT_SIZE = OA_ERROR_TEXT_SIZE + 64,
  /* Threads look up once a second at least; a watchdog that is quicker than
   * this would bite a healthy service. */
  MIN_SILENCE_MS = 5000,
};

int oa_service_fail(int code, const char *text) {
  fprintf(stderr, "otlp-arrow-service: %s\n", text);
  return code;
}

/* --- signals --- */

/* A second signal means that nobody wants to wait for the rest. */
static void end_at_once(int number) {
  static const char text[] = "otlp-arrow-service: stopped at once\n";
  (void)number;
  const ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
  (void)ignored;
  _exit(OA_EXIT_RUNTIME);
}

static void watched_signals(sigset_t *out) {
  sigemptyset(out);
  sigaddset(out, SIGTERM);
  sigaddset(out, SIGINT);
  sigaddset(out, SIGHUP);
}

/* Blocks them in this thread and in all that are started later. */
static bool hold_signals(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigset_t watched;
  watched_signals(&watched);
  sigemptyset(&ignore.sa_mask);
  /* A peer that is gone, or a file at its size limit, is a failed write. */
  return sigaction(SIGPIPE, &ignore, NULL) == 0 &&
         sigaction(SIGXFSZ, &ignore, NULL) == 0 &&
         sigprocmask(SIG_BLOCK, &watched, NULL) == 0;
}

static void let_signals_kill(void) {
  struct sigaction kill = {.sa_handler = end_at_once};
  sigset_t deadly;
  sigemptyset(&kill.sa_mask);
  sigaction(SIGTERM, &kill, NULL);
  sigaction(SIGINT, &kill, NULL);
  sigemptyset(&deadly);
  sigaddset(&deadly, SIGTERM);
  sigaddset(&deadly, SIGINT);
  sigprocmask(SIG_UNBLOCK, &deadly, NULL);
}

/* --- serving --- */

typedef struct house {
  oa_service *service;
  oa_notify notify;
  oa_read_again again;
  void *context;
  bool stuck; /* and that has been told */
} house;

static void say_ready(const house *h) {
  char lines[160];
  snprintf(lines, sizeof lines,
           "READY=1\nSTATUS=receiving on ports %u and %u, health and metrics "
           "on port %u\n",
           (unsigned)oa_service_port(h->service, OA_LISTENER_PROTOBUF),
           (unsigned)oa_service_port(h->service, OA_LISTENER_ARROW_FLIGHT),
           (unsigned)oa_service_port(h->service, OA_LISTENER_DASHBOARD));
  if (!oa_notify_send(&h->notify, lines)) {
    oa_service_fail(0, "cannot tell the service manager: check NOTIFY_SOCKET");
  }
}

static void reload(house *h) {
  oa_notify_reloading(&h->notify);
  oa_config *config = h->again(h->context);
  if (config != NULL) {
    oa_service_reload(h->service, config, NULL); /* logs what came of it */
    oa_config_free(config);
  }
  say_ready(h);
}

/* A service that stands still is not pronounced alive, so the manager ends
 * it. */
static void feed_watchdog(house *h) {
  oa_error error;
  uint64_t silence_ms = h->notify.watchdog_us / 1000;
  if (silence_ms < MIN_SILENCE_MS) {
    silence_ms = MIN_SILENCE_MS;
  }
  if (silence_ms > UINT32_MAX) {
    silence_ms = UINT32_MAX;
  }
  const bool alive =
      oa_service_check(h->service, (uint32_t)silence_ms, &error) == OA_OK;
  if (alive) {
    oa_notify_send(&h->notify, "WATCHDOG=1\n");
  } else if (!h->stuck) {
    char text[TEXT_SIZE];
    snprintf(text, sizeof text, "%s; the watchdog is not fed", error.text);
    oa_service_fail(0, text);
  }
  h->stuck = !alive;
}

/* The next signal, or 0 when it is time for the watchdog. */
static int await(const house *h) {
  const uint64_t half = h->notify.watchdog_us / 2;
  const struct timespec wait = {
      .tv_sec = (time_t)(half / US_PER_S),
      .tv_nsec = (long)(half % US_PER_S) * NS_PER_US,
  };
  sigset_t watched;
  siginfo_t info;
  watched_signals(&watched);
  for (;;) {
    const int number = half == 0 ? sigwaitinfo(&watched, &info)
                                 : sigtimedwait(&watched, &info, &wait);
    if (number > 0) {
      return number;
    }
    if (half > 0 && errno == EAGAIN) {
      return 0;
    }
  }
}

static void serve(house *h) {
  say_ready(h);
  for (;;) {
    if (h->notify.watchdog_us > 0) {
      feed_watchdog(h);
    }
    switch (await(h)) {
      case 0:
        break;
      case SIGHUP:
        reload(h);
        break;
      default:
        return;
    }
  }
}

/* --- from start to end --- */

/* glibc raises these bounds by itself when big blocks are freed, and then
 * keeps such blocks for ever; fixed, memory goes back after a peak. */
static void tune_memory(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

/* The soft limit of descriptors is often 1024, for the sake of programs that
 * use select(); this one does not. */
static void take_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
      limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* else it stays as it is */
  }
}

static void open_notify(house *h) {
  char why[TEXT_SIZE];
  const oa_notify_environment from = {
      .socket = getenv("NOTIFY_SOCKET"),
      .watchdog_us = getenv("WATCHDOG_USEC"),
      .watchdog_pid = getenv("WATCHDOG_PID"),
  };
  if (!oa_notify_open(&h->notify, &from, why, sizeof why)) {
    oa_service_fail(0, why);
  }
}

static int run_in(house *h, oa_config *config) {
  oa_error error;
  char why[TEXT_SIZE];
  const oa_sockets_environment from = {
      .pid = getenv("LISTEN_PID"),
      .count = getenv("LISTEN_FDS"),
      .names = getenv("LISTEN_FDNAMES"),
  };
  if (!oa_sockets_take(config, &from, why, sizeof why)) {
    return oa_service_fail(OA_EXIT_RUNTIME, why);
  }
  oa_status status = oa_service_start(&h->service, config, &error);
  if (status != OA_OK) {
    return oa_service_fail(
        status == OA_ERR_CONFIG ? OA_EXIT_CONFIG : OA_EXIT_RUNTIME, error.text);
  }
  serve(h);
  oa_notify_send(&h->notify, "STOPPING=1\nSTATUS=writing what has come in\n");
  let_signals_kill();
  status = oa_service_stop(h->service, &error);
  return status == OA_OK ? EXIT_SUCCESS
                         : oa_service_fail(OA_EXIT_RUNTIME, error.text);
}

int oa_service_run(oa_config *config, oa_read_again again, void *context) {
  house h = {.notify = {.fd = -1}, .again = again, .context = context};
  tune_memory();
  take_descriptors();
  if (!hold_signals()) {
    return oa_service_fail(OA_EXIT_RUNTIME, "cannot set up signals");
  }
  open_notify(&h);
  const int code = run_in(&h, config);
  oa_notify_close(&h.notify);
  return code;
}
