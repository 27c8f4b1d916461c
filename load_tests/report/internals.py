"""The page for those who work on the server: targets, every cell and ratio, what was uneven."""

from pathlib import Path

from load_tests.matrix import UNEVEN, Effort
from load_tests.report import cells_of, joined, names_in, table
from load_tests.results import Results, Spread, percentile, rate
from load_tests.roles import PRIMARY
from load_tests.scenarios import ONE, SCENARIOS
from load_tests.targets import targets

_P50, _P99 = percentile("p50"), percentile("p99")


def render(results: Results, effort: Effort, page: Path) -> str:
    """Writes the page as Markdown; `page` is the one for users."""
    return joined(
        [
            _INTRODUCTION.format(page=page.name),
            "## What must be reached\n\n"
            + table(
                ("measure", "wanted", "measured: median (range)", ""),
                ((one.measure, one.wanted, one.measured, one.verdict) for one in targets(results)),
            ),
            _START,
            "## How even the machine was\n\n" + _pace(results),
            "## The requests\n\n" + _requests(effort),
            "## Ratios\n\n" + _ratios(results),
            "## All cells\n\n" + _cells(results),
            "## gRPC and Connect\n\n" + _calls(results),
            "## Bulk: one request after the other, one connection\n\n" + _bulk(results),
            "## Open loop\n\n" + _steady(results),
        ]
    )


_INTRODUCTION = """\
# Benchmarks: targets and every cell

Written by `make bench` together with [{page}]({page}), which says on what machine, by which
systems and how; not edited by hand."""

_START = """\
How long the image takes from its start to ready (wanted: ≤ 6 s) is measured by
`make test-container`, which prints it as "ready after" (`tests/container/test_container.py`)."""


def _pace(results: Results) -> str:
    paces = [one.pace_ms for one in results.measurements]
    found = results.extras.get("pace")
    if not paces or not found:
        return "Nothing was measured."
    text = (
        f"A fixed piece of work took {Spread.of(paces).show(1)} ms, before each measurement. "
        f"{found['repeated']} of {found['rounds']} rounds of a cell were measured again, because "
        f"within them it took more than {UNEVEN:g} times as long at one time as at another"
    )
    if not (uneven := found["uneven"]):
        return f"{text}; what is told here is even."
    return f"{text}. These stayed uneven (slowest / fastest):\n\n" + "\n".join(
        f"- {one}" for one in uneven
    )


def _requests(effort: Effort) -> str:
    bodies = ", ".join(f"{one.bodies:,} requests ({one.title})" for one in SCENARIOS.values())
    return f"""\
`wrk` (one thread, closed loop) sends prepared requests in turn, made of different rows:
{bodies}. {effort.rounds} rounds, {effort.warm_up} s of warm-up, {effort.seconds} s of measuring."""


def _ratios(results: Results) -> str:
    rows = []
    for cell in cells_of(results):
        for name in names_in(results, cell):
            ratios = [
                results.ratio(("server", cell, value), (name, cell, value))
                for value in (rate, _P50, _P99)
            ]
            if name != "server" and any(ratios):
                shown = [one.show(2) if one else "" for one in ratios]
                rows.append((str(cell), f"`{name}`", *shown))
    return table(("cell", "server /", "requests/s", "p50", "p99"), rows)


def _cells(results: Results) -> str:
    rows = []
    for cell in cells_of(results):
        for name in names_in(results, cell):
            spreads = [results.spread(name, cell, value) for value in (rate, _P50, _P99)]
            shown = [
                one.show(digits) if one else ""
                for one, digits in zip(spreads, (0, 2, 2), strict=True)
            ]
            rows.append((str(cell), f"`{name}`", *shown))
    return table(("cell", "system", "requests/s", "p50 ms", "p99 ms"), rows)


def _calls(results: Results) -> str:
    if not (found := results.extras.get("calls")):
        return "Not measured."
    rows = ((way, Spread.of(rates).show(0)) for way, rates in found["rates"].items())
    return (
        f"`h2load` (4 connections, 8 calls at a time on each) sends one message over gRPC, "
        f"{ONE.title}, another in each round: it knows no rotating bodies. Over Connect and plain "
        "HTTP `wrk` sends rotating rows, over 32 connections. After each round answers to "
        "different rows are compared with the library's own.\n\n"
        + table(("way", "answers/s: median (range)"), rows)
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
    return table(("rows", *names.values()), rows)


def _steady(results: Results) -> str:
    if not (found := results.extras.get("steady")):
        return "Not measured."
    names = list(found["latency_ms"])
    rows = [
        (f"`{name}`", *(f"{one[each]:.2f}" for each in names))
        for name, one in (("server", found["latency_ms"]), ("empty", found["empty_ms"]))
        if one
    ]
    return (
        f"{found['offered']:,.0f} requests/s, the round with the median p99 of `server`; the p99 "
        "counts from the moment a request was due, by a timer of milliseconds.\n\n"
        + table(("system", *(f"{one} ms" for one in names)), rows)
    )
