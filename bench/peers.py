# SPDX-License-Identifier: Apache-2.0
"""The other programs of the comparison: built once into build/peers/, run
with their defaults except for what a line below gives a reason for."""
import os
import pathlib
import shutil
import signal
import subprocess

from process import BenchError, Server, free_port
from targets import Target
from verify import count_arrow, count_collector, disk_bytes

COLLECTOR_VERSION = "v0.161.0"
PREDECESSOR_VERSION = "0.6.4"
BENCH = pathlib.Path(__file__).resolve().parent


def run_step(command, why, **options):
    """One step of a build; builds yield to whatever else is running."""
    if shutil.which(command[0]) is None and not pathlib.Path(
            command[0]).exists():
        raise BenchError(f"{command[0]} is not installed: needed to {why}")
    done = subprocess.run(["nice", "-n", "19", *map(str, command)],
                          capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise BenchError(f"could not {why}:\n{done.stderr[-3000:]}")


def build_collector(folder):
    program = folder / "otelcol-bench" / "otelcol-bench"
    if not program.exists():
        env = {**os.environ, "GOBIN": str(folder / "bin")}
        run_step(["go", "install", "go.opentelemetry.io/collector/cmd/builder@"
                  + COLLECTOR_VERSION], "fetch the Collector's builder",
                 env=env)
        run_step([folder / "bin" / "builder", "--config",
                  BENCH / "peers" / "collector-builder.yaml"],
                 "build the Collector", cwd=folder)
    return program


def build_predecessor(folder):
    program = folder / "rust" / "bin" / "otlp-arrow-service"
    if not program.exists():
        run_step(["cargo", "install", "otlp-arrow-library", "--version",
                  PREDECESSOR_VERSION, "--root", folder / "rust",
                  "--target-dir", folder / "rust-target"],
                 "build the predecessor", cwd=folder)
    return program


class Collector(Target):
    """OTLP/gRPC receiver -> file exporter (protobuf) or -> nop."""
    name = "Collector"
    EXPORTERS = {"none": "file/plain", "zstd": "file/zstd", "nop": "nop"}

    def __init__(self, form, program):
        self.form = form
        self.stores = form != "nop"
        self.program = program

    def start(self, folder):
        port = free_port()
        server = Server(
            [self.program, "--config", BENCH / "peers" / "collector.yaml"],
            f"{folder}/log",
            env={"BENCH_PORT": str(port), "BENCH_FILE": f"{folder}/file.bin",
                 "BENCH_EXPORTER": self.EXPORTERS[self.form]})
        server.wait_for_port(port)
        return server, port

    def stored(self, folder, kind, base_ns):
        return count_collector(f"{folder}/file.bin", kind, base_ns,
                               self.form == "zstd")

    def disk(self, folder):
        return pathlib.Path(f"{folder}/file.bin").stat().st_size


class Predecessor(Target):
    """The Rust service.  It listens on every address, hence the network
    namespace; it knows SIGINT alone; its buffers are set to the largest that
    it allows, for it refuses for good when they are full."""
    name = "predecessor"
    form = "none"
    signals = ("traces", "metrics")
    whole_times = False
    requests_at_most = 512

    def __init__(self, program):
        self.program = program

    def start(self, folder):
        port, flight = free_port(), free_port()
        server = Server(
            [self.program], f"{folder}/log", private_net=True,
            stop_signal=signal.SIGINT,
            env={"OTLP_OUTPUT_DIR": f"{folder}/data",
                 "OTLP_WRITE_INTERVAL_SECS": "1",
                 "OTLP_MAX_TRACE_BUFFER_SIZE": "1000000",
                 "OTLP_MAX_METRIC_BUFFER_SIZE": "1000000",
                 "OTLP_PROTOBUF_PORT": str(port),
                 "OTLP_ARROW_FLIGHT_PORT": str(flight),
                 "OTLP_DASHBOARD_ENABLED": "false"})
        server.wait_for_port(port)
        return server, port

    def stored(self, folder, kind, base_ns):
        return count_arrow(f"{folder}/data", kind)

    def disk(self, folder):
        return disk_bytes(f"{folder}/data")


def all_peers(folder):
    """Builds what is missing; a peer that cannot be built is left out with a
    word about why."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    peers = []
    for build, make in (
            (build_collector, lambda p: [Collector(form, p) for form in
                                         Collector.EXPORTERS]),
            (build_predecessor, lambda p: [Predecessor(p)])):
        try:
            peers += make(build(folder))
        except BenchError as error:
            print(f"bench: left out: {error}", flush=True)
    return peers
