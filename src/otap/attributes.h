/* SPDX-License-Identifier: Apache-2.0 */
/* attributes.h - the attribute tables of all records but resources and scopes.
 *
 * Reading finds each row's key, kind and parent; writing puts it into the
 * builder's attribute list, straight to its place.  Private to otap/.
 */
#ifndef OA_OTAP_ATTRIBUTES_H
#define OA_OTAP_ATTRIBUTES_H

#include "otap/decode_impl.h"

typedef struct oa_otap_attrs {
  const oa_otap_table *table; /* NULL: there is none, or it has no rows */
  oa_otap_join join;
  uint8_t *types;             /* OA_VALUE_*; EMPTY where the value is null */
  const uint8_t *key_indices; /* of the rows in KEYS; NULL: their own numbers */
  const int32_t *keys;
  int32_t *strings;         /* numbers, of the rows of type STR */
  const uint64_t *integers; /* of the rows of type INT; NULL: there is none */
  const uint64_t *doubles;  /* their bits */
  uint32_t counts[8];       /* rows of each type */
} oa_otap_attrs;

/* Reads the table of TYPE, if there is one; its strings get numbers in the
 * dictionaries of TO.  PARENTS knows the ids of the parent table, which has
 * PARENT_ROWS rows. */
oa_status oa_otap_attrs_read(const oa_otap_decoder *d, oa_payload_type type,
                             oa_attrs *to, const oa_otap_ids *parents,
                             uint32_t parent_rows, oa_otap_attrs *out);

/* The attributes of one list column: as many tables as there are kinds of
 * parents. */
enum { OA_OTAP_MAX_KINDS = 5 };

/* Gives list column LIST of TABLE its attributes, for the COUNT rows from BASE
 * on that are made from SEATS (see oa_otap_place_lists()). */
oa_status oa_otap_attrs_write(const oa_otap_decoder *d, oa_attrs *to,
                              oa_otap_attrs *kinds, size_t kind_count,
                              oa_table *table, oa_column *list, uint32_t base,
                              uint32_t count, const oa_otap_seat *seats);

/* Appends row I as the next item of TO. */
oa_status oa_otap_attrs_append(const oa_otap_decoder *d, oa_attrs *to,
                               const oa_otap_attrs *attrs, uint32_t i);

/* A byte for each row of an attribute table: 1 when it looks like the one
 * before. */
oa_status oa_otap_attrs_same(const oa_otap_decoder *d,
                             const oa_otap_table *table, uint8_t **out);

/* The column that holds the values of TYPE, which has any. */
size_t oa_otap_value_column(uint8_t type);

/* The bits of doubles, which are compared as numbers: NaN equals nothing, 0.0
 * equals -0.0. */
OA_INLINE bool oa_otap_same_double(uint64_t a, uint64_t b) {
  double x;
  double y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  return x <= y && x >= y;
}

/* Bytes of the text or the bytes at row I, which is of TYPE; 0 of others. */
size_t oa_otap_attrs_length(const oa_otap_table *table, uint8_t type,
                            uint32_t i);

/* Row I has the value of the row before; both are of TYPE. */
bool oa_otap_same_value(const oa_otap_table *table, uint8_t type, uint32_t i);

/* The end of the run of equal TYPES that begins at AT, which is below ROWS. */
OA_INLINE uint32_t oa_otap_types_run(const uint8_t *types, uint32_t at,
                                     uint32_t rows) {
  const uint64_t all = types[at] * UINT64_C(0x0101010101010101);
  uint64_t eight;
  uint32_t end = at + 1;
  for (; end + sizeof eight <= rows; end += sizeof eight) {
    memcpy(&eight, types + end, sizeof eight);
    if (eight != all) {
      break;
    }
  }
  while (end < rows && types[end] == types[at]) {
    end++;
  }
  return end;
}

OA_INLINE int32_t oa_otap_attrs_key(const oa_otap_attrs *a, uint32_t i) {
  return a->key_indices == NULL ? a->keys[i] : a->keys[a->key_indices[i]];
}

/* The end of the run of rows with one type and key that begins at AT. */
uint32_t oa_otap_attrs_run(const oa_otap_attrs *a, uint32_t at);

/* The type of row I, or EMPTY when its value is null.  OA_ERR_MALFORMED: there
 * is no such type. */
oa_status oa_otap_attrs_type(const oa_otap_decoder *d,
                             const oa_otap_table *table, uint32_t i,
                             uint8_t *out);

/* The map or slice at row I as CBOR in our own form, in the builder's buffer
 * or where it stands.  OA_ERR_MALFORMED. */
oa_status oa_otap_read_nested(const oa_otap_decoder *d,
                              const oa_otap_table *table, size_t column,
                              uint8_t type, uint32_t i, const uint8_t **cbor,
                              size_t *len);

#endif
