/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/repair_impl.h"
#include "store/lock.h"

enum { TEXT_SIZE = 1024 };

typedef struct repairer {
  const oa_repair_options *options;
  oa_repair_result result;
  const oa_stored *item;
} repairer;

static void tell(repairer *r, const oa_finding *finding) {
  if (finding->kind == OA_FINDING_NOTE) {
    r->result.notes++;
  } else if (finding->kind != OA_FINDING_DONE) {
    r->result.problems++;
  }
  if (r->options->finding != NULL) {
    r->options->finding(r->options->context, finding);
  }
}

static void tell_file(repairer *r, oa_finding_kind kind, const char *what,
                      const char *advice) {
  const oa_finding finding = {
      .kind = kind, .path = r->item->path, .what = what, .advice = advice};
  tell(r, &finding);
}

/* --- one file --- */

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* Says what the plan does, or did: then the old file stands as ASIDE. */
static void describe(const oa_mend_plan *plan, const char *aside,
                     char out[TEXT_SIZE]) {
  const oa_check *found = &plan->found;
  const unsigned long long cut =
      (unsigned long long)(found->size - found->complete);
  char kept[80];
  char old[PATH_MAX + 80] = "the damaged file stays beside it as .corrupt";
  snprintf(kept, sizeof kept, "%" PRIu64 " batches with %" PRIu64 " rows kept",
           found->good, found->good_rows);
  if (aside[0] != '\0') {
    snprintf(old, sizeof old, "the damaged file is now %s", last_part(aside));
  }
  switch (plan->mend) {
    case OA_MEND_CUT:
      if (cut == 0) {
        snprintf(out, TEXT_SIZE, "end mark written, %s", kept);
      } else {
        snprintf(out, TEXT_SIZE,
                 "%llu bytes of an unfinished batch cut off and end mark "
                 "written, %s",
                 cut, kept);
      }
      break;
    case OA_MEND_REWRITE:
      snprintf(out, TEXT_SIZE, "cut before the damage (%.200s), %s; %.300s",
               plan->what, kept, old);
      break;
    case OA_MEND_SCHEMA:
      snprintf(out, TEXT_SIZE, "schema written anew (%.200s), %s; %.300s",
               plan->what, kept, old);
      break;
    default:
      snprintf(out, TEXT_SIZE,
               "set aside as %.300s, since nothing in it can "
               "be read (%.200s)",
               aside[0] == '\0' ? ".corrupt" : last_part(aside), plan->what);
      break;
  }
}

static void tell_done(repairer *r, const oa_mend_plan *plan,
                      const char *aside) {
  char text[TEXT_SIZE + 16];
  char done[TEXT_SIZE];
  const bool damage = plan->what[0] != '\0';
  describe(plan, aside, done);
  snprintf(text, sizeof text, "%s%s", r->options->dry_run ? "to do: " : "",
           done);
  const oa_finding finding = {.kind = OA_FINDING_DONE,
                              .path = r->item->path,
                              .has_place = damage,
                              .offset = plan->offset,
                              .batch = plan->batch,
                              .what = text,
                              .advice = ""};
  tell(r, &finding);
  r->result.repaired += plan->mend != OA_MEND_ASIDE ? 1 : 0;
  r->result.aside += plan->mend == OA_MEND_CUT ? 0 : 1;
  r->result.problems += r->options->dry_run ? 1 : 0;
}

static oa_status carry_out(repairer *r, const oa_mend_plan *plan, int fd,
                           oa_error *error) {
  char aside[PATH_MAX] = "";
  if (plan->mend == OA_MEND_NOTHING) {
    return OA_OK;
  }
  if (plan->mend == OA_MEND_LEAVE) {
    const oa_finding finding = {
        .kind = OA_FINDING_PROBLEM,
        .path = r->item->path,
        .has_place = 1,
        .offset = plan->offset,
        .what = plan->what,
        .advice =
            "it can be read, so it was left as it is; move it away when "
            "it is not the service's"};
    tell(r, &finding);
    return OA_OK;
  }
  if (!r->options->dry_run) {
    OA_TRY(oa_mend_do(plan, fd, r->item->path, aside, error));
  }
  tell_done(r, plan, aside);
  return OA_OK;
}

static oa_status repair_open(repairer *r, int fd, oa_error *error) {
  oa_mend_plan plan;
  OA_TRY(oa_mend_plan_make(&plan, fd, r->item->signal, error));
  const oa_status status = carry_out(r, &plan, fd, error);
  oa_mend_plan_free(&plan);
  return status;
}

/* A file that cannot be mended is a problem that stays, and the others come
 * all the same. */
static void repair_data(repairer *r) {
  const int flags = r->options->dry_run ? O_RDONLY : O_RDWR;
  oa_error error = {0};
  const int fd =
      open(r->item->path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    const int code = errno;
    if (code != ENOENT) {
      tell_file(r, OA_FINDING_UNREADABLE,
                code == ELOOP ? "a link" : strerror(code),
                code == ELOOP ? "repair the file that it leads to"
                              : "run this as the user of the service");
    }
    return;
  }
  r->result.files++;
  if (repair_open(r, fd, &error) != OA_OK) {
    tell_file(r, OA_FINDING_PROBLEM, error.text,
              "nothing was changed; run it again when that is settled");
  }
  close(fd);
  if (r->item->strayed) {
    tell_file(r, OA_FINDING_PROBLEM,
              "it stands in the directory of another signal",
              "move it to where its name says that it belongs");
  }
}

static void remove_leftover(repairer *r) {
  if (!r->options->dry_run && unlink(r->item->path) != 0) {
    if (errno != ENOENT) {
      tell_file(r, OA_FINDING_PROBLEM, strerror(errno),
                "remove it: it is left over from work that was broken off");
    }
    return;
  }
  r->result.removed++;
  r->result.problems += r->options->dry_run ? 1 : 0;
  tell_file(r, OA_FINDING_DONE,
            r->options->dry_run
                ? "to do: remove what work left that was broken off"
                : "removed: left over from work that was broken off",
            "");
}

static void repair_item(repairer *r) {
  switch (r->item->kind) {
    case OA_STORED_DATA:
      repair_data(r);
      break;
    case OA_STORED_LEFTOVER:
      remove_leftover(r);
      break;
    case OA_STORED_LIKE:
      tell_file(r, OA_FINDING_NOTE,
                "its name is not one that the service gives",
                "it was not looked at");
      break;
    default:
      break;
  }
}

/* --- the directory --- */

static bool holds_ours(const oa_stored_list *list) {
  bool found = false;
  for (size_t i = 0; i < list->count && !found; i++) {
    found = list->items[i].kind == OA_STORED_DATA ||
            list->items[i].kind == OA_STORED_LEFTOVER ||
            list->items[i].kind == OA_STORED_LOCK;
  }
  return found;
}

/* Other output directories below PATH have locks of their own, and other
 * directories are none of our business. */
static oa_status refuse_others(const oa_stored_list *list, const char *path,
                               oa_error *error) {
  size_t len = strlen(path);
  if (!holds_ours(list)) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: no file of the service is in it; name its output "
                        "directory",
                        path);
  }
  while (len > 1 && path[len - 1] == '/') {
    len--;
  }
  for (size_t i = 0; i < list->count; i++) {
    const oa_stored *item = &list->items[i];
    if (item->kind == OA_STORED_LOCK &&
        (size_t)(item->name - item->path) > strlen(path) + 1) {
      return oa_error_set(error, OA_ERR_CONFIG,
                          "%.*s holds several output directories, such as "
                          "%.*s; repair one at a time",
                          (int)len, path, (int)(item->name - item->path) - 1,
                          item->path);
    }
  }
  return OA_OK;
}

static oa_status take_lock(oa_lock *lock, const char *path, bool dry_run,
                           oa_error *error) {
  char owner[PATH_MAX];
  long pid = 0;
  if (!oa_stored_find_lock(path, owner, sizeof owner)) {
    snprintf(owner, sizeof owner, "%s", path);
  }
  if (oa_stored_is_owned(owner, &pid)) {
    return oa_error_set(error, OA_ERR_BUSY,
                        "%.120s is in use by process %ld; stop the service "
                        "first (its next start repairs what a crash left)",
                        owner, pid);
  }
  return dry_run ? OA_OK : oa_lock_take(lock, owner, error);
}

static oa_status check_path(const char *path, oa_error *error) {
  struct stat info;
  if (path[0] == '\0' || stat(path, &info) != 0) {
    const int code = path[0] == '\0' ? ENOENT : errno;
    return oa_error_set(error, code == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                        "%s: %s", path, strerror(code));
  }
  return S_ISDIR(info.st_mode)
             ? OA_OK
             : oa_error_set(error, OA_ERR_CONFIG,
                            "%s: name the output directory, not a file of it",
                            path);
}

oa_status oa_repair(const char *path, const oa_repair_options *options,
                    oa_repair_result *result, oa_error *error) {
  repairer r = {.options = options};
  oa_lock lock = {.fd = -1};
  oa_stored_list list;
  OA_TRY(check_path(path, error));
  OA_TRY(oa_stored_list_read(&list, path, error));
  oa_status status = refuse_others(&list, path, error);
  if (status == OA_OK) {
    status = take_lock(&lock, path, options->dry_run != 0, error);
  }
  oa_stored_list_free(&list);
  OA_TRY(status);
  /* Only now does nobody else add or rename anything. */
  status = oa_stored_list_read(&list, path, error);
  if (status == OA_OK) {
    for (size_t i = 0; i < list.count; i++) {
      r.item = &list.items[i];
      repair_item(&r);
    }
    oa_stored_list_free(&list);
    *result = r.result;
  }
  oa_lock_release(&lock);
  return status;
}
