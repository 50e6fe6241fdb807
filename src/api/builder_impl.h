/* SPDX-License-Identifier: Apache-2.0 */
/* builder_impl.h - what the files of the telemetry builder share.
 *
 * The request is written front to back.  What the calls have opened lies on a
 * small stack of frames; each has up to three protobuf messages open, whose
 * lengths are put in when it is closed.  builder.c knows the stack and what may
 * hold what, builder_value.c writes attributes, and builder_items.c,
 * builder_points.c the fields of everything else.
 *
 * The first failure stays in `error` and makes everything that follows do
 * nothing.
 */
#ifndef OA_API_BUILDER_IMPL_H
#define OA_API_BUILDER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_builder.h"
#include "wire/emit.h"

typedef enum oa_frame_kind {
  OA_FRAME_REQUEST,
  OA_FRAME_RESOURCE,
  OA_FRAME_SCOPE,
  OA_FRAME_SPAN,
  OA_FRAME_EVENT,
  OA_FRAME_LINK,
  OA_FRAME_METRIC,
  OA_FRAME_NUMBER_POINT,
  OA_FRAME_HISTOGRAM_POINT,
  OA_FRAME_EXPONENTIAL_POINT,
  OA_FRAME_SUMMARY_POINT,
  OA_FRAME_EXEMPLAR,
  OA_FRAME_LOG_RECORD,
  OA_FRAME_BODY, /* that still has no value */
  OA_FRAME_ARRAY,
  OA_FRAME_MAP,
  OA_FRAME_KINDS
} oa_frame_kind;

enum {
  OA_FRAME_NESTS = 3, /* KeyValue, AnyValue and ArrayValue */
  OA_BUILD_MAX_DEPTH = 64,
  /* Request, resource, scope, metric, point and exemplar, and values. */
  OA_BUILD_MAX_FRAMES = 6 + OA_BUILD_MAX_DEPTH
};

typedef struct oa_frame {
  uint8_t kind;
  uint8_t nests;       /* messages that are open */
  uint8_t metric_type; /* of a metric */
  uint8_t temporality; /* of a metric */
  bool is_monotonic;   /* of a metric */
  bool filled;         /* something was opened in it */
  bool has_body;       /* of a log record */
  oa_emit_nest nest[OA_FRAME_NESTS];
} oa_frame;

struct oa_builder {
  oa_emit emit;
  oa_signal signal;
  size_t limit; /* bytes of the request; other than 2 GiB - 1 in tests alone */
  size_t items;
  oa_error error; /* the first; its code is OA_OK when there is none */
  size_t frames;  /* open ones, with the request */
  unsigned depth; /* arrays and maps among them */
  /* How many bytes a length took the last time is the guess for the next. */
  uint8_t width[OA_FRAME_KINDS][OA_FRAME_NESTS];
  oa_frame frame[OA_BUILD_MAX_FRAMES];
};

/* Makes B, which is uninitialized memory, an empty builder that owns nothing
 * yet; what it takes later is in its `emit.out`. */
void oa_builder_init(oa_builder *b, oa_signal signal);

static inline bool oa_builder_ready(const oa_builder *b) {
  return b != NULL && b->error.code == OA_OK;
}

static inline oa_frame *oa_builder_top(oa_builder *b) {
  return &b->frame[b->frames - 1];
}

/* Notes the failure, unless there was one before. */
void oa_builder_refuse(oa_builder *b, oa_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens a frame of KIND in the innermost one that can hold it, and closes what
 * is open in that.  NULL when there is none, or after a failure. */
oa_frame *oa_builder_open(oa_builder *b, oa_frame_kind kind);

/* Closes the innermost frame, which is not the request. */
void oa_builder_close(oa_builder *b);

/* Puts a frame of KIND on the stack, which has room for it, without a
 * message. */
oa_frame *oa_builder_push(oa_builder *b, oa_frame_kind kind);

/* Opens a message in FRAME, the innermost. */
void oa_builder_nest(oa_builder *b, oa_frame *frame, uint32_t field);

/* Notes that NEED more bytes cannot be written, and why. */
void oa_builder_no_room(oa_builder *b, size_t need);

/* Where the next NEED bytes may be written, or NULL.  The writer hands the end
 * of what it wrote to oa_emit_wrote(). */
static inline uint8_t *oa_builder_room(oa_builder *b, size_t need) {
  oa_buf *out = &b->emit.out;
  if (out->len > b->limit || need > b->limit - out->len ||
      b->emit.status != OA_OK || oa_buf_reserve(out, need) != OA_OK) {
    oa_builder_no_room(b, need);
    return NULL;
  }
  return out->data + out->len;
}

/* Whether STRUCTURE is there and has the fields of the first version, which
 * take LEAST bytes.  NAME is that of its type. */
bool oa_builder_given(oa_builder *b, const char *name, const void *structure,
                      size_t least);

/* The bytes of TYPE up to LAST, the last field of the first version. */
#define OA_FIRST_SIZE(TYPE, LAST) \
  (offsetof(TYPE, LAST) + sizeof(((TYPE *)NULL)->LAST))

/* Whether COUNT values of WIDTH bytes at DATA can be and fit; adds what they
 * take to NEED. */
bool oa_builder_counted(oa_builder *b, const char *name, const void *data,
                        size_t count, size_t width, size_t *need);

static inline bool oa_builder_text_ok(oa_builder *b, const char *name,
                                      oa_str text, size_t *need) {
  return oa_builder_counted(b, name, text.data, text.len, 1, need);
}

/* Whether VALUE is one of an enum that goes from FIRST to LAST. */
bool oa_builder_within(oa_builder *b, const char *name, int64_t value,
                       int64_t first, int64_t last);

static inline bool oa_id_is_zero(const uint8_t *id, size_t len) {
  uint8_t bits = 0;
  for (size_t i = 0; i < len; i++) {
    bits |= id[i];
  }
  return bits == 0;
}

/* --- fields, written at AT; each gives the place after it ---
 *
 * Tags of ours take at most two bytes. */

enum {
  OA_FIELD_VARINT = OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX,
  OA_FIELD_FIXED64 = OA_EMIT_TAG_MAX + 8,
  OA_FIELD_FIXED32 = OA_EMIT_TAG_MAX + 4,
  OA_FIELD_BYTES = OA_EMIT_TAG_MAX + 5, /* and the bytes themselves */
  OA_FIELD_TRACE_ID = OA_FIELD_BYTES + 16,
  OA_FIELD_SPAN_ID = OA_FIELD_BYTES + 8
};

static inline uint8_t *oa_put_raw(uint8_t *at, const void *bytes, size_t len) {
  if (len > 0) {
    memcpy(at, bytes, len);
  }
  return at + len;
}

static inline uint8_t *oa_field_bytes(uint8_t *at, uint32_t field,
                                      const void *bytes, size_t len) {
  at = oa_tag_write(at, field, OA_WIRE_BYTES);
  at = oa_varint_write(at, len);
  return oa_put_raw(at, bytes, len);
}

/* The next four leave out what is the default. */

static inline uint8_t *oa_field_text(uint8_t *at, uint32_t field, oa_str text) {
  return text.len == 0 ? at : oa_field_bytes(at, field, text.data, text.len);
}

static inline uint8_t *oa_field_id(uint8_t *at, uint32_t field,
                                   const uint8_t *id, size_t len) {
  return oa_id_is_zero(id, len) ? at : oa_field_bytes(at, field, id, len);
}

static inline uint8_t *oa_field_varint(uint8_t *at, uint32_t field,
                                       uint64_t value) {
  if (value == 0) {
    return at;
  }
  at = oa_tag_write(at, field, OA_WIRE_VARINT);
  return oa_varint_write(at, value);
}

static inline uint8_t *oa_field_fixed32(uint8_t *at, uint32_t field,
                                        uint32_t value) {
  if (value == 0) {
    return at;
  }
  at = oa_tag_write(at, field, OA_WIRE_FIXED32);
  return oa_put_raw(at, &value, sizeof value);
}

static inline uint8_t *oa_field_fixed64(uint8_t *at, uint32_t field,
                                        uint64_t value) {
  if (value == 0) {
    return at;
  }
  at = oa_tag_write(at, field, OA_WIRE_FIXED64);
  return oa_put_raw(at, &value, sizeof value);
}

static inline uint64_t oa_double_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* A double with presence: 0 is written too. */
static inline uint8_t *oa_field_double(uint8_t *at, uint32_t field,
                                       double value) {
  at = oa_tag_write(at, field, OA_WIRE_FIXED64);
  return oa_put_raw(at, &value, sizeof value);
}

#endif
