"""The database of labels: found, made, brought up to date, and told of in one sentence if not."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError

from monitoring.errors import MonitoringError

FILE = "labels.db"
WAIT_SECONDS = 60
"""How long another writer is waited for."""

_READS = "reads_only"
# Whoever holds it writes; any number that nobody else takes.
_LOCK = 4_713_201_126
_CONFIG = Config()
_CONFIG.set_main_option("script_location", str(Path(__file__).parent / "migrations"))


class Database:
    """A database of labels.

    Args:
        folder: The record's folder, which holds the database if no other is named.
        url: Of another one, such as `postgresql://user:password@host/labels`.

    Raises:
        MonitoringError: The URL is none.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._url = _parsed(url) if url else sa.URL.create("sqlite", database=str(folder / FILE))
        self._engine: sa.Engine | None = None

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    @property
    def exists(self) -> bool:
        """Whether there may be labels in it: not in a file that is not there."""
        path = self._path
        return path is None or path.exists()

    @property
    def _path(self) -> Path | None:
        if self._url.get_backend_name() != "sqlite":
            return None
        return Path(self._url.database or "")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Opens a transaction, which is kept as a whole or not at all; one after the other.

        Raises:
            MonitoringError: The database cannot be used.
        """
        engine = self._opened()
        with self._told(), engine.begin() as connection:
            _lock(connection)
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Opens a transaction that only reads, and waits for no writer.

        Raises:
            MonitoringError: The database cannot be used.
        """
        engine = self._opened().execution_options(**{_READS: True})
        with self._told(), engine.begin() as connection:
            yield connection

    def _opened(self) -> sa.Engine:
        if self._engine is None:
            with self._told():
                if (path := self._path) is not None:
                    _make(path)
                # Transactions are few: what is connected is closed after each.
                engine = sa.create_engine(
                    self._url, connect_args=self._options(), poolclass=sa.NullPool
                )
                if path is not None:
                    _prepare_sqlite(engine)
                _migrate(engine, str(self))
                self._engine = engine
        return self._engine

    def _options(self) -> dict[str, Any]:
        if self._path is not None:
            # SQLAlchemy's own handling of transactions is replaced by what `_prepare_sqlite` does.
            return {"timeout": WAIT_SECONDS, "isolation_level": None}
        milliseconds = WAIT_SECONDS * 1_000
        return {"connect_timeout": WAIT_SECONDS, "options": f"-c lock_timeout={milliseconds}"}

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise MonitoringError(f"{self}: cannot be used: {reason}") from error


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError:
        backend = ""
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise MonitoringError(
        "The URL of the database (--database, MODEL_SERVER_DATABASE) should be "
        "postgresql://USER:PASSWORD@HOST/NAME, or sqlite:///FILE."
    )


def _make(path: Path) -> None:
    """Makes the file, for its owner alone; SQLite gives those beside it the same rights."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare_sqlite(engine: sa.Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        # Two that read first and write then would find each other in the way only then.
        kind = "DEFERRED" if connection.get_execution_options().get(_READS) else "IMMEDIATE"
        connection.exec_driver_sql(f"BEGIN {kind}")


def _lock(connection: sa.Connection) -> None:
    """Has nobody else write until the transaction ends, as SQLite's own transactions do."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _migrate(engine: sa.Engine, name: str) -> None:
    head = ScriptDirectory.from_config(_CONFIG).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
    with engine.begin() as connection:
        _lock(connection)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", _CONFIG.get_main_option("script_location") or "")
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise MonitoringError(
                f"{name}: its tables are those of another version of this code ({error})."
            ) from error
