# SPDX-License-Identifier: Apache-2.0
"""`OA_BIN_DIR=build/tsan ./dev soak threads`: everything at once, under
ThreadSanitizer.

Every protocol and signal, at all levels of acknowledgment, over four I/O
threads, while files rotate and are merged, retention removes some, the
configuration is reloaded, health and metrics are asked for, data is flushed and
read back, and at last the service is stopped in the middle of it.
"""
import argparse
import itertools
import pathlib
import signal as signals
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import grpc  # noqa: E402
import harness  # noqa: E402
import otlpgen  # noqa: E402
import protocols  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.flight as flight  # noqa: E402

SETTINGS = ("net.io_threads=4", "storage.batch_rows=500",
            "storage.max_file_size=64KiB", "storage.max_file_age=1s",
            "storage.max_total_size=4MiB", "memory_limit=64MiB")
WAYS = ("protobuf over gRPC", "protobuf over HTTP", "JSON", "OTAP", "Flight of requests")
# What a client may meet when the service ends under it, or is full.
EXPECTED = (grpc.RpcError, flight.FlightError, pa.ArrowException, OSError, AssertionError,
            AttributeError, EOFError, ValueError)


class Crowd:
    """Threads that do one thing again and again until told to stop."""

    def __init__(self, service):
        self.service = service
        self.over = threading.Event()
        self.done, self.names = {}, set()
        self.threads = []

    def add(self, name, act):
        def run():
            while not self.over.is_set():
                try:
                    act()
                    self.done[name] = self.done.get(name, 0) + 1
                except EXPECTED:
                    time.sleep(0.05)

        self.names.add(name)
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def wait(self, seconds, most=100):
        """For SECONDS, and longer when something was not done once by then."""
        begin = time.monotonic()
        while (spent := time.monotonic() - begin) < seconds or \
                len(self.done) < len(self.names) and spent < most:
            time.sleep(0.1)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)


def sender(service, way, signal):
    requests = [otlpgen.request(signal, 40 + i).SerializeToString() for i in range(20)]
    return lambda: protocols.WAYS_IN[way][0](service, signal, requests)


def raised(service, level):
    call = service.stub("traces")
    raw = otlpgen.request("traces", 9).SerializeToString()
    return lambda: call(raw, metadata=[("otlp-arrow-ack", level)], timeout=20)


def reader(service):
    def read():
        with flight.connect(f"grpc://127.0.0.1:{service.ports[0]}") as client:
            protocols.flush(client)
            info = client.get_flight_info(flight.FlightDescriptor.for_path("logs"))
            for endpoint in info.endpoints[:3]:
                client.do_get(endpoint.ticket).read_all()

    return read


def reload(service, config):
    turn = itertools.count()

    def act():
        config.write_text(f"write_interval_secs: {100 + next(turn) % 7}ms\n")
        service.process.send_signal(signals.SIGHUP)
        time.sleep(0.2)

    return act


def run(directory, seconds):
    """What was done how often, and what ThreadSanitizer and the exit said."""
    config = pathlib.Path(directory) / "service.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("write_interval_secs: 100ms\n")
    service = harness.Service(pathlib.Path(directory) / "out", *SETTINGS,
                              arguments=("--config", config),
                              # gcc's ThreadSanitizer cannot cope with much randomization.
                              prefix=("setarch", "-R"))
    crowd = Crowd(service)
    try:
        for way in WAYS:
            for signal in otlpgen.REQUEST_CLASS:
                crowd.add(way, sender(service, way, signal))
        for level in ("write", "fsync"):
            crowd.add(level, raised(service, level))
        crowd.add("read", reader(service))
        crowd.add("reload", reload(service, config))
        crowd.add("metrics", lambda: service.get("/metrics"))
        crowd.add("readyz", lambda: service.get("/readyz"))
        crowd.wait(seconds)
        status = service.stop(timeout=60)
        crowd.end()
    finally:
        service.kill()
    return crowd.done, status, service.output()


def main():
    parser = argparse.ArgumentParser(prog="./dev soak threads",
                                     description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        done, status, output = run(directory, options.seconds)
    for name, count in done.items():
        print(f"{name:20} {count:,}")
    reports = output.count("WARNING: ThreadSanitizer")
    print(f"exit {status}, {reports} reports of ThreadSanitizer")
    if reports or status != 0:
        print(output[:20000])
        return 1
    instrumented = subprocess.run(["nm", "-D", harness.SERVICE], capture_output=True,
                                  text=True, check=False).stdout
    if "__tsan_" not in instrumented:
        print("but this build is not one for ThreadSanitizer: OA_BIN_DIR=build/tsan")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
