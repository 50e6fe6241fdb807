/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of gRPC, honest and not, in any compression and cut into DATA
 * frames of any size: what the handler gets are the honest messages as they
 * were, in their order, up to the first lie.
 *
 * The first byte chooses encoding, kind of call and size of frames; then each
 * message has a byte of what is done to it, a byte of length, and its bytes. */
#include "codec/codec.h"
#include "net_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
  /* What the first byte says. */
  ENCODINGS = 4,
  IS_STREAM = 4,
  IS_PADDED = 8,
  IS_OPEN = 16, /* the call has no end */
  FRAME_SHIFT = 5,
  /* What is done to a message. */
  FLAGGED = 1,   /* marked as compressed */
  PACKED = 2,    /* compressed */
  LONGER = 4,    /* than it says */
  SHORTER = 8,   /* than it says */
  DAMAGED = 16,  /* one byte of it */
  REPEATED = 32, /* many times */
  SECOND_FLAG = 64,
  /* Of all messages on the wire: the windows of this client never grow. */
  MOST = 60000,
  WINDOW = 65535,
  TIMES = 256,
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static const char *const encodings[ENCODINGS] = {"identity", "gzip", "zstd",
                                                 "zstdarrow5"};
static const oa_coding codecs[ENCODINGS] = {OA_CODING_NONE, OA_CODING_GZIP,
                                            OA_CODING_ZSTD, OA_CODING_ZSTD};

typedef struct plan {
  uint8_t how;
  oa_buf wire;   /* the body of the call */
  oa_buf honest; /* messages one after another */
  size_t lengths[HOUSE_MESSAGES];
  size_t count;
  bool lied;
} plan;

static void put(oa_buf *out, const void *bytes, size_t len) {
  require(oa_buf_put(out, bytes, len) == OA_OK);
}

static oa_buf pack(const plan *p, uint8_t what, const oa_buf *plain) {
  oa_buf out = {0};
  const oa_coding codec = codecs[p->how % ENCODINGS];
  if ((what & PACKED) != 0 && codec != OA_CODING_NONE) {
    oa_deflater *deflater = NULL;
    require(oa_deflater_new(&deflater, codec, 0) == OA_OK);
    require(oa_deflate(deflater, plain->data, plain->len, &out) == OA_OK);
    oa_deflater_free(deflater);
  } else {
    put(&out, plain->data, plain->len);
  }
  return out;
}

/* Whether WHAT is true of the bytes, which lies are not. */
static bool is_honest(const plan *p, uint8_t what) {
  const bool can = codecs[p->how % ENCODINGS] != OA_CODING_NONE;
  const bool packed = can && (what & PACKED) != 0;
  return (what & (LONGER | SHORTER | DAMAGED | SECOND_FLAG)) == 0 &&
         ((what & FLAGGED) != 0) == packed && (can || (what & FLAGGED) == 0);
}

static void put_message(plan *p, uint8_t what, const uint8_t *bytes,
                        size_t len) {
  oa_buf plain = {0};
  for (int i = 0; i < ((what & REPEATED) != 0 ? TIMES : 1); i++) {
    put(&plain, bytes, len);
  }
  oa_buf packed = pack(p, what, &plain);
  if (p->wire.len + packed.len + 5 <= MOST &&
      p->honest.len + plain.len <= HOUSE_RECORD) {
    uint32_t said = (uint32_t)packed.len;
    said += (what & SHORTER) != 0 ? 1 + (uint32_t)len : 0;
    said -= (what & LONGER) != 0 && said > 0 ? 1 : 0;
    const uint8_t flag =
        (uint8_t)((what & FLAGGED) | ((what & SECOND_FLAG) != 0 ? 2 : 0));
    const uint8_t prefix[5] = {flag, (uint8_t)(said >> 24),
                               (uint8_t)(said >> 16), (uint8_t)(said >> 8),
                               (uint8_t)said};
    if ((what & DAMAGED) != 0 && packed.len > 0) {
      packed.data[len % packed.len] ^= 0x11;
    }
    put(&p->wire, prefix, sizeof prefix);
    put(&p->wire, packed.data, packed.len);
    p->lied = p->lied || !is_honest(p, what);
    if (!p->lied && p->count < HOUSE_MESSAGES) {
      put(&p->honest, plain.data, plain.len);
      p->lengths[p->count++] = plain.len;
    }
  }
  oa_buf_free(&packed);
  oa_buf_free(&plain);
}

/* --- HTTP/2 around it --- */

static void put_headers(const plan *p, oa_buf *out) {
  oa_buf block = {0};
  talk_put_field(&block, ":method", "POST");
  talk_put_field(&block, ":scheme", "http");
  talk_put_field(&block, ":path", (p->how & IS_STREAM) != 0 ? "/a/S" : "/a/U");
  talk_put_field(&block, ":authority", "a");
  talk_put_field(&block, "te", "trailers");
  talk_put_field(&block, "content-type", "application/grpc");
  talk_put_field(&block, "grpc-encoding", encodings[p->how % ENCODINGS]);
  talk_put_frame(out, 1, 4, 1, block.data, block.len);
  oa_buf_free(&block);
}

static void put_body(const plan *p, oa_buf *out) {
  static const size_t sizes[] = {16384, 1, 5, 6, 100, 777, 4096, 9};
  size_t size = sizes[p->how >> FRAME_SHIFT];
  if (p->wire.len / size > 1000) {
    size = 16384; /* frames that are too small are a matter of other tests */
  }
  const bool padded = (p->how & IS_PADDED) != 0 && size > 1 && size < 16384;
  for (size_t at = 0; at < p->wire.len; at += size) {
    const size_t part = p->wire.len - at < size ? p->wire.len - at : size;
    if (padded && p->wire.len < MOST / 2) {
      oa_buf frame = {0};
      put(&frame, "\x03", 1);
      put(&frame, p->wire.data + at, part);
      put(&frame, "\0\0\0", 3);
      talk_put_frame(out, 0, 8, 1, frame.data, frame.len);
      oa_buf_free(&frame);
    } else {
      talk_put_frame(out, 0, 0, 1, p->wire.data + at, part);
    }
  }
  if ((p->how & IS_OPEN) == 0) {
    talk_put_frame(out, 0, 1, 1, NULL, 0);
  }
}

static void check(const plan *p, const house *h) {
  size_t want = p->count;
  if ((p->how & IS_STREAM) == 0) {
    /* One message and the end, or nothing. */
    if (p->lied || p->count != 1 || (p->how & IS_OPEN) != 0) {
      return;
    }
    want = 1;
  }
  require(h->count >= want && (p->lied || h->count == want));
  size_t at = 0;
  for (size_t i = 0; i < want; i++) {
    require(h->lengths[i] == p->lengths[i]);
    at += p->lengths[i];
  }
  require(at == 0 || memcmp(h->messages.data, p->honest.data, at) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  house *h = house_of_process(WINDOW);
  oa_buf bytes = {0};
  oa_buf answer = {0};
  if (len == 0) {
    return 0;
  }
  plan p = {.how = data[0]};
  for (size_t at = 1; at + 2 <= len;) {
    const uint8_t what = data[at];
    const size_t said = data[at + 1];
    at += 2;
    const size_t size = said < len - at ? said : len - at;
    put_message(&p, what, data + at, size);
    at += size;
  }
  put(&bytes, preface, sizeof preface - 1);
  talk_put_frame(&bytes, 4, 0, 0, NULL, 0);
  put_headers(&p, &bytes);
  put_body(&p, &bytes);
  house_visit(h, bytes.data, bytes.len, &answer);
  check(&p, h);
  oa_buf_free(&p.wire);
  oa_buf_free(&p.honest);
  oa_buf_free(&bytes);
  oa_buf_free(&answer);
  return 0;
}
