/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "arrow/coerce.h"

/* An integer of any type. */
typedef struct wide {
  uint64_t bits;
  bool negative; /* then BITS are an int64 */
} wide;

static wide from_signed(int64_t value) {
  return (wide){.bits = (uint64_t)value, .negative = value < 0};
}

static bool is_integer(oa_type type) {
  return type >= OA_TYPE_INT8 && type <= OA_TYPE_UINT64;
}

/* Value I of VALUES, which are aligned. */
static wide read_wide(const void *values, oa_type type, int64_t i) {
  switch (type) {
    case OA_TYPE_INT8:
      return from_signed(((const int8_t *)values)[i]);
    case OA_TYPE_INT16:
      return from_signed(((const int16_t *)values)[i]);
    case OA_TYPE_INT32:
      return from_signed(((const int32_t *)values)[i]);
    case OA_TYPE_UINT8:
      return (wide){.bits = ((const uint8_t *)values)[i]};
    case OA_TYPE_UINT16:
      return (wide){.bits = ((const uint16_t *)values)[i]};
    case OA_TYPE_UINT32:
      return (wide){.bits = ((const uint32_t *)values)[i]};
    case OA_TYPE_UINT64:
      return (wide){.bits = ((const uint64_t *)values)[i]};
    default: /* INT64, TIMESTAMP */
      return from_signed(((const int64_t *)values)[i]);
  }
}

static bool fits(wide value, oa_type type) {
  const int64_t number = (int64_t)value.bits;
  switch (type) {
    case OA_TYPE_UINT8:
      return !value.negative && value.bits <= UINT8_MAX;
    case OA_TYPE_UINT32:
      return !value.negative && value.bits <= UINT32_MAX;
    case OA_TYPE_INT32:
      return value.negative ? number >= INT32_MIN : value.bits <= INT32_MAX;
    case OA_TYPE_INT64:
      return value.negative || value.bits <= INT64_MAX;
    default: /* UINT64, and times, which OTLP has without a sign */
      return !value.negative;
  }
}

/* Nanoseconds of a unit. */
static uint64_t factor_of(const oa_field *field) {
  static const uint64_t factors[] = {
      [OA_UNIT_SECOND] = 1000000000,
      [OA_UNIT_MILLI] = 1000000,
      [OA_UNIT_MICRO] = 1000,
      [OA_UNIT_NANO] = 1,
  };
  return field->type == OA_TYPE_TIMESTAMP ? factors[field->unit] : 1;
}

static void refuse(const oa_coercion *how, int64_t row, wide value,
                   const oa_field *have, const oa_field *want) {
  char type[48];
  char text[128];
  oa_field_type_name(want, type, sizeof type);
  if (value.negative) {
    snprintf(text, sizeof text, "%lld does not fit %s", (long long)value.bits,
             type);
  } else {
    snprintf(text, sizeof text, "%llu%s does not fit %s",
             (unsigned long long)value.bits,
             factor_of(have) != 1 ? " (of its unit)" : "", type);
  }
  how->refuse(how->context, row, text);
}

static void write_number(uint8_t *to, size_t width, uint64_t bits) {
  memcpy(to, &bits, width); /* the low bytes stand first */
}

static oa_status coerce_integers(oa_array *array, const oa_field *want,
                                 const oa_field *have, const oa_coercion *how) {
  const size_t width = oa_type_width(want->type);
  const uint64_t factor = factor_of(have);
  /* A time in its largest unit must stay below the sign. */
  const uint64_t most = factor == 1 ? UINT64_MAX : INT64_MAX / factor;
  void *block = NULL;

  OA_TRY(oa_arena_get_zeroed(how->arena, (size_t)array->length, width, &block));
  uint8_t *to = block;
  for (int64_t i = 0; i < array->length; i++, to += width) {
    if (oa_array_is_null(array, i)) {
      continue;
    }
    const wide value = read_wide(array->values, have->type, i);
    if (!fits(value, want->type) || (!value.negative && value.bits > most)) {
      refuse(how, i, value, have, want);
      continue;
    }
    write_number(to, width, value.bits * factor);
  }
  array->values = block;
  return OA_OK;
}

static oa_status coerce_floats(oa_array *array, const oa_coercion *how) {
  const float *from = array->values;
  void *block = NULL;
  OA_TRY(
      oa_arena_get(how->arena, (size_t)array->length * sizeof(double), &block));
  double *to = block;
  for (int64_t i = 0; i < array->length; i++) {
    to[i] = (double)from[i];
  }
  array->values = block;
  return OA_OK;
}

oa_status oa_coerce_number(oa_array *array, const oa_field *want,
                           const oa_field *have, const oa_coercion *how) {
  const bool time = want->type == OA_TYPE_TIMESTAMP;
  if (want->type == have->type && (!time || have->unit == want->unit)) {
    return OA_OK;
  }
  if (time && have->type == OA_TYPE_UINT64) {
    return OA_OK; /* the same 64 bits */
  }
  if (want->type == OA_TYPE_DOUBLE) {
    return have->type == OA_TYPE_FLOAT ? coerce_floats(array, how)
                                       : OA_ERR_UNSUPPORTED;
  }
  if (is_integer(have->type) && (is_integer(want->type) || time)) {
    return coerce_integers(array, want, have, how);
  }
  return time && have->type == OA_TYPE_TIMESTAMP
             ? coerce_integers(array, want, have, how)
             : OA_ERR_UNSUPPORTED;
}

oa_status oa_coerce_indices(oa_array *array, oa_type type, oa_arena *arena) {
  void *block = NULL;
  if (array->values != NULL &&
      (type == OA_TYPE_INT32 || type == OA_TYPE_UINT32)) {
    return OA_OK;
  }
  OA_TRY(oa_arena_get_zeroed(arena, (size_t)array->length, sizeof(int32_t),
                             &block));
  int32_t *to = block;
  for (int64_t i = 0; i < array->length && array->values != NULL; i++) {
    if (!oa_array_is_null(array, i)) {
      to[i] = (int32_t)read_wide(array->values, type, i).bits;
    }
  }
  array->values = block;
  return OA_OK;
}
