# SPDX-License-Identifier: Apache-2.0
"""More than the service can take: what it then keeps up.

First as many senders as saturate it, for the peak; then three times as many and
more, of all signals and protocols, half of which come back at once although
they were told when to.  Memory stays below memory_limit and a constant, what is
stored stays near the peak, each refusal says when to come back, and a polite
sender beside all that gets its requests in.

    ./dev soak overload [--seconds N] [--limit MIB ...] [--disk BYTES_PER_S ...]
"""

import argparse
import http.client
import multiprocessing
import os
import random
import re
import sys
import tempfile
import time

import grpc

import sent  # noqa: F401  (finds the modules of the integration tests)
import harness
import otlpgen
import otlpjson
import oversize
import shim
from test_grpc_errors import retry_delay

LONGEST = 31  # seconds that anybody is told to stay away
SIZES = (1, 20, 200, 500)  # generated requests in one


def bodies(seed):
    """(protocol, signal, bytes) of requests of many sizes."""
    found = []
    for number, size in enumerate(SIZES):
        for signal in otlpgen.SIGNALS:
            whole = otlpgen.REQUEST_CLASS[signal]()
            for i in range(size):
                whole.MergeFrom(otlpgen.request(signal, seed + 1000 * number + i))
            raw = whole.SerializeToString()
            found += [("http", signal, raw), ("grpc", signal, raw)]
            if size <= 20:
                text = otlpjson.encode(whole)
                found.append(("json", signal, text if isinstance(text, bytes) else text.encode()))
    return found


class Sender:
    """One connection of each kind, and what it was told."""

    def __init__(self, ports, polite):
        self.ports, self.polite = ports, polite
        self.told = {"ok": 0, "refused": 0, "broken": 0, "bad": []}
        self.codes, self.times, self.delays = {}, [], []
        self.link, self.last = None, ""
        self.channel = grpc.insecure_channel(f"127.0.0.1:{ports[0]}",
                                             options=harness.CHANNEL_OPTIONS)

    def by_http(self, kind, signal, body):
        """Code and delay."""
        if self.link is None:
            self.link = http.client.HTTPConnection("127.0.0.1", self.ports[1], timeout=60)
        form = "application/json" if kind == "json" else "application/x-protobuf"
        try:
            self.link.request("POST", f"/v1/{signal}", body, {"content-type": form})
            answer = self.link.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.link.close()
            self.link = None
            raise
        delay = answer.getheader("retry-after")
        return answer.status, float(delay) if delay else None

    def by_grpc(self, signal, body):
        try:
            self.channel.unary_unary(harness.EXPORT_PATH[signal])(body, timeout=60)
            return 200, None
        except grpc.RpcError as error:
            self.last = error.details()
            return error.code().name, retry_delay(error)

    def send(self, request):
        kind, signal, body = request
        begin = time.monotonic()
        try:
            code, delay = (self.by_grpc(signal, body) if kind == "grpc"
                           else self.by_http(kind, signal, body))
        except (OSError, http.client.HTTPException):
            self.told["broken"] += 1
            return False
        self.codes[code] = self.codes.get(code, 0) + 1
        if code == 200:
            self.told["ok"] += 1
            self.times.append(time.monotonic() - begin)
            return True
        self.told["refused"] += 1
        self.delays.append(delay or 0)
        if code not in (503, "UNAVAILABLE") or not delay or delay > LONGEST:
            self.told["bad"].append((kind, signal, code, delay, self.last))
        elif self.polite:
            time.sleep(min(delay, 2))
        return False


def flood(ports, seconds, number, polite, out, ready):
    """A process of one sender."""
    sender = Sender(ports, polite)
    requests = bodies(7)
    ready.wait()
    choice = random.Random(number)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender.send(choice.choice(requests))
    out.put((sender.told, sender.codes, sender.delays))


def calm(ports, seconds, out, ready):
    """A good sender: one small request at a time, some a second."""
    sender = Sender(ports, True)
    raw = otlpgen.request("traces", 1).SerializeToString()
    ready.wait()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender.send(("http", "traces", raw))
        time.sleep(0.05)
    out.put((sender.told, sender.times))


def stored(service):
    """Bytes that were taken and items that are in files."""
    text = service.get("/metrics")[1]

    def total(name):
        return sum(float(v) for v in re.findall(rf"^{name}_total{{[^}}]*}} (\S+)", text, re.M))

    return total("otlp_arrow_stored_items")


class Crowd:
    """COUNT floods and one calm sender for SECONDS."""

    def __init__(self, service, count, seconds):
        context = multiprocessing.get_context("spawn")
        self.out, self.calm_out = context.Queue(), context.Queue()
        ready = context.Barrier(count + 2)
        self.workers = [context.Process(target=flood, args=(service.ports, seconds, i, i % 2 == 0,
                                                            self.out, ready), daemon=True)
                        for i in range(count)]
        self.calm = context.Process(target=calm, daemon=True,
                                    args=(service.ports, seconds, self.calm_out, ready))
        for worker in [*self.workers, self.calm]:
            worker.start()
        ready.wait(120)

    def join(self):
        told = [self.out.get(timeout=600) for _ in self.workers]
        calm = self.calm_out.get(timeout=600)
        for worker in [*self.workers, self.calm]:
            worker.join()
        return told, calm


def stage(service, count, seconds):
    """Items stored a second in the middle of the stage, and what was told."""
    crowd = Crowd(service, count, seconds)
    time.sleep(seconds * 0.25)  # until buffers are as full as they get
    before, begin = stored(service), time.monotonic()
    time.sleep(seconds * 0.6)
    rate = (stored(service) - before) / (time.monotonic() - begin)
    return rate, *crowd.join()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def run(directory, limit, seconds, disk=None, senders=3):
    """The figures of one configuration."""
    environment = {}
    if disk:
        environment = {"LD_PRELOAD": str(shim.build("slow_disk")),
                       "OA_SLOW_BYTES_PER_S": str(disk)}
    service = harness.Service(directory, f"memory_limit={limit}MiB", "write_interval_secs=1",
                              environment=environment)
    watch = oversize.Watch(service, every=0.1)
    try:
        peak, _, (_, quiet) = stage(service, senders, max(4, seconds / 4))
        rate, told, (good, times) = stage(service, 3 * senders + 1, seconds)
        most = watch.stop()
        codes, bad, delays = {}, [], []
        for one, found, waits in told:
            bad += one["bad"]
            delays += waits
            for code, count in found.items():
                codes[code] = codes.get(code, 0) + count
        assert service.alive(), service.output()
        oversize.polite(service, patience=60)
        assert service.stop(timeout=120) == 0, service.output()
    finally:
        watch.end.set()
        service.kill()
    return {"limit": limit, "disk": disk, "over_limit": most - limit, "peak": peak, "rate": rate,
            "codes": codes, "bad": bad + good["bad"], "good": good, "delays": delays,
            "broken": sum(one["broken"] for one, _, _ in told),
            "p50": (percentile(quiet, 0.5), percentile(times, 0.5)),
            "p99": (percentile(quiet, 0.99), percentile(times, 0.99))}


def line(f):
    waits = f["delays"] or [0]
    return (f"memory_limit {f['limit']} MiB, disk {f['disk'] or 'as it is'}: RSS at most limit "
            f"{f['over_limit']:+.1f} MiB; {f['rate']:.0f} items/s at 3x of {f['peak']:.0f} at "
            f"saturation ({f['rate'] / max(f['peak'], 1):.2f}); answers {f['codes']}, "
            f"{len(f['bad'])} refused without a delay or for another reason {f['bad'][:3] or ''}, "
            f"{f['broken']} broken; "
            f"delays {min(waits):.1f} to {max(waits):.1f} s; polite sender {f['good']['ok']} ok, "
            f"{f['good']['refused']} refused, p50 {f['p50'][0] * 1e3:.0f} -> "
            f"{f['p50'][1] * 1e3:.0f} ms, p99 {f['p99'][0] * 1e3:.0f} -> {f['p99'][1] * 1e3:.0f} ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--limit", type=int, action="append")
    parser.add_argument("--disk", type=int, action="append", help="bytes a second; 0 = as it is")
    parser.add_argument("--senders", type=int, default=4)
    options = parser.parse_args()
    failed = False
    for limit in options.limit or (64, 256):
        for disk in options.disk or (0, 4 << 20):
            with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
                found = run(directory, limit, options.seconds, disk, options.senders)
            print(line(found), flush=True)
            failed |= found["over_limit"] > oversize.SLACK or bool(found["bad"])
            failed |= found["rate"] < 0.9 * found["peak"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
