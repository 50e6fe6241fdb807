# SPDX-License-Identifier: Apache-2.0
"""The Nth allocation fails, for N = 1, 2, ... until nothing asks an Nth time.

    ./dev soak alloc_faults [--level memory] [--step 1]

First while the service starts: it says why it cannot, or goes on.  Then while
it serves: one request of each signal over gRPC, HTTP, JSON, OTAP and Flight, in
each of which the Nth allocation fails, whoever asks for it, our code or a
library.  A sender hears OK or is told to come back, then it is taken, and all
that was acknowledged is in the files.  Before, a crowd
connects while every allocation of libuv, which would end the process without
memory, fails.  OA_BIN_DIR=build/asan looks for leaks and bad memory at the same
time.
"""

import argparse
import resource
import shutil
import socket
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

SETTINGS = ["storage.compression=none", "net.io_threads=1", "write_interval_secs=0.01"]
WAYS = ("grpc", "http", "json", "otap", "flight")


class Run:
    def __init__(self, directory, level="memory", seed=1):
        self.directory = Path(directory)
        self.faults = shim.Faults(self.directory / "control")
        self.environment = self.faults.environment("allocfault")
        self.environment["OA_FAULT_PROGRAM"] = harness.SERVICE.name
        self.environment["ASAN_OPTIONS"] += ":allocator_may_return_null=1"
        self.settings = [*SETTINGS, *([f"ack={level}"] if level != "memory" else [])]
        self.book = sent.Book(sent.templates(seed, sizes=(3,), otap_size=3), seed, level)
        self.starts = self.refused = self.reached = 0

    def judge(self, service, code, expected):
        text = service.output()
        if code not in expected or "Sanitizer" in text or "runtime error" in text:
            raise found.Wrong(f"ended with {code}:\n{text}")

    def start_once(self, number):
        """Start-up in which allocation NUMBER fails.  False: there was none."""
        service = harness.Service.__new__(harness.Service)
        # libuv calls abort() when its first table of descriptors cannot grow:
        # nothing that its callers can help.
        environment = self.environment | {"OA_FAULT_SPARED": "/libuv"}
        self.faults.arm(0, 0, number)
        self.starts += 1
        try:
            service.__init__(self.directory / "start", *self.settings,
                             environment=environment)
            hits = self.faults["hits"]
            self.faults.disarm()
            self.judge(service, service.stop(), (0,))
        except found.Wrong:
            raise
        except AssertionError:
            self.faults.disarm()
            hits = self.faults["hits"]
            self.judge(service, service.process.returncode, (1, 2))
            if not service.lines:
                raise found.Wrong("it ended without a word") from None
            self.refused += 1
        finally:
            if hasattr(service, "process"):
                service.kill()
        return hits > 0

    def starting(self, numbers):
        """Gives how many N were reached."""
        for number in numbers:
            try:
                if not self.start_once(number):
                    break
            except found.Wrong as error:
                raise found.Wrong(f"start, allocation {number}: {error}") from error
            self.reached += 1
        return self.reached

    def serving(self, numbers, ways=WAYS):
        """One service; gives {(way, signal): how many N were reached}."""
        out = self.directory / "serve"
        service = harness.Service(out, *self.settings, environment=self.environment)
        counts = {}
        sender = polite.Sender(service, self.book, strict=False)
        try:
            for way in ways:
                for signal in ("traces", "metrics", "logs"):
                    counts[way, signal] = self.one_way(service, sender, way, signal, numbers)
            sender.flush()
            sender.close()
            self.judge(service, service.stop(), (0,))
        except AssertionError as error:
            raise found.Wrong(f"{error}\n{service.output()}") from error
        finally:
            sender.close()
            service.kill()
        found.check(self.book, out, self.book.acked(), once=False, plain=True)
        return counts

    def one_way(self, service, sender, way, signal, numbers):
        sender.send(way, self.book.new(signal=signal, otap=way == "otap"))  # once in peace
        misses = count = 0
        for number in numbers:
            request = self.book.new(signal=signal, otap=way == "otap")
            self.faults.arm(0, 0, number)
            try:
                taken = sender.once(way, request)
                time.sleep(0.012 if number % 8 == 0 else 0)  # for the writer's part
            except AssertionError as error:
                raise found.Wrong(f"{way} {signal}, allocation {number}: {error}") from error
            hit = self.faults["hits"] > 0
            self.faults.disarm()
            if not service.alive():
                raise found.Wrong(f"{way} {signal}, allocation {number}: the service is gone")
            if not taken:
                self.refused += 1
                sender.send(way, request)
            count += hit
            # What a request asks for differs from time to time.
            misses = 0 if hit else misses + 1
            if misses > 5:
                break
        return count


    def crowd(self, count):
        """COUNT connections while libuv has no memory; gives how many of its
        allocations failed."""
        environment = self.environment | {"OA_FAULT_ONLY": "/libuv"}
        service = harness.Service(self.directory / "crowd", *self.settings,
                                  environment=environment)
        peers = []
        try:
            self.faults.arm(0, 0, 1, 1 << 62)
            for _ in range(count):
                peers.append(socket.create_connection(("127.0.0.1", service.port), timeout=20))
            for peer in peers[::100]:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
                if not peer.recv(100).startswith(b"HTTP/1.1 "):
                    raise found.Wrong("a connection of the crowd was not served")
            self.faults.disarm()
            self.judge(service, service.stop(), (0,))
        except (AssertionError, OSError) as error:
            raise found.Wrong(f"a crowd: {error}\n{service.output()}") from error
        finally:
            service.kill()
            for peer in peers:
                peer.close()
        return self.faults["hits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--level", choices=sent.LEVELS)
    parser.add_argument("--step", type=int, default=1, help="every so manyth N only")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", choices=("start", "serve", "crowd"))
    parser.add_argument("--crowd", type=int, default=4000, help="connections at once")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    numbers = range(chosen.first, 1_000_000, chosen.step)
    levels = [chosen.level] if chosen.level else sent.LEVELS if kill9.has_levels() else ["memory"]
    for level in levels:
        directory = tempfile.mkdtemp(prefix="oa-alloc-")
        begin = time.monotonic()
        try:
            run = Run(directory, level)
            if chosen.only in (None, "start"):
                print(f"alloc_faults: start at {level}: N reached {run.starting(numbers)}, "
                      f"{run.refused} starts refused; wrong: 0", flush=True)
            if chosen.only in (None, "crowd"):
                hits = run.crowd(chosen.crowd)
                print(f"alloc_faults: {chosen.crowd} connections at {level}: {hits} allocations "
                      f"of libuv failed", flush=True)
            if chosen.only in (None, "serve"):
                counts = run.serving(numbers)
                for (way, signal), count in counts.items():
                    print(f"alloc_faults: {way} {signal} at {level}: {count} allocations failed")
        except AssertionError as error:
            print(f"alloc_faults: WRONG at {level}: {error}\nkept: {directory}")
            return 1
        shutil.rmtree(directory)
        print(f"alloc_faults at {level}: {run.reached} starts, {run.refused} refusals, "
              f"wrong: 0, {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
