/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a batch: which bytes, compressed or not, from where. */
#include "arrow/ipc_write_impl.h"

/* Buffers up to this size are copied, so that the list of pieces stays short:
 * a copy of a KiB costs less than one more entry in a system call. */
enum { COPY_MAX = 1024 };

/* What a column that nobody filled is written from. */
enum { ZERO_PAGE = 64 * 1024 };
static const uint8_t zero_page[ZERO_PAGE];

/* Below this a compressed frame's own header outweighs any gain. */
enum { COMPRESS_MIN = 32 };

/* Random ids do not shrink, and finding that out costs a pass over them.  So
 * for types that often hold random bits a few pieces are tried first; they are
 * long enough to find the repetition of a trace's id in its neighbors.  Less
 * gain than one part in SAMPLE_GAIN is not worth a reader's time. */
enum { SAMPLE_MIN = 64 * 1024, SAMPLE_SIZE = 4096, SAMPLES = 3 };
enum { SAMPLE_GAIN = 20 };

/* One buffer of an array. */
typedef struct part {
  const uint8_t *data; /* NULL: LEN zero bytes */
  size_t len;
  bool doubtful; /* worth a sample before it is compressed */
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
  if (p.len <= COPY_MAX) {
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

/* Compresses a few pieces of P to see whether all of it would shrink. */
static oa_status looks_random(oa_ipc_writer *writer, part p, bool *out) {
  uint8_t sample[SAMPLES * SAMPLE_SIZE];
  const size_t step = (p.len - SAMPLE_SIZE) / (SAMPLES - 1);
  for (size_t i = 0; i < SAMPLES; i++) {
    memcpy(sample + i * SAMPLE_SIZE, p.data + i * step, SAMPLE_SIZE);
  }
  writer->trial.len = 0;
  OA_TRY(oa_deflate(writer->deflater, sample, sizeof sample, &writer->trial));
  *out = writer->trial.len > sizeof sample - sizeof sample / SAMPLE_GAIN;
  return OA_OK;
}

/* Appends the compressed form of P to BODY; false when it is not smaller. */
static oa_status try_compress(oa_ipc_writer *writer, part p, bool *smaller) {
  *smaller = false;
  if (p.len < COMPRESS_MIN) {
    return OA_OK;
  }
  if (p.data != NULL && p.doubtful && p.len >= SAMPLE_MIN) {
    bool random = false;
    OA_TRY(looks_random(writer, p, &random));
    if (random) {
      return OA_OK;
    }
  }
  const size_t from = writer->body.len;
  OA_TRY(put_length(writer, (int64_t)p.len));
  if (p.data == NULL) {
    OA_TRY(oa_deflate_zeros(writer->deflater, p.len, &writer->body));
  } else {
    OA_TRY(oa_deflate(writer->deflater, p.data, p.len, &writer->body));
  }
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

static oa_status put_buffer(oa_ipc_writer *writer, part p) {
  const uint64_t start = writer->body_at;
  if (p.len > 0) {
    OA_TRY(writer->codec == OA_CODEC_NONE ? put_plain(writer, p)
                                          : put_compressed(writer, p));
  }
  const int64_t pair[2] = {(int64_t)start, (int64_t)(writer->body_at - start)};
  OA_TRY(oa_buf_put(&writer->buffers, pair, sizeof pair));

  const size_t over = (size_t)(writer->body_at % OA_IPC_ALIGN);
  const size_t from = writer->body.len;
  OA_TRY(oa_buf_put_zeros(&writer->body, over == 0 ? 0 : OA_IPC_ALIGN - over));
  return took_body(writer, from);
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
                            size_t len, bool doubtful) {
  return put_buffer(
      writer, (part){.data = array->values, .len = len, .doubtful = doubtful});
}

static oa_status put_offsets(oa_ipc_writer *writer, const oa_array *array,
                             size_t width) {
  return put_buffer(writer, (part){.data = array->offsets,
                                   .len = ((size_t)array->length + 1) * width});
}

static oa_status put_strings(oa_ipc_writer *writer, const oa_array *array,
                             size_t width) {
  OA_TRY(put_offsets(writer, array, width));
  /* Without offsets all strings are empty. */
  return put_values(writer, array,
                    array->offsets == NULL ? 0 : array->values_size, false);
}

static oa_status put_children(oa_ipc_writer *writer, const oa_field *field,
                              const oa_array *array) {
  for (size_t i = 0; i < field->child_count; i++) {
    OA_TRY(oa_ipc_put_array(writer, &field->children[i], &array->children[i]));
  }
  return OA_OK;
}

oa_status oa_ipc_put_array(oa_ipc_writer *writer, const oa_field *field,
                           const oa_array *array) {
  const size_t length = (size_t)array->length;
  if (field->type == OA_TYPE_NULL && !field->dictionary) {
    return put_node(writer, array->length, array->length);
  }
  OA_TRY(put_node(writer, array->length, array->null_count));
  OA_TRY(put_validity(writer, array));
  if (field->dictionary) {
    return put_values(writer, array, length * oa_type_width(field->index_type),
                      false);
  }
  switch (field->type) {
    case OA_TYPE_BOOL:
      return put_values(writer, array, bits_size(array->length), false);
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return put_strings(writer, array, sizeof(int32_t));
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return put_strings(writer, array, sizeof(int64_t));
    case OA_TYPE_LIST:
      OA_TRY(put_offsets(writer, array, sizeof(int32_t)));
      return put_children(writer, field, array);
    case OA_TYPE_STRUCT:
      return put_children(writer, field, array);
    case OA_TYPE_FIXED_BINARY:
    case OA_TYPE_FLOAT:
    case OA_TYPE_DOUBLE:
      return put_values(writer, array, length * oa_field_width(field), true);
    default:
      return put_values(writer, array, length * oa_field_width(field), false);
  }
}
