/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/stored.h"

#include <string.h>

#include "arrow/ipc_read_impl.h"
#include "arrow/ipc_write.h"
#include "flight/form.h"

/* Batches of ours are far smaller; more rows than these are damage, which may
 * not cost memory. */
enum { MAX_ROWS = 1 << 24 };

oa_status oa_stored_look(const uint8_t *bytes, size_t len,
                         oa_stored_message *out, size_t *need,
                         oa_error *error) {
  oa_ipc_message message;
  const oa_status status = oa_ipc_frame(
      bytes, len, oa_ipc_limits_default.max_message, &message, error);
  if (status == OA_ERR_TRUNCATED && message.meta_at == 0) {
    *need = message.size;
    return status;
  }
  if (status != OA_OK && status != OA_ERR_TRUNCATED) {
    return status;
  }
  *out = (oa_stored_message){.event = message.event,
                             .meta_at = message.meta_at,
                             .meta_len = message.meta_len,
                             .body_at = message.meta_at + message.meta_len,
                             .body_len = message.body_len,
                             .size = message.size};
  return OA_OK;
}

/* --- where the times are --- */

/* Buffers of one array without its children. */
static size_t buffers_of(const oa_field *field) {
  if (field->dictionary) {
    return 2; /* validity and indices */
  }
  switch (field->type) {
    case OA_TYPE_NULL:
      return 0;
    case OA_TYPE_STRUCT:
      return 1;
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return 3;
    default:
      return 2;
  }
}

/* Counts the nodes and buffers of a field and all below it.  The schema was
 * read with a bound on its depth. */
static void count(const oa_field *field, oa_stored_times *sum) {
  sum->node++;
  sum->buffer += buffers_of(field);
  for (size_t i = 0; i < field->child_count && !field->dictionary; i++) {
    count(&field->children[i], sum);
  }
}

bool oa_stored_find_times(oa_signal signal, const oa_schema *schema,
                          oa_stored_times *out) {
  size_t index = 0;
  const oa_field *field = oa_flight_field(
      schema, signal == OA_TRACES ? "start_time_unix_nano" : "time_unix_nano",
      &index);
  if (field == NULL || field->type != OA_TYPE_TIMESTAMP ||
      field->unit != OA_UNIT_NANO || field->dictionary) {
    return false;
  }
  oa_stored_times sum = {0};
  for (size_t i = 0; i < index; i++) {
    count(&schema->fields[i], &sum);
  }
  sum.buffer++; /* behind its validity */
  *out = sum;
  return true;
}

static oa_status read_codec(const oa_flat_table *batch, oa_coding *out,
                            oa_error *error) {
  oa_flat_table compression;
  int64_t codec = 0;
  if (!oa_flat_get_table(batch, OA_BATCH_COMPRESSION, &compression) ||
      !oa_flat_get(&compression, OA_COMPRESSION_CODEC, 1, 0, &codec)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow batch: the compression is not a valid "
                        "flatbuffer");
  }
  *out = OA_CODING_NONE;
  if (compression.bytes != NULL) {
    *out = codec == OA_COMPRESSION_LZ4 ? OA_CODING_LZ4 : OA_CODING_ZSTD;
  }
  return OA_OK;
}

oa_status oa_stored_locate(const uint8_t *meta, size_t len,
                           const oa_stored_times *times, oa_stored_slice *out,
                           oa_error *error) {
  oa_ipc_message message = {0};
  oa_flat_vector nodes;
  oa_flat_vector buffers;
  oa_stored_slice slice = {0};
  OA_TRY(oa_ipc_header(meta, len, &message, error));
  if (message.event != OA_IPC_BATCH) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow message: it is not a record batch");
  }
  OA_TRY(oa_ipc_batch_table(&message.head, message.body_len, &slice.rows,
                            &nodes, &buffers, error));
  OA_TRY(read_codec(&message.head, &slice.codec, error));
  if (times->node >= nodes.count || times->buffer >= buffers.count) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow batch: it has fewer columns than its schema");
  }
  slice.nulls = oa_flat_vector_word(&nodes, times->node, OA_IPC_PAIR_SIZE, 8);
  slice.at = (uint64_t)oa_flat_vector_word(&buffers, times->buffer,
                                           OA_IPC_PAIR_SIZE, 0);
  slice.len = (uint64_t)oa_flat_vector_word(&buffers, times->buffer,
                                            OA_IPC_PAIR_SIZE, 8);
  *out = slice;
  return OA_OK;
}

/* --- what they are --- */

static bool any_between(const uint8_t *times, int64_t rows, uint64_t from,
                        uint64_t last) {
  for (int64_t i = 0; i < rows; i++) {
    uint64_t time;
    memcpy(&time, times + (size_t)i * sizeof time, sizeof time);
    if (time >= from && time <= last) {
      return true;
    }
  }
  return false;
}

/* The values of a slice as they are without compression. */
static oa_status unpack(const oa_stored_slice *slice, const uint8_t *bytes,
                        oa_inflater *inflater, oa_buf *scratch, size_t size,
                        const uint8_t **out) {
  int64_t declared;
  if (slice->codec == OA_CODING_NONE) {
    *out = bytes;
    return slice->len < size ? OA_ERR_MALFORMED : OA_OK;
  }
  if (slice->len < OA_IPC_LENGTH_SIZE) {
    return OA_ERR_MALFORMED;
  }
  memcpy(&declared, bytes, sizeof declared);
  const uint8_t *frame = bytes + OA_IPC_LENGTH_SIZE;
  const size_t frame_len = (size_t)slice->len - OA_IPC_LENGTH_SIZE;
  if (declared == OA_IPC_NOT_COMPRESSED) {
    *out = frame;
    return frame_len < size ? OA_ERR_MALFORMED : OA_OK;
  }
  /* Only as much memory as the rows take, whatever is claimed. */
  if (declared < 0 || (uint64_t)declared != size) {
    return OA_ERR_MALFORMED;
  }
  scratch->len = 0;
  OA_TRY(oa_buf_reserve(scratch, size));
  OA_TRY(oa_inflate_exact(inflater, slice->codec, frame, frame_len,
                          scratch->data, size, NULL));
  *out = scratch->data;
  return OA_OK;
}

oa_status oa_stored_overlaps(const oa_stored_slice *slice, const uint8_t *bytes,
                             oa_inflater *inflater, oa_buf *scratch,
                             uint64_t from, uint64_t last, bool *out) {
  const uint8_t *times = NULL;
  if (slice->nulls != 0 || slice->rows == 0) {
    /* A row without a time is left out by no filter. */
    *out = slice->rows > 0;
    return OA_OK;
  }
  if (slice->rows > MAX_ROWS) {
    return OA_ERR_MALFORMED;
  }
  OA_TRY(unpack(slice, bytes, inflater, scratch,
                (size_t)slice->rows * sizeof(uint64_t), &times));
  *out = any_between(times, slice->rows, from, last);
  return OA_OK;
}

oa_status oa_stored_put_schema(oa_signal signal, oa_buf *out) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces = {0};
  OA_TRY(oa_ipc_writer_new(&writer, oa_otlp_schema(signal), OA_CODING_NONE, 0));
  oa_status status = oa_ipc_write_schema(writer, &pieces);
  for (size_t i = 0; i < pieces.count && status == OA_OK; i++) {
    status = oa_buf_put(out, pieces.iov[i].iov_base, pieces.iov[i].iov_len);
  }
  oa_ipc_writer_free(writer);
  return status;
}
