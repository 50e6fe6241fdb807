# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON requests as the dicts that OtlpLibrary takes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from ._dicts import KINDS, STATUSES, TEMPORALITIES

_POINTS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
_TYPES = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def _value(value: dict[str, Any]) -> Any:
    for kind, inner in value.items():
        if kind == "intValue":
            return int(inner)
        if kind == "doubleValue":
            return float(inner)  # also of "NaN" and "Infinity"
        if kind == "bytesValue":
            return base64.b64decode(inner)
        if kind == "arrayValue":
            return tuple(_value(item) for item in inner.get("values", ()))
        if kind == "kvlistValue":
            return _attributes(inner.get("values", ()))
        return inner
    return None


def _attributes(pairs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {pair.get("key", ""): _value(pair.get("value", {})) for pair in pairs}


def _id(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def _owners(outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    resource = outer.get("resource", {})
    scope = inner.get("scope", {})
    return {
        "resource": {"attributes": _attributes(resource.get("attributes", ())),
                     "schema_url": outer.get("schemaUrl", "")},
        "scope": {"name": scope.get("name", ""), "version": scope.get("version", ""),
                  "schema_url": inner.get("schemaUrl", ""),
                  "attributes": _attributes(scope.get("attributes", ()))},
    }


def _items(texts: Iterable[str], signal: str, items: str) -> Iterator[tuple[dict[str, Any],
                                                                            dict[str, Any]]]:
    """Each item with what it stands under."""
    for text in texts:
        for outer in json.loads(text).get(f"resource{signal}", ()):
            for inner in outer.get(f"scope{signal}", ()):
                owners = _owners(outer, inner)
                for item in inner.get(items, ()):
                    yield item, owners


def _common(item: dict[str, Any]) -> dict[str, Any]:
    return {"attributes": _attributes(item.get("attributes", ())),
            "dropped_attributes_count": item.get("droppedAttributesCount", 0)}


def spans(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [_span(item, owners) for item, owners in _items(texts, "Spans", "spans")]


def _span(item: dict[str, Any], owners: dict[str, Any]) -> dict[str, Any]:
    status = item.get("status", {})
    return {
        "trace_id": _id(item.get("traceId")), "span_id": _id(item.get("spanId")),
        "parent_span_id": _id(item.get("parentSpanId")), "name": item.get("name", ""),
        "trace_state": item.get("traceState", ""), "flags": item.get("flags", 0),
        "kind": KINDS[item["kind"] - 1] if item.get("kind") else "unspecified",
        "start_time": int(item.get("startTimeUnixNano", 0)),
        "end_time": int(item.get("endTimeUnixNano", 0)),
        "status": STATUSES[status.get("code", 0)], "status_message": status.get("message", ""),
        "events": [{"name": event.get("name", ""), "time": int(event.get("timeUnixNano", 0)),
                    **_common(event)} for event in item.get("events", ())],
        "links": [{"trace_id": _id(link.get("traceId")), "span_id": _id(link.get("spanId")),
                   "trace_state": link.get("traceState", ""), "flags": link.get("flags", 0),
                   **_common(link)} for link in item.get("links", ())],
        "dropped_events_count": item.get("droppedEventsCount", 0),
        "dropped_links_count": item.get("droppedLinksCount", 0),
        **_common(item), **owners,
    }


def logs(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [{
        "time": int(item.get("timeUnixNano", 0)),
        "observed_time": int(item.get("observedTimeUnixNano", 0)),
        "severity_number": item.get("severityNumber", 0),
        "severity_text": item.get("severityText", ""), "event_name": item.get("eventName", ""),
        "body": _value(item.get("body", {})), "trace_id": _id(item.get("traceId")),
        "span_id": _id(item.get("spanId")), "flags": item.get("flags", 0),
        **_common(item), **owners,
    } for item, owners in _items(texts, "Logs", "logRecords")]


def metrics(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [_metric(item, owners) for item, owners in _items(texts, "Metrics", "metrics")]


def _metric(item: dict[str, Any], owners: dict[str, Any]) -> dict[str, Any]:
    found = {"name": item.get("name", ""), "description": item.get("description", ""),
             "unit": item.get("unit", ""), "type": "", "points": [], **owners}
    for kind, name in zip(_POINTS, _TYPES):
        if kind in item:
            data = item[kind]
            found["type"] = name
            found["points"] = [_point(point) for point in data.get("dataPoints", ())]
            if "aggregationTemporality" in data:
                found["temporality"] = TEMPORALITIES[data["aggregationTemporality"]]
            if kind == "sum":
                found["is_monotonic"] = data.get("isMonotonic", False)
    return found


def _number(item: dict[str, Any]) -> int | float | None:
    if "asInt" in item:
        return int(item["asInt"])
    return float(item["asDouble"]) if "asDouble" in item else None


def _buckets(item: dict[str, Any]) -> dict[str, Any]:
    return {"offset": item.get("offset", 0),
            "bucket_counts": [int(count) for count in item.get("bucketCounts", ())]}


def _point(item: dict[str, Any]) -> dict[str, Any]:
    point: dict[str, Any] = {
        "start_time": int(item.get("startTimeUnixNano", 0)),
        "time": int(item.get("timeUnixNano", 0)), "flags": item.get("flags", 0),
        "attributes": _attributes(item.get("attributes", ())),
        "exemplars": [{"time": int(exemplar.get("timeUnixNano", 0)), "value": _number(exemplar),
                       "trace_id": _id(exemplar.get("traceId")),
                       "span_id": _id(exemplar.get("spanId")),
                       "attributes": _attributes(exemplar.get("filteredAttributes", ()))}
                      for exemplar in item.get("exemplars", ())],
    }
    if _number(item) is not None:
        point["value"] = _number(item)
    for key, name, make in (("count", "count", int), ("sum", "sum", float), ("min", "min", float),
                            ("max", "max", float), ("scale", "scale", int),
                            ("zeroCount", "zero_count", int),
                            ("zeroThreshold", "zero_threshold", float)):
        if key in item:
            point[name] = make(item[key])
    if "bucketCounts" in item:
        point["bucket_counts"] = [int(count) for count in item["bucketCounts"]]
        point["explicit_bounds"] = [float(bound) for bound in item.get("explicitBounds", ())]
    for key in ("positive", "negative"):
        if key in item:
            point[key] = _buckets(item[key])
    if "quantileValues" in item:
        point["quantiles"] = [(float(pair.get("quantile", 0)), float(pair.get("value", 0)))
                              for pair in item["quantileValues"]]
    return point
