/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/emit.h"

void oa_emit_packed64(oa_emit *emit, uint32_t field, const uint64_t *values,
                      size_t count) {
  const size_t len = count * sizeof *values;
  if (count == 0) {
    return;
  }
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX + len);
  if (at == NULL) {
    return;
  }
  at = oa_tag_write(at, field, OA_WIRE_BYTES);
  at = oa_varint_write(at, len);
  if (values == NULL) {
    memset(at, 0, len);
  } else {
    memcpy(at, values, len);
  }
  oa_emit_wrote(emit, at + len);
}

void oa_emit_packed_varint(oa_emit *emit, uint32_t field,
                           const uint64_t *values, size_t count) {
  size_t len = values == NULL ? count : 0;

  if (count == 0) {
    return;
  }
  for (size_t i = 0; values != NULL && i < count; i++) {
    len += oa_varint_size(values[i]);
  }
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX + len);
  if (at == NULL) {
    return;
  }
  at = oa_tag_write(at, field, OA_WIRE_BYTES);
  at = oa_varint_write(at, len);
  for (size_t i = 0; i < count; i++) {
    at = oa_varint_write(at, values == NULL ? 0 : values[i]);
  }
  oa_emit_wrote(emit, at);
}

void oa_emit_shift(oa_emit *emit, oa_emit_nest nest) {
  const size_t len = emit->out.len - nest.body;
  const size_t width = oa_varint_size(len);

  /* Protobuf readers refuse messages of 2 GiB and more. */
  if (len > INT32_MAX) {
    emit->status = OA_ERR_LIMIT;
    return;
  }
  if (width > nest.width && oa_emit_room(emit, width - nest.width) == NULL) {
    return;
  }
  uint8_t *start = emit->out.data + nest.body - nest.width;
  memmove(start + width, start + nest.width, len);
  oa_varint_write(start, len);
  emit->out.len = nest.body - nest.width + width + len;
}
