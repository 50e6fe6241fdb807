# SPDX-License-Identifier: Apache-2.0
"""A second decoder of OpenTelemetry's Arrow protocol (OTAP), in plain Python.

Written from the protocol's tables and rules alone, on other libraries than the
C code: pyarrow reads the IPC streams, cbor2 the nested values, the official
classes make the OTLP messages.  It is strict where the protocol is, so that a
sender's mistake that a lenient receiver forgives is found here.

    decoder = Decoder("traces")
    request = decoder.decode(bytes_of_a_BatchArrowRecords)
"""

import math
import struct

import cbor2
import pyarrow as pa
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from otap_reftables import *  # noqa: F401, F403  (who encodes wants the tables from here too)
from otap_reftables import demand, payloads

# --- ids ---


def undo_delta(values, bits):
    total, out = 0, []
    for value in values:
        if value is not None:
            total = (total + value) % (1 << bits)
        out.append(None if value is None else total)
    return out


def undo_quasi_delta(values, keys, bits):
    """KEYS say what a row looks like; None looks like no other."""
    total, before, out = 0, None, []
    for value, key in zip(values, keys):
        alike = key is not None and before is not None and key == before
        total = (total + value) % (1 << bits) if alike else value
        before = key
        out.append(total)
    return out


VALUE_COLUMN = {1: "str", 2: "int", 3: "double", 4: "bool", 5: "ser", 6: "ser", 7: "bytes"}


class Decoder:
    """The receiving side of one stream."""

    def __init__(self, signal):
        self.signal = signal
        self.readers = {}  # (type, schema_id) -> (Feed, reader)
        self.current = {}  # type -> schema_id
        self.used_ids = {}  # schema_id -> type
        self.batches = []  # batch ids
        self.schemas = {}  # type -> pyarrow schema
        self.tables = {}

    def decode(self, data):
        batch_id, parts = payloads(data)
        demand(batch_id not in self.batches, f"batch_id {batch_id} comes twice")
        self.batches.append(batch_id)
        demand(parts and parts[0][1] == ROOT[self.signal], "the root is not the first payload")
        self.tables = {}
        for schema_id, kind, record in parts:
            demand(kind in ALLOWED[self.signal], f"payload type {kind}")
            demand(kind not in self.tables, f"two payloads of type {kind}")
            self.tables[kind] = self.read(schema_id, kind, record)
        return {"traces": self.traces, "metrics": self.metrics, "logs": self.logs}[self.signal]()

    def read(self, schema_id, kind, record):
        demand(self.used_ids.setdefault(schema_id, kind) == kind,
               f"schema_id {schema_id} is used for two payload types")
        key = (kind, schema_id)
        if key not in self.readers:
            demand(schema_id.isdecimal(), f"schema_id {schema_id!r}")
            self.readers.pop((kind, self.current.get(kind)), None)
            feed = Feed()
            self.readers[key] = [feed, None]
        else:
            demand(self.current[kind] == schema_id, f"schema_id {schema_id} comes back")
        self.current[kind] = schema_id
        entry = self.readers[key]
        entry[0].data += record
        if entry[1] is None:
            entry[1] = pa.ipc.open_stream(pa.PythonFile(entry[0], mode="r"))
        batch = entry[1].read_next_batch()
        demand(entry[0].data == b"", "bytes behind the RecordBatch of a payload")
        demand(batch.num_rows > 0, "a payload without rows")
        self.schemas[kind] = batch.schema
        return Table(kind, batch)

    # --- attributes ---

    def attributes(self, kind, bits):
        """{parent id: [(key, type, value)]}"""
        table, found = self.tables.get(kind), {}
        if table is None:
            return found
        types, keys = table.column("type"), table.column("key")
        columns = {name: table.column(name) for name in set(VALUE_COLUMN.values())}
        values, looks = [], []
        for i, (code, key) in enumerate(zip(types, keys)):
            demand(0 <= code <= 7, f"attribute type {code}")
            for name in columns:
                demand(name == VALUE_COLUMN.get(code) or columns[name][i] is None,
                       f"an attribute of type {code} with a value in {name}")
            value = columns[VALUE_COLUMN[code]][i] if code else None
            demand(value is not None or code in (0, 7), f"an attribute of type {code} is null")
            values.append(b"" if value is None and code == 7 else value)
            looks.append((code, key, value) if code not in (0, 5, 6) and value is not None
                         else None)
        parents = undo_quasi_delta(table.column("parent_id"), looks, bits)
        for parent, key, code, value in zip(parents, keys, types, values):
            found.setdefault(parent, []).append((key, code, value))
        return found

    # --- what roots have in common ---

    def groups(self, root, outer, inner):
        """A request with ResourceX and ScopeX messages, and the ScopeX of each row."""
        request = REQUEST[self.signal]()
        resource_attrs = self.attributes(RESOURCE_ATTRS, 16)
        scope_attrs = self.attributes(SCOPE_ATTRS, 16)
        resources = undo_delta(root.column("resource.id"), 16)
        scopes = undo_delta(root.column("scope.id"), 16)
        demand(root.has("resource.id") and root.has("scope.id"), "a root without owner ids")
        columns = {name: root.column(name) for name in OWNERS}
        last_resource = last_scope = per_resource = per_scope = None
        out = []
        for i, (resource, scope) in enumerate(zip(resources, scopes)):
            if resource != last_resource:
                demand(resource == (0 if last_resource is None else last_resource + 1),
                       f"resource.id {resource} behind {last_resource}")
                per_resource = getattr(request, outer).add()
                per_resource.schema_url = columns["resource.schema_url"][i] or ""
                self.owner(per_resource, "resource", resource_attrs.pop(resource, []),
                           {"dropped_attributes_count":
                            columns["resource.dropped_attributes_count"][i]})
            if scope != last_scope or resource != last_resource:
                demand(scope == (0 if last_scope is None else last_scope + 1),
                       f"scope.id {scope} behind {last_scope}")
                per_scope = getattr(per_resource, inner).add()
                per_scope.schema_url = columns["schema_url"][i] or ""
                self.owner(per_scope, "scope", scope_attrs.pop(scope, []),
                           {name: columns["scope." + name][i]
                            for name in ("name", "version", "dropped_attributes_count")})
            last_resource, last_scope = resource, scope
            out.append(per_scope)
        demand(not resource_attrs and not scope_attrs, "attributes of nobody")
        return request, out

    @staticmethod
    def owner(parent, name, attributes, members):
        """The Resource or InstrumentationScope, when anything says it is there."""
        if not attributes and all(value is None for value in members.values()):
            return
        message = getattr(parent, name)
        message.SetInParent()
        put_attributes(message.attributes, attributes)
        for member, value in members.items():
            if value is not None:
                setattr(message, member, value)

    def children(self, kind, id_bits, keys):
        """[(row, own id or None, parent id)] of a table with quasi-delta parents."""
        table = self.tables[kind]
        own = undo_delta(table.column("id"), 32)
        parents = undo_quasi_delta(table.column("parent_id"), keys, id_bits)
        return list(zip(range(table.rows), own, parents))

    # --- traces ---

    def traces(self):
        root = self.tables[SPANS]
        request, scopes = self.groups(root, "resource_spans", "scope_spans")
        ids = undo_delta(root.column("id"), 16)
        attributes = self.attributes(SPAN_ATTRS, 16)
        events, links = self.events(), self.links()
        columns = {name: root.column(name) for name in TABLES[SPANS]}
        status = root.there("status")
        for i, scope in enumerate(scopes):
            span = scope.spans.add()
            start = columns["start_time_unix_nano"][i] % 2**64
            span.start_time_unix_nano = start
            span.end_time_unix_nano = (start + columns["duration_time_unix_nano"][i]) % 2**64
            span.trace_id, span.span_id = columns["trace_id"][i], columns["span_id"][i]
            span.parent_span_id = columns["parent_span_id"][i] or b""
            span.trace_state, span.name = columns["trace_state"][i] or "", columns["name"][i]
            for name in ("flags", "kind", "dropped_attributes_count", "dropped_events_count",
                         "dropped_links_count"):
                setattr(span, name, columns[name][i] or 0)
            if status[i]:
                span.status.SetInParent()
                span.status.code = columns["status.code"][i] or 0
                span.status.message = columns["status.status_message"][i] or ""
            if ids[i] is not None:
                put_attributes(span.attributes, attributes.pop(ids[i], []))
                span.events.extend(events.pop(ids[i], []))
                span.links.extend(links.pop(ids[i], []))
        demand(not attributes and not events and not links, "children of nobody")
        return request

    def events(self):
        found = {}
        if EVENTS not in self.tables:
            demand(EVENT_ATTRS not in self.tables, "attributes of no events")
            return found
        table = self.tables[EVENTS]
        attributes = self.attributes(EVENT_ATTRS, 32)
        names, times = table.column("name"), table.column("time_unix_nano", 0)
        dropped = table.column("dropped_attributes_count", 0)
        for i, own, parent in self.children(EVENTS, 16, names):
            event = trace_pb2.Span.Event(name=names[i], time_unix_nano=times[i] % 2**64,
                                         dropped_attributes_count=dropped[i])
            if own is not None:
                put_attributes(event.attributes, attributes.pop(own))
            found.setdefault(parent, []).append(event)
        demand(not attributes, "attributes of no event")
        return found

    def links(self):
        found = {}
        if LINKS not in self.tables:
            demand(LINK_ATTRS not in self.tables, "attributes of no links")
            return found
        table = self.tables[LINKS]
        attributes = self.attributes(LINK_ATTRS, 32)
        traces, spans = table.column("trace_id"), table.column("span_id")
        states, flags = table.column("trace_state", ""), table.column("flags", 0)
        dropped = table.column("dropped_attributes_count", 0)
        for i, own, parent in self.children(LINKS, 16, traces):
            link = trace_pb2.Span.Link(
                trace_id=traces[i], span_id=spans[i], trace_state=states[i], flags=flags[i],
                dropped_attributes_count=dropped[i])
            if own is not None:
                put_attributes(link.attributes, attributes.pop(own))
            found.setdefault(parent, []).append(link)
        demand(not attributes, "attributes of no link")
        return found

    # --- logs ---

    def logs(self):
        root = self.tables[LOGS]
        request, scopes = self.groups(root, "resource_logs", "scope_logs")
        ids = undo_delta(root.column("id"), 16)
        attributes = self.attributes(LOG_ATTRS, 16)
        columns = {name: root.column(name) for name in TABLES[LOGS]}
        bodies = root.there("body")
        for i, scope in enumerate(scopes):
            log = scope.log_records.add()
            log.time_unix_nano = (columns["time_unix_nano"][i] or 0) % 2**64
            log.observed_time_unix_nano = (columns["observed_time_unix_nano"][i] or 0) % 2**64
            log.trace_id = columns["trace_id"][i] or b""
            log.span_id = columns["span_id"][i] or b""
            for name in ("severity_number", "dropped_attributes_count", "flags"):
                setattr(log, name, columns[name][i] or 0)
            for name in ("severity_text", "event_name"):
                setattr(log, name, columns[name][i] or "")
            if bodies[i]:
                code = columns["body.type"][i]
                demand(code is not None and 0 <= code <= 7, f"body type {code}")
                for name in set(VALUE_COLUMN.values()):
                    demand(name == VALUE_COLUMN.get(code) or columns[f"body.{name}"][i] is None,
                           f"a body of type {code} with a value in {name}")
                log.body.SetInParent()
                value = columns["body." + VALUE_COLUMN[code]][i] if code else None
                demand(value is not None or code in (0, 7), f"a body of type {code} is null")
                put_value(log.body, code, b"" if value is None else value)
            if ids[i] is not None:
                put_attributes(log.attributes, attributes.pop(ids[i]))
        demand(not attributes, "attributes of nobody")
        return request

    # --- metrics ---

    def metrics(self):
        root = self.tables[METRICS]
        request, scopes = self.groups(root, "resource_metrics", "scope_metrics")
        ids = undo_delta(root.column("id"), 16)
        demand(None not in ids and len(set(ids)) == len(ids), "a metric without an id of its own")
        metadata = self.attributes(METRIC_ATTRS, 16)
        columns = {name: root.column(name) for name in TABLES[METRICS]}
        by_id = {}
        for i, scope in enumerate(scopes):
            metric = scope.metrics.add()
            metric.name = columns["name"][i]
            metric.description = columns["description"][i] or ""
            metric.unit = columns["unit"][i] or ""
            put_attributes(metric.metadata, metadata.pop(ids[i], []))
            kind = columns["metric_type"][i]
            demand(0 <= kind <= 5, f"metric_type {kind}")
            data = None
            if kind:
                data = getattr(metric, (None, "gauge", "sum", "histogram",
                                        "exponential_histogram", "summary")[kind])
                data.SetInParent()
            temporality = columns["aggregation_temporality"][i]
            demand(temporality is None or kind in (2, 3, 4), "temporality of another type")
            if temporality:
                data.aggregation_temporality = temporality
            monotonic = columns["is_monotonic"][i]
            demand(monotonic is None or kind == 2, "is_monotonic of another type")
            if monotonic:
                data.is_monotonic = monotonic
            by_id[ids[i]] = (kind, data)
        demand(not metadata, "metadata of no metric")
        for kind, types in ((NUMBER, (1, 2)), (HISTOGRAM, (3,)), (EXP_HISTOGRAM, (4,)),
                            (SUMMARY, (5,))):
            self.points(kind, types, by_id)
        return request

    def points(self, kind, types, by_id):
        table = self.tables.get(kind)
        if table is None:
            demand(POINT_ATTRS[kind] not in self.tables, "attributes of no points")
            demand(EXEMPLARS.get(kind) not in self.tables, "exemplars of no points")
            return
        own = undo_delta(table.column("id"), 32)
        parents = undo_delta(table.column("parent_id"), 16)
        attributes = self.attributes(POINT_ATTRS[kind], 32)
        exemplars = self.exemplars(kind)
        columns = {name: table.column(name) for name in TABLES[kind]}
        there = {name: table.there(name) for name in ("positive", "negative")}
        for i, (point_id, parent) in enumerate(zip(own, parents)):
            metric_type, data = by_id[parent]
            demand(metric_type in types, "a point of another type than its metric")
            point = data.data_points.add()
            point.start_time_unix_nano = (columns["start_time_unix_nano"][i] or 0) % 2**64
            point.time_unix_nano = columns["time_unix_nano"][i] % 2**64
            point.flags = columns["flags"][i] or 0
            put_attributes(point.attributes, attributes.pop(point_id, []))
            if kind in EXEMPLARS:
                point.exemplars.extend(exemplars.pop(point_id, []))
            row = {name: values[i] for name, values in columns.items()}
            {NUMBER: put_number, SUMMARY: put_summary, HISTOGRAM: put_histogram,
             EXP_HISTOGRAM: put_exponential}[kind](
                 point, row, {name: values[i] for name, values in there.items()})
        demand(not attributes and not exemplars, "children of no point")

    def exemplars(self, kind):
        found = {}
        if EXEMPLARS.get(kind) not in self.tables:
            demand(EXEMPLAR_ATTRS.get(kind) not in self.tables, "attributes of no exemplars")
            return found
        table = self.tables[EXEMPLARS[kind]]
        attributes = self.attributes(EXEMPLAR_ATTRS[kind], 32)
        columns = {name: table.column(name) for name in EXEMPLAR}
        looks = []
        for integer, double in zip(columns["int_value"], columns["double_value"]):
            demand(integer is None or double is None, "an exemplar with two values")
            if integer is not None:
                looks.append(("int", integer))
            elif double is not None and math.isnan(double):
                looks.append(None)  # compares unequal even to itself
            else:
                looks.append(("double", double))  # None looks like None
        for i, own, parent in self.children(EXEMPLARS[kind], 32, looks):
            exemplar = metrics_pb2.Exemplar(
                time_unix_nano=columns["time_unix_nano"][i] % 2**64,
                span_id=columns["span_id"][i] or b"", trace_id=columns["trace_id"][i] or b"")
            if columns["int_value"][i] is not None:
                exemplar.as_int = columns["int_value"][i]
            if columns["double_value"][i] is not None:
                exemplar.as_double = columns["double_value"][i]
            if own is not None:
                put_attributes(exemplar.filtered_attributes, attributes.pop(own))
            found.setdefault(parent, []).append(exemplar)
        demand(not attributes, "attributes of no exemplar")
        return found


# --- values ---


def put_attributes(pairs, attributes):
    for key, code, value in attributes:
        pair = pairs.add()
        pair.key = key
        if code:
            put_value(pair.value, code, value)


def put_value(any_value, code, value):
    if code == 1:
        any_value.string_value = value
    elif code == 2:
        any_value.int_value = value
    elif code == 3:
        any_value.double_value = value
    elif code == 4:
        any_value.bool_value = value
    elif code == 7:
        any_value.bytes_value = value
    elif code in (5, 6):
        tree = read_cbor(value)
        demand(isinstance(tree, Pairs if code == 5 else list), "CBOR of another type")
        put_tree(any_value, tree)


class Pairs(list):
    """A map with its order and duplicate keys, which a dict would lose."""


def read_cbor(data):
    """One CBOR item.  cbor2 reads scalars; containers are walked here."""
    value, at = cbor_item(data, 0)
    demand(at == len(data), "bytes behind a CBOR value")
    return value


def cbor_item(data, at):
    head = data[at]
    major = head >> 5
    if major in (4, 5):
        out = Pairs() if major == 5 else []
        count, at = cbor_count(data, at)
        while count is None or len(out) < count:
            if count is None and data[at] == 0xFF:
                return out, at + 1
            if major == 5:
                key, at = cbor_item(data, at)
                demand(isinstance(key, str), "a map key that is no text")
                value, at = cbor_item(data, at)
                out.append((key, value))
            else:
                value, at = cbor_item(data, at)
                out.append(value)
        return out, at
    if head == 0xFB:  # cbor2 may change the bits of a NaN
        return struct.unpack(">d", data[at + 1:at + 9])[0], at + 9
    size, end = cbor_count(data, at)
    end += size if major in (2, 3) else 0
    return cbor2.loads(data[at:end]), end


def cbor_count(data, at):
    info = data[at] & 31
    if info == 31:
        return None, at + 1
    if info < 24:
        return info, at + 1
    size = 1 << (info - 24)
    return int.from_bytes(data[at + 1:at + 1 + size], "big"), at + 1 + size


def put_tree(any_value, tree):
    if isinstance(tree, Pairs):
        any_value.kvlist_value.SetInParent()
        for key, value in tree:
            pair = any_value.kvlist_value.values.add()
            pair.key = key
            if value is not None:
                put_tree(pair.value, value)
    elif isinstance(tree, list):
        any_value.array_value.SetInParent()
        for value in tree:
            put_tree(any_value.array_value.values.add(), value)
    elif isinstance(tree, bool):
        any_value.bool_value = tree
    elif isinstance(tree, int):
        any_value.int_value = tree
    elif isinstance(tree, float):
        any_value.double_value = tree
    elif isinstance(tree, str):
        any_value.string_value = tree
    elif isinstance(tree, bytes):
        any_value.bytes_value = tree


# --- data points ---


def put_number(point, row, _):
    demand(row["int_value"] is None or row["double_value"] is None, "a point with two values")
    if row["int_value"] is not None:
        point.as_int = row["int_value"]
    if row["double_value"] is not None:
        point.as_double = row["double_value"]


def put_summary(point, row, _):
    point.count, point.sum = row["count"] or 0, row["sum"] or 0.0
    if row["sum"] is not None:
        point.sum = row["sum"]
    for item in row["quantile"] or []:
        point.quantile_values.add(quantile=item["quantile"] or 0.0, value=item["value"] or 0.0)
        if item["quantile"] is not None:
            point.quantile_values[-1].quantile = item["quantile"]
        if item["value"] is not None:
            point.quantile_values[-1].value = item["value"]


def put_optional(point, row):
    for name in ("sum", "min", "max"):
        if row[name] is not None:
            setattr(point, name, row[name])


def put_histogram(point, row, _):
    point.count = row["count"] or 0
    put_optional(point, row)
    point.bucket_counts.extend(v or 0 for v in row["bucket_counts"] or [])
    point.explicit_bounds.extend(0.0 if v is None else v for v in row["explicit_bounds"] or [])


def put_exponential(point, row, there):
    point.count, point.zero_count = row["count"] or 0, row["zero_count"] or 0
    point.scale = row["scale"] or 0
    if row["zero_threshold"] is not None:
        point.zero_threshold = row["zero_threshold"]
    put_optional(point, row)
    for name in ("positive", "negative"):
        if there[name]:
            buckets = getattr(point, name)
            buckets.SetInParent()
            buckets.offset = row[name + ".offset"] or 0
            buckets.bucket_counts.extend(v or 0 for v in row[name + ".bucket_counts"] or [])
