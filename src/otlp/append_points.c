/* SPDX-License-Identifier: Apache-2.0 */
/* Data points: which columns a row uses depends on its metric's type; and
 * spans, whose status is two columns. */
#include "arrow/bits.h"
#include "otlp/append_impl.h"

/* Codes are the metric's type, and above that of a metric without points. */
enum { NO_POINT = 8 };

#define ONLY(TYPE) (1U << (TYPE))
#define GAUGE ONLY(OA_METRIC_GAUGE)
#define SUM ONLY(OA_METRIC_SUM)
#define HISTOGRAM ONLY(OA_METRIC_HISTOGRAM)
#define EXPONENTIAL ONLY(OA_METRIC_EXP_HISTOGRAM)
#define SUMMARY ONLY(OA_METRIC_SUMMARY)
#define NUMBERS (GAUGE | SUM)
#define HISTOGRAMS (HISTOGRAM | EXPONENTIAL)
#define COUNTED (HISTOGRAMS | SUMMARY)
#define POINTS (NUMBERS | COUNTED)
#define METRIC(TYPES) ((TYPES) | (TYPES) << NO_POINT)

#define OPTIONAL(COLUMN, TYPES) \
  { (COLUMN), (uint16_t)(TYPES), 0, 0 }
#define ALWAYS(COLUMN, TYPES) \
  { (COLUMN), (uint16_t)(TYPES), (uint16_t)(TYPES), 0 }

static const oa_append_rule point_rules[] = {
    ALWAYS(OA_POINT_TEMPORALITY, METRIC(SUM | HISTOGRAMS)),
    ALWAYS(OA_POINT_IS_MONOTONIC, METRIC(SUM)),
    OPTIONAL(OA_POINT_START_TIME, POINTS),
    OPTIONAL(OA_POINT_TIME, POINTS),
    OPTIONAL(OA_POINT_ATTRIBUTES, POINTS),
    OPTIONAL(OA_POINT_FLAGS, POINTS),
    OPTIONAL(OA_POINT_VALUE_INT, NUMBERS),
    OPTIONAL(OA_POINT_VALUE_DOUBLE, NUMBERS),
    ALWAYS(OA_POINT_COUNT_COL, COUNTED),
    {OA_POINT_SUM, COUNTED, SUMMARY, 0},
    OPTIONAL(OA_POINT_MIN, HISTOGRAMS),
    OPTIONAL(OA_POINT_MAX, HISTOGRAMS),
    OPTIONAL(OA_POINT_BUCKET_COUNTS, HISTOGRAM),
    OPTIONAL(OA_POINT_EXPLICIT_BOUNDS, HISTOGRAM),
    ALWAYS(OA_POINT_SCALE, EXPONENTIAL),
    ALWAYS(OA_POINT_ZERO_COUNT, EXPONENTIAL),
    ALWAYS(OA_POINT_ZERO_THRESHOLD, EXPONENTIAL),
    OPTIONAL(OA_POINT_POSITIVE_OFFSET, EXPONENTIAL),
    OPTIONAL(OA_POINT_POSITIVE_BUCKET_COUNTS, EXPONENTIAL),
    OPTIONAL(OA_POINT_NEGATIVE_OFFSET, EXPONENTIAL),
    OPTIONAL(OA_POINT_NEGATIVE_BUCKET_COUNTS, EXPONENTIAL),
    OPTIONAL(OA_POINT_QUANTILES, SUMMARY),
    OPTIONAL(OA_POINT_EXEMPLARS, NUMBERS | HISTOGRAMS),
};

static bool has_point(const oa_appender *a, uint8_t type, int64_t row) {
  return a->have[OA_POINT_POINT_ORD]
             ? !oa_source_is_null(&a->columns[OA_POINT_POINT_ORD], row)
             : type != OA_METRIC_NONE;
}

static oa_status find_codes(oa_appender *a, const uint8_t **out) {
  const uint8_t *types = NULL;
  void *block = NULL;
  OA_TRY(oa_append_codes(a, &a->root, &a->columns[OA_POINT_METRIC_TYPE],
                         a->rows, OA_METRIC_SUMMARY, OA_METRIC_NONE, &types));
  OA_TRY(oa_arena_get(&a->arena, (size_t)a->rows, &block));
  uint8_t *codes = block;
  for (int64_t i = 0; i < a->rows; i++) {
    const bool point = has_point(a, types[i], i);
    codes[i] = point ? types[i] : (uint8_t)(types[i] + NO_POINT);
    if (point && types[i] == OA_METRIC_NONE) {
      oa_append_refuse(a, &a->root, "metric_type", i,
                       "a data point of no type");
    }
  }
  *out = codes;
  return OA_OK;
}

static void check_values(oa_appender *a) {
  const oa_source *whole = &a->columns[OA_POINT_VALUE_INT];
  const oa_source *real = &a->columns[OA_POINT_VALUE_DOUBLE];
  if (whole->absent || real->absent) {
    return;
  }
  for (int64_t i = 0; i < a->rows; i += OA_WORD) {
    const unsigned count = oa_word_count(a->rows - i);
    uint64_t both = oa_valid_word(&whole->array, i, count) &
                    oa_valid_word(&real->array, i, count);
    for (; both != 0; both &= both - 1) {
      oa_append_refuse(a, &a->root, "value_int", i + __builtin_ctzll(both),
                       "value_int and value_double are both set");
    }
  }
}

/* Bucket counts say nothing without the number of the first bucket. */
static void check_buckets(oa_appender *a, size_t counts, size_t offset) {
  const oa_source *list = &a->columns[counts];
  const int32_t *ends = list->array.offsets;
  for (int64_t i = 0; i < a->rows && !list->absent; i++) {
    if (ends[i] != ends[i + 1] && !oa_source_is_null(list, i) &&
        oa_source_is_null(&a->columns[offset], i)) {
      oa_append_refuse(a, &a->root, list->field->name, i,
                       "bucket counts without an offset");
    }
  }
}

oa_status oa_append_check_points(oa_appender *a) {
  const uint8_t *codes = NULL;
  OA_TRY(find_codes(a, &codes));
  OA_TRY(oa_append_agree(a, &a->root, a->columns, codes, a->rows, point_rules,
                         sizeof point_rules / sizeof *point_rules));
  check_values(a);
  check_buckets(a, OA_POINT_POSITIVE_BUCKET_COUNTS, OA_POINT_POSITIVE_OFFSET);
  check_buckets(a, OA_POINT_NEGATIVE_BUCKET_COUNTS, OA_POINT_NEGATIVE_OFFSET);
  return OA_OK;
}

bool oa_append_is_item(const oa_appender *a, int64_t row) {
  const oa_source *type = &a->columns[OA_POINT_METRIC_TYPE];
  return a->builder->signal != OA_METRICS ||
         has_point(a,
                   oa_source_is_null(type, row)
                       ? (uint8_t)OA_METRIC_NONE
                       : ((const uint8_t *)type->array.values)[row],
                   row);
}

/* A message says that there is a status: its code is 0 then. */
oa_status oa_append_check_spans(oa_appender *a) {
  oa_source *code = &a->columns[OA_SPAN_STATUS_CODE];
  const oa_source *message = &a->columns[OA_SPAN_STATUS_MESSAGE];
  void *block = NULL;
  bool added = false;

  if (message->absent) {
    return OA_OK;
  }
  OA_TRY(oa_arena_get_zeroed(&a->arena, (size_t)a->rows / 8 + 9, 1, &block));
  for (int64_t i = 0; i < a->rows; i += OA_WORD) {
    const unsigned count = oa_word_count(a->rows - i);
    uint64_t have = code->absent ? 0 : oa_valid_word(&code->array, i, count);
    uint64_t rest = oa_valid_word(&message->array, i, count) & ~have;
    for (; rest != 0; rest &= rest - 1) {
      size_t len;
      oa_source_text(message, i + __builtin_ctzll(rest), &len);
      have |= len > 0 ? rest & (0 - rest) : 0;
      added |= len > 0;
    }
    oa_bits_put(block, i, count, have);
  }
  return added ? oa_append_revalidate(a, code, a->rows, block) : OA_OK;
}
