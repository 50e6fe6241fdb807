#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a start takes beside many files and what a crash has left.

Fills a directory with real sealed files (copies, so that each has its own
bytes on the disk) and one torn open file a signal, drops them from the page
cache, and measures from the start of the process to its "ready" line.  Starts:
as after a crash; the same when the note of what is sealed was lost, so that all
files are walked; and beside a directory without files, the control.  Then two
as after a restart of the machine, which has a full open file of each signal
read to its last value: with content that is usual, and with such that cannot be
compressed; how long until these are ended as well is told besides.

    ./dev soak startup --size 10GiB --directory /var/tmp
"""

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import pyarrow as pa  # noqa: E402

import harness  # noqa: E402
import otlpgen  # noqa: E402

STAMP = "20240102_030405"
END = b"\xff\xff\xff\xff\0\0\0\0"
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


def usual(signal, rng, items=1000):
    """A request as a web service sends it."""
    message = otlpgen.REQUEST_CLASS[signal]()
    outer, inner, leaves = otlpgen.LEVELS[signal]
    resource = getattr(message, outer).add()
    put(resource.resource.attributes, {"service.name": "checkout", "host.name": f"web-{rng.randrange(20)}"})
    scope = getattr(resource, inner).add()
    scope.scope.name = "http"
    for number in range(items):
        item = getattr(scope, leaves).add()
        now = 1_700_000_000_000_000_000 + rng.randrange(10 ** 12)
        said = {"http.request.method": rng.choice(("GET", "POST")), "url.path": f"/cart/{rng.randrange(5000)}",
                "http.response.status_code": str(rng.choice((200, 200, 200, 404, 500))),
                "user.id": str(rng.randrange(10 ** 6))}
        if signal == "metrics":
            item.name, item.unit = f"http.requests.{number % 40}", "1"
            item = item.sum.data_points.add()
            item.time_unix_nano, item.as_int = now, rng.randrange(10 ** 6)
        else:
            item.trace_id, item.span_id = rng.randbytes(16), rng.randbytes(8)
        if signal == "traces":
            item.name, item.start_time_unix_nano = said["url.path"], now
            item.end_time_unix_nano = now + rng.randrange(10 ** 9)
        elif signal == "logs":
            item.time_unix_nano, item.body.string_value = now, f"{said['user.id']} asked for {said['url.path']}"
        put(item.attributes, said)
    return message


def put(attributes, pairs):
    for key, value in pairs.items():
        attribute = attributes.add()
        attribute.key, attribute.value.string_value = key, value


def noise(signal, rng, items=1000):
    """The same with attributes that no compressor makes smaller."""
    message = usual(signal, rng, items)
    outer, inner, leaves = otlpgen.LEVELS[signal]
    for item in getattr(getattr(getattr(message, outer)[0], inner)[0], leaves):
        place = item.sum.data_points[0] if signal == "metrics" else item
        attribute = place.attributes.add()
        attribute.key, attribute.value.bytes_value = "noise", rng.randbytes(800)
    return message


def make_open(directory, make, size):
    """A file of SIZE bytes that no stop has ended, zstd, for each signal: what a
    service wrote of MAKE's requests, over and over."""
    rng = random.Random(7)
    service = harness.Service(directory, "storage.compression=zstd", "write_interval_secs=600")
    try:
        for signal in otlpgen.SIGNALS:
            for result in service.send(signal, [make(signal, rng).SerializeToString() for _ in range(32)]):
                assert not isinstance(result, Exception), result
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    made = {}
    for signal in otlpgen.SIGNALS:
        (path,) = service.files(signal)
        data = path.read_bytes()
        source = pa.BufferReader(data)
        pa.ipc.read_message(source)  # the schema
        begin, body = data[:source.tell()], data[source.tell():-8]
        made[signal] = path.with_suffix(".open")
        with open(made[signal], "wb") as out:
            out.write(begin)
            while out.tell() + len(body) < size:
                out.write(body)
            out.write(body[:max(0, size - out.tell())])
    return made


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


def restart_machine(root):
    """As if another run of the kernel had left all this."""
    lock = root / ".otlp-arrow.lock"
    lock.write_text("1 00000000-0000-0000-0000-000000000000\n")


def ended(path):
    with open(path, "rb") as data:
        data.seek(-8, os.SEEK_END)
        return data.read() == END


def start(root, *settings, follow=()):
    """Seconds to "ready", seconds until the files FOLLOW are ended, and the
    number of files that were mended."""
    began = time.monotonic()
    service = harness.Service(root, "trace_cleanup_interval_secs=0",
                              "metric_cleanup_interval_secs=0", "log_cleanup_interval_secs=0", *settings)
    try:
        seconds = time.monotonic() - began
        while not all(map(ended, follow)):
            assert time.monotonic() < began + 300, service.output()
            time.sleep(0.01)
        whole = time.monotonic() - began
        assert service.stop() == 0, service.output()
        mended = sum("recovered otlp_" in line for line in service.lines)
    finally:
        service.kill()
    return seconds, whole, mended


def measure_restart(place, make, size, say=lambda _: None):
    """Seconds to "ready" and until all files are ended, after a restart of the
    machine that left an open file of SIZE bytes of each signal."""
    samples = make_open(place / "samples", make, size)
    root = place / "root"
    left = []
    for signal, sample in samples.items():
        folder = root / "otlp" / signal
        folder.mkdir(parents=True)
        left.append(folder / f"otlp_{signal}_{STAMP}_{1:06}.arrow")
        sample.rename(left[-1])
    restart_machine(root)
    make_cold(root)
    seconds, whole, mended = start(root, follow=left)
    assert mended == len(samples), f"{mended} of {len(samples)} open files were mended"
    for path in left:
        assert size - (64 << 20) < path.stat().st_size <= size + 8, path
    say(f"restart, {make.__name__}: ready {seconds:.3f} s, files ended {whole:.2f} s")
    return seconds, whole


def measure(directory, total, file_size, open_size, say=lambda _: None):
    """Seconds of the starts, and how many files and bytes there were."""
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
            result[name], _, mended = start(root)
            assert mended == len(samples), f"{mended} of {len(samples)} torn files were mended"
            say(f"{name}: {result[name]:.3f} s")
        result["empty"], _, mended = start(place / "empty")
        assert mended == 0
        say(f"empty: {result['empty']:.3f} s")
        shutil.rmtree(root)
        for make in (usual, noise):
            result[make.__name__] = measure_restart(place / make.__name__, make, open_size, say)
        return result
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("10GiB"), help="of all files")
    parser.add_argument("--file-size", type=size_of, default=size_of("16MiB"), help="of one file")
    parser.add_argument("--open-size", type=size_of, default=size_of("128MiB"),
                        help="of one that a restart of the machine left open")
    parser.add_argument("--directory", help="where to (default: the system's temporary one)")
    chosen = parser.parse_args()
    result = measure(chosen.directory, chosen.size, chosen.file_size, chosen.open_size,
                     lambda text: print(text, flush=True))
    print(f"startup: {result['bytes'] / 1e9:.2f} GB in {result['files']} files and 3 torn ones: ready in "
          f"{result['after_crash']:.3f} s, {result['note_lost']:.3f} s when all files are walked, "
          f"{result['empty']:.3f} s without files; after a restart of the machine with three open files of "
          f"{chosen.open_size >> 20} MiB: {result['usual'][0]:.3f} s (these ended after {result['usual'][1]:.1f} s), "
          f"{result['noise'][0]:.3f} s when nothing compresses (ended after {result['noise'][1]:.1f} s)")
    ready = (result["after_crash"], result["usual"][0], result["noise"][0])
    return 0 if max(ready) < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
