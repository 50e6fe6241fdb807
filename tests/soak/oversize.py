# SPDX-License-Identifier: Apache-2.0
"""Requests that take as much memory as a sender can make them, one by one.

For each the code is the documented one, a polite request right after it is
taken, and the service never has more than its memory_limit and a constant.

    ./dev soak oversize [--limit MIB ...] [--case NAME ...]
"""

import argparse
import gzip
import http.client
import json
import sys
import tempfile
import threading
import time

import grpc

import sent  # noqa: F401  (finds the modules of the integration tests)
import harness
import otlpgen
from wire import sub

MIB = 1 << 20
# What is not counted: the program itself, stacks, the writer's buffers.
SLACK = 32
OK, INVALID, EXHAUSTED, UNAVAILABLE = 0, 3, 8, 14


class Watch:
    """Looks at the resident memory of PID ten times a second or more often."""

    def __init__(self, service, every=0.02):
        self.service, self.every, self.end = service, every, threading.Event()
        self.peak = service.memory("VmRSS")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.end.wait(self.every) and self.service.alive():
            try:
                self.peak = max(self.peak, self.service.memory("VmRSS"))
            except OSError:
                return

    def stop(self):
        """The peak in MiB."""
        self.end.set()
        self.thread.join()
        return self.peak / 1024


def nested(*fields):
    """The last of FIELDS is the innermost content."""
    content = fields[-1]
    for number in reversed(fields[:-1]):
        content = sub(number, content)
    return content


def empty_points(size):
    return nested(1, 2, 2, 5, b"\x0a\x00" * (size // 2 - 20))


def empty_spans(size):
    return nested(1, 2, b"\x12\x00" * (size // 2 - 10))


def json_points(size):
    head = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":['
    tail = b"{}]}}]}]}]}"
    return head + b"{}," * ((size - len(head) - len(tail)) // 3) + tail


def json_counts(size):
    """Two bytes of JSON that become eight."""
    head = (b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":['
            b'{"bucketCounts":[')
    tail = b"1]}]}}]}]}]}"
    return head + b"1," * ((size - len(head) - len(tail)) // 2) + tail


def attribute(key, text):
    return sub(1, key.encode()) + sub(2, sub(1, text))


def many_resources(count):
    return b"".join(sub(1, sub(1, sub(1, attribute("service.name", b"s%06d" % i)))
                        + sub(2, b"\x12\x00")) for i in range(count))


def one_span(*fields):
    return nested(1, 2, 2, b"".join(fields))


def many_attributes(count):
    return one_span(*(sub(9, attribute(f"key{i}", b"v%d" % i)) for i in range(count)))


def large_attribute(size):
    return one_span(sub(9, attribute("large", b"x" * size)))


def many_events(count):
    return one_span(*(sub(11, sub(2, b"event %d" % i)) for i in range(count)))


def control_body(size):
    """A body in a list, each byte of which is six in JSON."""
    value = sub(5, sub(1, sub(1, b"\x01" * size)))
    return nested(1, 2, 2, sub(5, value))


# Name: signal, JSON, body for the largest message, codes that are documented,
# records that are rejected alone (None: any).
CASES = {
    "2-byte points": ("metrics", False, empty_points, {EXHAUSTED}, None),
    "2-byte points in JSON": ("metrics", True, json_points, {EXHAUSTED}, None),
    "counts in JSON": ("metrics", True, json_counts, {OK, EXHAUSTED, UNAVAILABLE}, None),
    "empty spans": ("traces", False, empty_spans, {EXHAUSTED}, None),
    "10,000 resources": ("traces", False, lambda _: many_resources(10_000), {OK}, 0),
    "100,000 attributes": ("traces", False, lambda _: many_attributes(100_000), {OK}, 1),
    "60,000 attributes": ("traces", False, lambda _: many_attributes(60_000), {OK}, 0),
    "a large attribute": ("traces", False, lambda _: large_attribute(MIB), {OK}, 0),
    "10,000 events": ("traces", False, lambda _: many_events(10_000), {OK}, 0),
    "a body of control characters": ("logs", False, lambda most: control_body(most // 2),
                                     {OK, EXHAUSTED, UNAVAILABLE}, None),
    "more than fits": ("logs", False, lambda most: b"\0" * (most + 1), {EXHAUSTED}, None),
}

HTTP_CODES = {200: OK, 400: INVALID, 413: EXHAUSTED, 503: UNAVAILABLE}


def http_send(service, signal, body, is_json, encoding=None):
    """Code, delay in seconds or None, records rejected, text."""
    link = http.client.HTTPConnection("127.0.0.1", service.ports[1], timeout=120)
    fields = {"content-type": "application/json" if is_json else "application/x-protobuf"}
    if encoding:
        fields["content-encoding"] = encoding
    try:
        link.request("POST", f"/v1/{signal}", body, fields)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was answered before all was sent
    answer = link.getresponse()
    data = answer.read()
    delay = answer.getheader("retry-after")
    rejected, text = 0, ""
    if answer.status == 200:
        partial = (json.loads(data).get("partialSuccess", {}) if is_json else {})
        rejected = sum(int(v) for k, v in partial.items() if k.startswith("rejected"))
        if not is_json:
            found = otlpgen.RESPONSE_CLASS[signal].FromString(data).partial_success
            rejected = sum(v.real for k, v in found.ListFields() if k.name.startswith("rejected"))
    else:
        text = data.decode("utf-8", "replace")
    link.close()
    return HTTP_CODES[answer.status], float(delay) if delay else None, rejected, text


def grpc_send(service, signal, body):
    from test_grpc_errors import retry_delay

    channel = service.channel()
    try:
        answer = service.stub(signal, channel)(body, timeout=120)
        partial = otlpgen.RESPONSE_CLASS[signal].FromString(answer).partial_success
        return OK, None, sum(v for k, v in partial.ListFields() if k.name.startswith("rej")), ""
    except grpc.RpcError as error:
        return error.code().value[0], retry_delay(error), 0, error.details()
    finally:
        channel.close()


def check(name, got, codes, rejected):
    code, delay, found, text = got
    assert code in codes, f"{name}: {got}"
    assert rejected is None or code != OK or found == rejected, f"{name}: {got}"
    if code == UNAVAILABLE:
        assert delay is not None and 0 < delay <= 31, f"{name}: {got}"
    else:
        assert delay is None, f"{name}: {got}"
    if code == EXHAUSTED:
        assert text, f"{name}: {got}"


def polite(service, patience=20):
    """An ordinary request is taken, at once or when it was told to come again."""
    end = time.monotonic() + patience
    while True:
        code, delay, _, text = http_send(service, "traces", many_events(3), False)
        if code == OK:
            return
        assert code == UNAVAILABLE and delay and time.monotonic() < end, (code, delay, text)
        time.sleep(delay)


def until_told(send, patience=60):
    """What SEND gives in the end: what came before may be on its way still, for as
    long as its batch takes to be written, which a busy machine makes long."""
    end = time.monotonic() + patience
    got = send()
    while got[0] == UNAVAILABLE and got[1] and time.monotonic() < end:
        time.sleep(got[1])
        got = send()
    return got


def run_case(service, name, most):
    """The codes that all ways of sending it got."""
    signal, is_json, make, codes, rejected = CASES[name]
    body = make(most)
    ways = {"HTTP": lambda: http_send(service, signal, body, is_json)}
    if not is_json:
        ways["gRPC"] = lambda: grpc_send(service, signal, body)
    if len(body) <= most:
        squeezed = gzip.compress(body, 1)
        ways["gzip"] = lambda: http_send(service, signal, squeezed, is_json, "gzip")
    found = {}
    for way, send in ways.items():
        got = until_told(send)
        check(f"{name} by {way}", got, codes, rejected)
        found[way] = got[0]
        polite(service)
    return found


def bomb(service, most):
    """A thousand to one, for less and for more than may come out."""
    for size, codes in ((most * 3 // 4, {OK, INVALID, UNAVAILABLE}), (most * 8, {EXHAUSTED})):
        body = gzip.compress(b"\0" * size, 9)
        got = until_told(lambda body=body: http_send(service, "logs", body, False, "gzip"))
        check("gzip bomb", got, codes, None)
        polite(service)


def together(service, most, seconds):
    """All of them at once, again and again; each answer is a documented one."""
    bodies = [(CASES[name][0], CASES[name][1], CASES[name][2](most), name) for name in CASES]
    end = time.monotonic() + seconds
    counts, problems = {}, []

    def work(first):
        i = first
        while time.monotonic() < end and not problems:
            signal, is_json, body, name = bodies[i % len(bodies)]
            i += 1
            try:
                got = http_send(service, signal, body, is_json)
                check(name, got, CASES[name][3] | {UNAVAILABLE}, None)
                counts[got[0]] = counts.get(got[0], 0) + 1
            except Exception as error:  # noqa: BLE001  (told by the caller)
                problems.append(error)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not problems, problems
    polite(service)
    return counts


def run(limit, names, seconds, directory):
    """Peak resident MiB of each case with memory_limit LIMIT MiB."""
    most = min(64, limit // 4) * MIB
    peaks = {}
    for name in names:
        service = harness.Service(f"{directory}/{len(peaks)}", f"memory_limit={limit}MiB")
        watch = Watch(service)
        try:
            if name == "gzip bomb":
                bomb(service, most)
                codes = ""
            elif name == "all together":
                codes = together(service, most, seconds)
            else:
                codes = run_case(service, name, most)
            peaks[name] = watch.stop()
            print(f"limit {limit} MiB, {name}: peak {peaks[name]:.1f} MiB {codes}", flush=True)
            assert peaks[name] <= limit + SLACK, f"{name}: {peaks[name]:.1f} MiB"
            assert service.stop() == 0, service.output()
        finally:
            watch.end.set()
            service.kill()
    return peaks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, action="append")
    parser.add_argument("--case", action="append")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    names = options.case or [*CASES, "gzip bomb", "all together"]
    for limit in options.limit or (64, 256):
        with tempfile.TemporaryDirectory() as directory:
            peaks = run(limit, names, options.seconds, directory)
        most = max(peaks, key=peaks.get)
        print(f"memory_limit {limit} MiB: {len(peaks)} cases, the most was {peaks[most]:.1f} MiB "
              f"({most}), {peaks[most] - limit:+.1f} MiB beside the limit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
