# SPDX-License-Identifier: Apache-2.0
"""A server under measurement: started on its core, watched, stopped, and its
whole CPU time taken from the kernel when it has ended, so that the final
flush counts."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

SERVER_CORE = 0
LOAD_CORE = 1
START_SECONDS = 20
STOP_SECONDS = 120


class BenchError(Exception):
    """Something that makes a measurement void; the text says what to do."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def on_core(core, command):
    """COMMAND pinned to CORE, where there is a second core at all."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return list(command)
    return ["taskset", "-c", str(usable[core]), *map(str, command)]


def proc_status(pid, field):
    """FIELD of /proc/PID/status in bytes; 0 when the process has gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def cpu_seconds(pid):
    """utime + stime of PID so far."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """One run of a server.  PRIVATE_NET gives it a network namespace of its
    own with nothing but a loopback, for programs that listen everywhere."""

    def __init__(self, command, log, env=None, private_net=False,
                 stop_signal=signal.SIGTERM):
        self.stop_signal = stop_signal
        self.private_net = private_net
        self.log = pathlib.Path(log)
        self.peak = 0
        command = on_core(SERVER_CORE, command)
        if private_net:
            command = ["unshare", "--net", "sh", "-c",
                       'ip link set lo up && exec "$@"', "sh", *command]
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith("OTLP_")}
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env={**clean, **(env or {})})
        self.pid = self.child.pid

    def enter(self, command):
        """COMMAND so that it runs where the server's loopback is."""
        if not self.private_net:
            return list(command)
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *command]

    def died(self, why):
        tail = self.log.read_text(errors="replace")[-2000:]
        self.kill()
        return BenchError(f"{why}; its last words:\n{tail}")

    def wait_for_line(self, pattern):
        """The match of PATTERN in what the server prints while starting."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found
            if self.child.poll() is not None:
                raise self.died("the server ended while starting")
            time.sleep(0.01)
        raise self.died(f"the server never printed /{pattern}/")

    def wait_for_port(self, port):
        """Until PORT accepts; the state is read, no connection is made."""
        wanted = re.compile(rf":{port:04X} [0-9A-F]+:0000 0A ")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for table in ("tcp", "tcp6"):
                path = pathlib.Path(f"/proc/{self.pid}/net/{table}")
                if path.exists() and wanted.search(path.read_text()):
                    return
            if self.child.poll() is not None:
                raise self.died("the server ended while starting")
            time.sleep(0.01)
        raise self.died(f"the server never listened on port {port}")

    def note_peak(self):
        self.peak = max(self.peak, proc_status(self.pid, "VmHWM"))

    def stop(self):
        """Stops the server; gives the CPU seconds of its whole life."""
        self.note_peak()
        os.kill(self.pid, self.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid != 0:
                break
            if time.monotonic() > deadline:
                raise self.died(f"no end {STOP_SECONDS} s after the signal")
            self.note_peak()
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        self.child.returncode = code
        if code not in (0, -self.stop_signal):
            tail = self.log.read_text(errors="replace")[-2000:]
            raise BenchError(f"the server ended with {code}:\n{tail}")
        return usage.ru_utime + usage.ru_stime

    def kill(self):
        """Ends it at once; for use after an error.  Does no harm twice."""
        if self.child.returncode is None:
            self.child.kill()
            self.child.wait()
