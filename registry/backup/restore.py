"""The way back from a backup: all of it, or nothing, wherever it is interrupted.

Everything is copied and checked beside what there is. Then a journal is written; from that moment
on, whichever command of the registry runs next completes what the journal tells, every step of
which may be done twice.
"""

import argparse
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from framework.adapters.bentoml import home_folder
from framework.files import write_whole
from framework.record.folder import RecordFolder, held
from registry.backup.archive import extract
from registry.backup.databases import LABELS, Kept, kept_databases
from registry.backup.save import CONFIGURATION, record_files, record_parts, require_kind
from registry.backup.staging import FOLDER, emptied, locked
from registry.commands import Answer, Registry
from registry.errors import RegistryError

_JOURNAL, _CONTENT = "journal.json", "content"
_ASIDE = ".before"


class _Journal(BaseModel):
    """What is to be completed.

    Attributes:
        record: Folder of the record; none if the backup has none.
        databases: Where rows go, without passwords.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: Path | None
    databases: list[str]


def restore(_: Registry, options: argparse.Namespace) -> Answer:
    """Puts the content of a backup into a home and a record that are empty, or replaces theirs."""
    files = restore_into(
        home_folder(),
        options.source,
        options.record and options.record.resolve(),
        options.database,
        replace=options.replace,
    )
    data = {"source": options.source, "files": len(files)}
    return Answer(data, ("restored from", "files"), [(options.source, f"{len(files):,}")])


def restore_into(
    home: Path, source: str, record: Path | None, url: str | None, *, replace: bool
) -> dict[str, str]:
    """Restores a backup.

    Args:
        home: BentoML's home.
        source: The archive.
        record: Folder of the record, where the backup has one.
        url: The database, if it is not SQLite's files.
        replace: Whether what there is may go.

    Returns:
        File of the archive → SHA-256.

    Raises:
        RegistryError: The archive is damaged or of another kind, or something is there already;
            nothing has changed then.
        MonitoringError: The database of the labels cannot be used.
    """
    with locked(home) as folder:
        with emptied(folder):
            content = folder / _CONTENT
            files = extract(source, content)
            require_kind(content, "backup")
            record = _wanted_record(files, record)
            databases = kept_databases(home, record, url)
            _require_parts(content, files, databases)
            _require_place(home, content, record, databases, replace=replace)
            _stage(content, record)
            journal = _Journal(record=record, databases=[str(one.database) for one in databases])
            # The journal is not to be on the disk before what it promises.
            os.sync()
            write_whole(
                folder / _JOURNAL, lambda file: file.write(journal.model_dump_json().encode())
            )
        _complete(home, folder, journal, databases)
    return files


def resume(home: Path, url: str | None) -> None:
    """Completes a restore that was interrupted, if there is one.

    Raises:
        RegistryError: It cannot be: another process restores, or the database is another one.
        MonitoringError: The database of the labels cannot be used.
    """
    if not (home / FOLDER / _JOURNAL).exists():
        return
    with locked(home) as folder:
        path = folder / _JOURNAL
        if not path.exists():
            return
        journal = _Journal.model_validate_json(path.read_bytes())
        databases = kept_databases(home, journal.record, url)
        if [str(one.database) for one in databases] != journal.databases:
            raise RegistryError(
                f"A restore into {journal.databases[0]} was interrupted: name this database "
                "(--database), and it will be completed."
            )
        _complete(home, folder, journal, databases)


def _complete(home: Path, folder: Path, journal: _Journal, databases: Sequence[Kept]) -> None:
    for kept in databases:
        kept.load(folder / _CONTENT)
    for staged, place in _moves(home, folder / _CONTENT, journal.record):
        aside = staged.with_name(staged.name + _ASIDE)
        if place.exists():
            _remove(aside)
            place.rename(aside)
        place.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(place)
    (folder / _JOURNAL).unlink()
    shutil.rmtree(folder)
    if journal.record is not None:
        shutil.rmtree(journal.record / FOLDER, ignore_errors=True)


def _moves(home: Path, content: Path, record: Path | None) -> Iterator[tuple[Path, Path]]:
    """Gives what has not been moved yet, and where to."""
    found = [(path, home / "models" / path.name) for path in (content / "models").glob("*")]
    found.append((content / CONFIGURATION, home / CONFIGURATION))
    if record is not None:
        found += [(part, record / part.name) for part in record_parts(record / FOLDER)]
    for staged, place in found:
        if staged.exists() and staged.suffix != _ASIDE:
            yield staged, place


def _require_parts(content: Path, files: Collection[str], databases: Sequence[Kept]) -> None:
    names = [CONFIGURATION, *(kept.name for kept in databases)]
    if missing := [name for name in names if name not in files]:
        raise RegistryError(f"The archive lacks {', '.join(missing)}. Nothing was changed.")
    for kept in databases:
        kept.require_readable(content)


def _wanted_record(files: Collection[str], record: Path | None) -> Path | None:
    if LABELS not in files:
        return None
    if record is None:
        raise RegistryError(
            "The backup has a record: say where it goes (--record FOLDER). Nothing was changed."
        )
    return record


def _require_place(
    home: Path, content: Path, record: Path | None, databases: Sequence[Kept], *, replace: bool
) -> None:
    if record is not None:
        for file in RecordFolder(record).spool_files():
            with held(file.path) as is_free:
                if file.is_open and not is_free:
                    raise RegistryError(
                        f"A server is recording into {record}; stop it first. Nothing was changed."
                    )
    places = [place for _, place in _moves(home, content, None) if place.is_dir()]
    if record is not None and next(record_files(record), None):
        places.append(record)
    # Asked in any case: what cannot be read cannot be replaced either.
    full = [str(kept.database) for kept in databases if not kept.is_empty()]
    there = [*map(str, places), *full]
    if there and not replace:
        raise RegistryError(
            f"There is something already: {', '.join(there)}. Nothing was changed; restore into "
            "an empty home, or --replace what there is."
        )


def _stage(content: Path, record: Path | None) -> None:
    """Brings what goes into the record onto its disk, for its owner alone."""
    (content / CONFIGURATION).chmod(0o600)
    if record is None:
        return
    record.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = record / FOLDER
    shutil.rmtree(staged, ignore_errors=True)
    if (content / "record").exists():
        shutil.move(content / "record", staged)
    for path in staged.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    # What the backup has nothing of is to be empty, too.
    for part in record_parts(record):
        (staged / part.name).mkdir(mode=0o700, parents=True, exist_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
