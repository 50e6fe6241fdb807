/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/text.h"

#include <time.h>

#include "otlp/encode_impl.h"
#include "otlp/json_text.h"

static const uint64_t second_ns = UINT64_C(1000000000);

oa_status oa_otlp_text_time(oa_buf *out, uint64_t nanoseconds) {
  const time_t seconds = (time_t)(nanoseconds / second_ns);
  struct tm utc;

  if (gmtime_r(&seconds, &utc) == NULL) {
    return oa_buf_printf(out, "%llu", (unsigned long long)nanoseconds);
  }
  return oa_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09lluZ",
                       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                       utc.tm_hour, utc.tm_min, utc.tm_sec,
                       (unsigned long long)(nanoseconds % second_ns));
}

static oa_status put_time(oa_buf *out, const oa_array *array, int64_t row) {
  if (oa_array_is_null(array, row)) {
    return oa_buf_printf(out, "-");
  }
  return oa_otlp_text_time(out, oa_u64_at(array, row));
}

/* Bare when it is plain, quoted and escaped when it is not. */
static oa_status put_word(oa_buf *out, const uint8_t *text, size_t len) {
  bool plain = len > 0;

  for (size_t i = 0; i < len && plain; i++) {
    plain =
        text[i] > ' ' && text[i] < 0x7F && text[i] != '"' && text[i] != '\\';
  }
  return plain ? oa_buf_put(out, text, len)
               : oa_json_put_string(out, text, len);
}

/* " KEY=" and the text, when there is one. */
static oa_status put_named_text(oa_buf *out, const char *key,
                                const oa_array *array, int64_t row) {
  size_t len;
  const uint8_t *text = oa_text_at(array, row, &len);
  if (len == 0) {
    return OA_OK;
  }
  OA_TRY(oa_buf_printf(out, " %s=", key));
  return put_word(out, text, len);
}

static oa_status put_id(oa_buf *out, const char *key, const oa_array *array,
                        int64_t row, size_t width) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *id = array->values;

  if (oa_array_is_null(array, row)) {
    return OA_OK;
  }
  OA_TRY(oa_buf_printf(out, " %s=", key));
  for (size_t i = 0; i < width; i++) {
    const uint8_t byte = id == NULL ? 0 : id[(size_t)row * width + i];
    OA_TRY(oa_buf_put_byte(out, (uint8_t)digits[byte >> 4]));
    OA_TRY(oa_buf_put_byte(out, (uint8_t)digits[byte & 15]));
  }
  return OA_OK;
}

static oa_status put_attributes(oa_buf *out, const oa_array *list,
                                int64_t row) {
  int64_t begin;
  int64_t end;
  oa_array_range(list, row, &begin, &end);
  if (begin == end) {
    return OA_OK;
  }
  OA_TRY(oa_buf_put_byte(out, ' '));
  return oa_json_put_items(out, list->children, begin, end);
}

static oa_status put_count(oa_buf *out, const char *what, const oa_array *list,
                           int64_t row) {
  int64_t begin;
  int64_t end;
  oa_array_range(list, row, &begin, &end);
  return begin == end
             ? OA_OK
             : oa_buf_printf(out, " %s=%lld", what, (long long)(end - begin));
}

/* What every line begins with: time, kind of row, service. */
static oa_status put_head(oa_buf *out, const char *kind,
                          const oa_array *columns, size_t time_column,
                          int64_t row) {
  size_t len;
  const uint8_t *service = oa_text_at(&columns[OA_COL_SERVICE_NAME], row, &len);
  OA_TRY(put_time(out, &columns[time_column], row));
  OA_TRY(oa_buf_printf(out, " %s ", kind));
  return len == 0 ? oa_buf_printf(out, "-") : put_word(out, service, len);
}

static oa_status put_duration(oa_buf *out, const oa_array *columns,
                              int64_t row) {
  const oa_array *start = &columns[OA_SPAN_START_TIME];
  const oa_array *end = &columns[OA_SPAN_END_TIME];

  if (oa_array_is_null(start, row) || oa_array_is_null(end, row)) {
    return OA_OK; /* one of them is not known */
  }
  const int64_t duration =
      (int64_t)(oa_u64_at(end, row) - oa_u64_at(start, row));
  if (duration < 1000) {
    return oa_buf_printf(out, " %lldns", (long long)duration);
  }
  const struct {
    int64_t unit;
    const char *name;
  } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};
  size_t i = 0;
  while (duration < units[i].unit) {
    i++;
  }
  return oa_buf_printf(
      out, " %lld.%03lld%s", (long long)(duration / units[i].unit),
      (long long)(duration % units[i].unit / (units[i].unit / 1000)),
      units[i].name);
}

static oa_status put_status(oa_buf *out, const oa_array *columns, int64_t row) {
  static const char *const names[] = {"unset", "ok", "error"};
  const oa_array *code = &columns[OA_SPAN_STATUS_CODE];

  if (oa_array_is_null(code, row)) {
    return OA_OK;
  }
  const uint64_t number = oa_i32_at(code, row);
  if (number < sizeof names / sizeof names[0]) {
    OA_TRY(oa_buf_printf(out, " status=%s", names[number]));
  } else {
    OA_TRY(oa_buf_printf(out, " status=%lld", (long long)number));
  }
  return put_named_text(out, "message", &columns[OA_SPAN_STATUS_MESSAGE], row);
}

static oa_status put_span(oa_buf *out, const oa_array *columns, int64_t row) {
  static const char *const kinds[] = {"unspecified", "internal", "server",
                                      "client",      "producer", "consumer"};
  const uint64_t kind = oa_i32_at(&columns[OA_SPAN_KIND], row);
  size_t len;
  const uint8_t *name = oa_text_at(&columns[OA_SPAN_NAME], row, &len);

  OA_TRY(put_head(out, "span", columns, OA_SPAN_START_TIME, row));
  OA_TRY(oa_buf_put_byte(out, ' '));
  OA_TRY(oa_json_put_string(out, name, len));
  OA_TRY(put_duration(out, columns, row));
  if (kind < sizeof kinds / sizeof kinds[0]) {
    OA_TRY(oa_buf_printf(out, " kind=%s", kinds[kind]));
  } else {
    OA_TRY(oa_buf_printf(out, " kind=%lld", (long long)kind));
  }
  OA_TRY(put_status(out, columns, row));
  OA_TRY(put_id(out, "trace", &columns[OA_SPAN_TRACE_ID], row, 16));
  OA_TRY(put_id(out, "span", &columns[OA_SPAN_SPAN_ID], row, 8));
  OA_TRY(put_id(out, "parent", &columns[OA_SPAN_PARENT_SPAN_ID], row, 8));
  OA_TRY(put_count(out, "events", &columns[OA_SPAN_EVENTS], row));
  OA_TRY(put_count(out, "links", &columns[OA_SPAN_LINKS], row));
  return put_attributes(out, &columns[OA_SPAN_ATTRIBUTES], row);
}

/* SEVERITY_NUMBER 1-24 is six names with four steps each. */
static oa_status put_severity(oa_buf *out, const oa_array *columns,
                              int64_t row) {
  static const char *const names[] = {"TRACE", "DEBUG", "INFO",
                                      "WARN",  "ERROR", "FATAL"};
  const uint64_t number = oa_i32_at(&columns[OA_LOG_COL_SEVERITY_NUMBER], row);
  size_t len;
  const uint8_t *text =
      oa_text_at(&columns[OA_LOG_COL_SEVERITY_TEXT], row, &len);

  OA_TRY(oa_buf_put_byte(out, ' '));
  if (len > 0) {
    return put_word(out, text, len);
  }
  if (number >= 1 && number <= 24) {
    return oa_buf_printf(out, "%s", names[(number - 1) / 4]);
  }
  return oa_buf_printf(out, "severity=%lld", (long long)number);
}

/* Made from the value, not from the derived text, which anybody may have put
 * into a file. */
static oa_status put_body(oa_buf *out, const oa_array *columns, int64_t row) {
  const oa_array *types = &columns[OA_LOG_COL_BODY_TYPE];
  const uint8_t type =
      oa_array_is_null(types, row) ? OA_VALUE_EMPTY : oa_u8_at(types, row);
  const uint8_t *bytes;
  uint64_t bits;
  double number;
  size_t len;

  if (type == OA_VALUE_EMPTY) {
    return OA_OK;
  }
  OA_TRY(oa_buf_put_byte(out, ' '));
  switch (type) {
    case OA_VALUE_STR:
      bytes = oa_array_bytes(&columns[OA_LOG_COL_BODY], row, &len);
      return oa_json_put_string(out, bytes, len);
    case OA_VALUE_INT:
      return oa_json_put_int(
          out, (int64_t)oa_u64_at(&columns[OA_LOG_COL_BODY_INT], row));
    case OA_VALUE_DOUBLE:
      bits = oa_u64_at(&columns[OA_LOG_COL_BODY_DOUBLE], row);
      memcpy(&number, &bits, sizeof number);
      return oa_json_put_double(out, number);
    case OA_VALUE_BOOL:
      return oa_json_put_bool(out,
                              oa_bool_at(&columns[OA_LOG_COL_BODY_BOOL], row));
    case OA_VALUE_BYTES:
      bytes = oa_array_bytes(&columns[OA_LOG_COL_BODY_BYTES], row, &len);
      return oa_json_put_bytes(out, bytes, len);
    default:
      bytes = oa_array_bytes(&columns[OA_LOG_COL_BODY_SER], row, &len);
      return oa_json_put_cbor(out, bytes, len);
  }
}

static oa_status put_log(oa_buf *out, const oa_array *columns, int64_t row) {
  const size_t time = oa_array_is_null(&columns[OA_LOG_COL_TIME], row)
                          ? OA_LOG_COL_OBSERVED_TIME
                          : OA_LOG_COL_TIME;

  OA_TRY(put_head(out, "log", columns, time, row));
  OA_TRY(put_severity(out, columns, row));
  OA_TRY(put_named_text(out, "event", &columns[OA_LOG_COL_EVENT_NAME], row));
  OA_TRY(put_body(out, columns, row));
  OA_TRY(put_id(out, "trace", &columns[OA_LOG_COL_TRACE_ID], row, 16));
  OA_TRY(put_id(out, "span", &columns[OA_LOG_COL_SPAN_ID], row, 8));
  return put_attributes(out, &columns[OA_LOG_COL_ATTRIBUTES], row);
}

static oa_status put_double(oa_buf *out, const char *key, const oa_array *array,
                            int64_t row) {
  double value;
  if (oa_array_is_null(array, row)) {
    return OA_OK;
  }
  const uint64_t bits = oa_u64_at(array, row);
  memcpy(&value, &bits, sizeof value);
  OA_TRY(oa_buf_printf(out, " %s=", key));
  return oa_json_put_double(out, value);
}

static oa_status put_value(oa_buf *out, const oa_array *columns, int64_t row) {
  const oa_array *count = &columns[OA_POINT_COUNT_COL];
  const oa_array *whole = &columns[OA_POINT_VALUE_INT];

  if (!oa_array_is_null(whole, row)) {
    OA_TRY(oa_buf_printf(out, " value=%lld",
                         (long long)(int64_t)oa_u64_at(whole, row)));
  }
  OA_TRY(put_double(out, "value", &columns[OA_POINT_VALUE_DOUBLE], row));
  if (!oa_array_is_null(count, row)) {
    OA_TRY(oa_buf_printf(out, " count=%llu",
                         (unsigned long long)oa_u64_at(count, row)));
  }
  OA_TRY(put_double(out, "sum", &columns[OA_POINT_SUM], row));
  OA_TRY(put_double(out, "min", &columns[OA_POINT_MIN], row));
  return put_double(out, "max", &columns[OA_POINT_MAX], row);
}

static oa_status put_point(oa_buf *out, const oa_array *columns, int64_t row) {
  static const char *const types[] = {"metric",    "gauge",        "sum",
                                      "histogram", "exphistogram", "summary"};
  const uint8_t type = oa_u8_at(&columns[OA_POINT_METRIC_TYPE], row);
  size_t len;
  const uint8_t *name = oa_text_at(&columns[OA_POINT_METRIC_NAME], row, &len);

  OA_TRY(put_head(out, type <= OA_METRIC_SUMMARY ? types[type] : types[0],
                  columns, OA_POINT_TIME, row));
  OA_TRY(oa_buf_put_byte(out, ' '));
  OA_TRY(put_word(out, name, len));
  if (oa_array_is_null(&columns[OA_POINT_POINT_ORD], row)) {
    OA_TRY(oa_buf_printf(out, " (no points)"));
  }
  OA_TRY(put_value(out, columns, row));
  OA_TRY(put_named_text(out, "unit", &columns[OA_POINT_UNIT], row));
  return put_attributes(out, &columns[OA_POINT_ATTRIBUTES], row);
}

oa_status oa_otlp_text_line(oa_buf *out, oa_signal signal,
                            const oa_array *columns, int64_t row) {
  switch (signal) {
    case OA_TRACES:
      return put_span(out, columns, row);
    case OA_METRICS:
      return put_point(out, columns, row);
    default:
      return put_log(out, columns, row);
  }
}
