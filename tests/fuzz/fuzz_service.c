/* SPDX-License-Identifier: Apache-2.0 */
/* Any call of everything that the service serves: OTLP over gRPC and HTTP,
 * health, OTAP, Arrow Flight to write and to read; and of paths that it does
 * not serve.  It answers in the protocol it was asked in, and goes on serving.
 *
 * Of an input the first byte chooses the path, the second one fields of the
 * head; then come messages, each behind two bytes of length.  The bytes FE FF
 * stand for the name of a file that can be read. */
#include "service_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define OTLP "/opentelemetry.proto.collector."
#define ARROW "/opentelemetry.proto.experimental.arrow.v1."
#define FLIGHT "/arrow.flight.protocol.FlightService/"

/* What stands behind a space is the content-type of plain HTTP. */
static const char *const paths[] = {
    OTLP "trace.v1.TraceService/Export",
    OTLP "metrics.v1.MetricsService/Export",
    OTLP "logs.v1.LogsService/Export",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    ARROW "ArrowTracesService/ArrowTraces",
    ARROW "ArrowMetricsService/ArrowMetrics",
    ARROW "ArrowLogsService/ArrowLogs",
    FLIGHT "Handshake",
    FLIGHT "ListFlights",
    FLIGHT "GetFlightInfo",
    FLIGHT "PollFlightInfo",
    FLIGHT "GetSchema",
    FLIGHT "DoGet",
    FLIGHT "DoPut",
    FLIGHT "DoExchange",
    FLIGHT "DoAction",
    FLIGHT "ListActions",
    "/v1/traces application/x-protobuf",
    "/v1/metrics application/x-protobuf",
    "/v1/logs application/x-protobuf",
    "/v1/traces application/json",
    "/v1/metrics application/json",
    "/v1/logs application/json; charset=utf-8",
    "/v1/traces text/plain",
    "/v1/development/profiles application/x-protobuf",
    "/nothing application/json",
};
enum { PATHS = sizeof paths / sizeof paths[0] };

/* What the second byte says. */
enum {
  OVER_HTTP1 = 1, /* for plain HTTP */
  WITH_ACK = 2,
  WITH_TIMEOUT = 4,
  WITH_ORIGIN = 8,
  WITH_GZIP_ANSWER = 16,
  WITH_OTHER_METHOD = 32,
  WITHOUT_END = 64,
  WITH_ENCODING = 128, /* that the body does not have */
};

/* The windows of this client never grow. */
enum { MOST = 16000 };

typedef struct call {
  char path[128];
  const char *type; /* of plain HTTP; NULL = gRPC */
  uint8_t how;
  oa_buf body;
} call;

static void put(oa_buf *out, const void *bytes, size_t len) {
  require(oa_buf_put(out, bytes, len) == OA_OK);
}

static void put_text(oa_buf *out, const char *text) {
  put(out, text, strlen(text));
}

/* BYTES with the name of the file in it. */
static void put_message(call *c, const service_house *h, const uint8_t *bytes,
                        size_t len) {
  oa_buf message = {0};
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] == 0xFE && i + 1 < len && bytes[i + 1] == 0xFF) {
      put_text(&message, h->file);
      i++;
    } else {
      require(oa_buf_put_byte(&message, bytes[i]) == OA_OK);
    }
  }
  const uint32_t size = (uint32_t)message.len;
  if (c->body.len + 5 + size <= MOST) {
    const uint8_t prefix[5] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                               (uint8_t)(size >> 8), (uint8_t)size};
    put(&c->body, prefix, c->type == NULL ? sizeof prefix : 0);
    put(&c->body, message.data, message.len);
  }
  oa_buf_free(&message);
}

/* Name and value of the field that goes with BIT, or false. */
static bool field_of(const call *c, unsigned bit, const char **name,
                     const char **value) {
  static const char *const fields[8][2] = {
      [1] = {"otlp-arrow-ack", "write"},
      [2] = {"grpc-timeout", "20S"},
      [3] = {"origin", "https://a.example"},
      [4] = {"accept-encoding", "gzip;q=0.9, *;q=0"},
  };
  if ((c->how >> bit & 1) == 0) {
    return false;
  }
  *name = fields[bit][0];
  *value = fields[bit][1];
  if ((1 << bit) == WITH_ENCODING) {
    *name = c->type == NULL ? "grpc-encoding" : "content-encoding";
    *value = "zstd";
  }
  return *name != NULL;
}

static const char *method_of(const call *c) {
  return (c->how & WITH_OTHER_METHOD) == 0 ? "POST" : "OPTIONS";
}

static void say_http1(const call *c, oa_buf *out) {
  const char *name;
  const char *value;
  char length[48];
  put_text(out, method_of(c));
  put_text(out, " ");
  put_text(out, c->path);
  put_text(out, " HTTP/1.1\r\nhost: a\r\ncontent-type: ");
  put_text(out, c->type);
  for (unsigned bit = 0; bit < 8; bit++) {
    if (field_of(c, bit, &name, &value)) {
      put_text(out, "\r\n");
      put_text(out, name);
      put_text(out, ": ");
      put_text(out, value);
    }
  }
  snprintf(length, sizeof length, "\r\ncontent-length: %zu\r\n\r\n",
           c->body.len);
  put_text(out, length);
  put(out, c->body.data, c->body.len);
}

static void say_http2(const call *c, oa_buf *out) {
  oa_buf block = {0};
  const char *name;
  const char *value;
  put_text(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  talk_put_frame(out, 4, 0, 0, NULL, 0);
  talk_put_field(&block, ":method", method_of(c));
  talk_put_field(&block, ":scheme", "http");
  talk_put_field(&block, ":path", c->path);
  talk_put_field(&block, ":authority", "a");
  talk_put_field(&block, "te", "trailers");
  talk_put_field(&block, "content-type",
                 c->type == NULL ? "application/grpc" : c->type);
  for (unsigned bit = 0; bit < 8; bit++) {
    if (field_of(c, bit, &name, &value)) {
      talk_put_field(&block, name, value);
    }
  }
  talk_put_frame(out, 1, 4, 1, block.data, block.len);
  talk_put_frame(out, 0, (c->how & WITHOUT_END) != 0 ? 0 : 1, 1, c->body.data,
                 c->body.len);
  oa_buf_free(&block);
}

static void choose_path(call *c, uint8_t number) {
  const char *path = paths[number % PATHS];
  const char *space = strchr(path, ' ');
  const size_t len = space == NULL ? strlen(path) : (size_t)(space - path);
  require(len < sizeof c->path);
  memcpy(c->path, path, len);
  c->path[len] = '\0';
  c->type = space == NULL ? NULL : space + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  service_house *h = service_of_process();
  oa_buf bytes = {0};
  oa_buf answer = {0};
  if (len < 2) {
    return 0;
  }
  call c = {.how = data[1]};
  choose_path(&c, data[0]);
  for (size_t at = 2; at + 2 <= len;) {
    const size_t said = data[at] | (size_t)data[at + 1] << 8;
    at += 2;
    const size_t size = said < len - at ? said : len - at;
    put_message(&c, h, data + at, size);
    at += size;
  }
  if (c.type != NULL && (c.how & OVER_HTTP1) != 0) {
    say_http1(&c, &bytes);
    service_visit(h, OA_LISTENER_PROTOBUF, &bytes, &answer);
    require(answer.len == 0 ||
            (answer.len >= 9 && memcmp(answer.data, "HTTP/1.1 ", 9) == 0));
  } else {
    say_http2(&c, &bytes);
    service_visit(h, OA_LISTENER_ARROW_FLIGHT, &bytes, &answer);
    talk_check_frames(&answer);
  }
  oa_buf_free(&c.body);
  oa_buf_free(&bytes);
  oa_buf_free(&answer);
  return 0;
}
