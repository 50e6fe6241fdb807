# SPDX-License-Identifier: Apache-2.0
"""What a service manager does, without one: hears sd_notify(3), hands over
sockets as sd_listen_fds(3) says, and a disk that can be made to stand still."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Puts the descriptors of argv[1] at 3, 4, ... and becomes argv[2:].
HAND_OVER = """
import fcntl, os, sys
given = [int(fd) for fd in sys.argv[1].split(",")]
high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in given]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number, inheritable=True)
os.environ["LISTEN_FDS"] = str(len(high))
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """The end of NOTIFY_SOCKET that hears."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.heard = []

    def environment(self, **more):
        return {"NOTIFY_SOCKET": self.path, **more}

    def next(self, seconds=20):
        """The next message as a dict, or None."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            text = self.socket.recv(4096).decode()
        except (socket.timeout, BlockingIOError):
            return None
        message = dict(line.split("=", 1) for line in text.splitlines() if line)
        self.heard.append(message)
        return message

    def wait_for(self, key, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.next(end - time.monotonic())
            if message is not None and key in message:
                return message
        raise AssertionError(f"no {key} within {seconds} s; heard {self.heard}")

    def drain(self):
        """Takes what has come already."""
        while self.next(0) is not None:
            pass

    def count(self, key, seconds):
        """How many messages with KEY come within SECONDS."""
        end = time.monotonic() + seconds
        found = 0
        while time.monotonic() < end:
            message = self.next(end - time.monotonic())
            found += message is not None and key in message
        return found

    def close(self):
        self.socket.close()


def listening(family=socket.AF_INET, address="127.0.0.1"):
    found = socket.socket(family, socket.SOCK_STREAM)
    found.bind((address, 0))
    found.listen(64)
    return found


def handing_over(sockets, names=None, pid=None):
    """Options of harness.Service that pass SOCKETS on."""
    numbers = [one.fileno() for one in sockets]
    environment = {}
    if names is not None:
        environment["LISTEN_FDNAMES"] = ":".join(names)
    if pid is not None:
        environment["LISTEN_PID"] = str(pid)
    return {"prefix": (sys.executable, "-c", HAND_OVER, ",".join(map(str, numbers))),
            "pass_fds": tuple(numbers), "environment": environment}


class Disk:
    """stands_still(), is_full() and works() again."""

    def __init__(self, directory):
        directory = Path(directory)
        self.library = directory / "stall.so"
        self.word = directory / "stall.word"
        subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1",
                        ROOT / "tests" / "faults" / "stall.c", "-o", self.library, "-ldl"],
                       check=True)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "OA_STALL_FILE": str(self.word)}

    def stands_still(self):
        self.word.write_text("")

    def is_full(self):
        aside = self.word.with_suffix(".new")
        aside.write_text("full")
        aside.rename(self.word)

    def works(self):
        self.word.unlink(missing_ok=True)
