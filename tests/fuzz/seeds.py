#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the first inputs of the fuzz targets to tests/fuzz/corpus/.

Every input is small and valid, so that a fuzzer starts deep inside a parser.
The same inputs come out of every run.  Inputs that a fuzzer found are added by
hand beside these, which are named seed_*.  Needs the Python environment that
`./dev test` makes:

    .venv/bin/python tests/fuzz/seeds.py
"""
import gzip
import io
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import cbor2  # noqa: E402
import pyarrow as pa  # noqa: E402
import zstandard  # noqa: E402

import otlpgen  # noqa: E402

MAX_SEED = 3000
SEEDS = 12


def requests(signal):
    """Small random requests of many sizes."""
    made = [otlpgen.request(signal, seed).SerializeToString(deterministic=True)
            for seed in range(200)]
    fitting = sorted((raw for raw in made if raw and len(raw) <= MAX_SEED),
                     key=len)
    return fitting[::max(1, len(fitting) // SEEDS)][:SEEDS]


def all_requests():
    return [raw for signal in otlpgen.SIGNALS for raw in requests(signal)[::3]]


def batches():
    """Record batches with the types that the reader knows."""
    flat = pa.record_batch({
        "u8": pa.array([1, None, 3], pa.uint8()),
        "i64": pa.array([-1, 0, 2**63 - 1], pa.int64()),
        "f64": pa.array([0.5, None, float("inf")], pa.float64()),
        "bool": pa.array([True, None, False]),
        "time": pa.array([1, None, 3], pa.timestamp("ns", "UTC")),
        "id": pa.array([b"01234567", None, b"abcdefgh"], pa.binary(8)),
        "text": pa.array(["a", None, "\u00fc"]),
        "bytes": pa.array([b"", None, b"\x00\xff"]),
    })
    dictionary = pa.record_batch({
        "name": pa.array(["GET", "PUT", None, "GET"]).dictionary_encode(),
        "raw": pa.array([b"r", b"r", b"s", None]).dictionary_encode(),
    })
    pair = pa.struct([("key", pa.string()), ("int", pa.int64())])
    nested = pa.record_batch({
        "counts": pa.array([[1, 2], [], [3]], pa.list_(pa.uint64())),
        "attributes": pa.array(
            [[{"key": "a", "int": 1}], [], [{"key": "b", "int": None}]],
            pa.list_(pair)),
    })
    return [flat, dictionary, nested]


def streams():
    """Arrow IPC streams of each batch, twice, in each compression."""
    for batch in batches():
        for compression in (None, "lz4", "zstd"):
            out = io.BytesIO()
            options = pa.ipc.IpcWriteOptions(compression=compression)
            with pa.ipc.new_stream(out, batch.schema, options=options) as writer:
                writer.write_batch(batch)
                writer.write_batch(batch.slice(1))
            yield out.getvalue()


def cbor():
    values = [None, True, 0, -1, 2**63 - 1, 1.5, float("nan"), "", "text",
              b"", b"bytes", [], {}, [1, "a", [2.5, None]],
              {"a": {"b": [1, {"c": b"d"}]}}, [[[[[[]]]]]]]
    return [cbor2.dumps(value) for value in values]


def yaml():
    return [text.encode() for text in (
        "",
        "output_dir: ./data\n",
        "write_interval_secs: 500ms\nack: memory\n",
        "storage:\n  compression: lz4\n  max_file_size: 64MiB\n",
        "protocols: {protobuf_port: 0, arrow_flight_enabled: false}\n",
        "# a comment\nlog:\n  level: \"debug\"\n  format: json\n",
        "output_dir: ${env:HOME}/x\nbind_address: '::1'\n",
        "output_dir: |\n  a\n  b\n",
        "a: &x [1, 2]\nb: *x\n",
        "forwarding:\n  authentication:\n    credentials:\n      key: k\n",
    )]


def compressed():
    """Each codec's frames, and columns of numbers, behind the byte that
    chooses codec, shape and stride (see fuzz_codec.c)."""
    body = requests("traces")[2]
    frames = [(0, body),
              (1, gzip.compress(body, mtime=0)), (1, gzip.compress(b"", mtime=0)),
              (1, gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0)),
              (2, zstandard.compress(body)), (2, zstandard.compress(b"")),
              (3, pa.compress(body, "lz4", asbytes=True))]
    offsets = b"".join(struct.pack("<I", 10 * i) for i in range(200))
    times = b"".join(struct.pack("<Q", 10**18 + i * i) for i in range(100))
    ids = (body[:16] + body[16:32]) * 20
    zstd, numbers, strided, values = 2, 4, 8, 12
    columns = [(zstd + numbers, offsets), (zstd + strided + 2 * 16, offsets),
               (zstd + strided + 3 * 16, times), (zstd + values + 4 * 16, ids)]
    return [bytes([how]) + raw for how, raw in frames + columns]


def grpc():
    """Header values, and texts of errors."""
    return [b"1S", b"99999999H", b"12345678n", b"0m", b"identity", b"gzip",
            b"zstd", b"zstdarrow1", b"zstdarrow10", b"application/grpc",
            b"application/grpc+proto", b"application/grpc;charset=utf-8",
            "50 % of \u00fc\n\u20ac".encode(),
            b"traces: resource_spans[0]: field 2 at offset 17 ends too early",
            ("x" * 1023 + "\U0001f4a9").encode(), b"%" * 1100]


# By the name of the target; a target without a line here needs one.
MAKERS = {
    "ipc_read": streams,
    "cursor": all_requests,
    "otlp_traces": lambda: requests("traces"),
    "otlp_metrics": lambda: requests("metrics"),
    "otlp_logs": lambda: requests("logs"),
    "cbor": cbor,
    "config": yaml,
    "codec": compressed,
    "grpc": grpc,
}


def main():
    missing = 0
    for source in sorted(HERE.glob("fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        if target not in MAKERS:
            print(f"{target}: no seeds; add a line to MAKERS")
            missing += 1
            continue
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed_*"):
            old.unlink()
        for number, seed in enumerate(MAKERS[target]()):
            (folder / f"seed_{number:02}").write_bytes(seed)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
