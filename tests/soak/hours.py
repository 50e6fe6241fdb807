# SPDX-License-Identifier: Apache-2.0
"""`./dev soak hours`: a steady load for a long time.

10,000 spans a second, 100 in a request, over 4 connections, to a service with
default settings; memory, processor time and the counters are looked at all the
while.  At the end: how memory grew (the slope of a straight line through the
samples after a warm-up), how much of a core the service took, whether the
counters agree with each other in every sample, and whether every span that
was acknowledged is in the files.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "bench")]

import harness  # noqa: E402
import pyarrow as pa  # noqa: E402
from drivers import build_load  # noqa: E402

SIZE = 100
OUT = ROOT / "build" / "bench"
EVERY = 5.0
WARM_UP = 0.15  # of the run: pools and caches fill


def counters(service):
    """The samples of /metrics, added up over their labels but the signal."""
    _, text = service.get("/metrics")
    sums = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            head, _, value = line.rpartition(" ")
            name = head.partition("{")[0]
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def disagreement(sums):
    """What is received and not accounted for."""
    return (sums["otlp_arrow_received_items_total"]
            - sums["otlp_arrow_rejected_items_total"]
            - sums["otlp_arrow_stored_items_total"]
            - sums["otlp_arrow_given_up_items_total"]
            - sums["otlp_arrow_buffered_items"])


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slope(samples):
    """Of the straight line that fits SAMPLES, (x, y), best."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    over = sum((x - mean_x) * (y - mean_y) for x, y in samples)
    return over / sum((x - mean_x) ** 2 for x, _ in samples)


def stored_rows(directory):
    rows = 0
    for path in harness.files_of(directory, "traces"):
        with pa.memory_map(str(path)) as file:
            rows += sum(batch.num_rows for batch in pa.ipc.open_stream(file))
    return rows


def watch(service, load, begin, seconds, show):
    """(time, RSS in KiB) until LOAD ends, and the largest disagreement."""
    samples, worst = [], 0
    while load.poll() is None:
        now = time.monotonic() - begin
        samples.append((now, service.memory()))
        worst = max(worst, abs(disagreement(counters(service))))
        if show:
            print(f"\r{now:7.0f} of {seconds} s, {samples[-1][1] / 1024:.1f} MiB ",
                  end="", file=sys.stderr, flush=True)
        time.sleep(min(EVERY, seconds / 50))
    return samples, worst


def benchmark_pack():
    import payload

    pack = payload.ensure(OUT / "payloads")[f"traces_{SIZE}"]
    return pathlib.Path(pack["folder"], pack["pack"])


def run(directory, pack, seconds, rate, settings=(), show=False):
    """The figures of SECONDS at RATE spans a second, from the requests of 100
    spans in PACK (each behind gRPC's prefix) in turn."""
    program = build_load(OUT)
    requests = rate // SIZE * seconds
    service = harness.Service(directory, *settings)
    try:
        begin, cpu = time.monotonic(), cpu_seconds(service.pid)
        load = subprocess.Popen(
            [program, "-p", str(service.port), "-u", harness.EXPORT_PATH["traces"],
             "-f", str(pack), "-c", "4", "-m", "8",
             "-n", str(requests), "-r", str(rate / SIZE), "-w", "0"],
            stdout=subprocess.PIPE, text=True)
        samples, worst = watch(service, load, begin, seconds, show)
        took = time.monotonic() - begin
        said = load.communicate()[0]
        if not said:
            raise SystemExit("the load ended early; the service said:\n" + service.output())
        result = json.loads(said)
        cpu = cpu_seconds(service.pid) - cpu
        peak = service.memory("VmHWM")
        status = service.stop()
    finally:
        service.kill()
    late = [s for s in samples if s[0] >= WARM_UP * seconds]
    return {
        "seconds": took, "spans": requests * SIZE, "failed": result["failed"],
        "stored": stored_rows(directory), "exit": status, "disagreement": worst,
        "core_percent": 100 * cpu / took, "peak_mib": peak / 1024,
        "first_mib": late[0][1] / 1024, "last_mib": late[-1][1] / 1024,
        "slope_mib_per_hour": slope(late) * 3600 / 1024,
        "p50_ms": result["p50_us"] / 1000, "p99_ms": result["p99_us"] / 1000,
    }


def main():
    parser = argparse.ArgumentParser(prog="./dev soak hours",
                                     description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--rate", type=int, default=10000, help="spans a second")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=OUT) as directory:
        found = run(directory, benchmark_pack(), options.seconds, options.rate, options.set,
                    show=True)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    for name, value in found.items():
        print(f"{name:20} {value:,.2f}" if isinstance(value, float) else f"{name:20} {value:,}")
    good = (found["failed"] == 0 and found["stored"] == found["spans"]
            and found["disagreement"] == 0 and found["exit"] == 0
            and found["slope_mib_per_hour"] < 1 and found["core_percent"] <= 3)
    print("all as promised" if good else "NOT as promised")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
