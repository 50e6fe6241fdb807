# SPDX-License-Identifier: Apache-2.0
"""Telemetry in a form of the program's own: examples/codec.c takes and prints log
records as lines of CSV."""
import contextlib
import csv
import gzip
import io
import json
import random
import re
import subprocess
import threading
import zlib

import columns
import h2client
import harness
import httpclient
import pytest
from certificates import Authority
from test_c_api import COMPILER, compile_program
from test_tls import Http2

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

CSV = "text/csv"
START = 1_700_000_000_000_000_000
ROWS = [(START, 9, "plain"), (START + 1, 17, 'a, "b"'), (START + 2, 0, "two\nlines"),
        (START + 3, 24, ""), (START + 4, 1, "é中😀"), (2**63 - 1, 5, '""')]
LIMIT = 64 * 1024


def lines_of(rows):
    """As RFC 4180 has it, with CRLF."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


@pytest.fixture(scope="module", name="program")
def compiled(tmp_path_factory):
    return compile_program(harness.ROOT / "examples" / "codec.c",
                           tmp_path_factory.mktemp("codec") / "lines", "-std=c11")


class Lines:
    """The example, as a process."""

    def __init__(self, program, *arguments, **variables):
        self.process = subprocess.Popen(
            [program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8",
            env={**harness.clean_environment(), "OTLP_PROTOBUF_PORT": "0",
                 "OTLP_ARROW_FLIGHT_PORT": "0", "OTLP_DASHBOARD_PORT": "0",
                 # One thread: rows stay in the order in which they came.
                 "OTLP_NET_IO_THREADS": "1", "OTLP_LOG_LEVEL": "warn", **variables})
        first = self.process.stderr.readline()
        self.port = int(re.search(r"port (\d+); return", first)[1])

    def post(self, body, content_type=CSV, signal="logs", context=None, **options):
        with httpclient.Sender(self.port, context) as sender:
            return sender.post(signal, body, content_type, **options)

    def stop(self):
        """What it printed."""
        said, complained = self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0, complained
        assert complained == "", complained
        return said


@pytest.fixture(name="run")
def running(program):
    with contextlib.ExitStack() as stack:
        def start(*arguments, **variables):
            lines = Lines(program, *arguments, **variables)
            stack.callback(lines.process.wait)
            stack.callback(lines.process.kill)
            return lines
        yield start


def stored(directory):
    """The rows as pyarrow reads them."""
    return [(row["time_unix_nano"] or 0, row["severity_number"], row["body"])
            for row in columns.rows_of(directory, "logs")]


# --- what is taken ---

def test_lines_come_back_as_rows(run, tmp_path):
    lines = run(tmp_path)
    answer = lines.post(lines_of(ROWS))
    assert (answer.status, answer.type, answer.json) == (200, "application/json", {})
    # Bare line feeds, no end of the last line, and a body that needs no quotes.
    assert lines.post(b"1,2,a, b\n3,4,c").status == 200
    assert lines.post("5,6,ü\r\n".encode(), "TEXT/csv; header=absent; charset=utf-8").status == 200
    assert lines.post(b"").status == 200
    lines.stop()
    assert stored(tmp_path) == [*ROWS, (1, 2, "a, b"), (3, 4, "c"), (5, 6, "ü")]


def test_every_way_of_http_is_the_same(run, tmp_path):
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue()
    clear = run(tmp_path / "clear")
    secret = run(tmp_path / "secret", OTLP_PROTOCOLS_TLS_CERT_FILE=str(certificate),
                 OTLP_PROTOCOLS_TLS_KEY_FILE=str(key))
    body = lines_of(ROWS)
    head = h2client.headers("logs", path="/v1/logs", content_type=CSV)
    for lines, context in ((clear, None), (secret, authority.client())):
        assert lines.post(body, context=context).status == 200
        assert lines.post(iter([body[:7], body[7:50], body[50:]]), chunked=True,
                          context=context).status == 200
        assert lines.post(gzip.compress(body), content_encoding="gzip",
                          context=context).status == 200
        assert lines.post(zlib.compress(body), content_encoding="deflate",
                          context=context).status == 200
        with (Http2(lines.port, context) if context else
              h2client.Connection(lines.port)) as connection:
            for extra, data in (([], body), ([("content-encoding", "gzip")], gzip.compress(body))):
                answer = connection.call(head + extra, data)
                assert answer[":status"] == "200", answer
                assert answer["content-type"] == "application/json"
                assert answer["data"] == b"{}"
            number = connection.open(head, end=True)  # without any body
            assert connection.answer(number)[":status"] == "200"
        lines.stop()
    assert stored(tmp_path / "clear") == stored(tmp_path / "secret") == ROWS * 6


def test_otlp_and_the_codec_live_side_by_side(run, tmp_path):
    lines = run(tmp_path, OTLP_ACK="fsync")
    otlp = {"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "7", "severityNumber": 3, "body": {"stringValue": "otlp"}}]}]}]}
    assert lines.post(b"1,2,csv\n").status == 200
    assert stored(tmp_path) == [(1, 2, "csv")]  # safe before it was answered
    assert lines.post(json.dumps(otlp), httpclient.JSON).status == 200
    answer = lines.post(json.dumps(otlp), CSV)
    assert answer.status == 400
    answer = lines.post(b"1,2,csv\n", httpclient.JSON)
    assert answer.status == 400
    lines.stop()
    assert stored(tmp_path) == [(1, 2, "csv"), (7, 3, "otlp")]


def test_rows_are_printed_as_lines(run):
    lines = run(OTLP_ACK="write")
    assert lines.post(lines_of(ROWS)).status == 200
    assert lines.post(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}',
                      httpclient.JSON, "traces").status == 200
    otlp = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}
    assert lines.post(json.dumps(otlp), httpclient.JSON).status == 200
    printed = lines.stop()
    again = [(int(time), int(severity), body)
             for time, severity, body in csv.reader(io.StringIO(printed, newline=""))]
    assert again == [*ROWS, (0, 0, "")]


def test_many_senders_at_once_lose_nothing(run, tmp_path):
    lines = run(tmp_path, OTLP_NET_IO_THREADS="3")
    rounds, senders = 25, 6
    statuses = []

    def send(number):
        with httpclient.Sender(lines.port) as sender:
            for i in range(rounds):
                rows = [(1 + j, 9, f"{number} {i} {j}") for j in range(20)]
                statuses.append(sender.post("logs", lines_of(rows), CSV).status)
    threads = [threading.Thread(target=send, args=(n,)) for n in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * rounds * senders
    lines.stop()
    assert sorted(body for _, _, body in stored(tmp_path)) == sorted(
        f"{n} {i} {j}" for n in range(senders) for i in range(rounds) for j in range(20))


# --- what is not ---

@pytest.mark.parametrize("body, text", (
    (b"\n", "line 1: no nanoseconds since 1970 and a comma"),
    (b"1,2,a\n\n", "line 2: no nanoseconds"),
    (b"x,2,a", "line 1: no nanoseconds"),
    (b"-1,2,a", "line 1: no nanoseconds"),
    (b" 1,2,a", "line 1: no nanoseconds"),
    (b"+1,2,a", "line 1: no nanoseconds"),
    (b"9223372036854775808,2,a", "line 1: no nanoseconds"),
    (b"99999999999999999999999,2,a", "line 1: no nanoseconds"),
    (b"1\n", "line 1: no nanoseconds"),
    (b"1,2,a\r\n1,25,a\r\n", "line 2: no severity from 0 to 24 and a comma"),
    (b"1,,a", "line 1: no severity"),
    (b"1,", "line 1: no severity"),
    (b"1,2", "line 1: no severity"),
    (b"1,\n2,a", "line 1: no severity"),
    (b"1\x002,2,a", "line 1: no nanoseconds"),
    (b'1,2,"a\nb"\n1,2,"c', "line 3: the quotes of the body do not end with the line"),
    (b'1,2,"a"b\n', "line 1: the quotes of the body"),
    (b'1,2,"a""', "line 1: the quotes of the body"),
    (b'1,2,"', "line 1: the quotes of the body"),
))
def test_what_is_wrong_is_told_with_its_line(run, tmp_path, body, text):
    lines = run(tmp_path)
    answer = lines.post(body)
    assert (answer.status, answer.type) == (400, "application/json")
    assert answer.json["code"] == 3
    assert answer.json["message"].startswith(text), answer
    lines.stop()
    assert stored(tmp_path) == []  # not the good lines before it either


def test_who_may_not_send_reaches_no_codec(run, tmp_path):
    lines = run(tmp_path, OTLP_PROTOCOLS_AUTHENTICATION_AUTH_TYPE="bearer_token",
                OTLP_PROTOCOLS_AUTHENTICATION_CREDENTIALS_TOKEN="secret-of-some-length",
                OTLP_PROTOCOLS_CORS_ALLOWED_ORIGINS="https://shop.example")
    for fields in ({}, {"authorization": "Bearer wrong"}):
        # A bad body would be 400.
        answer = lines.post(b"bad", origin="https://shop.example", **fields)
        assert (answer.status, answer.type) == (401, "application/json")
        assert answer.fields["www-authenticate"].startswith("Bearer ")
        assert answer.fields["access-control-allow-origin"] == "https://shop.example"
    answer = lines.post(None, None, method="OPTIONS", origin="https://shop.example",
                        access_control_request_method="POST",
                        access_control_request_headers="content-type,authorization")
    assert answer.status == 204
    assert answer.fields["access-control-allow-headers"] == "content-type,authorization"
    good = {"authorization": "Bearer secret-of-some-length"}
    assert lines.post(b"bad", **good).status == 400
    assert lines.post(b"1,2,a", **good).status == 200
    lines.stop()
    assert stored(tmp_path) == [(1, 2, "a")]


def test_other_types_and_signals_are_told_what_is_taken(run, tmp_path):
    lines = run(tmp_path)
    for content_type in (None, "text/plain", "text/csv2", "application/csv"):
        answer = lines.post(b"1,2,a", content_type)
        assert answer.status == 415, content_type
        assert answer.fields["accept"] == "application/x-protobuf, application/json, text/csv"
        assert b"application/x-protobuf, application/json or text/csv; set it" in answer.data
    for signal in ("traces", "metrics"):
        answer = lines.post(b"1,2,a", signal=signal)
        assert (answer.status, answer.json["code"]) == (415, 12)
    assert lines.post(b"1,2,a", method="PUT").status == 405
    assert lines.post(b"1,2,a", content_encoding="br").status == 415
    lines.stop()
    assert stored(tmp_path) == []


# --- too much ---

def test_too_much_is_too_large(run, tmp_path):
    lines = run(tmp_path, OTLP_PROTOCOLS_MAX_REQUEST_SIZE=f"{LIMIT}B")
    large = b"1,2," + b"a" * LIMIT
    bomb = gzip.compress(b"1,2," + b"a" * (64 << 20), 9)
    assert len(bomb) < 2 * LIMIT
    # As OTLP it is larger than as lines: a record takes some 20 bytes.
    swollen = b"1,2,\n" * (LIMIT // 5)
    assert len(swollen) <= LIMIT
    for body, options in ((large, {}), (iter([large]), {"chunked": True}),
                          (gzip.compress(large), {"content_encoding": "gzip"}),
                          (bomb, {"content_encoding": "gzip"}), (swollen, {})):
        answer = lines.post(body, **options)
        assert (answer.status, answer.json["code"]) == (413, 8), answer
        assert "retry-after" not in answer.fields
    with h2client.Connection(lines.port) as connection:
        for extra, body in (([], large), ([("content-encoding", "gzip")], bomb)):
            answer = connection.call(
                h2client.headers("logs", path="/v1/logs", content_type=CSV) + extra, body)
            assert answer[":status"] == "413", answer
    broken = lines.post(gzip.compress(b"1,2,a")[:-3], content_encoding="gzip")
    assert (broken.status, broken.type) == (400, "application/json")
    assert lines.post(b"1,2," + b"a" * (LIMIT - 100)).status == 200
    lines.stop()
    assert len(stored(tmp_path)) == 1


def test_no_bytes_at_all_hurt_it(run, tmp_path):
    lines = run(tmp_path)
    chance = random.Random(4180)
    taken = 0
    with httpclient.Sender(lines.port) as sender:
        for _ in range(400):
            body = bytearray(lines_of(ROWS))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(body))
                body[at:at + chance.randrange(4)] = bytes(
                    chance.choice(b'",\n\r\x00\xff19a') for _ in range(chance.randrange(4)))
            answer = sender.post("logs", bytes(body), CSV)
            assert answer.status in (200, 400), answer
            taken += answer.status == 200
    assert 0 < taken < 400
    lines.stop()
    assert len(stored(tmp_path)) >= taken
