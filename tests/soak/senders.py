# SPDX-License-Identifier: Apache-2.0
"""Load of all signals over several protocols whose every answer is noted."""

import http.client
import threading
import time

import grpc

import sent  # noqa: F401  (finds the modules of the integration tests)
import harness
import httpclient
import otlpgen
import protocols

ACK = "otlp-arrow-ack"


class Senders:
    """Sends to SERVICE from threads until stopped.

    RATE is items a second over all of them; RAISED is a level that one of the
    senders asks for itself (None: it does not)."""

    def __init__(self, service, book, rate=50_000, raised=None, otap=True, window=8):
        self.service, self.book, self.raised, self.window = service, book, raised, window
        self.end = threading.Event()
        self.lock = threading.Lock()
        self.rate, self.begin, self.items = rate, time.monotonic(), 0
        jobs = [(self.grpc, signal) for signal in otlpgen.SIGNALS] + [(self.http, None)]
        jobs += [(self.otap, None)] if otap else []
        self.channels = []
        self.threads = [threading.Thread(target=job, args=(argument,), daemon=True)
                        for job, argument in jobs]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.end.set()
        if self.service.alive():  # what is under way may end well
            for thread in self.threads:
                thread.join(0.3)
        # The rest is ended: a channel would go on trying to connect.
        for channel in self.channels:
            channel.close()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive(), "a sender hangs"

    def due(self, items):
        """Waits until ITEMS more may be sent; False at the end."""
        with self.lock:
            self.items += items
            due = self.begin + self.items / self.rate
        return not self.end.wait(max(0.0, due - time.monotonic()))

    def next(self, **options):
        request = self.book.new(**options)
        return request if self.due(request.template.points) else None

    def channel(self):
        channel = grpc.insecure_channel(self.service.target, options=harness.CHANNEL_OPTIONS)
        self.channels.append(channel)
        return channel

    def failed(self, what):
        if not self.end.is_set():
            self.book.failed(what)

    def grpc(self, signal):
        channel = self.channel()
        call = channel.unary_unary(harness.EXPORT_PATH[signal])
        slots = threading.Semaphore(self.window)

        def done(future, request):
            try:
                error = future.exception()
            except grpc.FutureCancelledError:
                error = "ended"
            if error is None and future.result() == b"":
                self.book.ok(request)
            else:
                self.failed(f"gRPC {error.code().name}" if hasattr(error, "code")
                            else f"gRPC {error}")
            slots.release()

        while (request := self.next(signal=signal)) is not None:
            while not slots.acquire(timeout=0.1):
                if self.end.is_set():
                    break
            if self.end.is_set():
                break
            try:
                future = call.future(request.template.body(request.number), timeout=10)
            except ValueError:
                break  # the channel was closed
            future.add_done_callback(lambda f, request=request: done(f, request))
            if self.book.answers.get("gRPC UNAVAILABLE"):
                self.end.wait(0.002)
        for _ in range(self.window):
            slots.acquire(timeout=2)

    def http(self, _):
        head = {"content-type": httpclient.PROTOBUF}
        if self.raised:
            head[ACK] = self.raised
        connection = None
        while (request := self.next(level=self.raised)) is not None:
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.service.ports[1],
                                                            timeout=10)
                connection.request("POST", httpclient.PATH[request.template.signal],
                                   request.template.body(request.number), head)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200 and text == b"":
                    self.book.ok(request)
                else:
                    self.failed(f"HTTP {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.failed(f"HTTP {type(error).__name__}")
                connection = None
                self.end.wait(0.005)
        if connection is not None:
            connection.close()

    def otap(self, _):
        channel = self.channel()
        while (request := self.next(otap=True)) is not None:
            call = channel.stream_stream(protocols.OTAP_PATH[request.template.signal])
            try:
                stream = call(iter([request.template.body(request.number)]), timeout=10)
                states = [protocols.batch_status(data) for data in stream]
                if [state[1] for state in states] == [0]:
                    self.book.ok(request)
                else:
                    self.failed(f"OTAP {states}")
            except grpc.RpcError as error:
                self.failed(f"OTAP {error.code().name}")
                self.end.wait(0.005)
            except ValueError:
                break  # the channel was closed
