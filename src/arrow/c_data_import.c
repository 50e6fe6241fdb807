/* SPDX-License-Identifier: Apache-2.0 */
/* A struct ArrowArray of somebody else to columns of ours.
 *
 * Our arrays begin at their buffers' begin.  An array that begins elsewhere
 * (an offset, or a parent's) is pointed into, but for bits that do not begin at
 * a byte and offsets of lists, which are copied. */
#include "arrow/bits.h"
#include "arrow/c_data_impl.h"
#include "arrow/ipc_read_impl.h"

/* As many bits take 32 TiB; what claims more is no array. */
#define MAX_LENGTH ((int64_t)1 << 48)

typedef struct importer {
  oa_arena *arena;
  oa_error *error;
} importer;

/* An array from AT on, with the parent's offset and its own. */
typedef struct view {
  const struct ArrowArray *array;
  int64_t at;
  int64_t length;
} view;

static oa_status damaged(const importer *m, const oa_field *field,
                         const char *what) {
  return oa_error_set(m->error, OA_ERR_MALFORMED,
                      "Arrow array: column \"%.80s\": %s", field->name, what);
}

static oa_status take(const importer *m, size_t size, void **out) {
  const oa_status status = oa_arena_get(m->arena, size, out);
  return status == OA_OK
             ? status
             : oa_error_set(m->error, status,
                            "Arrow array: it takes more memory than there is, "
                            "or than %zu bytes",
                            m->arena->max);
}

/* --- the struct --- */

static bool shape_fits(const oa_field *field, const struct ArrowArray *array) {
  const int64_t buffers = oa_c_buffer_count(field);
  const int64_t children = field->dictionary ? 0 : (int64_t)field->child_count;
  /* Some give an array of nulls the bitmap that it once had. */
  const bool counts = array->n_buffers == buffers ||
                      (field->type == OA_TYPE_NULL && array->n_buffers == 1);
  return counts && (array->n_buffers == 0 || array->buffers != NULL) &&
         array->n_children == children &&
         (children == 0 || array->children != NULL) &&
         (array->dictionary != NULL) == field->dictionary;
}

/* LENGTH rows of ARRAY from FROM on, or all behind it with LENGTH -1. */
static oa_status open_view(const importer *m, const oa_field *field,
                           const struct ArrowArray *array, int64_t from,
                           int64_t length, view *out) {
  if (array == NULL || array->release == NULL) {
    return damaged(m, field, "it was released");
  }
  if (!shape_fits(field, array)) {
    return damaged(m, field,
                   "its buffers, children or dictionary are not "
                   "those of its type");
  }
  if (array->length < 0 || array->offset < 0 || array->length > MAX_LENGTH ||
      array->offset > MAX_LENGTH || array->null_count < -1 ||
      array->null_count > array->length) {
    return damaged(m, field,
                   "its length, offset or null count is not "
                   "possible");
  }
  if (length < 0) {
    length = array->length;
  }
  if (from > array->length || length > array->length - from) {
    return damaged(m, field, "it is shorter than its parent");
  }
  *out = (view){array, array->offset + from, length};
  return OA_OK;
}

/* --- buffers --- */

/* LENGTH bits of BITS from AT on, from a byte's begin on. */
static oa_status align_bits(const importer *m, const uint8_t *bits, view v,
                            const uint8_t **out) {
  void *block = NULL;
  if (v.at % 8 == 0) {
    *out = bits + v.at / 8;
    return OA_OK;
  }
  OA_TRY(take(m, (size_t)v.length / 8 + sizeof(uint64_t), &block));
  uint8_t *to = block;
  memset(to, 0, (size_t)v.length / 8 + sizeof(uint64_t));
  for (int64_t i = 0; i < v.length; i += OA_WORD) {
    const unsigned count = oa_word_count(v.length - i);
    oa_bits_put(to, i, count, oa_bits_get(bits, v.at + i, count));
  }
  *out = to;
  return OA_OK;
}

static oa_status read_validity(const importer *m, const oa_field *field, view v,
                               oa_array *out) {
  const uint8_t *bits = v.array->buffers[0];
  const int64_t claimed = v.array->null_count;
  out->length = v.length;
  if (v.length == 0) {
    return OA_OK;
  }
  if (bits == NULL) {
    return claimed <= 0
               ? OA_OK
               : damaged(m, field, "it has nulls and no validity bitmap");
  }
  OA_TRY(align_bits(m, bits, v, &bits));
  out->null_count = oa_ipc_count_nulls(bits, v.length);
  out->validity = out->null_count == 0 ? NULL : bits;
  if (claimed >= 0 &&
      (v.length == v.array->length ? out->null_count != claimed
                                   : out->null_count > claimed)) {
    return damaged(m, field, "the null count is not that of the bitmap");
  }
  return OA_OK;
}

/* COUNT values of WIDTH bytes from value AT on, aligned for their type. */
static oa_status read_values(const importer *m, const oa_field *field,
                             const void *buffer, int64_t at, int64_t count,
                             size_t width, const void **out) {
  void *copy = NULL;
  if (count == 0 || width == 0) {
    *out = NULL;
    return OA_OK;
  }
  if (buffer == NULL) {
    return damaged(m, field, "a buffer is missing");
  }
  if ((uint64_t)at + (uint64_t)count > PTRDIFF_MAX / width) {
    return damaged(m, field, "it is longer than memory can be");
  }
  const uint8_t *values = (const uint8_t *)buffer + (size_t)at * width;
  const bool number = width == 2 || width == 4 || width == 8;
  if (!number || (uintptr_t)values % width == 0) {
    *out = values;
    return OA_OK;
  }
  OA_TRY(take(m, (size_t)count * width, &copy));
  memcpy(copy, values, (size_t)count * width);
  *out = copy;
  return OA_OK;
}

static oa_status read_fixed(const importer *m, const oa_field *field, view v,
                            size_t width, oa_array *out) {
  OA_TRY(read_values(m, field, v.array->buffers[1], v.at, v.length, width,
                     &out->values));
  out->values_size = (size_t)v.length * width;
  return OA_OK;
}

static oa_status read_bits(const importer *m, const oa_field *field, view v,
                           oa_array *out) {
  const uint8_t *bits = v.array->buffers[1];
  if (v.length == 0) {
    return OA_OK;
  }
  if (bits == NULL) {
    return damaged(m, field, "a buffer is missing");
  }
  OA_TRY(align_bits(m, bits, v, &bits));
  out->values = bits;
  out->values_size = (size_t)v.length / 8 + (v.length % 8 != 0 ? 1 : 0);
  return OA_OK;
}

/* Where the values of the view begin and end. */
typedef struct span {
  int64_t begin;
  int64_t end;
} span;

/* The offsets of the view.  END bounds them, as far as that is known. */
static oa_status read_offsets(const importer *m, const oa_field *field, view v,
                              int64_t end, oa_array *out, span *values) {
  const size_t width = oa_c_offset_width(field);
  const void *offsets = NULL;
  bool valid = true;
  *values = (span){0, 0};
  if (v.length == 0) {
    return OA_OK; /* all zero says the same */
  }
  OA_TRY(read_values(m, field, v.array->buffers[1], v.at, v.length + 1, width,
                     &offsets));
  if (offsets == NULL) {
    return damaged(m, field, "its offsets are missing");
  }
  if (width == sizeof(int32_t)) {
    const int32_t *narrow = offsets;
    valid = oa_ipc_offsets32_valid(narrow, v.length, end);
    *values = (span){narrow[0], narrow[v.length]};
  } else {
    const int64_t *wide = offsets;
    valid = oa_ipc_offsets64_valid(wide, v.length, end);
    *values = (span){wide[0], wide[v.length]};
  }
  if (!valid) {
    return damaged(m, field, "its offsets fall or leave the values");
  }
  /* Where nothing has any bytes the offsets are as good as zero. */
  out->offsets = values->begin == values->end ? NULL : offsets;
  return OA_OK;
}

static oa_status read_strings(const importer *m, const oa_field *field, view v,
                              oa_array *out) {
  span values;
  OA_TRY(read_offsets(m, field, v, PTRDIFF_MAX, out, &values));
  if (out->offsets == NULL) {
    return OA_OK;
  }
  if (v.array->buffers[2] == NULL) {
    return damaged(m, field, "a buffer is missing");
  }
  out->values = v.array->buffers[2];
  out->values_size = (size_t)values.end;
  return OA_OK;
}

/* --- arrays --- */

static oa_status read_array(const importer *m, const oa_field *field,
                            const struct ArrowArray *array, int64_t from,
                            int64_t length, oa_array *out);

/* Rows whose value in the dictionary is null are null themselves, so that
 * nobody after this has to look twice. */
static oa_status fold_nulls(const importer *m, const oa_field *field,
                            oa_array *out) {
  void *bits = NULL;
  if (out->dictionary->null_count == 0 || out->null_count == out->length) {
    return OA_OK;
  }
  OA_TRY(take(m, (size_t)out->length / 8 + 1, &bits));
  oa_ipc_fold_nulls(out, field->index_type, bits);
  return OA_OK;
}

static oa_status read_dictionary(const importer *m, const oa_field *field,
                                 view v, oa_array *out) {
  oa_field values = oa_c_dictionary_field(field);
  void *block = NULL;
  values.name = field->name;
  OA_TRY(take(m, sizeof(oa_array), &block));
  OA_TRY(read_array(m, &values, v.array->dictionary, 0, -1, block));
  out->dictionary = block;
  OA_TRY(read_fixed(m, field, v, oa_type_width(field->index_type), out));
  if (!oa_ipc_indices_valid(out, field->index_type, out->dictionary->length)) {
    return damaged(m, field, "an index is outside its dictionary");
  }
  return fold_nulls(m, field, out);
}

static oa_status read_children(const importer *m, const oa_field *field, view v,
                               oa_array *out) {
  void *block = NULL;
  if (field->child_count == 0) {
    return OA_OK;
  }
  OA_TRY(take(m, field->child_count * sizeof(oa_array), &block));
  oa_array *children = block;
  for (size_t i = 0; i < field->child_count; i++) {
    OA_TRY(read_array(m, &field->children[i], v.array->children[i], v.at,
                      v.length, &children[i]));
  }
  out->children = children;
  return OA_OK;
}

/* A part of a long list leads to items far behind the first: offsets that begin
 * at 0 spare the look at all others. */
static oa_status shift_offsets(const importer *m, int64_t begin,
                               oa_array *out) {
  const int32_t *from = out->offsets;
  void *block = NULL;
  if (begin == 0 || from == NULL) {
    return OA_OK;
  }
  OA_TRY(take(m, ((size_t)out->length + 1) * sizeof *from, &block));
  int32_t *to = block;
  for (int64_t i = 0; i <= out->length; i++) {
    to[i] = from[i] - (int32_t)begin;
  }
  out->offsets = to;
  return OA_OK;
}

static oa_status read_list(const importer *m, const oa_field *field, view v,
                           oa_array *out) {
  const struct ArrowArray *items = v.array->children[0];
  void *block = NULL;
  span values;
  if (items == NULL || items->release == NULL) {
    return damaged(m, field, "its items were released");
  }
  OA_TRY(read_offsets(m, field, v, items->length, out, &values));
  OA_TRY(shift_offsets(m, values.begin, out));
  OA_TRY(take(m, sizeof(oa_array), &block));
  OA_TRY(read_array(m, field->children, items, values.begin,
                    values.end - values.begin, block));
  out->children = block;
  return OA_OK;
}

static oa_status read_plain(const importer *m, const oa_field *field, view v,
                            oa_array *out) {
  switch (field->type) {
    case OA_TYPE_BOOL:
      return read_bits(m, field, v, out);
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return read_strings(m, field, v, out);
    case OA_TYPE_LIST:
      return read_list(m, field, v, out);
    case OA_TYPE_STRUCT:
      return read_children(m, field, v, out);
    default:
      return read_fixed(m, field, v, oa_field_width(field), out);
  }
}

static oa_status read_array(const importer *m, const oa_field *field,
                            const struct ArrowArray *array, int64_t from,
                            int64_t length, oa_array *out) {
  view v;
  *out = (oa_array){0};
  OA_TRY(open_view(m, field, array, from, length, &v));
  if (field->type == OA_TYPE_NULL) {
    out->length = v.length;
    out->null_count = v.length;
    return OA_OK;
  }
  OA_TRY(read_validity(m, field, v, out));
  return field->dictionary ? read_dictionary(m, field, v, out)
                           : read_plain(m, field, v, out);
}

oa_status oa_c_array_import(const oa_array **columns, int64_t *rows,
                            const oa_schema *schema,
                            const struct ArrowArray *array, oa_arena *arena,
                            oa_error *error) {
  static const oa_array none;
  const importer m = {.arena = arena, .error = error};
  const oa_field root = {.name = "",
                         .type = OA_TYPE_STRUCT,
                         .children = schema->fields,
                         .child_count = schema->field_count};
  oa_array batch;
  OA_TRY(read_array(&m, &root, array, 0, -1, &batch));
  if (batch.null_count != 0) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow array: %lld of its rows are null, which rows "
                        "of a record batch cannot be",
                        (long long)batch.null_count);
  }
  *columns = batch.children == NULL ? &none : batch.children;
  *rows = batch.length;
  return OA_OK;
}
