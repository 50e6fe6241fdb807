# SPDX-License-Identifier: Apache-2.0
"""Packs of the other protocols, made of the same items as payload.py's.

JSON is written from the protobuf classes and kept.  For OTAP and Arrow Flight
the service stores a pack in batches of the size wanted; the batches are then
the content of Flight messages, as a client of ours would send them, and our
encoder makes OTAP messages of them, as one stream: with the first ones come
the dictionaries, with the others what is new in them.  These are made again
when the programs have changed.

A unit of a stream pack is what the server answers once, behind a prefix that
makes the pack its own index: gRPC messages with prefixes of their own.
"""
import contextlib
import ctypes
import hashlib
import json
import pathlib
import shutil
import struct
import sys

import pyarrow as pa
import pyarrow.compute as pc

from process import BenchError
from targets import Ours
from verify import REQUEST, TIME_COLUMN

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSION = 1  # raise when the packs change: it names the cache
OK, END = 0, -10
COMPRESSION = {"none": 0, "lz4": 1, "zstd": 2}


def frame(message):
    """MESSAGE behind gRPC's prefix."""
    return struct.pack(">BI", 0, len(message)) + message


def bodies(pack):
    """The messages of a pack of payload.py."""
    data = memoryview(pathlib.Path(pack["folder"], pack["pack"]).read_bytes())
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at + 1)
        yield data[at + 5:at + 5 + length]
        at += 5 + length


# -- JSON ---------------------------------------------------------------------

def json_pack(pack):
    """The requests of PACK as OTLP/JSON without blanks, as SDKs write it."""
    path = pathlib.Path(pack["folder"], f"{pack['pack']}-v{VERSION}.json")
    if not path.exists():
        # The writer of the tests shares no code with the service.
        sys.path.append(str(ROOT / "tests" / "integration"))
        import otlpjson
        writer = otlpjson.Writer()
        part = path.with_suffix(".part")
        with open(part, "wb") as out:
            for body in bodies(pack):
                message = REQUEST[pack["signal"]].FromString(bytes(body))
                text = json.dumps(writer.message(message), ensure_ascii=False,
                                  separators=(",", ":"))
                out.write(frame(text.encode()))
        part.rename(path)
    return {**pack, "pack": path.name}


# -- what the service stores --------------------------------------------------

def build_mark():
    """Stands for the programs that made a pack."""
    digest = hashlib.sha256(str(VERSION).encode())
    for name in ("otlp-arrow-service", "libotlp_arrow.so"):
        digest.update((Ours("none").program.parent / name).read_bytes())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def stored_file(bench, send, pack, rows):
    """The file in which the service keeps PACK in batches of ROWS."""
    ours = Ours("none", [f"storage.batch_rows={rows}"])
    load, _, _, folder = bench.life(ours, lambda server, port: send(
        server, port, pack, pack["requests"]))
    try:
        found = sorted(folder.rglob("*.arrow"))
        if load["failed"] or len(found) != 1:
            raise BenchError(f"storing {pack['pack']}: {load['failed']} "
                             f"requests failed, {len(found)} files")
        yield found[0]
    finally:
        shutil.rmtree(folder)


def unit_sums(path, pack, rows):
    """Of each batch of ROWS rows: the sum of its times, as payload.py has it.
    What is left at the end is no unit."""
    sums = []
    with pa.ipc.open_stream(str(path)) as reader:
        for batch in reader:
            if batch.num_rows != rows:
                break
            times = batch.column(TIME_COLUMN[pack["signal"]]).cast(pa.int64())
            sums.append(pc.sum(pc.subtract(times, pack["base_ns"])).as_py())
    if len(sums) != pack["requests"] * pack["size"] // rows:
        raise BenchError(f"{path}: {len(sums)} batches of {rows} rows")
    return sums


# -- Arrow Flight -------------------------------------------------------------

def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + bytes(data)


def flight_units(path, signal, count):
    """COUNT units: FlightData of a batch and of what comes before it."""
    descriptor = field(1, b"\x08\x01" + field(3, signal.encode()))
    unit, arrow = b"", 0
    with pa.memory_map(str(path)) as source:
        for message in pa.ipc.MessageReader.open_stream(source):
            if count == 0:
                return
            data = descriptor + field(2, message.metadata)
            if message.body is not None and message.body.size > 0:
                data += field(1000, message.body)
                arrow += message.body.size
            arrow += message.metadata.size
            unit += frame(data)
            descriptor = b""
            if message.type == "record batch":
                yield unit, arrow
                unit, arrow, count = b"", 0, count - 1


# -- OTAP ---------------------------------------------------------------------

class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 256)]


SINK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                        ctypes.c_size_t)


class Options(ctypes.Structure):
    _fields_ = [("compression", ctypes.c_int), ("level", ctypes.c_int),
                ("metric_metadata", ctypes.c_int),
                ("max_rows", ctypes.c_int64), ("max_bytes", ctypes.c_size_t),
                ("sink", SINK), ("context", ctypes.c_void_p)]


def otap_messages(path, compression):
    """The batches of the file PATH as one stream of OTAP messages."""
    lib = ctypes.CDLL(str(Ours("none").program.parent / "libotlp_arrow.so"))
    out, error = [], Error()

    def take(_, data, size):
        out.append(ctypes.string_at(data, size))
        return OK

    def check(status, wanted=OK):
        if status != wanted:
            raise BenchError(f"OTAP of {path}: {error.text.decode()}")

    sink = SINK(take)
    options = Options(COMPRESSION[compression], 0, 0, 0, 0, sink, None)
    output, reader = ctypes.c_void_p(), ctypes.c_void_p()
    why = ctypes.byref(error)
    check(lib.oa_otap_output_new(ctypes.byref(output), ctypes.byref(options),
                                 why))
    check(lib.oa_reader_open(ctypes.byref(reader), str(path).encode(), why))
    try:
        while (status := lib.oa_reader_next(reader, why)) == OK:
            check(lib.oa_otap_output_batch(output, reader, why))
        check(status, END)
    finally:
        lib.oa_reader_close(reader)
        lib.oa_otap_output_free(output)
    return out


# -- packs --------------------------------------------------------------------

def write_units(pack, name, units, rows, sums):
    """A stream pack; gives what is known about it."""
    arrow = 0
    with open(pathlib.Path(pack["folder"], name), "wb") as out:
        for unit, size in units:
            out.write(frame(unit))
            arrow += size
    return {"pack": name, "signal": pack["signal"], "size": rows,
            "requests": len(sums), "arrow_bytes": arrow, "time_sums": sums,
            "base_ns": pack["base_ns"]}


def flight_pack(path, pack, rows):
    sums = unit_sums(path, pack, rows)
    units = flight_units(path, pack["signal"], len(sums))
    return write_units(pack, f"{pack['signal']}.flight-{rows}", units, rows,
                       sums)


def otap_pack(path, pack, form):
    """As many messages as batches, with the items of one each."""
    rows = pack["size"]
    sums = unit_sums(path, pack, rows)
    messages = otap_messages(path, form)
    if len(messages) != len(sums):
        raise BenchError(f"{len(messages)} OTAP messages of {len(sums)} "
                         "batches")
    units = ((frame(message), len(message)) for message in messages)
    return write_units(pack, f"{pack['signal']}.otap-{form}", units, rows,
                       sums)


def make(bench, send, pack, folder):
    """The packs of one signal in FOLDER."""
    made, into = {}, {**pack, "folder": str(folder)}
    with stored_file(bench, send, pack, 1000) as path:
        made["flight-1000"] = flight_pack(path, into, 1000)
        for form in ("none", "zstd"):
            made[f"otap-{form}"] = otap_pack(path, into, form)
    with stored_file(bench, send, pack, 10_000) as path:
        made["flight-10000"] = flight_pack(path, into, 10_000)
    return made


def stream_packs(bench, send, pack):
    """The OTAP and Flight packs with the items of PACK (1,000 a request),
    made by the programs as they are now.  SEND(server, port, pack, requests)
    sends over one connection, so that order is kept."""
    base = pathlib.Path(pack["folder"]).parent / "streams"
    folder = base / build_mark()
    manifest = folder / f"{pack['signal']}.json"
    if not manifest.exists():
        for old in base.glob("*"):
            if old != folder:
                shutil.rmtree(old)
        folder.mkdir(parents=True, exist_ok=True)
        manifest.write_text(json.dumps(make(bench, send, pack, folder)))
    packs = json.loads(manifest.read_text())
    return {key: {**value, "folder": str(folder)}
            for key, value in packs.items()}
