# SPDX-License-Identifier: Apache-2.0
"""Files: names, rotation, sealing, retention, crashes and full disks."""

import contextlib
import os
import re
import resource
import time
import uuid

import grpc
import pyarrow as pa
import pytest

import columns
import harness
import otlpgen

END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
NAME = re.compile(r"otlp_(traces|metrics|logs)_\d{8}_\d{6}_\d+\.arrow")


def logs(count, prefix="", size=0):
    """One request of COUNT records whose bodies are PREFIX and a number."""
    request = otlpgen.REQUEST_CLASS["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for i in range(count):
        # Random text, so that compression leaves something to rotate by.
        pad = os.urandom(size // 2).hex()
        records.add(time_unix_nano=i + 1).body.string_value = f"{prefix}{i}/{pad}"
    return request.SerializeToString()


def bodies(directory):
    return [row["body"].split("/")[0] for row in columns.rows_of(directory, "logs")]


def send(service, *requests):
    for result in service.send("logs", requests):
        assert not isinstance(result, Exception), result


def stored(service, signal="logs"):
    _, text = service.get("/metrics")
    return int(re.search(rf'otlp_arrow_stored_items_total{{signal="{signal}"}} (\d+)', text).group(1))


def wait_stored(service, count):
    harness.wait_until(lambda: stored(service) >= count, what=f"{count} records in files")


def test_files_are_named_sealed_and_private(start):
    service = start()
    for signal in otlpgen.SIGNALS:
        raw = next(r for r in map(lambda s: otlpgen.request(signal, s), range(100))
                   if otlpgen.count_items(signal, r) > 0)
        service.send(signal, [raw.SerializeToString()])
    assert service.stop() == 0
    for signal in otlpgen.SIGNALS:
        (path,) = service.files(signal)
        assert NAME.fullmatch(path.name).group(1) == signal
        assert path.read_bytes().endswith(END_OF_STREAM)
        assert path.stat().st_mode & 0o777 == 0o640
        assert path.parent.stat().st_mode & 0o777 == 0o750


def test_a_file_that_is_large_enough_is_ended(start):
    service = start("storage.max_file_size=64KiB", "storage.batch_rows=100", "net.io_threads=1")
    send(service, *[logs(100, f"{i}.", 400) for i in range(20)])
    assert service.stop() == 0
    files = service.files("logs")
    assert len(files) >= 5
    sizes = [path.stat().st_size for path in files]
    assert all(size >= 64 * 1024 for size in sizes[:-1]), sizes
    assert all(size < 256 * 1024 for size in sizes), sizes
    assert all(path.read_bytes().endswith(END_OF_STREAM) for path in files)
    assert len(bodies(service.directory)) == len(set(bodies(service.directory))) == 2000


def test_a_file_that_is_old_enough_is_ended_though_nothing_comes(start):
    service = start("storage.max_file_age=1s", "write_interval_secs=0.1")
    send(service, logs(3, "a"))
    harness.wait_until(lambda: service.files("logs") and
                       service.files("logs")[0].read_bytes().endswith(END_OF_STREAM),
                       what="the end of the file")
    send(service, logs(3, "b"))
    assert service.stop() == 0
    assert len(service.files("logs")) == 2
    assert bodies(service.directory) == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_the_write_interval_brings_rows_to_the_file(start):
    service = start("write_interval_secs=0.2")
    send(service, logs(7))
    wait_stored(service, 7)
    (path,) = service.files("logs")
    assert not path.read_bytes().endswith(END_OF_STREAM)
    assert columns.table_of(path).num_rows == 7  # the open file can be read


def test_one_directory_has_one_owner(start, tmp_path):
    service = start()
    send(service, logs(1))
    begin = time.monotonic()
    second = harness.run_service(
        "--set", f"output_dir={service.directory}", "--set", "protocols.protobuf_port=0", "--set",
        "protocols.arrow_flight_port=0", "--set", "dashboard.port=0")
    assert second.returncode == 1, second.stderr
    assert time.monotonic() - begin < 5
    lines = [line for line in second.stderr.splitlines() if str(service.directory) in line]
    assert len(lines) == 1 and str(service.pid) in lines[0], second.stderr
    send(service, logs(1))
    assert service.stop() == 0
    assert len(bodies(service.directory)) == 2
    third = start(directory=service.directory)  # free again
    assert third.stop() == 0


def test_names_never_collide_over_restarts(start):
    seen = []
    for run in range(3):
        service = start()
        send(service, logs(1, f"{run}."))
        assert service.stop() == 0
        seen = service.files("logs")
        assert len(seen) == run + 1
    assert bodies(service.directory) == ["0.0", "1.0", "2.0"]


def test_kill_9_loses_at_most_the_write_interval(start):
    service = start("write_interval_secs=0.2", "storage.batch_rows=50")
    send(service, *[logs(20, f"{i}.") for i in range(50)])
    wait_stored(service, 1000)
    service.kill()
    (path,) = service.files("logs")
    assert not path.read_bytes().endswith(END_OF_STREAM)
    again = start(directory=service.directory)
    send(again, logs(1, "later."))
    assert again.stop() == 0
    found = bodies(service.directory)
    assert sorted(found) == sorted([f"{i}.{j}" for i in range(50) for j in range(20)] + ["later.0"])
    assert all(p.read_bytes().endswith(END_OF_STREAM) for p in service.files("logs"))


def test_kill_9_while_data_comes_leaves_readable_files(start, tmp_path):
    kept = tmp_path / "out"
    for cycle in range(5):
        service = start("write_interval_secs=0.01", "storage.batch_rows=64")
        call = service.stub("logs")
        futures = [call.future(logs(50, f"{cycle}.{i}.", 100)) for i in range(40)]
        time.sleep(0.03 * cycle)
        service.kill()
        del futures
    again = start()
    assert again.stop() == 0
    found = bodies(kept)
    assert len(found) == len(set(found)), "rows twice"
    for path in again.files("logs"):
        assert path.read_bytes().endswith(END_OF_STREAM)


@pytest.mark.parametrize("tail", ("half", "garbage", "minus one", "zeros"))
def test_a_torn_tail_is_cut_at_the_next_start(start, tail):
    service = start("write_interval_secs=0.1", "storage.batch_rows=10")
    send(service, *[logs(10, f"{i}.") for i in range(4)])
    wait_stored(service, 40)
    service.kill()
    (path,) = service.files("logs")
    whole = path.read_bytes()
    lost = 0
    if tail == "half":
        torn, lost = whole[:-len(whole) // 10], 10
    elif tail == "minus one":
        torn, lost = whole[:-1], 10
    else:
        torn = whole + (os.urandom(100) if tail == "garbage" else bytes(4096))
    path.write_bytes(torn)
    again = start(directory=service.directory)
    _, text = again.get("/metrics")
    assert "otlp_arrow_files_recovered_total 1" in text
    assert again.stop() == 0
    assert path.read_bytes().endswith(END_OF_STREAM)
    found = bodies(service.directory)
    assert len(found) == len(set(found))
    assert 40 - len(found) in ((lost,) if tail != "half" else (10, 20))


def test_a_file_without_a_whole_schema_is_set_aside(start):
    service = start("write_interval_secs=0.1")
    send(service, logs(5))
    wait_stored(service, 5)
    service.kill()
    (path,) = service.files("logs")
    data = path.read_bytes()[:100]
    path.write_bytes(data)
    again = start(directory=service.directory)
    send(again, logs(1, "new"))
    assert again.stop() == 0
    aside = list(path.parent.glob("*.corrupt"))
    assert len(aside) == 1 and aside[0].read_bytes() == data
    assert bodies(service.directory) == ["new0"]


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_retention_removes_old_sealed_files_alone(start):
    first = start()
    for signal in ("logs", "traces"):
        raw = next(r for r in map(lambda s: otlpgen.request(signal, s), range(100))
                   if otlpgen.count_items(signal, r) > 0)
        first.send(signal, [raw.SerializeToString()])
    assert first.stop() == 0
    (old_log,), (old_trace,) = first.files("logs"), first.files("traces")
    stranger = old_log.parent / "notes.txt"
    stranger.write_text("not ours")
    for path in (old_log, old_trace, stranger):
        age(path, 3600)
    service = start("log_cleanup_interval_secs=60", "trace_cleanup_interval_secs=0",
                    "write_interval_secs=0.1", "storage.max_file_age=1h")
    send(service, logs(1, "young"))
    harness.wait_until(lambda: not old_log.exists(), what="removal of the old file")
    wait_stored(service, 1)
    (open_file,) = service.files("logs")
    age(open_file, 7200)  # however old it looks, the open file stays
    time.sleep(2.5)
    assert open_file.exists()
    assert service.stop() == 0
    assert old_trace.exists() and stranger.exists()
    assert bodies(service.directory)[-1] == "young0"


def bytes_of(paths):
    """Of all of them; one that was removed meanwhile has none."""
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_the_total_size_is_kept_by_removing_the_oldest(start):
    service = start("storage.max_total_size=1MiB", "storage.max_file_size=128KiB",
                    "storage.batch_rows=100", "write_interval_secs=0.1", "net.io_threads=1")
    for i in range(12):
        send(service, logs(100, f"{i}.", 4000))
    harness.wait_until(lambda: stored(service) == 1200
                       and bytes_of(service.files("logs")) <= 1 << 20,
                       what="files of 1 MiB together")
    assert service.stop() == 0
    found = bodies(service.directory)
    assert "11.99" in found and "0.0" not in found


def limit_files(service, size):
    _, hard = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def test_a_disk_that_cannot_be_written_is_told_and_survived(start):
    service = start("write_interval_secs=0.1", "max_log_buffer_size=500", "storage.compression=none")
    send(service, logs(10, "before."))
    wait_stored(service, 10)
    (path,) = service.files("logs")
    size = path.stat().st_size
    limit_files(service, size + 1000)  # a write now fails in its middle
    sent = ["before.%d" % i for i in range(10)]
    refused = None
    for i in range(300):
        (result,) = service.send("logs", [logs(10, f"r{i}.", 200)])
        if isinstance(result, grpc.RpcError):
            refused = result
            break
        sent += [f"r{i}.{j}" for j in range(10)]
        time.sleep(0.02)
    assert service.alive(), service.output()
    assert refused is not None and refused.code() == grpc.StatusCode.UNAVAILABLE, refused
    assert "grpc-status-details-bin" in dict(refused.trailing_metadata())
    # The buffer may have been full before a write had failed.
    harness.wait_until(lambda: service.get("/readyz")[0] == 503, what="the failure")
    assert len(service.get("/readyz")[1]) > 15
    assert service.get("/health")[0] == 503 and service.get("/livez")[0] == 200
    # Each try writes half a message and takes it back.
    kept = harness.wait_until(lambda: (data := path.read_bytes()) and len(data) <= size and data,
                              what="a file without half a message")
    assert pa.ipc.open_stream(kept).read_all().num_rows == 10
    limit_files(service, None)
    harness.wait_until(lambda: service.get("/readyz")[0] == 200, what="being ready again")
    send(service, logs(1, "after."))
    assert service.stop() == 0, service.output()
    assert sorted(bodies(service.directory)) == sorted(sent + ["after.0"])


def test_no_name_from_outside_reaches_a_path(start, tmp_path):
    service = start()
    marker = uuid.uuid4().hex
    evil = [f"../../{marker}", f"/tmp/{marker}", f"a\0{marker}", f"{marker}\n", "x" * 65536,
            f"{marker}%s%n%x", "." , "..", f"C:\\{marker}", f"$({marker})"]
    for name in evil:
        request = otlpgen.REQUEST_CLASS["logs"]()
        per_resource = request.resource_logs.add(schema_url=name)
        for key in ("service.name", "service.namespace", "service.instance.id", name):
            per_resource.resource.attributes.add(key=key).value.string_value = name
        scope = per_resource.scope_logs.add(schema_url=name)
        scope.scope.name = name
        scope.log_records.add(event_name=name, severity_text=name).body.string_value = name
        send(service, request.SerializeToString())
    assert service.stop() == 0
    rows = columns.rows_of(service.directory, "logs")
    assert sorted(row["service_name"] for row in rows) == sorted(evil)
    found = [p for p in tmp_path.rglob("*") if p.is_file()]
    own = {".otlp-arrow.lock", ".sealed"}
    assert all(NAME.fullmatch(p.name) or p.name in own for p in found), found
    assert not any(marker in str(p) for p in tmp_path.rglob("*"))
    assert marker not in service.output(), "telemetry in the log"
    assert not os.path.exists(f"/tmp/{marker}")


def test_the_extension_is_the_users_choice(start):
    service = start("storage.file_extension=arrows")
    send(service, logs(2))
    assert service.stop() == 0
    (path,) = (service.directory / "otlp" / "logs").glob("*.arrows")
    assert pa.ipc.open_stream(pa.memory_map(str(path))).read_all().num_rows == 2
