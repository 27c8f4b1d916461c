"""Which rows are judged, and together: windows that have no row in common.

A window is the newest 2,000 distinct records. Only when as many new ones have come is there another
one; or, where few come, after a day, if they are 500. So looking more often neither finds more
nor raises more false alarms, and records that are sent again and again are no new ones.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monitoring.drift.verdict import Window
from monitoring.observed import Observed


@dataclass(frozen=True)
class Sizes:
    """How many rows make a window.

    Attributes:
        full: Distinct records of a full window.
        least: Fewer distinct records get no verdict.
        patience: How long after the last row of the window before one that is not full is judged.
    """

    full: int = 2_000
    least: int = 500
    patience: timedelta = timedelta(days=1)


DEFAULT_SIZES = Sizes()


@dataclass(frozen=True)
class Waiting:
    """New rows that are no window yet.

    Attributes:
        distinct: Distinct records among them that the last window did not have.
        rows: All of them.
    """

    distinct: int
    rows: int


def new_windows(
    rows: Observed, last: Window | None, known: Collection[int], sizes: Sizes
) -> tuple[list[Observed], Waiting]:
    """Returns the windows that are to be judged, in order: two at most, the newest.

    Args:
        rows: Rows of the record, in its order, the newest among them.
        last: The last window that was judged.
        known: Hashes of its records.
        sizes: How many rows make a window.
    """
    begin = 0 if last is None else bisect_right(rows.positions, last.end)
    fresh = _distinct(rows.hashes(begin), begin, known)
    full = min(len(fresh) // sizes.full, 2)
    if full:
        newest = fresh[len(fresh) - full * sizes.full :]
        windows = [newest[at : at + sizes.full] for at in range(0, len(newest), sizes.full)]
        return [rows.take(places) for places in windows], Waiting(0, 0)
    if len(fresh) >= sizes.least and (last is None or _is_late(rows, last, sizes)):
        return [rows.take(fresh)], Waiting(0, 0)
    return [], Waiting(len(fresh), len(rows) - begin)


def _distinct(hashes: Sequence[int], begin: int, known: Collection[int]) -> list[int]:
    """Returns the places of distinct records that are not known, each where it stands last.

    Args:
        hashes: Of the records from the place `begin` on.
        begin: That place.
        known: Hashes of records that are none of them.
    """
    seen = set(known)
    newest_first: list[int] = []
    for at in range(len(hashes) - 1, -1, -1):
        if hashes[at] not in seen:
            seen.add(hashes[at])
            newest_first.append(begin + at)
    return newest_first[::-1]


def _is_late(rows: Observed, last: Window, sizes: Sizes) -> bool:
    waited = timedelta(microseconds=rows.positions[-1].time - last.end.time)
    return waited >= sizes.patience
