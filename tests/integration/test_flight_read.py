# SPDX-License-Identifier: Apache-2.0
"""Arrow Flight: what is stored is listed and read back; actions."""

import json
import threading
import time

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest

import columns
import otlpgen
from flightclient import (ERRORS, FLAT_SPANS, METHOD, as_bytes, connect, endpoints, flat_spans,
                          flush, path, put, read_all, send)


@pytest.fixture
def stored(start):
    """Three files of logs, of which each has rows of a minute of its own."""
    service = start("storage.max_file_size=64KiB", "storage.compression=none",
                    "write_interval_secs=3600")
    client = connect(service)
    schema = pa.schema([("time_unix_nano", pa.timestamp("ns", "UTC")), ("body", pa.string())])
    for minute in range(3):
        times = [10**18 + minute * 60 * 10**9 + i for i in range(10)]
        put(client, path("logs"), schema,
            [pa.record_batch([pa.array(times, schema.types[0]), [f"{minute}" * 8000] * 10],
                             schema=schema)])
        flush(client)
    return service, client


def bodies(client, descriptor):
    table = read_all(client, descriptor)
    return [] if table is None else sorted({text[0] for text in table["body"].to_pylist()})


def command(**members):
    return flight.FlightDescriptor.for_command(json.dumps(members))


def test_flights_are_listed_by_signal_and_by_file(stored):
    service, client = stored
    by_signal = {f.descriptor.path[0]: f for f in client.list_flights()}
    assert set(by_signal) == {b"traces", b"metrics", b"logs"}
    logs = by_signal[b"logs"]
    assert logs.total_records == 30 and len(logs.endpoints) == 3
    assert logs.total_bytes == sum(p.stat().st_size for p in service.files("logs"))
    assert by_signal[b"traces"].total_records == 0 and not by_signal[b"traces"].endpoints
    assert all(not e.locations for e in logs.endpoints)

    by_file = list(client.list_flights(b'{"signal": "logs"}'))
    names = [f.descriptor.path[1].decode() for f in by_file]
    assert names == [p.name for p in service.files("logs")]
    assert [f.total_records for f in by_file] == [10, 10, 10]
    assert len(list(client.list_flights(b"{}"))) == 3


def test_one_file_can_be_asked_for(stored):
    service, client = stored
    name = service.files("logs")[1].name
    assert bodies(client, path("logs", name)) == ["1"]
    assert bodies(client, path("otlp", "logs", name)) == ["1"]
    assert bodies(client, path("logs")) == ["0", "1", "2"]
    assert bodies(client, path("metrics")) == []


def test_a_filter_by_time_leaves_out_files_and_batches(stored):
    service, client = stored
    minute = 60 * 10**9
    from_ns, to_ns = 10**18 + minute, 10**18 + minute + 1
    wanted = command(signal="logs", from_ns=from_ns, to_ns=to_ns)
    assert len(endpoints(client, wanted)) == 1
    assert bodies(client, wanted) == ["1"]
    assert bodies(client, command(signal="logs", from_ns=str(from_ns))) == ["1", "2"]
    assert bodies(client, command(signal="logs", to_ns=10**18)) == []
    listed = list(client.list_flights(
        json.dumps({"from_ns": from_ns, "to_ns": to_ns}).encode()))
    assert len(listed) == 1
    # A ticket keeps the filter of its flight, whatever file it is put to.
    ticket = listed[0].endpoints[0].ticket.ticket
    other = ticket.replace(service.files("logs")[1].name.encode(),
                           service.files("logs")[0].name.encode())
    assert other != ticket
    assert client.do_get(flight.Ticket(other)).read_all().num_rows == 0


def test_the_schema_is_that_of_the_files(stored):
    service, client = stored
    schema = columns.table_of(service.files("logs")[0]).schema
    for found in (client.get_schema(path("logs")).schema,
                  client.get_flight_info(path("logs")).schema,
                  read_all(client, path("logs")).schema):
        assert found.equals(schema, check_metadata=True)


@pytest.mark.parametrize("compression", ("none", "lz4", "zstd"))
def test_get_gives_what_the_file_holds(start, compression):
    service = start(f"storage.compression={compression}", "storage.batch_rows=100")
    send(service, "traces", 200)
    client = connect(service)
    flush(client)
    got = read_all(client, path("traces"))
    stored_table = columns.table_of(service.files("traces")[0])
    assert got.num_rows == stored_table.num_rows > 500
    assert as_bytes(got) == as_bytes(stored_table)


def test_the_open_file_is_read_to_its_last_whole_message(start):
    """While others write, every read is a whole number of batches."""
    service = start("write_interval_secs=0.02", "net.io_threads=2")
    client = connect(service)
    stop = threading.Event()

    def write():
        first = 0
        while not stop.is_set():
            send(service, "logs", 20, first)
            first += 20

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        last = 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            table = read_all(client, path("logs"))
            rows = 0 if table is None else table.num_rows
            assert rows >= last
            last = rows
        assert last > 0
    finally:
        stop.set()
        thread.join(20)


def test_a_file_that_is_removed_meanwhile_is_read_to_its_end(start):
    service = start("storage.compression=none")
    requests = [otlpgen.request("traces", i) for i in range(400)]
    for request in requests[1:]:
        requests[0].MergeFrom(request)
    raw = requests[0].SerializeToString()
    client = connect(service)
    for _ in range(20):
        assert not isinstance(service.send("traces", [raw])[0], Exception)
    flush(client)
    file = service.files("traces")[0]
    want = columns.table_of(file).num_rows
    ticket = endpoints(client, path("traces"))[0].ticket
    reader = client.do_get(ticket)
    first = reader.read_chunk().data.num_rows
    file.unlink()
    assert first + reader.read_all().num_rows == want
    with pytest.raises(ERRORS, match="not stored here"):
        client.do_get(ticket).read_all()


@pytest.mark.parametrize("ticket", (
    b"", b"x", b"traces", b"traces/", b"/etc/passwd", b"traces/../../../etc/passwd",
    b"logs/../logs/otlp_logs_20240501_120000_000001.arrow",
    b"logs/otlp_logs_20240501_120000_000001.arrow\x00", b"logs/.sealed",
    b"logs/otlp_logs_20240501_120000_000001.arrow.corrupt", b"\xff" * 300, b"a" * 100_000))
def test_tickets_of_others_open_nothing(start, ticket):
    client = connect(start())
    with pytest.raises(ERRORS, match="no ticket of this server"):
        client.do_get(flight.Ticket(ticket)).read_all()


def test_links_are_not_followed(start, tmp_path):
    service = start()
    send(service, "logs", 5)
    client = connect(service)
    flush(client)
    real = service.files("logs")[0]
    outside = tmp_path / "outside.arrow"
    outside.write_bytes(real.read_bytes())
    link = real.parent / "otlp_logs_20240501_120000_000099.arrow"
    link.symlink_to(outside)
    assert link.name not in str([f.descriptor for f in client.list_flights(b"{}")])
    with pytest.raises(ERRORS, match="not stored here"):
        client.do_get(flight.Ticket(b"logs/" + link.name.encode())).read_all()


@pytest.mark.parametrize("descriptor, text", (
    (path("profiles"), "no such flight"),
    (path("logs", "../x"), "not the name of a stored file"),
    (path("logs", "a", "b"), "no such flight"),
    (path("logs", "otlp_logs_20240501_120000_000099.arrow"), "not stored here"),
    (flight.FlightDescriptor.for_command("{"), "filter"),
    (flight.FlightDescriptor.for_command('{"from_ns": 1}'), "must say a signal")))
def test_what_is_not_there_is_said(start, descriptor, text):
    client = connect(start())
    for call in (client.get_flight_info, client.get_schema):
        if call == client.get_schema and "not stored" in text:
            continue  # the schema is the same for all files
        with pytest.raises(ERRORS, match=text):
            call(descriptor)


def test_a_bad_filter_of_a_list_is_said(start):
    with pytest.raises(ERRORS, match="at byte 1"):
        list(connect(start()).list_flights(b"{x"))


# --- actions, other methods ------------------------------------------------

def test_actions(start):
    service = start()
    client = connect(service)
    assert [a.type for a in client.list_actions()] == ["flush", "stats", "health"]
    send(service, "traces", 10)
    flush(client)
    stats = json.loads(next(client.do_action("stats")).body.to_pybytes())
    traces = stats["signals"]["traces"]
    assert traces["requests"] == 10
    assert traces["items_accepted"] == traces["items_stored"] > 0
    assert traces["refused"]["malformed"] == 0 and stats["batches_waiting"] == 0
    assert json.loads(next(client.do_action("health")).body.to_pybytes()) == {"ready": True}
    with pytest.raises(ERRORS, match="no such action"):
        list(client.do_action("explode"))


def test_flushes_at_once_are_all_answered(start):
    service = start("net.io_threads=2")
    send(service, "traces", 10)
    clients = [connect(service, i % 2) for i in range(8)]
    threads = [threading.Thread(target=flush, args=(c,)) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_methods_that_are_not_served_say_so(start):
    service = start()
    client = connect(service)
    with pytest.raises(ERRORS, match="DoExchange"):
        _, reader = client.do_exchange(path("logs"))
        reader.read_all()
    with pytest.raises(ERRORS, match="no handshake"):
        client.authenticate_basic_token("user", "password")
    for method in ("PollFlightInfo", "DoMagic"):
        call = service.channel(1).unary_unary(METHOD + method)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_authentication_is_asked_for_first(start):
    service = start("protocols.authentication.auth_type=basic",
                    "protocols.authentication.credentials.username=user",
                    "protocols.authentication.credentials.password=secret")
    client = connect(service)
    with pytest.raises(flight.FlightUnauthenticatedError):
        list(client.list_flights())
    with pytest.raises(flight.FlightUnauthenticatedError):
        client.authenticate_basic_token("user", "wrong")
    client.authenticate_basic_token("user", "secret")
    options = flight.FlightCallOptions(headers=[(b"authorization", b"Basic dXNlcjpzZWNyZXQ=")])
    assert len(list(client.list_flights(options=options))) == 3
    told = put(client, path("traces"), FLAT_SPANS, [flat_spans()], options)
    assert told[0]["rows"] == 5
