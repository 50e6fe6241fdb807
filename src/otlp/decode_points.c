/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/points_impl.h"

/* What all kinds of points have, and where the row's lists began. */
typedef struct point {
  uint64_t start, time, flags;
  uint64_t count, sum, min, max;
  bool has_sum, has_min, has_max;
  uint32_t attributes, exemplars;
} point;

static point new_point(const oa_otlp_builder *b) {
  return (point){
      .attributes = b->attributes.table->length,
      .exemplars = b->root.columns[OA_POINT_EXEMPLARS].child->length,
  };
}

static oa_status put_attribute(oa_otlp_builder *b, const point *p,
                               oa_cursor *cursor) {
  oa_cursor bytes;
  OA_TRY(oa_cursor_bytes(cursor, &bytes));
  return oa_attrs_put(b, &b->attributes, p->attributes, bytes);
}

static oa_status put_exemplar(oa_otlp_builder *b, oa_cursor *cursor) {
  oa_cursor bytes;
  OA_TRY(oa_cursor_bytes(cursor, &bytes));
  return oa_decode_exemplar(b, bytes);
}

static oa_status read_present(oa_cursor *cursor, uint64_t *value,
                              bool *present) {
  *present = true;
  return oa_cursor_fixed64(cursor, value);
}

/* The columns that all kinds have. */
static void put_common(oa_otlp_builder *b, const point *p) {
  oa_table *table = &b->root;
  oa_column *column = table->columns;

  oa_put_time(table, &column[OA_POINT_START_TIME], p->start);
  oa_put_time(table, &column[OA_POINT_TIME], p->time);
  oa_put_list_since(table, &column[OA_POINT_ATTRIBUTES], p->attributes);
  oa_put_u32_unless_zero(table, &column[OA_POINT_FLAGS], (uint32_t)p->flags);
  oa_put_list_since(table, &column[OA_POINT_EXEMPLARS], p->exemplars);
}

static void put_if(oa_otlp_builder *b, size_t column, uint64_t value,
                   bool present) {
  if (present) {
    oa_put_u64(&b->root, oa_builder_column(b, column), value);
  }
}

/* --- numbers: gauge and sum --- */

oa_status oa_decode_number_point(oa_otlp_builder *b, oa_cursor cursor) {
  point p = new_point(b);
  uint64_t value = 0;
  uint32_t value_tag = 0;
  uint32_t tag;

  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(2, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.start));
        break;
      case OA_TAG(3, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.time));
        break;
      case OA_TAG(4, OA_WIRE_FIXED64):
      case OA_TAG(6, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &value));
        value_tag = tag;
        break;
      case OA_TAG(5, OA_WIRE_BYTES):
        OA_TRY(put_exemplar(b, &cursor));
        break;
      case OA_TAG(7, OA_WIRE_BYTES):
        OA_TRY(put_attribute(b, &p, &cursor));
        break;
      case OA_TAG(8, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &p.flags));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  put_common(b, &p);
  put_if(b, OA_POINT_VALUE_DOUBLE, value,
         value_tag == OA_TAG(4, OA_WIRE_FIXED64));
  put_if(b, OA_POINT_VALUE_INT, value, value_tag == OA_TAG(6, OA_WIRE_FIXED64));
  return OA_OK;
}

/* --- lists of numbers --- */

static oa_status push_u64(oa_table *items, uint64_t value) {
  OA_TRY(oa_table_reserve(items));
  oa_put_u64(items, items->columns, value);
  items->length++;
  return OA_OK;
}

/* A packed field of 64-bit values. */
static oa_status push_packed64(oa_table *items, oa_cursor *cursor) {
  oa_cursor packed;
  OA_TRY(oa_cursor_bytes(cursor, &packed));
  while (!oa_cursor_done(&packed)) {
    uint64_t value;
    OA_TRY(oa_cursor_fixed64(&packed, &value));
    OA_TRY(push_u64(items, value));
  }
  return OA_OK;
}

static oa_status push_one64(oa_table *items, oa_cursor *cursor) {
  uint64_t value;
  OA_TRY(oa_cursor_fixed64(cursor, &value));
  return push_u64(items, value);
}

/* --- histogram --- */

oa_status oa_decode_histogram_point(oa_otlp_builder *b, oa_cursor cursor) {
  oa_column *counts = oa_builder_column(b, OA_POINT_BUCKET_COUNTS);
  oa_column *bounds = oa_builder_column(b, OA_POINT_EXPLICIT_BOUNDS);
  const uint32_t counts_before = counts->child->length;
  const uint32_t bounds_before = bounds->child->length;
  point p = new_point(b);
  uint32_t tag;

  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(2, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.start));
        break;
      case OA_TAG(3, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.time));
        break;
      case OA_TAG(4, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.count));
        break;
      case OA_TAG(5, OA_WIRE_FIXED64):
        OA_TRY(read_present(&cursor, &p.sum, &p.has_sum));
        break;
      case OA_TAG(6, OA_WIRE_BYTES):
        OA_TRY(push_packed64(counts->child, &cursor));
        break;
      case OA_TAG(6, OA_WIRE_FIXED64):
        OA_TRY(push_one64(counts->child, &cursor));
        break;
      case OA_TAG(7, OA_WIRE_BYTES):
        OA_TRY(push_packed64(bounds->child, &cursor));
        break;
      case OA_TAG(7, OA_WIRE_FIXED64):
        OA_TRY(push_one64(bounds->child, &cursor));
        break;
      case OA_TAG(8, OA_WIRE_BYTES):
        OA_TRY(put_exemplar(b, &cursor));
        break;
      case OA_TAG(9, OA_WIRE_BYTES):
        OA_TRY(put_attribute(b, &p, &cursor));
        break;
      case OA_TAG(10, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &p.flags));
        break;
      case OA_TAG(11, OA_WIRE_FIXED64):
        OA_TRY(read_present(&cursor, &p.min, &p.has_min));
        break;
      case OA_TAG(12, OA_WIRE_FIXED64):
        OA_TRY(read_present(&cursor, &p.max, &p.has_max));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  put_common(b, &p);
  put_if(b, OA_POINT_COUNT_COL, p.count, true);
  put_if(b, OA_POINT_SUM, p.sum, p.has_sum);
  put_if(b, OA_POINT_MIN, p.min, p.has_min);
  put_if(b, OA_POINT_MAX, p.max, p.has_max);
  oa_put_list_since(&b->root, counts, counts_before);
  oa_put_list_since(&b->root, bounds, bounds_before);
  return OA_OK;
}

/* --- exponential histogram --- */

typedef struct buckets {
  oa_column *counts;
  uint32_t before;
  uint64_t offset;
  bool present;
} buckets;

static oa_status read_buckets(buckets *s, oa_cursor *cursor) {
  oa_cursor bytes;
  oa_cursor packed;
  uint64_t value;
  uint32_t tag;

  OA_TRY(oa_cursor_bytes(cursor, &bytes));
  s->present = true;
  while (!oa_cursor_done(&bytes)) {
    OA_TRY(oa_cursor_tag(&bytes, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&bytes, &s->offset));
        break;
      case OA_TAG(2, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&bytes, &value));
        OA_TRY(push_u64(s->counts->child, value));
        break;
      case OA_TAG(2, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&bytes, &packed));
        while (!oa_cursor_done(&packed)) {
          OA_TRY(oa_cursor_varint(&packed, &value));
          OA_TRY(push_u64(s->counts->child, value));
        }
        break;
      default:
        OA_TRY(oa_cursor_skip(&bytes, tag));
    }
  }
  return OA_OK;
}

static buckets new_buckets(oa_otlp_builder *b, size_t column) {
  oa_column *counts = oa_builder_column(b, column);
  return (buckets){.counts = counts, .before = counts->child->length};
}

static uint32_t sint32(uint64_t varint) {
  return (uint32_t)oa_zigzag((uint32_t)varint);
}

static void put_buckets(oa_otlp_builder *b, const buckets *s,
                        size_t offset_column) {
  if (s->present) {
    oa_put_u32(&b->root, oa_builder_column(b, offset_column),
               sint32(s->offset));
    oa_put_list_since(&b->root, s->counts, s->before);
  }
}

typedef struct exp_point {
  uint64_t scale, zero_count, zero_threshold;
  buckets positive, negative;
} exp_point;

static oa_status read_exp_point(oa_otlp_builder *b, point *p, exp_point *e,
                                oa_cursor cursor) {
  uint32_t tag;
  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_BYTES):
        OA_TRY(put_attribute(b, p, &cursor));
        break;
      case OA_TAG(2, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p->start));
        break;
      case OA_TAG(3, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p->time));
        break;
      case OA_TAG(4, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p->count));
        break;
      case OA_TAG(5, OA_WIRE_FIXED64):
        OA_TRY(read_present(&cursor, &p->sum, &p->has_sum));
        break;
      case OA_TAG(6, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &e->scale));
        break;
      case OA_TAG(7, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &e->zero_count));
        break;
      case OA_TAG(8, OA_WIRE_BYTES):
        OA_TRY(read_buckets(&e->positive, &cursor));
        break;
      case OA_TAG(9, OA_WIRE_BYTES):
        OA_TRY(read_buckets(&e->negative, &cursor));
        break;
      case OA_TAG(10, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &p->flags));
        break;
      case OA_TAG(11, OA_WIRE_BYTES):
        OA_TRY(put_exemplar(b, &cursor));
        break;
      case OA_TAG(12, OA_WIRE_FIXED64):
        OA_TRY(read_present(&cursor, &p->min, &p->has_min));
        break;
      case OA_TAG(13, OA_WIRE_FIXED64):
        OA_TRY(read_present(&cursor, &p->max, &p->has_max));
        break;
      case OA_TAG(14, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &e->zero_threshold));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  return OA_OK;
}

oa_status oa_decode_exp_histogram_point(oa_otlp_builder *b, oa_cursor cursor) {
  point p = new_point(b);
  exp_point e = {
      .positive = new_buckets(b, OA_POINT_POSITIVE_BUCKET_COUNTS),
      .negative = new_buckets(b, OA_POINT_NEGATIVE_BUCKET_COUNTS),
  };
  OA_TRY(read_exp_point(b, &p, &e, cursor));
  put_common(b, &p);
  put_if(b, OA_POINT_COUNT_COL, p.count, true);
  put_if(b, OA_POINT_SUM, p.sum, p.has_sum);
  put_if(b, OA_POINT_MIN, p.min, p.has_min);
  put_if(b, OA_POINT_MAX, p.max, p.has_max);
  oa_put_u32(&b->root, oa_builder_column(b, OA_POINT_SCALE), sint32(e.scale));
  put_if(b, OA_POINT_ZERO_COUNT, e.zero_count, true);
  put_if(b, OA_POINT_ZERO_THRESHOLD, e.zero_threshold, true);
  put_buckets(b, &e.positive, OA_POINT_POSITIVE_OFFSET);
  put_buckets(b, &e.negative, OA_POINT_NEGATIVE_OFFSET);
  return OA_OK;
}

/* --- summary --- */

static oa_status read_quantile(oa_otlp_builder *b, oa_cursor *cursor) {
  oa_table *table = oa_builder_column(b, OA_POINT_QUANTILES)->child;
  uint64_t quantile = 0;
  uint64_t value = 0;
  oa_cursor bytes;
  uint32_t tag;

  OA_TRY(oa_cursor_bytes(cursor, &bytes));
  OA_TRY(oa_table_reserve(table));
  while (!oa_cursor_done(&bytes)) {
    OA_TRY(oa_cursor_tag(&bytes, &tag));
    if (tag == OA_TAG(1, OA_WIRE_FIXED64)) {
      OA_TRY(oa_cursor_fixed64(&bytes, &quantile));
    } else if (tag == OA_TAG(2, OA_WIRE_FIXED64)) {
      OA_TRY(oa_cursor_fixed64(&bytes, &value));
    } else {
      OA_TRY(oa_cursor_skip(&bytes, tag));
    }
  }
  oa_put_u64(table, &table->columns[OA_QUANTILE_QUANTILE], quantile);
  oa_put_u64(table, &table->columns[OA_QUANTILE_VALUE], value);
  table->length++;
  return OA_OK;
}

oa_status oa_decode_summary_point(oa_otlp_builder *b, oa_cursor cursor) {
  oa_column *quantiles = oa_builder_column(b, OA_POINT_QUANTILES);
  const uint32_t before = quantiles->child->length;
  point p = new_point(b);
  uint32_t tag;

  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(2, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.start));
        break;
      case OA_TAG(3, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.time));
        break;
      case OA_TAG(4, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.count));
        break;
      case OA_TAG(5, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &p.sum));
        break;
      case OA_TAG(6, OA_WIRE_BYTES):
        OA_TRY(read_quantile(b, &cursor));
        break;
      case OA_TAG(7, OA_WIRE_BYTES):
        OA_TRY(put_attribute(b, &p, &cursor));
        break;
      case OA_TAG(8, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &p.flags));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  put_common(b, &p);
  put_if(b, OA_POINT_COUNT_COL, p.count, true);
  put_if(b, OA_POINT_SUM, p.sum, true);
  oa_put_list_since(&b->root, quantiles, before);
  return OA_OK;
}
