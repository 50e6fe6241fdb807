# SPDX-License-Identifier: Apache-2.0
"""`./dev bench python`: what an export costs a Python program.

The same 512 spans of 8 attributes are exported by the library in process and by
the SDK's own OTLP/gRPC exporter to a running service, in turns, so that a noisy
machine hurts both alike.  CPU is that of the whole process, all threads of it:
ours also writes the files with it, while the service's own is not counted for
the other one.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import sys
import time

from targets import Ours

OUT = pathlib.Path("build/bench")
SPANS = 512
MAX_WALL_MS = 1.0
MIN_RATIO = 10.0


def make_spans():
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}),
                              shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("bench", "1.0")
    with tracer.start_as_current_span("root"):
        for i in range(SPANS):
            with tracer.start_as_current_span(f"GET /item/{i % 10}") as span:
                span.set_attributes({
                    "http.request.method": "GET", "url.path": f"/item/{i}",
                    "http.response.status_code": 200 + i % 5, "server.port": 8080,
                    "enduser.id": f"user-{i * 7919 % 1000}", "cache.hit": i % 3 == 0,
                    "duration.ratio": i / SPANS, "thread.name": "worker-1"})
    return memory.get_finished_spans()[:SPANS]


def measure(exporter, spans, count, after=lambda: None):
    """Milliseconds of wall time of each call, and of CPU of the process."""
    walls = []
    cpu = time.process_time()
    for _ in range(count):
        begin = time.perf_counter()
        result = exporter.export(spans)
        walls.append((time.perf_counter() - begin) * 1000)
        if result.name != "SUCCESS":
            sys.exit(f"bench: an export failed: {result}")
        after()
    return walls, (time.process_time() - cpu) * 1000 / count


def run(turns, count):
    import otlp_arrow_library
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    spans = make_spans()
    folder = OUT / "python"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "service").mkdir(parents=True)
    server, port = Ours("default").start(folder / "service")
    found = {"ours": [], "grpc": []}
    held = []
    try:
        with otlp_arrow_library.OtlpLibrary(folder / "ours") as library:
            exporters = {"ours": library.span_exporter(),
                         "grpc": OTLPSpanExporter(endpoint=f"127.0.0.1:{port}", insecure=True)}
            for exporter in exporters.values():
                measure(exporter, spans, 3)  # connections, caches
            for _ in range(turns):
                found["ours"].append(measure(exporters["ours"], spans, count,
                                             lambda: held.append(library._current().held())))
                library.flush()
                found["grpc"].append(measure(exporters["grpc"], spans, max(count // 10, 1)))
            exporters["grpc"].shutdown()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    result = {name: {"wall_ms": statistics.median(w for walls, _ in turns_ for w in walls),
                     "cpu_ms": statistics.median(cpu for _, cpu in turns_)}
              for name, turns_ in found.items()}
    result["held_ms"] = statistics.median(held) / 1e6
    return result


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench python", description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--exports", type=int, default=200, help="of ours in a turn")
    options = parser.parse_args(arguments)
    found = run(options.turns, options.exports)
    ours, grpc = found["ours"], found["grpc"]
    ratio = grpc["cpu_ms"] / ours["cpu_ms"]
    print(f"export of {SPANS} spans of 8 attributes   wall ms   CPU ms of the process")
    print(f"  otlp_arrow_library, into files       {ours['wall_ms']:8.2f}   {ours['cpu_ms']:8.2f}")
    print(f"  the SDK's OTLP/gRPC, to a service    {grpc['wall_ms']:8.2f}   {grpc['cpu_ms']:8.2f}")
    print(f"  the interpreter's lock was held      {found['held_ms']:8.2f}")
    ok = ours["wall_ms"] <= MAX_WALL_MS and ratio >= MIN_RATIO
    print(f"  {ratio:.0f} times less CPU (wanted: {MIN_RATIO:.0f}), "
          f"{ours['wall_ms']:.2f} ms (at most {MAX_WALL_MS}): {'ok' if ok else 'MISSED'}")
    (OUT / "python.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0 if ok else 1
