# SPDX-License-Identifier: Apache-2.0
"""otlp-arrow verify and repair, and how long a start takes beside many files."""

import hashlib
import json
import os
import random
import shutil
import signal as signals
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import columns
import damage
import harness
import otlpgen
from httpclient import metric_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
import startup  # noqa: E402


@pytest.fixture(scope="module", params=("zstd",))
def files(request, tmp_path_factory):
    """{signal: a whole file of three batches}."""
    return damage.small_files(tmp_path_factory.mktemp("whole"), request.param)


@pytest.fixture
def place(files, tmp_path):
    """A copy of the whole output directory."""
    source = next(iter(files.values())).parents[2]
    return Path(shutil.copytree(source, tmp_path / "out"))


def digest(directory):
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(directory.rglob("*")) if p.is_file() and "lock" not in p.name}


def spots(original, count, seed):
    """Bytes all over a file, and those around the ends of its messages."""
    chosen = set(random.Random(seed).sample(range(len(original.data)), count))
    for end in [0, *original.ends]:
        chosen.update(at for at in range(end - 9, end + 17) if 0 <= at < len(original.data))
    return sorted(chosen)


def test_whole_files_are_well(place):
    done = harness.run_tool("verify", place)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("3 files, ") and "all is well" in done.stdout
    quiet = harness.run_tool("verify", "--quiet", place)
    assert quiet.returncode == 0 and quiet.stdout == ""
    bad, sums = damage.verify(place)
    assert not bad and sums["batches"] == 3 * damage.BATCHES
    one = harness.run_tool("verify", "--json", next(place.rglob("otlp_logs_*")))
    facts = json.loads(one.stdout.splitlines()[0])
    assert facts["signal"] == "logs" and facts["state"] == "whole" and facts["problems"] == 0


def test_nothing_is_not_called_well(tmp_path):
    done = harness.run_tool("verify", tmp_path)
    assert done.returncode == 0 and "no file to look at" in done.stdout, done.stdout


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_every_damage_outside_of_values_is_seen(files, signal, tmp_path):
    original = damage.Original(signal, files[signal])
    at = spots(original, 120, 1)
    damages = [(a, None) for a in at] + [(a, b) for a in at for b in damage.FLIPS]
    damage.verify_all(tmp_path, original, damages)


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_a_repair_keeps_all_that_stands_before_the_damage(files, signal, tmp_path):
    original = damage.Original(signal, files[signal])
    at = spots(original, 30, 2)[::3]
    damage.repair_all(tmp_path, original, [(a, None) for a in at] + [(a, 0xFF) for a in at])


def test_repaired_files_are_opened_by_other_readers(tmp_path):
    files = damage.small_files(tmp_path / "whole", "none")
    for signal, path in files.items():
        original = damage.Original(signal, path)
        folder = tmp_path / signal
        folder.mkdir()
        torn = folder / original.name(1)
        torn.write_bytes(original.data[:original.ends[2] + 100])
        flipped = folder / original.name(2)
        flipped.write_bytes(damage.apply(original.data, (original.ends[2] + 20, 0xFF)))
        assert harness.run_tool("repair", folder).returncode == 0
        wanted = pa.Table.from_batches(original.batches[:2])
        for repaired in (torn, flipped):
            table = columns.table_of(repaired)
            table.validate(full=True)
            assert table.schema == wanted.schema
            expected = {n: columns.from_pyarrow(wanted[n]) for n in wanted.column_names}
            assert {n: columns.from_pyarrow(table[n]) for n in table.column_names} == expected
            for read in (columns.read_polars, columns.read_nanoarrow):
                assert len(next(iter(read(repaired).values()))) == wanted.num_rows


def test_a_line_says_where_what_and_what_to_do(place):
    (path,) = place.glob("otlp/traces/*.arrow")
    original = damage.Original("traces", path)
    path.write_bytes(damage.apply(original.data, (original.ends[1] + 30, 0xFF)))
    done = harness.run_tool("verify", "-q", place)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{path}: byte {original.ends[1]}, batch 2: ") and "repair" in line, line


def test_bytes_behind_the_end_mark_are_seen_and_cut(place):
    (path,) = place.glob("otlp/logs/*.arrow")
    whole = path.read_bytes()
    path.write_bytes(whole + b"more")
    done = harness.run_tool("verify", place)
    assert done.returncode == 1 and "4 bytes follow the end mark" in done.stdout
    assert harness.run_tool("repair", place).returncode == 0
    assert path.read_bytes() == whole
    assert path.with_name(path.name + ".corrupt").read_bytes() == whole + b"more"


def test_zeros_of_a_power_cut_are_cut_off(place):
    (path,) = place.glob("otlp/logs/*.arrow")
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + bytes(8192))
    assert harness.run_tool("verify", place).returncode == 1
    assert harness.run_tool("repair", place).returncode == 0
    assert path.read_bytes() == whole
    assert not list(place.rglob("*.corrupt"))


def test_a_length_that_hides_later_batches_is_no_torn_end(place):
    """A message that claims to be longer than the file, with others behind."""
    (path,) = place.glob("otlp/traces/*.arrow")
    original = damage.Original("traces", path)
    broken = bytearray(original.data)
    at = original.ends[0] + 4
    broken[at + 2] = 0x40  # its metadata has 4 MiB now
    path.write_bytes(broken)
    done = harness.run_tool("repair", place)
    assert done.returncode == 0, done.stdout
    assert path.with_name(path.name + ".corrupt").read_bytes() == bytes(broken)


def test_a_file_of_another_signal_is_no_good(place):
    (logs,) = place.glob("otlp/logs/*.arrow")
    (traces,) = place.glob("otlp/traces/*.arrow")
    logs.write_bytes(traces.read_bytes())
    done = harness.run_tool("verify", place)
    assert done.returncode == 1 and "not that of its signal" in done.stdout
    strayed = traces.parent / logs.name.replace("000001", "000002")
    logs.rename(strayed)
    strayed.write_bytes(logs.read_bytes() if logs.exists() else traces.read_bytes())
    done = harness.run_tool("verify", place)
    assert done.returncode == 1 and "directory of another signal" in done.stdout


def test_values_that_arrow_forbids_are_seen(tmp_path):
    """As other programs write them without a word."""
    good = pa.array(["x"] * 3)
    text = pa.Array.from_buffers(pa.utf8(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xc3\x28")])
    null = pa.record_batch([pa.array([1, None])], schema=pa.schema([pa.field("n", pa.int64(), nullable=False)]))
    for name, batch, word in (("good", pa.record_batch([good], names=["t"]), None),
                              ("text", pa.record_batch([text], names=["t"]), "UTF-8"),
                              ("null", null, "null")):
        path = tmp_path / f"{name}.arrow"
        with pa.ipc.new_stream(str(path), batch.schema) as writer:
            writer.write_batch(batch)
        done = harness.run_tool("verify", path)
        assert done.returncode == (1 if word else 0), done.stdout
        assert word is None or word in done.stdout
        assert word or "note: " in done.stdout


def test_what_is_not_ours_is_a_note(place):
    traces = place / "otlp" / "traces"
    (path,) = traces.glob("*.arrow")
    (traces / "README.txt").write_text("mine")
    (traces / (path.name + ".corrupt")).write_bytes(b"damaged")
    (traces / (path.name + ".repair")).write_bytes(b"half")
    shutil.copy(path, traces / "copy.arrow")
    done = harness.run_tool("verify", place)
    assert done.returncode == 0, done.stdout
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    for word in ("README.txt: not a file of otlp-arrow", ".corrupt: damaged bytes", ".repair: half of something",
                 "copy.arrow: its name is not one"):
        assert any(word in note for note in notes), (word, notes)
    done = harness.run_tool("repair", place)
    assert done.returncode == 0, done.stdout
    assert sorted(p.name for p in traces.iterdir() if p.name[0] != ".") == sorted(
        ["README.txt", path.name, path.name + ".corrupt", "copy.arrow"])


def test_a_running_service_is_no_damage_and_is_not_repaired(start):
    service = start("write_interval_secs=0.05")
    for signal in otlpgen.SIGNALS:
        service.send(signal, [otlpgen.request(signal, 80_000 + i).SerializeToString() for i in range(20)])
    harness.wait_until(lambda: sum(metric_of(service, "otlp_arrow_buffered_items", signal=signal)
                                   for signal in otlpgen.SIGNALS) == 0, what="all in the files")
    bad, sums = damage.verify(service.directory)
    assert not bad and sums["open"] == 3
    before = digest(service.directory / "otlp")
    for path in (service.directory, service.directory / "otlp" / "logs"):
        for extra in ((), ("--dry-run",)):
            done = harness.run_tool("repair", *extra, path)
            assert done.returncode == 1
            assert f"in use by process {service.pid}" in done.stderr and "stop the service" in done.stderr
    assert digest(service.directory / "otlp") == before
    service.kill()
    bad, _ = damage.verify(service.directory)
    assert len(bad) == 3, "without its service a file without end mark is not well"
    assert harness.run_tool("repair", service.directory).returncode == 0
    assert not damage.verify(service.directory)[0]


def test_a_service_under_load_is_always_well(start):
    service = start("write_interval_secs=0.05", "storage.max_file_age=1s", "storage.compression=lz4")
    raw = [otlpgen.request("traces", 80_000 + i).SerializeToString() for i in range(20)]
    end = time.monotonic() + 4
    looks = 0
    while time.monotonic() < end or looks <= 3:
        service.send("traces", raw)
        bad, _ = damage.verify(service.directory)
        assert not bad, bad
        looks += 1
    assert len(service.files("traces")) > 1
    assert service.stop() == 0


def test_a_dry_run_says_it_and_changes_nothing(place):
    for number, path in enumerate(sorted(place.rglob("*.arrow"))):
        path.write_bytes(path.read_bytes()[:(10, -4000, -8)[number]])
    before = digest(place)
    dry = harness.run_tool("repair", "--dry-run", place)
    assert dry.returncode == 1 and dry.stdout.count("to do: ") == 3, dry.stdout
    assert digest(place) == before
    done = harness.run_tool("repair", place)
    assert done.returncode == 0 and "to do" not in done.stdout
    assert "3 files: 2 repaired, 1 set aside, 0 leftovers removed, 0 problems left" in done.stdout
    after = digest(place)
    again = harness.run_tool("repair", place)
    assert again.returncode == 0 and "nothing to repair" in again.stdout
    assert digest(place) == after


def test_a_repair_that_is_killed_loses_nothing(files, tmp_path):
    """Killed at any time and run again: the rows before the damage stand in
    the file, and the damaged bytes beside it."""
    original = damage.Original("logs", files["logs"])
    broken = damage.apply(original.data, (original.ends[2] + 20, 0xFF))
    rng = random.Random(3)
    for _ in range(12):
        folder = tmp_path / "logs"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        paths = [folder / original.name(i) for i in range(40)]
        for path in paths:
            path.write_bytes(broken)
        process = subprocess.Popen([harness.TOOL, "repair", folder], stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.001, 0.06))
        process.send_signal(signals.SIGKILL)
        process.wait()
        assert all(path.exists() for path in paths), "a file is gone"
        done = harness.run_tool("repair", folder)
        assert done.returncode == 0, done.stdout
        for path in paths:
            assert path.read_bytes() == original.data[:original.ends[2]] + original.data[-8:]
            assert path.with_name(path.name + ".corrupt").read_bytes() == broken
        assert len(list(folder.glob("otlp_*"))) == 80, "something else was left"


def test_a_repair_keeps_time_and_mode(place):
    (path,) = place.glob("otlp/logs/*.arrow")
    original = damage.Original("logs", path)
    path.write_bytes(damage.apply(original.data, (original.ends[2] + 20, 0xFF)))
    path.chmod(0o600)
    os.utime(path, ns=(10**18, 10**18))
    assert harness.run_tool("repair", place).returncode == 0
    assert path.stat().st_mtime_ns == 10**18 and path.stat().st_mode & 0o777 == 0o600


def test_what_repair_is_not_for_is_refused(place, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (path,) = place.glob("otlp/logs/*.arrow")
    for target, word in ((empty, "no file of the service"), (path, "not a file of it"),
                         (tmp_path, "several output directories"), (tmp_path / "no", "No such file")):
        done = harness.run_tool("repair", target)
        assert done.returncode == 1 and word in done.stderr, (target, done.stderr)
    assert not list(empty.iterdir())


def test_exit_codes_of_verify(place, tmp_path):
    for arguments in ((), ("--nonsense", place), (tmp_path / "no",)):
        done = harness.run_tool("verify", *arguments)
        assert done.returncode == 2 and done.stderr.strip(), arguments
    assert harness.run_tool("repair").returncode == 2
    os.mkfifo(tmp_path / "pipe.arrow")
    assert harness.run_tool("verify", tmp_path / "pipe.arrow", timeout=10).returncode == 2


def test_a_start_beside_many_files_is_quick(tmp_path):
    """The torn files are mended, and the bound is generous: the full figures
    come from tests/soak/startup.py."""
    result = startup.measure(tmp_path, 100 << 20, 2 << 20, 8 << 20)
    assert result["files"] > 20
    assert result["after_crash"] < 5 + 5 * result["empty"], result
    for content in ("usual", "noise"):  # after a restart of the machine
        ready, ended = result[content]
        assert ready < 5 + 5 * result["empty"] and ready < ended, result
