# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON in files: read and written by `otlp-arrow convert`, against the
official protobuf classes."""

import json
import os

import pyarrow as pa
import pytest

import compare
import harness
import otlpgen
import otlpjson

COUNT = int(os.environ.get("OA_JSON_N", "2000"))
EMPTY_VALUES = {"traces": "resourceSpans", "metrics": "resourceMetrics", "logs": "resourceLogs"}


def convert(source, target, output):
    done = harness.run_tool("convert", source, "--to", target, "-o", output)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", done.stderr
    return output.read_bytes()


def messages(signal, first, count=COUNT):
    """COUNT random requests that hold something; {} is passed over."""
    made = (otlpgen.request(signal, seed) for seed in range(first, first + 2 * count))
    kept = (otlpjson.plain_nans(m) for m in made if m.ByteSize() > 0)
    return [m for m, _ in zip(kept, range(count))]


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def assert_equal(got, wanted):
    assert len(got) == len(wanted)
    for number, (have, want) in enumerate(zip(got, wanted)):
        assert have == want, f"request {number}"


def serialized(all_messages):
    return [m.SerializeToString(deterministic=True) for m in all_messages]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("odd", (False, True), ids=("plain", "odd"))
def test_json_of_another_writer_is_read(tmp_path, signal, odd):
    wanted = messages(signal, 2_000_000)
    source = write_lines(tmp_path / "in.jsonl", [
        otlpjson.encode(m, seed=f"{signal}{i}" if odd else None) for i, m in enumerate(wanted)])
    frames = harness.frames(convert(source, "otlp-proto", tmp_path / "out"))
    parse = otlpgen.REQUEST_CLASS[signal].FromString
    assert_equal(serialized(map(parse, frames)), serialized(wanted))


@pytest.mark.timeout(200)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_json_becomes_rows_and_json_again(tmp_path, signal):
    """JSON -> columns -> JSON, read by another reader."""
    wanted = messages(signal, 2_100_000)
    source = write_lines(tmp_path / "in.jsonl", map(otlpjson.encode, wanted))
    convert(source, "arrow", tmp_path / "rows.arrow")
    lines = convert(tmp_path / "rows.arrow", "otlp-json", tmp_path / "out").decode().splitlines()
    got = [otlpjson.decode(otlpgen.REQUEST_CLASS[signal], line) for line in lines]
    assert compare.difference(signal, serialized(wanted), serialized(got)) == ([], [])


@pytest.mark.timeout(200)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_json_is_written_as_the_specification_says(tmp_path, signal):
    """JSON -> JSON without columns; the other reader takes nothing else."""
    wanted = messages(signal, 2_200_000)
    source = write_lines(tmp_path / "in.jsonl", [
        otlpjson.encode(m, seed=f"w{signal}{i}") for i, m in enumerate(wanted)])
    lines = convert(source, "otlp-json", tmp_path / "out").decode().split("\n")
    assert lines.pop() == ""
    got = [otlpjson.decode(otlpgen.REQUEST_CLASS[signal], line) for line in lines]
    assert_equal(serialized(got), serialized(wanted))


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_the_writer_of_this_test_is_noticed_when_it_errs(signal):
    """A guard for this file: take any one thing away and it is noticed."""
    seen = 0
    for message in messages(signal, 2_300_000, 30):
        again = otlpjson.decode(type(message), otlpjson.encode(message))
        assert again.SerializeToString(deterministic=True) == \
            message.SerializeToString(deterministic=True)
        for smaller in compare.reductions(message):
            assert otlpjson.encode(smaller) != otlpjson.encode(message)
            seen += 1
            if seen % 50 == 0:
                break
    assert seen > 300


@pytest.mark.parametrize("target", ("arrow", "ipc-file"))
def test_both_arrow_formats_hold_all_rows(tmp_path, target):
    wanted = messages("logs", 2_400_000, 200)
    source = write_lines(tmp_path / "in.json", map(otlpjson.encode, wanted))
    convert(source, target, tmp_path / "out.arrow")
    opener = pa.ipc.open_stream if target == "arrow" else pa.ipc.open_file
    table = opener(pa.memory_map(str(tmp_path / "out.arrow"))).read_all()
    table.validate(full=True)
    assert table.num_rows == sum(otlpgen.count_items("logs", m) for m in wanted)


def test_many_rows_become_batches(tmp_path):
    """More rows than a batch has; none is lost at its edges."""
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"body": {"intValue": i}} for i in range(10_000)]}]}]}
    source = write_lines(tmp_path / "in.jsonl", [json.dumps(body)] * 15)
    convert(source, "arrow", tmp_path / "out.arrow")
    reader = pa.ipc.open_stream(pa.memory_map(str(tmp_path / "out.arrow")))
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 150_000 and len(sizes) > 1, sizes


def test_requests_may_have_many_lines_or_share_one(tmp_path):
    wanted = messages("traces", 2_500_000, 20)
    text = "\n\n".join(otlpjson.encode(m, line=False) for m in wanted)
    text += "\r\n \t" + " ".join(map(otlpjson.encode, wanted)) + " {} \n{}"
    source = tmp_path / "pretty.json"
    source.write_text(text, encoding="utf-8")
    frames = list(harness.frames(convert(source, "otlp-proto", tmp_path / "out")))
    parse = otlpgen.REQUEST_CLASS["traces"].FromString
    assert_equal(serialized(map(parse, frames)), serialized(wanted + wanted))


def test_a_file_without_a_json_name_is_known_by_its_brace(tmp_path):
    (source := tmp_path / "telemetry").write_text('{"resourceLogs":[]}\n')
    assert convert(source, "otlp-json", tmp_path / "out") == b"{}\n"


def line_of(signal):
    return json.dumps({EMPTY_VALUES[signal]: [{"schemaUrl": "x"}]})


@pytest.mark.parametrize("target", ("otlp-proto", "arrow", "ipc-file"))
def test_signals_do_not_mix_in_one_output(tmp_path, target):
    source = write_lines(tmp_path / "mixed.jsonl", map(line_of, ("traces", "traces", "logs")))
    out = tmp_path / "out"
    done = harness.run_tool("convert", source, "--to", target, "-o", out)
    assert done.returncode == 1 and not out.exists()
    assert "mixed.jsonl:3:" in done.stderr and "logs" in done.stderr and "traces" in done.stderr


def test_signals_mix_in_json(tmp_path):
    source = write_lines(tmp_path / "mixed.jsonl", map(line_of, otlpgen.SIGNALS))
    lines = convert(source, "otlp-json", tmp_path / "out").decode().splitlines()
    assert [list(json.loads(line)) for line in lines] == [[EMPTY_VALUES[s]] for s in otlpgen.SIGNALS]


@pytest.mark.parametrize("bad, words", (
    ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}',
     ("traces: resourceSpans[0].scopeSpans[0].spans[0].name", "expected a string, found a number",
      "line 3, column 52")),
    ('{"resourceSpans":[}', ("resourceSpans[0]", "column 19")),
    ("nonsense", ("expected an object, found 'n'", "column 1")),
    ("[]", ("expected an object, found an array",)),
    ("\ufeff{}", ("byte order mark",)),
    ('{"resourceSpan":[]}', ("resourceSpans, resourceMetrics or resourceLogs",)),
    ('{"a":1},', ("resourceSpans, resourceMetrics or resourceLogs",)),
    ('{"resourceLogs":[]},', ("found ','",)),
))
def test_a_bad_line_is_named(tmp_path, bad, words):
    source = write_lines(tmp_path / "bad.jsonl", [line_of("traces"), "", bad, line_of("traces")])
    out = tmp_path / "out"
    done = harness.run_tool("convert", source, "--to", "otlp-json", "-o", out)
    assert done.returncode == 1 and not out.exists(), done.stderr
    for word in ("bad.jsonl:3:", *words):
        assert word in done.stderr, done.stderr


def test_a_bad_line_among_many_lines_is_named(tmp_path):
    """The line counts from the begin of the file, also inside a request."""
    text = otlpjson.encode(messages("metrics", 2_600_000, 1)[0], line=False)
    text = line_of("metrics") + "\n" + '{\n "resourceMetrics": [\n {\n "schemaUrl": 7\n}]}\n' + text
    (source := tmp_path / "bad.json").write_text(text, encoding="utf-8")
    done = harness.run_tool("convert", source, "--to", "otlp-json", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "bad.json:2:" in done.stderr and "line 5, column 15" in done.stderr, done.stderr


def test_a_file_that_is_still_written_is_read_up_to_its_last_whole_request(tmp_path):
    whole = line_of("logs") + "\n"
    last = otlpjson.encode(next(m for m in messages("logs", 2_700_000, 20) if m.ByteSize() > 300))
    for cut in range(1, len(last), 7):
        (source := tmp_path / "torn.jsonl").write_text(whole + last[:cut], encoding="utf-8")
        done = harness.run_tool("convert", source, "--to", "otlp-json", "-o", tmp_path / "out")
        assert done.returncode == 0, (cut, done.stderr)
        assert "torn.jsonl" in done.stderr and "incomplete" in done.stderr, cut
        assert (tmp_path / "out").read_text() == whole.replace(" ", "")


def test_a_bracket_that_is_missing_does_not_swallow_the_rest(tmp_path):
    source = write_lines(tmp_path / "bad.jsonl", [line_of("logs"), line_of("logs")[:-1], line_of("logs")])
    done = harness.run_tool("convert", source, "--to", "otlp-json", "-o", tmp_path / "out")
    assert done.returncode == 1 and "bad.jsonl:2:" in done.stderr and "line 3, column 1" in done.stderr


def test_a_record_with_a_bad_id_is_left_out_and_said(tmp_path):
    spans = [{"traceId": "00" * 15, "spanId": "11" * 8}, {"traceId": "0A" * 16, "spanId": "11" * 8}]
    source = write_lines(tmp_path / "in.jsonl", [
        json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})])
    done = harness.run_tool("convert", source, "--to", "arrow", "-o", tmp_path / "out.arrow")
    assert done.returncode == 0 and "in.jsonl:1: 1 items left out" in done.stderr, done.stderr
    table = pa.ipc.open_stream(pa.memory_map(str(tmp_path / "out.arrow"))).read_all()
    assert table["trace_id"].to_pylist() == [b"\x0a" * 16]


@pytest.mark.parametrize("text", ("", "\n \n", "{}", "{}\n{}\n"))
def test_nothing_becomes_nothing(tmp_path, text):
    (source := tmp_path / "empty.json").write_text(text)
    assert convert(source, "otlp-json", tmp_path / "out") == b""
    done = harness.run_tool("convert", source, "--to", "arrow", "-o", tmp_path / "out.arrow")
    assert done.returncode == 1 and "nothing to convert" in done.stderr
