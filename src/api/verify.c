/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/verify_impl.h"

static const char repair_advice[] =
    "stop the service and run otlp-arrow repair: it keeps all that is whole "
    "before this";
static const char restore_advice[] = "take it from a copy that is whole";

typedef struct verifier {
  const oa_verify_options *options;
  oa_verify_result result;
  uint64_t total;
  uint64_t done;
  const oa_stored *item; /* the file that is looked at */
  oa_signal signal;      /* of it, once known */
  bool silent;           /* problems are not told this time */
} verifier;

static void tell(verifier *v, const oa_finding *finding) {
  switch (finding->kind) {
    case OA_FINDING_PROBLEM:
      v->result.problems++;
      break;
    case OA_FINDING_UNREADABLE:
      v->result.unreadable++;
      break;
    default:
      v->result.notes++;
      break;
  }
  if (v->options->finding != NULL) {
    v->options->finding(v->options->context, finding);
  }
}

static void note(verifier *v, const char *what, const char *advice) {
  const oa_finding finding = {.kind = OA_FINDING_NOTE,
                              .path = v->item->path,
                              .what = what,
                              .advice = advice};
  tell(v, &finding);
}

static void unreadable(verifier *v, const char *what, int code) {
  const oa_finding finding = {
      .kind = OA_FINDING_UNREADABLE,
      .path = v->item->path,
      .what = what,
      .advice = code == EACCES || code == EPERM
                    ? "run this as a user who may read it"
                    : ""};
  tell(v, &finding);
}

/* Behind byte OFFSET nothing more is. */
static void problem_at_end(verifier *v, uint64_t offset, const char *what,
                           const char *advice) {
  const oa_finding finding = {.kind = OA_FINDING_PROBLEM,
                              .path = v->item->path,
                              .has_place = 1,
                              .offset = offset,
                              .what = what,
                              .advice = advice};
  tell(v, &finding);
}

/* --- what the check asks and tells --- */

/* The signal whose columns FOUND has, whatever its metadata says. */
static oa_signal find_by_columns(const oa_schema *found) {
  int signal = 0;
  while (signal < OA_SIGNAL_COUNT &&
         !oa_schema_equal(oa_otlp_schema((oa_signal)signal), found)) {
    signal++;
  }
  return (oa_signal)signal;
}

const oa_schema *oa_verify_choose(oa_signal *signal, const oa_schema *found) {
  if (*signal == OA_SIGNAL_COUNT) {
    *signal = oa_stored_signal(found);
  }
  if (*signal == OA_SIGNAL_COUNT) {
    *signal = find_by_columns(found);
  }
  return *signal == OA_SIGNAL_COUNT ? NULL : oa_otlp_schema(*signal);
}

static const oa_schema *choose(void *context, const oa_schema *found) {
  verifier *v = context;
  return oa_verify_choose(&v->signal, found);
}

static void problem(void *context, uint64_t offset, uint64_t batch,
                    const char *what) {
  verifier *v = context;
  const oa_finding finding = {.kind = OA_FINDING_PROBLEM,
                              .path = v->item->path,
                              .has_place = 1,
                              .offset = offset,
                              .batch = batch,
                              .what = what,
                              .advice = v->item->kind == OA_STORED_DATA
                                            ? repair_advice
                                            : restore_advice};
  if (!v->silent) {
    tell(v, &finding);
  }
}

static bool progress(void *context, uint64_t bytes) {
  verifier *v = context;
  v->done += bytes;
  return v->options->progress == NULL ||
         v->options->progress(v->options->context, v->done, v->total) != 0;
}

/* --- one file --- */

void oa_verify_directory(const char *path, char *out, size_t size) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) {
    snprintf(out, size, ".");
  } else {
    snprintf(out, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  }
}

static bool is_owned(const oa_stored *item) {
  char directory[PATH_MAX];
  char owner[PATH_MAX];
  long pid;
  oa_verify_directory(item->path, directory, sizeof directory);
  return oa_stored_find_lock(directory, owner, sizeof owner) &&
         oa_stored_is_owned(owner, &pid);
}

/* The check.  In a file that a service is writing into, what looks damaged may
 * only be half written: it is looked at again. */
static oa_status check(verifier *v, int fd, bool may_be_open, oa_check *out,
                       oa_error *error) {
  enum { ATTEMPTS = 4, WAIT_NS = 50 * 1000 * 1000 };
  const oa_check_options options = {
      .choose = choose, .problem = problem, .progress = progress, .context = v};
  v->silent = may_be_open;
  for (int i = 0; may_be_open && i < ATTEMPTS; i++) {
    const uint64_t done = v->done;
    OA_TRY(oa_check_file(fd, &options, out, error));
    if (out->problems == 0) {
      return OA_OK;
    }
    v->done = done;
    nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
  }
  v->silent = false;
  return oa_check_file(fd, &options, out, error);
}

/* A file without end mark is well when a service is writing it. */
static const char *judge_end(verifier *v, const oa_check *found) {
  char what[128];
  const bool owned = is_owned(v->item);
  if (owned && v->item->newest) {
    v->result.open++;
    return "open";
  }
  const char *advice =
      v->item->kind != OA_STORED_DATA
          ? "what is whole before this can be read all the same"
      : owned ? "the running service mends it by itself, or at its next start"
              : "the next start of the service mends it, or otlp-arrow repair";
  if (!found->has_schema) {
    snprintf(what, sizeof what, "the file ends before its schema is complete");
  } else if (found->state == OA_CHECK_TORN) {
    snprintf(what, sizeof what,
             "the last %llu bytes are part of an unfinished message",
             (unsigned long long)(found->size - found->whole));
  } else {
    snprintf(what, sizeof what, "the end mark is missing");
  }
  problem_at_end(v, found->whole, what, advice);
  return found->state == OA_CHECK_TORN ? "torn" : "open";
}

static void report(verifier *v, const oa_check *found, const char *state,
                   uint64_t problems) {
  v->result.files++;
  v->result.bytes += found->size;
  v->result.batches += found->batches;
  v->result.rows += found->rows;
  if (v->options->file != NULL) {
    const oa_verified_file file = {
        .path = v->item->path,
        .signal = v->signal == OA_SIGNAL_COUNT ? "" : oa_signal_name(v->signal),
        .state = state,
        .size = found->size,
        .batches = found->batches,
        .rows = found->rows,
        .problems = problems};
    v->options->file(v->options->context, &file);
  }
}

static void look_at_name(verifier *v) {
  if (v->item->strayed) {
    problem_at_end(v, 0, "it stands in the directory of another signal",
                   "move it to where its name says that it belongs");
  }
  if (v->item->kind == OA_STORED_LIKE && v->signal != OA_SIGNAL_COUNT) {
    note(v, "its name is not one that the service gives",
         "the service passes it over: it is neither served nor removed");
  }
}

static oa_status verify_open(verifier *v, int fd, oa_error *error) {
  const uint64_t before = v->result.problems;
  const char *state = "whole";
  oa_check found;
  v->signal = v->item->signal;
  const bool may_be_open = v->item->newest && is_owned(v->item);
  const oa_status status = check(v, fd, may_be_open, &found, error);
  if (status == OA_ERR_IO) {
    unreadable(v, error->text, EIO);
    return OA_OK;
  }
  OA_TRY(status);
  look_at_name(v);
  if (found.state == OA_CHECK_DAMAGED) {
    state = "damaged";
  } else if (found.state != OA_CHECK_WHOLE) {
    state = judge_end(v, &found);
  }
  if (found.foreign && found.has_schema && !found.other_schema &&
      found.problems == 0) {
    note(v,
         v->signal == OA_SIGNAL_COUNT
             ? "its schema names no signal: what is asked of any Arrow stream "
               "was checked"
             : "another program or version wrote it: what is asked of any "
               "Arrow stream was checked",
         "");
  }
  report(v, &found, state, v->result.problems - before);
  return OA_OK;
}

static oa_status verify_data(verifier *v, bool listed, oa_error *error) {
  oa_error problem_text = {0};
  const int fd = open(v->item->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno != ENOENT || !listed) {
      const int code = errno;
      unreadable(v, strerror(code), code);
    }
    return OA_OK; /* else retention was faster than we are */
  }
  const oa_status status = verify_open(v, fd, &problem_text);
  close(fd);
  return status == OA_OK ? OA_OK
                         : oa_error_set(error, status, "%s: %s", v->item->path,
                                        problem_text.text[0] == '\0'
                                            ? oa_status_text(status)
                                            : problem_text.text);
}

static oa_status verify_item(verifier *v, bool listed, oa_error *error) {
  switch (v->item->kind) {
    case OA_STORED_DATA:
    case OA_STORED_LIKE:
      return verify_data(v, listed, error);
    case OA_STORED_CORRUPT:
      note(v, "damaged bytes that were set aside",
           "remove it once it is of no use");
      break;
    case OA_STORED_LEFTOVER:
      note(v,
           "half of something: of work under way, or of work that was broken "
           "off",
           "the service or otlp-arrow repair removes it");
      break;
    case OA_STORED_OTHER:
      note(v, "not a file of otlp-arrow", "");
      break;
    case OA_STORED_SPECIAL:
      if (listed) {
        note(v, "neither a file nor a directory", "");
      } else {
        unreadable(v, "neither a file nor a directory", 0);
      }
      break;
    case OA_STORED_LOCK:
    case OA_STORED_STATE:
      break;
  }
  return OA_OK;
}

oa_status oa_verify(const char *path, const oa_verify_options *options,
                    oa_verify_result *result, oa_error *error) {
  oa_stored_list list;
  OA_TRY(oa_stored_list_read(&list, path, error));
  verifier v = {.options = options, .total = list.bytes};
  oa_status status = OA_OK;
  for (size_t i = 0; i < list.count && status == OA_OK; i++) {
    v.item = &list.items[i];
    const bool listed = strcmp(v.item->path, path) != 0;
    status = verify_item(&v, listed, error);
  }
  oa_stored_list_free(&list);
  if (status == OA_OK) {
    *result = v.result;
  }
  return status;
}
