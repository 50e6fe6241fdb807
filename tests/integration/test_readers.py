# SPDX-License-Identifier: Apache-2.0
"""Five independent Arrow readers open our files and see equal values."""

import struct

import pyarrow as pa
import pytest

import columns
import harness
import otlpgen

READERS = {
    "polars": columns.read_polars,
    "duckdb": columns.read_duckdb,
    "nanoarrow": columns.read_nanoarrow,
    "arrow-js": columns.read_arrow_js,
}


def nanoarrow_reads_compressed_dictionaries(folder, compression):
    """Tried with a file that pyarrow wrote: nanoarrow 0.9.0 takes the
    compressed bytes of a DictionaryBatch for the values themselves."""
    path = folder / "probe.arrow"
    column = pa.array(["one", "two", "one"]).dictionary_encode()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(str(path), pa.schema([("c", column.type)]), options=options) as writer:
        writer.write_batch(pa.record_batch([column], names=["c"]))
    try:
        return columns.read_nanoarrow(path) == {"c": ["one", "two", "one"]}
    except (SystemError, RuntimeError):
        return False


@pytest.fixture(scope="module", params=("none", "lz4", "zstd"))
def files(request, tmp_path_factory):
    """{signal: file}, each of many batches with their own dictionaries."""
    directory = tmp_path_factory.mktemp(request.param)
    service = harness.Service(directory, f"storage.compression={request.param}",
                              "storage.batch_rows=200", "net.io_threads=1")
    try:
        for signal in otlpgen.SIGNALS:
            requests = [otlpgen.request(signal, 40_000 + i).SerializeToString() for i in range(120)]
            # One value that compresses well and one batch that is large.
            big = otlpgen.REQUEST_CLASS[signal]()
            for i in range(150):
                big.MergeFrom(otlpgen.request(signal, 41_000 + i))
            for result in service.send(signal, requests + [big.SerializeToString()]):
                assert not isinstance(result, Exception), result
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    found = {signal: service.files(signal) for signal in otlpgen.SIGNALS}
    assert all(len(paths) == 1 for paths in found.values()), found
    return request.param, {signal: paths[0] for signal, paths in found.items()}


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_pyarrow_validates_every_batch(files, signal):
    compression, paths = files
    table = columns.table_of(paths[signal])
    assert table.num_rows >= 500
    assert table.schema.metadata[b"otlp.signal"] == signal.encode()
    assert table.schema.metadata[b"otlp.schema_version"] == b"1"
    with pa.ipc.open_stream(str(paths[signal])) as reader:
        batches = [batch.validate(full=True) for batch in reader]
    assert len(batches) >= 2
    data = paths[signal].read_bytes()
    assert data.endswith(b"\xff\xff\xff\xff\0\0\0\0"), "no end-of-stream mark"
    magic = {"lz4": b"\x04\x22\x4d\x18", "zstd": b"\x28\xb5\x2f\xfd"}
    for name, bytes4 in magic.items():
        assert (bytes4 in data) == (name == compression), f"{name} in a file of {compression}"


def expect_what_pyarrow_sees(name, path):
    table = columns.table_of(path)
    wanted = {column: columns.from_pyarrow(table[column]) for column in table.column_names}
    got = READERS[name](path)
    assert list(got) == list(wanted), "columns or their order differ"
    for column, values in wanted.items():
        assert len(got[column]) == len(values), column
        if got[column] != values:
            row = next(i for i, v in enumerate(values) if got[column][i] != v)
            pytest.fail(f"{column}[{row}]: {name} has {got[column][row]!r:.600}, "
                        f"pyarrow {values[row]!r:.600}")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_reader_sees_what_pyarrow_sees(files, signal, name, request, tmp_path):
    compression, paths = files
    if name == "arrow-js":
        request.getfixturevalue("node_modules")
    if name == "nanoarrow" and compression != "none":
        if not nanoarrow_reads_compressed_dictionaries(tmp_path, compression):
            pytest.xfail("this nanoarrow reads no compressed dictionaries, from any writer")
    expect_what_pyarrow_sees(name, paths[signal])


@pytest.fixture(scope="module")
def long_columns(tmp_path_factory):
    """A file with a batch whose columns are written from where they lie in memory,
    and begin where blocks of the disk do; and what is in its time column."""
    rows = 20_000
    times = [1_790_000_000_000_000_000 + row * 1_000_003 for row in range(rows)]
    sent = otlpgen.REQUEST_CLASS["logs"]()
    scope = sent.resource_logs.add().scope_logs.add()
    for time in times:
        scope.log_records.add(time_unix_nano=time, severity_number=9)
    directory = tmp_path_factory.mktemp("long")
    service = harness.Service(directory, "storage.compression=none", "net.io_threads=1")
    try:
        [result] = service.send("logs", [sent.SerializeToString()])
        assert not isinstance(result, Exception), result
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    [path] = service.files("logs")
    return path, times


def test_long_columns_begin_where_blocks_do(long_columns):
    path, times = long_columns
    at = path.read_bytes().find(struct.pack(f"<{len(times)}Q", *times))
    assert at > 0 and at % 4096 == 0
    with pa.ipc.open_stream(str(path)) as reader:
        for batch in reader:
            batch.validate(full=True)
    said = harness.run_tool("verify", path)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("name", READERS)
def test_long_columns_are_read_by_all(long_columns, name, request):
    if name == "arrow-js":
        request.getfixturevalue("node_modules")
    expect_what_pyarrow_sees(name, long_columns[0])
