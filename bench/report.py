# SPDX-License-Identifier: Apache-2.0
"""Tables and the verdict on the targets that the project has set itself."""
import statistics

MIB = 1 << 20


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def peak(cell):
    """The highest of all runs: a peak is a worst case."""
    return max(run["peak_rss"] for run in cell["runs"]) / MIB


def thousands(value):
    return f"{value / 1000:,.0f} k"


def table(head, rows):
    """Columns as wide as they must be; the first two to the left."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = []
    for row in [head, *rows]:
        cells = [cell.ljust(width) if place < 2 else cell.rjust(width)
                 for place, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


HEAD = ["what", "target", "c x m", "items/CPU-s", "min..max", "items/s",
        "p50 ms", "p99 ms", "peak MiB", "B/item", "refused", "stored"]


def cell_row(cell):
    runs = cell["runs"]
    per_cpu = [run["items_per_cpu"] for run in runs]
    disk = median(runs, "bytes_per_item") if cell["stores"] else None
    return [
        f"{cell['signal']} {cell['size']}", cell["target"],
        f"{cell['connections']}x{cell['streams']}",
        thousands(statistics.median(per_cpu)),
        f"{min(per_cpu) / 1000:,.0f}..{max(per_cpu) / 1000:,.0f}",
        thousands(median(runs, "items_per_second")),
        f"{median(runs, 'p50_us') / 1000:.2f}",
        f"{median(runs, 'p99_us') / 1000:.2f}",
        f"{peak(cell):.0f}",
        f"{disk:.1f}" if disk is not None else "-",
        f"{sum(run['refused'] for run in runs)}",
        verdict_of(cell),
    ]


def verdict_of(cell):
    if not cell["stores"]:
        return "-"
    bad = [run["wrong"] for run in cell["runs"] if run["wrong"]]
    return bad[0] if bad else "all"


def main_table(cells):
    return table(HEAD, [cell_row(cell) for cell in cells])


def find(cells, **wanted):
    for cell in cells:
        if all(cell[key] == value for key, value in wanted.items()):
            return cell
    return None


def rate(cell):
    return median(cell["runs"], "items_per_cpu")


RATIOS = (  # ours, peer, signals; the least ratio wanted
    ("otlp-arrow none", "Collector none", ("traces",), 4),
    ("otlp-arrow zstd", "Collector zstd", ("traces",), 4),
    ("otlp-arrow none", "Collector none", ("metrics", "logs"), 3),
    ("otlp-arrow zstd", "Collector zstd", ("metrics", "logs"), 3),
    ("otlp-arrow none", "predecessor none", ("traces",), 8),
    ("otlp-arrow none", "predecessor none", ("metrics",), None),
    ("otlp-arrow none", "Collector nop", ("traces", "metrics", "logs"), None),
)


def ratio_rows(cells):
    """Ours against each peer in the same form, where both were measured."""
    for ours_title, peer_title, signals, least in RATIOS:
        for peer in cells:
            if peer["target"] != peer_title or peer["signal"] not in signals:
                continue
            same = {key: peer[key] for key in ("signal", "size", "connections",
                                               "streams")}
            ours = find(cells, target=ours_title, **same)
            if ours is None:
                continue
            ratio = rate(ours) / rate(peer)
            disk = "-"
            if peer["stores"]:
                disk = (f"{median(ours['runs'], 'bytes_per_item'):.0f}"
                        f" : {median(peer['runs'], 'bytes_per_item'):.0f}")
            yield [
                f"{same['signal']} {same['size']}",
                f"{ours_title} : {peer_title}",
                f"{same['connections']}x{same['streams']}", f"{ratio:.1f}",
                "-" if least is None else f">= {least}",
                "-" if least is None else ("yes" if ratio >= least else "NO"),
                disk,
                f"{peak(ours):.0f} : {peak(peer):.0f}",
            ]


def ratio_table(cells):
    rows = list(ratio_rows(cells))
    if not rows:
        return ""
    return table(["what", "items per CPU-second", "c x m", "ratio", "wanted",
                  "met", "B/item", "peak MiB"], rows)


def bound_rows(result):
    """The absolute bounds: what, measured, wanted, met."""
    cells, special = result["cells"], result["special"]
    default = find(cells, target="otlp-arrow zstd", signal="traces", size=1000)
    if default is not None:
        value = median(default["runs"], "bytes_per_item")
        yield ["bytes per span, zstd", f"{value:.1f}", "<= 55", value <= 55]
    large = [cell for cell in cells if cell["name"] == "otlp-arrow"
             and cell["size"] == 1000 and cell["connections"] == 16
             and cell["signal"] == "traces"]
    for cell in large:
        value = peak(cell)
        yield [f"peak RSS MiB at 16x32, {cell['form']}", f"{value:.0f}",
               "<= 96", value <= 96]
    if "latency" in special:
        value = special["latency"]["p50_us"] / 1000
        floor = special["latency_floor"]["p50_us"] / 1000
        yield ["p50 ms of 1,000 spans, idle server (the floor's)",
               f"{value:.2f} ({floor:.2f})", "<= 1", value <= 1]
    if "idle_rss" in special:
        value = special["idle_rss"] / MIB
        yield ["idle RSS MiB", f"{value:.1f}", "<= 8", value <= 8]
    if "steady" in special:
        value = special["steady"]["cpu_share"] * 100
        yield ["% of a core at 10 k spans/s", f"{value:.1f}", "<= 3",
               value <= 3]


def bound_table(result):
    rows = [[what, value, wanted, "yes" if met else "NO"]
            for what, value, wanted, met in bound_rows(result)]
    return table(["bound", "measured", "wanted", "met"], rows) if rows else ""
