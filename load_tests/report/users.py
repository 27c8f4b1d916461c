"""The page for users: what they gain, where they do not, and all that makes it believable."""

from collections.abc import Sequence
from pathlib import Path

from load_tests.cells import Cell
from load_tests.matrix import Effort
from load_tests.report import cells_of, joined, names_in, table
from load_tests.results import Results, percentile, rate
from load_tests.roles import PRIMARY
from load_tests.scenarios import ONE, SCENARIOS
from load_tests.systems import SYSTEMS

_P50, _P99 = percentile("p50"), percentile("p99")
_TUNED, _OWN = "fastapi-tuned", "server"
# Where a system is not there to be compared with: one does no work, one answers less.
_NOT_COMPARABLE = {"empty", "fastapi-guide", _OWN}
_SHOWN = {
    "fastapi-guide": "FastAPI, as in guides",
    "bentoml-stock": "BentoML, stock",
    "mlserver": "MLServer",
    _TUNED: "FastAPI, tuned",
    _OWN: "this server",
}


def render(
    results: Results,
    stated: dict[str, str],
    effort: Effort,
    pictures: Sequence[Path],
    details: Path,
) -> str:
    """Writes the page as Markdown."""
    return joined(
        [
            _INTRODUCTION.format(details=details.name),
            "## How much one worker answers\n\n" + _throughput(results),
            "## How long one request takes\n\n" + _latency(results),
            "## Under load, and beside others\n\n" + _load(results),
            "## Where this server loses\n\n" + _losses(results),
            "## Wrong or missing answers\n\n" + _failures(results),
            "## The systems\n\n" + _systems(results),
            "## How it is measured\n\n" + _method(effort),
            "## Environment\n\n" + table(("", ""), stated.items()),
            "## Plots\n\n" + "\n\n".join(f"![{path.stem}]({path.name})" for path in pictures),
        ]
    )


_INTRODUCTION = """\
# Benchmarks

What this server gains over FastAPI and BentoML as one would use them without it: the same models,
rows and machine, every answer the library's own to 1e-9. Server and load generator share the cores
of one machine: compare the systems with each other, not these numbers with another machine's.

Written by `make bench` (`python -m load_tests`); not edited by hand. Targets, ratios and every
cell are on [a page of their own]({details})."""


def _throughput(results: Results) -> str:
    """Requests a second at 32 connections, one system beside the other."""
    at = [one for one in cells_of(results) if one.connections == 32]
    names = [name for name in _SHOWN if any(results.of(name, one) for one in at)]
    rows = []
    for one in at:
        workers = f", {one.workers} workers" if one.workers > 1 else ""
        rates = [_median(results, name, one, 0) for name in names]
        gain = results.ratio((_OWN, one, rate), (_TUNED, one, rate))
        shown = f"**{gain.median:.1f}**" if gain else ""
        rows.append((f"{SCENARIOS[one.scenario].title}{workers}", *rates, shown))
    head = ("requests/s", *(_SHOWN[name] for name in names), "gain over FastAPI, tuned")
    return "32 connections; medians.\n\n" + table(head, rows)


def _median(results: Results, name: str, where: Cell, digits: int, value: object = rate) -> str:
    found = results.spread(name, where, value)  # type: ignore[arg-type] # rate, or a percentile
    return f"{found.median:,.{digits}f}" if found else ""


def _latency(results: Results) -> str:
    """Median and 99th percentile at one connection."""
    at = [one for one in cells_of(results) if one.connections == 1]
    names = [name for name in _SHOWN if any(results.of(name, one) for one in at)]
    rows = [
        (
            SCENARIOS[one.scenario].title,
            *(
                " / ".join(_median(results, name, one, 2, value) for value in (_P50, _P99))
                if results.of(name, one)
                else ""
                for name in names
            ),
        )
        for one in at
    ]
    head = ("p50 / p99, ms", *(_SHOWN[name] for name in names))
    return "One request after the other; medians over the rounds.\n\n" + table(head, rows)


def _load(results: Results) -> str:
    extras, rows = results.extras, []
    if found := extras.get("calls"):
        rates = {way: sorted(of)[len(of) // 2] for way, of in found["rates"].items()}
        rows += [
            (f"{ONE.title}, {way}", f"{value:,.0f} answers/s")
            for way, value in rates.items()
            if not way.startswith("empty")
        ]
    if found := extras.get("bulk"):
        times = found["rows"]["10000"]
        rows += [
            ("10,000 rows in binary columns", f"{times['columns_ms']:.0f} ms"),
            ("10,000 rows in JSON", f"{times['records_ms']:.0f} ms"),
            (
                f"10,000 rows, {PRIMARY.framework} alone on one thread",
                f"{times['library_ms']:.0f} ms",
            ),
        ]
    if found := extras.get("steady"):
        told = f"p50 {found['latency_ms']['p50']:.1f} ms, p99 {found['latency_ms']['p99']:.1f} ms"
        rows.append((f"{found['offered']:,.0f} requests/s, 60 % of the maximum", told))
    if found := extras.get("company"):
        alone, beside = found["alone_ms"]["p99"], found["beside_ms"]["p99"]
        slowest = max(one["p99"] for one in found["probes_ms"].values())
        rows += [
            ("one row while nobody else asks", f"p99 {alone:.1f} ms"),
            (f"one row beside another client's {found['rows']:,} rows", f"p99 {beside:.1f} ms"),
            ("`/livez`, `/readyz`, `/metrics` meanwhile", f"p99 at most {slowest:.1f} ms"),
        ]
    if found := extras.get("overload"):
        told = f"{found['goodput_share']:.0%} of the maximum; refusals within "
        told += f"{found['refusal_ms'].get('p99', float('nan')):.0f} ms (p99)"
        rows.append(("three times as much as it can do", told))
    if found := extras.get("memory"):
        told = f"{found['rest_mib']:.0f} MiB at rest, {found['growth']:+.1%} after "
        rows.append(("memory of a worker", f"{told}{found['requests']:,} requests"))
    return table(("situation, one worker", "measured"), rows) if rows else "Not measured."


def _systems(results: Results) -> str:
    called = results.extras.get("calls", {}).get("rates", {})
    names = dict.fromkeys(
        [one.system for one in results.measurements] + [way.split()[0] for way in called]
    )
    return table(("system", "what it is"), ((f"`{one}`", SYSTEMS[one].what) for one in names))


def _method(effort: Effort) -> str:
    return f"""\
Every system runs in a process group of its own, on the models named below, with the same number
of workers; those whose turn it is not are idle. Each of {effort.rounds} rounds goes
through all cells, every time in another order of the systems; a measurement is {effort.warm_up} s
of warm-up and {effort.seconds} s of measuring. A ratio is taken within a round; medians and ranges
are over the rounds.

`wrk` (one thread, closed loop) sends prepared requests in turn, made of different rows. Beside it
one more connection takes an answer aside every 100 ms; each is compared with what the library
itself (LightGBM, scikit-learn) says of the same rows. Requests/s count good answers only. In a
closed loop a slow answer delays the next request, which flatters slow systems; the open loop
(60 % of the maximum, and beside other clients) counts from the moment a request was due instead."""


def _failures(results: Results) -> str:
    checked = sum(one.checked for one in results.measurements)
    requests = sum(one.requests for one in results.measurements)
    summary = f"{requests:,} requests in the matrix; {checked:,} answers compared."
    if not (found := results.failures()):
        return f"None. {summary}"
    return summary + "\n\n" + "\n".join(f"- {one.replace(chr(10), ' ')}" for one in found)


def _losses(results: Results) -> str:
    """Cells in which a comparable system is better, each with by how much."""
    if not any(one.system == _OWN for one in results.measurements):
        return "It was not measured."
    rows = []
    for where in cells_of(results):
        for name in names_in(results, where):
            if name in _NOT_COMPARABLE or not results.of(_OWN, where):
                continue
            for what, value, more_is_better in (
                ("requests/s", rate, True),
                ("p50", _P50, False),
                ("p99", _P99, False),
            ):
                ratio = results.ratio((_OWN, where, value), (name, where, value))
                if ratio and (ratio.median < 1 if more_is_better else ratio.median > 1):
                    rows.append((str(where), what, f"`{name}`", ratio.show(2)))
    if not rows:
        return "In no cell measured, against no comparable system, by median."
    return table(("cell", "measure", "better", "server / it"), rows) + (
        "\n\nWhere it answers more requests and has the higher p50 all the same, the other one is "
        "unfair: it answers some connections again and again, at once, and lets the others wait "
        "(see its p99); here every request waits its turn."
    )
