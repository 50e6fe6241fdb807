/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - sends the bodies of a pack file in turn and times the answers.
 *
 * h2load sends one body again and again, and a batch of equal bodies flatters
 * every compressor and dictionary.  This sends each body of a pack in turn
 * (bench/payload.py and bench/stored.py write packs) and otherwise does what
 * h2load does: one thread, C connections, M streams in flight on each.  A
 * request answered UNAVAILABLE is sent again after a short wait, as an exporter
 * would, and counted.  The result is one line of JSON.
 *
 *   load -p PORT -u PATH -f PACK [-P grpc|http1|http2|otap|flight] [-c 1]
 *        [-m 1] [-n 100] [-k 8] [-t CONTENT-TYPE] [-S CIPHERSUITE]
 *        [-r REQUESTS/S] [-w PAUSE_US] [-a]
 *
 * -S: over TLS.  -k: units of a stream (otap, flight) that may be unanswered.
 * -a: any HTTP status will do (the floor).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static const struct {
  const char *name;
  const protocol *protocol;
} kinds[] = {
    [LOAD_GRPC] = {"grpc", &load_http2},
    [LOAD_HTTP1] = {"http1", &load_http1},
    [LOAD_HTTP2] = {"http2", &load_http2},
    [LOAD_OTAP] = {"otap", &load_stream},
    [LOAD_FLIGHT] = {"flight", &load_stream},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static void wait_for_events(load *run, struct pollfd *fds) {
  const int64_t due = next_due(run);
  int64_t wait = 10000000000;
  bool full = true;
  for (unsigned i = 0; i < run->connections; i++) {
    const connection *conn = &run->conns[i];
    const bool unsent = conn->out_sent < conn->out_len;
    fds[i] = (struct pollfd){
        .fd = conn->fd,
        .events = (short)(POLLIN | (unsent ? POLLOUT : 0)),
    };
    full = full && conn->in_flight >= run->streams;
    for (size_t r = 0; r < conn->resting_count; r++) {
      const int64_t left = conn->resting[r] - now_ns();
      wait = left < wait ? left : wait;
    }
  }
  wait = wait > 0 ? wait : 0;
  if (!full && due != INT64_MAX) {
    const int64_t left = due - now_ns() > 0 ? due - now_ns() : 0;
    wait = left < wait ? left : wait;
  }
  const struct timespec limit = {wait / 1000000000, wait % 1000000000};
  const int ready = ppoll(fds, run->connections, &limit, NULL);
  if (ready < 0 && errno != EINTR) {
    die("poll");
  }
  if (ready == 0 && wait == 10000000000) {
    errno = 0;
    die("no answer for 10 seconds");
  }
}

static void run_load(load *run) {
  struct pollfd fds[MAX_CONNECTIONS];
  run->begin = now_ns();
  while (run->ok + run->failed < run->requests) {
    /* With a rate there may be one request for all: each has one in turn. */
    const size_t first = run->next;
    for (unsigned i = 0; i < run->connections; i++) {
      connection *conn = &run->conns[(first + i) % run->connections];
      run->protocol->start(conn);
      flush(conn);
    }
    wait_for_events(run, fds);
    for (unsigned i = 0; i < run->connections; i++) {
      if (fds[i].revents != 0) {
        receive(&run->conns[i]);
      }
    }
  }
}

static int compare(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static double percentile_us(const load *run, double share) {
  if (run->ok == 0) {
    return 0;
  }
  const double at = share * (double)(run->ok - 1);
  return (double)run->latency[(size_t)(at + 0.5)] / 1e3;
}

static void report(load *run) {
  const double seconds = (double)(now_ns() - run->begin) / 1e9;
  qsort(run->latency, run->ok, sizeof *run->latency, compare);
  printf(
      "{\"ok\": %zu, \"failed\": %zu, \"refused\": %zu, "
      "\"last_http\": %d, \"last_grpc\": %d, \"bytes\": %llu, "
      "\"seconds\": %.6f, \"p50_us\": %.1f, \"p90_us\": %.1f, "
      "\"p99_us\": %.1f, \"max_us\": %.1f}\n",
      run->ok, run->failed, run->refused, run->last_http, run->last_grpc,
      (unsigned long long)run->bytes, seconds, percentile_us(run, 0.5),
      percentile_us(run, 0.9), percentile_us(run, 0.99),
      percentile_us(run, 1.0));
}

static bool set_kind(load *run, const char *name) {
  for (int i = 0; i < KIND_COUNT; i++) {
    if (strcmp(kinds[i].name, name) == 0) {
      run->kind = (load_kind)i;
      return true;
    }
  }
  return false;
}

/* Reads one option; false: it is not known. */
static bool set_option(load *run, int option, const char *text) {
  const unsigned long number = text ? strtoul(text, NULL, 10) : 0;
  switch (option) {
    case 'P':
      return set_kind(run, text);
    case 'p':
      run->port = (unsigned)number;
      return true;
    case 'u':
      run->path = text;
      return true;
    case 't':
      run->type = text;
      return true;
    case 'S':
      run->ciphers = text;
      return true;
    case 'c':
      run->connections = (unsigned)number;
      return true;
    case 'm':
      run->streams = (unsigned)number;
      return true;
    case 'n':
      run->requests = number;
      return true;
    case 'k':
      run->window = number;
      return true;
    case 'r':
      run->rate = strtod(text, NULL);
      return true;
    case 'w':
      run->pause_ns = (int64_t)number * 1000;
      return true;
    case 'a':
      run->any_status = true;
      return true;
    default:
      return false;
  }
}

/* Gives the name of the pack. */
static const char *parse(load *run, int argc, char **argv) {
  const char *pack = NULL;
  bool good = true;
  int option;
  while ((option = getopt(argc, argv, "P:p:u:f:t:S:c:m:n:k:r:w:a")) != -1) {
    if (option == 'f') {
      pack = optarg;
    } else {
      good = set_option(run, option, optarg) && good;
    }
  }
  if (!good || pack == NULL || run->path == NULL || run->port == 0 ||
      run->streams == 0 || run->connections == 0 || run->window == 0 ||
      run->connections > MAX_CONNECTIONS) {
    fputs("load: -p PORT -u PATH -f PACK are needed; 1 to 256 connections\n",
          stderr);
    exit(2);
  }
  return pack;
}

int main(int argc, char **argv) {
  static load run = {.connections = 1,
                     .streams = 1,
                     .requests = 100,
                     .window = 8,
                     .type = "application/grpc"};
  const char *pack = parse(&run, argc, argv);
  run.protocol = kinds[run.kind].protocol;
  if (run.kind == LOAD_HTTP1) {
    run.streams = 1;
  }
  open_pack(&run, pack);
  if (run.protocol == &load_stream && run.requests % run.frame_count != 0) {
    errno = 0;
    die("a stream sends its pack as a whole: -n is no multiple of its units");
  }
  run.latency = need(calloc(run.requests + 1, sizeof *run.latency));
  run.again = need(calloc(run.requests + 1, sizeof *run.again));
  snprintf(run.authority, sizeof run.authority, "127.0.0.1:%u", run.port);
  if (run.ciphers != NULL) {
    make_tls(&run);
  }
  for (unsigned i = 0; i < run.connections; i++) {
    connect_to(&run, &run.conns[i]);
    run.protocol->open(&run.conns[i]);
  }
  run_load(&run);
  report(&run);
  return run.failed == 0 ? 0 : 1;
}
