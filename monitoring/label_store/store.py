"""The labels: all that were ever told, and of each row the one that holds."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from framework.record.labels import LabelEvent, microseconds
from monitoring.label_store.database import Database
from monitoring.label_store.tables import LABELS, SHARED, UNKNOWN
from monitoring.store import Store

CHUNK = 1_000
"""Lines, or ids, of one statement."""

# A file is found a little after its time says that it was written.
_UNSEEN = timedelta(minutes=10)

_SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("row", pa.int32()),
        ("label", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
    ]
)
Line = dict[str, Any]


@dataclass(frozen=True)
class Counts:
    """How many labels there are of one model.

    Attributes:
        known: Of rows in the record; of several of one row, each.
        unknown: Of rows that are not there.
    """

    known: int = 0
    unknown: int = 0


class LabelStore:
    """The labels of a record.

    Args:
        database: Where they are.
        record: The rows that they may be of.
    """

    def __init__(self, database: Database, record: Store) -> None:
        self._database = database
        self._record = record

    def add(self, events: Iterable[LabelEvent]) -> int:
        """Takes labels: all of them, or none; returns how many there were.

        The same one again changes nothing but when it was last received.

        Raises:
            MonitoringError: The database cannot be used.
            Exception: What `events` raised; none is taken then.
        """
        count = 0
        with self._database.writing() as connection:
            for some in _chunks(events, CHUNK):
                _insert(connection, UNKNOWN, [{**_line(one), "looked": 0} for one in some])
                count += len(some)
            if count:
                self._settle(connection)
        return count

    def settle(self) -> None:
        """Finds the rows of labels that were unknown, in what was converted since.

        Raises:
            MonitoringError: The database cannot be used.
        """
        if self._database.exists:
            with self._database.writing() as connection:
                self._settle(connection)

    def labels(self, model: str, since: datetime | None = None) -> pa.Table:
        """Returns the label that holds of each row: the latest, of several the last received.

        Args:
            model: Name of the model.
            since: Rows whose labels all came before are left out.

        Returns:
            Columns `prediction_id`, `row`, `label` (as text; several numbers as JSON) and `time`.

        Raises:
            MonitoringError: The database cannot be used.
        """
        if not self._database.exists:
            return _SCHEMA.empty_table()
        wanted = LABELS.c.model == model
        if since is not None:
            wanted &= LABELS.c.received >= microseconds(since)
        time = sa.func.coalesce(LABELS.c.time, LABELS.c.received)
        place = sa.func.row_number().over(
            partition_by=[LABELS.c.prediction_id, LABELS.c.row],
            order_by=[time.desc(), LABELS.c.received.desc(), LABELS.c.digest.desc()],
        )
        ranked = sa.select(LABELS, time.label("moment"), place.label("place")).where(wanted)
        held = ranked.subquery()
        query = (
            sa.select(held.c.prediction_id, held.c.row, held.c.label, held.c.moment)
            .where(held.c.place == 1)
            .order_by(held.c.moment, held.c.prediction_id, held.c.row)
        )
        with self._database.reading() as connection:
            lines = connection.execute(query).all()
        ids, rows, labels, moments = zip(*lines, strict=True) if lines else ((), (), (), ())
        columns = [
            pa.array(ids, pa.string()),
            pa.array(rows, pa.int32()),
            pa.array(map(_text, labels), pa.string()),
            pa.array(moments, pa.int64()).cast(pa.timestamp("us", "UTC")),
        ]
        return pa.table(columns, schema=_SCHEMA)

    def counts(self) -> dict[str, Counts]:
        """Returns how many labels there are, by model.

        Raises:
            MonitoringError: The database cannot be used.
        """
        if not self._database.exists:
            return {}
        with self._database.reading() as connection:
            known, unknown = (_by_model(connection, table) for table in (LABELS, UNKNOWN))
        return {
            model: Counts(known.get(model, 0), unknown.get(model, 0))
            for model in sorted({*known, *unknown})
        }

    def delete(self, prediction_id: str) -> int:
        """Deletes the labels of a prediction; returns how many there were.

        Raises:
            MonitoringError: The database cannot be used.
        """
        return self._delete(lambda table: table.c.prediction_id == prediction_id)

    def expire(self, before: datetime) -> int:
        """Deletes the labels that were received before a time; returns how many there were.

        Raises:
            MonitoringError: The database cannot be used.
        """
        return self._delete(lambda table: table.c.received < microseconds(before))

    def _delete(self, wanted: Any) -> int:
        if not self._database.exists:
            return 0
        with self._database.writing() as connection:
            return sum(
                connection.execute(sa.delete(table).where(wanted(table))).rowcount
                for table in (LABELS, UNKNOWN)
            )

    def _settle(self, connection: sa.Connection) -> None:
        _move(connection, sa.exists().where(_same_row(LABELS, UNKNOWN)))
        looked = sa.func.min(UNKNOWN.c.looked)
        models = connection.execute(sa.select(UNKNOWN.c.model, looked).group_by(UNKNOWN.c.model))
        started = datetime.now(UTC)
        for model, last in models.all():
            self._settle_model(connection, model, last)
            stay = sa.update(UNKNOWN).where(UNKNOWN.c.model == model)
            connection.execute(stay.values(looked=microseconds(started)))

    def _settle_model(self, connection: sa.Connection, model: str, last: int) -> None:
        of_model = UNKNOWN.c.model == model
        rows = connection.execute(
            sa.select(UNKNOWN.c.prediction_id, UNKNOWN.c.row).where(of_model).distinct()
        )
        unknown = {(prediction_id, row) for prediction_id, row in rows}
        since = datetime.fromtimestamp(last / 1e6, UTC) - _UNSEEN if last else None
        for found in self._record.places(model, {one for one, _ in unknown}, since):
            known = unknown & found
            for some in _chunks(sorted(known), CHUNK // 2):
                _move(connection, sa.tuple_(UNKNOWN.c.prediction_id, UNKNOWN.c.row).in_(some))
            unknown -= known
            if not unknown:
                break


def _line(event: LabelEvent) -> Line:
    content = json.dumps([event.label, event.time, event.source])
    return {
        "prediction_id": event.prediction_id,
        "row": event.row,
        "digest": hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
        "model": event.model,
        "label": json.dumps(event.label),
        "time": event.time,
        "source": event.source,
        "received": event.received,
    }


def _text(label: str) -> str:
    """Returns a label as `LabelKind.read_text` takes it."""
    value = json.loads(label)
    return value if isinstance(value, str) else label


def _insert(connection: sa.Connection, table: sa.Table, lines: Sequence[Line]) -> None:
    if not lines:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    new: Any = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    later = sa.case(
        (new.excluded.received > table.c.received, new.excluded.received), else_=table.c.received
    )
    statement = new.on_conflict_do_update(
        index_elements=["prediction_id", "row", "digest"], set_={"received": later}
    )
    # In one order: two writers of the same lines would wait for each other otherwise.
    lines = sorted(lines, key=lambda line: (line["prediction_id"], line["row"], line["digest"]))
    connection.execute(statement, lines)


def _move(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> None:
    """Moves lines to those of rows that are known."""
    shared = (UNKNOWN.c[name] for name in SHARED)
    moved = connection.execute(sa.delete(UNKNOWN).where(wanted).returning(*shared))
    _insert(connection, LABELS, [dict(line) for line in moved.mappings()])


def _same_row(one: sa.Table, other: sa.Table) -> sa.ColumnElement[bool]:
    return (one.c.prediction_id == other.c.prediction_id) & (one.c.row == other.c.row)


def _by_model(connection: sa.Connection, table: sa.Table) -> dict[str, int]:
    counted = sa.select(table.c.model, sa.func.count()).group_by(table.c.model)
    return {str(model): int(count) for model, count in connection.execute(counted)}


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield some
