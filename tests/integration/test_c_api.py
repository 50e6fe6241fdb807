# SPDX-License-Identifier: Apache-2.0
"""C programs that make telemetry without an SDK: what examples/telemetry.c
builds and stores, field by field, and that the C of docs/c-api.md does what the
page says."""

import json
import re
import shutil
import struct
import subprocess
import time

import pytest

import columns
import harness
import otlpgen

EXAMPLE = harness.ROOT / "examples" / "telemetry.c"
PAGE = harness.ROOT / "docs" / "c-api.md"
COMPILER = shutil.which("cc") or shutil.which("gcc")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

TRACE_ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
SERVER_ID = bytes.fromhex("00f067aa0ba902b7")
CLIENT_ID = bytes.fromhex("00f067aa0ba902b8")
CART_TRACE = bytes.fromhex("01020304050607080908070605040302")
MS = 1_000_000
START = 1_700_000_000_000_000_000
SIGNALS = ("traces", "metrics", "logs")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def sanitizer():
    """The flag that programs need which link with a library built for it."""
    cache = harness.BIN / "CMakeCache.txt"
    found = re.search(r"^OA_SANITIZE:\w+=(.+)$",
                      cache.read_text(encoding="utf-8") if cache.exists() else "", re.M)
    return [f"-fsanitize={found[1]}"] if found else []


def compile_program(source, out, *flags):
    """SOURCE, a file, as the program OUT that stands on the built library."""
    done = subprocess.run(
        [COMPILER, *WARNINGS, *sanitizer(), f"-I{harness.ROOT / 'include'}", *flags, str(source),
         f"-L{harness.BIN}", "-lotlp_arrow", f"-Wl,-rpath,{harness.BIN}", "-o", str(out)],
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return out


def run(program, *arguments, cwd=None, text=True):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=text, cwd=cwd,
                          timeout=60, env=harness.clean_environment(), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the requests, as the official classes see them ---

DRIVER = """
#define main example_main
#include "%s"
#undef main

int main(void) {
  static const oa_signal signals[] = {OA_TRACES, OA_METRICS, OA_LOGS};
  static void (*const builds[])(oa_builder *, uint64_t) = {
      build_traces, build_metrics, build_logs};
  (void)example_main;
  for (int i = 0; i < 3; i++) {
    oa_error error;
    oa_builder *b;
    const void *bytes;
    size_t len;
    if (oa_builder_new(&b, signals[i], &error) != OA_OK) {
      return 1;
    }
    builds[i](b, %dU);
    if (oa_builder_finish(b, &bytes, &len, &error) != OA_OK) {
      fprintf(stderr, "%%s\\n", error.text);
      return 1;
    }
    const uint64_t size = len;
    fwrite(&size, sizeof size, 1, stdout);
    fwrite(bytes, 1, len, stdout);
    oa_builder_free(b);
  }
  return 0;
}
"""


@pytest.fixture(scope="module", name="requests")
def built_requests(tmp_path_factory):
    """What the example builds, parsed, by signal."""
    folder = tmp_path_factory.mktemp("driver")
    source = folder / "driver.c"
    source.write_text(DRIVER % (EXAMPLE, START), encoding="utf-8")
    out = run(compile_program(source, folder / "driver"), text=False)
    parsed = {}
    for signal in SIGNALS:
        (size,) = struct.unpack_from("<Q", out)
        parsed[signal] = otlpgen.REQUEST_CLASS[signal].FromString(out[8:8 + size])
        out = out[8 + size:]
    assert out == b""
    return parsed


def values_of(pairs):
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return values_of(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def fields_of(message, *without):
    """The plain fields that are set, but for some."""
    return {field.name: value for field, value in message.ListFields()
            if field.message_type is None and field.name not in without}


def the_scope(request, scopes):
    """The one scope of the one resource, which must be the example's."""
    (resource,) = request.ListFields()[0][1]
    assert resource.schema_url == "https://opentelemetry.io/schemas/1.37.0"
    assert values_of(resource.resource.attributes) == {
        "service.name": "shop", "service.namespace": "demo", "process.pid": 4242}
    (scope,) = getattr(resource, scopes)
    assert fields_of(scope.scope) == {"name": "shop.checkout", "version": "1.4.2"}
    assert values_of(scope.scope.attributes) == {"build": "release"}
    assert scope.schema_url == ""
    return scope


def test_the_official_classes_read_the_spans(requests):
    server, client = the_scope(requests["traces"], "scope_spans").spans
    assert fields_of(server) == {
        "trace_id": TRACE_ID, "span_id": SERVER_ID, "trace_state": "shop=t61rcWkgMzE",
        "name": "POST /checkout", "kind": 2, "start_time_unix_nano": START,
        "end_time_unix_nano": START + 42 * MS, "dropped_attributes_count": 1, "flags": 1}
    assert fields_of(server.status) == {"message": "the payment timed out", "code": 2}
    assert values_of(server.attributes) == {
        "http.request.method": "POST", "http.response.status_code": 504, "cart.value": 129.9,
        "customer.returning": True, "cart.items": ["kettle", "cup"]}
    (event,) = server.events
    assert fields_of(event) == {"time_unix_nano": START + 40 * MS, "name": "exception"}
    assert values_of(event.attributes) == {"exception.type": "PaymentTimeout",
                                           "exception.message": "no answer in 30 ms"}
    (link,) = server.links
    assert fields_of(link) == {"trace_id": CART_TRACE, "span_id": CLIENT_ID, "flags": 1}
    assert values_of(link.attributes) == {"link.kind": "cart"}

    assert fields_of(client) == {
        "trace_id": TRACE_ID, "span_id": CLIENT_ID, "parent_span_id": SERVER_ID,
        "name": "POST /pay", "kind": 3, "start_time_unix_nano": START + 10 * MS,
        "end_time_unix_nano": START + 40 * MS, "flags": 1}
    assert client.HasField("status") and fields_of(client.status) == {}
    assert values_of(client.attributes) == {"server.address": "pay.example.com"}
    assert not client.events and not client.links


def test_the_official_classes_read_the_metrics(requests):
    queue, orders, latency = the_scope(requests["metrics"], "scope_metrics").metrics
    assert fields_of(queue) == {"name": "queue.length", "unit": "{order}"}
    (point,) = queue.gauge.data_points
    assert fields_of(point) == {"time_unix_nano": START, "as_int": 7}
    assert values_of(point.attributes) == {"queue": "orders"}

    assert fields_of(orders) == {"name": "orders.value", "unit": "EUR",
                                 "description": "What was ordered since the start"}
    assert fields_of(orders.sum, "data_points") == {"aggregation_temporality": 2,
                                                    "is_monotonic": True}
    (point,) = orders.sum.data_points
    assert fields_of(point) == {"start_time_unix_nano": START - 1000 * MS,
                                "time_unix_nano": START, "as_double": 1299.5}
    assert values_of(point.attributes) == {"currency": "EUR"}
    (exemplar,) = point.exemplars
    assert fields_of(exemplar) == {"time_unix_nano": START, "as_double": 129.9,
                                   "span_id": SERVER_ID, "trace_id": TRACE_ID}
    assert values_of(exemplar.filtered_attributes) == {"customer": "returning"}

    assert fields_of(latency) == {"name": "http.server.request.duration", "unit": "s"}
    assert fields_of(latency.histogram, "data_points") == {"aggregation_temporality": 1}
    (point,) = latency.histogram.data_points
    assert fields_of(point) == {
        "start_time_unix_nano": START - MS, "time_unix_nano": START, "count": 4, "sum": 0.25,
        "min": 0.0125, "max": 0.125, "bucket_counts": [0, 3, 1, 0],
        "explicit_bounds": [0.01, 0.1, 1]}
    assert values_of(point.attributes) == {"http.route": "/checkout"}


def test_the_official_classes_read_the_log_record(requests):
    (record,) = the_scope(requests["logs"], "scope_logs").log_records
    assert fields_of(record) == {
        "time_unix_nano": START + 40 * MS, "observed_time_unix_nano": START + 41 * MS,
        "severity_number": 17, "severity_text": "ERROR", "event_name": "checkout.failed",
        "flags": 1, "trace_id": TRACE_ID, "span_id": SERVER_ID}
    assert values_of(record.attributes) == {"order": "A-1017"}
    assert value_of(record.body) == {"message": "checkout failed", "attempt": 1}


# --- the files ---

def times_of(value):
    """All times below VALUE: nothing else here is as large."""
    if isinstance(value, dict):
        return [time for item in value.values() for time in times_of(item)]
    if isinstance(value, list):
        return [time for item in value for time in times_of(item)]
    return [value] if isinstance(value, int) and value > START // 2 else []


def relative(value, base):
    """VALUE with its times as distances from BASE, without numbers that a
    service gives."""
    if isinstance(value, dict):
        return {k: relative(v, base) for k, v in value.items() if not k.endswith("_ord")}
    if isinstance(value, list):
        return [relative(item, base) for item in value]
    return value - base if times_of(value) else value


@pytest.fixture(scope="module", name="example")
def built_example(tmp_path_factory):
    return compile_program(EXAMPLE, tmp_path_factory.mktemp("example") / "telemetry")


def test_the_example_stores_what_a_service_would(example, requests, start, tmp_path):
    """Every column of every row, embedded against sent over gRPC; the times are
    those of the run, in the same distances."""
    before = time.time_ns() - 2000 * MS
    out = run(example, tmp_path / "embedded")
    assert out.splitlines() == ["2 taken, 0 rejected", "3 taken, 0 rejected",
                                "1 taken, 0 rejected"]
    service = start(directory=tmp_path / "sent")
    for signal in SIGNALS:
        (answer,) = service.send(signal, [requests[signal].SerializeToString()])
        assert not answer.HasField("partial_success"), answer
    assert service.stop() == 0
    for signal in SIGNALS:
        stored = columns.rows_of(tmp_path / "embedded", signal)
        sent = columns.rows_of(tmp_path / "sent", signal)
        assert len(times_of(stored)) == len(times_of(sent)) > 0
        first = min(times_of(stored))
        assert before <= first <= time.time_ns() + 1000 * MS
        assert relative(stored, first) == relative(sent, min(times_of(sent))), signal
    done = harness.run_tool("verify", tmp_path / "embedded")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_says_what_is_wrong(example, tmp_path):
    done = subprocess.run([example], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "usage" in done.stderr
    file = tmp_path / "file"
    file.write_text("not a directory", encoding="utf-8")
    done = subprocess.run([example, str(file)], capture_output=True, text=True, timeout=60,
                          check=False, env=harness.clean_environment())
    assert done.returncode == 1 and str(file) in done.stderr, done.stderr


# --- the page ---

def blocks():
    return re.findall(r"```c\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


FRAGMENT = """
#include <stdio.h>
#include <otlp_arrow.h>

void fragment(oa_config *config, oa_service *service, oa_builder *b, oa_span span,
              const char *text, const void *bytes, size_t len, struct ArrowSchema schema,
              struct ArrowArray array);
void fragment(oa_config *config, oa_service *service, oa_builder *b, oa_span span,
              const char *text, const void *bytes, size_t len, struct ArrowSchema schema,
              struct ArrowArray array) {
  oa_error error;
  oa_export_result result;
  (void)config, (void)service, (void)b, (void)span, (void)text, (void)bytes, (void)len;
  (void)schema, (void)array, (void)error, (void)result;
%s
}
"""


def test_the_programs_of_the_page_run_as_printed(tmp_path):
    """The first stores a span, the second reads it back, and the third sends a
    log record to a mock."""
    programs = [block for block in blocks() if "int main" in block]
    assert len(programs) == 3
    outputs = []
    for number, text in enumerate(programs):
        source = tmp_path / f"program{number}.c"
        source.write_text(text, encoding="utf-8")
        outputs.append(run(compile_program(source, source.with_suffix("")), cwd=tmp_path))
    assert outputs[:2] == ["", "1 spans\n"]
    (resource,) = json.loads(outputs[2])["resourceLogs"]
    assert resource["scopeLogs"][0]["logRecords"] == [{"severityNumber": 9}]
    (row,) = columns.rows_of(tmp_path / "telemetry", "traces")
    assert (row["name"], row["service_name"]) == ("checkout", "shop")
    assert [event["name"] for event in row["events"]] == ["paid"]


FORKS = """
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <otlp_arrow.h>

static oa_service *start(const char *directory, oa_error *error) {
  oa_config *config;
  oa_service *service = NULL;
  if (oa_config_new_embedded(&config, error) == OA_OK) {
    if (oa_config_set(config, "output_dir", directory, error) == OA_OK) {
      (void)oa_service_start(&service, config, error);
    }
    oa_config_free(config);
  }
  return service;
}

/* The bits of what went wrong. */
static int child(oa_service *parents, oa_builder *b) {
  oa_error error;
  int wrong = 0;
  wrong |= oa_service_export_built(parents, b, NULL, &error) != OA_ERR_CLOSED;
  wrong |= (oa_service_flush(parents, 100, &error) != OA_ERR_CLOSED) << 1;
  wrong |= (oa_service_shutdown(parents, 100, &error) != OA_ERR_CLOSED) << 2;
  oa_service *own = start("child", &error);
  wrong |= (own == NULL) << 3;
  wrong |= (oa_service_export_built(own, b, NULL, &error) != OA_OK) << 4;
  wrong |= (oa_service_stop(own, &error) != OA_OK) << 5;
  return wrong;
}

int main(void) {
  const oa_log_record record = {.size = sizeof record};
  oa_error error;
  oa_builder *b;
  int wrong = 0;
  oa_service *service = start("parent", &error);
  if (service == NULL || oa_builder_new(&b, OA_LOGS, &error) != OA_OK) {
    return 64;
  }
  wrong |= start("parent", &error) != NULL || error.code != OA_ERR_IO ||
           strstr(error.text, "parent") == NULL;
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  oa_build_log_record(b, &record);
  const pid_t id = fork();
  if (id == 0) {
    _exit(child(service, b));
  }
  int status = -1;
  waitpid(id, &status, 0);
  printf("the child says %d\\n", status);
  wrong |= status != 0;
  wrong |= (oa_service_export_built(service, b, NULL, &error) != OA_OK) << 1;
  wrong |= (oa_service_shutdown(service, 5000, &error) != OA_OK) << 2;
  wrong |= (oa_service_export_built(service, b, NULL, &error) != OA_ERR_CLOSED) << 3;
  wrong |= (oa_service_stop(service, &error) != OA_OK) << 4;
  oa_builder_free(b);
  return wrong;
}
"""


def test_a_fork_and_a_second_service_are_what_the_page_says(tmp_path):
    source = tmp_path / "forks.c"
    source.write_text(FORKS, encoding="utf-8")
    run(compile_program(source, tmp_path / "forks", "-D_POSIX_C_SOURCE=200809L"), cwd=tmp_path)
    for directory in ("parent", "child"):
        assert len(columns.rows_of(tmp_path / directory, "logs")) == 1
        assert harness.run_tool("verify", tmp_path / directory).returncode == 0


def test_the_fragments_of_the_page_compile(tmp_path):
    fragments = [block for block in blocks() if "int main" not in block]
    assert fragments
    for number, text in enumerate(fragments):
        source = tmp_path / f"fragment{number}.c"
        whole = text.startswith("#include")
        source.write_text(text if whole else FRAGMENT % text, encoding="utf-8")
        compile_program(source, source.with_suffix(".so"), "-shared", "-fPIC")


def test_the_page_names_what_the_headers_have():
    """No function or status is spelled wrong, or gone."""
    headers = "".join(path.read_text(encoding="utf-8")
                      for path in (harness.ROOT / "include").glob("*.h"))
    text = PAGE.read_text(encoding="utf-8")
    names = set(re.findall(r"\b(oa_\w+|OA_[A-Z_]+\w)\b", text)) - {"OA_ERR_"}
    assert len(names) > 40
    assert not {name for name in names if not re.search(rf"\b{name}\b", headers)}
