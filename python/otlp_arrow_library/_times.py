# SPDX-License-Identifier: Apache-2.0
"""Times as nanoseconds since 1970."""

from __future__ import annotations

import datetime

Time = int | datetime.datetime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)


def nanoseconds(key: str, value: Time) -> int:
    """VALUE in nanoseconds.  A datetime without a time zone is local time, as
    Python has it.  TypeError and ValueError name KEY."""
    if isinstance(value, datetime.datetime):
        value = (value.astimezone(datetime.timezone.utc) - _EPOCH) // _MICROSECOND * 1000
    elif isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{key}: expected int (nanoseconds) or datetime, "
                        f"got {type(value).__name__}")
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{key}: {value} is not in 0 .. 2**64-1")
    return value
