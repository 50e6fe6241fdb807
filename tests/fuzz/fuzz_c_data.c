/* SPDX-License-Identifier: Apache-2.0 */
/* Any tree of Arrow C Data structs: counts, lengths, offsets, bits, indices and
 * formats are the input's, but each buffer has the bytes that its array claims,
 * as nobody could tell otherwise.
 *
 * What is imported must be readable to its last value, must come back equal
 * when it is exported again, and may be appended to a builder of each signal.
 */
#include <stdlib.h>

#include "arrow/c_data.h"
#include "otlp/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST = 6, DEPTH = 5, TEXT_SIZE = 256, LIST_ROOM = 16, MAX_NODES = 96 };

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

/* --- the input --- */

typedef struct input {
  const uint8_t *at;
  const uint8_t *end;
  void *blocks[16 * MAX_NODES];
  size_t block_count;
  size_t nodes;
} input;

static uint8_t next(input *in) {
  return in->at < in->end ? *in->at++ : 0;
}

static void *take(input *in, size_t size) {
  require(in->block_count < sizeof in->blocks / sizeof in->blocks[0]);
  void *block = calloc(1, size > 0 ? size : 1);
  require(block != NULL);
  in->blocks[in->block_count++] = block;
  return block;
}

static void *take_bytes(input *in, size_t size) {
  uint8_t *block = take(in, size);
  for (size_t i = 0; i < size; i++) {
    block[i] = next(in);
  }
  return block;
}

/* --- schemas --- */

static void release_schema(struct ArrowSchema *schema) {
  schema->release = NULL;
}

static const char *pick_format(input *in) {
  static const char *const formats[] = {
      "n",   "b",  "c",  "C",  "s",  "S",    "i",   "I",   "l",    "L",
      "f",   "g",  "u",  "U",  "z",  "Z",    "w:3", "w:0", "tsn:", "tsu:UTC",
      "tDs", "+l", "+s", "+l", "+s", "w:16", "w:8", "u",   "i",    "C"};
  const uint8_t pick = next(in);
  if (pick < 250) {
    return formats[pick % (sizeof formats / sizeof formats[0])];
  }
  char *text = take_bytes(in, 6);
  text[5] = '\0';
  return text;
}

static const char *pick_name(input *in) {
  static const char *const names[] = {
      "name",       "trace_id",  "span_id",     "start_time_unix_nano",
      "attributes", "key",       "type",        "str",
      "int",        "events",    "links",       "metric_name",
      "body",       "body_type", "metric_type", "scope",
      "resource",   "flags",     "exemplars",   "bucket_counts",
      "item",       "value_int", "quantiles"};
  const uint8_t pick = next(in);
  if (pick < 240) {
    return names[pick % (sizeof names / sizeof names[0])];
  }
  char *text = take_bytes(in, 5);
  text[4] = '\0';
  return pick < 250 ? NULL : text;
}

static const char *pick_metadata(input *in) {
  if (next(in) < 230) {
    return NULL;
  }
  /* One pair of texts, and nothing behind what it says. */
  char *bytes = take(in, 24);
  const int32_t count = (int32_t)(next(in) % 3) - 1;
  const int32_t len = (int32_t)(next(in) % 6) - 1;
  memcpy(bytes, &count, sizeof count);
  memcpy(bytes + 4, &len, sizeof len);
  return bytes;
}

static struct ArrowSchema *make_schema(input *in, int depth) {
  struct ArrowSchema *schema = take(in, sizeof *schema);
  in->nodes++;
  schema->children = take(in, LIST_ROOM * sizeof(struct ArrowSchema *));
  schema->format = depth == 0 ? "+s" : pick_format(in);
  schema->name = pick_name(in);
  schema->metadata = pick_metadata(in);
  schema->flags = next(in) % 4;
  schema->release = release_schema;
  const uint8_t odd = next(in);
  if (schema->format[0] == '+' && depth < DEPTH) {
    schema->n_children = schema->format[1] == 'l' ? 1 : next(in) % MOST;
  }
  for (int64_t i = 0; i < schema->n_children && in->nodes < MAX_NODES; i++) {
    schema->children[i] = make_schema(in, depth + 1);
  }
  const bool whole = strchr("cCsSiIlL", schema->format[0]) != NULL;
  if (schema->n_children == 0 && odd % 3 == 0 && (whole || odd < 9) &&
      in->nodes < MAX_NODES) {
    schema->dictionary = make_schema(in, DEPTH);
  }
  switch (odd) {
    case 255:
      schema->n_children = next(in) % (2 * LIST_ROOM) - LIST_ROOM;
      break;
    case 254:
      schema->release = NULL;
      break;
    case 253:
      schema->n_children = INT64_MAX;
      break;
    case 252: /* a circle */
      schema->children[0] = schema;
      break;
    default:
      break;
  }
  return schema;
}

/* --- arrays --- */

static void release_array(struct ArrowArray *array) {
  array->release = NULL;
}

static size_t width_of(const char *format) {
  switch (format[0]) {
    case 'c':
    case 'C':
      return 1;
    case 's':
    case 'S':
      return 2;
    case 'i':
    case 'I':
    case 'f':
      return 4;
    case 'w':
      return (size_t)strtoul(format + 2, NULL, 10);
    default:
      return 8;
  }
}

/* COUNT offsets of WIDTH bytes that mostly rise and never pass the text. */
static void *make_offsets(input *in, size_t count, size_t width) {
  uint8_t *block = take(in, count * width);
  int64_t value = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t step = next(in);
    value += step < 250 ? step % 5 : -(int64_t)(step - 249);
    value = value >= TEXT_SIZE ? TEXT_SIZE - 1 : value;
    const int32_t narrow = (int32_t)value;
    memcpy(block + i * width,
           width == sizeof value ? (const void *)&value : (const void *)&narrow,
           width);
  }
  return block;
}

static bool is_text(char format) {
  return format == 'u' || format == 'U' || format == 'z' || format == 'Z';
}

static int64_t fill_buffers(input *in, const struct ArrowSchema *schema,
                            const void **buffers, size_t rows) {
  const char *format = schema->format;
  const size_t offset = format[0] == 'U' || format[0] == 'Z' ? 8 : 4;
  if (format[0] == 'n') {
    return 0;
  }
  buffers[0] =
      next(in) % 3 == 0 ? NULL : take_bytes(in, rows / 8 + (rows % 8 != 0));
  if (strcmp(format, "+s") == 0) {
    return 1;
  }
  if (strcmp(format, "+l") == 0) {
    buffers[1] = make_offsets(in, rows + 1, 4);
    return 2;
  }
  if (is_text(format[0])) {
    buffers[1] = make_offsets(in, rows + 1, offset);
    buffers[2] = take_bytes(in, TEXT_SIZE);
    return 3;
  }
  const size_t width = width_of(format);
  buffers[1] = width > 64         ? NULL
               : format[0] == 'b' ? take_bytes(in, rows / 8 + (rows % 8 != 0))
                                  : take_bytes(in, rows * width);
  return 2;
}

static void make_odd(input *in, struct ArrowArray *array) {
  switch (next(in)) {
    case 255:
      array->null_count = (int64_t)next(in) - 128;
      break;
    case 254:
      array->release = NULL;
      break;
    case 253:
      array->n_children = next(in) % (2 * LIST_ROOM) - LIST_ROOM;
      break;
    case 252:
      array->n_buffers = (int64_t)next(in) - 128;
      break;
    case 251:
      array->length = -1;
      break;
    case 250:
      array->offset = INT64_MAX - next(in);
      break;
    case 249:
      array->buffers[next(in) % 3] = NULL;
      break;
    case 248:
      array->dictionary = NULL;
      break;
    case 247:
      array->children[0] = NULL;
      break;
    default:
      break;
  }
}

static struct ArrowArray *make_array(input *in,
                                     const struct ArrowSchema *schema,
                                     int64_t at_least) {
  struct ArrowArray *array = take(in, sizeof *array);
  const uint8_t more = next(in);
  array->buffers = take(in, 3 * sizeof(void *));
  array->children = take(in, LIST_ROOM * sizeof(struct ArrowArray *));
  array->length = at_least + (more > 200 ? more % 40 : 0) - (more == 7);
  array->length = array->length < 0 ? 0 : array->length;
  array->offset = next(in) % 11;
  array->null_count = -1;
  array->release = release_array;
  const int64_t rows = array->offset + array->length;
  array->n_buffers = fill_buffers(in, schema, array->buffers, (size_t)rows);
  const bool list = strcmp(schema->format, "+l") == 0;
  for (int64_t i = 0; i < schema->n_children && i < LIST_ROOM; i++) {
    if (schema->children[i] != NULL && schema->children[i] != schema) {
      array->children[i] =
          make_array(in, schema->children[i], list ? next(in) % 64 : rows);
      array->n_children = i + 1;
    }
  }
  if (schema->dictionary != NULL) {
    array->dictionary = make_array(in, schema->dictionary, next(in) % 12);
  }
  make_odd(in, array);
  return array;
}

/* --- what came in --- */

static uint64_t touch(const oa_field *field, const oa_array *array);

static uint64_t touch_bytes(const void *bytes, size_t len) {
  uint64_t sum = 0;
  for (size_t i = 0; i < len; i++) {
    sum = sum * 31 + ((const uint8_t *)bytes)[i];
  }
  return sum;
}

/* The bytes of value I, wherever they are. */
static uint64_t touch_value(const oa_field *field, const oa_array *array,
                            int64_t i) {
  const int32_t *narrow = array->offsets;
  const int64_t *wide = array->offsets;
  const uint8_t *values = array->values;
  const size_t width = oa_field_width(field);
  switch (field->type) {
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return narrow == NULL ? 0
                            : touch_bytes(values + narrow[i],
                                          (size_t)(narrow[i + 1] - narrow[i]));
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return wide == NULL ? 0
                          : touch_bytes(values + wide[i],
                                        (size_t)(wide[i + 1] - wide[i]));
    case OA_TYPE_LIST:
      return narrow == NULL ? 0 : (uint64_t)(narrow[i + 1] - narrow[i]);
    case OA_TYPE_BOOL:
      return values != NULL && oa_bit(values, i);
    default:
      return values == NULL ? 0
                            : touch_bytes(values + (size_t)i * width, width);
  }
}

static uint64_t index_at(const oa_field *field, const oa_array *array,
                         int64_t i) {
  uint64_t index = 0;
  const size_t width = oa_type_width(field->index_type);
  memcpy(&index, (const uint8_t *)array->values + (size_t)i * width, width);
  return index;
}

static uint64_t touch(const oa_field *field, const oa_array *array) {
  uint64_t sum = (uint64_t)array->length;
  oa_field values = *field;
  values.dictionary = false;
  for (int64_t i = 0; i < array->length && field->type != OA_TYPE_NULL; i++) {
    sum = sum * 31 + 7;
    if (oa_array_is_null(array, i)) {
      continue;
    }
    if (field->dictionary) {
      const uint64_t index = index_at(field, array, i);
      require(index < (uint64_t)array->dictionary->length);
      sum += touch_value(&values, array->dictionary, (int64_t)index);
    } else {
      sum += touch_value(field, array, i) + 1;
    }
  }
  for (size_t i = 0; i < field->child_count; i++) {
    sum = sum * 31 + touch(&field->children[i], &array->children[i]);
  }
  return sum;
}

static uint64_t touch_all(const oa_schema *schema, const oa_array *columns) {
  uint64_t sum = 0;
  for (size_t i = 0; i < schema->field_count; i++) {
    sum = sum * 31 + touch(&schema->fields[i], &columns[i]);
  }
  return sum;
}

static void come_back(const oa_schema *schema, const oa_array *columns,
                      int64_t rows, oa_arena *arena) {
  const oa_c_rows whole = {.schema = schema, .columns = columns, .count = rows};
  struct ArrowSchema c_schema;
  struct ArrowArray c_array;
  oa_schema again;
  const oa_array *have;
  int64_t count;
  require(oa_c_schema_export(&c_schema, schema) == OA_OK);
  require(oa_c_array_export(&c_array, &whole, (oa_c_owner){0}) == OA_OK);
  require(oa_c_schema_import(&again, &c_schema, arena, NULL) == OA_OK);
  require(oa_schema_equal(&again, schema));
  require(oa_c_array_import(&have, &count, &again, &c_array, arena, NULL) ==
          OA_OK);
  require(count == rows);
  require(touch_all(schema, columns) == touch_all(&again, have));
  c_array.release(&c_array);
  c_schema.release(&c_schema);
}

static void append(const oa_schema *schema, const oa_array *columns,
                   int64_t rows) {
  _Atomic uint64_t ords = 0;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_otlp_builder *builder = NULL;
    oa_otlp_result result;
    oa_error error = {0};
    require(oa_otlp_builder_new(&builder, (oa_signal)i, &ords) == OA_OK);
    const oa_status status =
        oa_otlp_append(builder, schema, columns, rows, &result, &error);
    require((status == OA_OK) == (error.text[0] == '\0'));
    require(status == OA_OK || oa_otlp_builder_rows(builder) == 0);
    oa_otlp_builder_free(builder);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  input *in = calloc(1, sizeof *in);
  oa_error error = {0};
  oa_arena arena;
  oa_schema schema;
  const oa_array *columns = NULL;
  int64_t rows = 0;
  require(in != NULL);
  in->at = data;
  in->end = data + len;
  oa_arena_init(&arena, (size_t)1 << 26);
  const struct ArrowSchema *c_schema = make_schema(in, 0);
  oa_status status = oa_c_schema_import(&schema, c_schema, &arena, &error);
  if (status == OA_OK) {
    struct ArrowArray *c_array = make_array(in, c_schema, next(in) % 40);
    if (next(in) < 240) {
      c_array->buffers[0] = NULL; /* no row is null */
    }
    status =
        oa_c_array_import(&columns, &rows, &schema, c_array, &arena, &error);
  }
  require((status == OA_OK) == (error.text[0] == '\0'));
  if (status == OA_OK) {
    come_back(&schema, columns, rows, &arena);
    append(&schema, columns, rows);
  }
  oa_arena_free(&arena);
  for (size_t i = 0; i < in->block_count; i++) {
    free(in->blocks[i]);
  }
  free(in);
  return 0;
}
