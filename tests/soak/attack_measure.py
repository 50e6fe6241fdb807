# SPDX-License-Identifier: Apache-2.0
"""What an attack costs: the service's CPU and memory, and how long a good
client beside it waits.

The good client is a process of its own, so that the attacker's interpreter does
not slow it down.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import grpc  # noqa: E402

import harness  # noqa: E402
import otlpgen  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def spans(count=100):
    """A plain request: COUNT spans with a few attributes, some 20 KB."""
    request = otlpgen.REQUEST_CLASS["traces"]()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(count):
        span = scope.spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name=f"work {i % 7}",
                               start_time_unix_nano=time.time_ns() - 1000,
                               end_time_unix_nano=time.time_ns())
        for key in ("http.route", "peer.service", "user.id", "region"):
            span.attributes.add(key=key).value.string_value = f"value {i % 11} of {key}"
    return request.SerializeToString()


def be_good(target, rate, certificate=None):
    """Sends until standard input ends, then prints what it saw."""
    body = spans()
    if certificate:
        credentials = grpc.ssl_channel_credentials(Path(certificate).read_bytes())
        channel = grpc.secure_channel(target, credentials, options=harness.CHANNEL_OPTIONS)
    else:
        channel = grpc.insecure_channel(target, options=harness.CHANNEL_OPTIONS)
    call = channel.unary_unary(harness.EXPORT_PATH["traces"])
    took, failed, codes = [], 0, {}
    due = time.monotonic()
    for _ in range(10):
        call(body, timeout=30)
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        due = max(due + 1 / rate, time.monotonic())
        began = time.perf_counter()
        try:
            call(body, timeout=30)
            took.append(time.perf_counter() - began)
        except grpc.RpcError as error:
            failed += 1
            codes[error.code().name] = codes.get(error.code().name, 0) + 1
    print(json.dumps({"took": took, "failed": failed, "codes": codes}), flush=True)


class Good:
    """A good client from its construction to end()."""

    def __init__(self, service, rate, certificate=None):
        command = [*harness.DIE_WITH_PARENT, sys.executable, str(HERE / "attack_measure.py"),
                   service.target.replace("127.0.0.1", "localhost") if certificate
                   else service.target, str(rate), *([str(certificate)] if certificate else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        assert self.process.stdout.readline() == "ready\n"

    def end(self):
        out, _ = self.process.communicate("\n", timeout=60)
        seen = json.loads(out)
        seen["took"].sort()
        return seen


def quantile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))] * 1000 if values else float("nan")


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Meter:
    """CPU and memory of SERVICE while the block runs."""

    def __init__(self, service):
        self.service = service
        self.peak = 0
        self.stopping = threading.Event()

    def watch(self):
        while not self.stopping.wait(0.05):
            self.peak = max(self.peak, self.service.memory())

    def __enter__(self):
        self.before = self.peak = self.service.memory()
        self.cpu = cpu_seconds(self.service.pid)
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began
        self.cpu = cpu_seconds(self.service.pid) - self.cpu
        self.stopping.set()
        self.thread.join()
        self.peak = max(self.peak, self.service.memory())


if __name__ == "__main__":
    be_good(sys.argv[1], float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
