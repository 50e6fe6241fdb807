# SPDX-License-Identifier: Apache-2.0
"""What one request, record or stream may take, and what is said of more."""

import sys

import grpc
import pytest

import columns
import harness
import otlpgen

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))

import dictionaries  # noqa: E402
import oversize  # noqa: E402

SANITIZED = b"__asan_init" in harness.SERVICE.read_bytes()
LIMIT = 32


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    service = harness.Service(tmp_path_factory.mktemp("small"), f"memory_limit={LIMIT}MiB",
                              "protocols.max_request_size=16MiB")
    watch = oversize.Watch(service)
    yield service
    peak = watch.stop()
    assert service.stop() == 0, service.output()
    if not SANITIZED:
        assert peak <= LIMIT + oversize.SLACK, f"{peak:.1f} MiB"


@pytest.mark.parametrize("name", oversize.CASES)
def test_what_is_too_much_gets_its_code_and_others_go_on(small, name):
    oversize.run_case(small, name, LIMIT // 4 * oversize.MIB)


def test_a_bomb_is_defused(small):
    oversize.bomb(small, LIMIT // 4 * oversize.MIB)


def deep(levels):
    value = otlpgen.REQUEST_CLASS["logs"]()
    record = value.resource_logs.add().scope_logs.add().log_records.add()
    at = record.body
    for _ in range(levels):
        at = at.array_value.values.add()
    at.int_value = 1
    value.resource_logs[0].scope_logs[0].log_records.add()
    return value.SerializeToString()


def test_records_nested_deeper_than_configured_are_left_out(start):
    service = start("limits.nesting=5")
    fits, too_deep = service.send("logs", [deep(5), deep(6)])
    assert not fits.HasField("partial_success")
    assert too_deep.partial_success.rejected_log_records == 1
    assert "nested deeper than 5" in too_deep.partial_success.error_message
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == 3


def test_records_with_more_attributes_than_configured_are_left_out(start):
    service = start("limits.attributes_per_record=10")
    fits, too_many = service.send("traces", [oversize.many_attributes(10),
                                             oversize.many_attributes(11)])
    assert not fits.HasField("partial_success")
    assert too_many.partial_success.rejected_spans == 1
    assert "11 attributes; at most 10" in too_many.partial_success.error_message
    assert service.stop() == 0


def test_a_request_of_more_rows_than_the_buffer_is_to_be_split(start):
    service = start("max_trace_buffer_size=100")
    (answer,) = service.send("traces", [oversize.nested(1, 2, b"\x12\x00" * 101)])
    assert answer.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "100 rows" in answer.details() and "split it" in answer.details()
    (answer,) = service.send("traces", [oversize.nested(1, 2, b"\x12\x00" * 100)])
    assert not isinstance(answer, Exception)
    assert service.stop() == 0


@pytest.mark.parametrize("kind", dictionaries.KINDS)
def test_streams_that_only_grow_end_and_a_good_client_goes_on(tmp_path, kind):
    found = dictionaries.run(tmp_path, 200, kind, limit=64, share=4)
    if kind != "windows":
        assert found["ends"].get("its own", 0) > 0, found
        assert found["ends"].get("all together", 0) > 0, found
    assert found["good"] > 5, found
    if not SANITIZED:
        assert found["peak"] <= 64 + oversize.SLACK, found
