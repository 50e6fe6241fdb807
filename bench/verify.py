# SPDX-License-Identifier: Apache-2.0
"""Finds again what was sent: items and, where times are kept whole, the sum
of their times, in Arrow stream files and in the Collector's files."""
import pathlib
import struct

import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

TIME_COLUMN = {"traces": "start_time_unix_nano", "metrics": "time_unix_nano",
               "logs": "time_unix_nano"}
REQUEST = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}


def disk_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*")
               if path.is_file())


def count_arrow(folder, signal, base_ns=None):
    """Rows of the stream files under FOLDER, and the sum of their times after
    BASE_NS when that is given."""
    rows, time_sum, files = 0, 0, 0
    for path in sorted(pathlib.Path(folder).rglob("*.arrow*")):
        if signal not in path.parts:
            continue
        files += 1
        with pa.memory_map(str(path)) as source:
            schema = pa.ipc.open_stream(source).schema
            place = schema.get_field_index(TIME_COLUMN[signal])
            # One column is enough, and the others need not be decompressed.
            options = pa.ipc.IpcReadOptions(included_fields=[max(place, 0)])
            source.seek(0)
            for batch in pa.ipc.open_stream(source, options=options):
                rows += batch.num_rows
                if base_ns is not None and batch.num_rows > 0:
                    times = batch.column(0).cast(pa.int64())
                    time_sum += pc.sum(pc.subtract(times, base_ns)).as_py()
    return {"items": rows, "files": files,
            "time_sum": time_sum if base_ns is not None else None}


def frames(path):
    """The Collector's framing: a 4-byte big-endian length before each."""
    data = memoryview(pathlib.Path(path).read_bytes())
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4:at + 4 + length]
        at += 4 + length


def times_of(message, signal):
    if signal == "traces":
        for group in message.resource_spans:
            for part in group.scope_spans:
                for span in part.spans:
                    yield span.start_time_unix_nano
    elif signal == "logs":
        for group in message.resource_logs:
            for part in group.scope_logs:
                for record in part.log_records:
                    yield record.time_unix_nano
    else:
        for group in message.resource_metrics:
            for part in group.scope_metrics:
                for metric in part.metrics:
                    data = getattr(metric, metric.WhichOneof("data"))
                    for point in data.data_points:
                        yield point.time_unix_nano


def count_collector(path, signal, base_ns, compressed):
    """Items in a file of the Collector's file exporter.  Equal frames (a body
    that was sent twice) are parsed once."""
    items, time_sum, seen = 0, 0, {}
    for frame in frames(path):
        raw = bytes(frame)
        if raw not in seen:
            body = raw
            if compressed:
                stream = pa.CompressedInputStream(pa.BufferReader(raw), "zstd")
                body = stream.read()
            message = REQUEST[signal].FromString(body)
            found = [time - base_ns for time in times_of(message, signal)]
            seen[raw] = (len(found), sum(found))
        count, times = seen[raw]
        items += count
        time_sum += times
    return {"items": items, "files": 1, "time_sum": time_sum}
