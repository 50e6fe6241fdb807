# SPDX-License-Identifier: Apache-2.0
"""`./dev bench stages`: where the CPU time of a span goes.

Builds the service once more with frame pointers and symbols (build/profile),
samples it with perf under the load of `./dev bench ingest`, and gives each
sample to a stage by its stack.  The folder of a function's source tells the
stage of our own code, the library's name that of others, and the kernel's
functions what a system call was for.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys

import ingest
import report
from process import BenchError
from targets import Ours

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "profile"
STAGES = ("network", "decode", "encode", "compress", "write", "other")
SAMPLES_HZ = 4999

# Each rule: the stage, and what a frame of it looks like.  A stack belongs to
# the first rule that any of its frames meets, so the order is from the special
# to the general: an I/O thread's stack begins in the network layer whatever it
# does, decoding calls the column builders, and vfs_write() is for sockets too.
RULES = (
    ("network", "kernel", r"^(tcp|inet|ip_|sock|__sys_(recv|send)|ep_|do_epoll"
                          r"|skb|__skb|lock_sock|__x64_sys_epoll)"),
    ("write", "kernel", r"^(ext4|xfs|btrfs|vfs_write|vfs_fsync|jbd2|iomap"
                        r"|generic_perform|__x64_sys_f(data)?sync|blk)"),
    ("compress", "library", r"libzstd|liblz4|libdeflate"),
    ("compress", "source", r"^codec/"),
    ("decode", "source", r"^(otlp|wire)/"),
    ("encode", "source", r"^arrow/"),
    ("write", "source", r"^store/"),
    ("network", "source", r"^net/"),
    ("network", "library", r"libnghttp2|libuv"),
)


def build():
    """The release build with what perf needs, in a folder of its own."""
    flags = "-g -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer"
    steps = (
        ["cmake", "--preset", "release", "-B", FOLDER,
         f"-DCMAKE_C_FLAGS={flags}"],
        ["cmake", "--build", FOLDER, "--target", "otlp-arrow-service"],
    )
    for step in steps:
        done = subprocess.run(list(map(str, step)), cwd=ROOT, text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise BenchError(f"{step[1]} failed:\n{done.stdout[-2000:]}"
                             f"{done.stderr[-2000:]}")


def source_of_symbols(program):
    """Symbol -> path below src/, from the debug information."""
    listing = subprocess.run(["nm", "--line-numbers", str(program)], text=True,
                             capture_output=True, check=True).stdout
    found = {}
    for line in listing.splitlines():
        match = re.match(r"\S+ [tTwW] (\S+)\t\S*?/src/(\S+):\d+$", line)
        if match:
            found[match[1]] = match[2]
    return found


def kind_of(symbol, library, sources):
    """What the rules ask of a frame: (kind, text)."""
    if library.startswith("[kernel"):
        return "kernel", symbol
    if "otlp-arrow" in library:
        return "source", sources.get(symbol, "")
    return "library", library


def stage_of(frames, sources):
    kinds = [kind_of(symbol, library, sources) for symbol, library in frames]
    for stage, wanted, pattern in RULES:
        for kind, text in kinds:
            if kind == wanted and re.search(pattern, text):
                return stage
    return "other"


def stacks(data):
    """Frames of each sample, innermost first, as (symbol, library)."""
    text = subprocess.run(
        ["perf", "script", "-i", str(data), "--no-inline", "-F", "ip,sym,dso"],
        text=True, capture_output=True, check=True).stdout
    frames = []
    for line in text.splitlines():
        match = re.match(r"\s+[0-9a-f]+ (.*) \((\S+)\)$", line)
        if match:
            frames.append((match[1].partition("+")[0], match[2]))
        elif frames:
            yield frames
            frames = []
    if frames:
        yield frames


def count_stages(data, sources):
    stages, symbols = collections.Counter(), collections.Counter()
    for frames in stacks(data):
        stage = stage_of(frames, sources)
        stages[stage] += 1
        symbol, library = frames[0]
        symbols[(stage, symbol, pathlib.PurePath(library).name)] += 1
    return stages, symbols


class Profiled(Ours):
    """Our service with perf at its side from its first to its last moment."""

    def __init__(self, form, data):
        super().__init__(form)
        self.program = FOLDER / "otlp-arrow-service"
        self.data = data
        self.perf = None

    def start(self, folder):
        server, port = super().start(folder)
        self.perf = subprocess.Popen(
            ["perf", "record", "-q", "-o", str(self.data), "-e", "cpu-clock",
             "-F", str(SAMPLES_HZ), "--call-graph", "fp", "-p",
             str(server.pid)], stdout=subprocess.DEVNULL)
        return server, port

    def stored(self, folder, kind, base_ns):
        self.perf.wait(timeout=60)  # perf ends with the process it watches
        return super().stored(folder, kind, base_ns)


def measure(bench, form, signal, shape):
    """Microseconds a stage and item, and the functions that cost most."""
    data = ingest.OUT.resolve() / f"stages-{form}.data"
    target = Profiled(form, data)
    bench.idle[target.title] = 0.0
    run = bench.run(target, bench.packs[f"{signal}_1000"], *shape, "load")
    if run["wrong"]:
        raise BenchError(f"{form}: {run['wrong']}")
    stages, symbols = count_stages(data, source_of_symbols(target.program))
    total = sum(stages.values())
    cost = run["cpu_seconds"] / run["items"] * 1e6
    return ({stage: stages[stage] / total * cost for stage in STAGES}, cost,
            [(key, count / total * cost) for key, count in
             symbols.most_common(25)])


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench stages", description=__doc__.split("\n\n")[0])
    parser.add_argument("--signal", default="traces",
                        choices=ingest.payload.SIGNALS)
    parser.add_argument("--shape", default="4x8", help="connections x streams")
    parser.add_argument("--form", action="append",
                        choices=("none", "lz4", "zstd"))
    parser.add_argument("--functions", action="store_true",
                        help="also the 25 functions that cost most")
    options = parser.parse_args(arguments)
    options.form = options.form or ["none", "zstd"]
    options.quick = False
    return options


def main(arguments):
    options = parse(arguments)
    shape = tuple(int(part) for part in options.shape.split("x"))
    if shutil.which("perf") is None:
        sys.exit("bench: perf is not installed (Debian: apt install "
                 "linux-perf)")
    os.chdir(ROOT)
    try:
        build()
        bench = ingest.Bench(options)
        found = {form: measure(bench, form, options.signal, shape)
                 for form in options.form}
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    rows = [[stage, ""] + [f"{found[form][0][stage]:.3f}" for form in found]
            for stage in STAGES]
    rows.append(["all", ""] + [f"{found[form][1]:.3f}" for form in found])
    print(f"us of CPU an item, {options.signal}, {options.shape}")
    print(report.table(["stage", "", *found], rows))
    if options.functions:
        for form, (_, _, symbols) in found.items():
            print(f"\n{form}")
            print(report.table(
                ["function", "in", "stage", "us"],
                [[symbol, library, stage, f"{cost:.3f}"]
                 for (stage, symbol, library), cost in symbols]))
    return 0
