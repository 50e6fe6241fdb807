# SPDX-License-Identifier: Apache-2.0
"""`./dev bench rust`: what one export of 512 spans with 8 attributes costs a Rust
program.

The same spans go, over and over, into files of the program's own
(otlp-arrow-library) and over the SDK's own OTLP/gRPC exporter to a running
service.  Counted is the CPU time of the program, all of its threads and, for the
library, the writing of the files included; the service's is not.  What making the
spans costs is measured alone and taken off both.  The turns stand next to each
other, so that what counts, the ratio, comes from one run.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import report
from process import BenchError, Server, on_core

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "rust"
WANTED = 0.5  # of the SDK's exporter
CLIENT_CORE = 1
HEAD = ["exporter", "what", "CPU us/export", "min..max", "of it, the caller",
        "wall us/export"]


def build():
    """The program of rust/comparison that does the exports."""
    if shutil.which("cargo") is None:
        raise BenchError("cargo is not installed (Rust 1.88 or newer)")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET),
                   "LIBOTLP_ARROW_STATIC": "1"}
    subprocess.run(["cargo", "build", "--release", "--locked", "-q",
                    "-p", "otlp-arrow-comparison"], cwd=ROOT / "rust", check=True,
                   env=environment)
    return TARGET / "release" / "cost"


def run(program, kind, place, rounds):
    command = on_core(CLIENT_CORE, [program, kind, str(place), str(rounds)])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{kind}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def start_service(folder):
    """A service and the address of its first port."""
    binaries = os.environ.get("OA_BIN_DIR", ROOT / "build" / "release")
    command = [str(pathlib.Path(binaries) / "otlp-arrow-service")]
    for setting in (f"output_dir={folder}/service", "protocols.protobuf_port=0",
                    "protocols.arrow_flight_port=0", "dashboard.port=0"):
        command += ["--set", setting]
    server = Server(command, folder / "service.log")
    found = server.wait_for_line(r"on (127\.0\.0\.1:\d+)")
    return server, f"http://{found[1]}"


def measure(program, turns, rounds):
    """{kind: results}, the turns of all kinds next to each other."""
    results = {"nothing": [], "library": [], "otlp": []}
    for turn in range(turns):
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
            folder = pathlib.Path(name)
            server, address = start_service(folder)
            try:
                places = {"nothing": "-", "library": folder / "library", "otlp": address}
                for kind, found in results.items():
                    found.append(run(program, kind, places[kind], rounds))
                    print(f"turn {turn + 1}, {kind}: {found[-1]}", file=sys.stderr)
                server.stop()
            finally:
                server.kill()
    return results


def net_of(results, kind, key):
    """What KIND costs without the making of the spans, a number a turn."""
    return [mine[key] - base[key]
            for mine, base in zip(results[kind], results["nothing"])]


def main(arguments):
    parser = argparse.ArgumentParser(prog="bench rust", description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1000, help="exports in a turn")
    parser.add_argument("--quick", action="store_true", help="one short turn")
    options = parser.parse_args(arguments)
    turns, rounds = (1, 200) if options.quick else (options.turns, options.rounds)
    try:
        results = measure(build(), turns, rounds)
    except (BenchError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
    rows, medians = [], {}
    for kind, title in (("library", "otlp-arrow-library"), ("otlp", "opentelemetry-otlp")):
        cpu = net_of(results, kind, "process_us")
        medians[kind] = statistics.median(cpu)
        rows.append([title, "into files" if kind == "library" else "gRPC, to a service",
                     f"{medians[kind]:.0f}", f"{min(cpu):.0f}..{max(cpu):.0f}",
                     f"{statistics.median(net_of(results, kind, 'thread_us')):.0f}",
                     f"{statistics.median(net_of(results, kind, 'wall_us')):.0f}"])
    base = statistics.median(r["process_us"] for r in results["nothing"])
    ratio = medians["library"] / medians["otlp"]
    print(report.table(HEAD, rows))
    print(f"\nmaking the spans, taken off both: {base:.0f} us")
    print(f"ratio {ratio:.2f}, wanted at most {WANTED}: "
          f"{'ok' if ratio <= WANTED else 'MISSED'}")
    out = ROOT / "build" / "bench" / "rust.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"spans": 512, "rounds": rounds, "results": results}))
    return 0 if ratio <= WANTED else 1
