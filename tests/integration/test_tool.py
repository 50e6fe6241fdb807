# SPDX-License-Identifier: Apache-2.0
"""otlp-arrow: inspect, convert, tail."""

import json
import random
import subprocess
import threading

import pyarrow as pa
import pytest

import columns
import compare
import harness
import otlpgen


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A directory with files of all signals, and how many rows each has."""
    directory = tmp_path_factory.mktemp("tool")
    service = harness.Service(directory, "storage.compression=lz4", "storage.batch_rows=100")
    try:
        for signal in otlpgen.SIGNALS:
            requests = [otlpgen.request(signal, 80_000 + i).SerializeToString() for i in range(60)]
            for result in service.send(signal, requests):
                assert not isinstance(result, Exception), result
        assert service.stop() == 0
    finally:
        service.kill()
    rows = {s: sum(columns.table_of(p).num_rows for p in service.files(s)) for s in otlpgen.SIGNALS}
    return directory, rows


def file_of(stored, signal):
    (path,) = harness.files_of(stored[0], signal)
    return path


def flat(value):
    """Every leaf below VALUE, to look for a number wherever it stands."""
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in flat(v)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in flat(v)]
    return [value]


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_inspect_tells_about_a_file(stored, signal):
    path = file_of(stored, signal)
    done = harness.run_tool("inspect", path)
    assert done.returncode == 0, done.stderr
    rows = stored[1][signal]
    for word in (signal, "lz4", "resource_schema_url", "timestamp"):
        assert word in done.stdout, done.stdout
    assert str(rows) in done.stdout.replace(",", ""), done.stdout
    done = harness.run_tool("inspect", "--json", path)
    assert done.returncode == 0, done.stderr
    leaves = flat(json.loads(done.stdout))
    assert rows in leaves and path.stat().st_size in leaves and "lz4" in leaves and signal in leaves


def test_inspect_tells_about_a_directory(stored):
    directory, rows = stored
    done = harness.run_tool("inspect", directory)
    assert done.returncode == 0, done.stderr
    for signal in otlpgen.SIGNALS:
        assert file_of(stored, signal).name in done.stdout
    done = harness.run_tool("inspect", "--json", directory)
    leaves = flat([json.loads(line) for line in done.stdout.splitlines()])  # one file a line
    assert all(count in leaves for count in rows.values())


def test_inspect_sees_a_torn_file(stored, tmp_path):
    data = file_of(stored, "traces").read_bytes()
    torn = tmp_path / "torn.arrow"
    torn.write_bytes(data[:-1000])
    done = harness.run_tool("inspect", torn)
    assert done.returncode in (0, 1), done.stderr
    assert "torn" in done.stdout + done.stderr
    whole = harness.run_tool("inspect", file_of(stored, "traces"))
    assert "torn" not in whole.stdout


def test_an_empty_file_is_named_and_gives_nothing(tmp_path):
    """As a service leaves one behind that was killed at its first write."""
    path = tmp_path / "empty.arrow"
    path.write_bytes(b"")
    done = harness.run_tool("convert", path, "--to", "otlp-proto")
    assert done.stdout == "" and "empty.arrow" in done.stderr, done


@pytest.mark.parametrize("content", (b"garbage", random.Random(1).randbytes(5000), b"\xff" * 100,
                                     b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 100,
                                     b"ARROW1\0\0" + b"\0" * 100))
def test_garbage_is_refused_with_the_name_of_the_file(tmp_path, content):
    path = tmp_path / "garbage.arrow"
    path.write_bytes(content)
    for arguments in (("inspect", path), ("convert", path, "--to", "otlp-proto", "-o", tmp_path / "o")):
        done = harness.run_tool(*arguments)
        assert done.returncode == 1, (arguments, done.stdout, done.stderr)
        assert "garbage.arrow" in done.stderr, done.stderr


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_every_cut_and_flip_of_a_file_is_survived(stored, signal, tmp_path):
    """The tool ends by itself, with a sentence, whatever the bytes are."""
    data = file_of(stored, signal).read_bytes()
    path = tmp_path / "broken.arrow"
    for i in range(24):
        at = len(data) * i // 24
        broken = bytearray(data[:at]) if i % 2 else bytearray(data)
        if not i % 2:
            broken[at] ^= 0xFF
        path.write_bytes(broken)
        done = harness.run_tool("convert", path, "--to", "otlp-proto", "-o", tmp_path / "out", timeout=20)
        assert done.returncode in (0, 1), (i, done.returncode, done.stderr)
        if done.returncode == 1:
            assert "broken.arrow" in done.stderr, done.stderr


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("target", ("arrow", "ipc-file"))
def test_convert_to_arrow_keeps_the_table(stored, signal, target, tmp_path):
    path = file_of(stored, signal)
    out = tmp_path / "out.arrow"
    done = harness.run_tool("convert", path, "--to", target, "-o", out)
    assert done.returncode == 0, done.stderr
    opener = pa.ipc.open_stream if target == "arrow" else pa.ipc.open_file
    table = opener(pa.memory_map(str(out))).read_all()
    table.validate(full=True)
    wanted = columns.table_of(path)
    assert table.schema.equals(wanted.schema, check_metadata=True)
    for name in wanted.column_names:
        assert columns.from_pyarrow(table[name]) == columns.from_pyarrow(wanted[name]), name


@pytest.mark.parametrize("target", ("otlp-proto", "otap", "arrow", "ipc-file"))
def test_convert_keeps_signals_apart(stored, target, tmp_path):
    out = tmp_path / "out"
    done = harness.run_tool("convert", stored[0], "--to", target, "-o", out)
    assert done.returncode == 1 and not out.exists()
    assert "metrics behind logs" in done.stderr and "otlp-json" in done.stderr, done.stderr
    done = harness.run_tool("convert", stored[0], "--to", "otlp-json", "-o", out)
    assert done.returncode == 0, done.stderr
    kinds = {line.partition(":")[0] for line in out.read_text().split("\n")[:-1]}
    assert kinds == {'{"resourceLogs"', '{"resourceMetrics"', '{"resourceSpans"'}


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_convert_writes_to_standard_output_too(stored, signal, tmp_path):
    path = file_of(stored, signal)
    done = harness.run_tool("convert", path, "--to", "otlp-proto", text=False)
    assert done.returncode == 0, done.stderr
    requests = [otlpgen.request(signal, 80_000 + i).SerializeToString() for i in range(60)]
    assert compare.difference(signal, requests, list(harness.frames(done.stdout))) == ([], [])


@pytest.mark.parametrize("arguments", (
    (), ("frobnicate",), ("inspect",), ("convert",), ("convert", "x"), ("convert", "x", "--to"),
    ("convert", "x", "--to", "parquet"), ("tail",), ("inspect", "--nonsense", "x"),
    ("tail", ".", "--signal", "profiles")))
def test_wrong_usage_exits_2(arguments):
    done = harness.run_tool(*arguments)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stderr.strip()


def test_what_is_not_there_is_named(tmp_path):
    for arguments in (("inspect", tmp_path / "no.arrow"), ("tail", tmp_path / "no"),
                      ("convert", tmp_path / "no.arrow", "--to", "arrow", "-o", tmp_path / "o")):
        done = harness.run_tool(*arguments)
        assert done.returncode == 1, (arguments, done.stderr)
        assert str(arguments[1]) in done.stderr


def named_log(name):
    request = otlpgen.REQUEST_CLASS["logs"]()
    per_resource = request.resource_logs.add()
    per_resource.resource.attributes.add(key="service.name").value.string_value = "tailed"
    record = per_resource.scope_logs.add().log_records.add(severity_text="WARN")
    record.body.string_value = name
    return request.SerializeToString()


def test_tail_prints_lines_for_people(start):
    service = start()
    for signal in ("traces", "metrics"):
        raw = next(r for r in map(lambda s: otlpgen.request(signal, s), range(100))
                   if otlpgen.count_items(signal, r) > 0)
        service.send(signal, [raw.SerializeToString()])
    service.send("logs", [named_log("first\x1b[31m\nline"), named_log("second line")])
    assert service.stop() == 0
    done = harness.run_tool("tail", service.directory)
    assert done.returncode == 0, done.stderr
    assert "second line" in done.stdout and "tailed" in done.stdout
    assert "\x1b" not in done.stdout, "control characters reach the terminal"
    logs = harness.run_tool("tail", service.directory, "--signal", "logs")
    assert len(logs.stdout.splitlines()) == 2, logs.stdout
    assert len(done.stdout.splitlines()) > 2


def test_tail_follows(start):
    service = start("write_interval_secs=0.1", "storage.max_file_age=1s")
    service.send("logs", [named_log("before")])
    harness.wait_until(lambda: service.files("logs"), what="a file")
    tail = subprocess.Popen([harness.TOOL, "tail", "-f", service.directory, "--signal", "logs"],
                            stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        for i in range(30):  # over several files
            service.send("logs", [named_log(f"item {i:02}")])
            if i % 10 == 9:
                harness.wait_until(lambda: any(f"item {i:02}" in line for line in lines),
                                   what=f"item {i} in the output")
                harness.time.sleep(1.2)
        assert len(service.files("logs")) > 1
        for i in range(30):
            assert sum(f"item {i:02}" in line for line in lines) == 1, (i, lines)
    finally:
        tail.terminate()
        tail.wait(10)
        reader.join(5)
    assert service.stop() == 0
