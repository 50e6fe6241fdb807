# SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP/1.1, with the bytes and header fields that a test wants."""

import http.client
import json
import socket
import time


PATH = {"traces": "/v1/traces", "metrics": "/v1/metrics", "logs": "/v1/logs"}
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.data = response.read()
        self.fields = {name.lower(): value for name, value in response.getheaders()}
        self.version = response.version

    @property
    def type(self):
        return self.fields.get("content-type", "")

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"{self.status} {self.fields} {self.data[:300]!r}"


class Sender:
    """One connection that is kept open."""

    def __init__(self, port, context=None, timeout=30):
        make = http.client.HTTPSConnection if context else http.client.HTTPConnection
        more = {"context": context} if context else {}
        self.connection = make("localhost" if context else "127.0.0.1", port, timeout=timeout, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def post(self, signal, body, content_type=PROTOBUF, method="POST", path=None, chunked=False,
             **fields):
        """Header fields with _ for -; BODY is bytes, text, or an iterable to be chunked."""
        head = {name.replace("_", "-"): value for name, value in fields.items()}
        if content_type is not None:
            head["content-type"] = content_type
        self.connection.request(method, path or PATH[signal], body, head, encode_chunked=chunked)
        return Answer(self.connection.getresponse())


def post(service, signal, body, *arguments, index=1, **options):
    """One request on a connection of its own."""
    with Sender(service.ports[index]) as sender:
        return sender.post(signal, body, *arguments, **options)


def raw(port, data, seconds=10, end=False):
    """Sends DATA as it is and gives what comes back until the peer closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                answer += chunk
        except (ConnectionResetError, socket.timeout):
            pass
    return answer


def metric_of(service, name, **labels):
    """The sample of /metrics with NAME and LABELS, 0 when there is none."""
    _, text = service.get("/metrics")
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        if head.partition("{")[0] == name and all(f'{key}="{text}"' in head
                                                  for key, text in labels.items()):
            return float(value)
    return 0


def text_of(answer):
    """The message of a Status in whatever encoding, or the plain text."""
    from google.rpc import status_pb2

    if answer.type.startswith(JSON):
        return answer.json["message"]
    if answer.type.startswith(PROTOBUF):
        return status_pb2.Status.FromString(answer.data).message
    return answer.data.decode()


