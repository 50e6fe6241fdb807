# SPDX-License-Identifier: Apache-2.0
"""The official SDKs, over each of their transports, with and without gzip:
what a client says that it sent is in the files, no more and no less."""

import json
import re

import pytest

import clients
import columns

# Enough for several batches of each SDK, and less than any of their queues.
COUNT = 600
SIGNALS = ("traces", "metrics", "logs")
MATRIX = [(sdk, protocol)
          for sdk in ("python", "go", "java", "javascript", "rust")
          for protocol in ("grpc", "http/protobuf", "http/json")
          if protocol != "http/json" or sdk in ("javascript", "rust")]

LANGUAGE = {"javascript": "nodejs"}  # as telemetry.sdk.language has it
# A number of JavaScript is a double.
LARGE = {"javascript": -(2**53 - 1)}
SCOPES_WITH_ATTRIBUTES = ("python", "go", "rust")
SENDS_EXEMPLARS = ("python", "go", "java")

# The first client of a language may have to wait for its build.
pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("compression", ("none", "gzip"))
@pytest.mark.parametrize("sdk, protocol", MATRIX)
def test_all_that_an_sdk_sends_is_stored(start, sdk, protocol, compression):
    """The two settings of compression also take the two ports, and the two
    temporalities of sums and histograms."""
    clients.command_of(sdk)
    service = start()
    gzip = compression == "gzip"
    temporality = "delta" if gzip else "cumulative"
    sent = clients.run_client(sdk, COUNT, clients.settings(protocol, compression,
                                                           service.ports[gzip], temporality))
    on_the_wire, unpacked = received_bytes(service)
    assert service.stop() == 0
    rows = {signal: columns.rows_of(service.directory, signal) for signal in SIGNALS}
    if sdk == "java":
        rows["metrics"] = without_own_metrics(rows["metrics"])
    assert {signal: len(found) for signal, found in rows.items()} == sent
    assert sent["traces"] == 2 * COUNT and sent["logs"] == COUNT and sent["metrics"] == 9
    assert on_the_wire * 2 < unpacked if gzip else on_the_wire == unpacked
    for signal in SIGNALS:
        check_origin(rows[signal], sdk, signal)
    orders = check_spans(rows["traces"], sdk)
    check_points(rows["metrics"], {"cumulative": 2, "delta": 1}[temporality])
    check_exemplars(rows["metrics"], orders, sdk)
    check_records(rows["logs"], orders)


def without_own_metrics(rows):
    """The SDK of Java also tells about its own queues."""
    return [row for row in rows if not row["scope_name"].startswith("io.opentelemetry.")]


def received_bytes(service):
    """Bytes of messages as they came, and unpacked."""
    status, text = service.get("/metrics")
    assert status == 200, text
    wire = re.findall(r"^otlp_arrow_network_received_bytes_total\S* (\d+)$", text, re.M)
    unpacked = re.findall(r"^otlp_arrow_received_bytes_total\S* (\d+)$", text, re.M)
    assert wire and unpacked, text
    return sum(map(int, wire)), sum(map(int, unpacked))


def check_origin(rows, sdk, signal):
    # The handler of Python's own logging has a name for the scope alone.
    version = None if (sdk, signal) == ("python", "logs") else "1.2"
    for row in rows:
        assert row["service_name"] == "shop"
        assert (row["scope_name"], row["scope_version"]) == ("otlp-arrow.client", version)
    (resource,) = {row["resource_attributes"] for row in rows}
    found = json.loads(resource)
    assert found["telemetry.sdk.language"] == LANGUAGE.get(sdk, sdk)
    assert found["telemetry.sdk.version"]
    assert {key: found[key] for key in clients.RESOURCE} == clients.RESOURCE


def check_spans(rows, sdk):
    """Gives the spans "order" by their ids."""
    orders = {row["span_id"]: row for row in rows if row["name"] == "order"}
    pays = [row for row in rows if row["name"] == "pay"]
    assert len(orders) == len(pays) == COUNT
    expected = {"text": "é", "large": LARGE.get(sdk, -(2**63)), "double": 2.5, "yes": True,
                "texts": ["a", "b"], "numbers": [1, -2]}
    seen = set()
    for row in orders.values():
        found = columns.attributes(row["attributes"])
        index = found.pop("index")
        seen.add(index)
        assert found == expected
        assert row["kind"] == 2 and row["parent_span_id"] is None
        assert row["scope_schema_url"] == "https://schema.example/1"
        assert 0 < row["start_time_unix_nano"] <= row["end_time_unix_nano"]
        (event,) = row["events"]
        assert event["name"] == "packed"
        assert columns.attributes(event["attributes"]) == {"n": index}
        if sdk in SCOPES_WITH_ATTRIBUTES:
            assert json.loads(row["scope_attributes"]) == {"in": "scope"}
    assert seen == set(range(COUNT))
    assert {row["parent_span_id"] for row in pays} == set(orders)
    for row in pays:
        order = orders[row["parent_span_id"]]
        assert row["kind"] == 3 and row["trace_id"] == order["trace_id"]
        assert (row["status_code"], row["status_message"]) == (2, "it broke")
        (link,) = row["links"]
        assert (link["trace_id"], link["span_id"]) == (order["trace_id"], order["span_id"])
        assert columns.attributes(link["attributes"]) == {"why": "test"}
    return orders


def number(row):
    """The value of a gauge or sum; not all SDKs know which are whole."""
    whole = row["value_int"]
    return columns.as_double(row["value_double"]) if whole is None else whole


def check_points(rows, temporality):
    by_name = {}
    for row in rows:
        assert row["time_unix_nano"] > 1_700_000_000_000_000_000
        by_name.setdefault(row["metric_name"], []).append(row)
    shelves = {columns.attributes(r["attributes"])["shelf"]: r for r in by_name.pop("orders")}
    assert {k: r["value_int"] for k, r in shelves.items()} == {"a": COUNT / 2, "b": COUNT / 2}
    for row in shelves.values():
        assert (row["unit"], row["description"]) == ("1", "orders taken")
        assert (row["metric_type"], row["is_monotonic"]) == (2, True)
        assert row["aggregation_temporality"] == temporality
    one = {name: found[0] for name, found in by_name.items() if len(found) == 1}
    assert set(one) == set(by_name)
    assert {name: (row["metric_type"], row["is_monotonic"], number(row))
            for name, row in one.items() if row["metric_type"] in (1, 2)} == {
        "stock": (2, False, -7), "temperature": (1, None, 2.25),
        "observed.counter": (2, True, 11), "observed.updown": (2, False, -12),
        "observed.gauge": (1, None, 1.5)}
    assert columns.attributes(one["temperature"]["attributes"]) == {"where": "here"}
    # What goes up and down is a total in either preference.
    assert one["stock"]["aggregation_temporality"] == 2
    row = one["duration"]
    assert (row["metric_type"], row["count"], row["unit"]) == (3, 3, "s")
    assert row["aggregation_temporality"] == temporality
    assert [columns.as_double(row[c]) for c in ("sum", "min", "max")] == [20_007.5, 0.5, 20_000.0]
    assert sum(row["bucket_counts"]) == 3
    assert len(row["bucket_counts"]) == len(row["explicit_bounds"]) + 1
    row = one["size"]
    assert (row["metric_type"], row["count"], row["zero_count"]) == (4, 4, 1)
    assert row["aggregation_temporality"] == temporality
    assert sum(row["positive_bucket_counts"]) == 3 and isinstance(row["scale"], int)


def check_exemplars(rows, orders, sdk):
    """A counter that was raised inside a span says in which."""
    found = [e for row in rows if row["metric_name"] == "orders" for e in row["exemplars"]]
    assert bool(found) == (sdk in SENDS_EXEMPLARS)
    for exemplar in found:
        assert exemplar["trace_id"] == orders[exemplar["span_id"]]["trace_id"]
        assert exemplar["value_int"] == 1 and exemplar["time_unix_nano"] > 0


def check_records(rows, orders):
    of_trace = {order["trace_id"]: order for order in orders.values()}
    seen = set()
    for row in rows:
        found = columns.attributes(row["attributes"])
        seen.add(found["left"])
        assert found["shelf"] == "A7"
        assert row["body_type"] == 1 and row["body"] == f"stock é is {found['left']}"
        assert row["severity_number"] == 13 and row["severity_text"] in ("WARN", "WARNING")
        assert row["time_unix_nano"] > 1_700_000_000_000_000_000
        assert row["observed_time_unix_nano"] > 1_700_000_000_000_000_000
        order = of_trace[row["trace_id"]]
        assert row["span_id"] == order["span_id"]
        assert columns.attributes(order["attributes"])["index"] == found["left"]
    assert seen == set(range(COUNT))
