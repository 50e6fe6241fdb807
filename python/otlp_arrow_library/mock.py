# SPDX-License-Identifier: Apache-2.0
"""A service for other people's tests."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _core, _otlpjson
from ._errors import OtlpError
from .library import OtlpLibrary

if TYPE_CHECKING:
    import tempfile


class MockServiceAddresses(NamedTuple):
    """Addresses as "127.0.0.1:port"."""

    protobuf_addr: str  # OTLP/gRPC and OTLP/HTTP
    arrow_flight_addr: str


class MockOtlpService:
    """A real service on free ports of 127.0.0.1, with its files in a temporary
    directory.

        with MockOtlpService() as mock:
            exporter = OTLPSpanExporter(endpoint=mock.addresses.protobuf_addr, insecure=True)
            ...
            mock.assert_traces_received(3)
            assert mock.received_spans()[0]["name"] == "checkout"

    What is received is read back from the files.  One thread at a time.
    """

    def __init__(self) -> None:
        self._library: OtlpLibrary | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._addresses: MockServiceAddresses | None = None
        self._api_calls = 0
        self._forgotten: dict[str, int] = {}

    # --- life ---

    def start(self) -> MockServiceAddresses:
        """Starts listening; once more it gives the same addresses."""
        if self._addresses is None:
            import tempfile  # not needed, and so not loaded, outside of tests
            self._directory = tempfile.TemporaryDirectory(prefix="otlp-arrow-mock-")
            self._library = OtlpLibrary(
                self._directory.name, environment=False, protobuf_enabled=True, protobuf_port=0,
                arrow_flight_enabled=True, arrow_flight_port=0, bind_address="127.0.0.1",
                dashboard={"enabled": True, "port": 0, "bind_address": "127.0.0.1"},
                log={"level": "error"})
            ports = self._library.ports
            self._addresses = MockServiceAddresses(f"127.0.0.1:{ports['protobuf']}",
                                                   f"127.0.0.1:{ports['arrow_flight']}")
            self._forgotten = {}
            self._api_calls = 0
        return self._addresses

    @property
    def addresses(self) -> MockServiceAddresses:
        """What start() gave."""
        self._running()
        assert self._addresses is not None
        return self._addresses

    def stop(self) -> None:
        """Stops listening and removes the files.  May be called again."""
        if self._library is not None:
            self._library.shutdown(10.0)
        if self._directory is not None:
            self._directory.cleanup()
        self._library = self._directory = self._addresses = None

    def reset(self) -> None:
        """Forgets what was received and counted."""
        for signal in ("traces", "metrics", "logs"):
            self._forgotten[signal] = 0
        self._forgotten = {
            "traces": len(self.received_spans()), "metrics": len(self.received_metrics()),
            "logs": len(self.received_logs()), "requests": self._all_requests()}
        self._api_calls = 0

    def __enter__(self) -> MockOtlpService:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def _running(self) -> OtlpLibrary:
        if self._library is None:
            raise OtlpError("the mock service is not running; call start()")
        return self._library

    # --- what comes in without a port ---

    def receive_trace(self, span: Mapping[str, Any]) -> None:
        """Takes a span as OtlpLibrary.export_trace() does."""
        self._running().export_trace(span)
        self._api_calls += 1

    def receive_metric(self, metric: Mapping[str, Any]) -> None:
        """Takes metrics as OtlpLibrary.export_metrics() does."""
        self._running().export_metrics(metric)
        self._api_calls += 1

    # --- what came in ---

    def received_spans(self) -> list[dict[str, Any]]:
        """As the dicts of OtlpLibrary.export_traces(), every key in them."""
        return self._received("traces", _otlpjson.spans)

    def received_metrics(self) -> list[dict[str, Any]]:
        """As the dicts of OtlpLibrary.export_metrics(), one for a metric."""
        return self._received("metrics", _otlpjson.metrics)

    def received_logs(self) -> list[dict[str, Any]]:
        """As the dicts of OtlpLibrary.export_logs()."""
        return self._received("logs", _otlpjson.logs)

    def _received(self, signal: str, decode: Callable[[list[str]], list[dict[str, Any]]]
                  ) -> list[dict[str, Any]]:
        library = self._running()
        library.flush()
        found = decode(_core.read_requests(library.output_dir, signal))
        return found[self._forgotten.get(signal, 0):]

    def grpc_calls_count(self) -> int:
        """Export requests that came in over a port."""
        return self._all_requests() - self._forgotten.get("requests", 0) - self._api_calls

    def api_calls_count(self) -> int:
        """Calls of receive_trace() and receive_metric()."""
        return self._api_calls

    def _all_requests(self) -> int:
        import urllib.request
        url = f"http://127.0.0.1:{self._running().ports['dashboard']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        return sum(int(count) for count in re.findall(
            r"^otlp_arrow_requests_total\{.*\} (\d+)$", text, re.MULTILINE))

    def assert_traces_received(self, count: int, timeout: float = 5.0) -> None:
        """AssertionError unless COUNT spans came in; waits for them at most
        TIMEOUT seconds."""
        self._assert("spans", self.received_spans, count, timeout)

    def assert_metrics_received(self, count: int, timeout: float = 5.0) -> None:
        """The same with metrics, whatever their number of points."""
        self._assert("metrics", self.received_metrics, count, timeout)

    def assert_logs_received(self, count: int, timeout: float = 5.0) -> None:
        """The same with log records."""
        self._assert("log records", self.received_logs, count, timeout)

    @staticmethod
    def _assert(what: str, received: Callable[[], list[dict[str, Any]]], count: int,
                timeout: float) -> None:
        end = time.monotonic() + timeout
        found = len(received())
        while found < count and time.monotonic() < end:
            time.sleep(0.02)
            found = len(received())
        if found != count:
            raise AssertionError(f"{found} {what} were received, not {count}")
