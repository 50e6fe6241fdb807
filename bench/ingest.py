# SPDX-License-Identifier: Apache-2.0
"""`./dev bench ingest`: what one CPU-second of the server takes in.

Every run starts a fresh server on core 0, sends distinct requests from
core 1, stops it, takes its whole CPU time (final flush included, an idle
life subtracted), and finds everything again in its files.  The runs of one
comparison stand next to each other, and the whole is repeated, so that a
noisy machine hurts all alike; shown are medians.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import payload
import report
from drivers import build_load, run_h2load, run_load
from peers import all_peers
from process import BenchError, cpu_seconds, proc_status
from targets import Floor, Ours

SHAPES = ((1, 1), (4, 8), (16, 32))
OUT = pathlib.Path("build/bench")


class Bench:
    def __init__(self, options):
        self.options = options
        self.packs = payload.ensure(OUT / "payloads")
        self.program = build_load(OUT)
        self.idle = {}
        self.count = 0

    def folder(self):
        self.count += 1
        folder = (OUT / "data" / f"{os.getpid()}-{self.count}").resolve()
        folder.mkdir(parents=True)
        return folder

    def life(self, target, act):
        """Starts TARGET, has ACT(server, port) done, stops it.  Gives what
        ACT gave, the CPU seconds and the folder, which the caller removes."""
        folder = self.folder()
        server = None
        try:
            server, port = target.start(folder)
            given = act(server, port)
            return given, server.stop(), server, folder
        except BaseException:
            if server is not None:
                server.kill()
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def idle_cpu(self, target):
        """CPU of starting and stopping alone: the least of three."""
        if target.title not in self.idle:
            costs = []
            for _ in range(3):
                _, cpu, _, folder = self.life(target,
                                              lambda s, p: time.sleep(0.3))
                shutil.rmtree(folder)
                costs.append(cpu)
            self.idle[target.title] = min(costs)
        return self.idle[target.title]

    def requests(self, target, pack):
        """Every distinct body equally often: 2 or 16 times."""
        count = pack["requests"] * (2 if self.options.quick else 16)
        if pack["size"] < 1000:  # as many items cost more: half is enough
            count = count // 2
        if target.requests_at_most:
            count = min(count, target.requests_at_most * 1000 // pack["size"])
        return count

    def run(self, target, pack, connections, streams, driver):
        idle = self.idle_cpu(target)
        requests = self.requests(target, pack)

        def act(server, port):
            if driver == "h2load":
                return run_h2load(server, port, pack, connections, streams,
                                  requests)
            return run_load(self.program, server, port, pack, connections,
                            streams, requests, any_status=target.any_status)

        load, cpu, server, folder = self.life(target, act)
        try:
            return self.judge(target, pack, load, cpu - idle, server, folder)
        finally:
            shutil.rmtree(folder)

    def judge(self, target, pack, load, cpu, server, folder):
        expected = load.pop("expected")
        items = expected["items"]
        run = {
            **load, "items": items, "cpu_seconds": cpu,
            "items_per_cpu": items / cpu,
            "items_per_second": items / load["seconds"],
            "peak_rss": server.peak, "wrong": "",
        }
        if load["failed"] and not target.any_status:
            run["wrong"] = f"{load['failed']} failed"
        if target.stores:
            found = target.stored(folder, pack["signal"], pack["base_ns"])
            run["bytes_per_item"] = target.disk(folder) / max(items, 1)
            run["found"] = found
            if found["items"] != items:
                run["wrong"] = f"{found['items']} of {items}"
            elif target.whole_times and found["time_sum"] != expected[
                    "time_sum"]:
                run["wrong"] = "times differ"
        return run

    # -- what is said about our service alone --------------------------------

    def special(self):
        ours = Ours("default")
        found = {}
        (found["idle_rss"], _, _, folder) = self.life(
            ours, lambda server, port: (time.sleep(3), proc_status(
                server.pid, "VmRSS"))[1])
        shutil.rmtree(folder)
        if "traces" in self.options.signal:
            found["latency"] = self.latency(ours)
            found["latency_floor"] = self.latency(Floor())
            found["steady"] = self.steady(ours)
        return found

    def latency(self, target):
        """One request of 1,000 spans at a time, 10 ms apart."""
        load, _, _, folder = self.life(target, lambda server, port: run_load(
            self.program, server, port, self.packs["traces_1000"], 1, 1, 200,
            pause_us=10_000, any_status=target.any_status))
        shutil.rmtree(folder)
        return load

    def steady(self, ours):
        """10,000 spans a second, 100 in a request, over 4 connections."""
        seconds = 5 if self.options.quick else 20

        def act(server, port):
            before = cpu_seconds(server.pid)
            begin = time.monotonic()
            load = run_load(self.program, server, port,
                            self.packs["traces_100"], 4, 8, 100 * seconds,
                            rate=100.0)
            took = time.monotonic() - begin
            return load, (cpu_seconds(server.pid) - before) / took

        (load, share), _, _, folder = self.life(ours, act)
        shutil.rmtree(folder)
        return {**load, "cpu_share": share}


def plan(options, peers):
    """(target, signal, size, shape, driver) of every cell, those that are
    compared next to each other."""
    forms = ["none", "zstd"] + (["lz4"] if options.all else [])
    ours = [] if options.only_peers else [Ours(form) for form in forms]
    sizes = (1000,) if options.quick else (1000, 100)
    for signal in options.signal:
        for size in sizes:
            for shape in SHAPES:
                if options.quick and shape != (4, 8):
                    continue
                main = shape == (4, 8) or (shape == (16, 32) and size == 1000)
                others = peers if main or options.all else []
                for target in [Floor(), *ours, *others]:
                    if signal in target.signals:
                        yield target, signal, size, shape, options.driver
                if (shape == (4, 8) and size == 1000 and ours
                        and options.driver != "h2load"):
                    # The same with the customary tool, as a cross-check.
                    yield ours[0], signal, size, shape, "h2load"


def run_cell(bench, cell):
    """One run more.  Our service must not fail; a peer that does is left out
    of the table, with its last words."""
    pack = bench.packs[f"{cell['signal']}_{cell['size']}"]
    try:
        cell["runs"].append(bench.run(cell["object"], pack,
                                      cell["connections"], cell["streams"],
                                      cell["driver"]))
    except (BenchError, subprocess.TimeoutExpired) as error:
        if cell["name"] == Ours.name:
            raise
        cell["error"] = str(error)
        print(f"\nbench: {cell['target']} {cell['signal']} left out: {error}",
              file=sys.stderr)


def measure(bench, options, peers):
    cells = []
    for target, signal, size, shape, driver in plan(options, peers):
        title = target.title + (" (h2load)" if driver == "h2load" else "")
        cells.append({
            "target": title, "name": target.name, "form": target.form,
            "stores": target.stores, "signal": signal, "size": size,
            "connections": shape[0], "streams": shape[1], "driver": driver,
            "runs": [], "object": target})
    for turn in range(options.repeat):
        for number, cell in enumerate(cells):
            if "error" not in cell:
                run_cell(bench, cell)
            print(f"\r{turn + 1}/{options.repeat} {number + 1}/{len(cells)} "
                  f"{cell['target']:28}", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    for cell in cells:
        del cell["object"]
    return [cell for cell in cells if "error" not in cell]


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    return {"cpu": model, "cores": os.cpu_count(),
            "kernel": platform.release(), "load_before": os.getloadavg()}


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench ingest", description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", action="store_true",
                        help="also build and run the Collector and the "
                             "predecessor, and print ratios")
    parser.add_argument("--only-peers", action="store_true",
                        help="the peers and the floor without our service")
    parser.add_argument("--quick", action="store_true",
                        help="4x8 and 1,000 items alone, one short turn")
    parser.add_argument("--all", action="store_true",
                        help="also lz4, and the peers in every cell")
    parser.add_argument("--signal", action="append",
                        choices=payload.SIGNALS, help="traces, metrics, logs")
    parser.add_argument("--repeat", type=int, help="turns (3; with --quick 1)")
    parser.add_argument("--driver", choices=("load", "h2load"), default="load",
                        help="load sends distinct bodies in turn (bench/"
                             "load.c); h2load one body a connection")
    options = parser.parse_args(arguments)
    options.signal = options.signal or list(payload.SIGNALS)
    options.repeat = options.repeat or (1 if options.quick else 3)
    return options


def main(arguments):
    options = parse(arguments)
    wanted = options.peers or options.only_peers
    peers = all_peers("build/peers") if wanted else []
    try:
        bench = Bench(options)
        result = {"machine": machine(), "options": vars(options)}
        result["special"] = {} if options.only_peers else bench.special()
        result["cells"] = measure(bench, options, peers)
        result["idle_cpu_seconds"] = bench.idle
    except (BenchError, subprocess.SubprocessError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    (OUT / "ingest.json").write_text(json.dumps(result, indent=1))
    print(report.main_table(result["cells"]))
    for text in (report.ratio_table(result["cells"]),
                 report.bound_table(result)):
        if text:
            print(f"\n{text}")
    print(f"\nAll runs: {OUT / 'ingest.json'}")
    wrong = [run for cell in result["cells"] for run in cell["runs"]
             if run["wrong"] and cell["name"] == "otlp-arrow"]
    return 1 if wrong else 0
