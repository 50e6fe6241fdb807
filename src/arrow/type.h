/* SPDX-License-Identifier: Apache-2.0 */
/* type.h - what a column is: name, type, nullability, children.
 *
 * A schema is plain data.  Ours stand as constants in otlp/schema.c; the IPC
 * reader makes others at run time.  Only the Arrow types are here that OTLP,
 * OTAP and Flight senders use (Schema.fbs of the Arrow columnar format).
 */
#ifndef OA_ARROW_TYPE_H
#define OA_ARROW_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum oa_type {
  OA_TYPE_NULL,
  OA_TYPE_BOOL, /* one bit a value */
  OA_TYPE_INT8,
  OA_TYPE_INT16,
  OA_TYPE_INT32,
  OA_TYPE_INT64,
  OA_TYPE_UINT8,
  OA_TYPE_UINT16,
  OA_TYPE_UINT32,
  OA_TYPE_UINT64,
  OA_TYPE_FLOAT,
  OA_TYPE_DOUBLE,
  OA_TYPE_TIMESTAMP, /* int64, see oa_field.unit and .timezone */
  OA_TYPE_DURATION,  /* int64, see oa_field.unit */
  OA_TYPE_UTF8,      /* int32 offsets */
  OA_TYPE_BINARY,    /* int32 offsets */
  OA_TYPE_LARGE_UTF8,
  OA_TYPE_LARGE_BINARY,
  OA_TYPE_FIXED_BINARY, /* oa_field.width bytes a value */
  OA_TYPE_LIST,         /* int32 offsets, one child */
  OA_TYPE_STRUCT,       /* any number of children, also none */
} oa_type;

typedef enum oa_time_unit {
  OA_UNIT_SECOND = 0,
  OA_UNIT_MILLI = 1,
  OA_UNIT_MICRO = 2,
  OA_UNIT_NANO = 3,
} oa_time_unit;

typedef struct oa_key_value {
  const char *key;
  const char *value;
} oa_key_value;

typedef struct oa_field {
  const char *name;
  oa_type type; /* of the values, also when they are in a dictionary */
  bool nullable;
  bool dictionary;      /* the array holds indices, the values stand apart */
  oa_type index_type;   /* with dictionary: an integer type; ours INT32 */
  int32_t width;        /* FIXED_BINARY: bytes a value */
  oa_time_unit unit;    /* TIMESTAMP, DURATION */
  const char *timezone; /* TIMESTAMP; NULL = none */
  const struct oa_field *children;
  size_t child_count;
  const oa_key_value *metadata;
  size_t metadata_count;
} oa_field;

typedef struct oa_schema {
  const oa_field *fields;
  size_t field_count;
  const oa_key_value *metadata;
  size_t metadata_count;
} oa_schema;

/* Bytes of one value in the values buffer: 0 for BOOL (bits), NULL, LIST,
 * STRUCT and the types with offsets.  Looks at the value type, not at a
 * dictionary's index type. */
size_t oa_field_width(const oa_field *field);

/* The same for a bare type; FIXED_BINARY gives 0. */
size_t oa_type_width(oa_type type);

/* True when both describe the same columns in the same order: names, types,
 * units, time zones, dictionaries and children (metadata and nullability do
 * not count). */
bool oa_schema_equal(const oa_schema *a, const oa_schema *b);

/* Writes the type as people write it, such as "list<item: struct<...>>" or
 * "dictionary<int32, utf8>", cut to SIZE and always terminated. */
void oa_field_type_name(const oa_field *field, char *out, size_t size);

#endif
