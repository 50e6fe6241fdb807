# SPDX-License-Identifier: Apache-2.0
"""Arrow files to plain Python values, through each reader's own eyes.

The plain form is the same for all: times are integers (ns), bytes are
"x:<hex>", doubles that are not numbers are "NaN", other doubles are
"f:<16 hex digits>", structs are dicts, null is None.
"""

import json
import math
import struct
import subprocess
from pathlib import Path

import cbor2
import pyarrow as pa
import pyarrow.ipc

HERE = Path(__file__).resolve().parent


def plain_double(value):
    if value is None:
        return None
    return "NaN" if math.isnan(value) else "f:" + struct.pack(">d", value).hex()


def plain_leaf(value):
    if isinstance(value, float):
        return plain_double(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "x:" + bytes(value).hex()
    return value


def plain_nested(value):
    """For readers whose own conversion gives lists, dicts and leaves."""
    if isinstance(value, dict):
        return {k: plain_nested(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_nested(v) for v in value]
    return plain_leaf(value)


# --- pyarrow ---

def from_pyarrow(array):
    """The values of a pyarrow array in plain form."""
    if isinstance(array, pa.ChunkedArray):
        return [v for chunk in array.chunks for v in from_pyarrow(chunk)]
    kind = array.type
    if pa.types.is_dictionary(kind):
        words = from_pyarrow(array.dictionary)
        return [None if i is None else words[i] for i in array.indices.to_pylist()]
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return array.cast(pa.int64()).to_pylist()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        items = from_pyarrow(array.values)
        ends = array.offsets.to_pylist()
        valid = array.is_valid().to_pylist()
        return [items[ends[i]:ends[i + 1]] if ok else None for i, ok in enumerate(valid)]
    if pa.types.is_struct(kind):
        names = [kind.field(i).name for i in range(kind.num_fields)]
        columns = [from_pyarrow(array.field(i)) for i in range(kind.num_fields)]
        rows = [dict(zip(names, row)) for row in zip(*columns)]
        return [row if ok else None for row, ok in zip(rows, array.is_valid().to_pylist())]
    return [plain_leaf(v) for v in array.to_pylist()]


def table_of(path):
    """A stream file as a checked pyarrow table."""
    with pa.ipc.open_stream(pa.memory_map(str(path))) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def rows_of(directory, signal):
    """All rows of a signal as plain dicts, files in the order of their names."""
    rows = []
    for path in sorted((Path(directory) / "otlp" / signal).glob("*.arrow")):
        table = table_of(path)
        columns = {name: from_pyarrow(table[name]) for name in table.column_names}
        rows += [dict(zip(columns, row)) for row in zip(*columns.values())]
    return rows


MEMBERS = {1: "str", 2: "int", 3: "double", 4: "bool", 7: "bytes"}


def attributes(pairs):
    """A stored attribute list as {key: value}, in plain Python types."""
    found = {}
    for pair in pairs:
        kind = pair["type"]
        if kind in (5, 6):
            found[pair["key"]] = cbor2.loads(bytes.fromhex(pair["ser"][2:]))
        elif kind == 3:
            found[pair["key"]] = as_double(pair["double"])
        elif kind == 7:
            found[pair["key"]] = bytes.fromhex((pair["bytes"] or "x:")[2:])
        else:
            found[pair["key"]] = pair[MEMBERS[kind]] if kind else None
    return found


def as_double(text):
    """The number behind a plain double."""
    if text is None or text == "NaN":
        return None if text is None else math.nan
    return struct.unpack(">d", bytes.fromhex(text[2:]))[0]


# --- polars ---

def read_polars(path):
    import polars as pl

    return from_polars(pl.read_ipc_stream(path))


def from_polars(frame):
    import polars as pl

    def countable(kind):
        """KIND with integers in place of times, which Python cannot hold."""
        if isinstance(kind, (pl.Datetime, pl.Duration)):
            return pl.Int64()
        if isinstance(kind, pl.List):
            return pl.List(countable(kind.inner))
        if isinstance(kind, pl.Struct):
            return pl.Struct({f.name: countable(f.dtype) for f in kind.fields})
        return kind

    frame = frame.cast({name: countable(kind) for name, kind in frame.schema.items()
                        if countable(kind) != kind})
    return {name: plain_nested(frame[name].to_list()) for name in frame.columns}


# --- duckdb ---

def read_duckdb(path):
    import duckdb

    reader = pa.ipc.open_stream(pa.memory_map(str(path)))
    with duckdb.connect() as connection:
        connection.register("stream", reader)
        table = connection.sql("SELECT * FROM stream").to_arrow_table()
    return {name: from_pyarrow(table[name]) for name in table.column_names}


# --- nanoarrow ---

def read_nanoarrow(path):
    from nanoarrow.ipc import InputStream

    with InputStream.from_path(str(path)) as stream:
        return from_nanoarrow(stream)


def from_nanoarrow(stream):
    import nanoarrow

    columns = {}
    for chunk in list(nanoarrow.c_array_stream(stream)):
        for name, values in walk_nanoarrow(chunk.view(), chunk.schema):
            columns.setdefault(name, []).extend(values)
    return columns


def walk_nanoarrow(view, schema):
    for i, child in enumerate(schema.children):
        yield child.name, nanoarrow_values(view.child(i), child)


def nanoarrow_values(view, schema):
    length = view.length
    if schema.dictionary is not None:
        words = nanoarrow_values(view.dictionary, schema.dictionary)
        values = [words[i] if words else None for i in list(view.buffer(1))[:length]]
    elif schema.format == "+l":
        items = nanoarrow_values(view.child(0), schema.child(0))
        ends = list(view.buffer(1)) or [0] * (length + 1)
        values = [items[ends[i]:ends[i + 1]] for i in range(length)]
    elif schema.format == "+s":
        names = [child.name for child in schema.children]
        parts = [nanoarrow_values(view.child(i), c) for i, c in enumerate(schema.children)]
        values = [dict(zip(names, row)) for row in zip(*parts)]
    elif schema.format in ("u", "z"):
        ends, data = list(view.buffer(1)) or [0] * (length + 1), bytes(view.buffer(2))
        values = [data[ends[i]:ends[i + 1]] for i in range(length)]
        values = [v.decode() if schema.format == "u" else plain_leaf(v) for v in values]
    elif schema.format.startswith("w:"):
        width, data = int(schema.format[2:]), bytes(view.buffer(1))
        values = [plain_leaf(data[i * width:(i + 1) * width]) for i in range(length)]
    elif schema.format == "b":
        bits = bytes(view.buffer(1))
        values = [bool(bits[i >> 3] >> (i & 7) & 1) for i in range(length)]
    else:
        values = [plain_leaf(v) for v in list(view.buffer(1))[:length]]
    assert view.offset == 0 and len(values) == length, (schema, view.offset, len(values), length)
    valid = bytes(view.buffer(0))
    if valid:
        values = [v if valid[i >> 3] >> (i & 7) & 1 else None for i, v in enumerate(values)]
    return values


# --- arrow-js ---

def read_arrow_js(path):
    done = subprocess.run(["node", HERE / "read_arrow.mjs", path], capture_output=True, text=True,
                          timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return {name: unwrap(values) for name, values in json.loads(done.stdout).items()}


def unwrap(value):
    """Undoes the "i:" in front of integers, which JSON cannot be trusted with."""
    if isinstance(value, str):
        if value.startswith("i:"):
            return int(value[2:])
        return value[2:] if value.startswith("s:") else value
    if isinstance(value, list):
        return [unwrap(v) for v in value]
    if isinstance(value, dict):
        return {k: unwrap(v) for k, v in value.items()}
    return value
