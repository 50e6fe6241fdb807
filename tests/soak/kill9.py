# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load, again and again on one directory.

    ./dev soak kill9 [--level memory|write|fsync|all] [--cycles 1000] [--seed 1]

Each cycle starts the service on what the last one left (and now and then kills
it while it starts), looks at the files, loads it with all signals over several
protocols and kills it after 5 to 500 ms.  At "write" and "fsync" every request
that was answered OK is in the files exactly as it was sent; at "memory" what is
missing was answered within the last write interval.  No request is there by
half or twice, and every reader opens every file.

After some kills ("write" and "fsync") the machine seems to have been restarted:
then the service reads the files of the last cycle in the background, and is
loaded and killed again meanwhile.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import found
import harness
import senders
import sent

# A busy machine may keep a batch on its way to the file for that long.
GRACE = 1.5
END = b"\xff\xff\xff\xff\0\0\0\0"

BOOT = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def boot_again(directory):
    """The service trusts its files more while the same kernel runs, which it
    does not after a restart of the machine."""
    lock = Path(directory) / ".otlp-arrow.lock"
    if lock.exists():
        lock.write_bytes(BOOT.sub(b"00000000-0000-0000-0000-000000000000", lock.read_bytes()))


def ended(path):
    """Whether the file has its end; not while it is being set aside."""
    try:
        return path.read_bytes().endswith(END)
    except FileNotFoundError:
        return False


def has_levels():
    done = harness.run_service("--validate", "--set", "ack=fsync")
    return done.returncode == 0


class Killer:
    def __init__(self, directory, level, seed, rate=50_000):
        self.directory, self.level, self.rate = Path(directory), level, rate
        self.rng = random.Random(f"{level}/{seed}")
        self.book = sent.Book(sent.templates(seed), seed, level)
        self.raised = "write" if level == "memory" and has_levels() else None
        self.plain = True  # the last cycle's files are not compressed
        self.interval = 0.02  # of the last cycle
        self.cycles = self.early = self.restarts = self.sent = self.acked = self.items = 0
        self.lost = self.unacked = self.recovered = 0
        self.oldest = 0.0  # age of what was lost
        self.peak = 0.0  # items a second that were answered
        self.killed = None

    def settings(self, interval, plain):
        pick = self.rng.choice
        chosen = [f"write_interval_secs={interval}",
                  f"storage.batch_rows={pick((50, 1000, 32768))}",
                  f"storage.max_file_size={pick(('64KiB', '1MiB', '128MiB'))}",
                  f"storage.direct_io={pick(('true', 'false'))}",
                  f"storage.compression={'none' if plain else pick(('zstd', 'lz4'))}"]
        if self.level != "memory":
            chosen.append(f"ack={self.level}")
        return chosen

    def kill_while_starting(self, settings):
        command = [str(harness.SERVICE), "--set", f"output_dir={self.directory}"]
        for setting in [*settings, "protocols.protobuf_port=0", "protocols.arrow_flight_port=0",
                        "dashboard.port=0"]:
            command += ["--set", setting]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=harness.clean_environment())
        time.sleep(self.rng.random() * 0.03)
        process.kill()
        code = process.wait()
        if code not in (-signal.SIGKILL, 0):
            raise found.Wrong(f"the service ended with {code} while starting")
        self.early += 1

    def must_be_there(self):
        """Of the last cycle's requests."""
        levels = ("write", "fsync")
        certain = self.book.acked(levels)
        if self.killed is not None:
            limit = self.killed - self.interval - GRACE
            certain += [r for r in self.book.acked(("memory",)) if r.acked < limit]
        return certain

    def look(self):
        present = found.check(self.book, self.directory, self.must_be_there(), plain=self.plain)
        acked = self.book.acked()
        missing = [r for r in acked if r.number not in present]
        if missing:
            self.lost += len(missing)
            self.oldest = max(self.oldest, max(self.killed - r.acked for r in missing))
        numbers = {r.number for r in acked}
        self.unacked += sum(1 for number in present if number not in numbers)
        self.sent += len(self.book.requests)
        self.acked += len(acked)
        self.items += sum(r.template.points for r in acked)
        self.book.forget()
        # All of these are sealed: nothing is written to before there is load.
        for path in self.directory.glob("otlp/*/*.arrow"):
            path.unlink()
        bad = list(self.directory.glob("otlp/*/*.corrupt*"))
        for path in bad:
            path.unlink()

    def wait_for_ends(self, service):
        """Files of before a restart of the machine are ended in the background."""
        until = time.monotonic() + 30
        while not all(map(ended, self.directory.glob("otlp/*/*.arrow"))):
            if time.monotonic() > until:
                raise found.Wrong("files of the last run stay without an end:\n" + service.output())
            time.sleep(0.02)

    def cycle(self):
        interval, plain = self.rng.choice((0.02, 0.1, 0.3)), self.rng.random() < 0.5
        settings = self.settings(interval, plain)
        if self.rng.random() < 0.25:
            self.kill_while_starting(settings)
        restarted = self.level != "memory" and self.rng.random() < 0.25
        if restarted:
            boot_again(self.directory)
        service = harness.Service(self.directory, *settings)
        try:
            if restarted:  # what was left is looked at when it is ended
                plain = plain and self.plain
                self.restarts += 1
            else:
                self.wait_for_ends(service)
                self.look()
            self.interval, self.plain = interval, plain
            span = self.rng.uniform(0.005, 0.5)
            if restarted and self.rng.random() < 0.5:
                span = self.rng.uniform(0.9, 1.3)  # when the old ones are being ended
            if self.level == "memory" and self.rng.random() < 0.1:
                span += GRACE + self.interval  # so that some must be there
            load = senders.Senders(service, self.book, self.rate, self.raised)
            begin = time.monotonic()
            time.sleep(span)
            if not service.alive():
                raise found.Wrong("the service ended by itself:\n" + service.output())
            os.kill(service.pid, signal.SIGKILL)
            self.killed = time.monotonic()
            service.process.wait()
            load.stop()
            items = sum(r.template.points for r in self.book.acked())
            if span > 0.2:
                self.peak = max(self.peak, items / (self.killed - begin))
        finally:
            service.kill()
        self.cycles += 1

    def finish(self):
        """What the last cycle left."""
        service = harness.Service(self.directory, *self.settings(self.interval, self.plain))
        try:
            self.wait_for_ends(service)
            self.look()
            if service.stop() != 0:
                raise found.Wrong("the service did not stop well:\n" + service.output())
        finally:
            service.kill()

    def figures(self):
        return (f"kill -9 at {self.level}: {self.cycles} cycles, {self.early} more kills while "
                f"starting, {self.restarts} as if the machine had been restarted; {self.sent} requests, {self.acked} acknowledged with {self.items} "
                f"items (at most {self.peak:.0f}/s); {self.lost} of them not there "
                f"(the oldest {self.oldest:.2f} s), {self.unacked} there without an answer; "
                f"wrong: 0")


def run(directory, level, cycles, seed, rate=50_000, told=None, until=None):
    """Gives the Killer that made CYCLES; found.Wrong when a promise is broken."""
    killer = Killer(directory, level, seed, rate)
    while killer.cycles < cycles and (until is None or time.monotonic() < until):
        killer.cycle()
        if told and killer.cycles % told == 0:
            print(killer.figures(), flush=True)
    killer.finish()
    return killer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--level", default="all", choices=(*sent.LEVELS, "all"))
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=50_000, help="items a second that are sent")
    parser.add_argument("--seconds", type=float, help="end each level after that long")
    chosen = parser.parse_args()
    for level in sent.LEVELS if chosen.level == "all" else [chosen.level]:
        directory = tempfile.mkdtemp(prefix="oa-kill9-")
        until = time.monotonic() + chosen.seconds if chosen.seconds else None
        try:
            killer = run(Path(directory) / "out", level, chosen.cycles, chosen.seed, chosen.rate,
                         50, until)
        except AssertionError as error:
            print(f"kill9: WRONG at {level}, seed {chosen.seed}: {error}\nkept: {directory}")
            return 1
        shutil.rmtree(directory)
        print(killer.figures(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
