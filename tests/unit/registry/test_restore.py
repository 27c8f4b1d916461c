"""Restoring: all or nothing, wherever it is killed, in both databases."""

import contextlib
import fcntl
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from framework.record.folder import OPEN
from registry.backup.archive import writing
from registry.backup.restore import restore_into, resume
from registry.backup.save import ABOUT, CONFIGURATION, about
from registry.errors import RegistryError
from registry.events import Change
from registry.history import History
from tests.postgres import Postgres
from tests.unit.registry.backups import Place

CHANGING = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "sqlite3.connect"}


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """A backup."""
    source = Place(tmp_path / "source" / "home", tmp_path / "source" / "record")
    source.fill("new")
    return source.save(tmp_path / "source" / "backup.tar")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where it goes."""
    return Place(tmp_path / "home", tmp_path / "record")


def restored(place: Place, archive: str, *, replace: bool = False) -> None:
    restore_into(place.home, archive, place.record, place.url, replace=replace)


def restored_but_killed(place: Place, archive: str, at: int) -> bool:
    """Restores in a process that is killed before it changes something for the n-th time."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            left = at

            def count(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal left
                writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
                if event in CHANGING or writes:
                    left -= 1
                    if not left:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            restored(place, archive, replace=True)
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


@pytest.mark.parametrize("is_full", [False, True])
def test_killed_anywhere_it_has_not_happened_or_is_completed(
    tmp_path: Path, archive: str, is_full: bool
) -> None:
    origin = Place(tmp_path / "origin" / "home", tmp_path / "origin" / "record")
    for folder in (origin.home, origin.record):
        folder.mkdir(parents=True)
    if is_full:
        origin.fill("old")
    old = origin.state()
    done = Place(tmp_path / "done" / "home", tmp_path / "done" / "record")
    restored(done, archive)
    new = done.state()
    assert new != old

    happened = []
    at = 1
    while True:
        root = tmp_path / str(at)
        shutil.copytree(tmp_path / "origin", root)
        place = Place(root / "home", root / "record")
        if not restored_but_killed(place, archive, at):
            break
        resume(place.home, None)
        state = place.state()
        happened.append(state == new)
        assert state in (old, new), f"killed at {at}"
        if not happened[-1] and at % 8 == 0:
            # What was left lying about is in nobody's way.
            restored(place, archive, replace=True)
            assert place.state() == new
        shutil.rmtree(root)
        at += 1
    # There is one moment at which it happens.
    assert happened == sorted(happened)
    assert not happened[0]
    assert happened[-1]
    assert place.state() == new
    assert not (place.home / ".restore").exists()
    assert not (place.record / ".restore").exists()


@pytest.mark.parametrize("to_postgres", [False, True])
def test_rows_go_from_any_database_to_any(
    tmp_path: Path, url: str, to_postgres: bool, request: pytest.FixtureRequest
) -> None:
    source = Place(tmp_path / "a", tmp_path / "ar", url)
    source.fill("new", labels=2_345)
    archive = source.save(tmp_path / "backup.tar.gz")
    new = None
    if to_postgres:
        postgres: Postgres = request.getfixturevalue("postgres")
        new = postgres.new_database()
    target = Place(tmp_path / "b", tmp_path / "br", new)

    restored(target, archive)

    assert target.state() == source.state()
    history = History(target.home, target.url)
    assert history.register(Change("register", "challenger", "one:next", {}))
    assert [event.number for event in history.events()] == [1, 2]


def test_what_is_there_stays_unless_asked(place: Place, archive: str) -> None:
    place.fill("old")
    old = place.state()

    with pytest.raises(RegistryError, match=r"already: .*models/one.*--replace"):
        restored(place, archive)
    assert place.state() == old

    restored(place, archive, replace=True)
    assert place.state() != old
    assert not (place.record / "spool" / "old-1.log").exists()


@pytest.mark.parametrize("part", ["models", "record", "history"])
def test_each_part_counts_as_there(tmp_path: Path, place: Place, archive: str, part: str) -> None:
    place.fill("old")
    empty = Place(tmp_path / "other", tmp_path / "other-record")
    mixed = {
        "models": Place(place.home, empty.record),
        "record": Place(empty.home, place.record),
        "history": Place(empty.home, empty.record, f"sqlite:///{place.home / 'registry.db'}"),
    }[part]

    with pytest.raises(RegistryError, match="There is something already"):
        restored(mixed, archive)


def test_a_damaged_archive_is_refused_before_anything_is_touched(
    place: Place, archive: str
) -> None:
    place.fill("old")
    old = place.state()
    content = bytearray(Path(archive).read_bytes())
    content[content.index(b"newnew")] ^= 1
    Path(archive).write_bytes(content)

    with pytest.raises(RegistryError, match=r"model\.txt changed\. Nothing was changed"):
        restored(place, archive, replace=True)

    assert place.state() == old
    assert not (place.home / ".restore").exists()


def test_a_record_needs_a_folder_and_no_server(place: Place, archive: str) -> None:
    with pytest.raises(RegistryError, match="--record"):
        restore_into(place.home, archive, None, None, replace=True)
    (place.record / "spool").mkdir(parents=True)
    with (place.record / "spool" / f"host-1-1{OPEN}").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RegistryError, match="stop it first"):
            restored(place, archive, replace=True)


def test_two_do_not_restore_at_once(place: Place, archive: str) -> None:
    place.home.mkdir()
    with (place.home / "restore.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RegistryError, match="another process"):
            restored(place, archive)


def test_what_was_begun_in_one_database_is_not_completed_in_another(
    tmp_path: Path, archive: str
) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    at = 1
    while True:
        place = Place(tmp_path / f"home-{at}", tmp_path / f"record-{at}", elsewhere)
        restored_but_killed(place, archive, at)
        if (place.home / ".restore" / "journal.json").exists():
            break
        at += 5

    with pytest.raises(RegistryError, match=r"elsewhere\.db was interrupted"):
        resume(place.home, None)
    resume(place.home, elsewhere)

    assert History(place.home, elsewhere).events()


def test_a_backup_of_a_later_version_is_refused_before_anything_is_touched(
    tmp_path: Path, place: Place
) -> None:
    source = Place(tmp_path / "source" / "home", tmp_path / "source" / "record")
    source.fill("new")
    with sqlite3.connect(source.home / "registry.db") as connection:
        connection.execute("UPDATE registry_version SET version_num = '9999'")
    connection.close()
    target = str(tmp_path / "later.tar")
    with writing(target) as writer:
        writer.add_bytes(ABOUT, about("backup"))
        writer.add_bytes(CONFIGURATION, b"")
        writer.add("history.db", source.home / "registry.db")
    place.fill("old")
    old = place.state()

    with pytest.raises(RegistryError, match="another version of this code"):
        restored(place, target, replace=True)

    assert place.state() == old
    assert not (place.home / ".restore").exists()


def test_archives_of_another_kind_are_refused(tmp_path: Path, place: Place) -> None:
    kinds = {"model": "registry import", "cake": "not made here", "backup": "lacks"}
    for kind, said in kinds.items():
        target = str(tmp_path / f"{kind}.tar")
        with writing(target) as writer:
            writer.add_bytes(ABOUT, about(kind))
        with pytest.raises(RegistryError, match=said):
            restored(place, target)
