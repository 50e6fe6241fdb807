/* SPDX-License-Identifier: Apache-2.0 */
/* The resources and scopes of a sender's rows: each distinct message is read
 * once, as when it comes in a request. */
#include "arrow/bits.h"
#include "otlp/append_impl.h"
#include "otlp/value.h"
#include "wire/emit.h"

enum { NO_OWNER = -1, BAD_OWNER = OA_NUMBER_NULL };

/* Bytes of the owners that a batch has made of its texts: a dictionary lets a
 * few bytes stand for any number, and each row's are made and looked for. */
enum { MAX_MADE_BYTES = 512 * 1024 * 1024 };

/* Columns that an owner can be made of when its own one is missing. */
typedef struct part {
  size_t column;
  const char *key; /* of a resource's attribute; NULL: field NUMBER */
  uint32_t number;
} part;

static const part resource_parts[] = {
    {OA_COL_SERVICE_NAME, "service.name", 1},
    {OA_COL_SERVICE_NAMESPACE, "service.namespace", 1},
    {OA_COL_SERVICE_INSTANCE_ID, "service.instance.id", 1},
};
static const part scope_parts[] = {
    {OA_COL_SCOPE_NAME, NULL, 1},
    {OA_COL_SCOPE_VERSION, NULL, 2},
};

/* The entry of a message, or BAD_OWNER. */
static oa_status read_owner(oa_appender *a, bool resource, const uint8_t *bytes,
                            size_t len, int32_t *entry) {
  const oa_cursor raw =
      len > 0 ? oa_cursor_over(bytes, len) : (oa_cursor){bytes, bytes};
  const oa_status status =
      oa_builder_find_owner(a->builder, resource, raw, entry);
  if (status == OA_ERR_MALFORMED || status == OA_ERR_TRUNCATED ||
      status == OA_ERR_LIMIT) {
    *entry = BAD_OWNER;
    return OA_OK;
  }
  return status;
}

static void refuse_owner(oa_appender *a, bool resource, int64_t row) {
  oa_append_refuse(a, &a->root, resource ? "resource" : "scope", row,
                   resource ? "no valid Resource message, or nested too deep"
                            : "no valid InstrumentationScope message, or "
                              "nested too deep");
}

/* The message of row ROW: looked up once for each value of the dictionary. */
static oa_status find_given(oa_appender *a, bool resource,
                            const oa_source *source, int64_t row,
                            int32_t *entry) {
  const int32_t value = source->plain
                            ? (int32_t)row
                            : ((const int32_t *)source->array.values)[row];
  int32_t *number = &source->numbers[value];
  if (*number == OA_NUMBER_UNKNOWN) {
    size_t len;
    const uint8_t *bytes = oa_source_text(source, row, &len);
    OA_TRY(read_owner(a, resource, bytes, len, number));
  }
  *entry = *number;
  return OA_OK;
}

/* --- made of its parts --- */

static void put_part(oa_emit *e, const part *p, const uint8_t *text,
                     size_t len) {
  if (p->key == NULL) {
    oa_emit_bytes(e, p->number, text, len);
    return;
  }
  const oa_emit_nest pair = oa_emit_open(e, p->number, 1);
  oa_emit_bytes(e, 1, (const uint8_t *)p->key, strlen(p->key));
  const oa_emit_nest value = oa_emit_open(e, 2, 1);
  oa_emit_bytes(e, 1, text, len);
  oa_emit_close(e, value);
  oa_emit_close(e, pair);
}

static oa_status make_owner(oa_appender *a, bool resource, oa_emit *e,
                            int64_t row, int32_t *entry) {
  const part *parts = resource ? resource_parts : scope_parts;
  const size_t count = resource ? sizeof resource_parts / sizeof *resource_parts
                                : sizeof scope_parts / sizeof *scope_parts;
  bool any = false;

  oa_emit_reset(e);
  for (size_t i = 0; i < count; i++) {
    const oa_source *source = &a->columns[parts[i].column];
    if (!oa_source_is_null(source, row)) {
      size_t len;
      const uint8_t *text = oa_source_text(source, row, &len);
      put_part(e, &parts[i], text, len);
      any = true;
    }
  }
  OA_TRY(e->status);
  *entry = NO_OWNER;
  return any ? read_owner(a, resource, e->out.data, e->out.len, entry) : OA_OK;
}

/* --- all rows --- */

static bool has_parts(const oa_appender *a, bool resource) {
  return resource ? !(a->columns[OA_COL_SERVICE_NAME].absent &&
                      a->columns[OA_COL_SERVICE_NAMESPACE].absent &&
                      a->columns[OA_COL_SERVICE_INSTANCE_ID].absent)
                  : !(a->columns[OA_COL_SCOPE_NAME].absent &&
                      a->columns[OA_COL_SCOPE_VERSION].absent);
}

static oa_status find_rows(oa_appender *a, bool resource, oa_emit *e,
                           int32_t *entries) {
  const oa_source *source =
      &a->columns[resource ? OA_COL_RESOURCE : OA_COL_SCOPE];
  const bool parts = has_parts(a, resource);
  size_t made = 0;

  for (int64_t i = 0; i < a->rows; i++) {
    entries[i] = NO_OWNER;
    if (oa_append_is_bad(a, i)) {
      continue;
    }
    if (!oa_source_is_null(source, i)) {
      OA_TRY(find_given(a, resource, source, i, &entries[i]));
    } else if (parts) {
      OA_TRY(make_owner(a, resource, e, i, &entries[i]));
      made += e->out.len;
    }
    if (made > MAX_MADE_BYTES) {
      return OA_ERR_LIMIT;
    }
    if (entries[i] == BAD_OWNER) {
      refuse_owner(a, resource, i);
    }
  }
  return OA_OK;
}

static oa_status find_all(oa_appender *a, bool resource, int32_t **out) {
  oa_emit e = {0};
  void *block = NULL;
  OA_TRY(oa_arena_get(&a->arena, (size_t)a->rows * sizeof(int32_t), &block));
  const oa_status status = find_rows(a, resource, &e, block);
  oa_buf_free(&e.out);
  *out = block;
  return status;
}

oa_status oa_append_find_owners(oa_appender *a) {
  OA_TRY(find_all(a, true, &a->resources));
  return find_all(a, false, &a->scopes);
}
