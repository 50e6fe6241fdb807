/* SPDX-License-Identifier: Apache-2.0 */
/* A DoPut stream: messages, each behind its length in four bytes.  Whatever is
 * in them, a batch is taken whole or leaves the builder as it was, and what was
 * taken can be encoded as OTLP again.  The first message is also read as what
 * other methods take. */
#include <stdlib.h>

#include "flight/put.h"
#include "receive/flight_ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_MESSAGE = 1 << 20, MAX_MEMORY = 1 << 22 };

typedef struct target {
  oa_flight_put *put;
  _Atomic uint64_t ords;
  oa_otlp_builder *builders[OA_SIGNAL_COUNT];
} target;

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static oa_status drop(void *context, const uint8_t *message, size_t len) {
  size_t *sum = context;
  *sum += len + (len > 0 ? message[len - 1] : 0);
  return OA_OK;
}

static void take(target *t) {
  const oa_signal signal = oa_flight_put_signal(t->put);
  oa_otlp_result result = {0};
  oa_error error = {.text = ""};
  if (t->builders[signal] == NULL) {
    require(oa_otlp_builder_new(&t->builders[signal], signal, &t->ords) ==
            OA_OK);
  }
  const int64_t before = oa_otlp_builder_rows(t->builders[signal]);
  const oa_status status =
      oa_flight_put_decode(t->put, t->builders[signal], &result, &error);
  if (status != OA_OK) {
    require(oa_otlp_builder_rows(t->builders[signal]) == before);
    require(error.text[0] != '\0');
  }
}

static void finish(target *t) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_array *columns;
    size_t sum = 0;
    if (t->builders[i] != NULL) {
      require(oa_otlp_builder_columns(t->builders[i], &columns) == OA_OK);
      require(oa_otlp_encode((oa_signal)i, columns,
                             oa_otlp_builder_rows(t->builders[i]), drop, &sum,
                             NULL) == OA_OK);
      oa_otlp_builder_free(t->builders[i]);
    }
  }
  oa_flight_put_free(t->put);
}

static void read_others(oa_cursor cursor) {
  oa_flight_descriptor descriptor;
  oa_flight_action action;
  oa_flight_filter filter;
  oa_flight_ticket ticket;
  oa_cursor bytes;
  oa_error error;
  (void)oa_flight_read_descriptor(cursor, &descriptor);
  (void)oa_flight_read_action(cursor, &action);
  (void)oa_flight_read_handshake(cursor, &bytes);
  (void)oa_flight_read_opaque(cursor, &bytes);
  (void)oa_flight_filter_read(cursor, &filter, &error);
  if (oa_flight_ticket_read(cursor, "arrow", &ticket, &error) == OA_OK) {
    char text[OA_FLIGHT_TICKET_SIZE];
    oa_flight_ticket_write(&ticket, "arrow", text);
    const oa_cursor again = oa_cursor_over(text, strlen(text));
    require(oa_flight_ticket_read(again, "arrow", &ticket, &error) == OA_OK);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  target t = {.ords = 0};
  oa_error error;
  bool first = true;
  oa_status status = oa_flight_put_new(&t.put, MAX_MESSAGE, MAX_MEMORY) == OA_OK
                         ? OA_OK
                         : OA_END;
  while (status == OA_OK && len >= 4) {
    uint32_t size;
    memcpy(&size, data, sizeof size);
    data += 4;
    len -= 4;
    size = size < len ? size : (uint32_t)len;
    if (first) {
      read_others(size > 0 ? oa_cursor_over(data, size) : (oa_cursor){0});
      first = false;
    }
    status = oa_flight_put_message(t.put, data, size, &error);
    while (status == OA_OK &&
           (status = oa_flight_put_next(t.put, &error)) == OA_OK) {
      take(&t);
    }
    status = status == OA_END ? OA_OK : status;
    data += size;
    len -= size;
  }
  finish(&t);
  return 0;
}
