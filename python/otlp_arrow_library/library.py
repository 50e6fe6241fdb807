# SPDX-License-Identifier: Apache-2.0
"""The library: one embedded service and the ways to give it telemetry."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import re
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from . import _core, _dicts
from ._errors import OtlpClosedError, OtlpIoError
from ._settings import Pairs, expect, milliseconds, pairs_of

if TYPE_CHECKING:
    from .exporters import LogExporter, MetricExporter, SpanExporter

Seconds = int | float | str | datetime.timedelta

_SIGNALS = {"traces": 0, "metrics": 1, "logs": 2}

# More workers than this cannot share one directory.
_MAX_WORKERS = 10_000
_ATTEMPTS = 3
_LOCK_NAME = ".otlp-arrow.lock"

# What a worker's service leaves out: its parent has the ports.
_NO_PORTS: Pairs = (
    ("protocols.protobuf_enabled", "false"),
    ("protocols.arrow_flight_enabled", "false"),
    ("dashboard.enabled", "false"),
)


class OtlpLibrary:
    """Writes telemetry of this process to Arrow files.

    Every setting of the service is a keyword: the eight below, and all others
    by their path with a double underscore (`storage__compression="zstd"`) or as
    nested dicts (`storage={"compression": "zstd"}`).  Durations are seconds, or
    texts such as "500ms"; sizes are bytes, or texts such as "64MiB".  `config`
    is a YAML file, `environment=False` leaves the variables OTLP_... out.  A
    keyword counts more than a variable, that more than the file.  No port is
    open unless it is switched on (`protobuf_enabled=True`).

    Raises OtlpConfigError (a ValueError) that names a setting which is unknown
    or wrong, TypeError for one of a wrong type, and OtlpIoError (an OSError)
    when the directory cannot be used or belongs to another library or service.

    All methods may be called by any thread at any time; they let other Python
    threads run while they wait.  After os.fork() the child's first export opens
    a service of the child's own, in `output_dir`/worker-1, or -2, ...; nothing
    of the parent's is touched.  What is not shut down when the interpreter ends
    is ended then, within seconds.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str] | None = None,
        write_interval_secs: Seconds | None = None,
        trace_cleanup_interval_secs: Seconds | None = None,
        metric_cleanup_interval_secs: Seconds | None = None,
        protobuf_enabled: bool | None = None,
        protobuf_port: int | None = None,
        arrow_flight_enabled: bool | None = None,
        arrow_flight_port: int | None = None,
        *,
        config: str | os.PathLike[str] | None = None,
        environment: bool = True,
        **settings: Any,
    ) -> None:
        expect("output_dir", output_dir, str, os.PathLike)
        for name, seconds in (("write_interval_secs", write_interval_secs),
                              ("trace_cleanup_interval_secs", trace_cleanup_interval_secs),
                              ("metric_cleanup_interval_secs", metric_cleanup_interval_secs)):
            expect(name, seconds, int, float, str, datetime.timedelta)
        expect("protobuf_enabled", protobuf_enabled, bool)
        expect("arrow_flight_enabled", arrow_flight_enabled, bool)
        expect("protobuf_port", protobuf_port, int)
        expect("arrow_flight_port", arrow_flight_port, int)
        expect("config", config, str, os.PathLike)
        pairs = pairs_of({
            "output_dir": output_dir, "write_interval_secs": write_interval_secs,
            "trace_cleanup_interval_secs": trace_cleanup_interval_secs,
            "metric_cleanup_interval_secs": metric_cleanup_interval_secs,
            "protobuf_enabled": protobuf_enabled, "protobuf_port": protobuf_port,
            "arrow_flight_enabled": arrow_flight_enabled, "arrow_flight_port": arrow_flight_port,
            **settings})
        self._arguments = (pairs, None if config is None else os.fspath(config), bool(environment))
        self._output_dir = output_dir_of(*self._arguments)
        self._lock = threading.Lock()
        self._closed = False
        self._directory = self._output_dir
        self._service: _core.Service | None = _core.Service(*self._arguments)
        _libraries.add(self)

    # --- this process's service ---

    def _current(self) -> _core.Service:
        """The service of this process, which is opened in a forked child."""
        service = self._service
        if service is None:
            with self._lock:
                if self._service is None:
                    if self._closed:
                        raise OtlpClosedError("the library was shut down")
                    self._service = self._open_worker()
                service = self._service
        return service

    def _open_worker(self) -> _core.Service:
        for number in range(1, _MAX_WORKERS + 1):
            directory = os.path.join(self._output_dir, f"worker-{number}")
            service = self._try_worker(directory)
            if service is None:
                continue
            self._directory = directory
            _end_with_worker(self)
            return service
        raise OtlpIoError(f"{self._output_dir}: {_MAX_WORKERS} workers have it in use")

    def _try_worker(self, directory: str) -> _core.Service | None:
        """A service in DIRECTORY, or None when another one has it."""
        pairs, config, environment = self._arguments
        settings = (*pairs, *_NO_PORTS, ("output_dir", directory))
        for attempt in range(_ATTEMPTS):
            if is_locked(directory):
                return None
            try:
                return _core.Service(settings, config, environment)
            except OtlpIoError:
                # One that only looks holds the lock for a moment.
                if not is_locked(directory) and attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.01)
        return None

    def _forget_parent(self) -> None:
        """In a child, right after the fork."""
        self._lock = threading.Lock()
        self._service = None

    # --- telemetry as dicts ---

    def export_trace(self, span: Mapping[str, Any], timeout: float = 10.0) -> None:
        """Takes one span; see export_traces()."""
        self._told(self._current().export_spans(_dicts.span(span), milliseconds(timeout), True))

    def export_traces(self, spans: Iterable[Mapping[str, Any]], timeout: float = 10.0) -> None:
        """Takes spans: all of them, or none and an exception.

        A span has `trace_id` (16 bytes), `span_id` (8 bytes) and `name`, and may
        have `parent_span_id`, `parent_is_remote`, `trace_state`, `kind`
        ("internal", "server", "client", "producer", "consumer"), `start_time`
        and `end_time` (nanoseconds since 1970, or datetime), `attributes`,
        `events` (dicts with `name`, `time`, `attributes`), `links` (`trace_id`,
        `span_id`, `trace_state`, `is_remote`, `attributes`), `status` ("unset",
        "ok", "error"), `status_message`, `resource` (its attributes, or
        {"attributes", "schema_url"}) and `scope` (`name`, `version`,
        `schema_url`, `attributes`).

        Returns when they are as safe as the setting `ack` asks for.  TypeError
        and ValueError name the key.  OtlpBufferFullError: there was no room for
        TIMEOUT seconds.  OtlpClosedError: after shutdown().  OtlpIoError: they
        may not be safe.
        """
        self._told(self._current().export_spans(_dicts.spans(spans), milliseconds(timeout), True))

    def export_metrics(self, metrics: Mapping[str, Any] | Iterable[Mapping[str, Any]],
                       timeout: float = 10.0) -> None:
        """Takes metrics: {"resource", "scope", "metrics": [METRIC, ...]}, or one
        METRIC with `resource` and `scope` in it, or a list of either.

        A METRIC has `name`, `type` ("gauge", "sum", "histogram",
        "exponential_histogram", "summary") and `points`, and may have
        `description`, `unit`, `temporality` ("cumulative", "delta") and
        `is_monotonic`.  A point may have `attributes`, `start_time`, `time` (now
        when it is missing), `flags`, `exemplars`; and by type `value`; `count`,
        `sum`, `min`, `max`, `bucket_counts`, `explicit_bounds`; `scale`,
        `zero_count`, `zero_threshold`, `positive` and `negative` (`offset`,
        `bucket_counts`); `quantiles` (pairs).

        Exceptions as of export_traces().
        """
        self._told(self._current().export_metrics(_dicts.metrics(metrics),
                                                  milliseconds(timeout), True))

    def export_metrics_ref(self, metrics: Mapping[str, Any] | Iterable[Mapping[str, Any]],
                           timeout: float = 10.0) -> None:
        """The same as export_metrics()."""
        self.export_metrics(metrics, timeout)

    def export_logs(self, records: Iterable[Mapping[str, Any]], timeout: float = 10.0) -> None:
        """Takes log records.  One may have `time`, `observed_time` (now when it is
        missing), `severity_number` (0 to 24), `severity_text`, `body` (a value of
        any type), `event_name`, `attributes`, `trace_id`, `span_id`, `flags`,
        `resource`, `scope`.  Exceptions as of export_traces()."""
        self._told(self._current().export_logs(_dicts.records(records),
                                               milliseconds(timeout), True))

    def export_otlp(self, signal: Literal["traces", "metrics", "logs"], data: bytes, *,
                    as_json: bool = False, timeout: float = 10.0) -> None:
        """Takes an OTLP export request as protobuf bytes, or as JSON text with AS_JSON.
        ValueError
        says what is wrong in it; other exceptions as of export_traces()."""
        if signal not in _SIGNALS:
            raise ValueError(f"signal: {signal!r} is none of {', '.join(_SIGNALS)}")
        expect("data", data, bytes)
        self._told(self._current().export_bytes(_SIGNALS[signal], as_json, data,
                                                milliseconds(timeout)))

    @staticmethod
    def _told(said: tuple[int, int, int, int, str] | None) -> None:
        if said is not None and any(said[1:4]):
            raise ValueError(said[4])

    # --- telemetry of the SDK ---

    def span_exporter_adapter(self) -> SpanExporter:
        """An exporter for a span processor of the SDK, which must be installed.
        Its shutdown() flushes and leaves the library open."""
        from .exporters import SpanExporter
        return SpanExporter(self)

    def span_exporter(self) -> SpanExporter:
        """The same as span_exporter_adapter()."""
        return self.span_exporter_adapter()

    def metric_exporter_adapter(self) -> MetricExporter:
        """An exporter for the SDK's PeriodicExportingMetricReader."""
        from .exporters import MetricExporter
        return MetricExporter(self)

    def log_exporter_adapter(self) -> LogExporter:
        """An exporter for a log record processor of the SDK."""
        from .exporters import LogExporter
        return LogExporter(self)

    # --- the rest ---

    @property
    def output_dir(self) -> str:
        """The directory of this process: in a forked one worker-1 or the like
        below that of its parent, once it has exported something."""
        return self._directory

    @property
    def ports(self) -> dict[str, int]:
        """The ports of "protobuf", "arrow_flight" and "dashboard"; 0 = off."""
        return dict(zip(("protobuf", "arrow_flight", "dashboard"), self._current().ports()))

    def flush(self, timeout: float = 30.0) -> bool:
        """Writes to files what was exported so far, and waits for that at most
        TIMEOUT seconds.  False: that was not enough.  OtlpClosedError after
        shutdown(), OtlpIoError when the disk refuses."""
        return self._current().flush(milliseconds(timeout))

    def stats(self) -> dict[str, Any]:
        """Numbers since the start.  "traces", "metrics" and "logs" each have
        `received`, `rejected`, `stored`, `given_up`, `buffered` (items) and
        `refused` (requests); then "bytes_buffered" and "memory_used".  Also after
        shutdown()."""
        return self._current().stats()

    def shutdown(self, timeout: float = 30.0) -> bool:
        """Takes nothing more, writes everything and ends the files; other threads
        that are exporting get OtlpClosedError.  False when TIMEOUT seconds were
        not enough: it goes on by itself.  Calls after the first wait for it too.
        OtlpIoError when something could not be written."""
        with self._lock:
            self._closed = True
            service = self._service
        return True if service is None else service.shutdown(milliseconds(timeout))

    def __enter__(self) -> OtlpLibrary:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<OtlpLibrary {self._directory!r}{' closed' if self._closed else ''}>"


def output_dir_of(pairs: Pairs, config: str | None, environment: bool) -> str:
    """The absolute path of what the settings say."""
    for name, value in reversed(pairs):
        if name == "output_dir":
            return os.path.abspath(value)
    text = _core.effective(pairs, config, environment)
    found = re.search(r'^output_dir: ("(?:[^"\\]|\\.)*")', text, re.MULTILINE)
    return os.path.abspath(json.loads(found.group(1)) if found else "output_dir")


def is_locked(directory: str) -> bool:
    """Whether a service has DIRECTORY open."""
    try:
        lock = os.open(os.path.join(directory, _LOCK_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


# --- forked processes ---

_libraries: weakref.WeakSet[OtlpLibrary] = weakref.WeakSet()


def _after_fork() -> None:
    libraries = list(_libraries)
    _close_locks({os.path.join(os.path.realpath(library._directory), _LOCK_NAME)
                  for library in libraries if library._service is not None})
    for library in libraries:
        library._forget_parent()


def _close_locks(paths: set[str]) -> None:
    """Closes this child's copies of its parent's locks: with them it would keep
    the directories locked when the parent has long ended."""
    if not paths:
        return
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}") in paths:
                os.close(int(number))
        except OSError:
            pass  # the descriptor of this very listing


os.register_at_fork(after_in_child=_after_fork)


def _end_with_worker(library: OtlpLibrary) -> None:
    """Processes of multiprocessing leave without finalizing the interpreter, but
    run what is registered here."""
    if "multiprocessing.util" in sys.modules:
        from multiprocessing.util import Finalize
        Finalize(library, _shutdown, args=(weakref.ref(library),), exitpriority=0)


def _shutdown(reference: weakref.ref[OtlpLibrary]) -> None:
    library = reference()
    if library is not None:
        library.shutdown(10.0)
