/* SPDX-License-Identifier: Apache-2.0 */
#include "api/output_impl.h"
#include "base/mem.h"

static oa_coding codec_of(oa_output_compression compression) {
  switch (compression) {
    case OA_OUTPUT_LZ4:
      return OA_CODING_LZ4;
    case OA_OUTPUT_ZSTD:
      return OA_CODING_ZSTD;
    default:
      return OA_CODING_NONE;
  }
}

static oa_status out_of_memory(oa_error *error) {
  return oa_error_set(error, OA_ERR_NOMEM, "no memory for an Arrow file");
}

oa_status oa_output_new(oa_output **out, const oa_output_options *options,
                        oa_error *error) {
  oa_output *output = oa_calloc(1, sizeof *output);
  if (output == NULL) {
    return out_of_memory(error);
  }
  output->options = *options;
  *out = output;
  return OA_OK;
}

void oa_output_free(oa_output *output) {
  if (output == NULL) {
    return;
  }
  oa_ipc_writer_free(output->stream);
  oa_ipc_file_free(output->file);
  oa_ipc_reader_free(output->schema_owner);
  oa_otlp_builder_free(output->rows);
  oa_buf_free(&output->bytes);
  oa_free(output);
}

static oa_status write_pieces(const oa_output *output,
                              const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    OA_TRY(output->options.write(output->options.context,
                                 pieces->iov[i].iov_base,
                                 pieces->iov[i].iov_len));
  }
  return OA_OK;
}

static oa_status write_bytes(oa_output *output) {
  const oa_status status = output->options.write(
      output->options.context, output->bytes.data, output->bytes.len);
  output->bytes.len = 0;
  return status;
}

static oa_status keep_schema(oa_output *output, const oa_reader *reader,
                             oa_error *error) {
  oa_ipc_event event;
  size_t used;

  oa_ipc_reader_free(output->schema_owner);
  output->schema_owner = NULL;
  if (oa_ipc_reader_new(&output->schema_owner, &oa_ipc_limits_default) !=
      OA_OK) {
    return out_of_memory(error);
  }
  oa_error problem = {0};
  const oa_status status =
      oa_ipc_read(output->schema_owner, reader->schema.data, reader->schema.len,
                  &used, &event, &problem);
  if (status != OA_OK) {
    return oa_reader_fail(reader, status, &problem, error);
  }
  output->schema = oa_ipc_reader_schema(output->schema_owner);
  return OA_OK;
}

oa_status oa_output_begin(oa_output *output, oa_error *error) {
  const oa_coding codec = codec_of(output->options.compression);
  const int level = output->options.level;
  oa_ipc_pieces pieces;

  if (output->options.format == OA_OUTPUT_FILE) {
    OA_TRY(oa_ipc_file_new(&output->file, output->schema, codec, level, error));
    if (oa_ipc_file_begin(output->file, &output->bytes, error) != OA_OK) {
      return out_of_memory(error);
    }
    return write_bytes(output);
  }
  if (oa_ipc_writer_new(&output->stream, output->schema, codec, level) !=
          OA_OK ||
      oa_ipc_write_schema(output->stream, &pieces) != OA_OK) {
    return out_of_memory(error);
  }
  return write_pieces(output, &pieces);
}

oa_status oa_output_source(oa_output *output, const oa_reader *reader,
                           oa_error *error) {
  if (output->schema == NULL) {
    OA_TRY(keep_schema(output, reader, error));
    return oa_output_begin(output, error);
  }
  if (!oa_schema_equal(output->schema, oa_ipc_reader_schema(reader->ipc))) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "%s: its columns are not those of the file before; "
                        "convert files of one signal and one schema at a time",
                        reader->path);
  }
  return OA_OK;
}

oa_status oa_output_put(oa_output *output, const oa_array *columns,
                        int64_t rows, oa_error *error) {
  oa_ipc_pieces pieces;
  oa_error problem = {0};

  const oa_status status =
      output->file != NULL
          ? oa_ipc_file_batch(output->file, columns, rows, &output->bytes,
                              &problem)
          : oa_ipc_write_batch(output->stream, columns, rows, &pieces);
  if (status != OA_OK) {
    const char *text =
        problem.text[0] == '\0' ? oa_status_text(status) : problem.text;
    return oa_error_set(error, status, "%s", text);
  }
  return output->file != NULL ? write_bytes(output)
                              : write_pieces(output, &pieces);
}

oa_status oa_output_batch(oa_output *output, const oa_reader *reader,
                          oa_error *error) {
  oa_error problem = {0};

  if (output->schema == NULL || reader->columns == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "the reader is at no batch");
  }
  OA_TRY(oa_output_flush(output, error));
  const oa_status status =
      oa_output_put(output, reader->columns, reader->rows, &problem);
  /* When the caller's own write stopped it is the caller who knows why. */
  return status == OA_OK || problem.text[0] == '\0'
             ? status
             : oa_reader_fail(reader, status, &problem, error);
}

oa_status oa_output_finish(oa_output *output, oa_error *error) {
  oa_ipc_pieces pieces;

  if (output->schema == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "there was nothing to convert");
  }
  OA_TRY(oa_output_flush(output, error));
  if (output->file != NULL) {
    if (oa_ipc_file_end(output->file, &output->bytes, error) != OA_OK) {
      return out_of_memory(error);
    }
    return write_bytes(output);
  }
  oa_ipc_write_end(&pieces);
  return write_pieces(output, &pieces);
}
