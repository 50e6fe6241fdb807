# SPDX-License-Identifier: Apache-2.0
"""The time of day jumps, by an hour or by ten years, both ways.

    ./dev soak clock [--jumps 1000] [--seed 1]

100 jumps a minute and more while data comes and files rotate by age: names stay
unique, files are ended by the steady clock whatever the time of day says,
retention removes no open file and none that is younger than what it keeps, and
nothing is lost.
"""

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import found
import harness
import senders
import sent
import shim

SECOND = 10**9
HOUR, YEAR = 3600 * SECOND, 365 * 24 * 3600 * SECOND
JUMPS = (HOUR, -HOUR, 10 * YEAR, -10 * YEAR, 60 * SECOND, -1, 0)
NAME = re.compile(r"otlp_\w+_(\d{8}_\d{6})_(\d+)\.arrow")


def new_offset(rng, offset):
    offset = rng.choice((0, offset)) + rng.choice(JUMPS)
    return max(-40 * YEAR, min(100 * YEAR, offset))


def run(folder, jumps, seed, every=0.2, settings=()):
    """Gives figures; found.Wrong when a promise is broken."""
    rng = random.Random(f"clock/{seed}")
    directory = Path(folder) / "out"
    clock = shim.Clock(Path(folder) / "offset")
    book = sent.Book(sent.templates(seed), seed)
    # The retention is a minute, the least there is: any file that it took in
    # this run it took for a jump, but for those that really are older.
    service = harness.Service(directory, "write_interval_secs=0.05", "storage.max_file_age=1s",
                              "storage.compression=none", "trace_cleanup_interval_secs=0",
                              "metric_cleanup_interval_secs=10m", "log_cleanup_interval_secs=1h",
                              *settings, environment=clock.environment())
    try:
        load = senders.Senders(service, book, rate=5_000)
        begin = time.monotonic()
        for _ in range(jumps):
            time.sleep(every * rng.uniform(0.5, 1.5))
            clock["offset"] = new_offset(rng, clock["offset"])
            if not service.alive():
                raise found.Wrong(f"the service ended:\n{service.output()}")
        seconds = time.monotonic() - begin
        load.stop()
        if service.stop() != 0:
            raise found.Wrong(f"the service did not stop well:\n{service.output()}")
    finally:
        service.kill()
    return judge(book, directory, service, seconds, jumps)


def judge(book, directory, service, seconds, jumps):
    if book.answers:
        raise found.Wrong(f"refused: {book.answers}")
    removed = [line for line in service.lines if "removed" in line]
    if removed and seconds < 600:
        raise found.Wrong("retention took young files:\n" + "\n".join(removed[:5]))
    numbers, stamps, files = [], set(), 0
    for path in directory.glob("otlp/*/*.arrow"):
        stamp, number = NAME.fullmatch(path.name).groups()
        numbers.append((path.parent.name, int(number)))
        stamps.add(stamp[:4])
        files += 1
    if len(set(numbers)) != len(numbers):
        raise found.Wrong(f"two files have one number: {sorted(numbers)}")
    # Age is one second; a busy machine may be late, never early.
    most = 3 * (seconds + 2)
    if not 3 <= files <= most or (seconds > 10 and files < most / 5):
        raise found.Wrong(f"{files} files in {seconds:.0f} s, which is not by age")
    if not removed:
        found.check(book, directory, book.acked(), plain=True)
    return (f"clock: {jumps} jumps in {seconds:.0f} s; {files} files with names of the years "
            f"{', '.join(sorted(stamps))}; {len(book.acked())} requests acknowledged and all there, "
            f"{len(removed)} files removed; wrong: 0")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jumps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="oa-clock-")
    try:
        print(run(folder, chosen.jumps, chosen.seed))
    except AssertionError as error:
        print(f"clock: WRONG, seed {chosen.seed}: {error}\nkept: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
