# SPDX-License-Identifier: Apache-2.0
"""A strict reader of HTTP/1.1 requests, written from RFC 9112 and RFC 9110.

Where the specification leaves a recipient the choice between refusing and
guessing, this one refuses.  It looks at whole connections, copies without
care, and shares nothing with the server: it is what the server is compared
with.
"""

import dataclasses
import re

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
HEX = re.compile(rb"[0-9A-Fa-f]+")
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|([A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*)(:[0-9]*)?")


class Refused(Exception):
    """The bytes are no request, and nobody knows where the next one begins."""


class Incomplete(Exception):
    """The bytes end inside a request."""


@dataclasses.dataclass
class Request:
    method: bytes
    target: bytes
    path: bytes
    minor: int
    fields: list
    body: bytes
    persistent: bool

    def value(self, name):
        """The value of the first field NAME, or None."""
        found = [value for key, value in self.fields if key == name]
        return found[0] if found else None


@dataclasses.dataclass
class Reading:
    """Whole requests, and how the connection ends behind them: `end` (all has
    been used), `incomplete`, `refused`, or `closed` (by what a request said)."""
    requests: list
    ending: str
    why: str = ""


def read_connection(data):
    requests, at = [], 0
    while at < len(data):
        try:
            request, at = read_request(data, at)
        except Incomplete as error:
            return Reading(requests, "incomplete", str(error))
        except Refused as error:
            return Reading(requests, "refused", str(error))
        requests.append(request)
        if not request.persistent:
            return Reading(requests, "closed")
    return Reading(requests, "end")


def read_request(data, at):
    if data[at:at + 2] == b"\r\n":  # RFC 9112, 2.2: one empty line before
        at += 2
    line, at = read_line(data, at)
    method, target, minor = read_request_line(line)
    fields, at = read_fields(data, at)
    path, in_target = read_target(method, target)
    check_host(fields, minor, in_target)
    body, at = read_body(data, at, fields, minor)
    return Request(method, target, path, minor, fields, body, persists(fields, minor)), at


def read_line(data, at):
    """The line at AT without its CRLF, and what is behind it."""
    end = data.find(b"\n", at)
    line = data[at:] if end < 0 else data[at:end]
    if end >= 0 and not line.endswith(b"\r"):
        raise Refused("a line ends without CR")
    bare = line[:-1] if line.endswith(b"\r") else line
    if b"\r" in bare:
        raise Refused("a bare CR")
    if b"\0" in bare:
        raise Refused("NUL")
    if end < 0:
        raise Incomplete("a line")
    return bare, end + 1


def read_request_line(line):
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Refused("the request line has not three parts")
    method, target, version = parts
    if not TOKEN.fullmatch(method):
        raise Refused("the method is no token")
    if not re.fullmatch(rb"[\x21-\x22\x24-\x7e]+", target):
        raise Refused("the target has characters in it that no URI has")
    found = VERSION.fullmatch(version)
    if not found or found[1] != b"1":
        raise Refused("the version")
    return method, target, int(found[2])


def read_target(method, target):
    """The path, and the authority when the target has one."""
    if method == b"CONNECT":
        raise Refused("CONNECT: what follows is not HTTP")
    if target.startswith(b"/"):
        return target.split(b"?")[0], None
    if target == b"*" and method == b"OPTIONS":
        return target, None
    found = re.fullmatch(rb"https?://([^/?]+)(/[^?]*)?(\?.*)?", target, re.IGNORECASE)
    if not found:
        raise Refused("the form of the target")
    if found[1].startswith(b":") or not HOST.fullmatch(found[1]):
        raise Refused("the authority of the target")
    return found[2] or b"/", found[1]


def read_fields(data, at):
    """Field lines up to the empty one."""
    fields = []
    while True:
        line, at = read_line(data, at)
        if not line:
            return fields, at
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):  # includes obs-fold and space before the colon
            raise Refused(f"the field line {line[:40]!r}")
        if not VALUE.fullmatch(value):
            raise Refused(f"the value in {line[:40]!r}")
        fields.append((name.lower(), value.strip(b" \t")))


def values(fields, name):
    return [value for key, value in fields if key == name]


def elements(fields, name):
    """Members of a comma-separated list; empty ones do not count (RFC 9110, 5.6.1)."""
    words = [word.strip(b" \t").lower() for value in values(fields, name) for word in value.split(b",")]
    return [word for word in words if word]


def check_host(fields, minor, in_target):
    hosts = values(fields, b"host")
    if len(hosts) > 1 or (not hosts and minor >= 1):
        raise Refused(f"{len(hosts)} Host fields")
    if hosts and not HOST.fullmatch(hosts[0]):
        raise Refused("the Host field")
    del in_target  # it counts instead of Host, which must be right nevertheless


def persists(fields, minor):
    options = elements(fields, b"connection")
    if b"close" in options:
        return False
    return minor >= 1 or b"keep-alive" in options


def read_body(data, at, fields, minor):
    lengths = values(fields, b"content-length")
    if values(fields, b"transfer-encoding"):
        if lengths or minor < 1:
            raise Refused("Transfer-Encoding beside Content-Length, or in HTTP/1.0")
        if elements(fields, b"transfer-encoding") != [b"chunked"]:
            raise Refused("a transfer coding that is not chunked alone")
        return read_chunks(data, at)
    if not lengths:
        return b"", at
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", lengths[0]):
        raise Refused("the Content-Length")
    end = at + int(lengths[0])
    if end > len(data):
        raise Incomplete("a body")
    return data[at:end], end


def read_chunks(data, at):
    body = b""
    while True:
        line, behind = read_chunk_line(data, at)
        digits = HEX.match(line)
        if not digits:
            raise Refused("the size of a chunk")
        rest = line[digits.end():]
        # Extensions are not looked at, but must begin as such.
        if rest and not re.fullmatch(rb"[ \t]*;[\t\x20-\x7e\x80-\xff]*", rest):
            raise Refused("what is behind the size of a chunk")
        size, at = int(digits[0], 16), behind
        if size == 0:
            _, at = read_fields(data, at)  # trailers are read, and not used
            return body, at
        if at + size > len(data):
            raise Incomplete("a chunk")
        body += data[at:at + size]
        at += size
        if data[at:at + 2] != b"\r\n":
            if b"\r\n".startswith(data[at:at + 2]):
                raise Incomplete("the end of a chunk")
            raise Refused("a chunk does not end in CRLF")
        at += 2


def read_chunk_line(data, at):
    try:
        return read_line(data, at)
    except Incomplete:
        # Whatever may still come, this is no size.
        if data[at:at + 1] and not HEX.match(data[at:at + 1]):
            raise Refused("the size of a chunk") from None
        raise
