"""Which rows are judged together: never one twice, and never the same again as something new."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitoring.drift.verdict import Comparison, Window, state_of
from monitoring.drift.windows import Sizes, Waiting, new_windows
from monitoring.observed import Observed, Position
from tests.unit.monitoring.toys.staff import MODEL

SIZES = Sizes(full=8, least=4, patience=timedelta(seconds=100))
SAMPLE = MODEL.sample[0]


def observed(hours: list[int], start: int = 0, step: int = 1) -> Observed:
    """Rows that differ by one number only, `step` seconds apart."""
    records = MODEL.encoder.from_columns(
        {
            **{name: [value] * len(hours) for name, value in SAMPLE.items()},
            "hours": hours,
        },
        len(hours),
    )
    positions = [Position((start + at * step) * 1_000_000, "id", at) for at in range(len(hours))]
    card: Any = None
    return Observed(MODEL, card, records, {}, positions, frozenset())


def judged(rows: Observed, drifted: bool = False) -> Window:
    """A window as it is kept."""
    one = Comparison(
        column="hours",
        p=0.5,
        drifted=drifted,
        tested=True,
        psi=0,
        jensen_shannon=0,
        unseen=0,
        labels=[],
        reference=[],
        window=[],
    )
    return Window(
        start=rows.positions[0], end=rows.positions[-1], rows=len(rows), level=0.01, columns=[one]
    )


def found(rows: Observed, last: Observed | None = None) -> tuple[list[list[int]], Waiting]:
    """The hours of each window that is to be judged, and what waits."""
    if last is None:
        windows, waiting = new_windows(rows, None, (), SIZES)
    else:
        windows, waiting = new_windows(rows, judged(last), last.hashes(), SIZES)
    return list(map(hours, windows)), waiting


def hours(rows: Observed) -> list[int]:
    found: list[int] = rows.records.columns["hours"].astype(int).tolist()
    return found


def test_a_window_is_the_newest_distinct_records() -> None:
    windows, waiting = found(observed(list(range(11))))
    assert windows == [list(range(3, 11))]
    assert waiting.distinct == 0


def test_of_many_new_records_two_windows_are_judged() -> None:
    windows, _ = found(observed(list(range(30))))
    assert windows == [list(range(14, 22)), list(range(22, 30))]


def test_the_first_window_may_be_small() -> None:
    assert found(observed([1, 2, 3, 4]))[0] == [[1, 2, 3, 4]]
    assert found(observed([1, 2, 3, 3, 3])) == ([], Waiting(distinct=3, rows=5))
    assert found(observed([])) == ([], Waiting(0, 0))


def test_the_same_rows_are_judged_once() -> None:
    rows = observed(list(range(8)))
    assert found(rows, last=rows) == ([], Waiting(0, 0))


def test_the_next_window_is_full_or_late() -> None:
    rows = observed(list(range(16)))
    last = rows.take(range(8))
    assert found(rows.take(range(15)), last) == ([], Waiting(7, 7))
    assert found(rows, last)[0] == [list(range(8, 16))]
    slow = observed(list(range(15)), step=20)
    assert found(slow, slow.take(range(8)))[0] == [list(range(8, 15))]
    few = observed(list(range(11)), step=60)
    assert found(few, few.take(range(8))) == ([], Waiting(3, 3))


def test_records_that_are_sent_again_are_not_new() -> None:
    rows = observed([*range(8), *range(8), *range(8)])
    assert found(rows, rows.take(range(8))) == ([], Waiting(0, 16))
    # Nor if those that were judged have been deleted since.
    assert found(rows.take(range(8, 24)), rows.take(range(8))) == ([], Waiting(0, 16))


def test_a_record_of_an_earlier_window_is_new_again() -> None:
    rows = observed([*range(8), *range(10, 18), *range(8)])
    assert found(rows, rows.take(range(8, 16)))[0] == [list(range(8))]


@pytest.mark.parametrize(
    ("drifted", "expected"),
    [
        ("", "unknown"),
        ("-", "steady"),
        ("x", "suspected"),
        ("xx", "alarm"),
        ("xxx", "alarm"),
        ("x-x", "suspected"),
        ("xx-", "steady"),
        ("-xx", "alarm"),
    ],
)
def test_two_windows_in_a_row_are_an_alarm(drifted: str, expected: str) -> None:
    rows = observed([1, 2])
    assert state_of([judged(rows, one == "x") for one in drifted]) == expected


class Checks(RuleBasedStateMachine):
    """Records come, and are looked at, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.hours: list[int] = []
        self.windows: list[Observed] = []

    @rule(new=st.lists(st.integers(0, 40), max_size=12))
    def come(self, new: list[int]) -> None:
        self.hours += new

    @rule(forgotten=st.integers(0, 5))
    def look(self, forgotten: int) -> None:
        # Old rows may have been deleted meanwhile.
        rows = observed(self.hours)
        rows = rows.take(range(min(forgotten, len(rows)), len(rows)))
        windows, waiting = new_windows(rows, *self.last(), SIZES)
        assert len(windows) <= 2
        assert waiting.distinct <= waiting.rows
        self.windows += windows
        assert new_windows(rows, *self.last(), SIZES)[0] == []

    def last(self) -> tuple[Window | None, list[int]]:
        if not self.windows:
            return None, []
        return judged(self.windows[-1]), self.windows[-1].hashes()

    @invariant()
    def windows_hold_distinct_records(self) -> None:
        for window in self.windows:
            values = hours(window)
            assert len(set(values)) == len(values)
            assert SIZES.least <= len(values) <= SIZES.full
            assert values == [self.hours[one.row] for one in window.positions]

    @invariant()
    def windows_have_nothing_in_common(self) -> None:
        for one, other in zip(self.windows, self.windows[1:], strict=False):
            assert one.positions[-1] < other.positions[0]
            assert not set(hours(one)) & set(hours(other))


TestChecks = Checks.TestCase
TestChecks.settings = settings(stateful_step_count=20)
