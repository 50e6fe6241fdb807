# SPDX-License-Identifier: Apache-2.0
"""The load: bench/load*.c, which sends a pack's requests in turn, and h2load,
which sends one file again and again."""
import json
import pathlib
import re
import subprocess
import tempfile

from process import LOAD_CORE, BenchError, on_core

PATHS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics":
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
BENCH = pathlib.Path(__file__).resolve().parent
LOAD_SECONDS = 600


def build_load(folder):
    """Compiles bench/load*.c into FOLDER when the program is older."""
    program = pathlib.Path(folder) / "load"
    sources = sorted(BENCH.glob("load*.c"))
    newest = max(path.stat().st_mtime for path in [*sources, BENCH / "load.h"])
    if not program.exists() or program.stat().st_mtime < newest:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall",
                        "-Wextra", "-o", program, *sources, "-lnghttp2",
                        "-lssl", "-lcrypto"], check=True)
    return program


def expected_of(pack, sent):
    """What a store must hold after request I of PACK was sent SENT[I] times."""
    return {
        "items": pack["size"] * sum(sent.values()),
        "time_sum": sum(pack["time_sums"][i] * n for i, n in sent.items()),
    }


def run_load(program, server, port, pack, connections, streams, requests,
             rate=0.0, pause_us=0, any_status=False, path=None, more=()):
    """Sends REQUESTS requests of PACK with bench/load.c, as gRPC calls unless
    PATH and the options MORE say otherwise."""
    command = on_core(LOAD_CORE, [
        program, "-p", port, "-u", path or PATHS[pack["signal"]],
        "-f", f"{pack['folder']}/{pack['pack']}", "-c", connections,
        "-m", streams, "-n", requests, "-r", rate, "-w", pause_us,
        *(["-a"] if any_status else []), *more])
    done = subprocess.run(server.enter(command), capture_output=True,
                          text=True, timeout=LOAD_SECONDS)
    if not done.stdout.strip():
        raise server.died(f"the load failed: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    result["said"] = done.stderr.strip()
    sent = {}
    for number in range(requests):
        index = number % pack["requests"]
        sent[index] = sent.get(index, 0) + 1
    result["expected"] = expected_of(pack, sent)
    return result


def start_h2load(server, port, pack, number, streams, requests, log):
    command = on_core(LOAD_CORE, [
        "h2load", "-c", 1, "-m", streams, "-n", requests,
        "-H", "content-type: application/grpc", "-H", "te: trailers",
        "-d", f"{pack['folder']}/{pack['signal']}_{pack['size']}"
              f"_{number:02d}.grpc",
        f"--log-file={log}", f"http://127.0.0.1:{port}{PATHS[pack['signal']]}"])
    return subprocess.Popen(server.enter(command), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def succeeded(output):
    """Requests answered 2xx; h2load does not look at grpc-status, so refusals
    show when the files are counted."""
    found = re.search(r"status codes: (\d+) 2xx", output)
    return int(found[1]) if found else 0


def run_h2load(server, port, pack, connections, streams, requests):
    """About REQUESTS requests: CONNECTIONS h2load processes at a time with a
    connection and a body each, in turns until every single file was sent."""
    turns = max(1, pack["singles"] // connections)
    share = max(streams, requests // (connections * turns))
    sent, spans, good = {}, [], 0
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(turns):
            running = []
            for place in range(connections):
                number = (turn * connections + place) % pack["singles"]
                log = f"{folder}/{turn}_{place}.tsv"
                running.append(start_h2load(server, port, pack, number,
                                            streams, share, log))
                sent[number] = sent.get(number, 0) + share
            for process in running:
                good += succeeded(process.communicate(timeout=LOAD_SECONDS)[0])
        for log in pathlib.Path(folder).iterdir():
            for line in log.read_text().splitlines():
                begin, _, took = line.split("\t")[:3]
                spans.append((int(took), int(begin)))
    if not spans:
        raise BenchError("h2load logged no request")
    spans.sort()
    wall = (max(b + t for t, b in spans) - min(b for _, b in spans)) / 1e6
    total = share * connections * turns
    return {
        "ok": good, "failed": total - good, "refused": 0,
        "bytes": 0, "seconds": wall,
        "p50_us": spans[len(spans) // 2][0],
        "p99_us": spans[int(len(spans) * 0.99)][0],
        "max_us": spans[-1][0], "expected": expected_of(pack, sent),
    }
