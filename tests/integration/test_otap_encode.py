# SPDX-License-Identifier: Apache-2.0
"""Batches as OTAP messages, proved by a decoder that shares no code with us.

Random requests go through the running service into files; the library makes
OTAP messages of the files, and tests/oracle/otap_refdec.py makes requests of
these again.
"""

import ctypes
import sys
from collections import Counter
from pathlib import Path

import pytest

import compare
import harness
import otlpgen

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
import otap_refdec  # noqa: E402
import otap_reftables  # noqa: E402

OK, END = 0, -10
COMPRESSION = {"none": 0, "lz4": 1, "zstd": 2}


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 256)]


SINK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Options(ctypes.Structure):
    _fields_ = [("compression", ctypes.c_int), ("level", ctypes.c_int),
                ("metric_metadata", ctypes.c_int), ("max_rows", ctypes.c_int64),
                ("max_bytes", ctypes.c_size_t), ("sink", SINK), ("context", ctypes.c_void_p)]


def library():
    found = ctypes.CDLL(str(harness.BIN / "libotlp_arrow.so"))
    pointer, error = ctypes.c_void_p, ctypes.POINTER(Error)
    found.oa_reader_open.argtypes = [ctypes.POINTER(pointer), ctypes.c_char_p, error]
    found.oa_reader_next.argtypes = [pointer, error]
    found.oa_reader_close.argtypes = [pointer]
    found.oa_reader_close.restype = None
    found.oa_otap_output_new.argtypes = [ctypes.POINTER(pointer), ctypes.POINTER(Options), error]
    found.oa_otap_output_batch.argtypes = [pointer, pointer, error]
    found.oa_otap_output_free.argtypes = [pointer]
    found.oa_otap_output_free.restype = None
    return found


def messages(paths, compression="none", metadata=True, max_rows=0, max_bytes=0, stop_at=None):
    """The OTAP messages of all batches of the files, as one stream."""
    lib, out, error = library(), [], Error()

    def take(_, data, size):
        if stop_at is not None and len(out) == stop_at:
            return -6
        out.append(ctypes.string_at(data, size))
        return OK

    sink = SINK(take)
    options = Options(COMPRESSION[compression], 0, int(metadata), max_rows, max_bytes, sink, None)
    output = ctypes.c_void_p()
    status = lib.oa_otap_output_new(ctypes.byref(output), ctypes.byref(options),
                                    ctypes.byref(error))
    assert status == OK, error.text
    try:
        for path in paths:
            reader = ctypes.c_void_p()
            status = lib.oa_reader_open(ctypes.byref(reader), str(path).encode(),
                                        ctypes.byref(error))
            assert status == OK, error.text
            try:
                while (status := lib.oa_reader_next(reader, ctypes.byref(error))) == OK:
                    status = lib.oa_otap_output_batch(output, reader, ctypes.byref(error))
                    if status != OK:
                        return status, out, error.text.decode()
                assert status == END, error.text
            finally:
                lib.oa_reader_close(reader)
    finally:
        lib.oa_otap_output_free(output)
    return OK, out, ""


# --- what OTAP keeps of a request ---


def sort_attributes(message):
    """OTAP keeps no order among the attributes of one item."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.name == "KeyValue":
            ordered = sorted(value, key=lambda pair: pair.SerializeToString(deterministic=True))
            copies = [type(pair).FromString(pair.SerializeToString()) for pair in ordered]
            del value[:]
            value.extend(copies)
        elif field.message_type.name == "AnyValue":
            pass  # the order inside of values is kept
        elif field.is_repeated:
            for item in value:
                sort_attributes(item)
        else:
            sort_attributes(value)


def clear_zero_ids(message):
    """An id of zeros is the same as none."""
    for field, value in message.ListFields():
        if field.name in ("trace_id", "span_id", "parent_span_id"):
            if not any(value):
                message.ClearField(field.name)
        elif field.message_type is not None and field.message_type.name not in (
                "KeyValue", "AnyValue"):
            for item in value if field.is_repeated else [value]:
                clear_zero_ids(item)


def empty_exemplars_first(metric):
    """Those without a value are sent before the others of the message."""
    kind = metric.WhichOneof("data")
    if kind in (None, "summary"):
        return
    for point in getattr(metric, kind).data_points:
        ordered = sorted(point.exemplars, key=lambda e: e.WhichOneof("value") is not None)
        copies = [type(e).FromString(e.SerializeToString()) for e in ordered]
        del point.exemplars[:]
        point.exemplars.extend(copies)


def kept(signal, raw, metadata=True):
    """The ResourceX messages of a request as OTAP keeps them, as bytes."""
    message = otlpgen.REQUEST_CLASS[signal].FromString(compare.canonical_bytes(signal, raw))
    resources, scopes, items = otlpgen.LEVELS[signal]
    clear_zero_ids(message)
    for outer in getattr(message, resources):
        if outer.HasField("resource") and hasattr(outer.resource, "entity_refs"):
            del outer.resource.entity_refs[:]
        if signal == "metrics":
            for metric in (m for s in outer.scope_metrics for m in s.metrics):
                empty_exemplars_first(metric)
                if not metadata:
                    del metric.metadata[:]
    sort_attributes(message)
    return [outer.SerializeToString(deterministic=True) for outer in getattr(message, resources)]


def decode_all(signal, bars, metadata=True):
    decoder = otap_refdec.Decoder(signal)
    out = []
    for bar in bars:
        out += kept(signal, decoder.decode(bar).SerializeToString(), metadata)
    return decoder, out


def store(directory, signal, requests, *settings):
    service = harness.Service(directory, "net.io_threads=1", *settings)
    try:
        for result in service.send(signal, requests):
            assert not isinstance(result, Exception), result
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    return service.files(signal)


def explain(signal, want, got):
    missing = list((Counter(want) - Counter(got)).elements())
    surplus = list((Counter(got) - Counter(want)).elements())

    def show(part):
        outer = getattr(otlpgen.REQUEST_CLASS[signal](), otlpgen.LEVELS[signal][0]).add()
        outer.MergeFromString(part)
        return str(outer)[:3000]

    return (f"{len(missing)} are missing, {len(surplus)} are surplus\n"
            + "".join(f"--- missing\n{show(p)}" for p in sorted(missing, key=len)[:1])
            + "".join(f"--- surplus\n{show(p)}" for p in sorted(surplus, key=len)[:1]))


def requests_of(signal, count, seed=0):
    return [otlpgen.request(signal, seed + i).SerializeToString() for i in range(count)]


# --- the tests ---


@pytest.mark.timeout(200)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("compression, count", [("none", 3000), ("zstd", 700), ("lz4", 700)])
def test_random_requests_are_what_another_decoder_reads(tmp_path, signal, compression, count):
    files = store(tmp_path, signal, requests_of(signal, count), "storage.batch_rows=500")
    stored = harness.stored_requests(tmp_path, signal)
    want = [part for raw in stored for part in kept(signal, raw)]
    status, bars, text = messages(files, compression)
    assert status == OK, text
    assert len(bars) >= count // 500
    _, got = decode_all(signal, bars)
    if got != want:
        pytest.fail(explain(signal, want, got))


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_small_messages_of_one_stream_hold_the_same(tmp_path, signal):
    """Each message may be 50 rows: resources are cut apart, nothing else."""
    files = store(tmp_path, signal, requests_of(signal, 400, 70_000))
    status, whole, text = messages(files)
    assert status == OK, text
    status, parts, text = messages(files, max_rows=50)
    assert status == OK, text
    assert len(parts) > 4 * len(whole)
    items = []
    for bars in (whole, parts):
        _, resources = decode_all(signal, bars)
        found = Counter()
        for raw in resources:
            outer = getattr(otlpgen.REQUEST_CLASS[signal](), otlpgen.LEVELS[signal][0]).add()
            outer.MergeFromString(raw)
            for scope in getattr(outer, otlpgen.LEVELS[signal][1]):
                for item in getattr(scope, otlpgen.LEVELS[signal][2]):
                    found[outer.resource.SerializeToString(deterministic=True),
                          scope.scope.SerializeToString(deterministic=True),
                          item.SerializeToString(deterministic=True)] += 1
        items.append(found)
    assert items[0] == items[1]


def test_metadata_of_metrics_is_sent_only_when_asked_for(tmp_path):
    files = store(tmp_path, "metrics", requests_of("metrics", 200))
    stored = harness.stored_requests(tmp_path, "metrics")
    for metadata in (False, True):
        status, bars, text = messages(files, metadata=metadata)
        assert status == OK, text
        types = {kind for bar in bars for _, kind, _ in otap_reftables.payloads(bar)[1]}
        assert (otap_reftables.METRIC_ATTRS in types) == metadata
        _, got = decode_all("metrics", bars, metadata)
        assert got == [part for raw in stored for part in kept("metrics", raw, metadata)]


def spans(count, first=0, names=8):
    """A request of COUNT spans with children, numbered in their ids."""
    message = otlpgen.REQUEST_CLASS["traces"]()
    scope = message.resource_spans.add().scope_spans.add()
    for i in range(first, first + count):
        span = scope.spans.add(name=f"operation {i % names}", trace_id=i.to_bytes(16, "big"),
                               span_id=(i + 1).to_bytes(8, "big"))
        span.attributes.add(key="number").value.int_value = i
        span.attributes.add(key="text").value.string_value = f"value {i % 3}"
    return message.SerializeToString()


@pytest.mark.timeout(200)
def test_more_spans_than_ids_are_split(tmp_path):
    requests = [spans(7000, 7000 * i) for i in range(10)]
    files = store(tmp_path, "traces", requests, "storage.batch_rows=70000",
                  "write_interval_secs=60")
    status, bars, text = messages(files)
    assert status == OK, text
    assert len(bars) == 2
    decoder = otap_refdec.Decoder("traces")
    seen = []
    for bar in bars:
        for outer in decoder.decode(bar).resource_spans:
            for span in outer.scope_spans[0].spans:
                seen.append(int.from_bytes(span.trace_id, "big"))
                values = {a.key: a.value for a in span.attributes}
                assert values["number"].int_value == seen[-1]
                assert values["text"].string_value == f"value {seen[-1] % 3}"
    assert sorted(seen) == list(range(70_000))


def test_messages_keep_to_their_bytes(tmp_path):
    files = store(tmp_path, "traces", [spans(2000, 2000 * i) for i in range(8)])
    status, bars, text = messages(files, max_bytes=100_000)
    assert status == OK, text
    assert len(bars) > 4 and max(map(len, bars)) <= 100_000
    _, resources = decode_all("traces", bars)
    total = 0
    for raw in resources:
        outer = otlpgen.REQUEST_CLASS["traces"]().resource_spans.add()
        outer.MergeFromString(raw)
        total += sum(len(scope.spans) for scope in outer.scope_spans)
    assert total == 16_000


def test_the_caller_may_stop_and_gets_its_own_status(tmp_path):
    files = store(tmp_path, "traces", [spans(100)])
    status, bars, text = messages(files, max_rows=10, stop_at=3)
    assert (status, len(bars), text) == (-6, 3, "")


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_the_oracle_sees_changed_bytes(tmp_path, signal):
    """A guard for this file: what is compared is what was sent."""
    files = store(tmp_path, signal, requests_of(signal, 40, 1000))
    _, bars, _ = messages(files)
    _, want = decode_all(signal, bars)
    noticed = 0
    for at in range(200, len(bars[0]), max(1, len(bars[0]) // 200)):
        broken = bytearray(bars[0])
        broken[at] ^= 0x41
        try:
            noticed += decode_all(signal, [bytes(broken), *bars[1:]])[1] != want
        except Exception:  # of many kinds: Arrow, protobuf, the oracle's own
            noticed += 1
    assert noticed > 60


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_the_tool_writes_the_same_stream(tmp_path, signal):
    """Each message behind its length, as `convert --to otlp-proto` has it."""
    files = store(tmp_path, signal, requests_of(signal, 300, 90_000))
    status, bars, text = messages(files, "none", metadata=True)
    assert status == OK, text
    out = tmp_path / "stream.otap"
    done = harness.run_tool("convert", str(tmp_path / "otlp" / signal), "--to", "otap",
                            "--compression", "none", "-o", str(out))
    assert done.returncode == 0, done.stderr
    data, at, from_tool = out.read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        from_tool.append(data[at + 4:at + 4 + size])
        at += 4 + size
    assert at == len(data)
    assert decode_all(signal, from_tool)[1] == decode_all(signal, bars)[1]
