# SPDX-License-Identifier: Apache-2.0
"""One library for all exporters of a process and directory."""

from __future__ import annotations

import os
import threading
from typing import Any

from ._errors import OtlpConfigError
from ._settings import Pairs, pairs_of
from .library import OtlpLibrary, output_dir_of


class _Entry:
    def __init__(self, library: OtlpLibrary, pairs: Pairs) -> None:
        self.library = library
        self.pairs = pairs
        self.users = 0


_entries: dict[str, _Entry] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def acquire(settings: dict[str, Any]) -> OtlpLibrary:
    """The library of the directory that SETTINGS and the environment name,
    opened for the first who asks.  OtlpConfigError when it is open with other
    settings; else as OtlpLibrary()."""
    config = settings.get("config")
    pairs = pairs_of(settings)
    own = {key: value for key, value in settings.items() if key not in ("config", "environment")}
    directory = output_dir_of(pairs_of(own), config and os.fspath(config),
                              settings.get("environment", True))
    with _lock:
        entry = _entries.get(directory)
        if entry is None:
            entry = _entries[directory] = _Entry(OtlpLibrary(**settings), pairs)
        elif entry.pairs != pairs:
            raise OtlpConfigError(f"{directory}: another exporter has it open with other settings")
        entry.users += 1
        return entry.library


def release(library: OtlpLibrary, timeout: float) -> bool:
    """The last one shuts it down; as OtlpLibrary.shutdown()."""
    with _lock:
        for directory, entry in _entries.items():
            if entry.library is library:
                entry.users -= 1
                if entry.users > 0:
                    break
                del _entries[directory]
                return library.shutdown(timeout)
    return True
