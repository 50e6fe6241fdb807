/* SPDX-License-Identifier: Apache-2.0 */
/* points.h - what a metric holds, by the name of the class that says so. */
#ifndef OA_PYTHON_POINTS_H
#define OA_PYTHON_POINTS_H

#include "walk.h"

typedef struct py_point_kind {
  const char *name; /* of the class of Metric.data */
  oa_metric_type type;
  py_walk_item put; /* one of its points */
} py_point_kind;

/* NULL when there is no such class. */
const py_point_kind *py_point_kind_named(const char *name);

#endif
