# SPDX-License-Identifier: Apache-2.0
"""Ended files of small batches are written again in large ones: the same rows
in fewer batches, and no reader and no crash ever sees anything else."""

import random
import re
import shutil
import subprocess
import threading
import time
import uuid

import pyarrow as pa

import columns
import compare
import harness
import otlpgen
from flightclient import connect, endpoints, path

# What makes many small batches and several files of them.
SMALL = ("storage.merge=false", "storage.batch_rows=20", "storage.max_file_size=256KiB",
         "net.io_threads=1")


def metric(service, name):
    _, text = service.get("/metrics")
    return int(re.search(rf"otlp_arrow_{name}_total (\d+)", text).group(1))


def requests_of(signal, count, first=0):
    return [otlpgen.request(signal, first + i).SerializeToString() for i in range(count)]


def deliver(service, signal, requests):
    for result in service.send(signal, requests):
        assert not isinstance(result, Exception), result


def batches_of(file):
    with pa.ipc.open_stream(pa.memory_map(str(file))) as reader:
        return sum(1 for _ in reader)


def rows_of_file(file):
    table = columns.table_of(file)
    return table.schema, {name: columns.from_pyarrow(table[name]) for name in table.column_names}


def leftovers(directory):
    return list(directory.glob("otlp/*/.*.merging"))


def sealed_in_small_batches(start, directory, signals=otlpgen.SIGNALS, count=100):
    """A directory of a service that is gone; gives the requests in it."""
    service = start(*SMALL, directory=directory)
    sent = {signal: requests_of(signal, count) for signal in signals}
    for signal in signals:
        deliver(service, signal, sent[signal])
    assert service.stop() == 0
    return sent


def wait_merged(service, count):
    harness.wait_until(lambda: metric(service, "files_merged") >= count, seconds=40,
                       what=f"{count} merged files")


def test_all_stays_but_the_number_of_batches(start, tmp_path):
    directory = tmp_path / "out"
    sent = sealed_in_small_batches(start, directory)
    files = [f for signal in otlpgen.SIGNALS for f in harness.files_of(directory, signal)]
    before = {f: (f.stat(), batches_of(f), rows_of_file(f)) for f in files}
    small = [f for f in files if before[f][1] > 1]
    assert len(small) >= 3

    service = start("storage.merge=true", directory=directory)
    wait_merged(service, len(small))
    assert metric(service, "merge_errors") == 0
    for file in small:
        stat, batches, (schema, rows) = before[file]
        assert file.stat().st_ino != stat.st_ino
        assert file.stat().st_mtime_ns == stat.st_mtime_ns
        assert file.stat().st_mode == stat.st_mode
        assert file.stat().st_size < stat.st_size
        assert batches_of(file) == 1 < batches
        schema_now, rows_now = rows_of_file(file)
        assert schema_now.equals(schema, check_metadata=True)
        assert rows_now == rows
    _, text = service.get("/metrics")
    size = int(re.search(r"otlp_arrow_files_bytes (\d+)", text).group(1))
    assert size == sum(f.stat().st_size for f in files)
    assert service.stop() == 0
    for signal in otlpgen.SIGNALS:
        got = harness.stored_requests(directory, signal)
        assert compare.difference(signal, sent[signal], got) == ([], [])
    assert not leftovers(directory)


def test_what_comes_is_merged_while_more_comes(start):
    service = start("write_interval_secs=0.01", "storage.max_file_age=1s")
    sent = []
    until = time.monotonic() + 3
    while time.monotonic() < until:
        part = requests_of("logs", 5, first=len(sent))
        deliver(service, "logs", part)
        sent += part
    wait_merged(service, 2)
    written = metric(service, "batches")
    assert service.stop() == 0
    again = start(directory=service.directory)  # the rest
    harness.wait_until(lambda: all(batches_of(f) == 1 for f in again.files("logs")), seconds=40,
                       what="one batch in each file")
    assert written > 2 * len(again.files("logs"))
    assert again.stop() == 0
    got = harness.stored_requests(service.directory, "logs")
    assert compare.difference("logs", sent, got) == ([], [])


def test_switched_off_files_stay_as_they_are(start, tmp_path):
    directory = tmp_path / "out"
    sealed_in_small_batches(start, directory, ["logs"], 100)
    inodes = [f.stat().st_ino for f in harness.files_of(directory, "logs")]
    service = start("storage.merge=false", directory=directory)
    time.sleep(2.5)  # it looks once a second
    assert metric(service, "files_merged") == 0
    assert service.stop() == 0
    assert [f.stat().st_ino for f in harness.files_of(directory, "logs")] == inodes


def test_kill_9_while_merging_loses_and_doubles_nothing(start, tmp_path):
    directory = tmp_path / "out"
    service = start("storage.merge=false", "storage.batch_rows=20", "net.io_threads=1",
                    directory=directory)
    requests = requests_of("traces", 1000)
    deliver(service, "traces", requests)
    assert service.stop() == 0
    rows = columns.rows_of(directory, "traces")
    (file,) = harness.files_of(directory, "traces")
    old = file.stat().st_ino
    assert batches_of(file) > 50

    saved = shutil.copytree(directory, tmp_path / "saved")
    rng = random.Random(7)
    in_the_middle = 0
    for _ in range(20):
        service = start("storage.compression_level=9", directory=directory)
        # The first look comes after a second; then the copy grows.
        harness.wait_until(lambda: leftovers(directory) or file.stat().st_ino != old,
                           what="a copy")
        time.sleep(rng.random() * 0.25)
        service.kill()
        assert harness.files_of(directory, "traces") == [file]
        assert columns.table_of(file).num_rows == len(rows)
        if file.stat().st_ino == old:
            assert leftovers(directory)
            in_the_middle += 1
            if in_the_middle == 3:
                break
        else:  # too late: once more
            shutil.rmtree(directory)
            shutil.copytree(saved, directory)
            old = file.stat().st_ino
    assert in_the_middle == 3

    service = start("storage.merge=false", directory=directory)
    assert not leftovers(directory)
    assert service.stop() == 0
    service = start(directory=directory)
    harness.wait_until(lambda: batches_of(file) == 1, seconds=40, what="the merged file")
    assert service.stop() == 0
    assert columns.rows_of(directory, "traces") == rows


def named_log(text):
    request = otlpgen.REQUEST_CLASS["logs"]()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = text
    return request.SerializeToString()


def test_tail_prints_each_row_once_while_files_are_replaced(start):
    service = start("write_interval_secs=0.01", "storage.max_file_age=1s")
    deliver(service, "logs", [named_log("before")])
    harness.wait_until(lambda: service.files("logs"), what="a file")
    tail = subprocess.Popen([harness.TOOL, "tail", "-f", service.directory, "--signal", "logs"],
                            stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")),
                              daemon=True)
    reader.start()
    names = []
    try:
        # It begins with the last rows of what it finds, not with all.
        harness.wait_until(lambda: any("before" in line for line in lines), what="a first line")
        until = time.monotonic() + 30
        while time.monotonic() < until and metric(service, "files_merged") < 3:
            names.append(f"item-{uuid.uuid4().hex}")
            deliver(service, "logs", [named_log(names[-1])])
            time.sleep(0.02)
        assert metric(service, "files_merged") >= 3
        harness.wait_until(lambda: any(names[-1] in line for line in lines), what="the last line")
    finally:
        tail.terminate()
        tail.wait(10)
        reader.join(5)
    printed = "".join(lines)
    assert [n for n in names if printed.count(n) != 1] == []
    assert service.stop() == 0


def test_flight_reads_the_old_file_or_the_new_one(start, tmp_path):
    directory = tmp_path / "out"
    sealed_in_small_batches(start, directory, ["traces"], 250)
    want = sum(columns.table_of(f).num_rows for f in harness.files_of(directory, "traces"))
    small = [f for f in harness.files_of(directory, "traces") if batches_of(f) > 1]
    service = start(directory=directory)
    client = connect(service)
    # A stream that was begun with the old file goes on in it.
    early = [client.do_get(e.ticket) for e in endpoints(client, path("traces"))]
    first = sum(reader.read_chunk().data.num_rows for reader in early)
    reads = 0
    while metric(service, "files_merged") < len(small) or reads < 3:
        found = sum(client.do_get(e.ticket).read_all().num_rows
                    for e in endpoints(client, path("traces")))
        assert found == want
        reads += 1
    assert first + sum(reader.read_all().num_rows for reader in early) == want
    assert service.stop() == 0


def test_the_configured_compression_is_used(start, tmp_path):
    directory = tmp_path / "out"
    service = start(*SMALL, "storage.compression=none", directory=directory)
    requests = requests_of("logs", 100)
    deliver(service, "logs", requests)
    assert service.stop() == 0
    rows = columns.rows_of(directory, "logs")
    size = sum(f.stat().st_size for f in harness.files_of(directory, "logs"))
    small = [f for f in harness.files_of(directory, "logs") if batches_of(f) > 1]
    service = start("storage.compression=lz4", directory=directory)
    wait_merged(service, len(small))
    assert service.stop() == 0
    assert columns.rows_of(directory, "logs") == rows
    now = sum(f.stat().st_size for f in harness.files_of(directory, "logs"))
    assert now < size * 0.6
