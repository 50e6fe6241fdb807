# SPDX-License-Identifier: Apache-2.0
"""Three times the senders that saturate a core: what comes through, and what it
costs.

    ./dev soak saturation [--seconds N] [--limit MIB ...]

The service has one core to itself, and bench/load.c, which asks for more than
that core can do, the other.  First one load with as many requests under way as
give the peak; then three loads with sixteen times as many each.  What is stored
should be as much, memory stay below memory_limit and a constant, and whoever is
refused be told when to come back (the load does, and counts).

Other programs on the two cores slow down either part.  So the service's own
time for a span is shown too, which they change little, and how long its busiest
thread had nothing to do: a service that sends too many away, or for too long,
stands idle.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "bench")]

import harness  # noqa: E402
import payload  # noqa: E402
from drivers import build_load  # noqa: E402
from hours import OUT, counters, cpu_seconds  # noqa: E402

SERVER_CORE, LOAD_CORE = ("taskset", "-c", "0"), ["taskset", "-c", "1"]
SIZE = 1000
LOADS, PEAK, FLOOD = 3, (4, 8), (16, 32)
ROOM_MIB = 32


def start_load(service, pack, shape, requests):
    return subprocess.Popen(
        [*LOAD_CORE, build_load(OUT), "-p", str(service.port), "-u",
         harness.EXPORT_PATH["traces"], "-f", str(pack), "-c", str(shape[0]), "-m",
         str(shape[1]), "-n", str(requests)], stdout=subprocess.PIPE, text=True)


def busiest(service):
    """Seconds that the thread which ran longest has run or waited for its core."""
    times = []
    for task in pathlib.Path(f"/proc/{service.process.pid}/task").iterdir():
        ran, waited = (task / "schedstat").read_text().split()[:2]
        times.append((int(ran), int(ran) + int(waited)))
    return max(times)[1] / 1e9


def measure(service, pack, shapes, requests):
    """(spans per second, refused, failed, slowest p99 in ms, the service's
    microseconds for a span, idle part) of loads at once."""
    begin, cpu, busy = time.monotonic(), cpu_seconds(service.process.pid), busiest(service)
    loads = [start_load(service, pack, shape, requests) for shape in shapes]
    said = [json.loads(load.communicate()[0]) for load in loads]
    took, spans = time.monotonic() - begin, sum(each["ok"] for each in said) * SIZE
    return (spans / took,
            sum(each["refused"] for each in said), sum(each["failed"] for each in said),
            max(each["p99_us"] for each in said) / 1000,
            (cpu_seconds(service.process.pid) - cpu) * 1e6 / spans,
            max(0.0, 1 - (busiest(service) - busy) / took))


class Memory:
    """The highest RSS, looked at ten times a second."""

    def __init__(self, service):
        self.peak, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, args=(service,))

    def watch(self, service):
        while not self.over.wait(0.1):
            self.peak = max(self.peak, service.memory() / 1024)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def run(directory, limit, seconds):
    found = payload.ensure(OUT / "payloads")[f"traces_{SIZE}"]
    pack = pathlib.Path(found["folder"], found["pack"])
    service = harness.Service(directory, "net.io_threads=1", f"memory_limit={limit}MiB",
                              "storage.max_total_size=2GiB", prefix=SERVER_CORE)
    try:
        first = measure(service, pack, [PEAK], 1000)
        requests = max(1000, int(first[0] * seconds / SIZE))
        with Memory(service) as memory:
            peak = measure(service, pack, [PEAK], requests // 4)
            calm = memory.peak
            flood = measure(service, pack, [FLOOD] * LOADS, requests // LOADS)
        harness.wait_until(lambda: counters(service)["otlp_arrow_buffered_items"] == 0)
        stored = counters(service)["otlp_arrow_stored_items_total"]
        status = service.stop(timeout=60)
    finally:
        service.kill()
    sent = 1000 + requests // 4 + LOADS * (requests // LOADS)
    return {"limit MiB": limit, "peak spans/s": peak[0], "flood spans/s": flood[0],
            "share": flood[0] / peak[0], "refused": flood[1], "failed": flood[2],
            "us/span, peak": peak[4], "us/span, flood": flood[4],
            "idle, peak": peak[5], "idle, flood": flood[5], "p99 ms, peak": peak[3], "p99 ms, flood": flood[3], "RSS MiB, peak": calm,
            "RSS MiB, flood": memory.peak, "over limit MiB": memory.peak - limit,
            "lost": int(sent * SIZE - stored), "exit": status}


def main():
    parser = argparse.ArgumentParser(prog="./dev soak saturation",
                                     description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--limit", type=int, action="append", help="MiB; 64 and 256")
    options = parser.parse_args()
    good = True
    for limit in options.limit or [64, 256]:
        with tempfile.TemporaryDirectory(dir=OUT) as directory:
            found = run(directory, limit, options.seconds)
        for name, value in found.items():
            print(f"{name:18} {value:,.2f}" if isinstance(value, float)
                  else f"{name:18} {value:,}")
        good = good and (found["share"] >= 0.9 and found["over limit MiB"] <= ROOM_MIB
                         and found["failed"] == found["lost"] == found["exit"] == 0)
    print("all as promised" if good else "NOT as promised")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
