# SPDX-License-Identifier: Apache-2.0
"""The tables of OpenTelemetry's Arrow protocol (OTAP), and how to get at them:
payloads out of a BatchArrowRecords, columns out of a payload.  For
otap_refdec.py, and as independent of the C code as that is.
"""

import io

import pyarrow as pa
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

RESOURCE_ATTRS, SCOPE_ATTRS = 1, 2
METRICS, NUMBER, SUMMARY, HISTOGRAM, EXP_HISTOGRAM = 10, 11, 12, 13, 14
METRIC_ATTRS, LOGS, LOG_ATTRS = 26, 30, 31
SPANS, SPAN_ATTRS, EVENTS, LINKS, EVENT_ATTRS, LINK_ATTRS = 40, 41, 42, 43, 44, 45
POINT_ATTRS = {NUMBER: 15, SUMMARY: 16, HISTOGRAM: 17, EXP_HISTOGRAM: 18}
EXEMPLARS = {NUMBER: 19, HISTOGRAM: 20, EXP_HISTOGRAM: 21}
EXEMPLAR_ATTRS = {NUMBER: 22, HISTOGRAM: 23, EXP_HISTOGRAM: 24}

ROOT = {"traces": SPANS, "metrics": METRICS, "logs": LOGS}
ALLOWED = {
    "traces": {1, 2, *range(40, 46)},
    "metrics": {1, 2, *range(10, 25), 26},
    "logs": {1, 2, 30, 31},
}
REQUEST = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}

# Columns: type, index widths that a dictionary may have (none: never one), and
# "!" for required ones.
TIME, NS = "timestamp[ns, tz=UTC]", "duration[ns]"
ATTR_COLUMNS = {
    "key": ("string", "8/16", "!"), "type": ("uint8", "", "!"), "str": ("string", "16"),
    "int": ("int64", "16"), "double": ("double", ""), "bool": ("bool", ""),
    "bytes": ("binary", "16"), "ser": ("binary", "16"),
}
ATTRS16 = {"parent_id": ("uint16", "", "!"), **ATTR_COLUMNS}
ATTRS32 = {"parent_id": ("uint32", "8/16", "!"), **ATTR_COLUMNS}
OWNERS = {
    "id": ("uint16", ""), "resource": ("struct", ""), "scope": ("struct", ""),
    "resource.id": ("uint16", "", "!"), "resource.schema_url": ("string", "8/16"),
    "resource.dropped_attributes_count": ("uint32", ""),
    "scope.id": ("uint16", "", "!"), "scope.name": ("string", "8/16"),
    "scope.version": ("string", "8/16"), "scope.dropped_attributes_count": ("uint32", ""),
    "schema_url": ("string", "8/16"),
}
POINT = {
    "id": ("uint32", ""), "parent_id": ("uint16", "", "!"), "start_time_unix_nano": (TIME, ""),
    "time_unix_nano": (TIME, "", "!"), "flags": ("uint32", ""),
}
BUCKETS = {"": ("struct", ""), ".offset": ("int32", ""), ".bucket_counts": ("list<uint64>", "")}
EXEMPLAR = {
    "id": ("uint32", ""), "parent_id": ("uint32", "", "!"), "time_unix_nano": (TIME, "", "!"),
    "int_value": ("int64", ""), "double_value": ("double", ""),
    "span_id": ("fixed_size_binary[8]", "8/16"), "trace_id": ("fixed_size_binary[16]", "8/16"),
}
TABLES = {
    SPANS: {
        **OWNERS, "start_time_unix_nano": (TIME, "", "!"),
        "duration_time_unix_nano": (NS, "8/16", "!"),
        "trace_id": ("fixed_size_binary[16]", "8/16", "!"),
        "span_id": ("fixed_size_binary[8]", "8/16", "!"), "trace_state": ("string", "8/16"),
        "parent_span_id": ("fixed_size_binary[8]", ""), "flags": ("uint32", ""),
        "name": ("string", "8/16", "!"), "kind": ("int32", "8/16"),
        "dropped_attributes_count": ("uint32", ""), "dropped_events_count": ("uint32", ""),
        "dropped_links_count": ("uint32", ""), "status": ("struct", ""),
        "status.code": ("int32", "8/16"), "status.status_message": ("string", "8/16"),
    },
    EVENTS: {
        "id": ("uint32", ""), "parent_id": ("uint16", "", "!"), "time_unix_nano": (TIME, ""),
        "name": ("string", "8/16", "!"), "dropped_attributes_count": ("uint32", ""),
    },
    LINKS: {
        "id": ("uint32", ""), "parent_id": ("uint16", "", "!"),
        "trace_id": ("fixed_size_binary[16]", "8/16", "!"),
        "span_id": ("fixed_size_binary[8]", "8/16", "!"), "trace_state": ("string", "8/16"),
        "dropped_attributes_count": ("uint32", ""), "flags": ("uint32", ""),
    },
    LOGS: {
        **OWNERS, "time_unix_nano": (TIME, ""), "observed_time_unix_nano": (TIME, ""),
        "trace_id": ("fixed_size_binary[16]", "8/16"), "span_id": ("fixed_size_binary[8]", "8/16"),
        "severity_number": ("int32", "8/16"), "severity_text": ("string", "8/16"),
        "body": ("struct", ""), "body.type": ("uint8", ""), "body.str": ("string", "16"),
        "body.int": ("int64", "16"), "body.double": ("double", ""), "body.bool": ("bool", ""),
        "body.bytes": ("binary", "16"), "body.ser": ("binary", "16"),
        "dropped_attributes_count": ("uint32", ""), "flags": ("uint32", ""),
        "event_name": ("string", "8/16"),
    },
    METRICS: {
        **OWNERS, "metric_type": ("uint8", "", "!"), "name": ("string", "8/16", "!"),
        "description": ("string", "8/16"), "unit": ("string", "8/16"),
        "aggregation_temporality": ("int32", "8/16"), "is_monotonic": ("bool", ""),
    },
    NUMBER: {**POINT, "int_value": ("int64", ""), "double_value": ("double", "")},
    SUMMARY: {
        **POINT, "count": ("uint64", ""), "sum": ("double", ""),
        "quantile": ("list<quantile>", ""),
    },
    HISTOGRAM: {
        **POINT, "count": ("uint64", ""), "sum": ("double", ""), "min": ("double", ""),
        "max": ("double", ""), "bucket_counts": ("list<uint64>", ""),
        "explicit_bounds": ("list<double>", ""),
    },
    EXP_HISTOGRAM: {
        **POINT, "count": ("uint64", ""), "sum": ("double", ""), "min": ("double", ""),
        "max": ("double", ""), "scale": ("int32", ""), "zero_count": ("uint64", ""),
        "zero_threshold": ("double", ""), **{"positive" + k: v for k, v in BUCKETS.items()},
        **{"negative" + k: v for k, v in BUCKETS.items()},
    },
    **{t: EXEMPLAR for t in EXEMPLARS.values()},
    **{t: ATTRS16 for t in (RESOURCE_ATTRS, SCOPE_ATTRS, METRIC_ATTRS, LOG_ATTRS, SPAN_ATTRS)},
    **{t: ATTRS32 for t in (EVENT_ATTRS, LINK_ATTRS, *POINT_ATTRS.values(),
                            *EXEMPLAR_ATTRS.values())},
}


class Wrong(Exception):
    """The message is not what the protocol says."""


def demand(condition, text):
    if not condition:
        raise Wrong(text)


# --- protobuf, as far as BatchArrowRecords needs it ---


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            demand(tag & 7 == 2, f"wire type {tag & 7}")
            size, at = varint(data, at)
            value = data[at:at + size]
            demand(len(value) == size, "a field is cut short")
            at += size
        yield tag >> 3, value


def payloads(data):
    """batch_id and [(schema_id, type, record)]."""
    batch_id, found = 0, []
    for number, value in fields(data):
        if number == 1:
            batch_id = value
        elif number == 2:
            parts = {1: b"", 2: 0, 3: b"", **dict(fields(value))}
            found.append((parts[1].decode(), parts[2], parts[3]))
    return batch_id, found


# --- Arrow ---


class Feed(io.RawIOBase):
    """A file that grows: pyarrow reads messages as they come."""

    def __init__(self):
        super().__init__()
        self.data = b""

    def readable(self):
        return True

    def readinto(self, target):
        part = self.data[:len(target)]
        self.data = self.data[len(part):]
        target[:len(part)] = part
        return len(part)


def plain_type(kind):
    if pa.types.is_struct(kind):
        return "struct"
    if pa.types.is_list(kind):
        item = kind.value_type
        if pa.types.is_struct(item):
            names = [(f.name, str(f.type)) for f in item]
            demand(names == [("quantile", "double"), ("value", "double")], f"quantile is {item}")
            return "list<quantile>"
        return f"list<{item}>"
    return str(kind)


class Table:
    """One record batch with its columns by name; members as "struct.member"."""

    def __init__(self, kind, batch):
        self.kind, self.rows = kind, batch.num_rows
        self.arrays = {}
        for i, field in enumerate(batch.schema):
            self.add(field.name, field, batch.column(i))
        for name, spec in TABLES[kind].items():
            if "!" in spec and ("." not in name or name.split(".")[0] in self.arrays):
                demand(name in self.arrays, f"table {kind} without {name}")
                demand(self.arrays[name].null_count == 0, f"table {kind}: null in {name}")

    def add(self, name, field, array):
        demand(name in TABLES[self.kind], f"table {self.kind} with the column {name}")
        demand(name not in self.arrays, f"table {self.kind} with two columns {name}")
        want, widths = TABLES[self.kind][name][:2]
        kind = field.type
        if pa.types.is_dictionary(kind):
            index = str(kind.index_type)
            demand(index in [f"uint{w}" for w in widths.split("/")],
                   f"table {self.kind}: {name} has the index type {index}")
            demand(array.dictionary.null_count == 0, "a null in a dictionary")
            array.validate(full=True)
            kind = kind.value_type
            array = array.dictionary_decode()
        demand(plain_type(kind) == want, f"table {self.kind}: {name} is {kind}, not {want}")
        array.validate(full=True)
        if plain_type(kind) == "struct":
            for i in range(kind.num_fields):
                self.add(f"{name}.{kind.field(i).name}", kind.field(i), array.field(i))
        self.arrays[name] = array

    def has(self, name):
        return name in self.arrays

    def column(self, name, default=None):
        """Python values; DEFAULT for each row when there is no such column."""
        if name not in self.arrays:
            return [default] * self.rows
        array = self.arrays[name]
        if pa.types.is_timestamp(array.type) or pa.types.is_duration(array.type):
            array = array.cast(pa.int64())
        values = array.to_pylist()
        return values if default is None else [default if v is None else v for v in values]

    def there(self, name):
        """Which rows of a struct are not null."""
        if name not in self.arrays:
            return [False] * self.rows
        return self.arrays[name].is_valid().to_pylist()
