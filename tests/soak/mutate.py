#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hundreds of thousands of requests with faults in them, and a good client
beside.

For each protocol (OTLP over gRPC, OTLP/HTTP with protobuf, OTLP/HTTP with JSON,
OTAP, Arrow Flight) COUNT mutants of whole requests are sent, and besides every
fixture without each of its bytes and with each of its bytes changed.  Each must
be answered with a code that is documented for its protocol and kind of fault,
and connections must live on where only a body was bad.  Meanwhile a good client
sends 20 requests a second; each must succeed and be stored exactly once.  In
the end the counters add up, every file can be read by pyarrow, memory has
stayed bounded, and the sanitizers have nothing to say.

    OA_BIN_DIR=build/asan ./dev soak mutate --count 100000
"""

import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import grpc  # noqa: E402
import pyarrow as pa  # noqa: E402

import harness  # noqa: E402
import otlpgen  # noqa: E402
import rawtalk  # noqa: E402
from mutate_cases import BATCH, FRAMED, HEAD, HEAD_GRPC, OK, PROTOCOLS  # noqa: E402
import wire  # noqa: E402

BESIDE_RATE = 20
# Of a sanitized process: what it may have more at the end than when a third of
# the work was done.
RSS_GROWTH_KB = 192 << 10


# --- what comes back ---

def batch_codes(data):
    """The codes of the BatchStatus messages in the body of an answer."""
    codes, at = [], 0
    while at + 5 <= len(data):
        size = int.from_bytes(data[at + 1:at + 5], "big")
        code = 0
        for field in wire.split(data[at + 5:at + 5 + size]):
            if field[0] >> 3 == 2:
                code = wire.read_varint(field, 1)[0]
        codes.append(code)
        at += 5 + size
    return codes


class Judge:
    """Counts answers, and keeps those that are none of the documented ones."""

    def __init__(self):
        self.told = Counter()
        self.wrong = []

    def expect(self, case, right, what, more=""):
        self.told[what] += 1
        if not right and len(self.wrong) < 20:
            self.wrong.append(f"{what} {more} to a {case.way} of {len(case.body)} bytes: "
                              f"{case.body.hex()}")

    def http2(self, stream):
        case, fields = stream.case, stream.fields
        if stream.reset is not None:
            self.expect(case, False, f"reset {stream.reset}")
        elif case.way == "http2":
            code = int(fields[":status"])
            self.expect(case, code in case.allowed, code)
        elif fields.get(":status") != "200" or "grpc-status" not in fields:
            self.expect(case, False, str(fields))
        else:
            code = int(fields["grpc-status"])
            right = code in case.allowed
            if case.way == "otap":
                codes = batch_codes(stream.data)
                right = right and set(codes) <= BATCH and len(codes) <= case.parts
                right = right and codes[:case.good] == [OK] * case.good
                right = right and (code != OK or len(codes) == case.parts or case.allowed is FRAMED)
                code = f"batch {codes[-1]}" if codes else f"stream {code}"
            self.expect(case, right, code, (fields, stream.data))

    def http1(self, case, status, _):
        self.expect(case, status in case.allowed, status)

    def raw(self, case, answer):
        found = rawtalk.statuses(answer)
        grpc_codes = {what[1] for what in found or () if isinstance(what, tuple)}
        codes = {what for what in found or () if not isinstance(what, tuple)}
        right = (found is not None and codes <= HEAD and grpc_codes <= HEAD_GRPC)
        self.expect(case, right, "a connection of its own")


class Lines:
    """The connections to one port."""

    def __init__(self, service, port, judge):
        self.port = service.ports[port]
        self.judge = judge
        self.http2 = rawtalk.Http2(self.port, judge.http2)
        self.http1 = rawtalk.Http1(self.port, judge.http1)

    def send(self, case):
        if case.way == "raw":
            self.judge.raw(case, rawtalk.visit(self.port, case.body))
        elif case.way == "http1":
            self.http1.send(case.head, case.body, case)
        else:
            self.http2.send(case.head, case.body, case)

    def finish(self):
        self.http2.finish()
        self.http1.finish()

    def close(self):
        self.http2.close()
        self.http1.close()


# --- the good client ---

class Beside:
    """Sends one good log record after the other at a steady rate."""

    def __init__(self, service):
        self.call = service.stub("logs")
        self.sent = []
        self.seconds = []
        self.failures = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        due = time.monotonic()
        while not self.over.wait(max(0, due - time.monotonic())):
            due += 1 / BESIDE_RATE
            name = f"beside-{len(self.sent)}"
            request = otlpgen.REQUEST_CLASS["logs"]()
            request.resource_logs.add().scope_logs.add().log_records.add(event_name=name)
            began = time.monotonic()
            try:
                self.call(request.SerializeToString(), timeout=30)
            except grpc.RpcError as error:
                self.failures.append(f"{name}: {error.code()} {error.details()}")
            self.sent.append(name)
            self.seconds.append(time.monotonic() - began)

    def end(self):
        self.over.set()
        self.thread.join(60)
        assert not self.failures, self.failures[:5]
        return Counter(self.sent)

    def quantile(self, part):
        ordered = sorted(self.seconds)
        return ordered[int(part * (len(ordered) - 1))] if ordered else 0


# --- the run ---

SAMPLE = re.compile(r'(otlp_arrow_\w+)\{signal="(\w+)"\} ([0-9.e+]+)$')


def counters(service):
    """{(name, signal): value} of /metrics."""
    found = Counter()
    for line in service.get("/metrics")[1].splitlines():
        if match := SAMPLE.match(line):
            found[match.group(1), match.group(2)] += float(match.group(3))
    return found


def buffered(service):
    now = counters(service)
    return sum(now["otlp_arrow_buffered_items", signal] for signal in otlpgen.SIGNALS)


def stored(directory):
    """Rows of each signal and the good client's names, read by pyarrow."""
    rows, names = Counter(), Counter()
    for signal in otlpgen.SIGNALS:
        for path in harness.files_of(directory, signal):
            with pa.ipc.open_stream(pa.memory_map(str(path))) as reader:
                for batch in reader:
                    batch.validate(full=True)
                    rows[signal] += batch.num_rows
                    if signal == "logs":
                        found = batch.column(batch.schema.get_field_index("event_name"))
                        names.update(name for name in found.to_pylist()
                                     if name is not None and name.startswith("beside-"))
    return rows, names


class Siege:
    """One service with a good client, to which protocols are sent in turn."""

    def __init__(self, directory, say=print):
        options = os.environ.get("ASAN_OPTIONS", "")
        os.environ["ASAN_OPTIONS"] = f"quarantine_size_mb=16:detect_leaks=1:{options}"
        self.service = harness.Service(directory, "net.io_threads=1",
                                       "write_interval_secs=1s", "memory_limit=1GiB",
                                       "storage.max_file_size=64MiB")
        self.beside = Beside(self.service)
        self.say = say
        self.memory = []
        self.table = []

    def run(self, protocol, count, seed, step=1):
        """COUNT mutants and every STEPth byte of the fixtures."""
        rng, judge, began = random.Random(seed), Judge(), time.monotonic()
        lines = Lines(self.service, protocol.port, judge)
        sent, said = Counter(), began

        def send_all(kind, cases):
            nonlocal said
            for case in cases:
                lines.send(case)
                sent[kind] += 1
                if sent[kind] % 1000 == 0:
                    self.memory.append(self.service.memory())
                    assert not judge.wrong, judge.wrong[0]
                if time.monotonic() - said > 10:
                    said = time.monotonic()
                    self.say(f"{protocol.name}: {sum(sent.values())} sent, "
                             f"{self.service.memory() >> 10} MiB, "
                             f"{sent[kind] / (said - began):.0f}/s")
            lines.finish()

        made = protocol(seed)
        try:
            send_all("bytes", made.whole(rng, step))
            send_all("mutants", (made.mutant(rng) for _ in range(count)))
        except rawtalk.Broken as error:
            raise AssertionError(f"{protocol.name}: {error}; {judge.wrong[:1]}\n"
                                 + self.service.output()[-3000:]) from error
        finally:
            lines.close()
        assert not judge.wrong, judge.wrong[0]
        assert sum(judge.told.values()) == sum(sent.values()), (judge.told, sent)
        self.table.append((protocol.name, sent["mutants"], sent["bytes"],
                           time.monotonic() - began, judge.told))
        self.say(self.table[-1])

    def end(self):
        """Stops everything and gives the sums of the counters."""
        names = self.beside.end()
        harness.wait_until(lambda: buffered(self.service) == 0, 60, "an empty buffer")
        told = counters(self.service)
        assert self.service.stop(timeout=120) == 0, self.service.output()[-5000:]
        text = self.service.output()
        assert "Sanitizer" not in text and "runtime error" not in text, text[-5000:]
        rows, found = stored(self.service.directory)
        assert found == names, (len(found), len(names), list((names - found).items())[:3])
        sums = Counter()
        for signal in otlpgen.SIGNALS:
            kept, refused, lost, came = (
                told[f"otlp_arrow_{what}_items_total", signal]
                for what in ("stored", "rejected", "given_up", "received"))
            assert lost == 0 and came == kept + refused, (signal, told)
            # An item is a row, and a metric without points is one without items.
            assert rows[signal] == kept or (signal == "metrics" and rows[signal] > kept), (
                signal, rows, kept)
            sums.update(received=came, stored=kept, rejected=refused)
        return sums, rows

    def kill(self):
        self.beside.over.set()
        self.service.kill()

    def check_memory(self):
        third = self.memory[:max(1, len(self.memory) // 3)]
        assert max(self.memory) - max(third) < RSS_GROWTH_KB, (max(third), max(self.memory))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100000, help="mutants of each protocol")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", type=int, default=1, help="each so-manyth byte of the fixtures")
    parser.add_argument("--protocols", default=",".join(PROTOCOLS))
    options = parser.parse_args()

    def say(what):
        print(what, flush=True)

    with tempfile.TemporaryDirectory(prefix="oa_mutate_") as directory:
        siege = Siege(Path(directory) / "out", say)
        try:
            for name in options.protocols.split(","):
                siege.run(PROTOCOLS[name], options.count, options.seed, options.step)
            rest, rows = siege.end()
        finally:
            siege.kill()
        siege.check_memory()
    for name, mutated, whole, seconds, told in siege.table:
        codes = ", ".join(f"{code}: {number}" for code, number in told.most_common())
        say(f"| {name} | {mutated} | {whole} | {seconds:.0f} s | {codes} |")
    say(json.dumps({"rows": dict(rows), **rest,
                    "good": len(siege.beside.sent),
                    "good_p99_ms": round(1000 * siege.beside.quantile(0.99), 1),
                    "rss_mib": [min(siege.memory) >> 10, max(siege.memory) >> 10],
                    "asan": b"__asan_init" in harness.SERVICE.read_bytes()}))


if __name__ == "__main__":
    main()
