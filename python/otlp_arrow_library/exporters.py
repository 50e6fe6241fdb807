# SPDX-License-Identifier: Apache-2.0
"""Exporters for the OpenTelemetry SDK.

Each is made with a library (`SpanExporter(library)`) or alone: then all of a
process share one library for a directory, which is configured by keywords and
by the variables OTLP_..., and ended with the last of them.  They are also what
OTEL_TRACES_EXPORTER=otlp_arrow, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER
name.

An export waits while buffers are full, at most `timeout` seconds; FAILURE then
means that nothing was taken.  Any thread may call anything at any time.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics import export as metrics_export
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import export as trace_export
from opentelemetry.sdk.trace.export import SpanExportResult

from . import _shared
from ._errors import OtlpClosedError, OtlpError
from ._settings import milliseconds
from .library import OtlpLibrary

_logger = logging.getLogger(__name__)

DELTA = AggregationTemporality.DELTA
CUMULATIVE = AggregationTemporality.CUMULATIVE

# What the OTLP exporters' variable of the same names stands for.
_PREFERENCES: dict[str, dict[type, AggregationTemporality]] = {
    "cumulative": {
        Counter: CUMULATIVE, UpDownCounter: CUMULATIVE, Histogram: CUMULATIVE,
        ObservableCounter: CUMULATIVE, ObservableUpDownCounter: CUMULATIVE,
        ObservableGauge: CUMULATIVE,
    },
    "delta": {
        Counter: DELTA, UpDownCounter: CUMULATIVE, Histogram: DELTA,
        ObservableCounter: DELTA, ObservableUpDownCounter: CUMULATIVE,
        ObservableGauge: CUMULATIVE,
    },
    "lowmemory": {
        Counter: DELTA, UpDownCounter: CUMULATIVE, Histogram: DELTA,
        ObservableCounter: CUMULATIVE, ObservableUpDownCounter: CUMULATIVE,
        ObservableGauge: CUMULATIVE,
    },
}


class _Complaints:
    """Says what goes wrong, and the same no more than once a minute: what is
    logged may itself be telemetry."""

    QUIET_SECONDS = 60.0

    def __init__(self, what: str) -> None:
        self.what = what
        self.last = ""
        self.since = float("-inf")

    def say(self, text: str) -> None:
        now = time.monotonic()
        if text != self.last or now - self.since >= self.QUIET_SECONDS:
            self.last = text
            self.since = now
            _logger.error("%s: %s", self.what, text)


class _Link:
    """What the three exporters share: a library, and whether it is theirs."""

    def __init__(self, what: str, library: OtlpLibrary | None, timeout: float,
                 settings: dict[str, Any]) -> None:
        if library is not None and settings:
            raise TypeError(f"{next(iter(settings))}: the library has its settings already")
        if library is not None and not isinstance(library, OtlpLibrary):
            raise TypeError(f"library: expected OtlpLibrary, got {type(library).__name__}")
        self.timeout_ms = milliseconds(timeout)
        self.shares = library is None
        self.library = _shared.acquire(settings) if library is None else library
        self.complaints = _Complaints(what)
        self.closed = False

    def note(self, said: tuple[int, int, int, int, str]) -> bool:
        """Logs what was not taken as it was; False when nothing was."""
        accepted, rejected, left_out, imperfect, reason = said
        if rejected or left_out:
            self.complaints.say(f"{rejected + left_out} left out, {accepted} taken: {reason}")
        elif imperfect:
            self.complaints.say(f"{imperfect} values could not be kept as they were: {reason}")
        return accepted > 0 or not (rejected or left_out)

    def fail(self, error: Exception) -> None:
        self.complaints.say("nothing was taken: "
                            + ("the exporter was shut down" if self.closed else str(error)))

    def flush(self, timeout_millis: float | None) -> bool:
        if self.closed:
            return True
        try:
            return self.library.flush(10.0 if timeout_millis is None else timeout_millis / 1000)
        except OtlpClosedError:
            return True  # which wrote everything
        except OtlpError as error:
            self.fail(error)
            return False

    def shutdown(self, timeout_millis: float) -> None:
        if self.closed:
            return
        self.closed = True
        try:
            if self.shares:
                done = _shared.release(self.library, timeout_millis / 1000)
            else:
                done = self.library.flush(timeout_millis / 1000)
            if not done:
                self.complaints.say("not everything is written yet")
        except OtlpClosedError:
            pass
        except OtlpError as error:
            self.complaints.say(str(error))


class SpanExporter(trace_export.SpanExporter):
    """Spans of the SDK, for BatchSpanProcessor and the like."""

    def __init__(self, library: OtlpLibrary | None = None, *, timeout: float = 10.0,
                 **settings: Any) -> None:
        """TIMEOUT in seconds.  SETTINGS are those of OtlpLibrary, which tells
        the exceptions too."""
        self._link = _Link("spans", library, timeout, settings)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        link = self._link
        try:
            if link.closed:
                raise OtlpClosedError("the exporter was shut down")
            said = link.library._current().export_spans(spans, link.timeout_ms)
            if said is None or link.note(said):
                return SpanExportResult.SUCCESS
        except Exception as error:  # an exporter raises nothing into the SDK
            link.fail(error)
        return SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Whether all that was exported is in files within the time."""
        return self._link.flush(timeout_millis)

    def shutdown(self) -> None:
        """Flushes, and ends the library when it is shared and this the last
        exporter.  At most 10 s."""
        self._link.shutdown(10_000)


class MetricExporter(metrics_export.MetricExporter):
    """Metrics of the SDK, for PeriodicExportingMetricReader."""

    def __init__(self, library: OtlpLibrary | None = None, *,
                 preferred_temporality: dict[type, AggregationTemporality] | None = None,
                 preferred_aggregation: dict[type, Aggregation] | None = None,
                 timeout: float = 10.0, **settings: Any) -> None:
        """Temporality and aggregation by kind of instrument; what is not given
        is taken from OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE
        ("cumulative", "delta", "lowmemory") and from
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION."""
        self._preference = _preference()
        temporality = {**_PREFERENCES[self._preference], **(preferred_temporality or {})}
        aggregation = {Histogram: _histogram_aggregation(), **(preferred_aggregation or {})}
        super().__init__(temporality, aggregation)
        self._link = _Link("metrics", library, timeout, settings)

    def set_temporality(self, temporality: str | AggregationTemporality) -> None:
        """Prefers "cumulative", "delta" or "lowmemory".  A reader asks when it is
        made, so this comes before.  ValueError for others."""
        name = temporality.name if isinstance(temporality, AggregationTemporality) else temporality
        if not isinstance(name, str):
            raise TypeError(f"temporality: expected str, got {type(name).__name__}")
        if name.lower() not in _PREFERENCES:
            raise ValueError(f"temporality: {name!r} is none of {', '.join(_PREFERENCES)}")
        self._preference = name.lower()
        self._preferred_temporality = dict(_PREFERENCES[self._preference])

    def temporality(self) -> str:
        """What set_temporality() or the environment has chosen."""
        return self._preference

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000,
               **kwargs: Any) -> MetricExportResult:
        link = self._link
        try:
            if link.closed:
                raise OtlpClosedError("the exporter was shut down")
            said = link.library._current().export_metrics(
                metrics_data, min(link.timeout_ms, milliseconds(timeout_millis / 1000)))
            if said is None or link.note(said):
                return MetricExportResult.SUCCESS
        except Exception as error:
            link.fail(error)
        return MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Whether all that was exported is in files within the time."""
        return self._link.flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """As of SpanExporter, within TIMEOUT_MILLIS."""
        self._link.shutdown(timeout_millis)


class LogExporter(LogRecordExporter):
    """Log records of the SDK, for BatchLogRecordProcessor and the like."""

    def __init__(self, library: OtlpLibrary | None = None, *, timeout: float = 10.0,
                 **settings: Any) -> None:
        """As of SpanExporter."""
        self._link = _Link("log records", library, timeout, settings)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        link = self._link
        try:
            if link.closed:
                raise OtlpClosedError("the exporter was shut down")
            said = link.library._current().export_logs(batch, link.timeout_ms)
            if said is None or link.note(said):
                return LogRecordExportResult.SUCCESS
        except Exception as error:
            link.fail(error)
        return LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Whether all that was exported is in files within the time."""
        return self._link.flush(timeout_millis)

    def shutdown(self) -> None:
        """As of SpanExporter."""
        self._link.shutdown(10_000)


def _preference() -> str:
    value = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "")
    name = value.strip().lower() or "cumulative"
    if name not in _PREFERENCES:
        _logger.warning("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: %r is none of %s; "
                        "using cumulative", value, ", ".join(_PREFERENCES))
        name = "cumulative"
    return name


def _histogram_aggregation() -> Aggregation:
    value = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "")
    name = value.strip().lower() or "explicit_bucket_histogram"
    if name == "base2_exponential_bucket_histogram":
        return ExponentialBucketHistogramAggregation()
    if name != "explicit_bucket_histogram":
        _logger.warning("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: %r is not "
                        "known; using explicit_bucket_histogram", value)
    return ExplicitBucketHistogramAggregation()
