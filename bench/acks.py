# SPDX-License-Identifier: Apache-2.0
"""`./dev bench acks`: what it costs to be told later.

The same requests come to a service that acknowledges what is in memory, in a
file, and on the disk: from 64 senders at once, and from one that is alone.
Both cores work on it (no pinning of the server), as wall time is what senders
see; the turns of the levels stand next to each other.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

import ingest
import report
from drivers import run_load
from process import BenchError
from targets import Ours

LEVELS = ("memory", "write", "fsync")
# Connections, streams, requests.
MANY, ALONE = (64, 1, 20000), (1, 1, 1500)
WANTED = 0.6  # of the rate at memory, for 64 senders at fsync
HEAD = ["senders", "ack", "spans/s", "min..max", "of memory", "p50 ms",
        "p99 ms", "CPU us/span", "bytes/span", "stored"]


def run(bench, level, shape):
    pack = bench.packs["traces_100"]
    target = Ours("default", [f"ack={level}", "storage.merge=false"])
    connections, streams, requests = shape

    def act(server, port):
        return run_load(bench.program, server, port, pack, connections,
                        streams, requests)

    load, cpu, server, folder = bench.life(target, act)
    try:
        return bench.judge(target, pack, load, cpu, server, folder)
    finally:
        shutil.rmtree(folder)


def fsync_ms(bench):
    """What the disk takes for a lone 100-span batch: write and fdatasync."""
    folder = bench.folder()
    took = []
    fd = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(200):
            os.write(fd, bytes(20000))
            begin = time.perf_counter()
            os.fdatasync(fd)
            took.append((time.perf_counter() - begin) * 1000)
    finally:
        os.close(fd)
        shutil.rmtree(folder)
    return statistics.median(took)


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def rows(found):
    for name, shape in (("64", MANY), ("1", ALONE)):
        base = median(found[shape, "memory"], "items_per_second")
        for level in LEVELS:
            runs = found[shape, level]
            rates = [r["items_per_second"] for r in runs]
            rate = statistics.median(rates)
            wrong = [r["wrong"] for r in runs if r["wrong"]]
            cpu = statistics.median(r["cpu_seconds"] / r["items"] * 1e6
                                    for r in runs)
            yield [name, level, report.thousands(rate),
                   f"{min(rates):,.0f}..{max(rates):,.0f}",
                   f"{rate / base:.2f}", f"{median(runs, 'p50_us') / 1e3:.2f}",
                   f"{median(runs, 'p99_us') / 1e3:.2f}", f"{cpu:.2f}",
                   f"{median(runs, 'bytes_per_item'):.0f}",
                   wrong[0] if wrong else "all"]


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench acks", description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="one turn")
    options = parser.parse_args(arguments)
    options.repeat = 1 if options.quick else 3
    options.signal = ["traces"]
    return options


def main(arguments):
    options = parse(arguments)
    found = {}
    try:
        bench = ingest.Bench(options)
        for _ in range(options.repeat):
            for shape in (MANY, ALONE):
                for level in LEVELS:
                    found.setdefault((shape, level), []).append(
                        run(bench, level, shape))
        disk = fsync_ms(bench)
    except (BenchError, subprocess.SubprocessError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(report.table(HEAD, list(rows(found))))
    share = (median(found[MANY, "fsync"], "items_per_second")
             / median(found[MANY, "memory"], "items_per_second"))
    print(f"\n64 senders at fsync: {share:.2f} of the rate at memory "
          f"(wanted: {WANTED}); one fdatasync of this disk: {disk:.2f} ms")
    return 0 if share >= WANTED else 1
