# SPDX-License-Identifier: Apache-2.0
"""What the files hold against what was sent.

The tool gives the requests back to the byte; pyarrow, polars and nanoarrow
then read the same files on their own, and pyarrow must see every mark.
"""

import functools
from collections import Counter

import nanoarrow
import polars
import pyarrow as pa
from nanoarrow.ipc import InputStream

import sent
import harness
import otlpgen

# Where the marks of a signal's items stand.
COLUMN = {"traces": "trace_id", "logs": "trace_id", "metrics": "metric_name"}


class Wrong(AssertionError):
    """What was promised is not so."""


@functools.lru_cache
def tool_has(command):
    return command in harness.run_tool("--help").stdout.split()


def read_file(path, column, plain):
    """Rows of PATH by every reader, and the marks in COLUMN.  nanoarrow 0.9 reads
    no compressed dictionaries, so it gets the PLAIN files."""
    try:
        with pa.ipc.open_stream(pa.OSFile(str(path), "rb")) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise Wrong(f"pyarrow cannot read {path}: {error}") from error
    try:
        frame = polars.read_ipc_stream(str(path), columns=[column]) if table.num_rows else table
        rows = [frame.shape[0]]
    except Exception as error:  # whatever polars says: it is the file's fault
        raise Wrong(f"polars cannot read {path}: {error}") from error
    if plain:
        try:
            with InputStream.from_path(str(path)) as stream:
                rows.append(sum(chunk.length for chunk in nanoarrow.c_array_stream(stream)))
        except Exception as error:
            raise Wrong(f"nanoarrow cannot read {path}: {error}") from error
    if set(rows) != {table.num_rows}:
        raise Wrong(f"{path}: {table.num_rows} rows for pyarrow, {rows} for polars, nanoarrow")
    values = table.column(column).unique().to_pylist()
    return table.num_rows, [v.encode() if isinstance(v, str) else v for v in values]


def requests_in(book, directory, may_change=lambda number: False):
    """How often each request is in the files, all of it and as it was sent, and how
    many are not as they were sent, of those that MAY_CHANGE."""
    present, changed = Counter(), 0
    for signal in otlpgen.SIGNALS:
        try:
            stored = harness.stored_requests(directory, signal)
        except AssertionError as error:
            raise Wrong(f"convert: {error}") from error
        for raw in stored:
            try:
                present[book.recognize(signal, raw)] += 1
            except ValueError as error:
                if not isinstance(error, sent.Changed) or not may_change(error.number):
                    raise Wrong(str(error)) from error
                changed += 1
    return present, changed


def read_all(directory, plain):
    """Marks that pyarrow finds, by signal, and the number of rows."""
    marks, rows = {}, 0
    for signal in otlpgen.SIGNALS:
        marks[signal] = set()
        for path in harness.files_of(directory, signal):
            count, found = read_file(path, COLUMN[signal], plain)
            marks[signal].update(found)
            rows += count
    return marks, rows


def verify(directory, required=False):
    if not tool_has("verify"):
        if required:
            raise Wrong("the tool has no verify")
        return
    done = harness.run_tool("verify", directory)
    if done.returncode != 0:
        raise Wrong(f"verify: {done.stdout}{done.stderr}")


def check(book, directory, must, once=True, plain=False, holes=False):
    """MUST is the requests that have to be there, ONCE: none may be there twice.
    HOLES: a power cut may have left zeros where values of others were, which no
    reader of uncompressed columns can tell from values.
    Gives what is there; raises Wrong."""
    marks, rows = read_all(directory, plain)
    known = {r.number for r in must}
    present, changed = requests_in(book, directory, lambda number: holes and number not in known)
    verify(directory)
    missing = [r for r in must if r.number not in present]
    if missing:
        first = missing[0]
        raise Wrong(f"{len(missing)} of {len(must)} acknowledged requests are lost, such as "
                    f"{first.number}: {first.template.items} items of {first.template.signal} at "
                    f"{first.level}{', OTAP' if first.template.otap else ''}")
    twice = [number for number, count in present.items() if count > 1]
    if once and twice:
        raise Wrong(f"{len(twice)} requests are there twice, such as {twice[0]}")
    expected = sum(book.requests[n].template.points * c for n, c in present.items())
    if changed == 0 and expected != rows:
        raise Wrong(f"{rows} rows in the files, {expected} in what the tool gives back")
    for r in must:
        number = b"%08x" % r.number
        if not marks[r.template.signal].issuperset(m.replace(sent.SLOT, number)
                                                   for m in r.template.marks):
            raise Wrong(f"pyarrow does not find all of request {r.number}")
    return present
