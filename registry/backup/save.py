"""The backup: models, history, record, labels and configuration, while a server writes."""

import argparse
import contextlib
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from framework import ModelRefusedError
from framework.adapters.bentoml import home_folder, model_store_folder, stored_versions
from framework.database import VARIABLE as DATABASE
from framework.files import TEMPORARY, alone
from framework.record.folder import OPEN
from registry.backup.archive import Writer, writing
from registry.backup.databases import kept_databases
from registry.commands import Answer, Registry
from registry.errors import RegistryError
from registry.versions import require_whole

ABOUT, CONFIGURATION = "about.json", "configuration.env"
FORMAT = 1
"""Of what is in an archive; a later one may be another."""
_SECRET = ("PASSWORD", "SECRET", "TOKEN")


def backup(registry: Registry, options: argparse.Namespace) -> Answer:
    """Copies models, history, record, labels and configuration to a folder, a .tar or a URL."""
    record: Path | None = options.record
    if record is not None and not record.is_dir():
        raise RegistryError(f"{record} is no folder; name that of the record (--record).")
    home = home_folder()
    with tempfile.TemporaryDirectory() as scratch, writing(options.target) as archive:
        archive.add_bytes(ABOUT, about("backup"))
        archive.add_bytes(CONFIGURATION, _configuration(os.environ))
        # A converter moves rows and labels from the spool to where they stay.
        with alone(record / "parquet") if record else contextlib.nullcontext():
            # The history before the models: it is not to know a version that is not there.
            for kept in kept_databases(home, record, options.database):
                archive.add(kept.name, kept.save(Path(scratch)))
            if record is not None:
                _add_record(archive, record)
        tags, damaged = _add_models(archive, registry.models)
    data = {"versions": tags, "left_out": damaged, "files": archive.sums, "bytes": archive.size}
    told = (", ".join(tags), ", ".join(damaged), f"{len(archive.sums):,}", f"{archive.size:,}")
    return Answer(data, ("versions", "left out", "files", "bytes"), [told], refused=bool(damaged))


def about(kind: str, **further: Any) -> bytes:
    """Returns what an archive says of itself.

    Args:
        kind: Of what it is a copy.
        **further: What else is to be known.
    """
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"kind": kind, "format": FORMAT, "made": made, **further}, indent=2).encode()


def require_kind(folder: Path, kind: str) -> dict[str, Any]:
    """Returns what an extracted archive says of itself.

    Raises:
        RegistryError: It is a copy of something else.
    """
    try:
        told: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
        found = (told["kind"], told["format"])
    except (OSError, ValueError, KeyError, TypeError):
        found = ("", 0)
    if found != (kind, FORMAT):
        other = {"backup": "restore", "model": "import"}.get(found[0])
        hint = f"`python -m registry {other}` takes it" if other else "it was not made here"
        raise RegistryError(
            f"The archive is no {kind} of format {FORMAT}, but {found[0] or 'something'} of format "
            f"{found[1]}: {hint if found[1] == FORMAT or not other else 'use a newer version'}."
        )
    return told


def record_parts(record: Path) -> list[Path]:
    """Returns the folders of a record, beside which its databases are."""
    return [path for path in sorted(record.glob("[!.]*")) if path.is_dir()]


def record_files(record: Path) -> Iterator[Path]:
    """Gives the files of a record but its databases and what is being written."""
    for part in record_parts(record):
        for path in sorted(part.rglob("*")):
            is_written = path.suffix in (".lock", ".new", TEMPORARY) or path.name.endswith(OPEN)
            if not (path.is_dir() or path.name.startswith(".") or is_written):
                yield path


def _add_record(archive: Writer, record: Path) -> None:
    for path in record_files(record):
        # A server that is out of room deletes the oldest of its files, and counts that.
        with contextlib.suppress(FileNotFoundError):
            archive.add(f"record/{path.relative_to(record)}", path)


def _add_models(archive: Writer, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Copies the versions that are as they were stored; returns their tags, and those of others."""
    copied: list[str] = []
    damaged: list[str] = []
    for name in names:
        for stored in stored_versions(name):
            try:
                files = require_whole(stored)
            except ModelRefusedError as error:
                print(f"Left out: {error}", file=sys.stderr)
                damaged.append(str(stored.tag))
                continue
            add_version(archive, stored, files)
            copied.append(str(stored.tag))
        # BentoML's note of the newest; it makes another one if that was left out.
        latest = model_store_folder() / name / "latest"
        if latest.exists():
            archive.add(f"models/{name}/latest", latest)
    return copied, damaged


def add_version(archive: Writer, stored: Any, files: Mapping[str, str]) -> None:
    """Copies the files of a version.

    Raises:
        RegistryError: One has changed since its hash was taken.
    """
    for file, digest in files.items():
        name = f"models/{stored.tag.name}/{stored.tag.version}/{file}"
        archive.add(name, Path(stored.path) / file)
        if archive.sums[name] != digest:
            raise RegistryError(f"{file} of {stored.tag} changed while it was copied; try again.")


def _configuration(environment: Mapping[str, str]) -> bytes:
    lines = []
    for name, value in sorted(environment.items()):
        ours = name.startswith("MODEL_SERVER_") or name.endswith("_MODEL")
        if not (ours or name in ("MODELS", "BENTOML_CONFIG")) or name.endswith(_SECRET):
            continue
        with contextlib.suppress(sa.exc.ArgumentError):
            shown = sa.make_url(value).render_as_string() if name == DATABASE else value
            lines.append(f"{name}={shlex.quote(shown)}\n")
    return "".join(lines).encode()
