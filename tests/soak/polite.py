# SPDX-License-Identifier: Apache-2.0
"""A sender that tries again, as an exporter does, and judges every answer.

Whatever fails inside the service, a sender hears either OK or something that
the OTLP specification lets it try again on, with a delay.
"""

import http.client
import json
import time

import grpc
import pyarrow as pa
import pyarrow.flight as flight

import sent  # noqa: F401  (finds the modules of the integration tests)
import harness
import httpclient
import otlpgen
import otlpjson
import protocols
from test_grpc_errors import retry_delay

RETRY = (8, 14)  # RESOURCE_EXHAUSTED, UNAVAILABLE
# Seconds until an answer is given up, which a busy machine may need.
PATIENCE = 30
CUT = (1, 14)  # a stream or a connection that was reset; OTLP has both tried again


class Bad(AssertionError):
    """An answer that costs a sender its data."""


class Refused(Exception):
    """Try again, it said."""


class Sender:
    """The ways to one service."""

    def __init__(self, service, book, strict=True):
        self.service, self.book = service, book
        self.strict = strict  # a closed connection is no answer
        self.channels = {}

    def close(self):
        for channel in self.channels.values():
            channel.close()
        self.channels.clear()

    def channel(self, index=0):
        if index not in self.channels:
            self.channels[index] = grpc.insecure_channel(
                f"127.0.0.1:{self.service.ports[index]}", options=[
                    *harness.CHANNEL_OPTIONS, ("grpc.initial_reconnect_backoff_ms", 20),
                    # This one is the time that connecting may take.
                    ("grpc.min_reconnect_backoff_ms", 10_000),
                    ("grpc.max_reconnect_backoff_ms", 50)])
        return self.channels[index]

    def judge_grpc(self, error):
        code, text = error.code(), error.details() or ""
        told = retry_delay(error) is not None
        # Without an answer of the service, the library makes one of these itself.
        cut = not self.strict and code.value[0] in CUT
        if told and code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED) or cut:
            raise Refused(f"gRPC {code.name}: {text}")
        raise Bad(f"gRPC {code.name}: {text}")

    def grpc(self, request):
        try:
            call = self.channel().unary_unary(harness.EXPORT_PATH[request.template.signal])
            answer = call(request.template.body(request.number), timeout=PATIENCE)
        except grpc.RpcError as error:
            self.judge_grpc(error)
        if answer != b"":
            raise Bad(f"gRPC OK with {answer!r}")

    def http(self, request, body=None, kind=httpclient.PROTOBUF, empty=b""):
        try:
            answer = httpclient.post(self.service, request.template.signal,
                                     body or request.template.body(request.number), kind)
        except (OSError, http.client.HTTPException) as error:
            if self.strict:
                raise Bad(f"HTTP: {error!r}") from error
            raise Refused(f"HTTP: {error!r}") from error
        if answer.status in (429, 503) and "retry-after" in answer.fields:
            raise Refused(f"HTTP {answer.status}")
        # Short of memory, the status says the most important.
        if answer.status != 200 or answer.data not in (empty, empty if self.strict else b""):
            raise Bad(f"HTTP {answer}")

    def json(self, request):
        message = otlpgen.REQUEST_CLASS[request.template.signal].FromString(
            request.template.body(request.number))
        self.http(request, otlpjson.encode(message).encode(), httpclient.JSON, b"{}")

    def otap(self, request):
        call = self.channel().stream_stream(protocols.OTAP_PATH[request.template.signal])
        try:
            answers = [protocols.batch_status(data) for data in
                       call(iter([request.template.body(request.number)]), timeout=PATIENCE)]
        except grpc.RpcError as error:
            self.judge_grpc(error)
        if [a[1] for a in answers] == [0]:
            return
        if answers and answers[0][1] in RETRY:
            raise Refused(f"OTAP {answers}")
        raise Bad(f"OTAP {answers}")

    def flight(self, request):
        signal = request.template.signal
        body = request.template.body(request.number)
        batch = pa.record_batch([pa.array([body], pa.binary())], ["otlp_proto"])
        try:
            with flight.connect(f"grpc://127.0.0.1:{self.service.ports[1]}") as client:
                writer, results = client.do_put(flight.FlightDescriptor.for_path(signal),
                                                batch.schema)
                writer.write_batch(batch)
                writer.done_writing()
                told = []
                while (raw := results.read()) is not None:
                    told.append(json.loads(raw.to_pybytes()))
                writer.close()
        except (flight.FlightUnavailableError, flight.FlightTimedOutError,
                flight.FlightCancelledError) as error:
            raise Refused(f"Flight {error}") from error
        except pa.ArrowException as error:
            text = str(error)
            if "RESOURCE_EXHAUSTED" in text or "resource exhausted" in text or not self.strict \
                    and ("closed" in text or "reset" in text or "end of stream" in text.lower()):
                raise Refused(f"Flight {error}") from error
            raise Bad(f"Flight {type(error).__name__}: {error}") from error
        if any(t.get("error") for t in told) or any(t["rejected"] for t in told):
            codes = [t["error"] for t in told if t.get("error")]
            raise (Refused if "UNAVAILABLE" in str(codes) else Bad)(f"Flight {told}")
        if not told:
            raise Refused("Flight: no result")

    def once(self, way, request):
        """True, or False when it may be sent again."""
        try:
            getattr(self, way)(request)
        except Refused as refused:
            self.book.failed(str(refused))
            return False
        self.book.ok(request)
        return True

    def send(self, way, request, seconds=PATIENCE):
        """Until it is taken.  Gives how often it had to be tried."""
        deadline = time.monotonic() + seconds
        tries = 1
        while not self.once(way, request):
            if time.monotonic() > deadline:
                raise Bad(f"refused for {seconds} s: {self.book.answers}")
            tries += 1
            time.sleep(0.03)
        return tries

    def flush(self, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while True:
            try:
                with flight.connect(f"grpc://127.0.0.1:{self.service.ports[1]}") as client:
                    protocols.flush(client)
                return
            except pa.ArrowException as error:
                if time.monotonic() > deadline:
                    raise Bad(f"flush: {error}") from error
                time.sleep(0.03)
