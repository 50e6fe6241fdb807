/* SPDX-License-Identifier: Apache-2.0 */
/* analyzer_model.h - what static analyzers cannot see from a declaration.
 *
 * `./dev lint` puts this in front of every file that it analyzes, and nothing
 * else includes it.  oa_error_set() returns the code that it is given; without
 * knowing that, an analyzer follows paths on which a failed call succeeded.
 */
#ifndef OA_TOOLS_ANALYZER_MODEL_H
#define OA_TOOLS_ANALYZER_MODEL_H

#include "base/error.h"

#define oa_error_set(ERROR, CODE, ...) \
  ((void)(oa_error_set)(ERROR, CODE, __VA_ARGS__), (CODE))

#endif
