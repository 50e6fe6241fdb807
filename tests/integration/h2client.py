# SPDX-License-Identifier: Apache-2.0
"""A gRPC call frame by frame, for what no client library would send."""

import socket
import struct

import h2.config
import h2.connection
import h2.events

import harness


def message(body, compressed=False):
    """BODY behind gRPC's five bytes."""
    return struct.pack(">BI", 1 if compressed else 0, len(body)) + body


def headers(signal="traces", path=None, content_type="application/grpc", method="POST", **more):
    fields = [(":method", method), (":scheme", "http"), (":authority", "test"),
              (":path", path or harness.EXPORT_PATH[signal]), ("te", "trailers")]
    if content_type is not None:
        fields.append(("content-type", content_type))
    return fields + [(name.replace("_", "-"), value) for name, value in more.items()]


class Connection:
    """One HTTP/2 connection over plain TCP."""

    def __init__(self, port, timeout=15):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8",
                                           validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.streams = {}
        self.closed = False
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def open(self, fields, end=False):
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = {"headers": {}, "data": b"", "ended": False, "reset": None}
        self.h2.send_headers(number, fields, end_stream=end)
        self.flush()
        return number

    def write(self, number, data, end=True):
        """Sends DATA as the windows allow; stops early when the stream ends."""
        at = 0
        while at < len(data) and not self.over(number):
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size,
                       len(data) - at)
            if room <= 0:  # below zero after a window was made smaller (RFC 9113, 6.9.2)
                self.receive()
                continue
            self.h2.send_data(number, data[at:at + room], end_stream=end and at + room == len(data))
            at += room
            self.flush()
        if not data and end:
            self.h2.send_data(number, b"", end_stream=True)
            self.flush()

    def over(self, number):
        stream = self.streams[number]
        return stream["ended"] or stream["reset"] is not None or self.closed

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            stream = self.streams.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ConnectionTerminated):
                self.closed = True
            if stream is None:
                continue
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                stream["headers"].update(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                stream["data"] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                stream["ended"] = True
            elif isinstance(event, h2.events.StreamReset):
                stream["reset"] = event.error_code
        self.flush()

    def answer(self, number):
        """Headers and trailers in one dict, with the body as "data"."""
        while not self.over(number):
            self.receive()
        stream = self.streams[number]
        return stream["headers"] | {"data": stream["data"], "reset": stream["reset"]}

    def call(self, fields, data):
        number = self.open(fields)
        self.write(number, data)
        return self.answer(number)
