# SPDX-License-Identifier: Apache-2.0
"""Starts the built programs, talks to them, and stops them again.

Ports are always chosen by the system and read from the start-up line.
"""

import contextlib
import os
import random
import re
import shutil
import signal as signals
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc

import otlpgen

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("OA_BIN_DIR", ROOT / "build" / "release")).resolve()
SERVICE = BIN / "otlp-arrow-service"
TOOL = BIN / "otlp-arrow"

EXPORT_PATH = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

# A service does not outlive a test run that crashes.
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []

# Message sizes are the server's to judge, not the client library's.
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


def clean_environment(extra=None):
    """The environment without settings of the service or of an SDK."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTLP_", "OTEL_"))}
    environment.update(extra or {})
    return environment


def run_service(*arguments, environment=None, cwd=None, timeout=20):
    """Runs the service to its end, for calls that do not start serving."""
    return subprocess.run([SERVICE, *map(str, arguments)], capture_output=True, text=True,
                          env=clean_environment(environment), cwd=cwd, timeout=timeout)


def run_tool(*arguments, timeout=120, text=True, cwd=None):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=text,
                          env=clean_environment(), cwd=cwd, timeout=timeout)


class Service:
    """One running otlp-arrow-service and its files."""

    def __init__(self, directory, *settings, arguments=(), environment=None, prefix=(),
                 pass_fds=()):
        self.directory = Path(directory)
        chosen = {"output_dir": str(directory), "protocols.protobuf_port": "0",
                  "protocols.arrow_flight_port": "0", "dashboard.port": "0"}
        for setting in settings:
            key, _, value = setting.partition("=")
            chosen[key] = value
        command = [*DIE_WITH_PARENT, *prefix, str(SERVICE), *arguments]
        for key, value in chosen.items():
            if value != "-":  # "-" leaves the setting out
                command += ["--set", f"{key}={value}"]
        self.lines = []
        self.ports = []
        self.http = None
        self.channels = []
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, env=clean_environment(environment),
                                        pass_fds=pass_fds)
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.ready.wait(20) or self.http is None:
            self.kill()
            raise AssertionError("the service did not come up:\n" + self.output())

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if not self.ready.is_set() and "ready" in line and "http://" in line:
                self._parse(line)
                self.ready.set()
        self.ready.set()

    def _parse(self, line):
        found = re.findall(r"(http://)?((?:\d+\.){3}\d+|\[[0-9a-f:]+\]|localhost):(\d+)", line)
        self.ports = [int(port) for http, _, port in found if not http]
        web = [int(port) for http, _, port in found if http]
        self.http = f"http://127.0.0.1:{web[0]}" if web else None

    def output(self):
        return "\n".join(self.lines)

    @property
    def pid(self):
        return self.process.pid

    @property
    def port(self):
        return self.ports[0]

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def channel(self, index=0, **options):
        channel = grpc.insecure_channel(f"127.0.0.1:{self.ports[index]}",
                                        options=CHANNEL_OPTIONS, **options)
        self.channels.append(channel)
        return channel

    def stub(self, signal, channel=None):
        """A callable that sends raw bytes and gives raw bytes."""
        return (channel or self.channel()).unary_unary(EXPORT_PATH[signal])

    def send(self, signal, requests, in_flight=32, channel=None, timeout=60):
        """Sends raw requests on one connection; gives the responses in order.
        A call that failed gives its grpc.RpcError."""
        call = self.stub(signal, channel)
        slots = threading.Semaphore(in_flight)
        futures = []
        for raw in requests:
            slots.acquire()
            future = call.future(raw, timeout=timeout)
            future.add_done_callback(lambda _: slots.release())
            futures.append(future)
        results = []
        for future in futures:
            error = future.exception()
            if error is None:
                results.append(otlpgen.RESPONSE_CLASS[signal].FromString(future.result()))
            else:
                results.append(error)
        return results

    def get(self, path):
        """Status and text of an HTTP GET on the operations port."""
        try:
            with urllib.request.urlopen(self.http + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def memory(self, key="VmRSS"):
        """Resident kilobytes now (VmRSS) or at most (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+)", status).group(1))

    def alive(self):
        return self.process.poll() is None

    def stop(self, number=signals.SIGTERM, timeout=30):
        """Asks the service to end and gives its exit code."""
        self._close_channels()
        if self.alive():
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.reader.join(5)
        return code

    def kill(self):
        """As kill -9 does."""
        self._close_channels()
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.reader.join(5)

    def _close_channels(self):
        for channel in self.channels:
            channel.close()
        self.channels.clear()

    def files(self, signal):
        return files_of(self.directory, signal)


def files_of(directory, signal):
    return sorted((Path(directory) / "otlp" / signal).glob("*.arrow"))


def frames(data):
    """Splits what convert --to otlp-proto wrote."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        at += 4
        assert at + size <= len(data), "the last frame is cut short"
        yield data[at:at + size]
        at += size


def stored_requests(directory, signal):
    """The requests in the files, as the tool gives them back."""
    source = Path(directory) / "otlp" / signal
    if not files_of(directory, signal):
        return []
    target = Path(directory) / f"{signal}.otlp"
    done = run_tool("convert", source, "--to", "otlp-proto", "-o", target)
    assert done.returncode == 0, done.stderr
    return list(frames(target.read_bytes()))


def free_port():
    """A port for a program that cannot be told to take any.  It is below those that
    the system gives away by itself: nobody gets it before that program does."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, max(first, 20_000))
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition, seconds=20, what="the condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about within {seconds} s")
