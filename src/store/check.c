/* SPDX-License-Identifier: Apache-2.0 */
#include "store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrow/ipc_form.h"
#include "arrow/ipc_read.h"
#include "base/buf.h"
#include "store/check_impl.h"

/* Bytes that a read asks for at least: many small messages come at once. */
enum { READ_SIZE = 256 * 1024 };

/* Bad batches of one file that are told; behind them it is not read on. */
enum { MAX_PROBLEMS = 100 };

typedef struct checker {
  int fd;
  const oa_check_options *options;
  oa_check *out;
  oa_error *error;
  oa_ipc_reader *reader;
  oa_buf window;   /* bytes of the file, from OFFSET - AT on */
  size_t at;       /* in WINDOW, of the next message */
  uint64_t offset; /* in the file, of the same */
  oa_buf scratch;
  oa_buf schema;      /* the message that it must begin with; empty = any */
  bool ours;          /* it does: our form is asked of all messages */
  bool all_ours;      /* all batches so far have our form */
  bool fresh;         /* dictionaries were read since the last batch */
  int64_t dictionary; /* the last one's id since the last batch, or -1 */
  bool ended;
  bool torn;
  bool stop;
} checker;

static void tell_at(checker *c, uint64_t offset, uint64_t batch,
                    const char *what) {
  c->out->problems++;
  if (c->options->problem != NULL) {
    c->options->problem(c->options->context, offset, batch, what);
  }
  if (c->out->problems >= MAX_PROBLEMS) {
    c->stop = true;
  }
}

/* Of the message that comes next.  Dictionaries belong to the batch behind
 * them. */
static void tell(checker *c, const char *what) {
  tell_at(c, c->offset, c->offset == 0 ? 0 : c->out->batches + 1, what);
}

/* --- bytes --- */

/* Puts the given head over the LEN bytes that were read from FROM on. */
static void put_head(const checker *c, uint8_t *bytes, size_t len,
                     uint64_t from) {
  const oa_check_options *options = c->options;
  if (from < options->head_len) {
    const size_t left = options->head_len - (size_t)from;
    memcpy(bytes, options->head + from, left < len ? left : len);
  }
}

/* Makes sure that WANT bytes from AT on are in memory, as far as the file has
 * them; *HAVE says how many there are. */
static oa_status fill(checker *c, size_t want, size_t *have) {
  oa_buf *window = &c->window;
  const uint64_t left = c->out->size - c->offset;
  if (want > left) {
    want = (size_t)left;
  }
  if (window->len - c->at < want) {
    window->len -= c->at;
    if (window->len > 0) {
      memmove(window->data, window->data + c->at, window->len);
    }
    c->at = 0;
    size_t ask = want > READ_SIZE ? want : READ_SIZE;
    ask = ask > left ? (size_t)left : ask;
    if (oa_buf_reserve(window, ask - window->len) != OA_OK) {
      return oa_error_set(c->error, OA_ERR_NOMEM, "no memory for a message");
    }
    while (window->len < ask) {
      const ssize_t n =
          pread(c->fd, window->data + window->len, ask - window->len,
                (off_t)(c->offset + window->len));
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return oa_error_set(c->error, OA_ERR_IO, "%s at byte %" PRIu64,
                            strerror(errno), c->offset + window->len);
      }
      if (n == 0) {
        break; /* it was cut meanwhile */
      }
      put_head(c, window->data + window->len, (size_t)n,
               c->offset + window->len);
      window->len += (size_t)n;
    }
  }
  *have = window->len - c->at;
  return OA_OK;
}

/* Brings the next message into memory.  OA_END: there is none, or only part
 * of it, or something else. */
static oa_status next(checker *c, size_t *len, oa_ipc_event *event) {
  size_t want = 1;
  size_t have = 0;
  oa_error problem = {0};
  for (;;) {
    size_t used = 0;
    int64_t rows;
    OA_TRY(fill(c, want, &have));
    const oa_status status =
        oa_ipc_skip(have == 0 ? (const uint8_t *)"" : c->window.data + c->at,
                    have, &used, event, &rows, &problem);
    *len = used;
    if (status == OA_OK || status == OA_END) {
      return status;
    }
    if (status != OA_ERR_TRUNCATED) {
      tell(c, problem.text);
      return OA_END;
    }
    if (used <= have || have < want) {
      c->torn = true;
      return OA_END;
    }
    want = used;
  }
}

/* --- messages --- */

static oa_status look_at_schema(checker *c, const uint8_t *message,
                                size_t len) {
  const oa_schema *found = oa_ipc_reader_schema(c->reader);
  const oa_schema *want = c->options->choose == NULL
                              ? NULL
                              : c->options->choose(c->options->context, found);
  c->out->has_schema = true;
  if (want == NULL) {
    c->out->foreign = true;
    return OA_OK;
  }
  if (oa_ipc_form_schema(want, &c->schema) != OA_OK) {
    return OA_ERR_NOMEM;
  }
  c->ours = c->schema.len == len && memcmp(c->schema.data, message, len) == 0;
  c->out->foreign = !c->ours;
  if (!c->ours && !oa_check_same_schema(want, found)) {
    oa_error why;
    oa_check_explain_schema(want, found, &why);
    oa_error_prefix(&why, "the schema is not that of its signal");
    c->out->other_schema = true;
    tell(c, why.text);
  }
  return OA_OK;
}

static oa_status look_at_form(checker *c, const uint8_t *message, size_t len) {
  const char *why = NULL;
  if (!c->ours && !c->all_ours) {
    return OA_OK;
  }
  OA_TRY(oa_ipc_form_check(c->reader, message, len, &c->scratch, &c->dictionary,
                           &why));
  if (why != NULL) {
    c->all_ours = false;
    if (c->ours) {
      tell(c, why);
    }
  }
  return OA_OK;
}

static void look_at_values(checker *c) {
  int64_t rows;
  oa_error why;
  const oa_schema *schema = oa_ipc_reader_schema(c->reader);
  const oa_array *columns = oa_ipc_reader_columns(c->reader, &rows);
  for (size_t i = 0; i < schema->field_count; i++) {
    if (oa_check_values(&schema->fields[i], &columns[i], c->fresh, &why) !=
        OA_OK) {
      tell(c, why.text);
      break;
    }
  }
  c->fresh = false;
  c->out->rows += (uint64_t)rows;
}

/* What is wrong in it was told, and nothing is known of it.  Behind a batch
 * things may be well again; the others are needed by what follows them. */
static oa_status refuse(checker *c, oa_status status, oa_ipc_event event,
                        const oa_error *why) {
  if (status == OA_ERR_NOMEM) {
    return oa_error_set(c->error, status, "no memory for a batch");
  }
  tell(c, why->text[0] == '\0' ? oa_status_text(status) : why->text);
  c->stop = c->stop || event != OA_IPC_BATCH;
  c->all_ours = false;
  return OA_OK;
}

/* Reads the message in memory; what is wrong in it is told. */
static oa_status take(checker *c, size_t len, oa_ipc_event event) {
  const uint8_t *message = c->window.data + c->at;
  const uint64_t before = c->out->problems;
  oa_error why = {0};
  size_t used;

  if (event != OA_IPC_SCHEMA && c->offset == 0) {
    tell(c, "the file does not begin with a schema");
    c->stop = true;
    return OA_OK;
  }
  const oa_status status =
      oa_ipc_read(c->reader, message, len, &used, &event, &why);
  if (status != OA_OK) {
    return refuse(c, status, event, &why);
  }
  if (event == OA_IPC_SCHEMA) {
    OA_TRY(look_at_schema(c, message, len));
  } else {
    OA_TRY(look_at_form(c, message, len));
  }
  c->fresh = c->fresh || event == OA_IPC_DICTIONARY;
  if (event == OA_IPC_BATCH) {
    look_at_values(c);
  }
  c->ended = event == OA_IPC_EOS;
  /* With a wrong dictionary all behind it is in doubt. */
  c->stop =
      c->stop || (event == OA_IPC_DICTIONARY && c->out->problems > before);
  return OA_OK;
}

static void move_on(checker *c, size_t len, oa_ipc_event event) {
  oa_check *out = c->out;
  c->at += len;
  c->offset += len;
  out->whole = c->offset;
  out->batches += event == OA_IPC_BATCH ? 1 : 0;
  if (out->problems > 0) {
    return;
  }
  if (event == OA_IPC_SCHEMA || event == OA_IPC_BATCH) {
    out->complete = c->offset;
    out->good = out->batches;
    out->good_rows = out->rows;
  }
}

static oa_status walk(checker *c) {
  oa_status status = OA_OK;
  while (!c->ended && !c->stop && status == OA_OK) {
    size_t len = 0;
    oa_ipc_event event;
    status = next(c, &len, &event);
    if (status == OA_OK) {
      status = take(c, len, event);
    }
    if (status == OA_OK) {
      move_on(c, len, event);
    }
    if (status == OA_OK && c->options->progress != NULL &&
        !c->options->progress(c->options->context, len)) {
      status = OA_ERR_BUSY;
    }
  }
  return status == OA_END ? OA_OK : status;
}

/* --- the end --- */

static void judge(checker *c) {
  oa_check *out = c->out;
  char text[OA_ERROR_TEXT_SIZE];
  if (c->ended && out->size > c->offset) {
    snprintf(text, sizeof text, "%llu bytes follow the end mark",
             (unsigned long long)(out->size - c->offset));
    tell_at(c, c->offset, 0, text);
  }
  if (out->foreign && !out->other_schema && c->schema.len > 0 && c->all_ours &&
      out->batches > 0) {
    /* Nobody else writes batches like ours, so it was our schema once. */
    out->complete = 0;
    out->good = 0;
    out->good_rows = 0;
    tell_at(c, 0, 0, "the schema has other bytes than it must have");
  }
  if (out->problems > 0) {
    out->state = OA_CHECK_DAMAGED;
  } else if (c->ended) {
    out->state = OA_CHECK_WHOLE;
  } else {
    out->state = c->torn ? OA_CHECK_TORN : OA_CHECK_OPEN;
  }
}

oa_status oa_check_file(int fd, const oa_check_options *options, oa_check *out,
                        oa_error *error) {
  struct stat info;
  oa_check found = {0};
  checker c = {.fd = fd,
               .options = options,
               .out = &found,
               .error = error,
               .dictionary = -1,
               .all_ours = true};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return oa_error_set(error, OA_ERR_IO, "not a regular file");
  }
  found.size = (uint64_t)info.st_size;
  if (options->limit > 0 && found.size > options->limit) {
    found.size = options->limit;
  }
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  oa_status status = oa_ipc_reader_new(&c.reader, &oa_ipc_limits_default);
  if (status == OA_OK) {
    status = walk(&c);
  }
  if (status == OA_OK) {
    judge(&c);
    *out = found;
  } else if (status == OA_ERR_NOMEM) {
    oa_error_set(error, status, "no memory to check a file");
  }
  oa_ipc_reader_free(c.reader);
  oa_buf_free(&c.window);
  oa_buf_free(&c.scratch);
  oa_buf_free(&c.schema);
  return status;
}

/* --- what stands where no message could be read --- */

/* A hit in the haystack is a message of which all metadata is right; its body
 * may be cut. */
static bool looks_like_message(const uint8_t *bytes, size_t len) {
  size_t used = 0;
  oa_ipc_event event;
  int64_t rows;
  if (bytes[0] != 0xff) {
    return false; /* most are not even this */
  }
  const oa_status status = oa_ipc_skip(bytes, len, &used, &event, &rows, NULL);
  if (status == OA_OK) {
    return event != OA_IPC_EOS;
  }
  uint32_t metadata = 0;
  if (status == OA_ERR_TRUNCATED && len >= 2 * sizeof metadata) {
    memcpy(&metadata, bytes + 4, sizeof metadata);
  }
  return metadata > 0 && (uint64_t)metadata + 8 <= len && used > len;
}

/* Looks for messages from FIRST on; the last MARGIN bytes of the LEN in BUFFER
 * are there to see what begins before them. */
static void look_through(const uint8_t *buffer, size_t first, size_t len,
                         size_t margin, oa_check_rest *out) {
  for (size_t i = 0; i < len; i++) {
    out->zero = out->zero && buffer[i] == 0;
  }
  for (size_t i = first; i + margin < len && !out->messages; i += 8) {
    out->messages = looks_like_message(buffer + i, len - i);
  }
}

oa_status oa_check_look(int fd, uint64_t from, uint64_t to, oa_check_rest *out,
                        oa_error *error) {
  /* Metadata of our own batches fits into the margin several times. */
  enum { LOOK_SIZE = 1024 * 1024, MARGIN = 128 * 1024 };
  oa_check_rest found = {.zero = true};
  oa_status status = OA_OK;
  size_t first = 8; /* not the message that could not be read */
  oa_buf buffer = {0};
  if (oa_buf_reserve(&buffer, LOOK_SIZE) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to look into a file");
  }
  while (status == OA_OK && from < to) {
    const size_t want =
        to - from < LOOK_SIZE ? (size_t)(to - from) : (size_t)LOOK_SIZE;
    const ssize_t n = pread(fd, buffer.data, want, (off_t)from);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      status = oa_error_set(error, OA_ERR_IO, "%s at byte %llu",
                            strerror(errno), (unsigned long long)from);
    }
    if (n <= 0) {
      break;
    }
    const bool last = (uint64_t)n >= to - from || n <= MARGIN;
    look_through(buffer.data, first, (size_t)n, last ? 0 : MARGIN, &found);
    first = 0;
    from += last ? (uint64_t)n : (uint64_t)n - MARGIN;
  }
  oa_buf_free(&buffer);
  if (status == OA_OK) {
    *out = found;
  }
  return status;
}
