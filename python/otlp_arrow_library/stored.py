# SPDX-License-Identifier: Apache-2.0
"""Stored telemetry as Arrow data."""

from __future__ import annotations

import os

from . import _core
from ._errors import OtlpNotFoundError
from ._times import Time, nanoseconds

_TRACES, _METRICS, _LOGS = range(3)


class StoredSignal:
    """Rows of one signal, for every library that takes `__arrow_c_stream__`:
    pyarrow.table(it), polars.DataFrame(it), duckdb.sql("FROM it").

    Each use reads the files anew, one after the other, so it costs little memory
    and sees what has come since.
    """

    def __init__(self, path: str, signal: int, from_ns: int, to_ns: int) -> None:
        self._arguments = (path, signal, from_ns, to_ns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A PyCapsule "arrow_array_stream".  The schema is always that of the
        files.  OtlpIoError, OtlpNotFoundError when they cannot be read."""
        return _core.open_stored(*self._arguments)


class StoredDirectory:
    """What open_dir() gives."""

    def __init__(self, path: str) -> None:
        self.path = path

    def traces(self, from_ns: Time | None = None, to_ns: Time | None = None) -> StoredSignal:
        """Spans that start at FROM_NS or later and before TO_NS: nanoseconds
        since 1970, or datetimes.  Without both: all."""
        return self._signal(_TRACES, from_ns, to_ns)

    def metrics(self, from_ns: Time | None = None, to_ns: Time | None = None) -> StoredSignal:
        """Data points, by their time as traces()."""
        return self._signal(_METRICS, from_ns, to_ns)

    def logs(self, from_ns: Time | None = None, to_ns: Time | None = None) -> StoredSignal:
        """Log records, by their time as traces()."""
        return self._signal(_LOGS, from_ns, to_ns)

    def _signal(self, signal: int, from_ns: Time | None, to_ns: Time | None) -> StoredSignal:
        start = 0 if from_ns is None else nanoseconds("from_ns", from_ns)
        end = 0 if to_ns is None else nanoseconds("to_ns", to_ns)
        if to_ns is not None and end <= start:
            raise ValueError(f"to_ns: {end} is not after from_ns, {start}")
        return StoredSignal(self.path, signal, start, end)


def open_dir(path: str | os.PathLike[str]) -> StoredDirectory:
    """The telemetry stored in PATH: an output directory and what is below it
    (those of forked workers too), or one file.  A service may be writing there.
    OtlpNotFoundError when there is nothing."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"path: expected str, got {type(text).__name__}")
    if not os.path.exists(text):
        raise OtlpNotFoundError(f"{text}: there is no such file or directory")
    return StoredDirectory(text)
