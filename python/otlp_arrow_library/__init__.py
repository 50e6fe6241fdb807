# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry exporters that write Arrow files, in process.

    from otlp_arrow_library import OtlpLibrary

    with OtlpLibrary(output_dir="telemetry") as library:
        provider.add_span_processor(BatchSpanProcessor(library.span_exporter()))
        ...

    table = pyarrow.table(otlp_arrow_library.open_dir("telemetry").traces())

The SDK is needed by the exporters alone, and imported when one is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _core
from ._errors import (
    OtlpBufferFullError,
    OtlpClosedError,
    OtlpConfigError,
    OtlpError,
    OtlpIoError,
    OtlpLimitError,
    OtlpNotFoundError,
)
from .library import OtlpLibrary
from .mock import MockOtlpService, MockServiceAddresses
from .stored import StoredDirectory, StoredSignal, open_dir

if TYPE_CHECKING:
    from .exporters import LogExporter, MetricExporter, SpanExporter

    PyOtlpSpanExporterAdapter = SpanExporter
    PyOtlpMetricExporterAdapter = MetricExporter
    PyOtlpLogExporterAdapter = LogExporter

PyOtlpLibrary = OtlpLibrary

__version__ = _core.version()

__all__ = [
    "LogExporter",
    "MetricExporter",
    "MockOtlpService",
    "MockServiceAddresses",
    "OtlpBufferFullError",
    "OtlpClosedError",
    "OtlpConfigError",
    "OtlpError",
    "OtlpIoError",
    "OtlpLibrary",
    "OtlpLimitError",
    "OtlpNotFoundError",
    "PyOtlpLibrary",
    "PyOtlpLogExporterAdapter",
    "PyOtlpMetricExporterAdapter",
    "PyOtlpSpanExporterAdapter",
    "SpanExporter",
    "StoredDirectory",
    "StoredSignal",
    "open_dir",
]

# Names that need the SDK.
_EXPORTERS = {
    "SpanExporter": "SpanExporter",
    "MetricExporter": "MetricExporter",
    "LogExporter": "LogExporter",
    "PyOtlpSpanExporterAdapter": "SpanExporter",
    "PyOtlpMetricExporterAdapter": "MetricExporter",
    "PyOtlpLogExporterAdapter": "LogExporter",
}


def __getattr__(name: str) -> Any:
    if name in _EXPORTERS:
        from . import exporters
        return getattr(exporters, _EXPORTERS[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
