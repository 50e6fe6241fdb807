/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as an HTTP/2 connection to the whole server: frames,
 * HPACK, flow control, padding, resets, trailers.  What it sends are whole
 * frames that begin with SETTINGS; it hangs up when we do, and keeps nothing.
 *
 * Inputs are frames behind the preface, which is left out.  The mutator knows
 * where frames begin and keeps their lengths true, most of the time. */
#include "net_house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                               unsigned seed);
/* libFuzzer's own; the replay has none and does not call the mutator. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
    __attribute__((weak));

enum {
  MAX_FRAMES = 64,
  MAX_INPUT = 1 << 16,
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* --- the promise --- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  house *h = house_of_process(16384);
  oa_buf bytes = {0};
  oa_buf answer = {0};
  require(oa_buf_put(&bytes, preface, sizeof preface - 1) == OA_OK);
  require(oa_buf_put(&bytes, data, len) == OA_OK);
  house_visit(h, bytes.data, bytes.len, &answer);
  talk_check_frames(&answer);
  oa_buf_free(&answer);
  oa_buf_free(&bytes);
  return 0;
}

/* --- the mutator --- */

typedef struct frames {
  size_t at[MAX_FRAMES + 1]; /* beginnings, and the end of the last */
  size_t count;
} frames;

static uint32_t draw(uint64_t *state, uint32_t below) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return (uint32_t)(*state >> 16) % below;
}

static frames split(const uint8_t *data, size_t len) {
  frames f = {.count = 0};
  size_t at = 0;
  while (f.count < MAX_FRAMES && len - at >= TALK_FRAME_HEAD) {
    const size_t size = TALK_FRAME_HEAD + talk_frame_length(data + at);
    f.at[f.count++] = at;
    at += size < len - at ? size : len - at;
  }
  f.at[f.count] = at;
  return f;
}

/* Puts LEN bytes in the place of those in [FROM, TO). */
static size_t replace(uint8_t *data, size_t size, size_t from, size_t to,
                      const uint8_t *with, size_t len) {
  memmove(data + from + len, data + to, size - to);
  memmove(data + from, with, len);
  return size - (to - from) + len;
}

static void set_length(uint8_t *frame, size_t len) {
  frame[0] = (uint8_t)(len >> 16);
  frame[1] = (uint8_t)(len >> 8);
  frame[2] = (uint8_t)len;
}

/* Another payload in frame I, with its length. */
static size_t change_payload(uint8_t *data, size_t size, size_t max,
                             const frames *f, size_t i) {
  static uint8_t scratch[MAX_INPUT];
  const size_t begin = f->at[i] + TALK_FRAME_HEAD;
  const size_t len = f->at[i + 1] - begin;
  size_t room = len + (max - size);
  room = room < sizeof scratch ? room : sizeof scratch;
  if (len > sizeof scratch || room == 0) {
    return size;
  }
  memcpy(scratch, data + begin, len);
  const size_t made = LLVMFuzzerMutate(scratch, len, room);
  set_length(data + f->at[i], made);
  return replace(data, size, begin, f->at[i + 1], scratch, made);
}

/* Frame I once more, in front of frame J. */
static size_t repeat(uint8_t *data, size_t size, size_t max, const frames *f,
                     size_t i, size_t j) {
  static uint8_t scratch[MAX_INPUT];
  const size_t len = f->at[i + 1] - f->at[i];
  if (len > max - size || len > sizeof scratch) {
    return size;
  }
  memcpy(scratch, data + f->at[i], len);
  return replace(data, size, f->at[j], f->at[j], scratch, len);
}

/* A small frame of any type in front of frame I. */
static size_t insert(uint8_t *data, size_t size, size_t max, size_t place,
                     uint64_t *state) {
  static const uint8_t lengths[] = {0, 4, 6, 8, 5, 9, 1, 12};
  uint8_t frame[TALK_FRAME_HEAD + 12] = {0};
  const size_t len = lengths[draw(state, sizeof lengths)];
  if (TALK_FRAME_HEAD + len > max - size) {
    return size;
  }
  set_length(frame, len);
  frame[3] = (uint8_t)draw(state, 11);
  frame[4] = (uint8_t)(draw(state, 2) == 0 ? 0 : draw(state, 64));
  frame[8] = (uint8_t)(draw(state, 2) == 0 ? 0 : draw(state, 16));
  for (size_t i = 0; i < len; i++) {
    frame[TALK_FRAME_HEAD + i] =
        (uint8_t)(draw(state, 3) == 0 ? draw(state, 256) : 0);
  }
  return replace(data, size, place, place, frame, TALK_FRAME_HEAD + len);
}

/* The payload of frame I in two: the second half as CONTINUATION or as a frame
 * of the same type. */
static size_t cut(uint8_t *data, size_t size, size_t max, const frames *f,
                  size_t i, uint64_t *state) {
  uint8_t head[TALK_FRAME_HEAD];
  uint8_t *frame = data + f->at[i];
  const size_t len = f->at[i + 1] - f->at[i] - TALK_FRAME_HEAD;
  if (len < 2 || max - size < TALK_FRAME_HEAD) {
    return size;
  }
  const size_t first = 1 + draw(state, (uint32_t)len - 1);
  memcpy(head, frame, TALK_FRAME_HEAD);
  set_length(head, len - first);
  set_length(frame, first);
  if (frame[3] == 1) {
    head[3] = 9;
    head[4] = (uint8_t)(frame[4] & 4);
    frame[4] &= (uint8_t)~4U;
  } else {
    frame[4] &= (uint8_t)~1U;
  }
  const size_t place = f->at[i] + TALK_FRAME_HEAD + first;
  return replace(data, size, place, place, head, TALK_FRAME_HEAD);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                               unsigned seed) {
  uint64_t state = ((uint64_t)seed << 1 | 1) * UINT64_C(0x9e3779b97f4a7c15);
  const frames f = split(data, size);
  if (f.count == 0 || draw(&state, 8) == 0) {
    return LLVMFuzzerMutate(data, size, max);
  }
  const size_t i = draw(&state, (uint32_t)f.count);
  const size_t j = draw(&state, (uint32_t)f.count + 1);
  switch (draw(&state, 8)) {
    case 0:
      return repeat(data, size, max, &f, i, j);
    case 1:
      return f.count == 1 ? insert(data, size, max, f.at[j], &state)
                          : replace(data, size, f.at[i], f.at[i + 1], data, 0);
    case 2:
      return insert(data, size, max, f.at[j], &state);
    case 3:
      return cut(data, size, max, &f, i, &state);
    case 4: {
      /* Type, flags or stream. */
      static const uint8_t places[] = {3, 4, 4, 8, 8, 5};
      data[f.at[i] + places[draw(&state, sizeof places)]] =
          (uint8_t)(draw(&state, 4) == 0 ? draw(&state, 256)
                                         : draw(&state, 12));
      return size;
    }
    default:
      return change_payload(data, size, max, &f, i);
  }
}
