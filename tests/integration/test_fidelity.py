# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost: random requests come back from the files as they went in."""

import os

import pytest

import compare
import harness
import otlpgen

COUNT = int(os.environ.get("OA_FIDELITY_N", "10000"))
SEED = int(os.environ.get("OA_FIDELITY_SEED", "0"))


def round_trip(directory, signal, requests, *settings):
    """Requests -> running service -> files -> tool -> requests."""
    service = harness.Service(directory, *settings)
    try:
        for result in service.send(signal, requests):
            assert not isinstance(result, Exception), result
            assert not result.HasField("partial_success"), result
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    return harness.stored_requests(directory, signal)


def explain(tmp_path, signal, missing, settings):
    """Makes one lost request small and prints it."""
    tries = iter(range(1000))

    def failing(candidates):
        directory = tmp_path / f"shrink{next(tries)}"
        try:
            got = round_trip(directory, signal, candidates, *settings)
        except AssertionError:
            return []  # another fault than the one looked for
        lost = set(compare.difference(signal, candidates, got)[0])
        return [c for c in candidates if compare.canonical_bytes(signal, c) in lost]

    small = compare.shrink(signal, min(missing, key=len), failing)
    got = round_trip(tmp_path / "smallest", signal, [small], *settings)
    text = "".join(compare.describe(signal, g) for g in got) or "(nothing)\n"
    return (f"{len(missing)} requests were not found again; the smallest:\n"
            f"{compare.describe(signal, small)}came back as:\n{text}hex: {small[:2000].hex()}")


@pytest.mark.timeout(200)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("compression, count", [("zstd", COUNT), ("none", 500), ("lz4", 500)])
def test_random_requests_come_back_equal(tmp_path, signal, compression, count):
    settings = (f"storage.compression={compression}", "net.io_threads=2")
    requests = []
    seed = SEED
    while len(requests) < count:  # those that keep nothing prove nothing
        raw = otlpgen.request(signal, seed).SerializeToString()
        seed += 1
        if compare.canonical_bytes(signal, raw):
            requests.append(raw)
    got = round_trip(tmp_path / "out", signal, requests, *settings)
    missing, surplus = compare.difference(signal, requests, got)
    if missing:
        pytest.fail(explain(tmp_path, signal, missing, settings))
    assert not surplus, compare.describe(signal, surplus[0])


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_many_connections_and_small_batches_come_back_equal(start, signal):
    """Requests spread over threads, batches and files keep their boundaries."""
    service = start("net.io_threads=2", "storage.batch_rows=50", "storage.max_file_size=1MiB")
    requests = [otlpgen.request(signal, 900_000 + i).SerializeToString() for i in range(600)]
    for part in range(6):
        channel = service.channel(index=part % len(service.ports))
        for result in service.send(signal, requests[part::6], channel=channel):
            assert not isinstance(result, Exception), result
    assert service.stop() == 0
    got = harness.stored_requests(service.directory, signal)
    assert compare.difference(signal, requests, got) == ([], [])


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_the_comparison_sees_every_single_change(signal):
    """A guard for this file: take any one thing away and it is noticed."""
    seen = 0
    for seed in range(40):
        message = otlpgen.request(signal, 500_000 + seed)
        raw = message.SerializeToString(deterministic=True)
        kept = compare.canonical_bytes(signal, raw)
        if not kept:
            continue
        tidy = otlpgen.REQUEST_CLASS[signal].FromString(kept)
        for smaller in compare.reductions(tidy):
            changed = smaller.SerializeToString()
            missing, _ = compare.difference(signal, [raw], [changed])
            assert missing == [kept]
            seen += 1
            if seen % 50 == 0:
                break
    assert seen > 500


def test_shrinking_finds_the_one_field_that_matters():
    """A guard for this file: the fault stands alone in the end."""
    messages = (otlpgen.request("traces", seed) for seed in range(10_000))
    big = next(m for m in messages if b"x" * 300 in m.SerializeToString()
               and len(m.SerializeToString()) > 3000)
    small = compare.shrink("traces", big.SerializeToString(),
                           lambda all: [c for c in all if b"x" * 300 in c])
    assert b"x" * 300 in small and len(small) < 340
