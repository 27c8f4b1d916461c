"""The page: everything a reader needs to believe a number, and every cell that is lost."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from load_tests.cells import Cell
from load_tests.matrix import Effort
from load_tests.results import Results, Spread, percentile, rate
from load_tests.roles import PRIMARY
from load_tests.scenarios import ONE, SCENARIOS
from load_tests.systems import SYSTEMS
from load_tests.targets import targets

_P50, _P99 = percentile("p50"), percentile("p99")
# Where a system is not there to be compared with: one does no work, one answers less.
_NOT_COMPARABLE = {"empty", "fastapi-guide", "server"}


def render(
    results: Results, stated: dict[str, str], effort: Effort, pictures: Sequence[Path]
) -> str:
    """Writes the page as Markdown."""
    parts = [
        _INTRODUCTION,
        "## Environment\n\n" + _table(("", ""), (stated | _pace(results)).items()),
        "## What must be reached\n\n"
        + _table(
            ("measure", "wanted", "measured: median (range)", ""),
            ((one.measure, one.wanted, one.measured, one.verdict) for one in targets(results)),
        ),
        "## Where this server loses\n\n" + _losses(results),
        "## Wrong or missing answers\n\n" + _failures(results),
        "## The systems\n\n" + _systems(results),
        "## How it is measured\n\n" + _method(effort),
        "## Ratios\n\n" + _ratios(results),
        "## All cells\n\n" + _cells(results),
        "## gRPC\n\n" + _grpc(results),
        "## Bulk: one request after the other, one connection\n\n" + _bulk(results),
        "## Plots\n\n" + "\n\n".join(f"![{path.stem}]({path.name})" for path in pictures),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


_INTRODUCTION = """\
# Benchmarks

Written by `make bench` (`python -m load_tests`); not edited by hand. Server and load generator
share the cores of one machine: compare the systems with each other, not these numbers with
another machine's."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _systems(results: Results) -> str:
    names = dict.fromkeys(one.system for one in results.measurements)
    return _table(("system", "what it is"), ((f"`{one}`", SYSTEMS[one].what) for one in names))


def _method(effort: Effort) -> str:
    return f"""\
Every system runs in a process group of its own, on the models named above, with the same number
of workers; those whose turn it is not are idle. Each of {effort.rounds} rounds goes
through all cells, every time in another order of the systems; a measurement is {effort.warm_up} s
of warm-up and {effort.seconds} s of measuring. A ratio is taken within a round; medians and ranges
are over the rounds.

`wrk` (one thread, closed loop) sends prepared requests in turn, made of different rows:
{_bodies()}. Beside it one more connection takes an answer aside every 100 ms; each is compared
with what the library itself (LightGBM, scikit-learn) says of the same rows, to 1e-9.
Requests/s count good answers only. In a closed loop a slow answer delays the next request, which
flatters slow systems; the open loop counts from the moment a request was due instead. Its timer
counts in milliseconds."""


def _pace(results: Results) -> dict[str, str]:
    """How steady the machine was; nothing if no cell was measured."""
    if not (paces := [one.pace_ms for one in results.measurements]):
        return {}
    spread = Spread.of(paces).show(0)
    return {"its own pace": f"a fixed piece of work took {spread} ms, before each measurement"}


def _bodies() -> str:
    return ", ".join(f"{one.bodies:,} requests ({one.title})" for one in SCENARIOS.values())


def _failures(results: Results) -> str:
    checked = sum(one.checked for one in results.measurements)
    requests = sum(one.requests for one in results.measurements)
    summary = f"{requests:,} requests in the matrix; {checked:,} answers compared."
    if not (found := results.failures()):
        return f"None. {summary}"
    return summary + "\n\n" + "\n".join(f"- {one.replace(chr(10), ' ')}" for one in found)


def _losses(results: Results) -> str:
    """Cells in which a comparable system is better, each with by how much."""
    if not any(one.system == "server" for one in results.measurements):
        return "It was not measured."
    rows = []
    for cell in _cells_of(results):
        for name in _names(results, cell):
            if name in _NOT_COMPARABLE or not results.of("server", cell):
                continue
            for what, value, more_is_better in (
                ("requests/s", rate, True),
                ("p50", _P50, False),
                ("p99", _P99, False),
            ):
                ratio = results.ratio(("server", cell, value), (name, cell, value))
                if ratio and (ratio.median < 1 if more_is_better else ratio.median > 1):
                    rows.append((str(cell), what, f"`{name}`", ratio.show(2)))
    if not rows:
        return "In no cell measured, against no comparable system, by median."
    return _table(("cell", "measure", "better", "server / it"), rows)


def _ratios(results: Results) -> str:
    rows = []
    for cell in _cells_of(results):
        for name in _names(results, cell):
            ratios = [
                results.ratio(("server", cell, value), (name, cell, value))
                for value in (rate, _P50, _P99)
            ]
            if name != "server" and any(ratios):
                shown = [one.show(2) if one else "" for one in ratios]
                rows.append((str(cell), f"`{name}`", *shown))
    return _table(("cell", "server /", "requests/s", "p50", "p99"), rows)


def _cells(results: Results) -> str:
    rows = []
    for cell in _cells_of(results):
        for name in _names(results, cell):
            spreads = [results.spread(name, cell, value) for value in (rate, _P50, _P99)]
            shown = [_show(one, digits) for one, digits in zip(spreads, (0, 2, 2), strict=True)]
            rows.append((str(cell), f"`{name}`", *shown))
    return _table(("cell", "system", "requests/s", "p50 ms", "p99 ms"), rows)


def _grpc(results: Results) -> str:
    if not (found := results.extras.get("grpc")):
        return "Not measured."
    rows = (
        (f"`{name}`", "gRPC" if SYSTEMS[name].grpc else "HTTP", Spread.of(rates).show(0))
        for name, rates in found["rates"].items()
    )
    return (
        f"`h2load` (4 connections, 8 calls at a time on each) sends one message, {ONE.title}, "
        "another in each round: it knows no rotating bodies. After each round calls with "
        "different rows are compared with the library's own answers. The HTTP baseline gets "
        "rotating rows from `wrk` over 32 connections.\n\n"
        + _table(("system", "over", "answers/s: median (range)"), rows)
    )


def _bulk(results: Results) -> str:
    if not (found := results.extras.get("bulk")):
        return "Not measured."
    names = {
        "columns_ms": "Open Inference, binary columns, ms",
        "records_ms": "JSON records, ms",
        "library_ms": f"{PRIMARY.framework} alone, one thread, ms",
    }
    rows = (
        (f"{int(count):,}", *(f"{times[name]:.2f}" for name in names))
        for count, times in found["rows"].items()
    )
    return _table(("rows", *names.values()), rows)


def _show(spread: Spread | None, digits: int) -> str:
    return spread.show(digits) if spread else ""


def _cells_of(results: Results) -> list[Cell]:
    return list(dict.fromkeys(one.cell for one in results.measurements))


def _names(results: Results, cell: Cell) -> list[str]:
    measured = {one.system for one in results.measurements if one.cell == cell}
    return [name for name in SYSTEMS if name in measured]
