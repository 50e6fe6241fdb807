# SPDX-License-Identifier: Apache-2.0
"""kill -9 while rows are sent on: none is missing, few come twice.

    ./dev soak forward [--cycles 100] [--seed 1]

examples/exporter.c receives log records (ack=write), stores and delivers them
into a file of lines, and is killed after 0.05 to 5 s, again and again; small
files are rotated and merged meanwhile.  In the end every record that was
acknowledged is among the lines, the order holds, and what comes twice after a
kill was delivered in the last seconds before it.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import harness
from test_c_api import compile_program

BASE = 1_700_000_000_000_000_000
BATCH = 20
# The position is kept each second; a busy machine may take its time.
GRACE = 3
LINE = re.compile(rb"log (\d{19}) shop\n")


def request_of(first):
    """BATCH log records whose times are FIRST and on."""
    records = [{"timeUnixNano": str(BASE + first + i), "body": {"stringValue": "x" * 200}}
               for i in range(BATCH)]
    return json.dumps({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeLogs": [{"logRecords": records}]}]}).encode()


class Sender(threading.Thread):
    """Sends until nobody answers; ACKED has the first numbers of what was
    acknowledged."""

    def __init__(self, port, first):
        super().__init__()
        self.url = f"http://127.0.0.1:{port}/v1/logs"
        self.next = first
        self.acked = []
        self.enough = threading.Event()

    def run(self):
        while not self.enough.is_set():
            request = urllib.request.Request(
                self.url, request_of(self.next), {"content-type": "application/json"})
            first, self.next = self.next, self.next + BATCH
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    answer.read()
            except OSError:
                return
            self.acked.append(first)


def start(program, *arguments, **variables):
    return subprocess.Popen(
        [program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        env={**harness.clean_environment(), "OTLP_PROTOBUF_PORT": "0",
             "OTLP_ARROW_FLIGHT_PORT": "0", "OTLP_DASHBOARD_PORT": "0", **variables})


def port_of(program):
    return int(re.search(r"port (\d+)", program.stdout.readline())[1])


class Killer:
    def __init__(self, directory):
        self.program = compile_program(harness.ROOT / "examples" / "exporter.c",
                                       directory / "exporter", "-std=c11")
        self.lines, self.kept = directory / "lines.txt", directory / "kept"
        self.acked, self.next, self.twice = [], 0, 0
        self.kills = []  # sizes of the lines at a kill, and GRACE before it
        self.samples = []

    def size(self):
        return self.lines.stat().st_size if self.lines.exists() else 0

    def begin(self):
        return start(self.program, self.lines, OTLP_OUTPUT_DIR=str(self.kept), OTLP_ACK="write",
                     OTLP_STORAGE_MAX_FILE_SIZE="128KiB", OTLP_STORAGE_COMPRESSION="none")

    def cycle(self, seconds):
        """Lets it receive for SECONDS, and kills it."""
        exporter = self.begin()
        try:
            sender = Sender(port_of(exporter), self.next)
            end = time.monotonic() + seconds
            sender.start()
            while time.monotonic() < end:
                self.samples.append((time.monotonic(), self.size()))
                time.sleep(0.02)
        finally:
            exporter.kill()
            exporter.communicate()
        killed = time.monotonic()
        sender.join(30)
        self.acked += sender.acked
        self.next = sender.next
        early = [size for when, size in self.samples if when < killed - GRACE]
        before = self.kills[-1] if self.kills else (0, 0)
        size = self.size()
        # One that came before it had delivered anything changes nothing.
        self.kills.append((size, early[-1] if early else 0) if size > before[0] else before)

    def finish(self):
        """Has the rest delivered and looks at all of it."""
        last = self.begin()
        port_of(last)
        _, complained = last.communicate("\n", timeout=120)
        assert last.returncode == 0, complained
        # A kill may tear a line.
        found = [(match.start(), int(match[1]) - BASE)
                 for match in LINE.finditer(self.lines.read_bytes())]
        first = {}
        for place, row in found:
            first.setdefault(row, place)
        missing = [number for start_ in self.acked for number in range(start_, start_ + BATCH)
                   if number not in first]
        assert not missing, (len(missing), missing[:5])
        self.look_back(found)
        self.twice = len(found) - len(first)
        files = list(self.kept.glob("otlp/logs/*.arrow"))
        return (f"forward: {len(self.kills)} kills, {len(self.acked) * BATCH} rows acknowledged "
                f"in {len(files)} files, 0 not delivered, {self.twice} of {len(found)} came twice")


    def look_back(self, found):
        """The rows go back only where a kill was, and only to what had come
        within GRACE before it."""
        last, backs = {}, 0
        for i, (place, row) in enumerate(found):
            if i > 0 and row <= found[i - 1][1]:
                backs += 1
                early = [early for size, early in self.kills if size <= place + 64][-1]
                assert last[row] >= early, (i, row, last[row], early)
            last[row] = place
        assert backs <= len(self.kills)


def run(directory, cycles, seed):
    killer = Killer(directory)
    rng = random.Random(seed)
    for i in range(cycles):
        # Long ones see files merged, and the position kept several times.
        killer.cycle(rng.uniform(3.5, 5) if i % 4 == 0 else rng.uniform(0.05, 1))
    return killer, killer.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="oa-forward-"))
    try:
        print(run(directory, chosen.cycles, chosen.seed)[1], flush=True)
    except AssertionError as error:
        print(f"forward: WRONG, seed {chosen.seed}: {error}\nkept: {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OA_BIN_DIR", str(harness.ROOT / "build" / "release"))
    sys.exit(main())
