# SPDX-License-Identifier: Apache-2.0
"""The power goes at random moments of a run at ack=fsync.

    ./dev soak power [--cuts 500] [--seed 1]

A journal of all file calls (tests/faults/powercut.c) is cut at random places,
and between: right after an answer went out.  disk_model.py makes of it what a
disk may hold then, the service starts on that, and everything that was
acknowledged before the cut must be in the files; no finished file is changed,
and every reader opens all.  Some cuts are followed by a second one while the service mends
what the first has left, in the background, and takes new data.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import disk_model
import found
import harness
import kill9
import senders
import sent
import shim


ENOUGH = 30  # answers in a run, so that its cuts can show something


class Journal:
    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(b"")

    def length(self):
        return self.path.stat().st_size

    def environment(self, directory):
        return {"LD_PRELOAD": str(shim.build("powercut")), "OA_POWER_LOG": str(self.path),
                "OA_POWER_DIR": str(Path(directory).resolve())}


class Run:
    """One loaded run and its journal; many cuts of it."""

    def __init__(self, folder, seed, rate=20_000, seconds=1.0):
        self.folder, self.rng = Path(folder).resolve(), random.Random(f"power/{seed}")
        self.rate, self.seconds = rate, seconds
        pick = self.rng.choice
        self.plain = self.rng.random() < 0.5
        self.merge = pick(("true", "false"))
        self.settings = ["ack=fsync", "write_interval_secs=0.05", f"storage.merge={self.merge}",
                         f"storage.max_file_size={pick(('64KiB', '256KiB', '1MiB'))}",
                         f"storage.max_file_age={pick(('1s', '1h'))}",
                         f"storage.compression={'none' if self.plain else pick(('zstd', 'lz4'))}",
                         f"storage.direct_io={pick(('true', 'false'))}"]
        self.book = sent.Book(sent.templates(seed, sizes=(1, 40, 300)), seed, "fsync")
        self.cuts = self.second = self.again = self.finished = self.files = 0

    def record(self):
        """Loads the service and keeps the journal."""
        base, live = self.folder / "base", self.folder / "live"
        base.mkdir(), live.mkdir()
        journal = Journal(self.folder / "journal")
        self.book.position = journal.length
        service = harness.Service(live, *self.settings, environment=journal.environment(live))
        try:
            load = senders.Senders(service, self.book, self.rate)
            time.sleep(self.seconds)
            # On a busy machine, or with a slow disk, the first answers may come late.
            harness.wait_until(lambda: len(self.book.acked()) >= ENOUGH, 60, f"{ENOUGH} answers")
            load.stop()
            if self.rng.random() < 0.5:
                if service.stop() != 0:
                    raise found.Wrong(service.output())
        finally:
            service.kill()
        self.data = journal.path.read_bytes()
        self.records = disk_model.read_journal(self.data)
        self.base, self.live = base, live
        self.first = self.book.acked()  # of this run; cuts may add more

    def moment(self):
        """How many records are done when the power goes."""
        if self.rng.random() < 0.5 and (acked := self.first):
            # The last that is certain when this answer has come: the place
            # where an answer that is too early shows.
            position = self.rng.choice(acked).position
            return sum(1 for record in self.records if record.end <= position)
        return self.rng.randrange(len(self.records) + 1)

    def cut(self):
        count = self.moment()
        disk = disk_model.Disk(self.base)
        disk.top = str(self.live)
        for record in self.records[:count]:
            disk.do(record)
        target = self.folder / "cut"
        disk.build(target, self.rng)
        kill9.boot_again(target)
        end = self.records[count - 1].end if count else 0
        must = [r for r in self.first if r.position <= end]
        finished = disk.finished()
        if self.rng.random() < 0.2:
            target, more = self.cut_again(target)
            must += more
        self.recover(target, must, finished)
        shutil.rmtree(target)
        self.cuts += 1
        self.finished += len(finished)

    def cut_again(self, target):
        """The power goes once more while the service mends TARGET and takes new
        data; what it acknowledged of that before."""
        before, after = self.folder / "before", self.folder / "after"
        shutil.copytree(target, before)
        journal = Journal(self.folder / "journal2")
        known = {r.number for r in self.book.acked()}
        self.book.position = journal.length
        service = harness.Service(target, *self.settings, environment=journal.environment(target))
        load = senders.Senders(service, self.book, self.rate)
        # What is left is ended about a second after the start.
        time.sleep(self.rng.choice((self.rng.random() * 0.1, self.rng.uniform(0.8, 1.3))))
        service.kill()
        load.stop()
        records = disk_model.read_journal(journal.path.read_bytes())
        # The journal knows inodes of TARGET, whose files begin as BEFORE's.
        disk = disk_model.Disk(before)
        self.adopt(disk, target, before, records)
        disk.top = str(target)
        count = self.rng.randrange(len(records) + 1)
        for record in records[:count]:
            disk.do(record)
        disk.build(after, self.rng)
        kill9.boot_again(after)
        shutil.rmtree(before)
        shutil.rmtree(target)
        self.second += 1
        end = records[count - 1].end if count else 0
        more = [r for r in self.book.acked() if r.number not in known and r.position <= end]
        self.again += len(more)
        return after, more

    @staticmethod
    def adopt(disk, target, before, records):
        """Gives the files of BEFORE the inode numbers that the journal uses."""
        numbers = {}
        for record in records:
            if record.inode > 0 and record.op != disk_model.CREATE:
                numbers.setdefault(record.path, record.inode)
        disk.inodes = {}
        for path in before.rglob("*"):
            name = str(target / path.relative_to(before))
            if path.is_file() and name in numbers:
                folder, last = disk_model.Disk.find(disk, str(path))
                disk.inodes[numbers[name]] = folder.safe[last]

    def recover(self, target, must, finished):
        service = harness.Service(target, *self.settings)
        try:
            if service.stop() != 0:
                raise found.Wrong("the service did not stop well:\n" + service.output())
        finally:
            service.kill()
        try:
            found.check(self.book, target, must, plain=self.plain, holes=True)
            for name, content in finished.items() if self.merge == "false" else ():
                if not (target / name).exists() or (target / name).read_bytes() != content:
                    raise found.Wrong(f"{name} was finished and is not as it was")
        except found.Wrong as error:
            raise found.Wrong(f"{error}\n{service.output()}") from error
        self.files += sum(1 for _ in target.glob("otlp/*/*.arrow"))


def run(folder, seed, cuts, per_run=25, told=False, **options):
    """Gives figures; found.Wrong when a promise is broken."""
    total = {"runs": 0, "cuts": 0, "second": 0, "again": 0, "acked": 0, "items": 0, "calls": 0, "finished": 0,
             "files": 0}
    while total["cuts"] < cuts:
        here = Path(folder) / f"run{total['runs']}"
        here.mkdir(parents=True)
        one = Run(here, f"{seed}/{total['runs']}", **options)
        one.record()
        for _ in range(min(per_run, cuts - total["cuts"])):
            one.cut()
        acked = one.first
        for key, value in (("runs", 1), ("cuts", one.cuts), ("second", one.second), ("again", one.again),
                           ("acked", len(acked)), ("calls", len(one.records)),
                           ("items", sum(r.template.points for r in acked)),
                           ("finished", one.finished), ("files", one.files)):
            total[key] += value
        shutil.rmtree(here)
        if told:
            print(figures(total), flush=True)
    return total


def figures(total):
    return (f"power: {total['cuts']} cuts of {total['runs']} runs ({total['second']} cut again "
            f"while mending, {total['again']} more requests acknowledged before that); {total['calls']} file calls, {total['acked']} requests acknowledged "
            f"at fsync with {total['items']} items; {total['files']} files read, "
            f"{total['finished']} of them finished before; wrong: 0")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cuts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if not kill9.has_levels():
        print("power: this service knows no ack=fsync")
        return 1
    folder = tempfile.mkdtemp(prefix="oa-power-")
    try:
        total = run(folder, chosen.seed, chosen.cuts, told=True)
    except AssertionError as error:
        print(f"power: WRONG, seed {chosen.seed}: {error}\nkept: {folder}")
        return 1
    shutil.rmtree(folder)
    print(figures(total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
