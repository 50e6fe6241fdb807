/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an Arrow record batch of this program, by the C Data Interface. */
#include "api/export_impl.h"
#include "api/refuse.h"
#include "arrow/c_data.h"
#include "otlp/otlp.h"

/* What cannot be used as it lies is copied; this only stops what is no batch
 * of telemetry at all. */
#define MAX_COPIES ((size_t)1 << 30)

typedef struct batch {
  oa_arena arena;
  oa_schema schema;
  const oa_array *columns;
  int64_t rows;
  oa_status status; /* of the import */
  oa_error error;
} batch;

static void import(batch *b, const struct ArrowSchema *schema,
                   const struct ArrowArray *array) {
  oa_arena_init(&b->arena, MAX_COPIES);
  b->status = oa_c_schema_import(&b->schema, schema, &b->arena, &b->error);
  if (b->status == OA_OK) {
    b->status = oa_c_array_import(&b->columns, &b->rows, &b->schema, array,
                                  &b->arena, &b->error);
  }
}

/* Bytes of values that lie before those of ARRAY, which is a part of a longer
 * one. */
static uint64_t size_before(const oa_field *field, const oa_array *array) {
  const int32_t *narrow = array->offsets;
  const int64_t *wide = array->offsets;
  if (array->offsets == NULL) {
    return 0;
  }
  switch (field->type) {
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return (uint64_t)narrow[0];
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return (uint64_t)wide[0];
    default:
      return 0;
  }
}

/* Bytes of ARRAY's rows, about as a message would have them. */
static uint64_t size_of(const oa_field *field, const oa_array *array) {
  uint64_t sum = array->validity == NULL ? 0 : (uint64_t)array->length / 8;
  sum += array->values_size - size_before(field, array);
  if (array->offsets != NULL) {
    sum += (uint64_t)array->length * sizeof(int32_t);
  }
  if (field->dictionary) {
    return sum + array->dictionary->values_size;
  }
  for (size_t i = 0; i < field->child_count; i++) {
    sum += size_of(&field->children[i], &array->children[i]);
  }
  return sum;
}

static size_t size_of_batch(const batch *b) {
  uint64_t sum = 0;
  for (size_t i = 0; b->status == OA_OK && i < b->schema.field_count; i++) {
    sum += size_of(&b->schema.fields[i], &b->columns[i]);
  }
  return (size_t)sum;
}

/* What could not be imported is refused here, so that it is counted as every
 * other request of which nothing was taken. */
static oa_status decode(void *input, oa_otlp_builder *builder,
                        oa_otlp_result *result, oa_error *error) {
  const batch *b = input;
  if (b->status != OA_OK) {
    *result = (oa_otlp_result){0};
    return oa_error_set(error, b->status, "%s", b->error.text);
  }
  return oa_otlp_append(builder, &b->schema, b->columns, b->rows, result,
                        error);
}

oa_status oa_service_export_arrow(oa_service *service, oa_signal signal,
                                  const struct ArrowSchema *schema,
                                  const struct ArrowArray *array,
                                  oa_export_result *result, oa_error *error) {
  batch b = {.status = OA_OK};
  oa_export_clear(result);
  if (service == NULL || schema == NULL || array == NULL) {
    return oa_refuse_null(error);
  }
  if ((unsigned)signal >= OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_CONFIG, "no such signal");
  }
  import(&b, schema, array);
  oa_intake intake = {.signal = signal,
                      .bytes = size_of_batch(&b),
                      .decode = decode,
                      .input = &b};
  const oa_status status = oa_export_put(service, &intake, result, error);
  oa_arena_free(&b.arena);
  return status;
}
