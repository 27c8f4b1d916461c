"""Plots of a run: throughput against connections, latency curves, sizes of batches under load."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load_tests.cells import Cell
from load_tests.results import Results, percentile, rate
from load_tests.scenarios import ONE
from load_tests.systems import SYSTEMS
from load_tests.wrk import PERCENTILES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONNECTIONS = (1, 32, 128)


def draw(results: Results, page: Path) -> list[Path]:
    """Draws what was measured, beside the page and under its name; returns the files written."""
    drawings: dict[str, Callable[[Results, Axes], bool]] = {
        "throughput": _throughput,
        "latency": _latency,
        "batch-sizes": _batches,
    }
    import matplotlib as mpl

    mpl.use("Agg")
    # Without it every run would give the drawn parts other names.
    mpl.rcParams["svg.hashsalt"] = "load_tests"
    from matplotlib import pyplot as plt

    written = []
    for name, drawing in drawings.items():
        figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
        if drawing(results, axes):
            axes.grid(visible=True, alpha=0.3)
            axes.legend()
            path = page.with_name(f"{page.stem}-{name}.svg")
            figure.savefig(path, metadata={"Date": None})
            written.append(path)
        plt.close(figure)
    return written


def _throughput(results: Results, axes: "Axes") -> bool:
    drawn = False
    for name in SYSTEMS:
        spreads = {
            connections: spread
            for connections in CONNECTIONS
            if (spread := results.spread(name, Cell(ONE.name, connections, 1), rate))
        }
        if len(spreads) < 2:
            continue
        drawn = True
        low = [one.median - one.low for one in spreads.values()]
        high = [one.high - one.median for one in spreads.values()]
        medians = [one.median for one in spreads.values()]
        axes.errorbar(list(spreads), medians, [low, high], marker="o", capsize=3, label=name)
    axes.set(
        title=f"{ONE.title}, one worker: median and range",
        xlabel="connections",
        ylabel="requests/s",
        xscale="log",
        yscale="log",
        xticks=CONNECTIONS,
        xticklabels=CONNECTIONS,
    )
    return drawn


def _latency(results: Results, axes: "Axes") -> bool:
    cell = Cell(ONE.name, 32, 1)
    names = [name for name in SYSTEMS if results.of(name, cell)]
    for name in names:
        spreads = [results.spread(name, cell, percentile(one)) for one in PERCENTILES]
        axes.plot(PERCENTILES, [one.median for one in spreads if one], marker="o", label=name)
    if steady := results.extras.get("steady", {}).get("latency_ms"):
        label = "server, open loop at 60 % of its maximum"
        axes.plot(PERCENTILES, [steady[one] for one in PERCENTILES], "--", marker="s", label=label)
    axes.set(
        title=f"{ONE.title}, one worker, 32 connections: medians over the rounds",
        xlabel="percentile",
        ylabel="milliseconds",
        yscale="log",
    )
    return bool(names)


def _batches(results: Results, axes: "Axes") -> bool:
    found: dict[str, dict[str, Any]] = results.extras.get("batches", {}).get("connections", {})
    for connections, counts in found.items():
        total = sum(counts.values()) or 1
        shares = {bound: count / total for bound, count in counts.items() if float(bound) <= 256}
        bounds = [f"{float(bound):g}" for bound in shares]
        axes.plot(bounds, list(shares.values()), marker="o", label=f"{connections} connections")
    axes.set(
        title=f"{ONE.title}, one worker: sizes of the batches of `server`",
        xlabel="rows in a batch, at most",
        ylabel="share of batches",
    )
    return bool(found)
