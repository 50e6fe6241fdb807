/* SPDX-License-Identifier: Apache-2.0 */
/* A stored file with any damage, verified and repaired: nothing wrong is found
 * in a file that repair leaves alone as whole; what repair says is still wrong
 * is what verify finds afterwards; and after some runs repair has nothing to
 * do.
 *
 * An input is a list of changes to a file of log records that a service wrote:
 * five bytes each (what, where in three, how), some with bytes behind them.
 * The first byte says what else stands beside the file. */
#include <dirent.h>

#include "net_talk.h"
#include "otlp_arrow.h"

/* No threads run while an input is looked at. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
  PATH_SIZE = 512,
  MOST_CHANGES = 16,
  EDIT = 5,
  MOST = 1 << 16,
};

typedef struct stored_file {
  char root[64];
  char path[PATH_SIZE];
  char mark[PATH_SIZE]; /* the list of ended files, "" = none */
  oa_buf bytes;
  oa_buf mark_bytes;
} stored_file;

static stored_file the_file;

static void read_all(const char *path, oa_buf *out) {
  uint8_t part[4096];
  size_t got;
  FILE *file = fopen(path, "rb");
  require(file != NULL);
  while ((got = fread(part, 1, sizeof part, file)) > 0) {
    require(oa_buf_put(out, part, got) == OA_OK);
  }
  fclose(file);
}

static void write_all(const char *path, const oa_buf *bytes) {
  FILE *file = fopen(path, "wb");
  require(file != NULL);
  require(fwrite(bytes->data, 1, bytes->len, file) == bytes->len);
  require(fclose(file) == 0);
}

static void erase_root(void) {
  char erase[96];
  snprintf(erase, sizeof erase, "rm -r '%s'", the_file.root);
  require(system(erase) == 0);
}

/* --- the file --- */

static void post_log(const oa_service *service) {
  static const char body[] =
      "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service."
      "name\",\"value\":{\"stringValue\":\"shop\"}}]},\"scopeLogs\":[{"
      "\"logRecords\":[{\"timeUnixNano\":\"5\",\"body\":{\"stringValue\":"
      "\"one\"},\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":1}}]},{"
      "\"eventName\":\"two\"}]}]}]}";
  char text[1024];
  oa_buf answer = {0};
  const int len = snprintf(text, sizeof text,
                           "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: "
                           "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                           sizeof body - 1, body);
  talk(oa_service_port(service, OA_LISTENER_PROTOBUF), (const uint8_t *)text,
       (size_t)len, &answer);
  require(answer.len > 12 && memcmp(answer.data, "HTTP/1.1 200", 12) == 0);
  oa_buf_free(&answer);
}

static void run_service(void) {
  static const char *const settings[][2] = {
      {"protocols.protobuf_port", "0"}, {"protocols.arrow_flight_port", "0"},
      {"dashboard.port", "0"},          {"log.level", "error"},
      {"storage.merge", "false"},
  };
  oa_error error;
  oa_config *config = NULL;
  oa_service *service = NULL;
  require(oa_config_new(&config, &error) == OA_OK);
  require(oa_config_set(config, "output_dir", the_file.root, &error) == OA_OK);
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    require(oa_config_set(config, settings[i][0], settings[i][1], &error) ==
            OA_OK);
  }
  require(oa_service_start(&service, config, &error) == OA_OK);
  oa_config_free(config);
  for (int i = 0; i < 2; i++) { /* two batches */
    post_log(service);
    require(oa_service_flush(service, TALK_PATIENCE, &error) == OA_OK);
  }
  require(oa_service_stop(service, &error) == OA_OK);
}

static void make_file(void) {
  char folder[96];
  const struct dirent *entry;
  /* Repair waits for the disk, which memory need not. */
  const bool memory = access("/dev/shm", W_OK) == 0;
  snprintf(the_file.root, sizeof the_file.root, "%s/oa_fuzz_XXXXXX",
           memory ? "/dev/shm" : "/tmp");
  require(mkdtemp(the_file.root) != NULL);
  run_service();
  snprintf(folder, sizeof folder, "%s/otlp/logs", the_file.root);
  DIR *dir = opendir(folder);
  require(dir != NULL);
  while ((entry = readdir(dir)) != NULL) {
    if (strstr(entry->d_name, ".arrow") != NULL) {
      snprintf(the_file.path, PATH_SIZE, "%s/%s", folder, entry->d_name);
    } else if (entry->d_name[0] == '.' && strlen(entry->d_name) > 2) {
      snprintf(the_file.mark, PATH_SIZE, "%s/%s", folder, entry->d_name);
      read_all(the_file.mark, &the_file.mark_bytes);
    }
  }
  closedir(dir);
  require(the_file.path[0] != '\0');
  read_all(the_file.path, &the_file.bytes);
  require(atexit(erase_root) == 0);
}

/* --- damage --- */

static void cut_out(oa_buf *file, size_t at, size_t len) {
  len = len < file->len - at ? len : file->len - at;
  memmove(file->data + at, file->data + at + len, file->len - at - len);
  file->len -= len;
}

static void put_in(oa_buf *file, size_t at, const uint8_t *bytes, size_t len) {
  if (len > 0 && file->len + len <= MOST) {
    require(oa_buf_put(file, bytes, len) == OA_OK); /* makes room */
    memmove(file->data + at + len, file->data + at, file->len - len - at);
    memcpy(file->data + at, bytes, len);
  }
}

/* Makes one change and returns how many bytes of DATA it took. */
static size_t change(oa_buf *file, const uint8_t *data, size_t len) {
  const size_t place = data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
  const size_t at = file->len > 0 ? place % file->len : 0;
  const uint8_t how = data[4];
  const uint8_t *more = data + EDIT;
  size_t extra = how % 32;
  extra = extra < len - EDIT ? extra : len - EDIT;
  switch (data[0] % 6) {
    case 0:
      if (file->len > 0) {
        file->data[at] ^= how;
      }
      return EDIT;
    case 1:
      file->len = at;
      return EDIT;
    case 2:
      cut_out(file, at, (size_t)how + 1);
      return EDIT;
    case 3:
      put_in(file, at, more, extra);
      return EDIT + extra;
    case 4:
      extra = extra < file->len - at ? extra : file->len - at;
      memcpy(file->data + at, more, extra);
      return EDIT + extra;
    default:
      put_in(file, file->len, more, extra);
      return EDIT + extra;
  }
}

/* --- the promises --- */

static oa_repair_result repair(bool dry) {
  const oa_repair_options options = {.dry_run = dry};
  oa_repair_result result = {0};
  oa_error error;
  require(oa_repair(the_file.root, &options, &result, &error) == OA_OK);
  return result;
}

static oa_verify_result verify(void) {
  const oa_verify_options options = {0};
  oa_verify_result result = {0};
  oa_error error;
  require(oa_verify(the_file.root, &options, &result, &error) == OA_OK);
  return result;
}

static void check(void) {
  const oa_verify_result before = verify();
  const oa_repair_result plan = repair(true);
  require((plan.problems > 0) == (before.problems > 0));
  oa_repair_result done = repair(false);
  require(before.problems > 0 || (done.aside == 0 && done.problems == 0));
  /* One run is enough, also where damage hides other damage. */
  const oa_verify_result after = verify();
  require((after.problems > 0) == (done.problems > 0));
  done = repair(false);
  require(done.repaired == 0 && done.aside == 0);
  require(after.rows <= before.rows || before.problems > 0);
}

/* What repair put aside or left. */
static void clear_folder(void) {
  char folder[PATH_SIZE];
  const struct dirent *entry;
  snprintf(folder, sizeof folder, "%s/otlp/logs", the_file.root);
  DIR *dir = opendir(folder);
  require(dir != NULL);
  while ((entry = readdir(dir)) != NULL) {
    char path[2 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      require(remove(path) == 0);
    }
  }
  closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  oa_buf file = {0};
  if (the_file.root[0] == '\0') {
    make_file();
  }
  clear_folder();
  require(oa_buf_put(&file, the_file.bytes.data, the_file.bytes.len) == OA_OK);
  size_t at = len > 0 ? 1 : 0;
  for (int i = 0; i < MOST_CHANGES && len - at >= EDIT; i++) {
    at += change(&file, data + at, len - at);
  }
  write_all(the_file.path, &file);
  if (len > 0 && (data[0] & 1) != 0 && the_file.mark[0] != '\0') {
    write_all(the_file.mark, &the_file.mark_bytes);
  }
  check();
  oa_buf_free(&file);
  return 0;
}
