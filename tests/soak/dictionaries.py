#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many OTAP streams at once, each of which has the service remember ever more.

A stream's dictionaries live as long as it does, and grow with each message by
a delta: here by a mebibyte that came in some hundred compressed bytes.  Each
stream ends with the documented status, the process never has more than its
memory_limit and a constant, and a good client beside them is served.  The same
with texts that are compressed so that a window is needed to read them.

    ./dev soak dictionaries --streams 1000
"""

import argparse
import collections
import io
import math
import multiprocessing
import queue
import sys
import tempfile
import time
import types

import grpc
import pyarrow as pa

import sent  # noqa: F401  (finds the modules of the integration tests)
import harness
import otap_reftables
import oversize
import protocols

MIB = 1 << 20
PER_CONNECTION = 50
KINDS = ("zstd", "lz4", "windows")
OK, INVALID, EXHAUSTED, UNAVAILABLE = 0, 3, 8, 14
WIDE = "the dictionaries of the stream pass the limit; open a new stream"
ALL = "the dictionaries of all streams together pass the limit; open a new stream"


def field(number, value):
    def varint(rest):
        out = bytearray()
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        return bytes(out) + bytes([rest])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


OTHERS = [pa.field("start_time_unix_nano", pa.timestamp("ns", "UTC")),
          pa.field("duration_time_unix_nano", pa.duration("ns")),
          pa.field("trace_id", pa.binary(16)), pa.field("span_id", pa.binary(8))]
# The last block of a zstd frame: 128 KiB of the byte "x".
LAST_RUN = ((128 << 10) << 3 | 3).to_bytes(3, "little") + b"x"


def others():
    """What a span must have besides, for one."""
    return [pa.array([1], pa.timestamp("ns", "UTC")), pa.array([1], pa.duration("ns")),
            pa.array([b"t" * 16], pa.binary(16)), pa.array([b"s" * 8], pa.binary(8))]


def message(number, record):
    payload = field(1, b"0") + field(2, otap_reftables.SPANS) + field(3, record)
    return (field(1, number) if number else b"") + field(2, payload)


def bombs(count, compression, grow=MIB):
    """COUNT messages of one stream: each adds an entry of GROW bytes to the
    dictionary of the spans' names, and uses it once."""
    options = pa.ipc.IpcWriteOptions(compression=compression, emit_dictionary_deltas=True)
    words, messages, taken = [], [], 0
    schema = pa.schema([pa.field("id", pa.uint16()),
                        pa.field("name", pa.dictionary(pa.uint16(), pa.string())), *OTHERS])
    sink = io.BytesIO()
    writer = pa.ipc.new_stream(sink, schema, options=options)
    for number in range(count):
        words.append(f"{number:08}" * (grow // 8))
        names = pa.DictionaryArray.from_arrays(pa.array([number], pa.uint16()), pa.array(words))
        writer.write_batch(pa.record_batch([pa.array([0], pa.uint16()), names, *others()], schema=schema))
        record = sink.getvalue()[taken:]
        taken += len(record)
        messages.append(message(number, record))
    return messages


def without_size(record, content):
    """RECORD with the zstd frame (RFC 8878) of CONTENT same bytes in it made one of
    the same length that does not say how much it holds: who reads it needs a
    window of that size."""
    magic = b"\x28\xb5\x2f\xfd"
    at = record.index(content.to_bytes(8, "little") + magic) + 8
    end = record.index(LAST_RUN, at) + len(LAST_RUN)
    assert record[at + 4] == 0x80, "the frame has a window and a size of 4 bytes"
    window = bytes([0, (content.bit_length() - 1 - 10) << 3])
    one = (1 << 3).to_bytes(3, "little") + record[end - 1:end]  # a block of one byte instead
    run = (((128 << 10) - 1) << 3 | 3).to_bytes(3, "little") + record[end - 1:end]
    made = magic + window + one + record[at + 10:end - len(run)] + run
    assert len(made) == end - at
    return record[:at] + made + record[end:]


def windows(count, size=2 * MIB):
    """COUNT messages of one stream with a text of SIZE bytes, a power of two."""
    messages, taken = [], 0
    schema = pa.schema([pa.field("id", pa.uint16()), pa.field("name", pa.string()), *OTHERS])
    sink = io.BytesIO()
    writer = pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    for number in range(count):
        writer.write_batch(pa.record_batch([pa.array([0], pa.uint16()), pa.array(["x" * size]), *others()],
                                           schema=schema))
        record = sink.getvalue()[taken:]
        taken += len(record)
        messages.append(message(number, without_size(record, size)))
    return messages


class Stream:
    """One stream, and what became of it."""

    def __init__(self, channel):
        self.sending = queue.SimpleQueue()
        self.call = channel.stream_stream(protocols.OTAP_PATH["traces"])(iter(self.sending.get, None))
        self.codes, self.said = [], collections.Counter()
        self.code, self.text = None, ""

    def receive(self):
        """The status of the message that was sent last, or that of the stream."""
        try:
            _, code, text = protocols.batch_status(next(self.call))
            self.codes.append(code)
            self.said[code, text] += 1
        except StopIteration:
            self.code = OK
        except grpc.RpcError as error:
            self.code, self.text = error.code().value[0], error.details()


def attack(target, count, messages):
    """COUNT streams, each of which is sent one message after the other."""
    channels = [grpc.insecure_channel(target, options=harness.CHANNEL_OPTIONS)
                for _ in range(math.ceil(count / PER_CONNECTION))]
    streams = [Stream(channels[i % len(channels)]) for i in range(count)]
    try:
        for message in [*messages, None]:  # None ends a stream from our side
            going = [stream for stream in streams if stream.code is None]
            for stream in going:
                stream.sending.put(message)
            for stream in going:
                stream.receive()
        return streams
    finally:
        for stream in streams:
            stream.sending.put(None)
        for channel in channels:
            channel.close()


def be_good(ports, pipe):
    """Sends an ordinary request every 20 ms, and again when told to come later."""
    service, body = types.SimpleNamespace(ports=ports), oversize.many_events(3)
    times, later, problem = [], 0, None
    pipe.send("begun")
    try:
        while not pipe.poll(0.02):
            began = time.monotonic()
            code, delay, _, text = oversize.http_send(service, "traces", body, False)
            if code == UNAVAILABLE and delay:
                later += 1
                continue
            assert code == OK, (code, text)
            times.append(time.monotonic() - began)
    except Exception as error:  # noqa: BLE001  (told by the caller)
        problem = repr(error)
    pipe.send((sorted(times), later, problem))


class Good:
    """A good client, a process of its own, as the attack keeps this one busy."""

    def __init__(self, service):
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other = spawn.Pipe()
        self.process = spawn.Process(target=be_good, args=(service.ports, other), daemon=True)
        self.process.start()
        assert self.pipe.recv() == "begun"

    def stop(self):
        """The times of what was taken, and how often it was told to come later."""
        self.pipe.send("end")
        times, later, problem = self.pipe.recv()
        self.process.join(60)
        assert problem is None, problem
        return times, later


def judge(streams, messages, share):
    """Only documented statuses; how the streams came to their ends."""
    ends = collections.Counter()
    for stream in streams:
        assert set(stream.codes) <= {OK, UNAVAILABLE, EXHAUSTED}, stream.said
        if stream.code == EXHAUSTED:
            assert stream.text in (WIDE, ALL), stream.text
            assert len(stream.codes) <= share + 1, f"{len(stream.codes)} MiB were remembered"
            ends["its own" if stream.text == WIDE else "all together"] += 1
        elif stream.code == UNAVAILABLE:
            ends["no memory"] += 1
        else:
            assert (stream.code, len(stream.codes)) == (OK, len(messages)), (stream.code, stream.text, stream.said)
            ends["not refused"] += 1
    return ends


def run(directory, count, kind="zstd", limit=64, share=4):
    """Figures of COUNT streams with memory_limit LIMIT MiB, each of which may
    keep SHARE MiB: of dictionaries compressed as KIND, or of "windows"."""
    messages = windows(3) if kind == "windows" else bombs(share + 4, kind)
    service = harness.Service(directory, f"memory_limit={limit}MiB", "write_interval_secs=0.2",
                              f"limits.stream_dictionary_bytes={share}MiB")
    watch = oversize.Watch(service)
    try:
        base = service.memory("VmRSS") / 1024
        good = Good(service)
        time.sleep(0.5)
        began = time.monotonic()
        streams = attack(service.target, count, messages)
        seconds = time.monotonic() - began
        times, later = good.stop()
        peak = watch.stop()
        oversize.polite(service)
        ends = judge(streams, messages, share)
        assert kind == "windows" or ends["not refused"] == 0, ends
        assert service.stop() == 0, service.output()
    finally:
        watch.end.set()
        service.kill()
    return {"streams": count, "kind": kind, "limit": limit, "peak": peak, "base": base,
            "bytes": sum(map(len, messages)), "seconds": seconds, "ends": dict(ends),
            "messages": sum(len(s.codes) for s in streams), "good": len(times), "later": later,
            "p99": times[len(times) * 99 // 100] if times else None}


def line(found):
    return (f"{found['streams']} streams, {found['kind']}: memory {found['peak']:.1f} MiB with a limit of "
            f"{found['limit']} ({found['base']:.1f} before); {found['messages']} messages in {found['seconds']:.1f} s; "
            f"ended by {found['ends']}; a good client: {found['good']} taken, {found['later']} told to come later, "
            f"p99 {found['p99'] * 1000:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--limit", type=int, action="append", help="memory_limit in MiB")
    parser.add_argument("--kind", action="append", choices=KINDS)
    chosen = parser.parse_args()
    right = True
    for limit in chosen.limit or (64, 256):
        for kind in chosen.kind or KINDS:
            with tempfile.TemporaryDirectory(prefix="oa_dictionaries_") as place:
                found = run(place, chosen.streams, kind, limit)
            print(line(found), flush=True)
            right = right and found["peak"] <= limit + oversize.SLACK
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
