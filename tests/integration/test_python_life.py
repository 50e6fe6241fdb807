# SPDX-License-Identifier: Apache-2.0
"""The Python library from its settings to its end: threads, forked processes,
interpreters that leave without a word, and what it refuses."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import otlp_arrow_library as oal
import pyarrow
import pytest

import columns
import harness
import pythonsdk

GOOD = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "good"}


def names_of(directory):
    return sorted(row["name"] for row in columns.rows_of(directory, "traces"))


def count_of(directory):
    return pyarrow.table(oal.open_dir(directory).traces()).num_rows


# --- settings ---

def test_settings_are_keywords_sections_and_files(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("storage:\n  compression: zstd\nlog:\n  level: error\n")
    with oal.OtlpLibrary(tmp_path / "out", config=file, write_interval_secs=1,
                         storage={"file_extension": "arrows"}, protocols__max_request_size="1MiB",
                         ) as library:
        library.export_trace(GOOD)
        assert library.ports == {"protobuf": 0, "arrow_flight": 0, "dashboard": 0}
    (written,) = (tmp_path / "out/otlp/traces").glob("*.arrows")
    told = harness.run_tool("inspect", written)
    assert "zstd" in told.stdout


@pytest.mark.parametrize(("error", "key", "settings"), [
    (TypeError, "output_dir", {"output_dir": 5}),
    (TypeError, "write_interval_secs", {"write_interval_secs": True}),
    (TypeError, "protobuf_enabled", {"protobuf_enabled": "yes"}),
    (TypeError, "storage.compression", {"storage": {"compression": object()}}),
    (ValueError, "write_interval_secs", {"write_interval_secs": 0}),
    (ValueError, "write_interval_secs", {"write_interval_secs": float("nan")}),
    (ValueError, "storage.compress", {"storage__compress": "zstd"}),
    (ValueError, "outputdir", {"outputdir": "x"}),
    (ValueError, "memory_limit", {"memory_limit": "many"}),
    (FileNotFoundError, "none.yaml", {"config": "none.yaml"}),
])
def test_a_wrong_setting_is_refused_by_name(tmp_path, error, key, settings):
    with pytest.raises(error, match=key):
        oal.OtlpLibrary(**{"output_dir": tmp_path / "out", **settings})
    assert not (tmp_path / "out").exists()


def test_the_environment_counts_less_than_a_keyword(tmp_path, monkeypatch):
    monkeypatch.setenv("OTLP_OUTPUT_DIR", str(tmp_path / "variable"))
    monkeypatch.setenv("OTLP_WRITE_INTERVAL_SECS", "2")
    with oal.OtlpLibrary() as library:
        assert library.output_dir == str(tmp_path / "variable")
    with oal.OtlpLibrary(tmp_path / "keyword") as library:
        assert library.output_dir == str(tmp_path / "keyword")
    monkeypatch.setenv("OTLP_WRITE_INTERVAL_SECS", "never")
    with pytest.raises(oal.OtlpConfigError, match="OTLP_WRITE_INTERVAL_SECS|write_interval_secs"):
        oal.OtlpLibrary(tmp_path / "out")
    oal.OtlpLibrary(tmp_path / "out", environment=False).shutdown()


def test_two_libraries_cannot_have_one_directory(tmp_path):
    with oal.OtlpLibrary(tmp_path) as library:
        with pytest.raises(oal.OtlpIoError, match="in use"):
            oal.OtlpLibrary(tmp_path)
        library.export_trace(GOOD)
    with oal.OtlpLibrary(tmp_path) as library:
        library.export_trace(GOOD)
    assert names_of(tmp_path) == ["good", "good"]


def test_a_directory_that_cannot_be_used_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        oal.OtlpLibrary(tmp_path / "file" / "out")


def test_servers_listen_when_they_are_asked_for(tmp_path):
    with oal.OtlpLibrary(tmp_path, protobuf_enabled=True, protobuf_port=0) as library:
        ports = library.ports
        assert ports["protobuf"] > 0 and ports["arrow_flight"] == 0


# --- the end ---

def test_after_the_end_nothing_is_taken_and_numbers_stay(tmp_path):
    library = oal.OtlpLibrary(tmp_path)
    exporter = library.span_exporter()
    spans = pythonsdk.spans()[:3]
    library.export_trace(GOOD)
    assert library.shutdown() is True
    assert library.shutdown() is True
    for call in (lambda: library.export_trace(GOOD), lambda: library.export_logs([{}]),
                 lambda: library.flush(),
                 lambda: library.export_metrics({"name": "m", "type": "gauge",
                                                 "points": [{"value": 1}]})):
        with pytest.raises(oal.OtlpClosedError):
            call()
    assert exporter.export(spans).name == "FAILURE"
    assert exporter.force_flush() is True
    exporter.shutdown()
    exporter.shutdown()
    assert library.stats()["traces"]["stored"] == 1
    assert names_of(tmp_path) == ["good"]


def test_an_exporter_that_was_shut_down_leaves_its_library_open(tmp_path):
    spans = pythonsdk.spans()[:3]
    with oal.OtlpLibrary(tmp_path) as library:
        exporter = library.span_exporter_adapter()
        assert exporter.export(spans).name == "SUCCESS"
        exporter.shutdown()
        assert exporter.export(spans).name == "FAILURE"
        assert len(columns.rows_of(tmp_path, "traces")) == 3  # it has flushed
        library.export_trace(GOOD)


def test_bad_objects_are_left_out_and_said_so(tmp_path, caplog):
    spans = pythonsdk.spans()[:3]
    with oal.OtlpLibrary(tmp_path) as library:
        exporter = library.span_exporter()
        assert exporter.export([spans[0], 5, spans[1]]).name == "SUCCESS"
        assert "spans[1]" in caplog.text
        caplog.clear()
        spans[2]._name = 7
        assert exporter.export([spans[2]]).name == "FAILURE"
        assert "name: expected str, got int" in caplog.text
        spans[2]._name, spans[2]._context = "x", None
        assert exporter.export([spans[2]]).name == "FAILURE"
        assert exporter.export(None).name == "FAILURE"
        assert library.metric_exporter_adapter().export(None).name == "FAILURE"
        assert library.log_exporter_adapter().export([None]).name == "FAILURE"
    assert len(columns.rows_of(tmp_path, "traces")) == 2


def test_a_full_buffer_is_waited_for_and_then_said(tmp_path):
    spans = pythonsdk.spans()
    with oal.OtlpLibrary(tmp_path, write_interval_secs=3600, max_trace_buffer_size=len(spans),
                         storage={"batch_rows": 100000}) as library:
        stuck = oal.SpanExporter(library, timeout=0.2)
        taken = 0
        begin = time.monotonic()
        for _ in range(20):
            taken += stuck.export(spans).name == "SUCCESS"
        assert time.monotonic() - begin < 60
        with pytest.raises(oal.OtlpBufferFullError):
            for _ in range(1000):
                library.export_traces([GOOD] * len(spans), timeout=0)
                taken += 1
    assert count_of(tmp_path) == taken * len(spans)


# --- threads ---

def test_threads_export_while_others_flush_and_one_ends_it(tmp_path):
    spans = pythonsdk.spans()[:60]
    library = oal.OtlpLibrary(tmp_path, max_trace_buffer_size=5000)
    exporters = [library.span_exporter() for _ in range(8)]
    taken = [0] * 8
    failures = []
    end = threading.Event()

    def export(number):
        while not end.is_set():
            if exporters[number].export(spans).name == "SUCCESS":
                taken[number] += len(spans)

    def flush():
        while not end.is_set():
            try:
                library.flush(5)
                library.stats()
            except oal.OtlpClosedError:
                return
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=export, args=(i,)) for i in range(8)]
    threads += [threading.Thread(target=flush) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    enders = [threading.Thread(target=library.shutdown) for _ in range(4)]
    for thread in enders:
        thread.start()
    for thread in enders:
        thread.join(60)
    end.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not failures
    assert sum(taken) > 0
    assert count_of(tmp_path) == sum(taken)
    stats = library.stats()["traces"]
    assert stats["stored"] == sum(taken) and stats["buffered"] == 0


def test_an_event_loop_goes_on_while_its_threads_export(tmp_path):
    spans = pythonsdk.spans()[:30]

    async def work(library):
        exporter = library.span_exporter()
        ticks = 0
        exports = asyncio.gather(*(asyncio.to_thread(exporter.export, spans) for _ in range(50)))
        while not exports.done():
            await asyncio.sleep(0)
            ticks += 1
        assert await asyncio.to_thread(library.flush)
        return ticks, {result.name for result in await exports}

    with oal.OtlpLibrary(tmp_path) as library:
        ticks, results = asyncio.run(work(library))
    assert ticks > 0 and results == {"SUCCESS"}
    assert len(columns.rows_of(tmp_path, "traces")) == 50 * len(spans)


def blocks(thread, number):
    """Whether a thread, as /proc has it, blocks a signal."""
    try:
        told = (thread / "status").read_text()
    except OSError:
        return False  # one of another library that has just ended
    return bool(int(re.search(r"SigBlk:\s+(\w+)", told)[1], 16) & 1 << number - 1)


def test_signals_come_to_the_main_thread_alone(tmp_path):
    with oal.OtlpLibrary(tmp_path) as library:
        library.export_trace(GOOD)
        library.flush()
        own = {str(thread.native_id) for thread in threading.enumerate()}
        others = [path for path in Path("/proc/self/task").iterdir() if path.name not in own]
        assert sum(blocks(path, signal.SIGINT) for path in others) >= 2
    done = run("""
import signal, threading, time
import otlp_arrow_library as oal
library = oal.OtlpLibrary(D, max_trace_buffer_size=1, write_interval_secs=3600)
threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
begin = time.monotonic()
try:
    while True:
        library.export_trace({"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "x"}, timeout=60)
except KeyboardInterrupt:
    assert time.monotonic() - begin < 20
""", tmp_path)
    assert done.returncode == 0, done.stderr


# --- forked processes ---

def run(code, tmp_path, timeout=60, **environment):
    """CODE in an interpreter of its own; D is the directory."""
    return subprocess.run([sys.executable, "-c", f"D = {str(tmp_path)!r}\n{code}"],
                          capture_output=True, text=True, timeout=timeout,
                          cwd=Path(__file__).parent,
                          env=harness.clean_environment(environment))


FORK = """
import os, sys
import otlp_arrow_library as oal
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
library = oal.OtlpLibrary(D + "/out")
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(library.span_exporter()))
tracer = provider.get_tracer("t")
tracer.start_span("parent before").end()
provider.force_flush()
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        for i in range(100):
            tracer.start_span(f"child {number}").end()
        grandchild = os.fork() if number == 0 else -1
        if grandchild == 0:
            tracer.start_span("grandchild").end()
            provider.shutdown()
            sys.exit(0)
        if grandchild > 0:
            assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0
        sys.exit(0)  # the SDK ends its provider, then the library ends itself
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
tracer.start_span("parent after").end()
provider.shutdown()
library.shutdown()
"""


def workers_of(directory):
    return sorted(path.name for path in directory.glob("worker-*"))


def test_forked_processes_have_directories_of_their_own(tmp_path):
    for round_trip in (1, 2):
        done = run(FORK, tmp_path)
        assert done.returncode == 0, done.stderr
        out = tmp_path / "out"
        assert names_of(out) == sorted(
            ["parent after", "parent before"] * round_trip)
        found = [name for worker in workers_of(out) for name in names_of(out / worker)]
        for number in range(3):
            assert found.count(f"child {number}") == 100 * round_trip
        assert found.count("grandchild") == round_trip
        # Directories are used again by the next processes.
        assert 1 <= len(workers_of(out)) <= 4
    assert count_of(out) == 2 * (2 + 300 + 1)


def test_a_child_does_not_touch_its_parent(tmp_path):
    library = oal.OtlpLibrary(tmp_path, protobuf_enabled=True, protobuf_port=0)
    library.export_trace(GOOD | {"name": "before"})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert library.ports["protobuf"] == 0
            assert library.output_dir.endswith("worker-1")
            library.export_trace(GOOD | {"name": "child"})
            library.shutdown()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    library.export_trace(GOOD | {"name": "after"})
    assert library.shutdown()
    assert names_of(tmp_path) == ["after", "before"]
    assert names_of(tmp_path / "worker-1") == ["child"]


def test_processes_are_forked_while_threads_export(tmp_path):
    done = run("""
import os, sys, threading
import otlp_arrow_library as oal
library = oal.OtlpLibrary(D)
span = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "x"}
def forever():
    while True:
        try:
            library.export_traces([span] * 20)
        except oal.OtlpClosedError:
            return
        library.flush()
threads = [threading.Thread(target=forever) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(8):
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            library.export_traces([span | {"name": "child"}] * 5)
            library.shutdown()
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
library.shutdown()
for thread in threads:
    thread.join()
""", tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    found = [name for worker in workers_of(tmp_path) for name in names_of(tmp_path / worker)]
    assert found == ["child"] * 80
    assert set(names_of(tmp_path)) == {"x"}


def test_children_do_not_hold_the_directory_of_a_parent_that_has_ended(tmp_path):
    for end in ("library.shutdown()", "os.kill(os.getpid(), 9)"):
        done = run(f"""
import os, sys, time
import otlp_arrow_library as oal
library = oal.OtlpLibrary(D)
child = os.fork()
if child == 0:
    os.close(1)
    os.close(2)
    time.sleep(30)
    os._exit(0)
time.sleep(0.5)
print(child, flush=True)
{end}
""", tmp_path)
        child = int(done.stdout)
        try:
            library = oal.OtlpLibrary(tmp_path)
            library.shutdown()
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_process_of_multiprocessing_ends_its_library(tmp_path):
    done = run("""
import multiprocessing
import otlp_arrow_library as oal
library = oal.OtlpLibrary(D, write_interval_secs=3600)
def work():
    library.export_trace({"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "worker"})
process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join(30)
assert process.exitcode == 0
""", tmp_path)
    assert done.returncode == 0, done.stderr
    assert names_of(tmp_path / "worker-1") == ["worker"]


# --- interpreters that end ---

SPAN = '{"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "x"}'

ENDINGS = {
    "without a word": "",
    "by an exception": "raise SystemExit(0)",
    "with a daemon thread exporting": f"""
import threading, time
def forever():
    while True:
        library.export_trace({SPAN}, timeout=60)
threading.Thread(target=forever, daemon=True).start()
time.sleep(0.3)
""",
    "with a full buffer waited for": f"""
import threading, time
small = oal.OtlpLibrary(D + "/small", max_trace_buffer_size=1, write_interval_secs=3600)
def forever():
    while True:
        small.export_traces([{SPAN}] * 1, timeout=600)
for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.3)
""",
    "in a reference cycle": "keep = [library]; keep.append(keep); del library",
    "after an atexit function that exports": f"""
import atexit
atexit.register(library.export_trace, {SPAN})
""",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interpreter_ends_soon_and_what_was_taken_is_stored(tmp_path, ending):
    begin = time.monotonic()
    done = run(f"""
import otlp_arrow_library as oal
library = oal.OtlpLibrary(D, write_interval_secs=3600)
for _ in range(10):
    library.export_trace({SPAN})
{ENDINGS[ending]}
""", tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin < 40
    assert "Traceback" not in done.stderr
    assert len(columns.rows_of(tmp_path, "traces")) >= 10 + ("atexit" in ending)
    checked = harness.run_tool("verify", tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_the_sdk_exports_its_last_spans_at_exit(tmp_path):
    for order in (0, 1):
        make = ['library = oal.OtlpLibrary(f"{D}/%d", write_interval_secs=3600)' % order,
                "provider = TracerProvider()"]
        done = run("\n".join([
            "import otlp_arrow_library as oal",
            "from opentelemetry.sdk.trace import TracerProvider",
            "from opentelemetry.sdk.trace.export import BatchSpanProcessor",
            make[order], make[1 - order],
            "provider.add_span_processor(BatchSpanProcessor(library.span_exporter()))",
            'provider.get_tracer("t").start_span("last").end()']), tmp_path)
        assert done.returncode == 0, done.stderr
        assert names_of(tmp_path / str(order)) == ["last"]


def test_a_process_that_is_killed_leaves_whole_files(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", f"""
import otlp_arrow_library as oal
library = oal.OtlpLibrary({str(tmp_path)!r}, ack="write")
while True:
    library.export_trace({SPAN})
    print("x", flush=True)
"""], stdout=subprocess.PIPE, env=harness.clean_environment())
    try:
        taken = sum(len(process.stdout.readline()) > 0 for _ in range(20))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    with oal.OtlpLibrary(tmp_path):
        pass  # mends what the other one left
    assert count_of(tmp_path) >= taken
