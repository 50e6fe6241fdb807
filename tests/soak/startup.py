#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a start takes beside many files and what a crash has left.

Fills a directory with real sealed files (copies, so that each has its own
bytes on the disk) and one torn open file a signal, drops them from the page
cache, and measures from the start of the process to its "ready" line.  Three
starts: as after a crash; the same when the note of what is sealed was lost, so
that all files are walked; and beside a directory without files, the control.

    ./dev soak startup --size 10GiB --directory /var/tmp
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import harness  # noqa: E402
import otlpgen  # noqa: E402

STAMP = "20240102_030405"
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size_of(text):
    match = re.fullmatch(r"(\d+)(KiB|MiB|GiB)?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text}: write it as 100MiB or 10GiB")
    return int(match[1]) * UNITS[match[2] or ""]


def make_samples(directory, file_size):
    """One sealed file of about FILE_SIZE bytes for each signal."""
    samples = {}
    service = harness.Service(directory, "storage.compression=none", "write_interval_secs=0.2",
                              f"storage.max_file_size={file_size}")
    try:
        for number, signal in enumerate(otlpgen.SIGNALS):
            raw = []
            while sum(map(len, raw)) < min(file_size, 4 << 20):
                raw.append(otlpgen.request(signal, 7_000 + number * 1000 + len(raw)).SerializeToString())
            while len(service.files(signal)) < 2:
                for result in service.send(signal, raw):
                    assert not isinstance(result, Exception), result
                time.sleep(0.3)
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    for signal in otlpgen.SIGNALS:
        samples[signal] = service.files(signal)[0]
    return samples


def copy(source, target, length=None):
    """Copies bytes, never blocks that both files share."""
    with open(source, "rb") as data, open(target, "wb") as out:
        left = os.path.getsize(source) if length is None else length
        while left > 0:
            piece = data.read(min(left, 8 << 20))
            out.write(piece)
            left -= len(piece)


def fill(root, samples, total, say):
    """Sealed files of TOTAL bytes together; how many each signal has."""
    counts = dict.fromkeys(samples, 0)
    done = 0
    while done < total:
        for signal, sample in samples.items():
            folder = root / "otlp" / signal
            folder.mkdir(parents=True, exist_ok=True)
            counts[signal] += 1
            copy(sample, folder / f"otlp_{signal}_{STAMP}_{counts[signal]:06}.arrow")
            done += sample.stat().st_size
        say(f"{done >> 20} of {total >> 20} MiB copied")
    return counts


def leave_open(root, samples, counts, note):
    """What a killed service leaves: a torn file a signal, and the note of what
    was sealed before it, unless that is lost."""
    for signal, sample in samples.items():
        folder = root / "otlp" / signal
        for old in folder.glob(f"*_{counts[signal] + 1:06}.arrow"):
            old.unlink()
        torn = folder / f"otlp_{signal}_{STAMP}_{counts[signal] + 1:06}.arrow"
        copy(sample, torn, sample.stat().st_size - 1000)
        (folder / ".sealed").unlink(missing_ok=True)
        if note:
            (folder / ".sealed").write_text(f"otlp-arrow sealed {counts[signal]}\n")


def make_cold(root):
    os.sync()
    for path in root.rglob("*.arrow"):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def start(root):
    """Seconds to "ready" and the number of files that were mended."""
    began = time.monotonic()
    service = harness.Service(root, "trace_cleanup_interval_secs=0",
                              "metric_cleanup_interval_secs=0", "log_cleanup_interval_secs=0")
    try:
        seconds = time.monotonic() - began
        mended = sum("recovered otlp_" in line for line in service.lines)
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    return seconds, mended


def measure(directory, total, file_size, say=lambda _: None):
    """Seconds of the three starts, and how many files and bytes there were."""
    place = Path(tempfile.mkdtemp(prefix="oa_startup_", dir=directory))
    try:
        samples = make_samples(place / "samples", file_size)
        say("samples: " + ", ".join(f"{s} {p.stat().st_size >> 10} KiB" for s, p in samples.items()))
        root = place / "full"
        counts = fill(root, samples, total, say)
        result = {"files": sum(counts.values()),
                  "bytes": sum(p.stat().st_size for p in root.rglob("*.arrow"))}
        for name, note in (("after_crash", True), ("note_lost", False)):
            leave_open(root, samples, counts, note)
            make_cold(root)
            result[name], mended = start(root)
            assert mended == len(samples), f"{mended} of {len(samples)} torn files were mended"
            say(f"{name}: {result[name]:.3f} s")
        result["empty"], mended = start(place / "empty")
        assert mended == 0
        say(f"empty: {result['empty']:.3f} s")
        return result
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("10GiB"), help="of all files")
    parser.add_argument("--file-size", type=size_of, default=size_of("16MiB"), help="of one file")
    parser.add_argument("--directory", help="where to (default: the system's temporary one)")
    chosen = parser.parse_args()
    result = measure(chosen.directory, chosen.size, chosen.file_size,
                     lambda text: print(text, flush=True))
    print(f"startup: {result['bytes'] / 1e9:.2f} GB in {result['files']} files and 3 torn ones: ready in "
          f"{result['after_crash']:.3f} s, {result['note_lost']:.3f} s when all files are walked, "
          f"{result['empty']:.3f} s without files")
    return 0 if result["after_crash"] < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
