# SPDX-License-Identifier: Apache-2.0
"""Arrow Flight with the clients that people use: DoPut."""

import io
import json
import re
import subprocess
import threading

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import clients
import compare
import harness
import otlpgen
import wire
from flightclient import (BOTH_PORTS, FLAT_METRICS, FLAT_SPANS, METHOD, connect, flat_spans,
                          flush, path, put, read_all, rows_in, same_requests, send)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("how", ("plain", "lz4", "zstd", "delta"))
def test_what_was_read_can_be_put_and_is_the_same(start, tmp_path, signal, how):
    options = pa.ipc.IpcWriteOptions(compression=how if how in ("lz4", "zstd") else None,
                                     emit_dictionary_deltas=how == "delta")
    source = start("storage.batch_rows=150", directory=tmp_path / "source")
    target = start(directory=tmp_path / "target")
    sent = send(source, signal, 300)
    client = connect(source)
    flush(client)
    table = read_all(client, path(signal))
    told = put(connect(target), path(signal), table.schema, table.to_batches(),
               flight.FlightCallOptions(write_options=options))
    want = sum(otlpgen.count_items(signal, otlpgen.REQUEST_CLASS[signal].FromString(r))
               for r in sent)
    assert sum(t["rows"] for t in told) == want
    assert all(t["rejected"] == 0 and "error" not in t for t in told)
    assert [t["batch"] for t in told] == list(range(len(told)))
    assert target.stop() == 0
    same_requests(signal, sent, target.directory)


@pytest.mark.parametrize("port", BOTH_PORTS)
@pytest.mark.parametrize("descriptor", (
    path("logs"), path("otlp", "logs"), flight.FlightDescriptor.for_command("logs"),
    path("something", "else"), flight.FlightDescriptor.for_command(b"\xff\x00")))
def test_descriptors_name_the_signal_or_the_columns_do(start, port, descriptor):
    service = start()
    sent = send(service, "logs", 20)
    client = connect(service, port)
    flush(client)
    table = read_all(client, path("logs"))
    told = put(client, descriptor, table.schema, table.to_batches())
    assert sum(t["rows"] for t in told) == table.num_rows
    assert service.stop() == 0
    same_requests("logs", sent + sent, service.directory)


def test_many_rows_in_one_stream(start):
    service = start()
    send(service, "traces", 60)
    client = connect(service)
    flush(client)
    batch = read_all(client, path("traces")).combine_chunks().to_batches()[0]
    want = 100_000 // batch.num_rows + 1
    told = put(client, path("traces"), batch.schema, [batch] * want)
    assert sum(t["rows"] for t in told) == want * batch.num_rows
    assert service.stop() == 0
    assert rows_in(service, "traces").num_rows == (want + 1) * batch.num_rows


def test_a_few_columns_are_enough(start):
    service = start()
    table = pa.table({"time_unix_nano": pa.array([5, 6], pa.timestamp("us")),
                      "severity_number": pa.array([9, 17], pa.int8()),
                      "body": ["one", "two"]})
    told = put(connect(service), path("logs"), table.schema, table.to_batches())
    assert told == [{"batch": 0, "rows": 2, "rejected": 0}]
    assert service.stop() == 0
    rows = rows_in(service, "logs")
    assert rows["body"].to_pylist() == ["one", "two"]
    assert rows["severity_number"].to_pylist() == [9, 17]
    assert rows["time_unix_nano"].cast(pa.int64()).to_pylist() == [5000, 6000]


def build_rust_flight(source, target):
    clients.run_step(["cargo", "build", "--locked"], source, CARGO_TARGET_DIR=str(target))
    return [target / "debug" / "otlp-arrow-client-rust-flight"]


@pytest.mark.timeout(1800)  # the client may have to be built
def test_the_client_of_arrow_rs_puts_and_gets(start, tmp_path, monkeypatch):
    monkeypatch.setitem(clients.NEEDS, "rust-flight", ("cargo",))
    monkeypatch.setitem(clients.BUILDERS, "rust-flight", build_rust_flight)
    command = clients.command_of("rust-flight")
    for signal in otlpgen.SIGNALS:
        source = start(directory=tmp_path / f"source {signal}")
        target = start(directory=tmp_path / f"target {signal}")
        sent = send(source, signal, 300)
        assert source.stop() == 0
        url = f"http://127.0.0.1:{target.ports[1]}"
        done = subprocess.run([*command, url, signal, source.files(signal)[0]],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line)["rejected"] for line in done.stdout.splitlines()] == [0]
        flush(connect(target))
        done = subprocess.run([*command, url, signal], capture_output=True, text=True,
                              timeout=60, check=False)
        assert int(done.stdout) == rows_in(target, signal).num_rows, done.stderr
        assert target.stop() == 0
        same_requests(signal, sent, target.directory)


def test_the_examples_of_the_documentation_work(start, capsys):
    service = start()
    send(service, "traces", 10)
    flush(connect(service))
    text = (harness.ROOT / "docs" / "flight.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 5
    code = "\n".join(blocks)
    assert ":4318" in code
    names = {}
    exec(code.replace(":4318", f":{service.ports[1]}"), names)  # noqa: S102
    assert "{'batch': 0, 'rows': 1, 'rejected': 0}" in capsys.readouterr().out
    assert names["table"].num_rows > 0
    assert rows_in(service, "logs")["body"].to_pylist() == ["started"]


# --- the other forms -------------------------------------------------------

def check_flat_spans(service, copies=1):
    rows = rows_in(service, "traces")
    assert rows["name"].to_pylist() == [f"span {i}" for i in range(5)] * copies
    # client, server, producer, consumer, internal by the numbers of OTLP
    assert rows["kind"].to_pylist() == [3, 2, 4, 5, 1] * copies
    assert rows["parent_span_id"].null_count == 5 * copies
    attributes = {a["key"]: a for a in rows["attributes"].to_pylist()[3]}
    assert attributes["n"]["int"] == 3 and attributes["s"]["str"] == "x"
    assert attributes["d"]["double"] == 0.5 and attributes["l"]["type"] == 6


@pytest.mark.parametrize("descriptor", (path("traces"), path("x")))
def test_flat_spans_of_older_clients(start, descriptor):
    service = start()
    told = put(connect(service), descriptor, FLAT_SPANS, [flat_spans()])
    assert told == [{"batch": 0, "rows": 5, "rejected": 0}]
    assert service.stop() == 0
    check_flat_spans(service)


def test_flat_metrics_of_older_clients(start):
    service = start()
    batch = pa.RecordBatch.from_pydict({
        "metric_name": ["g", "s", "h"], "value": [1.5, 2.0, 3.25],
        "timestamp_unix_nano": [10**18, 10**18 + 1, 10**18 + 2],
        "metric_type": ["gauge", "sum", "histogram"],
        "attributes": ['{"a": 1}', None, "{}"]}, schema=FLAT_METRICS)
    told = put(connect(service), path("metrics"), FLAT_METRICS, [batch])
    assert told == [{"batch": 0, "rows": 3, "rejected": 0}]
    assert service.stop() == 0
    rows = rows_in(service, "metrics")
    assert rows["metric_name"].to_pylist() == ["g", "s", "h"]
    assert rows["value_double"].to_pylist() == [1.5, 2.0, 3.25]
    assert rows["metric_type"].to_pylist() == [1, 2, 1]
    assert rows["time_unix_nano"].cast(pa.int64()).to_pylist() == [10**18 + i for i in range(3)]


def test_the_form_that_older_clients_really_send(start):
    """A whole stream in data_header, no body, no descriptor; several batches."""
    service = start()
    out = io.BytesIO()
    with pa.ipc.new_stream(out, FLAT_SPANS) as writer:
        writer.write_batch(flat_spans())
        writer.write_batch(flat_spans())
    call = service.channel(1).stream_stream(METHOD + "DoPut")
    results = list(call(iter([wire.sub(2, out.getvalue())] * 2), timeout=20))
    assert len(results) == 4
    assert service.stop() == 0
    check_flat_spans(service, copies=4)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("kind", (pa.binary(), pa.large_binary()))
def test_a_column_of_requests(start, signal, kind):
    service = start()
    made = (otlpgen.request(signal, i).SerializeToString() for i in range(300))
    sent = [raw for raw in made if compare.canonical_bytes(signal, raw)][:200]
    schema = pa.schema([("otlp_proto", kind)])
    batches = [pa.record_batch([pa.array(sent[i:i + 50], kind)], schema=schema)
               for i in range(0, 200, 50)]
    told = put(connect(service), path(signal), schema, batches)
    want = sum(otlpgen.count_items(signal, otlpgen.REQUEST_CLASS[signal].FromString(r))
               for r in sent)
    assert sum(t["rows"] for t in told) == want
    assert service.stop() == 0
    same_requests(signal, sent, service.directory)


# --- answers ---------------------------------------------------------------

def test_metadata_comes_back_with_the_answer(start):
    service = start()
    writer, results = connect(service).do_put(path("traces"), FLAT_SPANS)
    told = []
    for ref in (b"plain", '"\u00fc\n'.encode(), b"\xff\xfe", b"x" * 5000):
        writer.write_with_metadata(flat_spans(), ref)
        told.append(json.loads(results.read().to_pybytes()))
    writer.close()
    assert [t.get("ref") for t in told] == ["plain", '"\u00fc\n', None, None]


def test_rows_that_are_bad_are_counted_and_named(start):
    service = start()
    batch = flat_spans().to_pydict()
    batch["trace_id"][1] = b"short"
    batch["attributes"][2] = '{"a": }'
    told = put(connect(service), path("traces"), FLAT_SPANS,
               [pa.RecordBatch.from_pydict(batch, schema=FLAT_SPANS)])
    assert told[0]["rows"] == 3 and told[0]["rejected"] == 2
    assert "row 2" in told[0]["error"] and "byte 6" in told[0]["error"]


def test_a_client_that_reads_no_answer_is_not_held_up(start):
    service = start()
    count = 20_000
    batch = flat_spans(1)
    writer, _ = connect(service).do_put(path("traces"), FLAT_SPANS)
    done = threading.Event()

    def write():
        for _ in range(count):
            writer.write_batch(batch)
        writer.done_writing()
        done.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    assert done.wait(100), "the client was held up"
    writer.close()
    assert service.stop() == 0
    assert rows_in(service, "traces").num_rows == count


def test_the_answer_to_a_client_that_reads_late_is_added_up(start):
    service = start()
    count = 40_000
    schema = pa.schema([("time_unix_nano", pa.uint64()), ("body", pa.string())])
    batch = pa.record_batch([[1], ["x"]], schema=schema)
    writer, results = connect(service).do_put(path("logs"), schema)
    for _ in range(count):
        writer.write_batch(batch)
    writer.done_writing()
    told = []
    while (raw := results.read()) is not None:
        told.append(json.loads(raw.to_pybytes()))
    writer.close()
    assert sum(t["rows"] for t in told) == count
    assert sum(t.get("batches", 1) for t in told) == count
    assert told[-1]["batch"] == count - 1
