/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_verify.h - whether stored files are what they should be, and
 * making them so again.
 *
 * Verifying reads every byte once, decompresses every buffer and checks every
 * value, and changes nothing.  It may run beside a service: the file that this
 * has open ends without its mark, which is well.  What it cannot see are
 * values that were changed to other valid ones: Arrow files have no checksums.
 *
 * Repairing keeps all that is whole in front of the first damage.  Nothing is
 * removed but the bytes of an unfinished batch: a file that is damaged in
 * another way stays beside its repaired form under a name that ends in
 * .corrupt.  It can be broken off at any time and done again.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_VERIFY_H
#define OTLP_ARROW_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum oa_finding_kind {
  OA_FINDING_NOTE,       /* worth knowing, and well */
  OA_FINDING_PROBLEM,    /* something is wrong */
  OA_FINDING_UNREADABLE, /* the system does not let us look */
  OA_FINDING_DONE        /* repair did it, or would do it */
} oa_finding_kind;

/* Its texts live during the call. */
typedef struct oa_finding {
  oa_finding_kind kind;
  const char *path;
  int has_place;   /* non-zero: OFFSET means something */
  uint64_t offset; /* of the byte in the file */
  uint64_t batch;  /* its number, the first being 1; 0 = in none */
  const char *what;
  const char *advice; /* what to do; "" = nothing */
} oa_finding;

/* A data file that was looked at to its end. */
typedef struct oa_verified_file {
  const char *path;
  const char *signal; /* "traces", "metrics", "logs"; "" = of another program */
  const char *state;  /* "whole", "open", "torn", "damaged" */
  uint64_t size;
  uint64_t batches;
  uint64_t rows;
  uint64_t problems;
} oa_verified_file;

typedef struct oa_verify_options {
  void (*finding)(void *context, const oa_finding *finding);
  void (*file)(void *context, const oa_verified_file *file);
  /* BYTES of TOTAL were looked at; called often.  0 ends it all. */
  int (*progress)(void *context, uint64_t bytes, uint64_t total);
  void *context; /* each function may be NULL */
} oa_verify_options;

typedef struct oa_verify_result {
  uint64_t files; /* data files that were looked at */
  uint64_t open;  /* of them, those that a running service writes */
  uint64_t bytes;
  uint64_t batches;
  uint64_t rows;
  uint64_t notes;
  uint64_t problems;
  uint64_t unreadable;
} oa_verify_result;

/* Looks at the file PATH, or at all files below the directory PATH.  What is
 * wrong goes to the callback and into RESULT and is no failure.
 * OA_ERR_NOT_FOUND and OA_ERR_IO: PATH itself cannot be read; OA_ERR_LIMIT:
 * directories nested too deep; OA_ERR_NOMEM; OA_ERR_BUSY: progress() ended
 * it. */
OA_API oa_status oa_verify(const char *path, const oa_verify_options *options,
                           oa_verify_result *result, oa_error *error);

typedef struct oa_repair_options {
  int dry_run; /* non-zero: only say what would be done */
  void (*finding)(void *context, const oa_finding *finding);
  void *context;
} oa_repair_options;

typedef struct oa_repair_result {
  uint64_t files;    /* data files that were looked at */
  uint64_t repaired; /* of them, those now whole that were not */
  uint64_t aside;    /* files that now stand as .corrupt */
  uint64_t removed;  /* leftovers of an interrupted run */
  uint64_t notes;
  uint64_t problems; /* that are still there; in a dry run all that there are */
} oa_repair_result;

/* Repairs the files of the output directory, or of the signal's directory in
 * it, PATH.  Holds the lock of the output directory meanwhile.
 * OA_ERR_BUSY: a running service owns it; OA_ERR_NOT_FOUND, OA_ERR_IO: PATH
 * cannot be used; OA_ERR_CONFIG: PATH is not such a directory; OA_ERR_LIMIT;
 * OA_ERR_NOMEM. */
OA_API oa_status oa_repair(const char *path, const oa_repair_options *options,
                           oa_repair_result *result, oa_error *error);

#ifdef __cplusplus
}
#endif

#endif
