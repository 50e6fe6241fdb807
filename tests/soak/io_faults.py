# SPDX-License-Identifier: Apache-2.0
"""The Nth file call of a kind fails, for N = 1, 2, ... until a run has no Nth.

    ./dev soak io_faults [--class write] [--code ENOSPC] [--level fsync]

Each run starts the service, sends all signals over every protocol, rotates,
flushes and stops.  A sender hears OK or is told to come back, what was
acknowledged is in the files afterwards, and the service goes on by itself; one
that cannot start says why and does not crash.  OA_BIN_DIR=build/asan looks for
leaks and bad memory at the same time.
"""

import argparse
import errno
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import found
import harness
import kill9
import polite
import sent
import shim

MASKS = {"write": 1, "sync": 2, "rename": 4, "open": 8, "size": 16, "unlink": 32, "mkdir": 64,
         "read": 128, "list": 256, "flags": 512}
CODES = {"write": ("ENOSPC", "EIO", "EINTR", "EDQUOT", "EROFS", "short"),
         "sync": ("EIO", "ENOSPC", "EINTR"), "rename": ("ENOSPC", "EIO", "EROFS"),
         "open": ("ENOSPC", "EMFILE", "EINTR", "EROFS"), "size": ("EIO", "EINTR", "EROFS"),
         "unlink": ("EIO", "EROFS"), "mkdir": ("ENOSPC", "EROFS"),
         "read": ("EIO", "EINTR", "short"), "list": ("EIO", "EMFILE"), "flags": ("EINVAL", "EINTR")}
SETTINGS = ["storage.max_file_size=64KiB", "storage.compression=none", "write_interval_secs=0.02",
            "net.io_threads=1", "storage.batch_rows=200"]


class Run:
    def __init__(self, directory, level, seed=1, large=False):
        self.directory, self.level = Path(directory), level
        self.made = sent.templates(seed, sizes=(1, 300), otap_size=20)
        if large:  # enough to be written past the page cache
            self.made.append(sent.Template(len(self.made), "logs", 8000, seed))
        self.faults = shim.Faults(self.directory / "control")
        self.settings = [*SETTINGS, *([f"ack={level}"] if level != "memory" else [])]
        self.past = None  # what an ended file holds
        self.refused_start = self.hits = self.runs = self.refusals = 0

    def prepare(self):
        """A directory in which start-up has all of its work to do: a file that
        is too old, one with a torn end and one without a beginning."""
        if self.past is None:
            first = self.directory / "first"
            book = sent.Book(self.made, 0)
            service = harness.Service(first, *SETTINGS)
            try:
                polite.Sender(service, book).send("grpc", book.new(signal="logs"))
                self.stop(service, True)
            finally:
                service.kill()
            self.past = service.files("logs")[0].read_bytes()
        out = self.directory / f"run{self.runs}"
        logs = out / "otlp" / "logs"
        logs.mkdir(parents=True)
        for number, size in enumerate((len(self.past), len(self.past) - 100, 100), 1):
            path = logs / f"otlp_logs_20200101_000000_{number:06}.arrow"
            path.write_bytes(self.past[:size])
            if number == 1:
                os.utime(path, (1_600_000_000, 1_600_000_000))
        return out

    def start(self, out):
        """The service, or None when it said why it cannot."""
        service = harness.Service.__new__(harness.Service)
        try:
            service.__init__(out, *self.settings,
                             environment=self.faults.environment("iofault", out))
        except AssertionError:
            code = service.process.returncode
            if code is None or code <= 0 or "Sanitizer" in service.output() or not service.lines:
                raise found.Wrong(f"start ended with {code}:\n{service.output()}") from None
            return None
        return service

    def load(self, service, book):
        sender = polite.Sender(service, book)
        try:
            for way in ("grpc", "http", "otap", "json", "flight"):
                for signal in ("traces", "metrics", "logs"):
                    if way in ("json", "flight") and signal != "logs":
                        continue
                    sender.send(way, book.new(signal=signal, otap=way == "otap"))
            sender.flush()
            if self.made[-1].items > 1000:
                request = book.new(signal="logs")
                request.template = self.made[-1]
                sender.send("grpc", request)
            for signal in ("traces", "metrics", "logs"):
                sender.send("grpc", book.new(signal=signal))
        finally:
            sender.close()
        self.refusals += sum(book.answers.values())

    def stop(self, service, sound):
        code = service.stop()
        if code < 0 or (sound and code != 0) or code > 1 or "Sanitizer" in service.output():
            raise found.Wrong(f"stop ended with {code}:\n{service.output()}")

    def once(self, mask, code, number, short=False):
        """One run in which call NUMBER fails.  False: there was no such call."""
        out = self.prepare()
        book = sent.Book(self.made, number, self.level)
        self.runs += 1
        self.faults.arm(mask, code, number, short=short)
        service = self.start(out)
        try:
            if service is not None:
                self.load(service, book)
                self.stop(service, False)
            hits = self.faults["hits"]
            self.faults.disarm()
            self.refused_start += service is None
            service = self.start(out)  # and now without a fault
            if service is None:
                raise found.Wrong("it does not start after the fault")
            sender = polite.Sender(service, book)
            sender.send("grpc", book.new(signal="logs"))
            sender.close()
            self.stop(service, True)
            found.check(book, out, book.acked(), once=False, plain=True)
        except AssertionError as error:
            text = service.output() if service else ""
            raise found.Wrong(f"call {number}: {error}\n{text}") from error
        finally:
            if service is not None:
                service.kill()
        shutil.rmtree(out)
        self.hits += hits
        return hits > 0


def run_class(directory, kind, code, level, numbers, seed=1, told=False):
    """Runs for each of NUMBERS until one is not reached; gives how many were."""
    run = Run(directory, level, seed, large=kind == "flags")
    short = code == "short"
    reached = 0
    for number in numbers:
        if not run.once(MASKS[kind], 0 if short else getattr(errno, code), number, short):
            break
        reached = number
    if told:
        print(f"{kind} {code} at {level}: N reached {reached}; {run.refusals} refusals to senders, "
              f"{run.refused_start} starts refused; wrong: 0", flush=True)
    return reached, run


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--class", dest="kind", choices=MASKS)
    parser.add_argument("--code")
    parser.add_argument("--level", choices=sent.LEVELS)
    parser.add_argument("--first", type=int, default=1)
    chosen = parser.parse_args()
    levels = [chosen.level] if chosen.level else ["memory", "fsync"]
    begin, total, runs = time.monotonic(), 0, 0
    for level in levels if kill9.has_levels() else ["memory"]:
        for kind in [chosen.kind] if chosen.kind else MASKS:
            for code in [chosen.code] if chosen.code else CODES[kind]:
                directory = tempfile.mkdtemp(prefix="oa-io-")
                try:
                    reached, run = run_class(directory, kind, code, level,
                                             range(chosen.first, 100_000), told=True)
                except AssertionError as error:
                    print(f"io_faults: WRONG, {kind} {code} at {level}: {error}\n"
                          f"kept: {directory}")
                    return 1
                total += run.hits
                runs += run.runs
                shutil.rmtree(directory)
    print(f"io_faults: {runs} runs, {total} calls failed, wrong: 0, "
          f"{time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
