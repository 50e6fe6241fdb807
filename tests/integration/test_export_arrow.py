# SPDX-License-Identifier: Apache-2.0
"""Record batches of the program itself, exported by the C Data Interface."""

import pyarrow as pa
import pytest

import capi
import columns
import harness
import otlpgen


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Files of all signals that came over the wire."""
    folder = tmp_path_factory.mktemp("wire")
    service = harness.Service(folder, "storage.batch_rows=150", "net.io_threads=1")
    try:
        for signal in otlpgen.SIGNALS:
            requests = [otlpgen.request(signal, 70_000 + i).SerializeToString() for i in range(60)]
            for result in service.send(signal, requests):
                assert not isinstance(result, Exception), result
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    return folder


@pytest.fixture
def embedded(tmp_path):
    service = capi.Embedded(tmp_path / "own")
    yield service
    service.stop()


def batches_of(directory, signal):
    return [batch for path in harness.files_of(directory, signal)
            for batch in columns.table_of(path).to_batches()]


def plain(batches):
    """Rows without the numbers of groups, which are the service's own."""
    table = pa.Table.from_batches(batches)
    return {name: columns.from_pyarrow(table[name]) for name in table.column_names
            if not name.endswith("_ord") or name == "point_ord"}


def export_all(embedded, signal, batches):
    taken = 0
    for batch in batches:
        result = embedded.export_arrow(signal, batch)
        assert (result.rejected, result.reason) == (0, b"")
        taken += result.accepted
    return taken


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_what_came_over_the_wire_goes_the_way_of_the_program(directory, embedded, tmp_path,
                                                             signal):
    batches = batches_of(directory, signal)
    assert export_all(embedded, signal, batches) > 0
    embedded.stop()
    assert plain(batches_of(tmp_path / "own", signal)) == plain(batches)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_parts_of_a_batch_are_taken_as_they_are_cut(directory, embedded, tmp_path, signal):
    parts = []
    for batch in batches_of(directory, signal):
        step = max(1, len(batch) // 7)
        # Slices have offsets in every column and bits that begin anywhere.
        parts += [batch.slice(i, step) for i in range(0, len(batch), step)]
    export_all(embedded, signal, parts)
    embedded.stop()
    assert plain(batches_of(tmp_path / "own", signal)) == plain(parts)


def test_columns_are_found_by_name_and_types_are_taken_without_loss(embedded, tmp_path):
    batch = pa.record_batch({
        "body": pa.array(["one", None, "three"], pa.large_string()),
        "time_unix_nano": pa.array([1, 2, 3], pa.int32()),
        "severity_number": pa.array([9, 13, 17], pa.uint8()),
        "service_name": pa.array(["shop", "shop", "till"]).dictionary_encode(),
        "mine": pa.array([1.5, 2.5, 3.5]),
    })
    result = embedded.export_arrow("logs", batch)
    assert (result.accepted, result.rejected) == (3, 0)
    embedded.stop()
    rows = columns.rows_of(tmp_path / "own", "logs")
    assert [row["body"] for row in rows] == ["one", None, "three"]
    assert [row["time_unix_nano"] for row in rows] == [1, 2, 3]
    assert [row["service_name"] for row in rows] == ["shop", "shop", "till"]


def test_rows_that_cannot_be_stored_are_told(embedded):
    ids = pa.array([b"0123456789abcdef", b"short"])
    result = embedded.export_arrow("traces", pa.record_batch({
        "trace_id": ids, "span_id": pa.array([b"01234567"] * 2), "name": pa.array(["a", "b"])}))
    assert (result.accepted, result.rejected) == (1, 1)
    assert b"row 1, column trace_id" in result.reason


@pytest.mark.parametrize("column, problem", (
    (pa.array([1], pa.decimal128(10)), 'column "body" has the format'),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), 'column "body" has the format'),
    (pa.array([1], pa.int64()), "body"),
), ids=("decimal", "map", "int64"))
def test_columns_that_cannot_be_taken_are_named(embedded, column, problem):
    with pytest.raises(capi.Failure, match=problem) as refused:
        embedded.export_arrow("logs", pa.record_batch({"body": column}))
    assert refused.value.status == capi.UNSUPPORTED
