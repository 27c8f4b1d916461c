"""What must be reached, as the table that every run ends with."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from load_tests.cells import Cell, cell
from load_tests.results import Measurement, Results, Spread, percentile, rate
from load_tests.scenarios import title

MOST_GROWTH = 0.05
MOST_MIB = 220
Found = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """One line of the table."""

    measure: str
    wanted: str
    measured: str
    reached: bool | None
    """Nothing if it was not measured."""

    @property
    def verdict(self) -> str:
        """In a word."""
        return {True: "reached", False: "MISSED", None: "not measured"}[self.reached]


_Value = Callable[[Measurement], float]
_P50, _P99 = percentile("p50"), percentile("p99")
_ONE_ROW = cell("table-1", 32)
_TUNED = "fastapi-tuned"


def targets(results: Results) -> list[Target]:
    """Compares a run with everything that must be reached."""
    extras = results.extras
    return [
        *_rates(results),
        *_latencies(results),
        *_calls(extras.get("calls")),
        _bulk(extras.get("bulk")),
        _steady(extras.get("steady")),
        *_company(extras.get("company")),
        *_overload(extras.get("overload")),
        *_memory(extras.get("memory")),
    ]


def _rates(results: Results) -> list[Target]:
    one, text, thousand = title("table-1"), title("text-1"), title("table-1000")
    wanted = [
        (one, _TUNED, _ONE_ROW, 4.5),
        (one, "empty", _ONE_ROW, 0.65),
        (one, "fastapi-guide", _ONE_ROW, 30),
        (one, "bentoml-stock", _ONE_ROW, 15),
        (f"{one}, 2 workers", _TUNED, cell("table-1", 32, 2), 3.0),
        (title("table-100"), _TUNED, cell("table-100", 32), 4),
        (thousand, _TUNED, cell("table-1000", 32), 6),
        (thousand, "mlserver", cell("table-1000", 32), 1.5),
        (text, _TUNED, cell("text-1", 32), 10),
    ]
    return [
        _ratio(
            results,
            f"{what}: requests/s, server / {other}",
            ("server", where, rate),
            (other, where, rate),
            at_least=least,
        )
        for what, other, where, least in wanted
    ]


def _latencies(results: Results) -> list[Target]:
    alone, text, many = cell("table-1", 1), cell("text-1", 1), cell("table-1", 128)
    wanted = [
        (f"{title('table-1')}, 1 connection: p50 of server / {_TUNED}", alone, _P50, 0.9),
        (f"{title('text-1')}, 1 connection: p50 of server / {_TUNED}", text, _P50, 0.3),
        (f"32 connections: p99 of server / p50 of {_TUNED}", _ONE_ROW, _P99, 1),
    ]
    return [
        *(
            _ratio(results, what, ("server", where, value), (_TUNED, where, _P50), at_most=most)
            for what, where, value, most in wanted
        ),
        _ratio(
            results,
            "128 connections: p99 / p50 of server",
            ("server", many, _P99),
            ("server", many, _P50),
            at_most=4,
        ),
    ]


def _ratio(
    results: Results,
    measure: str,
    over: tuple[str, Cell, _Value],
    under: tuple[str, Cell, _Value],
    *,
    at_least: float = 0,
    at_most: float = math.inf,
) -> Target:
    wanted = f"≤ {at_most:g}" if at_most < math.inf else f"≥ {at_least:g}"
    found = results.ratio(over, under)
    if found is None:
        return Target(measure, wanted, "-", None)
    return Target(measure, wanted, found.show(2), at_least <= found.median <= at_most)


def _calls(found: Found | None) -> list[Target]:
    wanted = [
        ("server over gRPC", "empty-grpc over gRPC", 0.6),
        ("server over gRPC", "mlserver over gRPC", 3),
        ("server over Connect", f"{_TUNED} over HTTP", 4),
    ]
    rates = (found or {}).get("rates", {})
    targets = []
    for own, other, least in wanted:
        measure, ratio = f"one row: answers/s, {own} / {other}", None
        if rates.get(own) and rates.get(other):
            pairs = zip(rates[own], rates[other], strict=True)
            ratio = Spread.of([first / second for first, second in pairs])
        reached = None if ratio is None else ratio.median >= least
        targets.append(Target(measure, f"≥ {least:g}", ratio.show(2) if ratio else "-", reached))
    return targets


def _bulk(found: Found | None) -> Target:
    measure, wanted = "10,000 rows in binary columns: time / the library's alone", "≤ 0.5"
    if not found:
        return Target(measure, wanted, "-", None)
    times = found["rows"]["10000"]
    ratio = times["columns_over_library"]
    shown = f"{ratio:.2f} ({times['columns_ms']:.1f} ms / {times['library_ms']:.1f} ms)"
    return Target(measure, wanted, shown, not found["problems"] and ratio <= 0.5)


def _steady(found: Found | None) -> Target:
    measure = "open loop at 60 % of the maximum: p99 of server / empty at the same rate"
    wanted = "≤ 3, queue never growing"
    if not found or not found["p99_over_empty_of_rounds"]:
        return Target(measure, wanted, "-", None)
    ratio = Spread.of(found["p99_over_empty_of_rounds"])
    queue = "growing" if found["queue_grows"] else "not growing"
    p99, limit = found["latency_ms"]["p99"], found["empty_ms"]["p99"]
    shown = f"{ratio.show(2)}, {p99:.1f} ms / {limit:.1f} ms at {found['offered']:,.0f}/s; {queue}"
    reached = ratio.median <= 3 and not found["queue_grows"] and not found["problems"]
    return Target(measure, wanted, shown, reached)


def _company(found: Found | None) -> list[Target]:
    beside = "one row beside another client's 10,000-row requests: p99"
    probes = "probes and metrics meanwhile: p99"
    if not found:
        return [Target(beside, "≤ 25 ms", "-", None), Target(probes, "≤ 50 ms", "-", None)]
    p99, alone = found["beside_ms"]["p99"], found["alone_ms"]["p99"]
    told = {path: each.get("p99", math.inf) for path, each in found["probes_ms"].items()}
    right = not found["problems"]
    shown = ", ".join(f"{path} {value:.1f} ms" for path, value in told.items())
    return [
        Target(beside, "≤ 25 ms", f"{p99:.1f} ms (alone {alone:.1f} ms)", right and p99 <= 25),
        Target(probes, "≤ 50 ms", shown, max(told.values()) <= 50),
    ]


def _overload(found: Found | None) -> list[Target]:
    names = {
        "goodput": "≥ 80 % of the maximum",
        "refusals": "503, Retry-After, p99 ≤ 50 ms",
        "memory": "bounded (second half ≤ 5 % over the first), no crash",
        "2 s after": "full speed (≥ 95 % of the maximum)",
    }
    if not found:
        return [Target(f"overload: {name}", wanted, "-", None) for name, wanted in names.items()]
    refusal = found["refusal_ms"]
    p99 = refusal.get("p99", math.inf)
    measured = [
        (
            f"{found['goodput_share']:.0%} of {found['maximum']:,.0f}/s",
            found["goodput_share"] >= 0.8,
        ),
        (
            f"{found['refused']:,}; p99 {p99:.1f} ms, max {refusal.get('max', p99):.1f} ms",
            p99 <= 50 and not found["refused_without_retry_after"] and not found["lost"],
        ),
        (
            f"{found['resident_second_half_mib']:.0f} MiB, {found['resident_growth']:+.1%}",
            found["resident_growth"] <= MOST_GROWTH,
        ),
        (f"{found['recovered_share']:.0%}", found["recovered_share"] >= 0.95),
    ]
    label = f"overload, three times the maximum for {found['seconds']:g} s"
    return [
        Target(f"{label}: {name}", wanted, text, reached)
        for (name, wanted), (text, reached) in zip(names.items(), measured, strict=True)
    ]


def _memory(found: Found | None) -> list[Target]:
    if not found:
        return [Target("memory of a worker", f"≤ {MOST_MIB} MiB, growth ≤ 5 %", "-", None)]
    return [
        Target(
            "memory of a worker at rest",
            f"≤ {MOST_MIB} MiB",
            f"{found['rest_mib']:.0f} MiB",
            found["rest_mib"] <= MOST_MIB,
        ),
        Target(
            f"memory after {found['requests']:,} requests: growth",
            f"≤ {MOST_GROWTH:.0%}",
            f"{found['growth']:+.1%} ({found['after_mib']:.0f} MiB)",
            found["growth"] <= MOST_GROWTH and not found["problems"],
        ),
    ]
