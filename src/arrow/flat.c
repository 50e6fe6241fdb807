/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/flat.h"

#include <string.h>

/* vtable: its own length, the table's length, then a place for each id. */
enum { VTABLE_HEAD = 4, OFFSET_SIZE = 4, ALIGN = 8 };

static uint16_t load16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static uint32_t load32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* True when LEN bytes at AT are inside SIZE. */
static bool inside(size_t at, size_t len, size_t size) {
  return at <= size && len <= size - at;
}

/* The place that the offset at AT names. */
static bool follow(const uint8_t *bytes, size_t size, size_t at, size_t *out) {
  if (!inside(at, OFFSET_SIZE, size)) {
    return false;
  }
  const uint32_t offset = load32(bytes + at);
  if (offset < OFFSET_SIZE || !inside(at, offset, size)) {
    return false;
  }
  *out = at + offset;
  return true;
}

static bool open_table(const uint8_t *bytes, size_t size, size_t at,
                       oa_flat_table *out) {
  if (!inside(at, OFFSET_SIZE, size)) {
    return false;
  }
  const int32_t back = (int32_t)load32(bytes + at);
  const int64_t vtable = (int64_t)at - back;
  if (vtable < 0 || !inside((size_t)vtable, VTABLE_HEAD, size)) {
    return false;
  }
  /* What the vtable says of the table's length does not count: Go's writer
   * shares vtables between tables that differ in nothing but that. */
  const size_t vtable_size = load16(bytes + vtable);
  if (vtable_size < VTABLE_HEAD || vtable_size % 2 != 0 ||
      !inside((size_t)vtable, vtable_size, size)) {
    return false;
  }
  *out = (oa_flat_table){.bytes = bytes,
                         .size = size,
                         .at = at,
                         .vtable = (size_t)vtable,
                         .fields = (vtable_size - VTABLE_HEAD) / 2};
  return true;
}

bool oa_flat_root(const uint8_t *bytes, size_t size, oa_flat_table *out) {
  size_t at = 0;
  return follow(bytes, size, 0, &at) && open_table(bytes, size, at, out);
}

/* *AT is 0, where no field can stand, when the field is absent. */
static bool find(const oa_flat_table *table, size_t id, size_t width,
                 size_t *at) {
  *at = 0;
  if (id >= table->fields) {
    return true;
  }
  const size_t offset =
      load16(table->bytes + table->vtable + VTABLE_HEAD + 2 * id);
  if (offset == 0) {
    return true;
  }
  if (offset < OFFSET_SIZE || !inside(table->at + offset, width, table->size)) {
    return false;
  }
  *at = table->at + offset;
  return true;
}

bool oa_flat_get(const oa_flat_table *table, size_t id, size_t width,
                 int64_t missing, int64_t *out) {
  size_t at = 0;
  if (!find(table, id, width, &at)) {
    return false;
  }
  if (at == 0) {
    *out = missing;
    return true;
  }
  uint64_t bits = 0;
  memcpy(&bits, table->bytes + at, width);
  const unsigned unused = 64 - 8 * (unsigned)width;
  *out = (int64_t)(bits << unused) >> unused;
  return true;
}

bool oa_flat_get_table(const oa_flat_table *table, size_t id,
                       oa_flat_table *out) {
  size_t at = 0;
  if (!find(table, id, OFFSET_SIZE, &at)) {
    return false;
  }
  if (at == 0) {
    *out = (oa_flat_table){0};
    return true;
  }
  return follow(table->bytes, table->size, at, &at) &&
         open_table(table->bytes, table->size, at, out);
}

bool oa_flat_get_vector(const oa_flat_table *table, size_t id, size_t item_size,
                        oa_flat_vector *out) {
  size_t at = 0;
  *out = (oa_flat_vector){.bytes = table->bytes, .size = table->size};
  if (!find(table, id, OFFSET_SIZE, &at)) {
    return false;
  }
  if (at == 0) {
    return true;
  }
  if (!follow(table->bytes, table->size, at, &at) ||
      !inside(at, OFFSET_SIZE, table->size)) {
    return false;
  }
  const size_t count = load32(table->bytes + at);
  at += OFFSET_SIZE;
  if (count > (table->size - at) / item_size) {
    return false;
  }
  out->at = at;
  out->count = count;
  return true;
}

bool oa_flat_get_text(const oa_flat_table *table, size_t id, const char **out,
                      size_t *len) {
  oa_flat_vector text;
  if (!oa_flat_get_vector(table, id, 1, &text)) {
    return false;
  }
  *out = text.at == 0 ? NULL : (const char *)(text.bytes + text.at);
  *len = text.count;
  return true;
}

bool oa_flat_vector_table(const oa_flat_vector *vector, size_t i,
                          oa_flat_table *out) {
  size_t at = 0;
  return follow(vector->bytes, vector->size, vector->at + i * OFFSET_SIZE,
                &at) &&
         open_table(vector->bytes, vector->size, at, out);
}

int64_t oa_flat_vector_word(const oa_flat_vector *vector, size_t i,
                            size_t item_size, size_t offset) {
  int64_t value;
  memcpy(&value, vector->bytes + vector->at + i * item_size + offset,
         sizeof value);
  return value;
}

/* --- writing --- */

/* Zero bytes until the next byte would stand at REST behind a multiple of
 * eight, and room for LEN more. */
static bool align(oa_flat_builder *builder, size_t rest, size_t len) {
  if (builder->status != OA_OK) {
    return false;
  }
  oa_buf *out = builder->out;
  const size_t now = (out->len - builder->start) % ALIGN;
  const size_t pad = (rest + ALIGN - now) % ALIGN;
  builder->status = oa_buf_reserve(out, pad + len);
  if (builder->status != OA_OK) {
    return false;
  }
  (void)oa_buf_put_zeros(out, pad);
  return true;
}

static void store(oa_buf *out, size_t at, const void *value, size_t width) {
  memcpy(out->data + at, value, width);
}

size_t oa_flat_begin(oa_flat_builder *builder, oa_buf *out) {
  *builder = (oa_flat_builder){.out = out, .start = out->len};
  builder->status = oa_buf_put_zeros(out, OFFSET_SIZE);
  return builder->start;
}

size_t oa_flat_put_table(oa_flat_builder *builder, oa_flat_slot *slots,
                         size_t count) {
  const size_t most = VTABLE_HEAD + 2 * count + ALIGN + OFFSET_SIZE + 8 * count;
  if (!align(builder, 0, most)) {
    return 0;
  }
  oa_buf *out = builder->out;
  const size_t vtable = out->len;
  (void)oa_buf_put_zeros(out, VTABLE_HEAD + 2 * count);
  /* The table starts four bytes before a multiple of eight: then its wide
   * fields follow its first word without a gap, and the narrow ones after. */
  (void)align(builder, ALIGN - OFFSET_SIZE, OFFSET_SIZE);
  const size_t table = out->len;
  const uint32_t back = (uint32_t)(table - vtable);
  (void)oa_buf_put(out, &back, sizeof back);
  for (size_t width = 8; width > 0; width /= 2) {
    for (size_t i = 0; i < count; i++) {
      if (slots[i].width == width) {
        const uint16_t offset = (uint16_t)(out->len - table);
        store(out, vtable + VTABLE_HEAD + 2 * i, &offset, sizeof offset);
        slots[i].at = out->len;
        (void)oa_buf_put(out, &slots[i].value, width);
      }
    }
  }
  const uint16_t sizes[2] = {(uint16_t)(VTABLE_HEAD + 2 * count),
                             (uint16_t)(out->len - table)};
  store(out, vtable, sizes, sizeof sizes);
  return table;
}

size_t oa_flat_put_text(oa_flat_builder *builder, const char *text) {
  const size_t len = strlen(text);
  const size_t at = oa_flat_put_vector(builder, text, len, 1);
  if (builder->status == OA_OK) {
    builder->status = oa_buf_put_byte(builder->out, 0);
  }
  return at;
}

size_t oa_flat_put_vector(oa_flat_builder *builder, const void *items,
                          size_t count, size_t item_size) {
  const size_t bytes = count * item_size;
  if (!align(builder, ALIGN - OFFSET_SIZE, OFFSET_SIZE + bytes)) {
    return 0;
  }
  oa_buf *out = builder->out;
  const size_t at = out->len;
  const uint32_t head = (uint32_t)count;
  (void)oa_buf_put(out, &head, sizeof head);
  if (items == NULL) {
    (void)oa_buf_put_zeros(out, bytes);
  } else {
    (void)oa_buf_put(out, items, bytes);
  }
  return at;
}

void oa_flat_link(oa_flat_builder *builder, size_t slot, size_t target) {
  if (builder->status == OA_OK) {
    const uint32_t offset = (uint32_t)(target - slot);
    store(builder->out, slot, &offset, sizeof offset);
  }
}
