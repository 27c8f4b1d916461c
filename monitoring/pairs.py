"""What two versions said to the same rows, whichever of them answered the client."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from framework.model import Model
from monitoring.checking import LOOK_BACK, card_of
from monitoring.observed import OUTPUT, Observed, Position, observed
from monitoring.store import Store

Place = tuple[str, int]


@dataclass(frozen=True)
class Pairs:
    """Answers of two versions to the same rows, in the same order.

    Attributes:
        first: The one version's.
        second: The other's.
        seconds: How long each took to compute a row, of those rows of which it is known.
        unpaired: Rows that only one of them has answered, or of which the client asked for some
            fields of the answer only.
    """

    first: Observed
    second: Observed
    seconds: tuple[NDArray[np.float64], NDArray[np.float64]]
    unpaired: int


def pairs(
    store: Store, model: Model[Any, Any], first: str, second: str, since: datetime | None = None
) -> Pairs:
    """Reads what two versions said to the same rows, the newest 100,000 of each.

    Args:
        store: The record.
        model: The model.
        first: The one version.
        second: The other.
        since: The earliest time.

    Raises:
        MonitoringError: A version is not in the model store.
        ModelRefusedError: A version fits this code no more.
    """
    versions = first, second
    shadow = [
        store.shadow.rows(model.name, version, since, newest=LOOK_BACK) for version in versions
    ]
    everyone = sorted({first, second, *store.versions(model.name)})
    own = {
        version: store.rows(model.name, version, since, newest=LOOK_BACK) for version in everyone
    }
    asked = _joined(list(own.values()))
    said = [
        _joined([own[version], _with_inputs(asked, rows)])
        for version, rows in zip(versions, shadow, strict=True)
    ]
    one, other = (
        observed(model, card_of(model, version), table)
        for version, table in zip(versions, said, strict=True)
    )
    places = numbered(one.positions), numbered(other.positions)
    shared = [place for place in places[0] if place in places[1]]
    known = set(shared)
    return Pairs(
        one.take([places[0][place] for place in shared]),
        other.take([places[1][place] for place in shared]),
        (
            _seconds(first, shadow[0], shadow[1], known),
            _seconds(second, shadow[1], shadow[0], known),
        ),
        len({place for table in said for place in _places(table)} - known),
    )


def _with_inputs(asked: pa.Table, shadow: pa.Table) -> pa.Table:
    """Returns shadow answers with what was asked."""
    rows = numbered(_places(asked))
    # Shadow answers may be there twice: live, and replayed.
    found = {place: at for at, place in enumerate(_places(shadow)) if place in rows}
    answered = shadow.take(_indices(found.values()))
    outputs = [name for name in answered.column_names if name.startswith(OUTPUT)]
    joined = asked.take(_indices(rows[place] for place in found))
    joined = joined.select([name for name in joined.column_names if not name.startswith(OUTPUT)])
    for name in outputs:
        joined = joined.append_column(name, answered[name])
    return joined


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="permissive")


def _indices(places: Iterable[int]) -> pa.Array:
    return pa.array(places, pa.int64())


def _places(table: pa.Table) -> list[Place]:
    columns = (table[name].to_pylist() for name in ("prediction_id", "row"))
    return list(zip(*columns, strict=True))


def numbered(positions: Sequence[Position | Place]) -> dict[Place, int]:
    """Returns prediction id and row of each position → its number among them."""
    return {(one[-2], one[-1]): at for at, one in enumerate(positions)}


def _seconds(
    version: str, own: pa.Table, other: pa.Table, shared: set[Place]
) -> NDArray[np.float64]:
    """Returns how long a version took: as its shadow answers say, or those to its answers."""
    known = _column(own, "seconds", shared)
    if "answered_by" in other.column_names:
        mine = other.filter(pc.equal(other["answered_by"], version))
        known += _column(mine, "answered_seconds", shared)
    return np.array(known, dtype=np.float64)


def _column(table: pa.Table, name: str, shared: set[Place]) -> list[float]:
    if name not in table.column_names:
        return []
    told = zip(_places(table), table[name].to_pylist(), strict=True)
    return [value for place, value in told if place in shared and value is not None]
