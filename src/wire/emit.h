/* SPDX-License-Identifier: Apache-2.0 */
/* emit.h - writes protobuf wire format front to back, without a message tree.
 *
 * A sub-message is opened with a guess of how many bytes its length will take
 * and its length is put in when it is closed; only a wrong guess moves the
 * body.  The result is always in the shortest form.
 *
 * A failure sticks: after it every call does nothing, so callers look at
 * STATUS once a record.  A zeroed oa_emit is an empty one.
 */
#ifndef OA_WIRE_EMIT_H
#define OA_WIRE_EMIT_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/status.h"
#include "wire/cursor.h"

/* A varint of 64 bits takes at most ten bytes, a tag of ours at most two. */
enum { OA_EMIT_VARINT_MAX = 10, OA_EMIT_TAG_MAX = 2 };

typedef struct oa_emit {
  oa_buf out;
  oa_status status; /* OA_ERR_NOMEM, or OA_ERR_LIMIT at 2 GiB */
} oa_emit;

/* An open sub-message. */
typedef struct oa_emit_nest {
  size_t body;  /* where its body begins */
  size_t width; /* bytes kept free before it */
} oa_emit_nest;

/* Bytes that VALUE takes as a varint. */
static inline size_t oa_varint_size(uint64_t value) {
  const unsigned bits = 64U - (unsigned)__builtin_clzll(value | 1);
  return (bits * 9 + 64) / 64;
}

/* Writes VALUE at AT and returns the place after it. */
static inline uint8_t *oa_varint_write(uint8_t *at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  *at++ = (uint8_t)value;
  return at;
}

static inline uint64_t oa_zigzag32(int32_t value) {
  const uint32_t bits = (uint32_t)value;
  return (bits << 1) ^ (value < 0 ? UINT32_MAX : 0);
}

/* Where the next SIZE bytes may be written, or NULL after a failure.  The
 * writer then hands the end of what it wrote to oa_emit_wrote(). */
static inline uint8_t *oa_emit_room(oa_emit *emit, size_t size) {
  if (emit->status != OA_OK) {
    return NULL;
  }
  emit->status = oa_buf_reserve(&emit->out, size);
  return emit->status == OA_OK ? emit->out.data + emit->out.len : NULL;
}

static inline void oa_emit_wrote(oa_emit *emit, const uint8_t *end) {
  emit->out.len = (size_t)(end - emit->out.data);
}

static inline uint8_t *oa_tag_write(uint8_t *at, uint32_t field, oa_wire wire) {
  return oa_varint_write(at, OA_TAG(field, wire));
}

/* The fields below are written whatever the value is ... */

static inline void oa_emit_varint(oa_emit *emit, uint32_t field,
                                  uint64_t value) {
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX);
  if (at != NULL) {
    at = oa_tag_write(at, field, OA_WIRE_VARINT);
    oa_emit_wrote(emit, oa_varint_write(at, value));
  }
}

/* BITS are those of a fixed64, sfixed64 or double. */
static inline void oa_emit_fixed64(oa_emit *emit, uint32_t field,
                                   uint64_t bits) {
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + sizeof bits);
  if (at != NULL) {
    at = oa_tag_write(at, field, OA_WIRE_FIXED64);
    memcpy(at, &bits, sizeof bits);
    oa_emit_wrote(emit, at + sizeof bits);
  }
}

static inline void oa_emit_fixed32(oa_emit *emit, uint32_t field,
                                   uint32_t bits) {
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + sizeof bits);
  if (at != NULL) {
    at = oa_tag_write(at, field, OA_WIRE_FIXED32);
    memcpy(at, &bits, sizeof bits);
    oa_emit_wrote(emit, at + sizeof bits);
  }
}

static inline void oa_emit_bytes(oa_emit *emit, uint32_t field,
                                 const uint8_t *bytes, size_t len) {
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX + len);
  if (at != NULL) {
    at = oa_tag_write(at, field, OA_WIRE_BYTES);
    at = oa_varint_write(at, len);
    memcpy(at, bytes, len);
    oa_emit_wrote(emit, at + len);
  }
}

/* ... and these only when it is not the default, which proto3 fields without
 * presence leave out.  A double of -0.0 is not the default. */

static inline void oa_emit_varint_set(oa_emit *emit, uint32_t field,
                                      uint64_t value) {
  if (value != 0) {
    oa_emit_varint(emit, field, value);
  }
}

static inline void oa_emit_fixed64_set(oa_emit *emit, uint32_t field,
                                       uint64_t bits) {
  if (bits != 0) {
    oa_emit_fixed64(emit, field, bits);
  }
}

static inline void oa_emit_fixed32_set(oa_emit *emit, uint32_t field,
                                       uint32_t bits) {
  if (bits != 0) {
    oa_emit_fixed32(emit, field, bits);
  }
}

static inline void oa_emit_bytes_set(oa_emit *emit, uint32_t field,
                                     const uint8_t *bytes, size_t len) {
  if (len != 0) {
    oa_emit_bytes(emit, field, bytes, len);
  }
}

/* A packed field of COUNT eight-byte values; nothing when COUNT is 0.  VALUES
 * may be NULL for zeros, here and below. */
void oa_emit_packed64(oa_emit *emit, uint32_t field, const uint64_t *values,
                      size_t count);

/* A packed field of COUNT varints; nothing when COUNT is 0. */
void oa_emit_packed_varint(oa_emit *emit, uint32_t field,
                           const uint64_t *values, size_t count);

/* Begins a sub-message whose length is expected to take WIDTH bytes (1-5). */
static inline oa_emit_nest oa_emit_open(oa_emit *emit, uint32_t field,
                                        size_t width) {
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + width);
  if (at == NULL) {
    return (oa_emit_nest){0};
  }
  at = oa_tag_write(at, field, OA_WIRE_BYTES) + width;
  oa_emit_wrote(emit, at);
  return (oa_emit_nest){.body = emit->out.len, .width = width};
}

/* For oa_emit_close(): the length does not take the bytes kept free. */
void oa_emit_shift(oa_emit *emit, oa_emit_nest nest);

static inline void oa_emit_close(oa_emit *emit, oa_emit_nest nest) {
  if (emit->status != OA_OK) {
    return;
  }
  assert(emit->out.data != NULL); /* the nest was opened without a failure */
  const size_t len = emit->out.len - nest.body;
  if (oa_varint_size(len) != nest.width) {
    oa_emit_shift(emit, nest);
    return;
  }
  oa_varint_write(emit->out.data + nest.body - nest.width, len);
}

/* Forgets what was written and the failure; keeps the memory. */
static inline void oa_emit_reset(oa_emit *emit) {
  emit->out.len = 0;
  emit->status = OA_OK;
}

#endif
