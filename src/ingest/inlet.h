/* SPDX-License-Identifier: Apache-2.0 */
/* inlet.h - how the program's own threads put requests into a pipeline.
 *
 * A shard belongs to one thread at a time.  An I/O thread has its own for good;
 * the program's threads, of which there may be any number, share the last few,
 * the inlets, each behind a lock that is held for one request.  What an I/O
 * thread does when its loop turns the writer thread does for the inlets.
 */
#ifndef OA_INGEST_INLET_H
#define OA_INGEST_INLET_H

#include "ingest/pipeline.h"

/* Takes one request as oa_pipeline_take() does, and returns when it is as safe
 * as INTAKE asks for.  Of INTAKE, THREAD and WAIT are filled here.  When OUT
 * says OK and SAFE is false, the rows were taken and may be lost: OUT->text
 * says why.  Any thread but those of the pipeline and of the server. */
void oa_pipeline_put(oa_pipeline *pipeline, const oa_intake *intake, bool *safe,
                     oa_outcome *out);

#endif
