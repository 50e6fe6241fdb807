# SPDX-License-Identifier: Apache-2.0
"""Mutants of requests over every protocol, a few thousand of them.

tests/soak/mutate.py sends some hundred thousand; it says what must hold.
"""

import random
import sys

import pytest

import harness

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))

import mutate  # noqa: E402
import mutate_cases  # noqa: E402
import rawtalk  # noqa: E402
import wire  # noqa: E402


@pytest.fixture
def siege(tmp_path):
    siege = mutate.Siege(tmp_path / "out", say=lambda _: None)
    yield siege
    siege.kill()


def test_every_mutant_gets_a_documented_answer_and_hurts_nobody(siege):
    for name, protocol in mutate.PROTOCOLS.items():
        siege.run(protocol, count=1500, seed=7, step=61)
        told = siege.table[-1][4]
        # Some faults leave a good request; most do not.
        good = told[0] + told[200] + told["batch 0"]
        assert 50 < good < 0.6 * sum(told.values()), (name, told)
    sums, rows = siege.end()
    siege.check_memory()
    assert sums["stored"] > 1000 and sums["rejected"] > 0 and min(rows.values()) > 100, (sums, rows)


def test_the_judge_sees_a_wrong_answer():
    """The run above would fail if one answer were another."""
    judge = mutate.Judge()
    case = mutate.PROTOCOLS["http"](1).case(random.Random(1), "/v1/logs", b"x",
                                            {400}, None)
    judge.http1(case, 400, b"")
    assert not judge.wrong
    judge.http1(case, 500, b"")
    assert len(judge.wrong) == 1


def test_a_message_with_a_number_below_zero_is_answered_too(start):
    """It was stored, so that its sender must learn of it."""
    service = start()
    data = (mutate_cases.GOLDEN / "otap" / "l1.bar").read_bytes()
    tables = b"".join(field for field in wire.split(data) if field[0] >> 3 != 1)
    told = []
    line = rawtalk.Http2(service.ports[0], told.append)
    for number in (-1, -2**63, 2**63 - 1):
        line.send(mutate_cases.grpc_head(mutate_cases.OTAP_PATH["logs"]),
                  mutate_cases.framed(wire.num(1, number) + tables), None)
        line.finish()
        assert mutate.batch_codes(told[-1].data) == [0], (number, told[-1].data)
        assert told[-1].fields["grpc-status"] == "0"
    line.close()
