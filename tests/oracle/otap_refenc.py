# SPDX-License-Identifier: Apache-2.0
"""A second encoder of OpenTelemetry's Arrow protocol (OTAP), in plain Python.

Written from the protocol's tables and rules alone.  It sends no dictionaries,
which the protocol allows everywhere, and all else in as many ways as it allows:
now and then a stream changes its mind about optional columns that hold nothing,
about the encoding of ids, the order of a table's rows, the ids themselves, how
long CBOR containers are said to be, and the compression of Arrow's buffers.

    encoder = Encoder("traces", seed=1)
    bytes_of_a_BatchArrowRecords = encoder.encode(list_of_requests)

The order of the attributes of one item is kept.
"""

import io
import random
import struct

import pyarrow as pa

from otap_refdec import (EVENT_ATTRS, EVENTS, EXEMPLAR_ATTRS, EXEMPLARS, EXP_HISTOGRAM, HISTOGRAM,
                         LINK_ATTRS, LINKS, LOG_ATTRS, LOGS, METRIC_ATTRS, METRICS, NUMBER,
                         POINT_ATTRS, RESOURCE_ATTRS, ROOT, SCOPE_ATTRS, SPAN_ATTRS, SPANS, SUMMARY,
                         TABLES, TIME)

QUANTILE = pa.struct([("quantile", pa.float64()), ("value", pa.float64())])
TYPES = {
    "string": pa.string(), "uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(),
    "uint64": pa.uint64(), "int32": pa.int32(), "int64": pa.int64(), "double": pa.float64(),
    "bool": pa.bool_(), "binary": pa.binary(), "duration[ns]": pa.duration("ns"),
    "fixed_size_binary[8]": pa.binary(8), "fixed_size_binary[16]": pa.binary(16),
    "list<uint64>": pa.list_(pa.uint64()), "list<double>": pa.list_(pa.float64()),
    "list<quantile>": pa.list_(QUANTILE), TIME: pa.timestamp("ns", "UTC"),
}

DIFFERENCE = object()  # to the row before, whatever that holds

# What looks alike in consecutive rows for the parent ids to be differences.
QUASI_DELTA = {EVENTS: lambda row: row["name"], LINKS: lambda row: row["trace_id"]}


def signed(value):
    value %= 1 << 64
    return value - (1 << 64) if value >> 63 else value


# --- CBOR ---


def head(major, count):
    for info, width in ((None, 0), (24, 1), (25, 2), (26, 4), (27, 8)):
        if info is None and count < 24:
            return bytes([major << 5 | count])
        if info is not None and count < 1 << 8 * width:
            return bytes([major << 5 | info]) + count.to_bytes(width, "big")
    raise ValueError(count)


def cbor(value, endless):
    """An AnyValue; ENDLESS containers end with a break instead of a count."""
    kind = value.WhichOneof("value")
    if kind is None:
        return b"\xf6"
    if kind == "string_value":
        text = value.string_value.encode()
        return head(3, len(text)) + text
    if kind == "bytes_value":
        return head(2, len(value.bytes_value)) + value.bytes_value
    if kind == "bool_value":
        return b"\xf5" if value.bool_value else b"\xf4"
    if kind == "int_value":
        number = value.int_value
        return head(0, number) if number >= 0 else head(1, -1 - number)
    if kind == "double_value":
        return b"\xfb" + struct.pack(">d", value.double_value)
    if kind == "array_value":
        parts = [cbor(item, endless) for item in value.array_value.values]
        major, count = 4, len(parts)
    else:
        parts, major = [], 5
        count = len(value.kvlist_value.values)
        for pair in value.kvlist_value.values:
            key = pair.key.encode()
            parts += [head(3, len(key)) + key, cbor(pair.value, endless)]
    body = b"".join(parts)
    return bytes([major << 5 | 31]) + body + b"\xff" if endless else head(major, count) + body


# --- ids ---


def delta(ids, bits):
    out, before = [], 0
    for number in ids:
        out.append(None if number is None else (number - before) % (1 << bits))
        before = before if number is None else number
    return out


def quasi_delta(ids, keys, bits):
    out, before, last = [], None, 0
    for number, key in zip(ids, keys):
        alike = key is DIFFERENCE or (key is not None and key == before)
        out.append((number - last) % (1 << bits) if alike else number)
        before, last = key, number
    return out


# --- protobuf, as far as BatchArrowRecords needs it ---


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


class Style:
    """The choices that the protocol leaves to a sender."""

    def __init__(self, rng):
        self.lean = rng.random() < 0.5  # columns without a value are left out
        self.plain_ids = rng.random() < 0.4
        self.shuffle = rng.random() < 0.5
        self.endless = rng.random() < 0.5
        self.zone = rng.choice(("UTC", None))
        self.nulls = rng.random() < 0.5  # for values that are the default
        self.options = pa.ipc.IpcWriteOptions(compression=rng.choice((None, "lz4", "zstd")))


class Encoder:
    """The sending side of one stream."""

    def __init__(self, signal, seed=0):
        self.signal = signal
        self.rng = random.Random(f"{signal}/{seed}")
        self.style = Style(self.rng)
        self.writers = {}  # type -> (schema, sink, writer, schema_id)
        self.next_id = 0
        self.batch_id = 0
        self.rows = {}

    def encode(self, requests):
        if self.rng.random() < 0.15:
            self.style = Style(self.rng)
        self.rows = {}
        self.used = {}
        self.resources = self.scopes = 0
        walk = {"traces": self.span, "metrics": self.metric, "logs": self.log}[self.signal]
        for request in requests:
            self.walk(request, walk)
        kinds = sorted(self.rows, key=lambda kind: (kind != ROOT[self.signal], self.rng.random()))
        out = field(1, self.batch_id) if self.batch_id else b""
        for kind in kinds:
            out += field(2, self.payload(kind))
        self.batch_id += 1
        return out

    # --- tables ---

    def add(self, table, /, **row):
        self.rows.setdefault(table, []).append(row)

    def new_id(self, kind, bits):
        """An id that no other row of KIND has."""
        used = self.used.setdefault(kind, set())
        number = len(used)
        while self.style.shuffle and (number in used or number == len(used)):
            number = self.rng.randrange(65536 if bits == 16 else 2**32)
        used.add(number)
        return number

    def maybe(self, value, default):
        """None for a default, when that is the style."""
        return None if self.style.nulls and value == default else value

    def payload(self, kind):
        batch = self.batch(kind, self.arranged(kind, self.rows[kind]))
        known = self.writers.get(kind)
        if known is None or not known[0].equals(batch.schema, check_metadata=True):
            sink = io.BytesIO()
            known = (batch.schema, sink,
                     pa.ipc.new_stream(sink, batch.schema, options=self.style.options),
                     str(self.next_id).encode(), [0])
            self.next_id += 1
            self.writers[kind] = known
        _, sink, writer, schema_id, taken = known
        writer.write_batch(batch)
        record = sink.getvalue()[taken[0]:]
        taken[0] += len(record)
        return field(1, schema_id) + field(2, kind) + field(3, record)

    def arranged(self, kind, rows):
        """ROWS in another order, but those of one parent in the same."""
        if not self.style.shuffle or kind == ROOT[self.signal]:
            return rows
        by_parent = {}
        for row in rows:
            by_parent.setdefault(row["parent_id"], []).append(row)
        order = [row["parent_id"] for row in rows]
        self.rng.shuffle(order)
        each = {parent: iter(own) for parent, own in by_parent.items()}
        return [next(each[parent]) for parent in order]

    def batch(self, kind, rows):
        encoded = self.encoded_ids(kind, rows)
        names, arrays, fields = [], [], []
        for name, (type_name, *more) in TABLES[kind].items():
            if "." in name:
                continue
            if type_name == "struct":
                array = self.struct_array(kind, name, rows, encoded)
                empty = array.null_count == len(rows)
            else:
                values = encoded.get(name) or [row.get(name) for row in rows]
                array = self.array(type_name, values)
                empty = all(value is None for value in values)
            if empty and self.style.lean and "!" not in more:
                continue
            names.append(name)
            arrays.append(array)
            plain = self.style.plain_ids and name in encoded
            fields.append(pa.field(name, array.type, "!" not in more,
                                   {"encoding": "plain"} if plain else None))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def array(self, type_name, values):
        kind = TYPES[type_name]
        if type_name == TIME:
            return pa.array([None if v is None else signed(v) for v in values], pa.int64()).cast(
                pa.timestamp("ns", self.style.zone))
        return pa.array(values, kind)

    def struct_array(self, kind, name, rows, encoded):
        """A row has the struct NAME when it has a true value by this name."""
        there = [bool(row.get(name)) for row in rows]
        arrays, fields = [], []
        for full, (type_name, *_) in TABLES[kind].items():
            if not full.startswith(name + "."):
                continue
            values = encoded.get(full) or [row.get(full) for row in rows]
            if self.style.lean and all(value is None for value in values):
                continue
            plain = self.style.plain_ids and full in encoded
            arrays.append(self.array(type_name, values))
            fields.append(pa.field(full.split(".")[1], arrays[-1].type, True,
                                   {"encoding": "plain"} if plain else None))
        mask = pa.array([not t for t in there])
        if not fields:  # all that is said is that the message is there
            bits = pa.array(there).buffers()[1]
            return pa.StructArray.from_buffers(pa.struct([]), len(rows), [bits])
        return pa.StructArray.from_arrays(arrays, fields=fields, mask=mask)

    def encoded_ids(self, kind, rows):
        """The id columns as they are sent."""
        out = {}
        for name in ("id", "resource.id", "scope.id", "parent_id"):
            if name not in TABLES[kind]:
                continue
            ids = [row.get(name) for row in rows]
            bits = int(TABLES[kind][name][0][4:])
            if self.style.plain_ids:
                out[name] = ids
            elif name != "parent_id" or kind in POINT_ATTRS:  # data points too
                out[name] = delta(ids, bits)
            else:
                key = QUASI_DELTA.get(kind, exemplar_look if kind in EXEMPLARS.values()
                                      else attribute_look)
                out[name] = quasi_delta(ids, [key(row) for row in rows], bits)
        return out

    # --- what requests have in common ---

    def attributes(self, kind, parent, pairs):
        for pair in pairs:
            self.add(kind, parent_id=parent, key=pair.key, **self.value(pair.value, ""))

    def value(self, value, prefix):
        code, name = {None: (0, None), "string_value": (1, "str"), "int_value": (2, "int"),
                      "double_value": (3, "double"), "bool_value": (4, "bool"),
                      "kvlist_value": (5, "ser"), "array_value": (6, "ser"),
                      "bytes_value": (7, "bytes")}[value.WhichOneof("value")]
        row = {prefix + "type": code}
        if code in (5, 6):
            row[prefix + name] = cbor(value, self.style.endless)
        elif code == 7:
            row[prefix + name] = self.maybe(value.bytes_value, b"")
        elif code:
            row[prefix + name] = getattr(value, value.WhichOneof("value"))
        return row

    def walk(self, request, item_row):
        suffix = {"traces": "spans", "metrics": "metrics", "logs": "logs"}[self.signal]
        items = {"traces": "spans", "metrics": "metrics", "logs": "log_records"}[self.signal]
        for outer in getattr(request, "resource_" + suffix):
            number = self.resources
            used = False
            for inner in getattr(outer, "scope_" + suffix):
                owner = {"resource": True, "resource.id": number, "scope": True,
                         "scope.id": self.scopes,
                         "resource.schema_url": self.maybe(outer.schema_url, ""),
                         "schema_url": self.maybe(inner.schema_url, "")}
                if outer.HasField("resource"):
                    owner["resource.dropped_attributes_count"] = \
                        outer.resource.dropped_attributes_count
                if inner.HasField("scope"):
                    for name in ("name", "version", "dropped_attributes_count"):
                        owner["scope." + name] = getattr(inner.scope, name)
                for item in getattr(inner, items):
                    item_row(item, owner)
                if getattr(inner, items):
                    self.attributes(SCOPE_ATTRS, self.scopes, inner.scope.attributes)
                    self.scopes += 1
                    used = True
            if used:
                self.attributes(RESOURCE_ATTRS, number, outer.resource.attributes)
                self.resources += 1

    # --- traces ---

    def span(self, span, owner):
        number = None
        if span.attributes or span.events or span.links or not self.style.nulls:
            number = self.new_id(SPANS, 16)
        row = dict(owner)
        row.update({
            "id": number, "start_time_unix_nano": span.start_time_unix_nano,
            "duration_time_unix_nano": signed(span.end_time_unix_nano - span.start_time_unix_nano),
            "trace_id": span.trace_id or bytes(16), "span_id": span.span_id or bytes(8),
            "parent_span_id": span.parent_span_id or None, "name": span.name,
            "trace_state": self.maybe(span.trace_state, "")})
        for name in ("flags", "kind", "dropped_attributes_count", "dropped_events_count",
                     "dropped_links_count"):
            row[name] = self.maybe(getattr(span, name), 0)
        if span.HasField("status"):
            row["status"] = True
            row["status.code"] = self.maybe(span.status.code, 0)
            row["status.status_message"] = self.maybe(span.status.message, "")
        self.add(SPANS, **row)
        self.attributes(SPAN_ATTRS, number, span.attributes)
        for event in span.events:
            own = self.new_id(EVENTS, 32) if event.attributes else None
            self.add(EVENTS, id=own, parent_id=number, name=event.name,
                     time_unix_nano=self.maybe(event.time_unix_nano, 0),
                     dropped_attributes_count=self.maybe(event.dropped_attributes_count, 0))
            self.attributes(EVENT_ATTRS, own, event.attributes)
        for link in span.links:
            own = self.new_id(LINKS, 32) if link.attributes else None
            self.add(LINKS, id=own, parent_id=number, trace_id=link.trace_id or bytes(16),
                     span_id=link.span_id or bytes(8), flags=self.maybe(link.flags, 0),
                     trace_state=self.maybe(link.trace_state, ""),
                     dropped_attributes_count=self.maybe(link.dropped_attributes_count, 0))
            self.attributes(LINK_ATTRS, own, link.attributes)

    # --- logs ---

    def log(self, log, owner):
        number = self.new_id(LOGS, 16) if log.attributes or not self.style.nulls else None
        row = dict(owner)
        row.update({"id": number, "trace_id": log.trace_id or None, "span_id": log.span_id or None})
        for name in ("time_unix_nano", "observed_time_unix_nano", "severity_number",
                     "dropped_attributes_count", "flags"):
            row[name] = self.maybe(getattr(log, name), 0)
        for name in ("severity_text", "event_name"):
            row[name] = self.maybe(getattr(log, name), "")
        if log.HasField("body"):
            row["body"] = True
            row.update(self.value(log.body, "body."))
        self.add(LOGS, **row)
        self.attributes(LOG_ATTRS, number, log.attributes)

    # --- metrics ---

    def metric(self, metric, owner):
        number = self.new_id(METRICS, 16)
        kind = metric.WhichOneof("data")
        code = [None, "gauge", "sum", "histogram", "exponential_histogram", "summary"].index(kind)
        row = dict(owner)
        row.update({"id": number, "metric_type": code, "name": metric.name,
                    "description": self.maybe(metric.description, ""),
                    "unit": self.maybe(metric.unit, "")})
        if code in (2, 3, 4):
            row["aggregation_temporality"] = getattr(metric, kind).aggregation_temporality
        if code == 2:
            row["is_monotonic"] = metric.sum.is_monotonic
        self.add(METRICS, **row)
        self.attributes(METRIC_ATTRS, number, metric.metadata)
        table = [None, NUMBER, NUMBER, HISTOGRAM, EXP_HISTOGRAM, SUMMARY][code]
        for point in getattr(metric, kind).data_points if kind else ():
            self.point(table, number, point)

    def point(self, table, parent, point):
        number = self.new_id(table, 32)
        row = {"id": number, "parent_id": parent, "time_unix_nano": point.time_unix_nano,
               "start_time_unix_nano": self.maybe(point.start_time_unix_nano, 0),
               "flags": self.maybe(point.flags, 0)}
        if table == NUMBER:
            row.update(number_of(point))
        else:
            row["count"] = point.count
        if table == SUMMARY:
            row["sum"] = point.sum
            row["quantile"] = [{"quantile": q.quantile, "value": q.value}
                               for q in point.quantile_values]
        if table in (HISTOGRAM, EXP_HISTOGRAM):
            for name in ("sum", "min", "max"):
                row[name] = getattr(point, name) if point.HasField(name) else None
        if table == HISTOGRAM:
            row["bucket_counts"] = list(point.bucket_counts)
            row["explicit_bounds"] = list(point.explicit_bounds)
        if table == EXP_HISTOGRAM:
            row["scale"] = self.maybe(point.scale, 0)
            row["zero_count"] = self.maybe(point.zero_count, 0)
            row["zero_threshold"] = point.zero_threshold
            for name in ("positive", "negative"):
                if point.HasField(name):
                    row[name] = True
                    row[name + ".offset"] = self.maybe(getattr(point, name).offset, 0)
                    row[name + ".bucket_counts"] = list(getattr(point, name).bucket_counts)
        self.add(table, **row)
        self.attributes(POINT_ATTRS[table], number, point.attributes)
        for exemplar in point.exemplars if table in EXEMPLARS else ():
            kind = EXEMPLARS[table]
            own = self.new_id(kind, 32) if exemplar.filtered_attributes else None
            self.add(kind, id=own, parent_id=number, time_unix_nano=exemplar.time_unix_nano,
                     span_id=exemplar.span_id or None, trace_id=exemplar.trace_id or None,
                     **number_of(exemplar))
            self.attributes(EXEMPLAR_ATTRS[table], own, exemplar.filtered_attributes)


def number_of(message):
    kind = message.WhichOneof("value")
    return {"int_value": message.as_int if kind == "as_int" else None,
            "double_value": message.as_double if kind == "as_double" else None}


def attribute_look(row):
    """What makes parent ids of attributes differences; None: never."""
    code = row["type"]
    name = {1: "str", 2: "int", 3: "double", 4: "bool", 7: "bytes"}.get(code)
    value = row.get(name) if name else None
    return None if value is None else (code, row["key"], value)


def exemplar_look(row):
    if row["int_value"] is not None:
        return ("int", row["int_value"])
    value = row["double_value"]
    if value is None:
        return DIFFERENCE
    return None if value != value else ("double", value)  # NaN is unlike itself
