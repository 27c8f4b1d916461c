"""The history in its database: appended to in whole transactions, and never changed."""

import fcntl
import json
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from framework.audit import acting_user
from framework.database import Database, Schema
from framework.pointer import CHAMPION, Pointer, Standing, read_pointer, write_pointer
from framework.refusal import ModelRefusedError
from registry.errors import RegistryError
from registry.events import Change, Event, replay
from registry.tables import EVENTS

FILE, LOCK_FILE = "registry.db", "registry.lock"
SCHEMA = Schema(
    migrations=Path(__file__).parent / "migrations",
    version_table="registry_version",
    lock=4_713_201_127,
    refusal=RegistryError,
)


class History:
    """All events of a registry, and the pointer that servers of one BentoML home read.

    Args:
        home: BentoML's home.
        url: The database, if it is not SQLite's file in the home.

    Raises:
        RegistryError: The URL is none.
    """

    def __init__(self, home: Path, url: str | None = None) -> None:
        self._home = home
        self._database = Database(SCHEMA, home / FILE, url)

    def events(self, model: str | None = None) -> list[Event]:
        """Returns what happened, to one model or all, in order.

        Raises:
            RegistryError: The database cannot be used.
        """
        with self._database.reading() as connection:
            return _events(connection, model)

    def aliases(self) -> Pointer:
        """Returns the aliases of all models; see `events`."""
        return replay(self.events())

    def register(self, change: Change) -> bool:
        """Appends an event of a version that nobody has told of yet; returns whether it did.

        The first to become champion does: later ones are what they would be beside it.

        Raises:
            RegistryError: The database cannot be used.
        """
        with self._database.writing() as connection:
            events = _events(connection, change.model)
            held = replay(events).standing(change.model, CHAMPION)
            if any(event.change.after == change.after for event in events) or (
                change.alias == CHAMPION and held is not None
            ):
                return False
            _append(connection, change, events)
        return True

    def note(self, change: Change) -> None:
        """Appends what was found of a version and moves no alias.

        Raises:
            RegistryError: The database cannot be used.
        """
        assert change.alias is None
        with self._database.writing() as connection:
            _append(connection, change, [])

    def move(self, change: Change, expected: Standing | None) -> None:
        """Gives an alias to a version if it is still where it was when that was decided.

        Args:
            change: What is to happen.
            expected: What had the alias then.

        Raises:
            RegistryError: Somebody else was faster, or the database cannot be used; nothing has
                happened then.
        """
        assert change.alias is not None
        with self._database.writing() as connection:
            events = _events(connection, change.model)
            aliases = replay(events)
            if aliases.champions().get(change.model) == change.after:
                raise RegistryError(f"{change.after} is the champion of {change.model} already.")
            found = aliases.standing(change.model, change.alias)
            if found != expected:
                raise RegistryError(_lost(change, found, events))
            _append(connection, change, events)

    def publish(self) -> Pointer:
        """Brings the pointer up to date with the history, whoever was killed before he could.

        Raises:
            RegistryError: The database cannot be used, or the pointer not be written.
        """
        try:
            with (self._home / LOCK_FILE).open("a") as lock:
                # Read and written under the lock: of two processes, none writes what is older.
                fcntl.flock(lock, fcntl.LOCK_EX)
                pointer = self.aliases()
                if _written(self._home) != pointer:
                    write_pointer(self._home, pointer)
        except OSError as error:
            raise RegistryError(
                f"{self._home}: the pointer that servers read cannot be written "
                f"({error.strerror}); the history holds what has happened, and any later command "
                "writes the pointer."
            ) from error
        return pointer


def _written(home: Path) -> Pointer | None:
    try:
        return read_pointer(home)
    except ModelRefusedError:
        # Whatever it was, it is replaced.
        return None


def _events(connection: sa.Connection, model: str | None) -> list[Event]:
    query = sa.select(EVENTS).order_by(EVENTS.c.id)
    if model is not None:
        query = query.where(EVENTS.c.model == model)
    return [_event(row) for row in connection.execute(query)]


def _event(row: "sa.Row[Any]") -> Event:
    change = Change(
        action=row.action,
        alias=row.alias,
        after=row.after,
        files=json.loads(row.files),
        reason=row.reason,
        gate=row.gate and json.loads(row.gate),
        share=row.share,
    )
    return Event(number=row.id, time=row.time, who=row.who, before=row.before, change=change)


def _append(connection: sa.Connection, change: Change, events: list[Event]) -> None:
    held = change.alias and replay(events).standing(change.model, change.alias)
    values = {
        "model": change.model,
        "action": change.action,
        "alias": change.alias,
        "before": held.tag if held else None,
        "after": change.after,
        "who": acting_user(),
        "time": time.time_ns() // 1_000,
        "reason": change.reason,
        "gate": None if change.gate is None else json.dumps(change.gate),
        "files": json.dumps(change.files, sort_keys=True),
        "share": change.share,
    }
    connection.execute(sa.insert(EVENTS).values(values))


def _lost(change: Change, found: Standing | None, events: list[Event]) -> str:
    by = next((event for event in events if found and event.number == found.event), None)
    now = f"now it is {found.tag} (event {found.event}, by {by.who})" if found and by else ""
    return (
        f"{change.after} did not become {change.alias}: somebody changed the {change.alias} of "
        f"{change.model} meanwhile; {now or 'now there is none'}. Look at `python -m registry "
        f"history {change.model}` and decide anew."
    )
