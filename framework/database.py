"""A database: found, made, brought up to date, and told of in one sentence if not.

Nothing that serves loads it: SQLAlchemy and Alembic are not among the server's requirements.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
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

VARIABLE = "MODEL_SERVER_DATABASE"
"""Names the database that is used instead of files beside what it belongs to."""
WAIT_SECONDS = 60
"""How long another writer is waited for."""

_READS = "reads_only"


@dataclass(frozen=True)
class Schema:
    """The tables of one purpose; several may share a database.

    Attributes:
        migrations: Folder of their Alembic migrations.
        version_table: Table that tells which migrations were made.
        lock: Whoever holds it in PostgreSQL writes; any number that no other schema takes.
        refusal: What is raised where the database cannot be used.
    """

    migrations: Path
    version_table: str
    lock: int
    refusal: type[Exception]

    def config(self, connection: sa.Connection | None = None) -> Config:
        """Returns what Alembic is to know; its `env.py` finds the attributes in it."""
        attributes = {"connection": connection, "version_table": self.version_table}
        config = Config(attributes=attributes)
        config.set_main_option("script_location", str(self.migrations))
        return config


class Database:
    """A database with the tables of a schema.

    Args:
        schema: The tables.
        file: SQLite's, if no other database is named.
        url: Of another one, such as `postgresql://user:password@host/name`.

    Raises:
        Exception: The schema's `refusal`: the URL is none.
    """

    def __init__(self, schema: Schema, file: Path, url: str | None = None) -> None:
        self._schema = schema
        self._url = self._parsed(url) if url else sa.URL.create("sqlite", database=str(file))
        self._engine: sa.Engine | None = None

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    @property
    def exists(self) -> bool:
        """Whether there may be anything in it: not in a file that is not there."""
        path = self._path
        return path is None or path.exists()

    @property
    def _path(self) -> Path | None:
        if self._url.get_backend_name() != "sqlite":
            return None
        return Path(self._url.database or "")

    def at(self, file: Path) -> "Database":
        """Returns a database of the same tables in a file of SQLite's."""
        return Database(self._schema, file)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Opens a transaction, which is kept as a whole or not at all; one after the other.

        Raises:
            Exception: The schema's `refusal`: the database cannot be used.
        """
        engine = self._opened()
        with self._told(), engine.begin() as connection:
            self._lock(connection)
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Opens a transaction that only reads, all of it at one moment, and waits for no writer.

        Raises:
            Exception: The schema's `refusal`: the database cannot be used.
        """
        engine = self._opened().execution_options(**{_READS: True})
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
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
                self._migrate(engine)
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
            raise self._schema.refusal(f"{self}: cannot be used: {reason}") from error

    def _lock(self, connection: sa.Connection) -> None:
        """Has nobody else write until the transaction ends, as SQLite's own transactions do."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(self._schema.lock)))

    def _migrate(self, engine: sa.Engine) -> None:
        head = ScriptDirectory.from_config(self._schema.config()).get_current_head()
        options = {"version_table": self._schema.version_table}
        with engine.connect() as connection:
            if MigrationContext.configure(connection, opts=options).get_current_revision() == head:
                return
        with engine.begin() as connection:
            self._lock(connection)
            try:
                command.upgrade(self._schema.config(connection), "head")
            except CommandError as error:
                raise self._schema.refusal(
                    f"{self}: its tables are those of another version of this code ({error})."
                ) from error

    def _parsed(self, url: str) -> sa.URL:
        try:
            parsed = sa.make_url(url)
            backend = parsed.get_backend_name()
        except ArgumentError:
            backend = ""
        if backend in ("postgresql", "postgres"):
            return parsed.set(drivername="postgresql+psycopg")
        if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
            return parsed
        raise self._schema.refusal(
            f"The URL of the database (--database, {VARIABLE}) should be "
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
