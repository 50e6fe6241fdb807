# SPDX-License-Identifier: Apache-2.0
"""Stored telemetry as a C stream: what others' libraries get from it is what
they read from the files themselves."""

import os
import shutil
import subprocess
import threading
import time

import duckdb
import polars
import pyarrow as pa
import pytest

import capi
import columns
import harness
import otlpgen

MAIN_TIME = {"traces": "start_time_unix_nano", "metrics": "time_unix_nano",
             "logs": "time_unix_nano"}


def send_many(service, signal, first, count):
    requests = [otlpgen.request(signal, first + i).SerializeToString() for i in range(count)]
    for result in service.send(signal, requests):
        assert not isinstance(result, Exception), result


@pytest.fixture(scope="module", params=("none", "lz4", "zstd"))
def directory(request, tmp_path_factory):
    """Files of all signals, several of each, of several batches."""
    folder = tmp_path_factory.mktemp(request.param)
    for part in range(3):
        service = harness.Service(folder, f"storage.compression={request.param}",
                                  "storage.batch_rows=150", "net.io_threads=1")
        try:
            for signal in otlpgen.SIGNALS:
                send_many(service, signal, 60_000 + 100 * part, 60)
            assert service.stop() == 0, service.output()
        finally:
            service.kill()
    for signal in otlpgen.SIGNALS:
        assert len(harness.files_of(folder, signal)) == 3
    return folder


def plain(table):
    return {name: columns.from_pyarrow(table[name]) for name in table.column_names}


def from_files(folder, signal):
    tables = [plain(columns.table_of(path)) for path in harness.files_of(folder, signal)]
    return {name: [v for table in tables for v in table[name]] for name in tables[0]}


def from_stream(stored):
    table = pa.RecordBatchReader._import_from_c(stored.address).read_all()
    table.validate(full=True)
    return plain(table)


def in_range(rows, signal, begin, end):
    """What a filter must leave of ROWS."""
    times = [t if t is None or t >= 0 else t + 2**64 for t in rows[MAIN_TIME[signal]]]
    kept = [i for i, t in enumerate(times)
            if t is not None and t >= begin and (end == 0 or t < end)]
    return {name: [values[i] for i in kept] for name, values in rows.items()}


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_pyarrow_gets_what_it_reads_itself(directory, signal):
    stored = capi.Stored(directory, signal)
    reader = pa.RecordBatchReader._import_from_c(stored.address)
    file = harness.files_of(directory, signal)[0]
    with pa.ipc.open_stream(pa.memory_map(str(file))) as own:
        assert reader.schema.equals(own.schema, check_metadata=True)
    reader.close()
    assert from_stream(capi.Stored(directory, signal)) == from_files(directory, signal)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_a_single_file_is_a_stream_too(directory, signal):
    file = harness.files_of(directory, signal)[1]
    assert from_stream(capi.Stored(file, signal)) == plain(columns.table_of(file))
    with pytest.raises(capi.Failure, match=f"it holds {signal}, not") as refused:
        capi.Stored(file, otlpgen.SIGNALS[otlpgen.SIGNALS.index(signal) - 1])
    assert refused.value.status == capi.UNSUPPORTED and file.name in str(refused.value)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_polars_gets_the_same(directory, signal):
    frame = polars.DataFrame(capi.Stored(directory, signal))
    files = harness.files_of(directory, signal)
    want = {}
    for file in files:
        for name, values in columns.read_polars(file).items():
            want.setdefault(name, []).extend(values)
    assert columns.from_polars(frame) == want


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_duckdb_gets_the_same(directory, signal):
    stored = capi.Stored(directory, signal)
    with duckdb.connect() as connection:
        connection.register("stored", stored)
        table = connection.sql("SELECT * FROM stored").to_arrow_table()
    assert plain(table) == from_files(directory, signal)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_nanoarrow_gets_the_same(directory, signal):
    stored = capi.Stored(directory, signal)
    assert columns.from_nanoarrow(stored) == from_files(directory, signal)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_time_ranges_pick_rows(directory, signal):
    rows = from_files(directory, signal)
    times = sorted({t for t in rows[MAIN_TIME[signal]] if t is not None and t > 0})
    picks = [times[0], times[len(times) // 3], times[len(times) // 2], times[-1]]
    ranges = [(a, b) for a in [1, *picks] for b in [0, *picks] if b == 0 or a < b]
    seen = set()
    for begin, end in ranges + [(times[-1] + 1, 0), (0, 1)]:
        got = from_stream(capi.Stored(directory, signal, begin, end))
        want = in_range(rows, signal, begin, end)
        assert got == want, (begin, end)
        seen.add(len(want[MAIN_TIME[signal]]))
    assert len(seen) > 5, seen


def test_parts_of_batches_are_the_same_for_all(start, tmp_path):
    """Rows in the order of time: a range is a slice of a batch."""
    service = start("storage.batch_rows=1000")
    request = otlpgen.REQUEST_CLASS["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for i in range(1000):
        record = records.add(time_unix_nano=i + 1)
        record.body.string_value = f"body {i}"
        if i % 3:
            record.attributes.add(key="k").value.int_value = i
    (result,) = service.send("logs", [request.SerializeToString()])
    assert not isinstance(result, Exception), result
    assert service.stop() == 0
    rows = from_files(service.directory, "logs")
    for begin, end in ((301, 0), (0, 701), (301, 701), (500, 510), (1000, 0)):
        want = in_range(rows, "logs", begin, end)
        stored = lambda: capi.Stored(service.directory, "logs", begin, end)  # noqa: B023,E731
        assert from_stream(stored()) == want
        assert columns.from_polars(polars.DataFrame(stored())) == want
        with duckdb.connect() as connection:
            connection.register("stored", stored())
            assert plain(connection.sql("SELECT * FROM stored").to_arrow_table()) == want


def test_batches_outlive_the_stream_and_go_on_other_threads(directory):
    stored = capi.Stored(directory, "traces")
    reader = pa.RecordBatchReader._import_from_c(stored.address)
    batches = list(reader)
    reader.close()
    del reader, stored
    assert len(batches) >= 3
    table = pa.Table.from_batches(batches)
    assert plain(table) == from_files(directory, "traces")
    names = [batch.column("attributes") for batch in batches]
    del table
    threads = [threading.Thread(target=batches.pop) for _ in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for column in names:
        column.validate(full=True)


def test_a_file_that_is_open_is_read_to_its_last_whole_batch(start):
    service = start("write_interval_secs=0.05")
    for part in range(3):
        send_many(service, "logs", 61_000 + 10 * part, 10)
        time.sleep(0.3)
    got = from_stream(capi.Stored(service.directory, "logs"))
    assert len(got["body"]) > 0
    assert service.stop() == 0
    want = from_files(service.directory, "logs")
    count = len(got["body"])
    assert {name: values[:count] for name, values in want.items()} == got
    assert from_stream(capi.Stored(service.directory, "logs")) == want


def test_a_torn_file_is_read_to_its_last_whole_batch(directory, tmp_path):
    files = harness.files_of(directory, "metrics")
    whole = [plain(columns.table_of(path)) for path in files]
    folder = tmp_path / "copy"
    shutil.copytree(directory / "otlp" / "metrics", folder)
    torn = folder / files[1].name
    size = torn.stat().st_size
    with pa.ipc.open_stream(pa.memory_map(str(files[1]))) as reader:
        batches = [plain(pa.Table.from_batches([batch])) for batch in reader]
    counts = set()
    for cut in (0, 3, 500, size // 3, size // 2, size - 9, size - 1):
        os.truncate(torn, 0)
        with open(torn, "r+b") as out:
            out.write(files[1].read_bytes()[:cut])
        got = from_stream(capi.Stored(folder, "metrics"))
        middle = len(got["flags"]) - len(whole[0]["flags"]) - len(whole[2]["flags"])
        counts.add(middle)
        ends = [0]
        for batch in batches:
            ends.append(ends[-1] + len(batch["flags"]))
        assert middle in ends
        want = {name: whole[0][name] + whole[1][name][:middle] + whole[2][name] for name in got}
        assert got == want
    assert min(counts) == 0 and max(counts) == len(whole[1]["flags"])


def test_files_that_go_meanwhile_are_passed_over(directory, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(directory, folder)
    stored = capi.Stored(folder, "traces")
    files = harness.files_of(folder, "traces")
    keep = [plain(columns.table_of(path)) for path in (files[0], files[2])]
    files[1].unlink()
    got = from_stream(stored)
    assert got == {name: keep[0][name] + keep[1][name] for name in got}


def test_order_is_that_of_the_counter_and_not_of_the_clock(directory, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(directory / "otlp" / "logs", folder)
    files = sorted(folder.glob("*.arrow"))
    want = [plain(columns.table_of(path)) for path in files]
    # The clock was set back before the last one was begun.
    last = files[2].name.split("_")
    files[2].rename(folder / "_".join([*last[:2], "19990101", *last[3:]]))
    got = from_stream(capi.Stored(folder, "logs"))
    assert got == {name: [v for table in want for v in table[name]] for name in got}


def test_a_directory_without_files_is_a_stream_without_batches(directory, tmp_path):
    for signal in otlpgen.SIGNALS:
        stored = capi.Stored(tmp_path, signal)
        reader = pa.RecordBatchReader._import_from_c(stored.address)
        assert reader.schema.names[0] == "resource_ord"
        assert list(reader) == []
    with pytest.raises(capi.Failure, match="missing") as gone:
        capi.Stored(tmp_path / "missing", "logs")
    assert gone.value.status == capi.NOT_FOUND


def test_a_damaged_file_is_named_and_the_others_come_all_the_same(directory, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(directory / "otlp" / "traces", folder)
    files = sorted(folder.glob("*.arrow"))
    whole = [plain(columns.table_of(path)) for path in files]
    data = bytearray(files[1].read_bytes())
    data[4:8] = (len(data) // 2 * 8).to_bytes(4, "little")
    files[1].write_bytes(b"\0" * 16 + bytes(data)[16:])
    stored = capi.Stored(folder, "traces")
    reader = pa.RecordBatchReader._import_from_c(stored.address)
    batches = []
    failures = []
    while True:
        try:
            batches.append(reader.read_next_batch())
        except StopIteration:
            break
        except pa.ArrowInvalid as problem:
            failures.append(str(problem))
    assert len(failures) == 1 and files[1].name in failures[0], failures
    got = plain(pa.Table.from_batches(batches))
    assert got == {name: whole[0][name] + whole[2][name] for name in got}


def test_columns_of_others_are_refused_by_name(directory, tmp_path):
    file = harness.files_of(directory, "logs")[0]
    table = columns.table_of(file)
    other = tmp_path / "other.arrow"

    def write(changed):
        with pa.ipc.new_stream(str(other), changed.schema) as writer:
            writer.write_table(changed)

    write(table.drop_columns(["severity_text"]))
    with pytest.raises(capi.Failure, match="column severity_text of logs is missing") as refused:
        capi.Stored(tmp_path, "logs")
    assert refused.value.status == capi.UNSUPPORTED and "other.arrow" in str(refused.value)
    # More columns, in another order: promoted ones are left out.
    extra = table.append_column("promoted", pa.array(["x"] * len(table)))
    write(extra.select(sorted(extra.column_names)))
    assert from_stream(capi.Stored(tmp_path, "logs")) == plain(table)
    # Arrow that is no telemetry does not get in the way.
    write(pa.table({"a": [1, 2]}))
    assert from_stream(capi.Stored(tmp_path, "logs"))["body"] == []


def test_the_example_counts_the_rows_of_a_range(directory, tmp_path):
    program = tmp_path / "read"
    subprocess.run(["cc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-I", harness.ROOT / "include",
                    harness.ROOT / "examples" / "read.c", "-o", program,
                    capi.LIBRARY, f"-Wl,-rpath,{harness.BIN}"], check=True)
    for begin, end in ((0, 0), (1_600_000_000, 0), (1_600_000_000, 1_800_000_000)):
        words = [str(n) for n in (begin, end) if n]
        done = subprocess.run([program, directory, *words], capture_output=True, text=True,
                              check=True, timeout=60)
        want = {}
        for signal in otlpgen.SIGNALS:
            rows = from_files(directory, signal)
            kept = in_range(rows, signal, begin * 10**9, end * 10**9) if words else rows
            want[signal] = len(kept["flags"])
        assert {line.split()[0]: int(line.split()[1])
                for line in done.stdout.splitlines()} == want
