# SPDX-License-Identifier: Apache-2.0
"""Damages stored files in every way and sees what verify and repair make of
them.  The tests take some of the damage, tests/soak/verify.py all of it."""

import json
import shutil
import struct
from pathlib import Path

import pyarrow as pa

import harness
import otlpgen

BATCHES = 3
FLIPS = (0x01, 0x80, 0xFF)
AT_ONCE = 1000  # damaged files in one directory


def small_files(directory, compression):
    """One sealed file a signal, of BATCHES small batches."""
    service = harness.Service(directory, f"storage.compression={compression}",
                              "write_interval_secs=0.05")
    try:
        for signal in otlpgen.SIGNALS:
            requests = (otlpgen.request(signal, 80_000 + i) for i in range(1000))
            few = (r for r in requests if 0 < otlpgen.count_items(signal, r) <= 4)
            for _ in range(BATCHES):
                (result,) = service.send(signal, [next(few).SerializeToString()])
                assert not isinstance(result, Exception), result
                harness.time.sleep(0.25)
        assert service.stop() == 0
    finally:
        service.kill()
    return {signal: harness.files_of(directory, signal)[0] for signal in otlpgen.SIGNALS}


class Original:
    """A whole file: its bytes, what stands where, and its rows."""

    def __init__(self, signal, path):
        self.signal = signal
        self.data = Path(path).read_bytes()
        self.metadata = bytearray(len(self.data))  # 1 = frame or flatbuffer
        self.dictionaries = []  # where the metadata of each begins and ends
        self.ends = []  # of the schema and each batch
        at = 0
        while at < len(self.data):
            (size,) = struct.unpack_from("<I", self.data, at + 4)
            self.metadata[at:at + 8 + size] = b"\1" * (8 + size)
            if size == 0:
                break
            message = pa.ipc.read_message(self.data[at:])
            if message.type == "dictionary":
                self.dictionaries.append((at, at + 8 + size))
            at += 8 + size + (message.body.size if message.body else 0)
            if message.type in ("schema", "record batch"):
                self.ends.append(at)
        self.batches = list(pa.ipc.open_stream(self.data))
        assert len(self.ends) == len(self.batches) + 1 and at == len(self.data) - 8

    def whole_before(self, at):
        """Batches that end at or before byte AT."""
        return sum(end <= at for end in self.ends[1:])

    def is_number_of_dictionary(self, at, bits):
        """A flip here can make one dictionary another one: a value, too."""
        numbers = len(self.dictionaries)
        return (any(begin < at < end for begin, end in self.dictionaries) and self.data[at] < numbers
                and self.data[at] ^ bits < numbers)

    def name(self, number):
        return f"otlp_{self.signal}_20240102_030405_{number:06}.arrow"


def verify(directory):
    """Paths with problems, and the sums."""
    done = harness.run_tool("verify", "--json", directory)
    assert done.returncode in (0, 1) and not done.stderr, (done.returncode, done.stdout[-2000:], done.stderr)
    found = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert (done.returncode == 1) == (found[-1]["problems"] > 0)
    return {f["path"] for f in found if f.get("finding") == "problem"}, found[-1]


def in_directories(place, original, damages):
    """Directories of damaged files: [(path, damage)] for each."""
    for start in range(0, len(damages), AT_ONCE):
        folder = Path(place) / original.signal
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        files = []
        for number, damage in enumerate(damages[start:start + AT_ONCE], 1):
            path = folder / original.name(number)
            path.write_bytes(apply(original.data, damage))
            files.append((path, damage))
        yield folder, files
        shutil.rmtree(folder)


def apply(data, damage):
    """(AT, None) cuts, (AT, BITS) flips."""
    at, bits = damage
    if bits is None:
        return data[:at]
    broken = bytearray(data)
    broken[at] ^= bits
    return bytes(broken)


def verify_all(place, original, damages):
    """Every damage is seen, but for values that became others.  Gives how many
    flips there were in values, and how many of them were not seen."""
    values = unseen = 0
    for folder, files in in_directories(place, original, damages):
        bad, sums = verify(folder)
        assert sums["files"] == len(files)
        for path, (at, bits) in files:
            seen = str(path) in bad
            if bits is None or (original.metadata[at] and not original.is_number_of_dictionary(at, bits)):
                assert seen, f"{original.signal}: {at}, {bits} was not seen"
            else:
                values += 1
                unseen += not seen
    return values, unseen


def kept_of(original, at, bits):
    """Batches that are still there after a repair, at least and at most."""
    whole = original.whole_before(at)
    if bits is None:
        return whole, whole
    if at < original.ends[0]:  # the schema is known, so it can be had again
        return len(original.batches), len(original.batches)
    # A flipped value may be seen or not; the end mark is all that can be lost.
    most = (whole if original.metadata[at] and not original.is_number_of_dictionary(at, bits)
            else len(original.batches))
    return whole, most



def check_repaired(original, path, damage, was_bad):
    at, bits = damage
    least, most = kept_of(original, at, bits)
    if bits is None and at < original.ends[0]:
        assert not path.exists()
        aside = path.with_name(path.name + ".corrupt")
        assert aside.read_bytes() == apply(original.data, damage)
        return
    repaired = path.read_bytes()
    batches = list(pa.ipc.open_stream(repaired))
    assert least <= len(batches) <= most, (at, bits, least, len(batches), most)
    end = original.ends[least]
    assert repaired[:end] == original.data[:end], (at, bits, "rows before the damage are others")
    if bits is not None and was_bad:
        aside = path.with_name(path.name + ".corrupt")
        assert aside.read_bytes() == apply(original.data, damage), "the damaged file is not kept"


def repair_all(place, original, damages):
    """After a repair all is well, and what stood before the damage is there."""
    for folder, files in in_directories(place, original, damages):
        bad, _ = verify(folder)
        done = harness.run_tool("repair", folder, timeout=600)
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr)
        still, _ = verify(folder)
        assert not still, still
        for path, damage in files:
            check_repaired(original, path, damage, str(path) in bad)
        again = harness.run_tool("repair", folder, timeout=600)
        assert again.returncode == 0 and "nothing to repair" in again.stdout, again.stdout
