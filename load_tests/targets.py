"""What must be reached, as the table that every run ends with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from load_tests.cells import Cell
from load_tests.results import Measurement, Results, Spread, percentile, rate
from load_tests.scenarios import SCENARIOS, named

MOST_GROWTH = 0.05
MOST_MIB = 220


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


def _cell(role: str, connections: int, workers: int = 1) -> Cell:
    """The cell of a role's scenario (`table-1`); of a role that no model plays, one without any."""
    return Cell(next(iter(named(role)), role), connections, workers)


def _title(role: str) -> str:
    """What a role's scenario is called."""
    return SCENARIOS[names[0]].title if (names := named(role)) else role


_ONE_ROW = _cell("table-1", 32)


def targets(results: Results) -> list[Target]:
    """Compares a run with everything that must be reached."""
    return [
        *_rates(results),
        *_latencies(results),
        _steady(results.extras.get("steady")),
        *_overload(results.extras.get("overload")),
        *_memory(results.extras.get("memory")),
        *_grpc(results.extras.get("grpc")),
        *_bulk(results.extras.get("bulk")),
    ]


def _rates(results: Results) -> list[Target]:
    one, text = _title("table-1"), _title("text-1")
    wanted = [
        (one, "fastapi-tuned", _ONE_ROW, 3.5),
        (f"{one}, 2 workers", "fastapi-tuned", _cell("table-1", 32, 2), 2.8),
        (one, "fastapi-guide", _ONE_ROW, 30),
        (one, "bentoml-stock", _ONE_ROW, 15),
        (one, "empty", _ONE_ROW, 0.45),
        (text, "fastapi-tuned", _cell("text-1", 32), 4),
        (_title("table-1000"), "fastapi-tuned", _cell("table-1000", 32), 1.2),
    ]
    return [
        _ratio(
            results,
            f"{what}: requests/s, server / {other}",
            ("server", cell, rate),
            (other, cell, rate),
            at_least=least,
        )
        for what, other, cell, least in wanted
    ]


def _latencies(results: Results) -> list[Target]:
    alone, many = _cell("table-1", 1), _cell("table-1", 128)
    return [
        _ratio(
            results,
            "one connection, p50: server / fastapi-tuned",
            ("server", alone, _P50),
            ("fastapi-tuned", alone, _P50),
            at_most=0.9,
        ),
        _ratio(
            results,
            "32 connections: p99 of server / p50 of fastapi-tuned",
            ("server", _ONE_ROW, _P99),
            ("fastapi-tuned", _ONE_ROW, _P50),
            at_most=1,
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
    at_least: float | None = None,
    at_most: float | None = None,
) -> Target:
    wanted = f"≥ {at_least:g}" if at_least is not None else f"≤ {at_most:g}"
    found = results.ratio(over, under)
    if found is None:
        return Target(measure, wanted, "-", None)
    reached = found.median >= (at_least or 0) and (at_most is None or found.median <= at_most)
    return Target(measure, wanted, found.show(2), reached)


def _steady(found: dict[str, Any] | None) -> Target:
    measure = "open loop at 60 % of the maximum: p99, queue"
    wanted = "≤ 10 ms, never growing"
    if not found:
        return Target(measure, wanted, "-", None)
    p99 = found["latency_ms"].get("p99", float("inf"))
    queue = "growing" if found["queue_grows"] else "not growing"
    return Target(
        measure,
        wanted,
        f"{p99:.1f} ms ({_span(found['p99_ms_of_rounds'])}) at {found['offered']:,.0f}/s, {queue}",
        p99 <= 10 and not found["queue_grows"] and not found["problems"],
    )


def _span(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}"


def _overload(found: dict[str, Any] | None) -> list[Target]:
    names = {
        "goodput": "≥ 80 % of the maximum",
        "refusals": "503, Retry-After, p99 ≤ 50 ms",
        "memory": "bounded (second half ≤ 5 % over the first), no crash",
        "2 s after": "full speed (≥ 95 % of the maximum)",
    }
    if not found:
        return [Target(f"overload: {name}", wanted, "-", None) for name, wanted in names.items()]
    refusal = found["refusal_ms"]
    p99 = refusal.get("p99", float("inf"))
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


def _memory(found: dict[str, Any] | None) -> list[Target]:
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
            "≤ 5 %",
            f"{found['growth']:+.1%} ({found['after_mib']:.0f} MiB)",
            found["growth"] <= MOST_GROWTH and not found["problems"],
        ),
    ]


def _grpc(found: dict[str, Any] | None) -> list[Target]:
    wanted = [
        ("typed gRPC, one row: calls/s / fastapi-tuned's requests/s", "fastapi-tuned", 1.0),
        ("typed gRPC, one row: calls/s / MLServer's over gRPC", "mlserver", 2.5),
    ]
    return [_calls(found or {}, measure, other, least) for measure, other, least in wanted]


def _calls(found: dict[str, Any], measure: str, other: str, least: float) -> Target:
    rates = found.get("rates", {})
    if not rates.get("server") or not rates.get(other):
        return Target(measure, f"≥ {least:g}", "-", None)
    pairs = zip(rates["server"], rates[other], strict=True)
    ratio = Spread.of([own / others for own, others in pairs])
    return Target(
        measure, f"≥ {least:g}", ratio.show(2), ratio.median >= least and not found["problems"]
    )


def _bulk(found: dict[str, Any] | None) -> list[Target]:
    over = "10,000 rows in binary columns: time / the library's alone"
    faster = "10,000 rows: time of JSON records / of binary columns"
    if not found:
        return [Target(over, "≤ 1.4", "-", None), Target(faster, "≥ 2.5", "-", None)]
    measured = found["rows"]["10000"]
    columns, records, library = (
        f"{measured[name]:.1f} ms" for name in ("columns_ms", "records_ms", "library_ms")
    )
    ratio, times = measured["columns_over_library"], measured["records_over_columns"]
    right = not found["problems"]
    return [
        Target(over, "≤ 1.4", f"{ratio:.2f} ({columns} / {library})", right and ratio <= 1.4),
        Target(faster, "≥ 2.5", f"{times:.2f} ({records} / {columns})", right and times >= 2.5),
    ]
