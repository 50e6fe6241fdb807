/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/flight_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "flight/message.h"
#include "flight/stored.h"
#include "store/dir.h"

enum {
  FIRST_READ = 16384, /* metadata of our own batches fits */
  PIECE = 1 << 20,    /* of one read */
};

/* Metadata larger than this is damage: it would describe millions of buffers.
 */
#define MAX_METADATA ((size_t)64 << 20)

struct oa_flight_source {
  int fd;
  oa_flight_ticket ticket;
  uint64_t at;   /* of the next message */
  uint64_t size; /* of the file when it was opened */
  bool ended;
  oa_buf head; /* its beginning, of HAVE bytes */
  oa_emit emit;
  /* For the filter. */
  bool has_times;
  oa_stored_times times;
  oa_inflater *inflater;
  oa_buf slice;
  oa_buf values;
};

/* --- open, close --- */

static oa_status open_file(oa_flight_source *s, const char *root,
                           const char *extension, oa_error *error) {
  char dir[OA_PATH_SIZE];
  char path[OA_PATH_SIZE];
  char name[OA_NAME_SIZE];
  struct stat info;
  const oa_name_rule rule = oa_flight_rule(s->ticket.signal, extension);
  oa_name_text(&rule, &s->ticket.name, name);
  if (!oa_path_join(dir, root, rule.stream) || !oa_path_join(path, dir, name)) {
    return oa_error_set(error, OA_ERR_IO, "the path of %s is too long", name);
  }
  /* A link that somebody put there leads anywhere. */
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (s->fd < 0 && errno != ENOENT && errno != ELOOP) {
    char reason[64] = "";
    (void)strerror_r(errno, reason, sizeof reason);
    return oa_error_set(error, OA_ERR_IO, "%s/%s cannot be opened: %s",
                        rule.stream, name, reason);
  }
  if (s->fd < 0 || fstat(s->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return oa_error_set(error, OA_ERR_NOT_FOUND,
                        "%s/%s is not stored here; files are removed when "
                        "they are older than their retention",
                        rule.stream, name);
  }
  s->size = info.st_size < 0 ? 0 : (uint64_t)info.st_size;
  return OA_OK;
}

oa_status oa_flight_source_open(oa_flight_source **out, const char *root,
                                const char *extension,
                                const oa_flight_ticket *ticket,
                                oa_error *error) {
  oa_flight_source *s = oa_calloc(1, sizeof *s);
  if (s == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to read a file");
  }
  s->fd = -1;
  s->ticket = *ticket;
  oa_status status = open_file(s, root, extension, error);
  if (status == OA_OK && ticket->filter.timed &&
      oa_inflater_new(&s->inflater) != OA_OK) {
    status = oa_error_set(error, OA_ERR_NOMEM, "no memory to read a file");
  }
  if (status != OA_OK) {
    oa_flight_source_close(s);
    return status;
  }
  *out = s;
  return OA_OK;
}

void oa_flight_source_close(oa_flight_source *s) {
  if (s == NULL) {
    return;
  }
  if (s->fd >= 0) {
    close(s->fd);
  }
  oa_inflater_free(s->inflater);
  oa_buf_free(&s->head);
  oa_buf_free(&s->emit.out);
  oa_buf_free(&s->slice);
  oa_buf_free(&s->values);
  oa_free(s);
}

size_t oa_flight_source_memory(const oa_flight_source *s) {
  return sizeof *s + s->head.cap + s->emit.out.cap + s->slice.cap +
         s->values.cap;
}

/* --- messages --- */

/* Reads LEN bytes at AT of the file.  OA_END: it was cut meanwhile. */
static oa_status read_at(const oa_flight_source *s, uint8_t *out, uint64_t len,
                         uint64_t at) {
  while (len > 0) {
    const size_t want = len < PIECE ? (size_t)len : PIECE;
    const ssize_t n = pread(s->fd, out, want, (off_t)at);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return n == 0 ? OA_END : OA_ERR_IO;
    }
    out += n;
    at += (uint64_t)n;
    len -= (uint64_t)n;
  }
  return OA_OK;
}

/* Brings the first LEN bytes of the message into memory. */
static oa_status load(oa_flight_source *s, size_t len) {
  if (len <= s->head.len) {
    return OA_OK;
  }
  OA_TRY(oa_buf_reserve(&s->head, len - s->head.len));
  OA_TRY(read_at(s, s->head.data + s->head.len, len - s->head.len,
                 s->at + s->head.len));
  s->head.len = len;
  return OA_OK;
}

/* Looks at the message at the source's place, all metadata in memory.  OA_END:
 * there is no whole one any more. */
static oa_status look(oa_flight_source *s, oa_stored_message *out,
                      oa_error *error) {
  const uint64_t left = s->size - s->at;
  size_t need = left < FIRST_READ ? (size_t)left : FIRST_READ;
  s->head.len = 0;
  for (;;) {
    OA_TRY(load(s, need));
    const oa_status status =
        oa_stored_look(s->head.data, s->head.len, out, &need, error);
    if (status == OA_OK) {
      break;
    }
    if (status != OA_ERR_TRUNCATED) {
      return status;
    }
    if (need > left) {
      return OA_END;
    }
    if (need > MAX_METADATA) {
      return OA_ERR_MALFORMED;
    }
  }
  return out->event == OA_IPC_EOS || out->size > left ? OA_END : OA_OK;
}

/* Reads where the times stand from the schema, the first message. */
static oa_status read_schema(oa_flight_source *s,
                             const oa_stored_message *message,
                             oa_error *error) {
  oa_ipc_reader *reader = NULL;
  oa_ipc_event event;
  size_t used;
  OA_TRY(oa_ipc_reader_new(&reader, NULL));
  oa_status status = load(s, (size_t)message->size);
  if (status == OA_OK) {
    status = oa_ipc_read(reader, s->head.data, (size_t)message->size, &used,
                         &event, error);
  }
  if (status == OA_OK) {
    s->has_times = oa_stored_find_times(
        s->ticket.signal, oa_ipc_reader_schema(reader), &s->times);
  }
  oa_ipc_reader_free(reader);
  return status;
}

/* Whether a batch has a row in the filter's time. */
static oa_status overlaps(oa_flight_source *s, const oa_stored_message *message,
                          bool *out, oa_error *error) {
  const oa_flight_filter *filter = &s->ticket.filter;
  oa_stored_slice slice;
  *out = true;
  if (!filter->timed || !s->has_times) {
    return OA_OK;
  }
  OA_TRY(oa_stored_locate(s->head.data + message->meta_at, message->meta_len,
                          &s->times, &slice, error));
  s->slice.len = 0;
  OA_TRY(oa_buf_reserve(&s->slice, (size_t)slice.len + 1));
  OA_TRY(read_at(s, s->slice.data, slice.len,
                 s->at + message->body_at + slice.at));
  /* UINT64_MAX stands for no end, and 0 for a range of nothing. */
  const uint64_t last =
      filter->to == UINT64_MAX ? UINT64_MAX : filter->to - (filter->to != 0);
  return oa_stored_overlaps(&slice, s->slice.data, s->inflater, &s->values,
                            filter->to == 0 ? 1 : filter->from, last, out);
}

/* The message at the source's place, and whether it is to be left out. */
static oa_status step(oa_flight_source *s, oa_stored_message *message,
                      bool *skip, oa_error *error) {
  bool wanted = true;
  if (s->ended || s->at >= s->size) {
    return OA_END;
  }
  OA_TRY(look(s, message, error));
  if (s->at == 0 && message->event != OA_IPC_SCHEMA) {
    return OA_ERR_MALFORMED;
  }
  if (message->event == OA_IPC_SCHEMA && s->ticket.filter.timed) {
    OA_TRY(read_schema(s, message, error));
  }
  if (message->event == OA_IPC_BATCH) {
    OA_TRY(overlaps(s, message, &wanted, error));
  }
  *skip = !wanted;
  return OA_OK;
}

/* Makes the FlightData of a message.  Its body goes where it will be sent
 * from. */
static oa_status copy(oa_flight_source *s, const oa_stored_message *message) {
  oa_emit_reset(&s->emit);
  oa_flight_write_data(&s->emit, s->head.data + message->meta_at,
                       message->meta_len, (size_t)message->body_len);
  uint8_t *at = oa_emit_room(&s->emit, (size_t)message->body_len);
  if (at == NULL) {
    return s->emit.status;
  }
  OA_TRY(read_at(s, at, message->body_len, s->at + message->body_at));
  oa_emit_wrote(&s->emit, at + message->body_len);
  return OA_OK;
}

/* Makes the FlightData of the signal's schema, for a file that has none yet: a
 * client must know the columns of no rows too. */
static oa_status copy_own_schema(oa_flight_source *s, oa_error *error) {
  oa_stored_message message;
  size_t need;
  s->ended = true;
  s->head.len = 0;
  OA_TRY(oa_stored_put_schema(s->ticket.signal, &s->head));
  OA_TRY(oa_stored_look(s->head.data, s->head.len, &message, &need, error));
  oa_emit_reset(&s->emit);
  oa_flight_write_data(&s->emit, s->head.data + message.meta_at,
                       message.meta_len, 0);
  return s->emit.status;
}

/* Gives STATUS a sentence; OA_END is none. */
static oa_status explain(oa_flight_source *s, oa_status status,
                         const oa_error *problem, oa_error *error) {
  s->ended = true;
  if (status == OA_END) {
    return OA_END;
  }
  return oa_error_set(
      error, status, "the stored file cannot be read at byte %llu: %s",
      (unsigned long long)s->at,
      problem->text[0] != '\0' ? problem->text : oa_status_text(status));
}

oa_status oa_flight_source_next(oa_flight_source *s, const oa_buf **out,
                                oa_error *error) {
  oa_error problem = {.text = ""};
  for (;;) {
    oa_stored_message message;
    bool skip = false;
    oa_status status = step(s, &message, &skip, &problem);
    if (status == OA_OK && !skip) {
      status = copy(s, &message);
    } else if (status == OA_END && s->at == 0 && !s->ended) {
      status = copy_own_schema(s, &problem);
      message.size = 0;
    }
    if (status != OA_OK) {
      return explain(s, status, &problem, error);
    }
    s->at += message.size;
    if (!skip) {
      *out = &s->emit.out;
      return OA_OK;
    }
  }
}

oa_status oa_flight_source_overlaps(oa_flight_source *s, uint64_t until_ns,
                                    bool *out, oa_error *error) {
  oa_error problem = {.text = ""};
  *out = false;
  while (!*out) {
    oa_stored_message message;
    bool skip = false;
    const oa_status status = step(s, &message, &skip, &problem);
    if (status == OA_END) {
      return OA_OK;
    }
    if (status != OA_OK) {
      return explain(s, status, &problem, error);
    }
    s->at += message.size;
    *out = (message.event == OA_IPC_BATCH && !skip) ||
           oa_clock_monotonic_ns() > until_ns;
  }
  return OA_OK;
}
