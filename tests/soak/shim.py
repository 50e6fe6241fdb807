# SPDX-License-Identifier: Apache-2.0
"""The shims of tests/faults: compiled on first use, told what to do while the
service runs by a small file that both map."""

import fcntl
import hashlib
import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "faults"


def build(name):
    """The shim NAME as a shared object."""
    source = SOURCES / f"{name}.c"
    folder = ROOT / "build" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    sources = [source, *sorted(SOURCES.glob("*.h"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:16]
    target = folder / f"{name}-{digest}.so"
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may want it at once
        if not target.exists():
            compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
            half = target.with_suffix(".half")
            subprocess.run([compiler, "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-fPIC",
                            "-shared", "-o", half, source, "-ldl", "-lpthread"], check=True)
            half.rename(target)
    return target


class Shared:
    """A file of 64-bit integers with names, mapped by us and by the shim."""

    names = ()

    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(bytes(8 * len(self.names)))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * len(self.names))

    def __getitem__(self, name):
        return struct.unpack_from("<q", self.map, 8 * self.names.index(name))[0]

    def __setitem__(self, name, value):
        struct.pack_into("<q", self.map, 8 * self.names.index(name), value)


class Faults(Shared):
    """Calls number FIRST to LAST of the classes in MASK fail.  CALLS counts all
    of these, HITS those that failed."""

    names = ("mask", "code", "first", "last", "calls", "hits", "part", "armed")

    def arm(self, mask, code, first, last=None, short=False):
        self["armed"] = 0
        self["mask"], self["code"], self["part"] = mask, code, int(short)
        self["calls"] = self["hits"] = 0
        self["first"], self["last"] = first, first if last is None else last
        self["armed"] = 1

    def disarm(self):
        self["armed"] = 0

    def environment(self, name, directory=None):
        given = {"LD_PRELOAD": str(build(name)), "OA_FAULT_FILE": str(self.path),
                 "ASAN_OPTIONS": "verify_asan_link_order=0"}
        if directory is not None:
            given["OA_FAULT_DIR"] = str(Path(directory).resolve())
        return given


class Clock(Shared):
    """OFFSET nanoseconds are added to the time of day."""

    names = ("offset",)

    def environment(self):
        return {"LD_PRELOAD": str(build("clock")), "OA_CLOCK_FILE": str(self.path)}
