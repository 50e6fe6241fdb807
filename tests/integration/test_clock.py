# SPDX-License-Identifier: Apache-2.0
"""The time of day jumps, and telemetry has times at the ends of their range.

The first is a short run of tests/soak/clock.py."""

import sys

import pyarrow as pa

import columns
import harness
import otlpgen

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))
import clock  # noqa: E402
import shim  # noqa: E402

LAST = 2**64 - 1


def test_jumps_of_the_time_of_day_disturb_no_names_rotation_or_retention(tmp_path):
    figures = clock.run(tmp_path, jumps=30, seed=5)
    assert figures.startswith("clock: 30 jumps"), figures


def test_a_clock_that_was_ahead_costs_no_file_and_no_name(tmp_path, start):
    """It was ten years ahead when the first file was written."""
    offsets = (10 * clock.YEAR, 0, -10 * clock.YEAR)
    for offset in offsets:
        other = shim.Clock(tmp_path / f"offset{offset}")
        other["offset"] = offset
        service = start(environment=other.environment())
        message = otlpgen.REQUEST_CLASS["logs"]()
        message.resource_logs.add().scope_logs.add().log_records.add(severity_text=str(offset))
        service.send("logs", [message.SerializeToString()])
        assert service.stop() == 0
    names = [path.name for path in service.files("logs")]
    numbers = [name.rsplit("_", 1)[1] for name in names]
    assert len(set(numbers)) == len(numbers) == 3, names
    kept = {row["severity_text"] for row in columns.rows_of(service.directory, "logs")}
    assert kept == {str(offset) for offset in offsets}


def test_times_at_both_ends_are_stored_and_read_back(start):
    service = start()
    traces = otlpgen.REQUEST_CLASS["traces"]()
    span = traces.resource_spans.add().scope_spans.add().spans.add(
        name="s", start_time_unix_nano=0, end_time_unix_nano=LAST)
    span.events.add(name="e", time_unix_nano=LAST)
    metrics = otlpgen.REQUEST_CLASS["metrics"]()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(start_time_unix_nano=LAST, time_unix_nano=0, as_int=1)
    logs = otlpgen.REQUEST_CLASS["logs"]()
    logs.resource_logs.add().scope_logs.add().log_records.add(
        time_unix_nano=LAST, observed_time_unix_nano=0, severity_text="x")
    sent = {"traces": traces, "metrics": metrics, "logs": logs}
    for signal, message in sent.items():
        (answer,) = service.send(signal, [message.SerializeToString()])
        assert answer == otlpgen.RESPONSE_CLASS[signal]()
    assert service.stop() == 0
    for signal, message in sent.items():
        (raw,) = harness.stored_requests(service.directory, signal)
        assert otlpgen.REQUEST_CLASS[signal].FromString(raw) == message
    (path,) = service.files("traces")
    table = columns.table_of(path)
    ends = table.column("end_time_unix_nano").cast(pa.int64()).to_pylist()
    assert [end % 2**64 for end in ends] == [LAST]
