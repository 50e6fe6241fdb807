/* SPDX-License-Identifier: Apache-2.0 */
/* replay_main.c - runs a fuzz target over a corpus without libFuzzer.
 *
 *   replay_TARGET FOLDER
 *
 * Every file of FOLDER is given to the target as it is, cut short at many
 * places, and with single bytes changed; the places come from a fixed seed,
 * so that two runs do the same.  Each input stands in a heap block of exactly
 * its size: under AddressSanitizer one byte read too many is found.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Cuts and changes of each file, and of all of them together; few enough for a
 * run of some seconds.  A slow target says a smaller number for each file. */
enum {
  MUTATIONS = 256,
  ALL_MUTATIONS = 4096,
  MAX_INPUT = 1 << 20,
};
extern const size_t oa_replay_mutations __attribute__((weak));

typedef struct input {
  uint8_t *data;
  size_t len;
} input;

static void run(const uint8_t *data, size_t len) {
  uint8_t *copy = malloc(len > 0 ? len : 1);
  if (copy == NULL) {
    abort();
  }
  if (len > 0) {
    memcpy(copy, data, len);
  }
  LLVMFuzzerTestOneInput(copy, len);
  free(copy);
}

/* xorshift64 (Marsaglia 2003): the same numbers on every machine. */
static uint64_t draw(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static int read_file(const char *path, input *out) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return -1;
  }
  out->data = malloc(MAX_INPUT);
  if (out->data == NULL) {
    fclose(file);
    return -1;
  }
  out->len = fread(out->data, 1, MAX_INPUT, file);
  const int failed = ferror(file);
  fclose(file);
  return failed != 0 ? -1 : 0;
}

static void replay(input *in, size_t most) {
  uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

  run(in->data, in->len);
  for (size_t i = 0; i < most && in->len > 0; i++) {
    /* Short files are cut at every place, long ones here and there. */
    const uint64_t place = draw(&seed);
    run(in->data, in->len <= most ? i % in->len : place % in->len);

    uint8_t *byte = in->data + draw(&seed) % in->len;
    const uint8_t before = *byte;
    *byte = (uint8_t)draw(&seed);
    run(in->data, in->len);
    *byte = before;
  }
}

/* How often each file of FOLDER is changed. */
static size_t mutations(DIR *folder) {
  size_t files = 0;
  while (readdir(folder) != NULL) {
    files++;
  }
  rewinddir(folder);
  const size_t most =
      &oa_replay_mutations != NULL ? oa_replay_mutations : MUTATIONS;
  const size_t each = ALL_MUTATIONS / (files > 0 ? files : 1) + 1;
  return each < most ? each : most;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  DIR *folder = opendir(argv[1]);
  if (folder == NULL) {
    fprintf(stderr, "%s: no such corpus\n", argv[1]);
    return 1;
  }
  run((const uint8_t *)"", 0);
  const size_t most = mutations(folder);
  size_t files = 0;
  int failed = 0;
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.') {
      continue;
    }
    char path[4096];
    input in = {0};
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    if (read_file(path, &in) == 0) {
      replay(&in, most);
      files++;
    } else {
      fprintf(stderr, "%s: cannot be read\n", path);
      failed = 1;
    }
    free(in.data);
  }
  closedir(folder);
  if (files == 0) {
    fprintf(stderr, "%s: holds no inputs\n", argv[1]);
    return 1;
  }
  printf("%zu inputs replayed\n", files);
  return failed;
}
