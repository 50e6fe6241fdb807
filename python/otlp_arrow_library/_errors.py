# SPDX-License-Identifier: Apache-2.0
"""What can go wrong.  Every error of this package is an OtlpError, and the
built-in exception that it resembles most too."""

from __future__ import annotations


class OtlpError(Exception):
    """The base of all; `status` is the number that the C library gave."""

    status: int = 0


class OtlpConfigError(OtlpError, ValueError):
    """A setting is unknown or wrong; the text names it."""


class OtlpLimitError(OtlpError, ValueError):
    """What was passed is larger than the service takes at once."""


class OtlpIoError(OtlpError, OSError):
    """The operating system refused: a directory that cannot be used or that
    another library has open, a disk that fails."""


class OtlpNotFoundError(OtlpIoError, FileNotFoundError):
    """There is no such file or directory."""


class OtlpBufferFullError(OtlpError):
    """Buffers were full until the time was up.  Nothing was taken; try again
    later."""


class OtlpClosedError(OtlpError):
    """The library was shut down."""


# The values of oa_status.
_NOMEM, _LIMIT, _BUSY, _IO = -1, -4, -5, -6
_CONFIG, _NOT_FOUND, _CLOSED = -7, -9, -11

_CLASSES: dict[int, type[OtlpError]] = {
    _LIMIT: OtlpLimitError,
    _BUSY: OtlpBufferFullError,
    _IO: OtlpIoError,
    _CONFIG: OtlpConfigError,
    _NOT_FOUND: OtlpNotFoundError,
    _CLOSED: OtlpClosedError,
}


def make(status: int, text: str) -> Exception:
    """The exception for a status of the C library, which calls this."""
    if status == _NOMEM:
        return MemoryError(text)
    error = _CLASSES.get(status, OtlpError)(text)
    error.status = status
    return error
