# SPDX-License-Identifier: Apache-2.0
"""Health, metrics, signals: what an operator sees."""

import random
import re
import signal as signals
import socket
import threading
import time
import urllib.request

import pyarrow.ipc
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import certificates
import columns
import harness
import httpclient
import manager
import otlpgen


def metrics(service):
    """{(name, labels): value}, read by a strict OpenMetrics parser."""
    request = urllib.request.Request(
        service.http + "/metrics", headers={"Accept": "application/openmetrics-text"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def of_signal(values, name, signal):
    return sum(value for (found, labels), value in values.items()
               if found == name and ("signal", signal) in labels)


def test_health_pages(start):
    service = start()
    for path in ("/health", "/livez", "/readyz"):
        code, text = service.get(path)
        assert code == 200 and text, path
    assert service.get("/nothing")[0] == 404
    request = urllib.request.Request(service.http + "/metrics", data=b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code == 405
    assert service.stop() == 0


def test_health_and_metrics_stay_when_the_dashboard_is_off(start):
    service = start("dashboard.enabled=false")
    assert service.get("/readyz")[0] == 200
    assert metrics(service)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_counters_add_up(start, signal):
    service = start("write_interval_secs=0.2")
    requests = [otlpgen.request(signal, 60_000 + i) for i in range(300)]
    items = sum(otlpgen.count_items(signal, r) for r in requests)
    raw = [r.SerializeToString() for r in requests]
    for result in service.send(signal, raw):
        assert not isinstance(result, Exception)
    for result in service.send(signal, [b"\x0a\x05abc"] * 7):
        assert isinstance(result, Exception)
    harness.wait_until(lambda: of_signal(metrics(service), "otlp_arrow_buffered_items", signal) == 0,
                       what="an empty buffer")
    values = metrics(service)

    def value(name):
        return of_signal(values, name, signal)

    assert value("otlp_arrow_received_items_total") >= items
    assert value("otlp_arrow_received_items_total") == value("otlp_arrow_stored_items_total")
    assert value("otlp_arrow_rejected_items_total") == 0
    assert value("otlp_arrow_requests_total") == 307
    assert value("otlp_arrow_refused_requests_total") == 7
    assert values[("otlp_arrow_refused_requests_total",
                   (("reason", "malformed"), ("signal", signal)))] == 7
    assert value("otlp_arrow_received_bytes_total") >= sum(map(len, raw))
    assert values[("otlp_arrow_files", ())] == 1
    on_disk = sum(path.stat().st_size for path in service.files(signal))
    assert values[("otlp_arrow_files_bytes", ())] == on_disk
    assert values[("otlp_arrow_written_bytes_total", ())] == on_disk
    for other in otlpgen.SIGNALS:
        if other != signal:
            assert of_signal(values, "otlp_arrow_received_items_total", other) == 0
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, signal)) >= items


def test_connections_are_counted(start):
    service = start()
    channel = service.channel()
    service.send("traces", [b""], channel=channel)
    values = metrics(service)
    assert values[("otlp_arrow_connections", ())] == 1
    assert values[("otlp_arrow_connections_opened_total", ())] >= 1
    channel.close()
    harness.wait_until(lambda: metrics(service)[("otlp_arrow_connections", ())] == 0,
                       what="the end of the connection")


@pytest.mark.parametrize("number", (signals.SIGTERM, signals.SIGINT))
def test_a_stop_under_load_keeps_everything_that_got_its_ok(start, number):
    service = start("write_interval_secs=3600")
    accepted, stop = [], threading.Event()

    def load(worker):
        call = service.stub("logs")
        sent = 0
        while not stop.is_set() and sent < 20_000:
            request = otlpgen.REQUEST_CLASS["logs"]()
            records = request.resource_logs.add().scope_logs.add().log_records
            names = [f"{worker}.{sent}.{i}" for i in range(20)]
            for name in names:
                records.add().body.string_value = name
            sent += 1
            try:
                call(request.SerializeToString(), timeout=10)
            except Exception:  # refused or cut off: not promised
                return
            accepted.extend(names)

    workers = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    time.sleep(1)
    service.process.send_signal(number)
    assert service.process.wait(20) == 0, service.output()
    stop.set()
    for worker in workers:
        worker.join(20)
    stored = [row["body"] for row in columns.rows_of(service.directory, "logs")]
    assert len(accepted) > 100
    assert not set(accepted) - set(stored), "an acknowledged record is missing"
    assert len(stored) == len(set(stored)), "a record is there twice"
    for path in service.files("logs"):
        assert path.read_bytes().endswith(b"\xff\xff\xff\xff\0\0\0\0")


def test_an_idle_stop_is_quick_also_with_open_connections(start):
    service = start()
    channel = service.channel()
    service.send("traces", [b""], channel=channel)
    begin = time.monotonic()
    service.process.send_signal(signals.SIGTERM)
    assert service.process.wait(10) == 0
    assert time.monotonic() - begin < 5


def test_idle_memory_is_reported(start, record_property):
    service = start()
    kilobytes = service.memory()
    record_property("idle_rss_kb", kilobytes)
    print(f"idle resident memory: {kilobytes} kB")
    assert kilobytes < 64 * 1024


# --- counters at every moment ---

LEFT = ("stored_items_total", "rejected_items_total", "given_up_items_total", "buffered_items")


def reconcile(text):
    """Asserts the equation for each signal; what was received of all."""
    values = {}
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        values[head] = int(value) if value.isdigit() else None
    total = 0
    for signal in otlpgen.SIGNALS:
        def value(name):
            return values[f'otlp_arrow_{name}{{signal="{signal}"}}']

        received = value("received_items_total")
        assert received == sum(value(name) for name in LEFT), (signal, values)
        # A difference that went below zero would be huge.
        assert 0 <= value("buffered_items") <= received
        total += received
    return total


def with_one_bad_record(signal, good):
    """A request whose GOOD records are kept and one is rejected."""
    request = otlpgen.REQUEST_CLASS["traces" if signal == "metrics" else signal]()
    if signal == "logs":
        records = request.resource_logs.add().scope_logs.add().log_records
        for i in range(good):
            records.add().body.string_value = str(i)
        records.add(trace_id=b"12345")
    else:
        spans = request.resource_spans.add().scope_spans.add().spans
        for i in range(good):
            spans.add(trace_id=bytes([1] * 16), span_id=bytes([i % 255 + 1] * 8), name=str(i))
        spans.add(trace_id=b"12345", span_id=bytes([1] * 8))
    return request.SerializeToString()


def mixed_load(service, number, stop, sent):
    """Good requests, some with a record that is rejected, and malformed ones."""
    rng = random.Random(number)
    stubs = {signal: service.stub(signal) for signal in otlpgen.SIGNALS}
    good = {signal: otlpgen.request(signal, 60_000 + number).SerializeToString()
            for signal in otlpgen.SIGNALS}
    while not stop.is_set():
        signal = rng.choice(otlpgen.SIGNALS)
        kind = rng.randrange(10)
        if kind == 0:
            raw = b"\x0a\x05abc"
        elif kind < 3 and signal != "metrics":
            raw = with_one_bad_record(signal, rng.randrange(1, 40))
        else:
            raw = good[signal]
        try:
            stubs[signal](raw, timeout=10)
            sent["accepted"] += 1
        except Exception:  # malformed, refused for the disk, or full
            sent["refused"] += 1


def test_counters_reconcile_in_every_scrape(start, tmp_path):
    disk = manager.Disk(tmp_path)
    service = start("write_interval_secs=0.02", "net.io_threads=3", "storage.batch_rows=50",
                    "max_log_buffer_size=2000", environment=disk.environment)
    stop, sent = threading.Event(), {"accepted": 0, "refused": 0}
    workers = [threading.Thread(target=mixed_load, args=(service, i, stop, sent))
               for i in range(4)]
    for worker in workers:
        worker.start()
    scrapes, seen = 0, set()
    begin = time.monotonic()
    # 100 times a second: with a good disk, a full one, one that stands still,
    # and a good one again.
    phases = ((1.5, disk.works), (2.5, disk.is_full), (3.5, disk.stands_still), (5, disk.works))
    for until, enter in phases:
        enter()
        while time.monotonic() - begin < until:
            code, text = service.get("/metrics")
            assert code == 200
            seen.add(reconcile(text))
            scrapes += 1
            time.sleep(0.01)
    stop.set()
    for worker in workers:
        worker.join(20)
    harness.wait_until(lambda: all(httpclient.metric_of(
        service, "otlp_arrow_buffered_items", signal=signal) == 0 for signal in otlpgen.SIGNALS),
        what="an empty buffer")
    values = metrics(service)
    for signal in otlpgen.SIGNALS:
        # Counted where the rows lie, by other numbers than those above.
        assert of_signal(values, "otlp_arrow_buffered_rows", signal) == 0
    rejected = sum(of_signal(values, "otlp_arrow_rejected_items_total", s)
                   for s in otlpgen.SIGNALS)
    kept = {s: of_signal(values, "otlp_arrow_stored_items_total", s) for s in otlpgen.SIGNALS}
    print(f"{scrapes} scrapes, {len(seen)} different sums, {sent}, {rejected:.0f} rejected")
    assert scrapes > 100 and len(seen) > 30, "there was no load to look at"
    assert rejected > 0 and sent["refused"] > 0 and sent["accepted"] > 100
    assert service.stop() == 0
    for signal in ("traces", "logs"):  # a metric without points has a row and no item
        rows = sum(pyarrow.ipc.open_stream(path).read_all().num_rows
                   for path in service.files(signal))
        assert rows == kept[signal]


# --- readiness ---


def test_a_stopping_service_is_not_ready_while_it_drains(start):
    service = start()
    body = otlpgen.request("logs", 5).SerializeToString()
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as sender:
        sender.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\n"
                       b"Content-Type: application/x-protobuf\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body[:-1])
        time.sleep(0.3)
        assert service.get("/readyz") == (200, "ready\n")
        service.process.send_signal(signals.SIGTERM)
        harness.wait_until(lambda: service.get("/readyz")[0] == 503, what="the end of readiness")
        assert service.get("/readyz")[1] == "not ready: stopping\n"
        assert httpclient.metric_of(service, "otlp_arrow_ready") == 0
        assert service.get("/livez")[0] == 200
        reconcile(service.get("/metrics")[1])
        sender.sendall(body[-1:])
        assert sender.recv(100).startswith(b"HTTP/1.1 200")
    assert service.process.wait(20) == 0
    assert len(columns.rows_of(service.directory, "logs")) == 5


def test_a_full_disk_is_told_with_its_reason_and_its_end(start, tmp_path):
    disk = manager.Disk(tmp_path)
    service = start("write_interval_secs=0.02", environment=disk.environment)
    raw = otlpgen.request("logs", 5).SerializeToString()
    disk.is_full()
    service.send("logs", [raw])
    harness.wait_until(lambda: service.get("/readyz")[0] == 503, what="the failure")
    reason = service.get("/readyz")[1]
    assert "No space left on device" in reason or "full" in reason
    assert httpclient.metric_of(service, "otlp_arrow_ready") == 0
    assert isinstance(service.send("logs", [raw])[0], Exception)
    disk.works()
    harness.wait_until(lambda: service.get("/readyz")[0] == 200, what="the recovery")
    assert not isinstance(service.send("logs", [raw])[0], Exception)
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == 10


def test_buffers_that_stay_full_are_told(start, tmp_path):
    disk = manager.Disk(tmp_path)
    service = start("write_interval_secs=0.02", "max_log_buffer_size=10",
                    environment=disk.environment)
    raw = otlpgen.request("logs", 5).SerializeToString()
    disk.stands_still()
    results = service.send("logs", [raw] * 10, in_flight=1)
    taken = sum(not isinstance(result, Exception) for result in results)
    assert 1 <= taken < 10
    # A moment of it is no reason yet.
    assert service.get("/readyz")[0] == 200
    harness.wait_until(lambda: service.get("/readyz")[0] == 503, what="the complaint")
    assert "the buffers have been full for" in service.get("/readyz")[1]
    disk.works()
    harness.wait_until(lambda: service.get("/readyz")[0] == 200, what="the recovery")
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == 5 * taken


# --- the log ---

SECRET = "hunter2-do-not-tell"


def bad_requests(number):
    """Raw bytes of requests that are wrong in many ways, all with secrets."""
    secret = f"{SECRET}-{number}".encode()
    fields = (b"Authorization: Bearer " + secret + b"\r\nX-API-Key: " + secret +
              b"\r\nCookie: a=" + secret + b"\r\n")

    def post(path, body, more=b"", kind=b"application/x-protobuf"):
        return (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + fields + more +
                b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    return [
        post(b"/v1/logs", b"\x0a\x7f" + secret),
        post(b"/v1/traces", b'{"' + secret + b'": ', kind=b"application/json"),
        post(b"/v1/" + secret, b"x"),
        post(b"/v1/logs", secret, more=b"Content-Encoding: gzip\r\n"),
        post(b"/v1/logs", b"x", more=b"Otlp-Arrow-Ack: " + secret + b"\r\n"),
        post(b"/v1/logs", b"x", kind=secret),
        b"GET /" + secret + b" HTTP/1.1\r\n" + fields + b"\r\n",
        b"\x16\x03\x01\x02\x00" + secret,
        secret + b"\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + fields +
        b"\r\nzz" + secret,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + secret * 3,
        b"\x1b[2J\r\nnot HTTP " + secret,
    ]


@pytest.mark.parametrize("level", ("debug", "info"))
def test_a_flood_of_bad_requests_says_little_and_tells_no_secret(start, level):
    service = start(f"log.level={level}", "protocols.authentication.auth_type=bearer_token",
                    f"protocols.authentication.credentials.token={SECRET}-configured")
    before = len(service.output())
    sent = 0
    for number in range(150):
        for data in bad_requests(number):
            with socket.create_connection(("127.0.0.1", service.ports[number % 2])) as one:
                one.sendall(data)
                one.shutdown(socket.SHUT_WR)
                one.settimeout(5)
                try:
                    while one.recv(4096):
                        pass
                except OSError:
                    pass
            sent += 1
    assert service.get("/readyz")[0] == 200
    assert service.stop() == 0
    text = service.output()
    print(f"{sent} bad requests, {len(text) - before} bytes of log")
    assert SECRET not in text and "hunter2" not in text
    # At most a burst of each kind of line in ten seconds.
    assert len(text) - before < 20_000
    assert all(ord(c) >= 0x20 for c in text.replace("\n", ""))


def test_a_flood_of_one_kind_of_line_is_held_back(start, tmp_path):
    certificate, key = certificates.Authority(tmp_path).issue()
    service = start("log.level=debug", f"protocols.tls.cert_file={certificate}",
                    f"protocols.tls.key_file={key}")
    before = len(service.lines)
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", service.port)) as one:
            # A handshake that cannot go on.
            one.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff" + SECRET.encode())
            one.settimeout(5)
            try:
                while one.recv(4096):
                    pass
            except OSError:
                pass
    assert service.stop() == 0
    said = [line for line in service.lines[before:] if "TLS" in line]
    assert 1 <= len(said) <= 30, said
    held = [int(number) for line in said
            for number in re.findall(r"\((\d+) more like this", line)]
    assert len(said) - len(held) + sum(held) >= 190
    assert SECRET not in service.output()
