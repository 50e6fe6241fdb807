/* SPDX-License-Identifier: Apache-2.0 */
#include "service/metrics_text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "otlp/schema.h"

#define SECOND UINT64_C(1000000000)

typedef struct family {
  const char *name;
  const char *type;
  const char *unit; /* "" = none; otherwise NAME ends with it */
  const char *help;
} family;

static oa_status open_family(oa_buf *out, const family *f) {
  OA_TRY(oa_buf_printf(out, "# TYPE %s %s\n", f->name, f->type));
  if (f->unit[0] != '\0') {
    OA_TRY(oa_buf_printf(out, "# UNIT %s %s\n", f->name, f->unit));
  }
  return oa_buf_printf(out, "# HELP %s %s\n", f->name, f->help);
}

/* Samples of counters carry the suffix that their family's name lacks. */
static const char *suffix(const family *f) {
  return strcmp(f->type, "counter") == 0 ? "_total" : "";
}

static oa_status put_number(oa_buf *out, const family *f, uint64_t value) {
  OA_TRY(open_family(out, f));
  return oa_buf_printf(out, "%s%s %" PRIu64 "\n", f->name, suffix(f), value);
}

static oa_status put_seconds(oa_buf *out, const family *f, uint64_t ns) {
  OA_TRY(open_family(out, f));
  return oa_buf_printf(out, "%s%s %" PRIu64 ".%09" PRIu64 "\n", f->name,
                       suffix(f), ns / SECOND, ns % SECOND);
}

/* One sample a signal, VALUES in the order of oa_signal. */
static oa_status put_signals(oa_buf *out, const family *f,
                             const uint64_t values[OA_SIGNAL_COUNT]) {
  OA_TRY(open_family(out, f));
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    OA_TRY(oa_buf_printf(out, "%s%s{signal=\"%s\"} %" PRIu64 "\n", f->name,
                         suffix(f), oa_signal_name((oa_signal)i), values[i]));
  }
  return OA_OK;
}

static oa_status put_refusals(oa_buf *out,
                              const oa_metrics_snapshot *snapshot) {
  const family f = {"otlp_arrow_refused_requests", "counter", "",
                    "Requests that were answered with an error."};
  OA_TRY(open_family(out, &f));
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    for (int reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
      OA_TRY(oa_buf_printf(
          out, "%s_total{signal=\"%s\",reason=\"%s\"} %" PRIu64 "\n", f.name,
          oa_signal_name((oa_signal)i), oa_refusal_name((oa_refusal)reason),
          snapshot->signals[i].refused[reason]));
    }
  }
  /* Of a Flight call, say, that was refused before it said what it brings. */
  for (int reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
    OA_TRY(oa_buf_printf(
        out, "%s_total{signal=\"\",reason=\"%s\"} %" PRIu64 "\n", f.name,
        oa_refusal_name((oa_refusal)reason), snapshot->refused[reason]));
  }
  return OA_OK;
}

static oa_status put_traffic(oa_buf *out, const oa_metrics_snapshot *snapshot) {
  enum {
    REQUESTS,
    RECEIVED,
    STORED,
    REJECTED,
    GIVEN_UP,
    BUFFERED,
    ROWS,
    REPAIRED,
    BYTES,
    COUNT
  };
  static const family families[COUNT] = {
      [REQUESTS] = {"otlp_arrow_requests", "counter", "",
                    "Whole requests that came in."},
      [RECEIVED] = {"otlp_arrow_received_items", "counter", "",
                    "Spans, data points and log records that were decoded: "
                    "stored, rejected, given up or buffered."},
      [STORED] = {"otlp_arrow_stored_items", "counter", "",
                  "Items that are in a file."},
      [REJECTED] = {"otlp_arrow_rejected_items", "counter", "",
                    "Items of accepted requests that were left out "
                    "(partial_success)."},
      [GIVEN_UP] = {"otlp_arrow_given_up_items", "counter", "",
                    "Items that could not be written and whose senders were "
                    "told so, or that a stop left unwritten."},
      [BUFFERED] = {"otlp_arrow_buffered_items", "gauge", "",
                    "Items in memory that are not in a file yet."},
      [ROWS] = {"otlp_arrow_buffered_rows", "gauge", "",
                "Rows in memory, counted where they lie."},
      [REPAIRED] = {"otlp_arrow_repaired_strings", "counter", "",
                    "Strings that were not UTF-8 and were stored with "
                    "U+FFFD."},
      [BYTES] = {"otlp_arrow_received_bytes", "counter", "bytes",
                 "Bytes of the requests, decompressed."},
  };
  uint64_t values[COUNT][OA_SIGNAL_COUNT];
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_signal_totals *totals = &snapshot->signals[i];
    values[REQUESTS][i] = totals->requests;
    values[RECEIVED][i] = totals->items_accepted + totals->items_rejected;
    values[STORED][i] = totals->items_stored;
    values[REJECTED][i] = totals->items_rejected;
    values[GIVEN_UP][i] = totals->items_given_up;
    values[BUFFERED][i] = oa_totals_buffered(totals);
    values[ROWS][i] = snapshot->pipeline.rows_buffered[i];
    values[REPAIRED][i] = totals->strings_repaired;
    values[BYTES][i] = totals->bytes;
  }
  for (size_t i = 0; i < COUNT; i++) {
    OA_TRY(put_signals(out, &families[i], values[i]));
  }
  return put_refusals(out, snapshot);
}

typedef struct sample {
  family family;
  uint64_t value; /* nanoseconds when the unit is seconds */
} sample;

static oa_status put_samples(oa_buf *out, const sample *samples, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const sample *s = &samples[i];
    OA_TRY(strcmp(s->family.unit, "seconds") == 0
               ? put_seconds(out, &s->family, s->value)
               : put_number(out, &s->family, s->value));
  }
  return OA_OK;
}

static oa_status put_store(oa_buf *out, const oa_metrics_snapshot *snapshot) {
  const oa_store_stats *store = &snapshot->store;
  const oa_pipeline_stats *pipeline = &snapshot->pipeline;
  const sample samples[] = {
      {{"otlp_arrow_buffered_bytes", "gauge", "bytes",
        "Memory of what is buffered."},
       pipeline->bytes_buffered},
      {{"otlp_arrow_waiting_batches", "gauge", "",
        "Batches that wait for the writer."},
       pipeline->batches_waiting},
      {{"otlp_arrow_batches", "counter", "", "Record batches written."},
       store->batches_written},
      {{"otlp_arrow_written_bytes", "counter", "bytes",
        "Bytes written to files."},
       store->bytes_written},
      {{"otlp_arrow_write_seconds", "counter", "seconds",
        "Time spent in writes."},
       store->write_ns},
      {{"otlp_arrow_fsync_seconds", "counter", "seconds",
        "Time spent in fsync."},
       store->fsync_ns},
      {{"otlp_arrow_fsyncs", "counter", "", "Calls of fsync."}, store->fsyncs},
      {{"otlp_arrow_write_errors", "counter", "", "Writes that failed."},
       store->write_errors},
      {{"otlp_arrow_files", "gauge", "", "Files kept, open ones included."},
       store->files_now},
      {{"otlp_arrow_files_bytes", "gauge", "bytes", "Their size."},
       store->bytes_now},
      {{"otlp_arrow_files_sealed", "counter", "", "Files ended."},
       store->files_sealed},
      {{"otlp_arrow_files_removed", "counter", "",
        "Files removed by retention."},
       store->files_removed},
      {{"otlp_arrow_files_merged", "counter", "",
        "Files written again with larger batches."},
       store->files_merged},
      {{"otlp_arrow_merge_errors", "counter", "",
        "Files that could not be; they stay as they are."},
       store->merge_errors},
      {{"otlp_arrow_files_recovered", "counter", "",
        "Files whose torn end was cut at start-up."},
       store->files_recovered},
      {{"otlp_arrow_files_corrupt", "counter", "",
        "Files set aside because nothing in them could be read."},
       store->files_corrupt},
  };
  return put_samples(out, samples, sizeof samples / sizeof samples[0]);
}

static oa_status put_rest(oa_buf *out, const oa_metrics_snapshot *snapshot) {
  const oa_server_stats *server = &snapshot->server;
  const sample samples[] = {
      {{"otlp_arrow_connections", "gauge", "", "Connections of senders."},
       server->connections_now},
      /* Not "connections_total": OpenMetrics would take that for the family
       * of the gauge above. */
      {{"otlp_arrow_connections_opened", "counter", "",
        "Connections accepted."},
       server->connections_opened},
      {{"otlp_arrow_connections_refused", "counter", "",
        "Connections over the limit."},
       server->connections_refused},
      {{"otlp_arrow_connections_late", "counter", "",
        "Connections that took too long for their greeting or for the head of "
        "a request."},
       server->connections_late},
      {{"otlp_arrow_connections_flooded", "counter", "",
        "Connections ended for canceled requests, PING, SETTINGS and other "
        "frames beyond measure."},
       server->connections_flooded},
      {{"otlp_arrow_bodies_late", "counter", "",
        "Requests whose body came too slowly."},
       server->bodies_late},
      {{"otlp_arrow_accept_pauses", "counter", "",
        "Times that no descriptor was left for a connection."},
       server->accept_pauses},
      {{"otlp_arrow_network_received_bytes", "counter", "bytes",
        "Message bytes as they came, compressed or not."},
       server->bytes_received},
      {{"otlp_arrow_request_body_bytes", "gauge", "bytes",
        "Memory of requests that are coming in."},
       server->body_bytes_now},
      {{"otlp_arrow_ready", "gauge", "", "1 when /readyz says so."},
       snapshot->ready ? 1 : 0},
      {{"otlp_arrow_uptime_seconds", "gauge", "seconds",
        "Time since the start."},
       snapshot->uptime_ns},
      {{"process_cpu_seconds", "counter", "seconds",
        "CPU time of the process, all threads."},
       snapshot->process.cpu_ns},
      {{"process_resident_memory_bytes", "gauge", "bytes",
        "Resident memory of the process."},
       snapshot->process.resident_bytes},
  };
  return put_samples(out, samples, sizeof samples / sizeof samples[0]);
}

/* The rows that no exporter will see, by the reason for that. */
static oa_status put_passed_over(oa_buf *out, const oa_forward_stats *stats) {
  const family f = {"otlp_arrow_forward_passed_over_items", "counter", "",
                    "Stored items that are not sent on."};
  OA_TRY(open_family(out, &f));
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_forward_counts *from = &stats->signals[i];
    const struct {
      const char *name;
      uint64_t value;
    } reasons[] = {{"refused", from->refused},
                   {"expired", from->expired},
                   {"lost", from->lost}};
    for (size_t r = 0; r < sizeof reasons / sizeof reasons[0]; r++) {
      OA_TRY(oa_buf_printf(
          out, "%s_total{signal=\"%s\",reason=\"%s\"} %" PRIu64 "\n", f.name,
          oa_signal_name((oa_signal)i), reasons[r].name, reasons[r].value));
    }
  }
  return OA_OK;
}

static oa_status put_forward(oa_buf *out, const oa_metrics_snapshot *snapshot) {
  static const family delivered = {"otlp_arrow_forwarded_items", "counter", "",
                                   "Stored items that the exporter has "
                                   "delivered."};
  static const family waiting = {"otlp_arrow_forward_waiting_items", "gauge",
                                 "", "Stored items that it has not."};
  const oa_forward_stats *stats = &snapshot->forward;
  const sample samples[] = {
      {{"otlp_arrow_forward_failures", "counter", "",
        "Deliveries that are tried again."},
       stats->failures},
      {{"otlp_arrow_forward_breaker_state", "gauge", "",
        "0 when deliveries are tried, 1 when one may find out whether they "
        "work again, 2 when none is tried."},
       (uint64_t)stats->breaker},
  };
  uint64_t values[2][OA_SIGNAL_COUNT];
  if (!snapshot->forwards) {
    return OA_OK;
  }
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    values[0][i] = stats->signals[i].delivered;
    values[1][i] = stats->signals[i].waiting;
  }
  OA_TRY(put_signals(out, &delivered, values[0]));
  OA_TRY(put_signals(out, &waiting, values[1]));
  OA_TRY(put_passed_over(out, stats));
  return put_samples(out, samples, sizeof samples / sizeof samples[0]);
}

static oa_status put_build(oa_buf *out, const char *version) {
  const family f = {"otlp_arrow_build", "info", "", "What is running."};
  OA_TRY(open_family(out, &f));
  OA_TRY(oa_buf_printf(out, "%s_info{version=\"", f.name));
  for (; *version != '\0'; version++) {
    if (*version == '\n') {
      OA_TRY(oa_buf_put(out, "\\n", 2));
      continue;
    }
    if (*version == '"' || *version == '\\') {
      OA_TRY(oa_buf_put_byte(out, '\\'));
    }
    OA_TRY(oa_buf_put_byte(out, (uint8_t)*version));
  }
  return oa_buf_printf(out, "\"} 1\n");
}

oa_status oa_metrics_write(const oa_metrics_snapshot *snapshot, oa_buf *out) {
  OA_TRY(put_traffic(out, snapshot));
  OA_TRY(put_store(out, snapshot));
  OA_TRY(put_rest(out, snapshot));
  OA_TRY(put_forward(out, snapshot));
  OA_TRY(put_build(out, snapshot->version));
  return oa_buf_printf(out, "# EOF\n");
}

/* The second number of statm is the pages that are resident (proc(5)). */
static uint64_t read_resident(void) {
  char text[128];
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return 0;
  }
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  const long page = sysconf(_SC_PAGESIZE);
  if (n <= 0 || page <= 0) {
    return 0;
  }
  text[n] = '\0';
  const char *second = strchr(text, ' ');
  return second == NULL ? 0 : strtoull(second + 1, NULL, 10) * (uint64_t)page;
}

void oa_process_get_stats(oa_process_stats *out) {
  struct timespec cpu = {0};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  out->cpu_ns = (uint64_t)cpu.tv_sec * SECOND + (uint64_t)cpu.tv_nsec;
  out->resident_bytes = read_resident();
}
