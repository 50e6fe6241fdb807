/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a batch: which bytes, compressed or not, from where. */
#include "arrow/ipc_write_impl.h"

/* Buffers up to this size are copied, so that the list of pieces stays short:
 * a copy of a KiB costs less than one more entry in a system call. */
enum { COPY_MAX = 1024 };

/* What a column that nobody filled is written from. */
enum { ZERO_PAGE = 64 * 1024 };
static const _Alignas(OA_IPC_BLOCK) uint8_t zero_page[ZERO_PAGE];

/* Below this a compressed frame's own header outweighs any gain. */
enum { COMPRESS_MIN = 32 };

/* How a buffer is best compressed is tried on a few pieces of it, and then
 * taken for granted for the next batches of the stream.  Random ids do not
 * shrink at all: less gain than one part in SAMPLE_GAIN is not worth a
 * reader's time. */
enum { SAMPLE_MIN = 32 * 1024, SAMPLE_SIZE = 8192, SAMPLES = 2 };
enum { SAMPLE_GAIN = 20, CHOICE_BATCHES = 16 };

/* The list that a column is in has about as many items a row as the one
 * before: then its values resemble those so many back. */
enum { FAN_MAX = 64 };

/* One buffer of an array. */
typedef struct part {
  const uint8_t *data; /* NULL: LEN zero bytes */
  size_t len;
  size_t width; /* of the numbers in it; 0 for bits and characters */
  bool passing; /* the bytes are gone after this call */
} part;

oa_status oa_ipc_put_piece(oa_ipc_writer *writer, oa_ipc_piece piece) {
  oa_buf *pieces = &writer->pieces;
  if (pieces->len > 0 && piece.source == OA_IPC_BODY) {
    oa_ipc_piece *last = (void *)(pieces->data + pieces->len - sizeof *last);
    if (last->source == piece.source && last->at + last->len == piece.at) {
      last->len += piece.len;
      return OA_OK;
    }
  }
  return oa_buf_put(pieces, &piece, sizeof piece);
}

/* Accounts for bytes that were just appended to BODY. */
static oa_status took_body(oa_ipc_writer *writer, size_t from) {
  const size_t len = writer->body.len - from;
  if (len == 0) {
    return OA_OK;
  }
  writer->body_at += len;
  return oa_ipc_put_piece(
      writer, (oa_ipc_piece){.source = OA_IPC_BODY, .at = from, .len = len});
}

static oa_status put_outside(oa_ipc_writer *writer, const uint8_t *data,
                             size_t len) {
  writer->body_at += len;
  return oa_ipc_put_piece(
      writer,
      (oa_ipc_piece){.source = OA_IPC_OUTSIDE, .outside = data, .len = len});
}

oa_status oa_ipc_put_zeros(oa_ipc_writer *writer, size_t len) {
  for (size_t left = len; left > 0;) {
    const size_t n = left < ZERO_PAGE ? left : ZERO_PAGE;
    OA_TRY(put_outside(writer, zero_page, n));
    left -= n;
  }
  return OA_OK;
}

static oa_status put_plain(oa_ipc_writer *writer, part p) {
  if (p.len <= COPY_MAX || p.passing) {
    const size_t from = writer->body.len;
    if (p.data == NULL) {
      OA_TRY(oa_buf_put_zeros(&writer->body, p.len));
    } else {
      OA_TRY(oa_buf_put(&writer->body, p.data, p.len));
    }
    return took_body(writer, from);
  }
  if (p.data != NULL) {
    return put_outside(writer, p.data, p.len);
  }
  return oa_ipc_put_zeros(writer, p.len);
}

static oa_status put_length(oa_ipc_writer *writer, int64_t length) {
  return oa_buf_put(&writer->body, &length, sizeof length);
}

/* --- how to compress --- */

static oa_status compress(oa_ipc_writer *writer, part p,
                          const oa_ipc_choice *choice, oa_buf *out) {
  if (p.data == NULL) {
    return oa_deflate_zeros(writer->deflater, p.len, out);
  }
  return oa_deflate_shaped(writer->deflater, p.data, p.len, choice->shape,
                           choice->stride, out);
}

/* Keeps TRIED in CHOICE when SAMPLE takes less than BEST with it. */
static oa_status try_shape(oa_ipc_writer *writer, part sample, oa_shape shape,
                           size_t stride, oa_ipc_choice *choice, size_t *best) {
  const oa_ipc_choice tried = {.shape = shape, .stride = (uint32_t)stride};
  writer->trial.len = 0;
  OA_TRY(compress(writer, sample, &tried, &writer->trial));
  if (writer->trial.len < *best) {
    *best = writer->trial.len;
    *choice = tried;
  }
  return OA_OK;
}

static oa_status choose(oa_ipc_writer *writer, part p, oa_ipc_choice *choice) {
  uint8_t bytes[SAMPLES * SAMPLE_SIZE];
  const size_t step = (p.len / SAMPLES) & ~(size_t)(FAN_MAX - 1);
  const part sample = {.data = bytes, .len = sizeof bytes};
  const oa_shape general = p.width > 0 ? OA_SHAPE_NUMBERS : OA_SHAPE_TEXT;
  size_t best = SIZE_MAX;
  for (size_t i = 0; i < SAMPLES; i++) {
    memcpy(bytes + i * SAMPLE_SIZE, p.data + i * step, SAMPLE_SIZE);
  }
  OA_TRY(try_shape(writer, sample, general, 0, choice, &best));
  if (writer->codec == OA_CODING_ZSTD && (p.width == 4 || p.width == 8)) {
    OA_TRY(try_shape(writer, sample, OA_SHAPE_STRIDED, p.width, choice, &best));
    if (writer->fan > 1) {
      OA_TRY(try_shape(writer, sample, OA_SHAPE_STRIDED, p.width * writer->fan,
                       choice, &best));
    }
  }
  if (writer->codec == OA_CODING_ZSTD && (p.width == 8 || p.width == 16)) {
    OA_TRY(try_shape(writer, sample, OA_SHAPE_VALUES, p.width, choice, &best));
  }
  choice->raw = best > sizeof bytes - sizeof bytes / SAMPLE_GAIN;
  choice->batches = CHOICE_BATCHES;
  return OA_OK;
}

/* The choice for the buffer that comes now; each has its own, by its place in
 * the batch. */
static oa_status next_choice(oa_ipc_writer *writer, part p,
                             oa_ipc_choice *out) {
  const size_t at = writer->choice_at++ * sizeof *out;
  if (at >= writer->choices.len) {
    OA_TRY(oa_buf_put_zeros(&writer->choices,
                            at + sizeof *out - writer->choices.len));
  }
  oa_ipc_choice *choice = (void *)(writer->choices.data + at);
  if (p.data == NULL || p.len < SAMPLE_MIN) {
    /* Too small to try: what numbers mostly want. */
    *out = (oa_ipc_choice){
        .shape = p.width == 4 ? OA_SHAPE_STRIDED : OA_SHAPE_NUMBERS,
        .stride = (uint32_t)p.width};
    return OA_OK;
  }
  if (choice->batches == 0) {
    OA_TRY(choose(writer, p, choice));
  }
  choice->batches--;
  *out = *choice;
  return OA_OK;
}

/* Appends the compressed form of P to BODY; false when it is not smaller. */
static oa_status try_compress(oa_ipc_writer *writer, part p, bool *smaller) {
  oa_ipc_choice choice;
  *smaller = false;
  OA_TRY(next_choice(writer, p, &choice));
  if (p.len < COMPRESS_MIN || choice.raw) {
    return OA_OK;
  }
  const size_t from = writer->body.len;
  OA_TRY(put_length(writer, (int64_t)p.len));
  OA_TRY(compress(writer, p, &choice, &writer->body));
  *smaller = writer->body.len - from < OA_IPC_LENGTH_SIZE + p.len;
  if (!*smaller) {
    writer->body.len = from;
  }
  return OA_OK;
}

static oa_status put_compressed(oa_ipc_writer *writer, part p) {
  const size_t from = writer->body.len;
  bool smaller = false;
  OA_TRY(try_compress(writer, p, &smaller));
  if (!smaller) {
    OA_TRY(put_length(writer, OA_IPC_NOT_COMPRESSED));
  }
  OA_TRY(took_body(writer, from));
  return smaller ? OA_OK : put_plain(writer, p);
}

/* Has what comes next in the body begin at a multiple of ALIGN. */
static oa_status align_body(oa_ipc_writer *writer, size_t align) {
  const size_t over = (size_t)(writer->body_at % align);
  const size_t from = writer->body.len;
  OA_TRY(oa_buf_put_zeros(&writer->body, over == 0 ? 0 : align - over));
  return took_body(writer, from);
}

/* True when P begins with a block in memory, so that it should in the stream:
 * it is so long that the padding before it is a small part.  Without DATA it
 * is written from the page of zeros. */
static bool has_blocks(const oa_ipc_writer *writer, part p) {
  return writer->blocks && writer->codec == OA_CODING_NONE && !p.passing &&
         p.len >= (size_t)OA_IPC_BLOCK * OA_IPC_OWN_BLOCKS &&
         (uintptr_t)p.data % OA_IPC_BLOCK == 0;
}

static oa_status put_buffer(oa_ipc_writer *writer, part p) {
  if (has_blocks(writer, p)) {
    writer->in_blocks = true;
    OA_TRY(align_body(writer, OA_IPC_BLOCK));
  }
  const uint64_t start = writer->body_at;
  if (p.len > 0) {
    OA_TRY(writer->codec == OA_CODING_NONE ? put_plain(writer, p)
                                           : put_compressed(writer, p));
  }
  const int64_t pair[2] = {(int64_t)start, (int64_t)(writer->body_at - start)};
  OA_TRY(oa_buf_put(&writer->buffers, pair, sizeof pair));
  return align_body(writer, writer->align);
}

static oa_status put_node(oa_ipc_writer *writer, int64_t length,
                          int64_t null_count) {
  const int64_t pair[2] = {length, null_count};
  return oa_buf_put(&writer->nodes, pair, sizeof pair);
}

static size_t bits_size(int64_t bits) {
  return (size_t)((bits + 7) / 8);
}

static oa_status put_validity(oa_ipc_writer *writer, const oa_array *array) {
  /* Without nulls the buffer may be left out; without a bitmap all are null,
   * which is a bitmap of zeros. */
  const part p = {.data = array->validity,
                  .len = array->null_count == 0 ? 0 : bits_size(array->length)};
  return put_buffer(writer, p);
}

static oa_status put_values(oa_ipc_writer *writer, const oa_array *array,
                            size_t len, size_t width) {
  return put_buffer(writer,
                    (part){.data = array->values, .len = len, .width = width});
}

static oa_status put_offsets(oa_ipc_writer *writer, const oa_array *array,
                             size_t width) {
  return put_buffer(writer, (part){.data = array->offsets,
                                   .len = ((size_t)array->length + 1) * width,
                                   .width = width});
}

/* Strings that are part of a longer array: their offsets begin behind 0. */
static oa_status put_part(oa_ipc_writer *writer, const oa_array *array) {
  const int32_t *offsets = array->offsets;
  const size_t count = (size_t)array->length + 1;
  const uint8_t *bytes = array->values;
  oa_buf *rebased = &writer->rebased;

  rebased->len = 0;
  OA_TRY(oa_buf_reserve(rebased, count * sizeof *offsets));
  int32_t *out = (void *)rebased->data;
  for (size_t i = 0; i < count; i++) {
    out[i] = offsets[i] - offsets[0];
  }
  OA_TRY(put_buffer(writer, (part){.data = rebased->data,
                                   .len = count * sizeof *offsets,
                                   .width = sizeof *offsets,
                                   .passing = true}));
  const size_t len = (size_t)out[count - 1];
  return put_buffer(
      writer, (part){.data = len == 0 ? NULL : bytes + offsets[0], .len = len});
}

static oa_status put_strings(oa_ipc_writer *writer, const oa_array *array,
                             size_t width) {
  const int32_t *offsets = array->offsets;
  if (width == sizeof *offsets && offsets != NULL && offsets[0] != 0) {
    return put_part(writer, array);
  }
  OA_TRY(put_offsets(writer, array, width));
  /* Without offsets all strings are empty. */
  return put_values(writer, array,
                    array->offsets == NULL ? 0 : array->values_size, 0);
}

static oa_status put_children(oa_ipc_writer *writer, const oa_field *field,
                              const oa_array *array) {
  for (size_t i = 0; i < field->child_count; i++) {
    OA_TRY(oa_ipc_put_array(writer, &field->children[i], &array->children[i]));
  }
  return OA_OK;
}

static oa_status put_list(oa_ipc_writer *writer, const oa_field *field,
                          const oa_array *array) {
  const size_t around = writer->fan;
  const int64_t items = array->children[0].length;
  OA_TRY(put_offsets(writer, array, sizeof(int32_t)));
  const int64_t fan = array->length == 0 ? 0 : items / array->length;
  writer->fan = fan > FAN_MAX ? 0 : (size_t)fan;
  const oa_status status = put_children(writer, field, array);
  writer->fan = around;
  return status;
}

oa_status oa_ipc_put_array(oa_ipc_writer *writer, const oa_field *field,
                           const oa_array *array) {
  const size_t length = (size_t)array->length;
  if (writer->stop != NULL && writer->stop(writer->stop_context)) {
    return OA_ERR_BUSY;
  }
  if (field->type == OA_TYPE_NULL && !field->dictionary) {
    return put_node(writer, array->length, array->length);
  }
  OA_TRY(put_node(writer, array->length, array->null_count));
  OA_TRY(put_validity(writer, array));
  if (field->dictionary) {
    const size_t index = oa_type_width(field->index_type);
    return put_values(writer, array, length * index, index);
  }
  switch (field->type) {
    case OA_TYPE_BOOL:
      return put_values(writer, array, bits_size(array->length), 0);
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return put_strings(writer, array, sizeof(int32_t));
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return put_strings(writer, array, sizeof(int64_t));
    case OA_TYPE_LIST:
      return put_list(writer, field, array);
    case OA_TYPE_STRUCT:
      return put_children(writer, field, array);
    default:
      return put_values(writer, array, length * oa_field_width(field),
                        oa_field_width(field));
  }
}
