/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "api/builder_impl.h"
#include "base/error.h"
#include "base/mem.h"

enum { ANY_SIGNAL = -1 };

/* What may hold what, and as which field.  Values have no parent here: they go
 * into what is innermost (builder_value.c). */
typedef struct rule {
  const char *name;
  const char *call; /* what opens one */
  int8_t signal;
  uint8_t parent;
  uint8_t field; /* of the parent's message; 0 = it is no message */
  bool is_item;
} rule;

static const rule rules[OA_FRAME_KINDS] = {
    [OA_FRAME_RESOURCE] = {"a resource", "oa_build_resource()", ANY_SIGNAL,
                           OA_FRAME_REQUEST, 1, false},
    [OA_FRAME_SCOPE] = {"a scope", "oa_build_scope()", ANY_SIGNAL,
                        OA_FRAME_RESOURCE, 2, false},
    [OA_FRAME_SPAN] = {"a span", "oa_build_span()", OA_TRACES, OA_FRAME_SCOPE,
                       2, true},
    [OA_FRAME_EVENT] = {"an event", "oa_build_event()", OA_TRACES,
                        OA_FRAME_SPAN, 11, false},
    [OA_FRAME_LINK] = {"a link", "oa_build_link()", OA_TRACES, OA_FRAME_SPAN,
                       13, false},
    [OA_FRAME_METRIC] = {"a metric", "oa_build_metric()", OA_METRICS,
                         OA_FRAME_SCOPE, 2, false},
    [OA_FRAME_NUMBER_POINT] = {"a point", "oa_build_number_point()", OA_METRICS,
                               OA_FRAME_METRIC, 1, true},
    [OA_FRAME_HISTOGRAM_POINT] = {"a point", "oa_build_histogram_point()",
                                  OA_METRICS, OA_FRAME_METRIC, 1, true},
    [OA_FRAME_EXPONENTIAL_POINT] = {"a point",
                                    "oa_build_exponential_histogram_point()",
                                    OA_METRICS, OA_FRAME_METRIC, 1, true},
    [OA_FRAME_SUMMARY_POINT] = {"a point", "oa_build_summary_point()",
                                OA_METRICS, OA_FRAME_METRIC, 1, true},
    /* Of any point that can have some: see exemplar_field(). */
    [OA_FRAME_EXEMPLAR] = {"an exemplar", "oa_build_exemplar()", OA_METRICS,
                           OA_FRAME_NUMBER_POINT, 5, false},
    [OA_FRAME_LOG_RECORD] = {"a log record", "oa_build_log_record()", OA_LOGS,
                             OA_FRAME_SCOPE, 2, true},
    [OA_FRAME_BODY] = {"a body", "oa_build_body()", OA_LOGS,
                       OA_FRAME_LOG_RECORD, 0, false},
};

static const char *const signal_names[OA_SIGNAL_COUNT] = {"traces", "metrics",
                                                          "logs"};

/* --- failures --- */

void oa_builder_refuse(oa_builder *b, oa_status code, const char *format, ...) {
  va_list args;
  if (b->error.code != OA_OK) {
    return;
  }
  va_start(args, format);
  vsnprintf(b->error.text, sizeof b->error.text, format, args);
  va_end(args);
  b->error.code = code;
}

void oa_builder_no_room(oa_builder *b, size_t need) {
  const size_t len = b->emit.out.len;
  if (len > b->limit || need > b->limit - len) {
    oa_builder_refuse(b, OA_ERR_LIMIT, "the request is larger than %zu bytes",
                      b->limit);
  } else {
    oa_builder_refuse(b, OA_ERR_NOMEM,
                      "no memory for a request of more than %zu bytes", len);
  }
}

bool oa_builder_given(oa_builder *b, const char *name, const void *structure,
                      size_t least) {
  if (!oa_builder_ready(b)) {
    return false;
  }
  if (structure == NULL) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "the %s is NULL", name);
    return false;
  }
  const size_t size = *(const size_t *)structure; /* the first field of all */
  if (size < least) {
    oa_builder_refuse(b, OA_ERR_CONFIG,
                      "%s.size is %zu, less than the %zu bytes of its fields: "
                      "set it to sizeof(%s)",
                      name, size, least, name);
  }
  return size >= least;
}

bool oa_builder_counted(oa_builder *b, const char *name, const void *data,
                        size_t count, size_t width, size_t *need) {
  if (count > 0 && data == NULL) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "%s has a length of %zu and no data",
                      name, count);
    return false;
  }
  if (*need > b->limit || count > (b->limit - *need) / width) {
    oa_builder_refuse(b, OA_ERR_LIMIT,
                      "%s with a length of %zu does not fit into a request, "
                      "which has at most %zu bytes",
                      name, count, b->limit);
    return false;
  }
  *need += count * width;
  return true;
}

bool oa_builder_within(oa_builder *b, const char *name, int64_t value,
                       int64_t first, int64_t last) {
  if (value < first || value > last) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "%s is %lld, not one of %lld to %lld",
                      name, (long long)value, (long long)first,
                      (long long)last);
    return false;
  }
  return true;
}

/* --- the stack --- */

oa_frame *oa_builder_push(oa_builder *b, oa_frame_kind kind) {
  assert(b->frames < OA_BUILD_MAX_FRAMES);
  oa_frame *frame = &b->frame[b->frames++];
  *frame = (oa_frame){.kind = (uint8_t)kind};
  return frame;
}

void oa_builder_nest(oa_builder *b, oa_frame *frame, uint32_t field) {
  const size_t i = frame->nests;
  assert(i < OA_FRAME_NESTS);
  const size_t width = b->width[frame->kind][i];
  if (oa_builder_room(b, OA_EMIT_TAG_MAX + width) != NULL) {
    frame->nest[i] = oa_emit_open(&b->emit, field, width);
    frame->nests++;
  }
}

static void close_nest(oa_builder *b, oa_frame *frame) {
  const size_t i = --frame->nests;
  const oa_emit_nest nest = frame->nest[i];
  b->width[frame->kind][i] =
      (uint8_t)oa_varint_size(b->emit.out.len - nest.body);
  oa_emit_close(&b->emit, nest);
  if (b->emit.status != OA_OK) {
    oa_builder_no_room(b, b->emit.status == OA_ERR_LIMIT ? SIZE_MAX : 0);
  }
}

/* The message in a metric that has its points. */
static void open_data(oa_builder *b, oa_frame *metric) {
  enum { TEMPORALITY = 2, IS_MONOTONIC = 3 };
  static const uint8_t fields[] = {
      [OA_GAUGE] = 5,     [OA_SUM] = 7,
      [OA_HISTOGRAM] = 9, [OA_EXPONENTIAL_HISTOGRAM] = 10,
      [OA_SUMMARY] = 11,
  };
  const unsigned type = metric->metric_type;

  oa_builder_nest(b, metric, fields[type]);
  uint8_t *at = oa_builder_room(b, (size_t)2 * OA_FIELD_VARINT);
  if (at == NULL) {
    return;
  }
  if (type == OA_SUM || type == OA_HISTOGRAM ||
      type == OA_EXPONENTIAL_HISTOGRAM) {
    at = oa_field_varint(at, TEMPORALITY, metric->temporality);
  }
  if (type == OA_SUM) {
    at = oa_field_varint(at, IS_MONOTONIC, metric->is_monotonic);
  }
  oa_emit_wrote(&b->emit, at);
}

/* FRAME gets its first child: what is written only before the children ends,
 * and what has them begins. */
static void fill(oa_builder *b, oa_frame *frame) {
  if (frame->filled) {
    return;
  }
  frame->filled = true;
  if (frame->kind == OA_FRAME_METRIC) {
    open_data(b, frame);
  } else if (frame->kind == OA_FRAME_RESOURCE ||
             frame->kind == OA_FRAME_SCOPE) {
    /* The Resource or InstrumentationScope, when there is one. */
    while (frame->nests > 1) {
      close_nest(b, frame);
    }
  }
}

void oa_builder_close(oa_builder *b) {
  oa_frame *frame = oa_builder_top(b);
  assert(frame->kind != OA_FRAME_REQUEST);
  if (frame->kind == OA_FRAME_BODY) {
    oa_builder_refuse(b, OA_ERR_CONFIG,
                      "the log record's body has no value: call "
                      "oa_build_string() or another with an empty key");
  } else if (frame->kind == OA_FRAME_METRIC) {
    fill(b, frame);
  }
  while (frame->nests > 0 && oa_builder_ready(b)) {
    close_nest(b, frame);
  }
  b->frames--;
  if (frame->kind == OA_FRAME_ARRAY || frame->kind == OA_FRAME_MAP) {
    b->depth--;
    if (oa_builder_top(b)->kind == OA_FRAME_BODY) {
      b->frames--; /* that was its one value */
    }
  }
}

/* The field of a point's exemplars; 0 = it cannot have any. */
static uint8_t exemplar_field(unsigned kind) {
  static const uint8_t fields[OA_FRAME_KINDS] = {
      [OA_FRAME_NUMBER_POINT] = 5,
      [OA_FRAME_HISTOGRAM_POINT] = 8,
      [OA_FRAME_EXPONENTIAL_POINT] = 11,
  };
  return fields[kind];
}

static bool can_hold(unsigned parent, oa_frame_kind kind) {
  return kind == OA_FRAME_EXEMPLAR ? exemplar_field(parent) != 0
                                   : parent == rules[kind].parent;
}

/* How many frames are left when the innermost that can hold KIND is the last;
 * 0 = none can. */
static size_t find_parent(const oa_builder *b, oa_frame_kind kind) {
  size_t frames = b->frames;
  while (frames > 0 && !can_hold(b->frame[frames - 1].kind, kind)) {
    frames--;
  }
  return frames;
}

static void refuse_order(oa_builder *b, oa_frame_kind kind) {
  const rule *this = &rules[kind];
  const rule *parent = &rules[this->parent];

  if (kind == OA_FRAME_EXEMPLAR) {
    oa_builder_refuse(b, OA_ERR_CONFIG,
                      "an exemplar needs a point of a gauge, sum or histogram: "
                      "call oa_build_number_point() or the like first");
  } else {
    oa_builder_refuse(b, OA_ERR_CONFIG, "%s needs %s: call %s first",
                      this->name, parent->name, parent->call);
  }
}

oa_frame *oa_builder_open(oa_builder *b, oa_frame_kind kind) {
  const rule *this = &rules[kind];

  if (this->signal != ANY_SIGNAL && this->signal != (int)b->signal) {
    oa_builder_refuse(
        b, OA_ERR_CONFIG, "%s does not belong to %s: %s is for %s", this->name,
        signal_names[b->signal], this->call, signal_names[this->signal]);
    return NULL;
  }
  const size_t left = find_parent(b, kind);
  if (left == 0) {
    refuse_order(b, kind);
    return NULL;
  }
  while (b->frames > left && oa_builder_ready(b)) {
    oa_builder_close(b);
  }
  if (!oa_builder_ready(b)) {
    return NULL;
  }
  oa_frame *parent = oa_builder_top(b);
  fill(b, parent);
  oa_frame *frame = oa_builder_push(b, kind);
  if (this->field != 0) {
    oa_builder_nest(
        b, frame,
        kind == OA_FRAME_EXEMPLAR ? exemplar_field(parent->kind) : this->field);
  }
  b->items += this->is_item;
  return oa_builder_ready(b) ? frame : NULL;
}

void oa_build_end(oa_builder *b) {
  if (!oa_builder_ready(b)) {
    return;
  }
  if (b->frames <= 1) {
    oa_builder_refuse(b, OA_ERR_CONFIG,
                      "oa_build_end() has nothing to close: all is closed");
    return;
  }
  oa_builder_close(b);
}

/* --- life --- */

/* How many bytes lengths mostly take, until it is known. */
static void guess_widths(oa_builder *b) {
  static const uint8_t first[OA_FRAME_KINDS] = {
      [OA_FRAME_RESOURCE] = 3,
      [OA_FRAME_SCOPE] = 3,
      [OA_FRAME_SPAN] = 2,
      [OA_FRAME_METRIC] = 2,
      [OA_FRAME_HISTOGRAM_POINT] = 2,
      [OA_FRAME_EXPONENTIAL_POINT] = 2,
      [OA_FRAME_LOG_RECORD] = 2,
  };
  memset(b->width, 1, sizeof b->width);
  for (size_t i = 0; i < OA_FRAME_KINDS; i++) {
    if (first[i] != 0) {
      b->width[i][0] = first[i];
    }
  }
  b->width[OA_FRAME_RESOURCE][1] = 2; /* the Resource itself */
  b->width[OA_FRAME_METRIC][1] = 2;   /* the Gauge, Sum, ... */
}

void oa_builder_init(oa_builder *b, oa_signal signal) {
  memset(b, 0, sizeof *b);
  b->signal = signal;
  b->limit = INT32_MAX; /* protobuf readers refuse more */
  guess_widths(b);
  oa_builder_reset(b);
}

oa_status oa_builder_new(oa_builder **out, oa_signal signal, oa_error *error) {
  if (out == NULL || (unsigned)signal >= OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        out == NULL ? "there is no place for the builder"
                                    : "there is no signal of this number");
  }
  oa_builder *b = oa_malloc(sizeof *b);
  if (b == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a builder");
  }
  oa_builder_init(b, signal);
  *out = b;
  return OA_OK;
}

void oa_builder_free(oa_builder *b) {
  if (b != NULL) {
    oa_buf_free(&b->emit.out);
    oa_free(b);
  }
}

void oa_builder_reset(oa_builder *b) {
  if (b != NULL) {
    oa_emit_reset(&b->emit);
    b->items = 0;
    b->error = (oa_error){0};
    b->frames = 0;
    b->depth = 0;
    (void)oa_builder_push(b, OA_FRAME_REQUEST);
  }
}

size_t oa_builder_items(const oa_builder *b) {
  return b == NULL ? 0 : b->items;
}

size_t oa_builder_size(const oa_builder *b) {
  return b == NULL ? 0 : b->emit.out.len;
}

oa_status oa_builder_finish(oa_builder *b, const void **bytes, size_t *len,
                            oa_error *error) {
  if (b == NULL || bytes == NULL || len == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "oa_builder_finish() needs a builder and places for "
                        "the request and its length");
  }
  while (b->frames > 1 && oa_builder_ready(b)) {
    oa_builder_close(b);
  }
  if (b->emit.out.len > b->limit) {
    oa_builder_no_room(b, 0);
  }
  if (!oa_builder_ready(b)) {
    return oa_error_set(error, b->error.code, "%s", b->error.text);
  }
  *bytes = b->emit.out.len == 0 ? (const uint8_t *)"" : b->emit.out.data;
  *len = b->emit.out.len;
  return OA_OK;
}
