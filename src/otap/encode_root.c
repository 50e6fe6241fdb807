/* SPDX-License-Identifier: Apache-2.0 */
/* What all roots begin with, and ids: children name their parents by them. */
#include "otap/encode_impl.h"

static bool other_ord(const oa_array *ord, int64_t a, int64_t b) {
  const uint64_t *values = ord->values;
  return values != NULL && values[a] != values[b];
}

static int32_t index_at(const oa_array *column, int64_t row) {
  const int32_t *indices = column->values;
  if (oa_array_is_null(column, row)) {
    return -1;
  }
  return indices == NULL ? 0 : indices[row];
}

/* The ids of resources and scopes: a new one wherever the numbers of the
 * messages that the rows came in change.  Delta-encoded, so 1 at the change. */
static oa_status put_owner_ids(oa_otap_encoder *encoder, oa_send_table *table,
                               const oa_send_rows *rows) {
  const oa_array *columns = encoder->columns;
  oa_send_owners *resources = &encoder->resources;
  oa_send_owners *scopes = &encoder->scopes;
  uint16_t *resource = NULL;
  uint16_t *scope = NULL;

  OA_TRY(oa_send_get_zeroed(encoder, rows->count, sizeof *resource, &resource));
  OA_TRY(oa_send_get_zeroed(encoder, rows->count, sizeof *scope, &scope));
  OA_TRY(oa_send_get(encoder, rows->count, sizeof(int32_t), &resources->ids));
  OA_TRY(oa_send_get(encoder, rows->count, sizeof(int32_t), &scopes->ids));
  resources->id_count = scopes->id_count = 0;
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    const int64_t last = i == 0 ? row : oa_send_row(rows, i - 1);
    const bool new_resource =
        other_ord(&columns[OA_COL_RESOURCE_ORD], row, last);
    const bool new_scope =
        new_resource || other_ord(&columns[OA_COL_SCOPE_ORD], row, last);
    resource[i] = new_resource;
    scope[i] = new_scope;
    if (i == 0 || new_resource) {
      resources->ids[resources->id_count++] =
          index_at(&columns[OA_COL_RESOURCE], row);
    }
    if (i == 0 || new_scope) {
      scopes->ids[scopes->id_count++] = index_at(&columns[OA_COL_SCOPE], row);
    }
  }
  oa_send_put_whole(table, OA_OTAP_RESOURCE, NULL);
  oa_send_put_whole(table, OA_OTAP_RESOURCE_ID, resource);
  oa_send_put_whole(table, OA_OTAP_SCOPE, NULL);
  oa_send_put_whole(table, OA_OTAP_SCOPE_ID, scope);
  return OA_OK;
}

/* dropped_attributes_count of each row's resource or scope.  That it is not
 * null also says that an empty resource is there; a scope has its name for
 * that. */
static oa_status put_dropped(oa_otap_encoder *encoder, oa_send_table *table,
                             bool resource, const oa_send_rows *rows) {
  const size_t column =
      resource ? OA_OTAP_RESOURCE_DROPPED : OA_OTAP_SCOPE_DROPPED;
  const uint16_t *steps =
      table->columns[resource ? OA_OTAP_RESOURCE_ID : OA_OTAP_SCOPE_ID]
          .array.values;
  const oa_send_owner *owner = NULL;
  uint32_t *values = NULL;
  uint8_t *bits = NULL;
  int64_t valid = 0;
  bool says = false;

  OA_TRY(oa_send_get_zeroed(encoder, rows->count, sizeof *values, &values));
  OA_TRY(oa_send_get_zeroed(encoder, rows->count / 8 + 1, 1, &bits));
  for (int64_t i = 0; i < rows->count; i++) {
    if (i == 0 || steps[i] != 0) {
      OA_TRY(oa_send_owner_at(encoder, resource, oa_send_row(rows, i), &owner));
    }
    if (owner != NULL) {
      values[i] = owner->dropped;
      says |= owner->dropped != 0 || (resource && owner->begin == owner->end);
      oa_send_set_bits(bits, i, i + 1);
      valid++;
    }
  }
  if (says) {
    oa_send_put_whole(table, column, values);
    oa_array *array = &table->columns[column].array;
    array->null_count = rows->count - valid;
    array->validity = array->null_count == 0 ? NULL : bits;
  }
  return OA_OK;
}

oa_status oa_send_put_root(oa_otap_encoder *encoder, oa_send_table *table,
                           const oa_send_rows *rows) {
  static const size_t texts[][2] = {
      {OA_OTAP_RESOURCE_SCHEMA_URL, OA_COL_RESOURCE_SCHEMA_URL},
      {OA_OTAP_SCOPE_NAME, OA_COL_SCOPE_NAME},
      {OA_OTAP_SCOPE_VERSION, OA_COL_SCOPE_VERSION},
      {OA_OTAP_SCHEMA_URL, OA_COL_SCOPE_SCHEMA_URL},
  };
  OA_TRY(put_owner_ids(encoder, table, rows));
  OA_TRY(put_dropped(encoder, table, true, rows));
  OA_TRY(put_dropped(encoder, table, false, rows));
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    OA_TRY(oa_send_put_text(encoder, table, texts[i][0],
                            &encoder->columns[texts[i][1]], rows));
  }
  return OA_OK;
}

oa_status oa_send_put_ids(oa_otap_encoder *encoder, oa_send_table *table,
                          size_t column, const bool *needs, uint32_t **ids) {
  const bool wide = table->info->columns[column].type == OA_TYPE_UINT32;
  const int64_t rows = table->rows;
  uint32_t next = 0;
  uint8_t *bits = NULL;
  void *steps = NULL;

  OA_TRY(oa_send_get(encoder, rows, sizeof **ids, ids));
  OA_TRY(oa_send_get_zeroed(encoder, rows / 8 + 1, 1, &bits));
  OA_TRY(oa_send_get_zeroed(encoder, rows, wide ? 4 : 2, &steps));
  for (int64_t i = 0; i < rows; i++) {
    if (!needs[i]) {
      (*ids)[i] = 0; /* nobody asks for it */
      continue;
    }
    oa_send_set_bits(bits, i, i + 1);
    if (wide) {
      ((uint32_t *)steps)[i] = next == 0 ? 0 : 1;
    } else {
      ((uint16_t *)steps)[i] = next == 0 ? 0 : 1;
    }
    (*ids)[i] = next++;
  }
  if (next > 0) {
    oa_send_put_whole(table, column, steps);
    oa_array *array = &table->columns[column].array;
    array->null_count = rows - next;
    array->validity = array->null_count == 0 ? NULL : bits;
  }
  return OA_OK;
}

void oa_send_need_lists(bool *needs, const oa_array *list,
                        const oa_send_rows *rows) {
  const int32_t *offsets = list->offsets;
  for (int64_t i = 0; offsets != NULL && i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    needs[i] |= offsets[row] != offsets[row + 1];
  }
}

static int64_t count_items(const oa_array *list, const oa_send_rows *rows) {
  int64_t sum = 0;
  int64_t begin;
  int64_t end;
  for (int64_t i = 0; i < rows->count; i++) {
    oa_array_range(list, oa_send_row(rows, i), &begin, &end);
    sum += end - begin;
  }
  return sum;
}

oa_status oa_send_items(oa_otap_encoder *encoder, const oa_array *list,
                        const oa_send_rows *rows, const uint32_t *ids,
                        oa_send_rows *items, uint32_t **parents) {
  uint32_t *index = NULL;
  uint32_t *origin = NULL;
  int64_t begin;
  int64_t end;
  int64_t at = 0;

  *items = (oa_send_rows){.count = count_items(list, rows)};
  OA_TRY(oa_send_get(encoder, items->count, sizeof **parents, parents));
  OA_TRY(oa_send_get(encoder, items->count, sizeof *origin, &origin));
  items->origin = origin;
  if (rows->index == NULL && rows->count > 0) {
    oa_array_range(list, rows->first, &items->first, &end);
  } else {
    OA_TRY(oa_send_get(encoder, items->count, sizeof *index, &index));
    items->index = index;
  }
  for (int64_t i = 0; i < rows->count; i++) {
    oa_array_range(list, oa_send_row(rows, i), &begin, &end);
    for (; begin < end; begin++, at++) {
      (*parents)[at] = ids[i];
      origin[at] = (uint32_t)oa_send_origin(rows, i);
      if (index != NULL) {
        index[at] = (uint32_t)begin;
      }
    }
  }
  return OA_OK;
}
