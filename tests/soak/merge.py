#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it takes to merge one large file of small batches.

Fills a file with batches of few spans, ends the service, and starts it again
with merging on: time and CPU until the file is replaced, its size before and
after, the growth of memory, and how long a stop in the middle of it takes.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import pyarrow as pa  # noqa: E402

import harness  # noqa: E402
import otlpgen  # noqa: E402


def spans(count, first):
    """One request of COUNT spans of some 430 bytes, as services send them."""
    request = otlpgen.REQUEST_CLASS["traces"]()
    per_resource = request.resource_spans.add()
    for key, value in (("service.name", f"shop-{first // 5000 % 7}"),
                       ("k8s.pod.name", f"shop-{first // 1000 % 40}-x7f2q"),
                       ("telemetry.sdk.name", "opentelemetry")):
        per_resource.resource.attributes.add(key=key).value.string_value = value
    per_scope = per_resource.scope_spans.add()
    per_scope.scope.name = "shop/http"
    now = 1_700_000_000_000_000_000 + first * 1_000_000
    for i in range(count):
        number = first + i
        span = per_scope.spans.add(
            trace_id=os.urandom(16), span_id=os.urandom(8), parent_span_id=os.urandom(8),
            name=f"GET /orders/{number % 97}", kind=2,
            start_time_unix_nano=now + i * 1000,
            end_time_unix_nano=now + i * 1000 + number * 7919 % 50_000_000)
        span.attributes.add(key="http.request.method").value.string_value = "GET"
        span.attributes.add(key="url.path").value.string_value = f"/orders/{number}"
        span.attributes.add(key="http.response.status_code").value.int_value = 200
        span.attributes.add(key="client.address").value.string_value = \
            f"10.{number % 256}.{number * 31 % 256}.{number * 17 % 256}"
        span.attributes.add(key="user_agent.original").value.string_value = \
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/126.0"
        span.attributes.add(key="server.duration_ms").value.double_value = number * 0.37 % 991
    return request.SerializeToString()


def cpu_of_thread(pid, nice):
    """CPU seconds of the threads of PID that are so NICE."""
    ticks = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        if int(fields[16]) == nice:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def fill(directory, size, rows, compression):
    """A sealed file of SIZE bytes; its path and its rows."""
    service = harness.Service(directory, "storage.merge=false", f"storage.batch_rows={rows}",
                              "storage.max_file_size=4GiB", "net.io_threads=1",
                              "storage.max_file_age=1h", f"storage.compression={compression}")
    sent = 0
    try:
        bodies = [spans(rows, i * rows) for i in range(400)]
        while True:
            for result in service.send("traces", bodies):
                assert not isinstance(result, Exception), result
            sent += rows * len(bodies)
            done = sum(f.stat().st_size for f in service.files("traces"))
            print(f"  {done >> 20} MiB of {size >> 20}", flush=True)
            if done >= size:
                break
        assert service.stop(timeout=120) == 0
    finally:
        service.kill()
    (file,) = harness.files_of(directory, "traces")
    return file, sent


def shape(file):
    with pa.ipc.open_stream(pa.memory_map(str(file))) as reader:
        sizes = [batch.num_rows for batch in reader]
    return len(sizes), sum(sizes)


def stop_in_the_middle(directory, file, compression):
    """Seconds that a stop takes while the file is merged."""
    service = harness.Service(directory, f"storage.compression={compression}")
    try:
        harness.wait_until(lambda: list(file.parent.glob(".*.merging")), what="a copy")
        time.sleep(0.7)
        begin = time.monotonic()
        assert service.stop() == 0
        took = time.monotonic() - begin
    finally:
        service.kill()
    assert not list(file.parent.glob(".*.merging"))
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="MiB of the file (128)")
    parser.add_argument("--rows", type=int, default=100, help="rows of its batches (100)")
    parser.add_argument("--compression", default="zstd", choices=("none", "lz4", "zstd"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oa-merge-") as directory:
        directory = Path(directory)
        file, sent = fill(directory, options.size << 20, options.rows, options.compression)
        before, batches, inode = file.stat().st_size, shape(file), file.stat().st_ino
        assert batches[1] == sent
        took = stop_in_the_middle(directory, file, options.compression)
        print(f"  a stop in the middle took {took:.2f} s", flush=True)
        assert file.stat().st_ino == inode

        service = harness.Service(directory, f"storage.compression={options.compression}")
        try:
            quiet = service.memory()
            begin = time.monotonic()
            copy = harness.wait_until(lambda: list(file.parent.glob(".*.merging")), what="a copy")
            cpu = 0.0
            while file.stat().st_ino == inode:
                cpu = max(cpu, cpu_of_thread(service.pid, 10))
                time.sleep(0.02)
                assert time.monotonic() - begin < 900, copy
            seconds = time.monotonic() - begin
            peak = service.memory("VmHWM")
            time.sleep(1)
            rest = service.memory()
            _, text = service.get("/metrics")
            assert re.search(r"otlp_arrow_merge_errors_total 0", text)
            assert service.stop() == 0
        finally:
            service.kill()
        after = shape(file)
        assert after[1] == sent
        print(f"merge: {sent} spans, {batches[0]} batches -> {after[0]}, "
              f"{before / 2**20:.1f} MiB -> {file.stat().st_size / 2**20:.1f} MiB, "
              f"{seconds:.1f} s and {cpu:.2f} CPU-s ({cpu / seconds * 100:.0f} % of a core), "
              f"RSS {quiet / 1024:.1f} MiB -> at most {peak / 1024:.1f} MiB -> "
              f"{rest / 1024:.1f} MiB, a stop in the middle took {took:.2f} s")


if __name__ == "__main__":
    main()
