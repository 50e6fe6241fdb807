# SPDX-License-Identifier: Apache-2.0
"""What is measured: our service in its forms, and the floor under everybody.

A target starts a server that writes below a folder and says afterwards what
is stored there.  bench/peers.py has the other programs.
"""
import os
import pathlib
import signal

from process import Server, free_port
from verify import count_arrow, disk_bytes

READY = r"ready: OTLP/gRPC.*? on 127\.0\.0\.1:(\d+)"


class Target:
    """Name, form and what is special about a server; see Ours."""
    form = "-"
    signals = ("traces", "metrics", "logs")
    any_status = False  # it is no OTLP receiver: any answer will do
    stores = True
    whole_times = True  # times are stored as they were sent
    requests_at_most = None

    @property
    def title(self):
        return f"{self.name} {self.form}" if self.form != "-" else self.name


class Ours(Target):
    name = "otlp-arrow"

    def __init__(self, form, extra=()):
        self.form = form
        self.extra = list(extra)
        self.program = (pathlib.Path(os.environ.get("OA_BIN_DIR",
                                                    "build/release"))
                        / "otlp-arrow-service")

    def start(self, folder):
        command = [self.program]
        settings = [f"output_dir={folder}/data", "protocols.protobuf_port=0",
                    "protocols.arrow_flight_port=0", "dashboard.port=0",
                    *self.extra]
        if self.form != "default":
            settings.append(f"storage.compression={self.form}")
        for setting in settings:
            command += ["--set", setting]
        server = Server(command, f"{folder}/log")
        return server, int(server.wait_for_line(READY)[1])

    def stored(self, folder, kind, base_ns):
        return count_arrow(f"{folder}/data", kind, base_ns)

    def disk(self, folder):
        return disk_bytes(f"{folder}/data")


class Floor(Target):
    """nghttpd takes the body and throws it away: what HTTP/2 alone costs
    with the library that we use.  Its windows are opened wide."""
    name = "nghttpd"
    any_status = True
    stores = False

    def start(self, folder):
        port = free_port()
        server = Server(["nghttpd", "--no-tls", "-a", "127.0.0.1", "-w", "24",
                         "-W", "24", "-d", folder, port], f"{folder}/log",
                        stop_signal=signal.SIGTERM)
        server.wait_for_port(port)
        return server, port
