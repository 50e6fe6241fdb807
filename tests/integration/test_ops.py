# SPDX-License-Identifier: Apache-2.0
"""Health, metrics, signals: what an operator sees."""

import signal as signals
import threading
import time
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import columns
import harness
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
