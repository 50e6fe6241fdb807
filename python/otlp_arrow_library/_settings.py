# SPDX-License-Identifier: Apache-2.0
"""Keywords as the keys and texts of the configuration."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping
from typing import Any

# Keywords that leave their section out.
_SHORT = {
    "protobuf_enabled": "protocols.protobuf_enabled",
    "protobuf_port": "protocols.protobuf_port",
    "arrow_flight_enabled": "protocols.arrow_flight_enabled",
    "arrow_flight_port": "protocols.arrow_flight_port",
}

Pairs = tuple[tuple[str, str], ...]


def pairs_of(settings: Mapping[str, Any]) -> Pairs:
    """SETTINGS as (key, text); those that are None are left out.

    A section is a dict, or its name and a double underscore in front:
    `storage={"compression": "zstd"}` is `storage__compression="zstd"`.
    """
    return tuple(
        pair for name, value in settings.items()
        for pair in _flatten(_SHORT.get(name, name.replace("__", ".")), value)
    )


def _flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{key}: a key must be a str, not {type(name).__name__}")
            yield from _flatten(f"{key}.{name.replace('__', '.')}", inner)
    else:
        yield key, _text(key, value)


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, datetime.timedelta):
        return str(value.total_seconds())
    if isinstance(value, (str, os.PathLike)):
        return _path_text(key, value)
    if isinstance(value, (list, tuple)):
        return ",".join(_text(key, item) for item in value)
    raise TypeError(f"{key}: a {type(value).__name__} cannot be a setting")


def _path_text(key: str, value: str | os.PathLike[Any]) -> str:
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"{key}: expected str, got {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{key}: a NUL character in it")
    return text


def expect(name: str, value: Any, *types: type) -> None:
    """TypeError unless VALUE is None or of TYPES; a bool is no int."""
    if value is None or (isinstance(value, types)
                         and (bool in types or not isinstance(value, bool))):
        return
    names = " or ".join(t.__name__ for t in types)
    raise TypeError(f"{name}: expected {names}, got {type(value).__name__}")


def milliseconds(seconds: float | None, name: str = "timeout") -> int:
    """SECONDS for the C library, which has 32 bits for it."""
    if seconds is None:
        return 0xFFFFFFFE
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name}: expected a number of seconds, got {type(seconds).__name__}")
    if not seconds >= 0:
        raise ValueError(f"{name}: must be 0 or more, not {seconds}")
    return int(min(seconds * 1000, 0xFFFFFFFE))
