# SPDX-License-Identifier: Apache-2.0
"""Disks in trouble, real ones where this machine lets us make them.

    ./dev soak disk [--seconds 60]

A full disk (ENOSPC), no inodes left, a disk that turned read-only (EROFS), one
over its quota (EDQUOT), one that fails (EIO), and a directory that is gone:
senders are told to come back, /readyz says 503 and why, memory stays bounded,
nothing that was acknowledged is lost, and the service goes on by itself within
a second after the trouble ends.  Retention works on the full disk.

The small disks are tmpfs mounts.  Where mounting is not allowed, the program
starts itself again with `unshare -rm`, which gives it a mount table of its own.
"""

import argparse
import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import found
import harness
import polite
import senders
import sent
import shim
from httpclient import metric_of

MIB = 1 << 20
SETTINGS = ["write_interval_secs=0.05", "storage.compression=none", "storage.max_file_size=1MiB",
            "memory_limit=32MiB", "protocols.max_request_size=4MiB"]
# What a busy machine may add to the promised second.
GRACE = 3.0
# A file that is replaced by its merged copy gives room back, and a full disk takes data.
NO_MERGE = "storage.merge=false"


class Mount:
    """A tmpfs of so many bytes and inodes."""

    def __init__(self, path, size, inodes=0):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.options = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
        subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", path], check=True,
                       capture_output=True)

    def change(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True,
                       capture_output=True)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=False, capture_output=True)


def can_mount():
    with tempfile.TemporaryDirectory() as folder:
        try:
            Mount(Path(folder) / "m", MIB).close()
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def inside(arguments):
    """Runs this program where it can mount; None when that is here."""
    if can_mount():
        return None
    command = ["unshare", "-rm", sys.executable, os.path.abspath(__file__), *arguments]
    if os.environ.get("OA_INSIDE"):
        return subprocess.CompletedProcess(command, 77, "", "no mounts are allowed here")
    return subprocess.run(command, env={**os.environ, "OA_INSIDE": "1"}, text=True, check=False,
                          capture_output=True)


@contextlib.contextmanager
def trouble_at(folder, *arguments, mount=None, **options):
    """A Trouble that ends with the block, and its disk with it."""
    trouble = None
    try:
        trouble = Trouble(folder, *arguments, **options)
        yield trouble
    finally:
        if trouble is not None:
            trouble.close()
        if mount is not None:
            mount.close()


def fill(path):
    """Appends to a file until its disk has no room.  Without a buffer: what one
    keeps after ENOSPC is written again when the file is closed, and raises then."""
    with open(path, "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(MIB))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


class Trouble:
    """A loaded service on a disk that is spoilt and mended again."""

    def __init__(self, folder, name, *settings, environment=None, rate=20_000):
        self.name, self.rate = name, rate
        self.directory = Path(folder) / "out"
        self.book = sent.Book(sent.templates(1), 1)
        self.service = harness.Service(self.directory, *SETTINGS, *settings,
                                       environment=environment)
        self.load = None
        self.why = ""
        self.peak = 0
        self.recovery = None

    def start(self):
        self.load = senders.Senders(self.service, self.book, self.rate)

    def ready(self):
        return self.service.get("/readyz")

    def expect_trouble(self, *words, seconds=20, spoil=lambda: None):
        """Until /readyz says so, spoiling it anew before each look; then
        senders are refused."""
        def bad():
            spoil()
            status, text = self.ready()
            return text if status == 503 else None
        why = harness.wait_until(bad, seconds, f"{self.name}: 503 from /readyz")
        if not any(word in why for word in words):
            raise found.Wrong(f"{self.name}: /readyz says {why!r}")
        self.why = why

    def stay(self, seconds):
        """Under load in trouble: everything is refused as retryable."""
        before = len(self.book.acked())
        refused = metric_of(self.service, "otlp_arrow_refused_requests_total", reason="disk")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.peak = max(self.peak, self.service.memory())
            time.sleep(0.05)
        if not self.service.alive():
            raise found.Wrong(f"{self.name}: the service ended:\n{self.service.output()}")
        sender = polite.Sender(self.service, self.book)
        for way in ("grpc", "http", "otap"):
            if sender.once(way, self.book.new(signal="logs", otap=way == "otap")):
                raise found.Wrong(f"{self.name}: {way} says OK in trouble")
        sender.close()
        self.refused = metric_of(self.service, "otlp_arrow_refused_requests_total",
                                 reason="disk") - refused
        self.taken = len(self.book.acked()) - before

    def expect_recovery(self):
        """Within a second: a request is taken, and it is ready."""
        begin = time.monotonic()
        sender = polite.Sender(self.service, self.book)
        sender.send("grpc", self.book.new(signal="logs"), seconds=GRACE + 20)
        sender.close()
        self.recovery = time.monotonic() - begin
        harness.wait_until(lambda: self.ready()[0] == 200, 20, f"{self.name}: ready again")
        if self.recovery > 1 + GRACE:
            raise found.Wrong(f"{self.name}: {self.recovery:.1f} s until a request was taken")

    def finish(self, directory=None):
        """All that was acknowledged is there."""
        if self.load:
            self.load.stop()
        text = self.service.output()
        try:
            if self.service.stop() != 0:
                raise found.Wrong(f"{self.name}: {self.service.output()}")
        finally:
            self.service.kill()
        odd = [what for what in self.book.answers
               if "UNAVAILABLE" not in what and what != "HTTP 503" and "14" not in what]
        if odd:
            raise found.Wrong(f"{self.name}: answers {odd}\n{text}")
        present = found.check(self.book, directory or self.directory, self.book.acked(),
                              once=False, plain=True)
        # The bound counts buffers; programs and thread stacks come on top.
        if self.peak > (32 + 64) * 1024:
            raise found.Wrong(f"{self.name}: {self.peak} KiB of memory")
        return present

    def close(self):
        if self.load:
            self.load.end.set()
        self.service.kill()

    def figures(self):
        recovery = "" if self.recovery is None else f", took data again after {self.recovery:.2f} s"
        return (f"{self.name}: \"{self.why.strip()}\"; {sum(self.book.answers.values())} refusals, "
                f"{len(self.book.acked())} requests acknowledged and all there, at most "
                f"{self.peak // 1024} MiB{recovery}")


def full(folder, seconds, level="memory"):
    """ENOSPC: a ballast file takes the disk's last room, and gives it back."""
    mount = Mount(Path(folder) / "out", "64m")
    with trouble_at(folder, f"ENOSPC at {level}", f"ack={level}", NO_MERGE,
                    mount=mount) as trouble:
        trouble.start()
        time.sleep(0.5)
        ballast = mount.path / "ballast"
        fill(ballast)
        trouble.expect_trouble("No space left")
        trouble.stay(seconds)
        trouble.load.stop()
        ballast.unlink()
        trouble.expect_recovery()
        trouble.finish()
    return trouble


def no_inodes(folder, seconds):
    mount = Mount(Path(folder) / "out", "64m", 40)
    with trouble_at(folder, "no inodes", "storage.max_file_size=64KiB", NO_MERGE,
                    mount=mount) as trouble:
        extra = []
        trouble.start()
        try:
            for i in range(100):
                extra.append(mount.path / f"extra{i}")
                extra[-1].touch()
        except OSError:
            extra.pop()
        trouble.expect_trouble("No space left")
        trouble.stay(seconds)
        trouble.load.stop()
        mount.change("nr_inodes=4000")
        trouble.expect_recovery()
        trouble.finish()
    return trouble


def read_only(folder, seconds):
    """A real file system refuses that while files are open, so the calls fail
    as they do when the kernel turns it read-only after an error."""
    return failing(folder, seconds, "EROFS", shim_mask=1 | 2 | 4 | 8 | 16 | 32 | 64)


def failing(folder, seconds, code, shim_mask=1 | 2 | 8 | 16):
    faults = shim.Faults(Path(folder) / "control")
    out = Path(folder) / "out"
    with trouble_at(folder, code, environment=faults.environment("iofault", out)) as trouble:
        trouble.start()
        time.sleep(0.3)
        faults.arm(shim_mask, getattr(errno, code), 1, 1 << 60)
        trouble.expect_trouble(os.strerror(getattr(errno, code)))
        trouble.stay(seconds)
        trouble.load.stop()
        faults.disarm()
        trouble.expect_recovery()
        trouble.finish()
    return trouble


def gone(folder, seconds):
    """Somebody moves the directory away: what comes later is written to a new
    one.  What was in the old one is there still."""
    moved = Path(folder) / "moved"
    with trouble_at(folder, "directory gone", "ack=write") as trouble:
        trouble.start()
        time.sleep(0.3)
        trouble.load.stop()
        trouble.load = None
        sender = polite.Sender(trouble.service, trouble.book)
        sender.flush()
        shutil.move(trouble.directory / "otlp", moved)
        trouble.why = "a new one is made"
        sender.send("grpc", trouble.book.new(signal="traces"))
        sender.close()
        trouble.start()
        time.sleep(min(seconds, 1))
        trouble.load.stop()
        trouble.service.stop()
        for signal in ("traces", "metrics", "logs"):
            for path in (moved / signal).glob("*.arrow"):
                target = trouble.directory / "otlp" / signal / f"moved-{path.name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        trouble.finish()
    return trouble


def retention(folder, seconds):
    """On a full disk the oldest files still go, and so it is never full."""
    mount = Mount(Path(folder) / "out", "24m")
    with trouble_at(folder, "max_total_size", "storage.max_total_size=8MiB", "ack=write",
                    "storage.max_file_size=256KiB", mount=mount) as trouble:
        ballast = mount.path / "ballast"
        ballast.write_bytes(bytes(15 * MIB))
        trouble.start()
        harness.wait_until(lambda: metric_of(trouble.service, "otlp_arrow_files_removed_total") > 3,
                           30, "files are removed")
        # And when others fill it up, too; again, for a file may go meanwhile.
        trouble.expect_trouble("No space left", spoil=lambda: fill(ballast))
        before = metric_of(trouble.service, "otlp_arrow_files_removed_total")
        os.truncate(ballast, 12 * MIB)
        harness.wait_until(lambda: trouble.ready()[0] == 200, 20, "ready again")
        harness.wait_until(lambda: metric_of(
            trouble.service, "otlp_arrow_files_removed_total") > before, 30, "files are removed")
        time.sleep(min(seconds, 2))
        trouble.load.stop()
        if trouble.service.stop() != 0:
            raise found.Wrong(trouble.service.output())
        total = sum(p.stat().st_size for p in trouble.directory.glob("otlp/*/*.arrow"))
        if total > 12 * MIB:
            raise found.Wrong(f"{total} bytes are kept of 8 MiB")
        found.check(trouble.book, trouble.directory, [], once=False, plain=True)
    return trouble


CASES = {"full": full, "full_fsync": lambda f, s: full(f, s, "fsync"), "no_inodes": no_inodes,
         "read_only": read_only, "quota": lambda f, s: failing(f, s, "EDQUOT"),
         "failing": lambda f, s: failing(f, s, "EIO"), "gone": gone, "retention": retention,
         "no_space": lambda f, s: failing(f, s, "ENOSPC")}  # the same where nothing can be mounted


def run(name, seconds):
    folder = tempfile.mkdtemp(prefix="oa-disk-")
    try:
        trouble = CASES[name](folder, seconds)
    finally:
        if threading.active_count() < 1000:
            shutil.rmtree(folder, ignore_errors=True)
    return trouble.figures()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long each trouble lasts")
    parser.add_argument("--case", choices=CASES)
    chosen = parser.parse_args()
    done = inside(sys.argv[1:])
    if done is not None:
        print(done.stdout + done.stderr, end="")
        return done.returncode
    for name in [chosen.case] if chosen.case else CASES:
        try:
            print("disk:", run(name, chosen.seconds), flush=True)
        except AssertionError as error:
            print(f"disk: WRONG, {name}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
