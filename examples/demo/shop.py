# SPDX-License-Identifier: Apache-2.0
"""A small web shop with the OpenTelemetry SDK, whose telemetry goes into Arrow
files twice: in process, and over the wire to a running service.

    python shop.py DIRECTORY [--customers N] [--service HOST:PORT]

Three services of the shop live here: the front end asks the cart and the
payment, and an order that fails leaves an exception in its trace and a log
record that names it.  At the end the files are opened with pyarrow, and a few
questions are asked.
"""
import argparse
import collections
import pathlib
import random
import time

import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span
from otlp_arrow_library import OtlpLibrary, open_dir

SHELVES = ["books", "cups", "lamps", "ropes"]


class SoldOut(Exception):
    """There is nothing left of an article."""


class Telemetry:
    """One service's tracer, meter and logger, over the exporters that are given."""

    def __init__(self, name, exporters):
        resource = Resource.create({"service.name": name, "service.namespace": "shop"})
        self.traces = TracerProvider(resource=resource)
        self.logs = LoggerProvider(resource=resource)
        readers = []
        for spans, metrics, records in exporters:
            self.traces.add_span_processor(BatchSpanProcessor(spans))
            self.logs.add_log_record_processor(BatchLogRecordProcessor(records))
            readers.append(PeriodicExportingMetricReader(metrics, 1000))
        self.metrics = MeterProvider(readers, resource=resource)
        self.tracer = self.traces.get_tracer("shop", "1.0")
        self.meter = self.metrics.get_meter("shop", "1.0")
        self.logger = self.logs.get_logger("shop", "1.0")

    def log(self, severity, text, **attributes):
        """A record of the span that is current."""
        context = get_current_span().get_span_context()
        self.logger.emit(LogRecord(
            timestamp=time.time_ns(), severity_number=severity, severity_text=severity.name,
            body=text, attributes=attributes, trace_id=context.trace_id,
            span_id=context.span_id, trace_flags=context.trace_flags))

    def shutdown(self):
        for provider in (self.traces, self.metrics, self.logs):
            provider.shutdown()


class Shop:
    """The front end, the cart and the payment."""

    def __init__(self, exporters):
        self.front, self.cart, self.payment = (
            Telemetry(name, exporters()) for name in ("frontend", "cart", "payment"))
        self.stock = {shelf: 20 for shelf in SHELVES}
        self.orders = self.front.meter.create_counter("shop.orders", "{order}")
        self.seconds = self.front.meter.create_histogram("http.server.request.duration", "s")
        self.inside = self.front.meter.create_up_down_counter("shop.customers", "{customer}")
        self.cart.meter.create_observable_gauge("shop.stock", [self.look], "{article}")

    def look(self, _):
        """What is left, when the meter asks."""
        return [Observation(left, {"shop.shelf": shelf}) for shelf, left in self.stock.items()]

    def take(self, shelf, number):
        """The cart's part of an order."""
        with self.cart.tracer.start_as_current_span(
                "take", kind=SpanKind.SERVER, attributes={"shop.shelf": shelf}) as span:
            if self.stock[shelf] < number:
                self.cart.log(SeverityNumber.WARN, "sold out", **{"shop.shelf": shelf})
                raise SoldOut(shelf)
            self.stock[shelf] -= number
            span.add_event("taken", {"number": number, "left": self.stock[shelf]})

    def pay(self, cents, link):
        """The payment's part; links to the order of the same customer before."""
        with self.payment.tracer.start_as_current_span(
                "pay", kind=SpanKind.SERVER, links=[Link(link)] if link else [],
                attributes={"amount": cents / 100, "currency": "EUR"}):
            time.sleep(random.expovariate(2000))
            self.payment.log(SeverityNumber.INFO, "paid", cents=cents)

    def order(self, number, before):
        """One request of a customer."""
        begin = time.perf_counter()
        shelf = random.choice(SHELVES)
        if number % 50 == 49:
            self.stock = {shelf: 20 for shelf in SHELVES}
        self.inside.add(1)
        with self.front.tracer.start_as_current_span("POST /order", kind=SpanKind.SERVER,
                attributes={"http.request.method": "POST", "http.route": "/order",
                            "shop.customer": number, "shop.tags": ["web", shelf]}) as span:
            status = 200
            try:
                self.take(shelf, random.randint(1, 3))
                self.pay(random.randint(100, 9999), before)
            except SoldOut as error:
                status = 409
                span.record_exception(error)
                span.set_status(StatusCode.ERROR, f"no {shelf} left")
                self.front.log(SeverityNumber.ERROR, "order failed", **{"shop.shelf": shelf})
            span.set_attribute("http.response.status_code", status)
            self.orders.add(1, {"shop.shelf": shelf, "http.response.status_code": status})
            self.seconds.record(time.perf_counter() - begin, {"http.route": "/order"})
        self.inside.add(-1)
        return span.get_span_context()

    def shutdown(self):
        for part in (self.front, self.cart, self.payment):
            part.shutdown()


def ask(directory):
    """What the files below DIRECTORY know, as numbers that do not depend on when a
    reader of metrics came by."""
    stored = open_dir(directory)
    spans, points, records = (pa.table(part) for part in
                              (stored.traces(), stored.metrics(), stored.logs()))
    known = set(zip(spans["trace_id"].to_pylist(), spans["span_id"].to_pylist()))
    inside = sum(ids in known for ids in zip(records["trace_id"].to_pylist(),
                                             records["span_id"].to_pylist()))
    print(f"{directory}: {spans.num_rows} spans, {points.num_rows} data points, "
          f"{records.num_rows} log records, {inside} of them of a span that is here")
    took, failed = collections.defaultdict(list), collections.Counter()
    nanoseconds = pc.subtract(spans["end_time_unix_nano"].cast(pa.int64()),
                              spans["start_time_unix_nano"].cast(pa.int64()))
    for service, name, status, time_taken in zip(
            spans["service_name"].to_pylist(), spans["name"].to_pylist(),
            spans["status_code"].to_pylist(), nanoseconds.to_pylist()):
        took[service, name].append(time_taken)
        failed[service, name] += status == StatusCode.ERROR.value
    for (service, name), times in sorted(took.items()):
        print(f"  {service:9} {name:12} {len(times):5} spans, slowest "
              f"{max(times) / 1e6:6.2f} ms, {failed[service, name]} failed")
    series = {(row["service_name"], row["metric_name"], *sorted(map(str, row["attributes"])))
              for row in points.select(["service_name", "metric_name", "attributes"]).to_pylist()}
    return {"spans": spans.num_rows, "series": len(series), "records": records.num_rows,
            "records of spans": inside, "failed": failed.total()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=pathlib.Path, help="where the files go")
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--service", help="HOST:PORT of a service that gets all of it too")
    given = parser.parse_args()

    library = OtlpLibrary(output_dir=str(given.directory))

    def exporters():
        """Of one part of the shop: into the files, and to the service."""
        yield (library.span_exporter(), library.metric_exporter_adapter(),
               library.log_exporter_adapter())
        if given.service:
            over_grpc = {"endpoint": given.service, "insecure": True}
            yield (OTLPSpanExporter(**over_grpc), OTLPMetricExporter(**over_grpc),
                   OTLPLogExporter(**over_grpc))

    shop = Shop(exporters)
    orders = collections.deque([None], maxlen=5)
    for number in range(given.customers):
        orders.append(shop.order(number, orders[0]))
    shop.shutdown()
    library.shutdown()
    if not given.service:
        ask(given.directory)


if __name__ == "__main__":
    main()
