/* SPDX-License-Identifier: Apache-2.0 */
/* inline.h - for the few functions that every field of every record passes
 * through: a compiler that weighs code size would leave calls in them, which
 * cost more than their bodies (measured: a quarter of the decoding time).
 */
#ifndef OA_BASE_INLINE_H
#define OA_BASE_INLINE_H

#define OA_INLINE static inline __attribute__((always_inline))

#endif
