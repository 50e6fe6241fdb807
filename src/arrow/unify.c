/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/unify.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/dict.h"
#include "base/mem.h"

/* One dictionary column, at any depth. */
typedef struct slot {
  oa_dict dict;
  oa_buf numbers;  /* int32: this batch's dictionary in ours */
  oa_buf indices;  /* int32: the renumbered indices */
  oa_array values; /* the dictionary that is handed out */
} slot;

struct oa_unifier {
  const oa_schema *schema;
  oa_array *arrays; /* of the columns handed out and all their children */
  size_t array_count;
  size_t arrays_used;
  slot *slots; /* in the order in which a walk meets them */
  size_t slot_count;
  size_t slots_used;
};

static oa_status count_fields(oa_unifier *unifier, const oa_field *fields,
                              size_t count, oa_error *error) {
  for (size_t i = 0; i < count; i++) {
    const oa_field *field = &fields[i];
    if (field->dictionary) {
      if (field->index_type != OA_TYPE_INT32 ||
          (field->type != OA_TYPE_UTF8 && field->type != OA_TYPE_BINARY)) {
        return oa_error_set(
            error, OA_ERR_UNSUPPORTED,
            "column %s: only dictionaries of text or binary with int32 "
            "indices can be joined",
            field->name);
      }
      unifier->slot_count++;
    }
    unifier->array_count += 1;
    OA_TRY(count_fields(unifier, field->children, field->child_count, error));
  }
  return OA_OK;
}

oa_status oa_unifier_new(oa_unifier **out, const oa_schema *schema,
                         oa_error *error) {
  oa_status status = OA_ERR_NOMEM;
  oa_unifier *unifier = oa_calloc(1, sizeof *unifier);

  if (unifier == NULL) {
    return status;
  }
  unifier->schema = schema;
  status = count_fields(unifier, schema->fields, schema->field_count, error);
  if (status == OA_OK) {
    unifier->arrays =
        oa_calloc(unifier->array_count + 1, sizeof *unifier->arrays);
    unifier->slots = oa_calloc(unifier->slot_count + 1, sizeof(slot));
    status = unifier->arrays == NULL || unifier->slots == NULL ? OA_ERR_NOMEM
                                                               : OA_OK;
  }
  if (status != OA_OK) {
    oa_unifier_free(unifier);
    return status;
  }
  /* Not to be guessed by whoever wrote the values. */
  const uint64_t seed =
      oa_clock_wall_ns() ^ oa_clock_monotonic_ns() ^ (uintptr_t)unifier;
  for (size_t i = 0; i < unifier->slot_count; i++) {
    unifier->slots[i].dict.seed = seed;
  }
  *out = unifier;
  return OA_OK;
}

void oa_unifier_free(oa_unifier *unifier) {
  if (unifier == NULL) {
    return;
  }
  for (size_t i = 0; unifier->slots != NULL && i < unifier->slot_count; i++) {
    oa_dict_free(&unifier->slots[i].dict);
    oa_buf_free(&unifier->slots[i].numbers);
    oa_buf_free(&unifier->slots[i].indices);
  }
  oa_free(unifier->slots);
  oa_free(unifier->arrays);
  oa_free(unifier);
}

/* Finds or adds each value of a batch's dictionary. */
static oa_status learn(slot *s, const oa_field *field, const oa_array *values,
                       oa_error *error) {
  const size_t count = (size_t)values->length;

  if (values->null_count != 0) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "column %s: its dictionary holds a null", field->name);
  }
  s->numbers.len = 0;
  OA_TRY(oa_buf_put_zeros(&s->numbers, count * sizeof(int32_t)));
  int32_t *numbers = (int32_t *)(void *)s->numbers.data;
  for (size_t i = 0; i < count; i++) {
    size_t len;
    const uint8_t *bytes = oa_array_bytes(values, (int64_t)i, &len);
    const uint32_t hash = oa_dict_hash(&s->dict, bytes, len);
    numbers[i] = oa_dict_find(&s->dict, bytes, len, hash);
    if (numbers[i] < 0) {
      numbers[i] = oa_dict_add(&s->dict, bytes, len, hash);
    }
    if (numbers[i] < 0 && len > (size_t)INT32_MAX - s->dict.bytes.len) {
      return oa_error_set(error, OA_ERR_LIMIT,
                          "column %s: its different values pass 2 GiB",
                          field->name);
    }
    if (numbers[i] < 0) {
      return oa_error_set(error, OA_ERR_NOMEM, "column %s: no memory",
                          field->name);
    }
  }
  return OA_OK;
}

static oa_status renumber(slot *s, const oa_field *field, oa_array *array,
                          oa_error *error) {
  const int32_t *old = array->values;
  const size_t count = (size_t)array->length;

  OA_TRY(learn(s, field, array->dictionary, error));
  s->indices.len = 0;
  OA_TRY(oa_buf_put_zeros(&s->indices, count * sizeof(int32_t)));
  const int32_t *numbers = (const int32_t *)(const void *)s->numbers.data;
  int32_t *indices = (int32_t *)(void *)s->indices.data;
  for (size_t i = 0; i < count; i++) {
    /* What lies under a null may be any number. */
    if (!oa_array_is_null(array, (int64_t)i)) {
      indices[i] = numbers[old == NULL ? 0 : old[i]];
    }
  }
  s->values = (oa_array){0};
  array->values = indices;
  array->values_size = count * sizeof(int32_t);
  array->dictionary = &s->values;
  return OA_OK;
}

static oa_array *take_arrays(oa_unifier *unifier, size_t count) {
  oa_array *arrays = unifier->arrays + unifier->arrays_used;
  unifier->arrays_used += count;
  return arrays;
}

static oa_status walk(oa_unifier *unifier, const oa_field *fields, size_t count,
                      const oa_array *in, oa_array *out, oa_error *error) {
  for (size_t i = 0; i < count; i++) {
    const oa_field *field = &fields[i];
    out[i] = in[i];
    if (field->dictionary) {
      slot *s = &unifier->slots[unifier->slots_used++];
      OA_TRY(renumber(s, field, &out[i], error));
    }
    if (field->child_count > 0) {
      oa_array *children = take_arrays(unifier, field->child_count);
      OA_TRY(walk(unifier, field->children, field->child_count, in[i].children,
                  children, error));
      out[i].children = children;
    }
  }
  return OA_OK;
}

oa_status oa_unifier_renumber(oa_unifier *unifier, const oa_array *columns,
                              const oa_array **out, oa_error *error) {
  const oa_schema *schema = unifier->schema;

  unifier->arrays_used = 0;
  unifier->slots_used = 0;
  oa_array *arrays = take_arrays(unifier, schema->field_count);
  OA_TRY(walk(unifier, schema->fields, schema->field_count, columns, arrays,
              error));
  *out = arrays;
  return OA_OK;
}

static void walk_empty(oa_unifier *unifier, const oa_field *fields,
                       size_t count, oa_array *out) {
  for (size_t i = 0; i < count; i++) {
    const oa_field *field = &fields[i];
    out[i] = (oa_array){0};
    if (field->dictionary) {
      slot *s = &unifier->slots[unifier->slots_used++];
      s->values = (oa_array){.length = s->dict.count,
                             .offsets = s->dict.offsets,
                             .values = s->dict.bytes.data,
                             .values_size = s->dict.bytes.len};
      out[i].dictionary = &s->values;
    }
    if (field->child_count > 0) {
      oa_array *children = take_arrays(unifier, field->child_count);
      walk_empty(unifier, field->children, field->child_count, children);
      out[i].children = children;
    }
  }
}

const oa_array *oa_unifier_dictionaries(oa_unifier *unifier) {
  const oa_schema *schema = unifier->schema;

  unifier->arrays_used = 0;
  unifier->slots_used = 0;
  oa_array *arrays = take_arrays(unifier, schema->field_count);
  walk_empty(unifier, schema->fields, schema->field_count, arrays);
  return arrays;
}
