/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - the attribute names that the walks ask for, interned once a module,
 * so that a look-up compares pointers and makes no string. */
#ifndef OA_PYTHON_NAMES_H
#define OA_PYTHON_NAMES_H

#include <Python.h>

#define PY_NAMES(X)          \
  X(_attributes)             \
  X(_context)                \
  X(_description)            \
  X(_dict)                   \
  X(_dq)                     \
  X(_end_time)               \
  X(_events)                 \
  X(_instrumentation_scope)  \
  X(_kind)                   \
  X(_links)                  \
  X(_name)                   \
  X(_parent)                 \
  X(_resource)               \
  X(_schema_url)             \
  X(_start_time)             \
  X(_status)                 \
  X(_status_code)            \
  X(_timestamp)              \
  X(_value_)                 \
  X(_version)                \
  X(aggregation_temporality) \
  X(attributes)              \
  X(body)                    \
  X(bucket_counts)           \
  X(context)                 \
  X(count)                   \
  X(data)                    \
  X(data_points)             \
  X(description)             \
  X(dropped)                 \
  X(dropped_attributes)      \
  X(end_time)                \
  X(event_name)              \
  X(events)                  \
  X(exemplars)               \
  X(explicit_bounds)         \
  X(filtered_attributes)     \
  X(flags)                   \
  X(instrumentation_scope)   \
  X(is_monotonic)            \
  X(is_remote)               \
  X(items)                   \
  X(keys)                    \
  X(kind)                    \
  X(links)                   \
  X(log_record)              \
  X(max)                     \
  X(metrics)                 \
  X(min)                     \
  X(name)                    \
  X(negative)                \
  X(observed_timestamp)      \
  X(offset)                  \
  X(parent)                  \
  X(positive)                \
  X(quantiles)               \
  X(resource)                \
  X(resource_metrics)        \
  X(scale)                   \
  X(schema_url)              \
  X(scope)                   \
  X(scope_metrics)           \
  X(severity_number)         \
  X(severity_text)           \
  X(span_id)                 \
  X(start_time)              \
  X(start_time_unix_nano)    \
  X(status)                  \
  X(status_code)             \
  X(sum)                     \
  X(time_unix_nano)          \
  X(timestamp)               \
  X(to_header)               \
  X(trace_flags)             \
  X(trace_id)                \
  X(trace_state)             \
  X(unit)                    \
  X(value)                   \
  X(version)                 \
  X(zero_count)              \
  X(zero_threshold)

/* PY_NAME__dict is "_dict". */
typedef enum py_name {
#define PY_NAME_ID(NAME) PY_NAME_##NAME,
  PY_NAMES(PY_NAME_ID)
#undef PY_NAME_ID
      PY_NAME_COUNT
} py_name;

typedef struct py_names {
  PyObject *text[PY_NAME_COUNT];
} py_names;

/* 0, or -1 with an exception set. */
int py_names_init(py_names *names);
void py_names_clear(py_names *names);

/* As it is written in Python, for messages. */
const char *py_name_text(py_name name);

#endif
