# SPDX-License-Identifier: Apache-2.0
"""Makes the benchmark's request bodies: seeded, realistic, all distinct.

For each signal and request size one pack file is written: Export requests one
after the other, each behind gRPC's 5-byte prefix, which makes the pack its
own index.  The first 16 are also written alone, for h2load, which sends one
file per run.  There are enough distinct requests (128,000 items) that no item
comes twice in a batch of 65,536 rows: repeated items would flatter every
compressor and every dictionary.  docs/benchmarks.md describes the
distributions.

    python bench/payload.py [--out build/bench/payloads]
"""
import argparse
import json
import pathlib
import random
import struct
import uuid

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

import words

SEED = 20260901
VERSION = 1  # raise when the bytes change: it names the cache folder
ITEMS = 128_000  # distinct items of each signal and size
SIZES = (1000, 100)
SIGNALS = ("traces", "metrics", "logs")
SINGLES = 16
BASE_NS = 1_767_225_600 * 10**9  # times are stored as offsets from here
SECOND = 10**9


def put(attributes, key, value):
    pair = attributes.add()
    pair.key = key
    if isinstance(value, bool):
        pair.value.bool_value = value
    elif isinstance(value, int):
        pair.value.int_value = value
    elif isinstance(value, float):
        pair.value.double_value = value
    else:
        pair.value.string_value = value


def put_all(attributes, pairs):
    for key, value in pairs:
        put(attributes, key, value)


def make_fleet(rng):
    """Resources of 20 services with 2 pods each: attributes and language."""
    fleet = []
    for number, name in enumerate(words.SERVICES * 2):
        language, sdk = words.LANGUAGES[number % len(words.LANGUAGES)]
        pod = f"{name}-{rng.getrandbits(40):010x}-{rng.getrandbits(20):05x}"
        identity = uuid.UUID(int=rng.getrandbits(128), version=4)
        fleet.append((
            ("service.name", name),
            ("service.version", f"{rng.randrange(1, 9)}.{number}.0"),
            ("service.instance.id", str(identity)),
            ("k8s.namespace.name", "shop"),
            ("k8s.deployment.name", name),
            ("k8s.pod.name", pod),
            ("host.name", f"ip-10-0-{number % 12}-17.internal"),
            ("telemetry.sdk.name", "opentelemetry"),
            ("telemetry.sdk.language", language),
            ("telemetry.sdk.version", sdk),
        ))
    return fleet


# -- traces -----------------------------------------------------------------

def http_attributes(rng, trace, client):
    path = rng.choice(words.ROUTES).format(rng.randrange(1, 1_000_000))
    host = rng.choice(words.SERVICES) + ".shop.svc"
    where = ("url.full", f"http://{host}{path}") if client else ("url.path",
                                                                path)
    return (
        ("http.request.method", rng.choice(words.METHODS)),
        where,
        ("http.response.status_code", rng.choice(words.STATUS)),
        ("server.address", host),
        ("network.protocol.version", rng.choice(words.PROTOCOLS)),
        ("user_agent.original", trace["agent"]),
        ("thread.id", trace["thread"]),
        ("shop.request.id", trace["request"]),
    )


def inner_attributes(rng, trace):
    return (
        ("code.function.name", rng.choice(words.FUNCTIONS)),
        ("thread.id", trace["thread"]),
        ("thread.name", words.THREADS[trace["thread"] % 24]),
        ("shop.tenant.id", f"tenant-{rng.randrange(400):04d}"),
        ("shop.order.id", rng.randrange(1, 50_000_000)),
        ("shop.cart.total", rng.randrange(100, 50_000) / 100),
        ("shop.feature.fast_path", rng.random() < 0.5),
        ("shop.request.id", trace["request"]),
    )


def put_events(rng, span):
    for _ in range(2 if rng.random() < 0.2 else 1):
        event = span.events.add()
        event.time_unix_nano = rng.randrange(span.start_time_unix_nano,
                                             span.end_time_unix_nano + 1)
        if rng.random() < 0.4:
            kind, text = rng.choice(words.EXCEPTIONS)
            event.name = "exception"
            put(event.attributes, "exception.type", kind)
            put(event.attributes, "exception.message",
                text.format(rng.randrange(10_000)))
        else:
            event.name = rng.choice(words.EVENTS)
            put(event.attributes, "message.id", rng.randrange(1_000_000))
            put(event.attributes, "message.type", "RECEIVED")


def put_link(rng, span):
    link = span.links.add()
    link.trace_id = rng.randbytes(16)
    link.span_id = rng.randbytes(8)
    link.flags = 0x100
    put(link.attributes, "messaging.operation.name", "process")


def make_span(rng, trace, place):
    """One span of TRACE and the scope (0..2) that it belongs to."""
    span = trace_pb2.Span()
    span.trace_id = trace["id"]
    span.span_id = rng.randbytes(8)
    span.parent_span_id = rng.choice(trace["spans"]) if place else trace["up"]
    trace["spans"].append(span.span_id)
    span.flags = 0x101 if place else 0x301
    start = trace["start"] + place * rng.randrange(50_000, 3_000_000)
    span.start_time_unix_nano = start
    span.end_time_unix_nano = start + int(rng.lognormvariate(15.5, 1.2))
    scope = 0 if place == 0 else rng.choice((1, 1, 2))
    if scope == 2:
        span.kind = trace_pb2.Span.SPAN_KIND_INTERNAL
        pairs = inner_attributes(rng, trace)
        span.name = pairs[0][1].rpartition(".shop.")[2]
    else:
        pairs = http_attributes(rng, trace, scope == 1)
        span.kind = (trace_pb2.Span.SPAN_KIND_CLIENT if scope else
                     trace_pb2.Span.SPAN_KIND_SERVER)
        span.name = pairs[0][1] if scope else (
            f"{pairs[0][1]} {rng.choice(words.ROUTES)}")
    put_all(span.attributes, pairs)
    if rng.random() < 0.20:
        put_events(rng, span)
    if rng.random() < 0.05:
        put_link(rng, span)
    if rng.random() < 0.05:
        span.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        span.status.message = "upstream answered 503"
    return scope, span


def make_trace(rng, window):
    identity = uuid.UUID(int=rng.getrandbits(128), version=4)
    return {
        "id": rng.randbytes(16),
        "up": rng.randbytes(8) if rng.random() < 0.7 else b"",
        "spans": [],
        "start": window + rng.randrange(5 * SECOND),
        "agent": rng.choice(words.AGENTS),
        "thread": rng.randrange(1, 200),
        "request": str(identity),
    }


def make_traces(rng, resource, count, window):
    scopes = ([], [], [])
    left = count
    while left > 0:
        trace = make_trace(rng, window)
        for place in range(min(left, rng.randint(3, 5))):
            scope, span = make_span(rng, trace, place)
            scopes[scope].append(span)
            left -= 1
    message = trace_service_pb2.ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.schema_url = "https://opentelemetry.io/schemas/1.37.0"
    put_all(group.resource.attributes, resource)
    names = ("io.opentelemetry.http-server", "io.opentelemetry.http-client",
             resource[0][1])
    time_sum = 0
    for name, spans in zip(names, scopes):
        part = group.scope_spans.add()
        part.scope.name, part.scope.version = name, "2.18.1"
        spans.sort(key=lambda s: s.end_time_unix_nano)  # exported as they end
        part.spans.extend(spans)
        time_sum += sum(s.start_time_unix_nano - BASE_NS for s in spans)
    return message.SerializeToString(), time_sum


# -- metrics ----------------------------------------------------------------

def put_exemplar(rng, point, value):
    exemplar = point.exemplars.add()
    exemplar.as_double = value
    exemplar.time_unix_nano = point.time_unix_nano - rng.randrange(SECOND)
    exemplar.trace_id = rng.randbytes(16)
    exemplar.span_id = rng.randbytes(8)


def fill_histogram(rng, point):
    counts = [int(rng.expovariate(1 / (90 - 6 * place)))
              for place in range(len(words.BOUNDS) + 1)]
    point.bucket_counts.extend(counts)
    point.explicit_bounds.extend(words.BOUNDS)
    point.count = sum(counts)
    point.sum = rng.expovariate(1 / 30)
    point.min = rng.random() / 1000
    point.max = rng.random() * 9
    if rng.random() < 0.10:
        put_exemplar(rng, point, point.max)


def fill_number(rng, point, name):
    if name.endswith((".time", ".used")):
        point.as_double = rng.random() * 1e6
    else:
        point.as_int = rng.randrange(1_000_000)
    if rng.random() < 0.02:
        put_exemplar(rng, point, rng.random())


def data_of(metric, kind):
    """The oneof member of METRIC for KIND, ready for points."""
    if kind == "gauge":
        return metric.gauge
    data = metric.histogram if kind == "histogram" else metric.sum
    data.aggregation_temporality = (
        metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE)
    if kind != "histogram":
        data.is_monotonic = kind == "sum"
    return data


def put_metric(rng, part, shape, count, start, now):
    name, unit, kind, keys = shape
    metric = part.metrics.add()
    metric.name, metric.unit = name, unit
    metric.description = f"Measures {name.replace('.', ' ')}."
    points = data_of(metric, kind).data_points
    for _ in range(count):
        point = points.add()
        if kind != "gauge":
            point.start_time_unix_nano = start
        point.time_unix_nano = now + rng.randrange(1_000_000)
        for key in keys:
            put(point.attributes, key, rng.choice(words.VALUES[key]))
        if kind == "histogram":
            fill_histogram(rng, point)
        else:
            fill_number(rng, point, name)


def make_metrics(rng, resource, count, window):
    message = metrics_service_pb2.ExportMetricsServiceRequest()
    group = message.resource_metrics.add()
    group.schema_url = "https://opentelemetry.io/schemas/1.37.0"
    put_all(group.resource.attributes, resource)
    parts = []
    for name in ("io.opentelemetry.http", "io.opentelemetry.runtime"):
        part = group.scope_metrics.add()
        part.scope.name, part.scope.version = name, "2.18.1"
        parts.append(part)
    now = window + rng.randrange(SECOND)
    start = BASE_NS - 86_400 * SECOND - rng.randrange(SECOND)
    left = count
    while left > 0:
        for shape in words.METRICS:
            some = min(left, rng.randint(4, 20))
            if some > 0:
                part = parts[0 if shape[2] == "histogram" else 1]
                put_metric(rng, part, shape, some, start, now)
                left -= some
    time_sum = sum(
        point.time_unix_nano - BASE_NS
        for part in parts for metric in part.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points)
    return message.SerializeToString(), time_sum


# -- logs -------------------------------------------------------------------

SEVERITIES = ((9, "INFO"),) * 7 + ((5, "DEBUG"), (13, "WARN"), (17, "ERROR"))


def put_record(rng, records, now, trace):
    """One record; TRACE is the request being served and moves on at times."""
    record = records.add()
    severity = rng.choice(SEVERITIES)
    if rng.random() < 0.33:
        trace["id"], trace["span"] = rng.randbytes(16), rng.randbytes(8)
    record.time_unix_nano = now
    record.observed_time_unix_nano = now + rng.randrange(5_000, 5_000_000)
    number, text = severity
    record.severity_number, record.severity_text = number, text
    template = " ".join((rng.choice(words.LOG_SUBJECTS),
                         rng.choice(words.LOG_EVENTS)))
    record.body.string_value = template.format(rng.randrange(1, 1_000_000),
                                               rng.randrange(1, 5_000))
    put(record.attributes, "code.function.name", rng.choice(words.FUNCTIONS))
    put(record.attributes, "thread.id", rng.randrange(1, 200))
    put(record.attributes, "shop.tenant.id", f"tenant-{rng.randrange(400):04d}")
    put(record.attributes, "log.logger", rng.choice(
        ("order", "cart", "pay", "stock", "mail", "auth")))
    if rng.random() < 0.6:
        put(record.attributes, "http.response.status_code",
            rng.choice(words.STATUS))
    if rng.random() < 0.4:
        put(record.attributes, "shop.order.id", rng.randrange(1, 50_000_000))
    if rng.random() < 0.5:
        record.trace_id, record.span_id = trace["id"], trace["span"]
        record.flags = 1


def make_logs(rng, resource, count, window):
    message = logs_service_pb2.ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.schema_url = "https://opentelemetry.io/schemas/1.37.0"
    put_all(group.resource.attributes, resource)
    trace = {"id": rng.randbytes(16), "span": rng.randbytes(8)}
    third = count // 3
    shares = (third, third, count - 2 * third)
    now, time_sum = window, 0
    for name, share in zip(("com.shop.web", "com.shop.domain", "org.hibernate"),
                           shares):
        part = group.scope_logs.add()
        part.scope.name = name
        for _ in range(share):
            now += rng.randrange(1, 8_000_000)
            time_sum += now - BASE_NS
            put_record(rng, part.log_records, now, trace)
    return message.SerializeToString(), time_sum


# -- files ------------------------------------------------------------------

MAKERS = {"traces": make_traces, "metrics": make_metrics, "logs": make_logs}


def write_pack(folder, signal, size):
    """Writes one pack and its singles; gives what is known about it."""
    rng = random.Random(f"{SEED}/{signal}/{size}")
    fleet = make_fleet(random.Random(SEED))
    stem = f"{signal}_{size}"
    time_sums, total = [], 0
    with open(folder / f"{stem}.pack", "wb") as pack:
        for number in range(ITEMS // size):
            window = BASE_NS + number * size * 2_000_000
            body, time_sum = MAKERS[signal](rng, rng.choice(fleet), size,
                                            window)
            framed = struct.pack(">BI", 0, len(body)) + body
            pack.write(framed)
            if number < SINGLES:
                (folder / f"{stem}_{number:02d}.grpc").write_bytes(framed)
                (folder / f"{stem}_{number:02d}.bin").write_bytes(body)
            time_sums.append(time_sum)
            total += len(body)
    return {"pack": f"{stem}.pack", "signal": signal, "size": size,
            "requests": len(time_sums), "bytes": total, "base_ns": BASE_NS,
            "singles": SINGLES, "time_sums": time_sums}


def ensure(out):
    """The manifest of the payloads under OUT, made if they are not there."""
    folder = pathlib.Path(out) / f"seed{SEED}-v{VERSION}"
    manifest = folder / "manifest.json"
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True)
        packs = {}
        for signal in SIGNALS:
            for size in SIZES:
                packs[f"{signal}_{size}"] = write_pack(folder, signal, size)
        manifest.write_text(json.dumps(packs))
    packs = json.loads(manifest.read_text())
    for pack in packs.values():
        pack["folder"] = str(folder)
    return packs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="build/bench/payloads")
    for name, pack in ensure(parser.parse_args().out).items():
        items = pack["requests"] * pack["size"]
        print(f"{name:13} {pack['requests']:5} requests, {items} items, "
              f"{pack['bytes'] / items:6.1f} bytes an item")


if __name__ == "__main__":
    main()
