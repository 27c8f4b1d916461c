"""Databases in an archive: their rows in a file of SQLite, whatever they are kept in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from framework.database import Database
from monitoring.label_store import database as labels
from monitoring.label_store import tables as label_tables
from registry import history, tables

HISTORY, LABELS = "history.db", "labels.db"
_CHUNK = 1_000


@dataclass(frozen=True)
class Kept:
    """A database, and what it is in an archive.

    Attributes:
        name: The file in the archive.
        database: The database.
        tables: Its tables.
    """

    name: str
    database: Database
    tables: sa.MetaData

    def save(self, folder: Path) -> Path:
        """Copies all rows, as they are at one moment, into a new file of the folder.

        Raises:
            Exception: The refusal of its schema: a database cannot be used.
        """
        path = folder / self.name
        with self.database.reading() as source, self.database.at(path).writing() as target:
            _copy(source, target, self.tables)
        return path

    def is_empty(self) -> bool:
        """Returns whether it has no row; see `save`."""
        if not self.database.exists:
            return True
        with self.database.reading() as connection:
            return not any(
                connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).all()
                for table in self.tables.sorted_tables
            )

    def require_readable(self, folder: Path) -> None:
        """Makes sure that `load` can read the file of the folder; migrates it; see `save`."""
        with self.database.at(folder / self.name).reading():
            pass

    def load(self, folder: Path) -> None:
        """Replaces all rows by those of a file of the folder, in one transaction; see `save`."""
        staged = self.database.at(folder / self.name)
        with staged.reading() as source, self.database.writing() as target:
            _copy(source, target, self.tables)


def kept_databases(home: Path, record: Path | None, url: str | None) -> Sequence[Kept]:
    """Returns the history and, where there is a record, the labels.

    Raises:
        RegistryError: The URL is none.
    """
    of_history = Database(history.SCHEMA, home / history.FILE, url)
    found = [Kept(HISTORY, of_history, tables.metadata)]
    if record is not None:
        found.append(Kept(LABELS, labels.Database(record, url), label_tables.metadata))
    return found


def _copy(source: sa.Connection, target: sa.Connection, metadata: sa.MetaData) -> None:
    for table in metadata.sorted_tables:
        target.execute(sa.delete(table))
        rows = source.execute(sa.select(table), execution_options={"yield_per": _CHUNK})
        for some in rows.mappings().partitions():
            target.execute(sa.insert(table), [dict(row) for row in some])
        _continue_numbers(target, table)


def _continue_numbers(target: sa.Connection, table: sa.Table) -> None:
    """Has PostgreSQL go on to number after the rows that brought their numbers along."""
    column = table.autoincrement_column
    if column is None or target.dialect.name != "postgresql":
        return
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    highest = sa.func.coalesce(sa.func.max(column), 0) + 1
    target.execute(sa.select(sa.func.setval(sequence, highest, False)))
