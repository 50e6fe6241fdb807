# SPDX-License-Identifier: Apache-2.0
"""`./dev bench protocols`: what one CPU-second takes in by each protocol.

The same items come as OTLP over gRPC, HTTP/1.1 and HTTP/2, as JSON, as OTAP
and as Arrow Flight, in clear and over TLS, each to a fresh server as
`./dev bench ingest` starts and judges it.  The turns of all protocols stand
next to each other, so that what counts, their ratios, come from one run.
"""
import argparse
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass

import ingest
import payload
import report
import stored
from drivers import run_load
from process import BenchError, Server, free_port
from targets import Floor, Ours

OTAP = "/opentelemetry.proto.experimental.arrow.v1.Arrow{0}Service/Arrow{0}"
DO_PUT = "/arrow.flight.protocol.FlightService/DoPut"
TLS = pathlib.Path("build/bench/tls")


@dataclass(frozen=True)
class Way:
    """How items come: in which pack, over what."""
    key: str
    title: str
    pack: str
    kind: str  # of bench/load.c
    shape: tuple = (4, 8)
    type: str = "application/grpc"
    window: int = 8  # unanswered units of a stream
    ciphers: str = ""

    @property
    def streams(self):
        return self.kind in ("otap", "flight")

    def path(self, signal_name):
        if self.kind == "otap":
            return OTAP.format(signal_name.capitalize())
        if self.kind == "flight":
            return DO_PUT
        return f"/v1/{signal_name}" if self.kind != "grpc" else None


# As many requests are under way in each; a stream has 8 unanswered batches of
# 1,000 rows, or 2 of 10,000.
PROTOBUF, JSON = "application/x-protobuf", "application/json"
WAYS = (
    Way("grpc", "OTLP/gRPC", "otlp", "grpc"),
    Way("http1", "OTLP/HTTP protobuf, HTTP/1.1", "otlp", "http1", (32, 1),
        PROTOBUF),
    Way("http2", "OTLP/HTTP protobuf, HTTP/2", "otlp", "http2", (4, 8),
        PROTOBUF),
    Way("json", "OTLP/HTTP JSON, HTTP/1.1", "json", "http1", (32, 1), JSON),
    Way("otap", "OTAP", "otap-none", "otap", (4, 1)),
    Way("otap-zstd", "OTAP, Arrow bodies zstd", "otap-zstd", "otap", (4, 1)),
    Way("flight-1000", "Flight DoPut, 1,000 rows", "flight-1000", "flight",
        (4, 1)),
    Way("flight-10000", "Flight DoPut, 10,000 rows", "flight-10000", "flight",
        (4, 1), window=2),
    Way("tls-128", "OTLP/gRPC, TLS AES-128-GCM", "otlp", "grpc",
        ciphers="TLS_AES_128_GCM_SHA256"),
    Way("tls-256", "OTLP/gRPC, TLS AES-256-GCM", "otlp", "grpc",
        ciphers="TLS_AES_256_GCM_SHA384"),
)

# The way, what is measured of it (against another way, or a rate in MB), and
# what is wanted at least.
TARGETS = (
    ("http1", "grpc", 0.8), ("http2", "grpc", 0.8), ("json", "MB/CPU-s", 150),
    ("otap", "grpc", 2.0), ("otap-zstd", "grpc", None),
    ("flight-1000", "MB/CPU-s", 1000), ("flight-10000", "MB/CPU-s", 1000),
    ("tls-128", "grpc", 0.7), ("tls-256", "grpc", 0.7),
)


def certificate():
    """A key and a certificate of our own, made once."""
    key, cert = TLS.resolve() / "key.pem", TLS.resolve() / "cert.pem"
    if not cert.exists():
        TLS.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
             "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
            check=True, capture_output=True)
    return key, cert


class OursTls(Ours):
    def __init__(self, form):
        key, cert = certificate()
        super().__init__(form, [f"protocols.tls.cert_file={cert}",
                                f"protocols.tls.key_file={key}"])

    @property
    def title(self):
        return f"{super().title} TLS"


class FloorTls(Floor):
    name = "nghttpd TLS"

    def start(self, folder):
        port = free_port()
        server = Server(["nghttpd", "-a", "127.0.0.1", "-w", "24", "-W", "24",
                         "-d", folder, port, *certificate()], f"{folder}/log",
                        stop_signal=signal.SIGTERM)
        server.wait_for_port(port)
        return server, port


class Protocols(ingest.Bench):
    """ingest.Bench whose load speaks all protocols."""

    def __init__(self, options):
        super().__init__(options)
        self.kinds = {name: self.make_packs(name) for name in options.signal}

    def make_packs(self, signal_name):
        otlp = self.packs[f"{signal_name}_1000"]
        return {"otlp": otlp, "json": stored.json_pack(otlp),
                **stored.stream_packs(self, self.send_in_order, otlp)}

    def send_in_order(self, server, port, pack, requests):
        return run_load(self.program, server, port, pack, 1, 1, requests)

    def target(self, way, form):
        """The server of WAY; FORM "floor": nghttpd, if it can be one."""
        if form != "floor":
            return OursTls(form) if way.ciphers else Ours(form)
        if way.kind == "http1" and way.key != "json":
            return None  # it knows HTTP/2 alone, so see the same body there
        return FloorTls() if way.ciphers else Floor()

    def passes(self, way, pack):
        """How often the pack is sent: whole, and by each connection of a
        stream, in about as many rows as the others."""
        turns = 2 if self.options.quick else 32
        if way.streams:
            turns = max(turns, way.shape[0])
        return turns

    def run_way(self, way, form, signal_name):
        target = self.target(way, form)
        pack = self.kinds[signal_name][way.pack]
        idle = self.idle_cpu(target)
        kind, shape = way.kind, way.shape
        if form == "floor" and kind != "grpc":
            kind, shape = "http2", (4, 8)  # the same bytes, as requests
        more = ["-P", kind, "-t", way.type, "-k", way.window]
        if way.ciphers:
            more += ["-S", way.ciphers]
        requests = pack["requests"] * self.passes(way, pack)

        def act(server, port):
            return run_load(self.program, server, port, pack, *shape, requests,
                            any_status=target.any_status,
                            path=way.path(signal_name), more=more)

        load, cpu, server, folder = self.life(target, act)
        try:
            run = self.judge(target, pack, load, cpu - idle, server, folder)
        finally:
            shutil.rmtree(folder)
        if load["said"]:
            run["wrong"] += f" ({load['said'].splitlines()[0]})"
        sent = pack.get("arrow_bytes", 0) * self.passes(way, pack)
        run["mb_per_cpu"] = (sent or load["bytes"]) / run["cpu_seconds"] / 1e6
        return run


def plan(bench, options):
    forms = ["floor", "none"] + ([] if options.quick else ["default"])
    for name in options.signal:
        for way in WAYS:
            if options.only and not way.key.startswith(tuple(options.only)):
                continue
            for form in forms:
                if bench.target(way, form) is not None:
                    yield {"signal": name, "key": way.key, "form": form,
                           "title": way.title, "runs": []}


def measure(bench, options):
    cells = list(plan(bench, options))
    ways = {way.key: way for way in WAYS}
    for turn in range(options.repeat):
        for number, cell in enumerate(cells):
            print(f"\r{turn + 1}/{options.repeat} {number + 1}/{len(cells)} "
                  f"{cell['title']:32}", end="", file=sys.stderr, flush=True)
            cell["runs"].append(bench.run_way(ways[cell["key"]], cell["form"],
                                              cell["signal"]))
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return cells


# -- tables -------------------------------------------------------------------

def find(cells, name, key, form):
    for cell in cells:
        if (cell["signal"], cell["key"], cell["form"]) == (name, key, form):
            return cell
    return None


def verdict(cell):
    if cell["form"] == "floor":
        return "-"
    bad = [run["wrong"] for run in cell["runs"] if run["wrong"]]
    return bad[0] if bad else "all"


def median(cell, key):
    return statistics.median(run[key] for run in cell["runs"])


def cell_rows(cells):
    for cell in cells:
        rates = [run["items_per_cpu"] / 1000 for run in cell["runs"]]
        yield [cell["title"], f"{cell['signal']}, {cell['form']}",
               f"{statistics.median(rates):,.0f} k",
               f"{min(rates):,.0f}..{max(rates):,.0f}",
               f"{median(cell, 'mb_per_cpu'):,.0f}",
               f"{median(cell, 'p50_us') / 1000:.2f}",
               f"{median(cell, 'p99_us') / 1000:.2f}",
               f"{max(run['peak_rss'] for run in cell['runs']) / 2**20:.0f}",
               verdict(cell)]


HEAD = ["protocol", "signal, storage", "items/CPU-s", "min..max", "MB/CPU-s",
        "p50 ms", "p99 ms", "peak MiB", "stored"]


def measured(cells, name, key, against, form):
    """The figure of a target: a ratio to the way AGAINST, or a rate."""
    cell = find(cells, name, key, form)
    if cell is None:
        return None
    if against == "MB/CPU-s":
        return median(cell, "mb_per_cpu")
    base = find(cells, name, against, form)
    if base is None:
        return None
    return median(cell, "items_per_cpu") / median(base, "items_per_cpu")


def shown(value, against):
    if value is None:
        return "-"
    return f"{value:,.0f} MB" if against == "MB/CPU-s" else f"{value:.2f}"


def target_rows(cells, signals):
    titles = {way.key: way.title for way in WAYS}
    for name in signals:
        for key, against, least in TARGETS:
            values = {form: measured(cells, name, key, against, form)
                      for form in ("none", "default", "floor")}
            value = values["none"]
            if value is None:
                continue
            what = (f"{titles[key]} : {titles[against]}" if against in titles
                    else f"{titles[key]}, a CPU-second")
            yield [what, name, *(shown(v, against) for v in values.values()),
                   "-" if least is None else f">= {least:g}",
                   "-" if least is None else "yes" if value >= least else "NO"]


TARGET_HEAD = ["target", "signal", "none", "zstd", "the floor's", "wanted",
               "met"]


# -- the same for docs/benchmarks.md ------------------------------------------

def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def wide_rows(cells, signals):
    """Of each way, items per CPU-second: uncompressed, default, floor."""
    for way in WAYS:
        row = [way.title]
        for name in signals:
            found = [find(cells, name, way.key, form)
                     for form in ("none", "default", "floor")]
            row.append(" / ".join(
                report.thousands(median(cell, "items_per_cpu")) if cell
                else "-" for cell in found))
        yield row


def narrow_rows(cells, signals):
    """Of each target, what was measured, uncompressed (default)."""
    rows = {}
    for what, _, none, default, _, wanted, met in target_rows(cells, signals):
        row = rows.setdefault(what, [what, wanted])
        row.insert(-1, f"{none} ({default})" + (" **missed**" if met == "NO"
                                                else ""))
    yield from rows.values()


def document(cells, signals):
    items = {"traces": "spans", "metrics": "points", "logs": "log records"}
    names = [items[name] for name in signals]
    return "\n\n".join((
        markdown(["a CPU-second", *names], list(wide_rows(cells, signals))),
        markdown(["", *names, "wanted"], list(narrow_rows(cells, signals)))))


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench protocols", description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="spans, uncompressed, one short turn")
    parser.add_argument("--signal", action="append", choices=payload.SIGNALS)
    parser.add_argument("--repeat", type=int, help="turns (3; with --quick 1)")
    parser.add_argument("--only", action="append", metavar="WAY",
                        help="beginnings of: " + ", ".join(
                            way.key for way in WAYS))
    parser.add_argument("--markdown", action="store_true",
                        help="also the tables of docs/benchmarks.md")
    options = parser.parse_args(arguments)
    options.signal = options.signal or (
        ["traces"] if options.quick else list(payload.SIGNALS))
    options.repeat = options.repeat or (1 if options.quick else 3)
    return options


def main(arguments):
    options = parse(arguments)
    try:
        bench = Protocols(options)
        result = {"machine": ingest.machine(), "options": vars(options)}
        cells = result["cells"] = measure(bench, options)
    except (BenchError, subprocess.SubprocessError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    (ingest.OUT / "protocols.json").write_text(json.dumps(result, indent=1))
    print(report.table(HEAD, list(cell_rows(cells))))
    print()
    print(report.table(TARGET_HEAD, list(target_rows(cells, options.signal))))
    if options.markdown:
        print(f"\n{document(cells, options.signal)}")
    print(f"\nAll runs: {ingest.OUT / 'protocols.json'}")
    return 1 if any(run["wrong"] for cell in cells for run in cell["runs"]
                    if cell["form"] != "floor") else 0
