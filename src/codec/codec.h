/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h - compression behind one bounded interface.
 *
 * Output never passes the caller's bound, whatever the input claims, so a
 * decompression bomb costs no more than the largest allowed message.
 */
#ifndef OA_CODEC_CODEC_H
#define OA_CODEC_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* How bytes are packed: the content codings of HTTP (RFC 9110, section 8.4.1)
 * and of gRPC, and the codecs of Arrow IPC. */
typedef enum oa_coding {
  OA_CODING_NONE,
  OA_CODING_GZIP,    /* RFC 1952, also several members in a row */
  OA_CODING_ZSTD,    /* one or more frames (RFC 8878) */
  OA_CODING_LZ4,     /* one LZ4 frame, not a raw block */
  OA_CODING_DEFLATE, /* zlib (RFC 1950), or the same without header and checksum
                       (RFC 1951); only to decompress */
} oa_coding;

/* Decompression state of one thread, kept between messages. */
typedef struct oa_inflater oa_inflater;

oa_status oa_inflater_new(oa_inflater **out);
void oa_inflater_free(oa_inflater *inflater);

/* Appends the decompressed bytes of IN to OUT, at most MAX of them.
 * OA_ERR_LIMIT: there is more than MAX.  Memory grows with what comes out, so
 * MAX bounds it too (zstd may keep a window of up to 8 MiB beside it).
 * OA_ERR_MALFORMED: damaged, cut short, or followed by other bytes.
 * On failure OUT is as long as before. */
oa_status oa_inflate(oa_inflater *inflater, oa_coding codec, const uint8_t *in,
                     size_t len, size_t max, oa_buf *out, oa_error *error);

/* How many bytes IN says that it becomes: 0 when it does not say so, and
 * anything when it lies. */
size_t oa_inflate_foretell(oa_coding codec, const uint8_t *in, size_t len);

/* As oa_inflate(), for exactly SIZE bytes into memory of the caller: fewer or
 * more is OA_ERR_MALFORMED.  For Arrow IPC buffers. */
oa_status oa_inflate_exact(oa_inflater *inflater, oa_coding codec,
                           const uint8_t *in, size_t len, uint8_t *out,
                           size_t size, oa_error *error);

/* Compression state of one thread, kept between buffers. */
typedef struct oa_deflater oa_deflater;

/* LEVEL 0 is the codec's default here (gzip 6, zstd 1, lz4 fast); zstd and
 * lz4 also have negative levels.  OA_ERR_CONFIG: no such codec or level. */
oa_status oa_deflater_new(oa_deflater **out, oa_coding codec, int level);
void oa_deflater_free(oa_deflater *deflater);

/* Appends one whole frame with IN's bytes to OUT. */
oa_status oa_deflate(oa_deflater *deflater, const uint8_t *in, size_t len,
                     oa_buf *out);

/* What is known of the bytes beforehand. */
typedef enum oa_shape {
  OA_SHAPE_TEXT,    /* nothing */
  OA_SHAPE_NUMBERS, /* short repeats, some of them far apart */
  OA_SHAPE_STRIDED, /* most bytes equal those STRIDE bytes before: offsets,
                       times, indices */
  OA_SHAPE_VALUES,  /* values of STRIDE bytes (8 or 16) that equal one shortly
                       before, or none: ids */
} oa_shape;

/* oa_deflate() that makes use of SHAPE: up to half the size.  Codecs but zstd
 * do as oa_deflate(). */
oa_status oa_deflate_shaped(oa_deflater *deflater, const uint8_t *in,
                            size_t len, oa_shape shape, size_t stride,
                            oa_buf *out);

/* Appends one whole frame (gzip: one or more members) that decompresses to
 * LEN zero bytes, without touching LEN bytes of memory. */
oa_status oa_deflate_zeros(oa_deflater *deflater, size_t len, oa_buf *out);

#endif
