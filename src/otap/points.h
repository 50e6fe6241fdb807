/* SPDX-License-Identifier: Apache-2.0 */
/* points.h - the data points of a metrics message, and where they go.
 *
 * Points come in four tables, one a kind; a metric's points are all of one
 * kind.  In the builder they are rows, those of a metric one after the other;
 * a metric without points is a row too.  Private to otap/.
 */
#ifndef OA_OTAP_POINTS_H
#define OA_OTAP_POINTS_H

#include "otap/attributes.h"

/* The four tables of points, and what hangs on them. */
enum {
  OA_OTAP_NUMBERS,
  OA_OTAP_SUMMARIES,
  OA_OTAP_HISTOGRAMS,
  OA_OTAP_EXP_HISTOGRAMS,
  OA_OTAP_POINT_KINDS,
  OA_OTAP_NO_POINT = OA_OTAP_POINT_KINDS /* the row of an empty metric */
};

/* COUNT points from FROM on, which become the rows from TO on, counted from
 * the base.  Senders sort their points, so that a table has few such runs. */
typedef struct oa_otap_run {
  uint32_t from;
  uint32_t to;
  uint32_t count;
} oa_otap_run;

typedef struct oa_otap_points {
  const oa_otap_table *table; /* NULL: there is none */
  oa_otap_join join;          /* to the metrics */
  oa_otap_ids ids;
  oa_otap_run *runs; /* all points, in the order of their table */
  uint32_t run_count;
  bool in_order; /* the rows of each run are behind those of the one before */
} oa_otap_points;

typedef struct oa_otap_metrics {
  const oa_otap_table *table;
  const uint32_t *types; /* OA_METRIC_* */
  uint32_t *ends;        /* of each metric's rows, counted from the base */
  uint32_t rows;         /* in all */
  uint32_t empty;        /* metrics without points */
  oa_otap_seat *seats;   /* of the rows: kind and row of the point */
  oa_otap_points points[OA_OTAP_POINT_KINDS];
} oa_otap_metrics;

/* Sets the bits of the rows that P's points become. */
void oa_otap_mark_runs(const oa_otap_points *p, uint8_t *bits);

/* Writes the columns that points have: times, flags, values, buckets.  The
 * builder has room for the rows. */
oa_status oa_otap_write_points(const oa_otap_decoder *d,
                               const oa_otap_metrics *m);

/* Reads and writes the exemplars of all points. */
oa_status oa_otap_write_exemplars(const oa_otap_decoder *d,
                                  const oa_otap_metrics *m);

#endif
