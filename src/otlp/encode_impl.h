/* SPDX-License-Identifier: Apache-2.0 */
/* encode_impl.h - what the files of the OTLP encoder share.
 *
 * encode.c walks the rows and makes requests, resources and scopes;
 * encode_traces.c, encode_logs.c and encode_metrics.c write one item each;
 * encode_value.c writes attributes; text.c reads columns with the same inline
 * functions.  Field numbers are those of opentelemetry-proto.  Also for
 * OTAP, whose columns are read with the same functions.
 *
 * Emitting does not fail at once (see emit.h); a status returned here is about
 * a value that our decoder never writes.
 */
#ifndef OA_OTLP_ENCODE_IMPL_H
#define OA_OTLP_ENCODE_IMPL_H

#include "arrow/array.h"
#include "base/error.h"
#include "otlp/schema.h"
#include "wire/emit.h"

typedef struct oa_encoder {
  oa_emit emit;
  const oa_array *columns;
  int64_t row; /* of the item being written, for the error's text */
  oa_error *error;
} oa_encoder;

/* Expected bytes of the length of a sub-message, see oa_emit_open(). */
enum {
  OA_WIDTH_SMALL = 1, /* up to 127 bytes: status, exemplar, buckets */
  OA_WIDTH_ITEM = 2,  /* up to 16 KiB: span, log record, data point */
  OA_WIDTH_GROUP = 3, /* up to 2 MiB: scope, resource */
};

/* Values of plain columns.  A column that nobody filled has no buffer. */

static inline uint64_t oa_u64_at(const oa_array *array, int64_t i) {
  const uint64_t *values = array->values;
  return values == NULL ? 0 : values[i];
}

static inline uint32_t oa_u32_at(const oa_array *array, int64_t i) {
  const uint32_t *values = array->values;
  return values == NULL ? 0 : values[i];
}

static inline uint8_t oa_u8_at(const oa_array *array, int64_t i) {
  const uint8_t *values = array->values;
  return values == NULL ? 0 : values[i];
}

static inline bool oa_bool_at(const oa_array *array, int64_t i) {
  return array->values != NULL && oa_bit(array->values, i);
}

/* An enum or int32 as protobuf wants it: negative ones take ten bytes. */
static inline uint64_t oa_i32_at(const oa_array *array, int64_t i) {
  const int32_t *values = array->values;
  return values == NULL ? 0 : (uint64_t)(int64_t)values[i];
}

/* Null is 0, also for values of nullable columns that lie under a null. */
static inline uint64_t oa_u64_or_zero(const oa_array *array, int64_t i) {
  return oa_array_is_null(array, i) ? 0 : oa_u64_at(array, i);
}

/* The bytes of a dictionary column, or NULL when the value is null. */
static inline const uint8_t *oa_text_at(const oa_array *array, int64_t i,
                                        size_t *len) {
  if (oa_array_is_null(array, i)) {
    *len = 0;
    return NULL;
  }
  return oa_array_dict_bytes(array, i, len);
}

/* Fields of proto3 without presence, from a column. */

static inline void oa_encode_text(oa_encoder *encoder, uint32_t field,
                                  const oa_array *array, int64_t i) {
  size_t len;
  const uint8_t *text = oa_text_at(array, i, &len);
  oa_emit_bytes_set(&encoder->emit, field, text, len);
}

static inline void oa_encode_time(oa_encoder *encoder, uint32_t field,
                                  const oa_array *array, int64_t i) {
  oa_emit_fixed64_set(&encoder->emit, field, oa_u64_or_zero(array, i));
}

/* A trace id or span id: WIDTH is 16 or 8. */
static inline void oa_encode_id(oa_encoder *encoder, uint32_t field,
                                const oa_array *array, int64_t i,
                                size_t width) {
  static const uint8_t zeros[16] = {0};
  if (!oa_array_is_null(array, i)) {
    const uint8_t *ids = array->values;
    oa_emit_bytes(&encoder->emit, field,
                  ids == NULL ? zeros : ids + (size_t)i * width, width);
  }
}

/* A double or integer with presence: null leaves it out, 0 does not. */
static inline void oa_encode_optional64(oa_encoder *encoder, uint32_t field,
                                        const oa_array *array, int64_t i) {
  if (!oa_array_is_null(array, i)) {
    oa_emit_fixed64(&encoder->emit, field, oa_u64_at(array, i));
  }
}

/* Names the row in the error: "row 7: <format>". */
oa_status oa_encode_refuse(const oa_encoder *encoder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The attributes of row ROW of LIST as KeyValue messages in FIELD. */
oa_status oa_encode_attributes(oa_encoder *encoder, uint32_t field,
                               const oa_array *list, int64_t row);

/* The content of an AnyValue that CBOR holds: TYPE is OA_VALUE_MAP or
 * OA_VALUE_SLICE. */
oa_status oa_encode_cbor(oa_encoder *encoder, uint8_t type, const uint8_t *cbor,
                         size_t len);

/* One item, in FIELD of the message that is open. */
oa_status oa_encode_span(oa_encoder *encoder, int64_t row);
oa_status oa_encode_log(oa_encoder *encoder, int64_t row);

/* One Metric from the rows [begin, end), which have the same metric_ord. */
oa_status oa_encode_metric(oa_encoder *encoder, int64_t begin, int64_t end);

#endif
