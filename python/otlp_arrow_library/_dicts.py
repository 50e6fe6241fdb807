# SPDX-License-Identifier: Apache-2.0
"""Spans, metrics and log records as dicts: checked, and given the fields by
which the extension reads the SDK's objects.

A wrong type is a TypeError, a bad value a ValueError, and each begins with the
path to what is wrong, such as `spans[3].attributes['http.status']`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from ._times import nanoseconds

MAX_DEPTH = 32

KINDS = ("internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
TEMPORALITIES = ("unspecified", "delta", "cumulative")


class Fields:
    """A dict whose keys are taken one by one; what is left at the end is not
    known."""

    def __init__(self, path: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(f"{path}: expected dict, got {type(value).__name__}")
        self.path = path
        self.left = dict(value)

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, types: type | tuple[type, ...], default: Any = None,
             required: bool = False) -> Any:
        value = self.left.pop(key, None)
        if value is None:
            if required:
                raise ValueError(f"{self.at(key)}: is required")
            return default
        wanted = types if isinstance(types, tuple) else (types,)
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            names = " or ".join(t.__name__ for t in wanted)
            raise TypeError(f"{self.at(key)}: expected {names}, got {type(value).__name__}")
        return value

    def text(self, key: str, required: bool = False) -> str:
        value: str = self.take(key, str, "", required)
        return value

    def word(self, key: str, words: Sequence[str], default: str | None) -> int:
        """The place of a word in WORDS."""
        value = self.take(key, str, default, default is None)
        if value not in words:
            raise ValueError(f"{self.at(key)}: {value!r} is none of {', '.join(words)}")
        return words.index(value)

    def whole(self, key: str, default: int | None = 0, bits: int = 64, signed: bool = False,
              required: bool = False) -> Any:
        value = self.take(key, int, default, required)
        low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
        if value is not None and not low <= value < high:
            raise ValueError(f"{self.at(key)}: {value} is not in {low} .. {high - 1}")
        return value

    def number(self, key: str, default: Any = None, required: bool = False) -> Any:
        value = self.take(key, (int, float), default, required)
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{self.at(key)}: {value} does not fit 64 bits")
        return value

    def when(self, key: str, default: int = 0) -> int:
        value = self.left.pop(key, None)
        return default if value is None else nanoseconds(self.at(key), value)

    def an_id(self, key: str, size: int, required: bool = False) -> int:
        """An id of SIZE bytes as the SDK keeps it, a number; 0 = none."""
        value = self.take(key, (bytes, bytearray), b"", required)
        if not value and not required:
            return 0
        if len(value) != size:
            raise ValueError(f"{self.at(key)}: must have {size} bytes, not {len(value)}")
        number = int.from_bytes(value, "big")
        if number == 0:
            raise ValueError(f"{self.at(key)}: must not be all zeros")
        return number

    def attributes(self, key: str = "attributes") -> dict[str, Any]:
        value = self.left.pop(key, None)
        return {} if value is None else attributes_of(self.at(key), value)

    def each(self, key: str, required: bool = False) -> Iterator[Fields]:
        """The dicts in a list."""
        items = self.take(key, (list, tuple), (), required)
        for i, item in enumerate(items):
            yield Fields(f"{self.at(key)}[{i}]", item)

    def end(self) -> None:
        for key in self.left:
            raise ValueError(f"{self.at(str(key))}: there is no such key")


def attributes_of(path: str, value: Any, depth: int = 1) -> dict[str, Any]:
    """VALUE, checked; a copy as far as its containers go."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{path}: expected dict, got {type(value).__name__}")
    result = {}
    for key, inner in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{path}: the key {key!r} must be a str")
        result[key] = value_of(f"{path}[{key!r}]", inner, depth)
    return result


def value_of(path: str, value: Any, depth: int = 1) -> Any:
    if value is None or isinstance(value, (str, bool, float, bytes)):
        return value
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{path}: {value} does not fit 64 bits")
        return value
    if depth > MAX_DEPTH:
        raise ValueError(f"{path}: nested deeper than {MAX_DEPTH}")
    if isinstance(value, (list, tuple)):
        return tuple(value_of(f"{path}[{i}]", item, depth + 1) for i, item in enumerate(value))
    if isinstance(value, Mapping):
        return attributes_of(path, value, depth + 1)
    raise TypeError(f"{path}: a {type(value).__name__} cannot be an attribute")


class Owner:
    """A resource or a scope.  Equal when all of it is, types too."""

    __slots__ = ("_name", "_version", "_schema_url", "_attributes", "_text")

    def __init__(self, fields: Fields) -> None:
        self._name = fields.text("name")
        self._version = fields.text("version")
        self._schema_url = fields.text("schema_url")
        self._attributes = fields.attributes()
        self._text = repr((self._name, self._version, self._schema_url, self._attributes))
        fields.end()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Owner) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Owners:
    """Those of one call, each made once."""

    def __init__(self) -> None:
        self.made: dict[tuple[bool, str], Owner | None] = {}

    def take(self, fields: Fields, key: str) -> Owner | None:
        value = fields.take(key, dict)
        if value is None:
            return None
        known = (key == "scope", repr(value))
        if known not in self.made:
            self.made[known] = self._make(fields.at(key), key, value)
        return self.made[known]

    def _make(self, path: str, key: str, value: dict[str, Any]) -> Owner:
        # A resource is little more than attributes, so these may stand alone.
        if key == "resource" and not (value.keys() <= {"attributes", "schema_url"}
                                      and isinstance(value.get("attributes", {}), Mapping)):
            return Owner(Fields("", {"attributes": attributes_of(path, value)}))
        return Owner(Fields(path, value))


def items_of(path: str, value: Any) -> Iterator[Fields]:
    """The dicts of a list that is passed to the library."""
    if isinstance(value, (Mapping, str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{path}: expected a list of dicts, got {type(value).__name__}")
    for i, item in enumerate(value):
        yield Fields(f"{path}[{i}]", item)


# --- spans ---

def _context(trace_id: int, span_id: int, trace_state: str, remote: bool = False) -> Any:
    """As the SDK's SpanContext."""
    return (trace_id, span_id, remote, 0, trace_state)


def _event(fields: Fields) -> Any:
    event = SimpleNamespace(_name=fields.text("name", required=True),
                            _timestamp=fields.when("time"), _attributes=fields.attributes())
    fields.end()
    return event


def _link(fields: Fields) -> Any:
    link = SimpleNamespace(
        _context=_context(fields.an_id("trace_id", 16, required=True),
                          fields.an_id("span_id", 8, required=True), fields.text("trace_state"),
                          fields.take("is_remote", bool, False)),
        _attributes=fields.attributes())
    fields.end()
    return link


def _span(fields: Fields, owners: Owners) -> Any:
    trace_id = fields.an_id("trace_id", 16, required=True)
    state = fields.text("trace_state")
    parent = fields.an_id("parent_span_id", 8)
    remote = fields.take("parent_is_remote", bool, False)
    span = SimpleNamespace(
        _name=fields.text("name", required=True),
        _context=_context(trace_id, fields.an_id("span_id", 8, required=True), state),
        _parent=_context(trace_id, parent, "", remote) if parent else None,
        _kind=fields.word("kind", KINDS, "internal"),
        _start_time=fields.when("start_time"),
        _end_time=fields.when("end_time"),
        _status=SimpleNamespace(_status_code=fields.word("status", STATUSES, "unset"),
                                _description=fields.text("status_message")),
        _attributes=fields.attributes(),
        _events=[_event(event) for event in fields.each("events")],
        _links=[_link(link) for link in fields.each("links")],
        _resource=owners.take(fields, "resource"),
        _instrumentation_scope=owners.take(fields, "scope"))
    fields.end()
    return span


def spans(value: Any) -> list[Any]:
    owners = Owners()
    return [_span(fields, owners) for fields in items_of("spans", value)]


def span(value: Any) -> list[Any]:
    return [_span(Fields("", value), Owners())]


# --- log records ---

def _record(fields: Fields, owners: Owners) -> Any:
    body = fields.left.pop("body", None)
    record = SimpleNamespace(
        timestamp=fields.when("time"),
        observed_timestamp=fields.when("observed_time", time.time_ns()),
        severity_number=fields.whole("severity_number", 0),
        severity_text=fields.text("severity_text"),
        event_name=fields.text("event_name"),
        body=value_of(fields.at("body"), body),
        attributes=fields.attributes(),
        trace_id=fields.an_id("trace_id", 16),
        span_id=fields.an_id("span_id", 8),
        trace_flags=fields.whole("flags", 0, bits=32))
    if record.severity_number > 24:
        raise ValueError(f"{fields.at('severity_number')}: {record.severity_number} "
                         "is not in 0 .. 24")
    readable = SimpleNamespace(log_record=record, resource=owners.take(fields, "resource"),
                               instrumentation_scope=owners.take(fields, "scope"))
    fields.end()
    return readable


def records(value: Any) -> list[Any]:
    owners = Owners()
    return [_record(fields, owners) for fields in items_of("records", value)]


# --- metrics ---

# The extension knows what a metric holds by the name of the class.

class GaugeWithStart(SimpleNamespace):
    pass


class Sum(SimpleNamespace):
    pass


class Histogram(SimpleNamespace):
    pass


class ExponentialHistogram(SimpleNamespace):
    pass


class Summary(SimpleNamespace):
    pass


def _whole_list(fields: Fields, key: str) -> list[int]:
    values = list(fields.take(key, (list, tuple), ()))
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{fields.at(key)}[{i}]: expected int, got {type(value).__name__}")
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{fields.at(key)}[{i}]: {value} is not in 0 .. 2**64-1")
    return values


def _number_list(path: str, values: Iterable[Any]) -> list[float]:
    result = []
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{path}[{i}]: expected float, got {type(value).__name__}")
        result.append(float(value))
    return result


def _exemplar(fields: Fields) -> Any:
    exemplar = SimpleNamespace(
        time_unix_nano=fields.when("time"), value=fields.number("value", required=True),
        trace_id=fields.an_id("trace_id", 16), span_id=fields.an_id("span_id", 8),
        filtered_attributes=fields.attributes())
    fields.end()
    return exemplar


def _point(fields: Fields) -> Any:
    """What points of all kinds have."""
    return SimpleNamespace(
        attributes=fields.attributes(), start_time_unix_nano=fields.when("start_time"),
        time_unix_nano=fields.when("time", time.time_ns()), flags=fields.whole("flags", 0, bits=32),
        exemplars=[_exemplar(exemplar) for exemplar in fields.each("exemplars")])


def _number_point(fields: Fields) -> Any:
    point = _point(fields)
    point.value = fields.number("value", required=True)
    return point


def _sums(fields: Fields, point: Any) -> None:
    for key in ("sum", "min", "max"):
        setattr(point, key, fields.number(key))


def _histogram_point(fields: Fields) -> Any:
    point = _point(fields)
    _sums(fields, point)
    point.bucket_counts = _whole_list(fields, "bucket_counts")
    point.explicit_bounds = _number_list(fields.at("explicit_bounds"),
                                         fields.take("explicit_bounds", (list, tuple), ()))
    if point.bucket_counts and len(point.bucket_counts) != len(point.explicit_bounds) + 1:
        raise ValueError(f"{fields.at('bucket_counts')}: must have one more than explicit_bounds")
    point.count = fields.whole("count", sum(point.bucket_counts))
    return point


def _buckets(fields: Fields, key: str) -> Any:
    value = fields.take(key, dict, {})
    inner = Fields(fields.at(key), value)
    buckets = SimpleNamespace(offset=inner.whole("offset", 0, bits=32, signed=True),
                              bucket_counts=_whole_list(inner, "bucket_counts"))
    inner.end()
    return buckets


def _exponential_point(fields: Fields) -> Any:
    point = _point(fields)
    _sums(fields, point)
    point.scale = fields.whole("scale", 0, bits=32, signed=True)
    point.zero_count = fields.whole("zero_count")
    point.zero_threshold = fields.number("zero_threshold", 0.0)
    point.positive = _buckets(fields, "positive")
    point.negative = _buckets(fields, "negative")
    point.count = fields.whole("count", point.zero_count + sum(point.positive.bucket_counts)
                               + sum(point.negative.bucket_counts))
    return point


def _summary_point(fields: Fields) -> Any:
    point = _point(fields)
    point.count = fields.whole("count")
    point.sum = fields.number("sum", 0.0)
    point.quantiles = []
    for i, pair in enumerate(fields.take("quantiles", (list, tuple), ())):
        path = f"{fields.at('quantiles')}[{i}]"
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise TypeError(f"{path}: expected a pair of quantile and value")
        point.quantiles += _number_list(path, pair)
    return point


_TYPES: dict[str, tuple[type[SimpleNamespace], Any]] = {
    "gauge": (GaugeWithStart, _number_point),
    "sum": (Sum, _number_point),
    "histogram": (Histogram, _histogram_point),
    "exponential_histogram": (ExponentialHistogram, _exponential_point),
    "summary": (Summary, _summary_point),
}


def _metric(fields: Fields) -> Any:
    kind, make_point = _TYPES[tuple(_TYPES)[fields.word("type", tuple(_TYPES), None)]]
    data = kind(is_monotonic=fields.take("is_monotonic", bool, False),
                aggregation_temporality=fields.word("temporality", TEMPORALITIES, "cumulative"),
                data_points=[])
    for inner in fields.each("points", required=True):
        data.data_points.append(make_point(inner))
        inner.end()
    metric = SimpleNamespace(name=fields.text("name", required=True),
                             description=fields.text("description"), unit=fields.text("unit"),
                             data=data)
    fields.end()
    return metric


def _resource_metrics(fields: Fields, owners: Owners) -> Any:
    resource = owners.take(fields, "resource")
    scope = owners.take(fields, "scope")
    if "metrics" in fields.left:
        metrics = [_metric(metric) for metric in fields.each("metrics", required=True)]
        fields.end()
    else:
        metrics = [_metric(fields)]  # one alone
    scope_metrics = SimpleNamespace(scope=scope, metrics=metrics)
    return SimpleNamespace(resource=resource, scope_metrics=[scope_metrics])


def metrics(value: Any) -> Any:
    owners = Owners()
    found = ([Fields("", value)] if isinstance(value, Mapping)
             else list(items_of("metrics", value)))
    return SimpleNamespace(resource_metrics=[_resource_metrics(fields, owners)
                                             for fields in found])
