"""What the commands do, apart from how they are asked for and told."""

import argparse
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from framework.access.key_file import (
    Certificate,
    Credential,
    Key,
    KeyFile,
    KeyFileError,
    change_key_file,
    read_key_file,
)
from framework.access.keys import digest, new_id, new_key

COLUMNS = ("id", "kind", "name", "scopes", "created", "expires", "state")

_SPAN = re.compile(r"([1-9][0-9]{0,4})([dh])")
C = TypeVar("C", bound=Credential)


def create_key(
    path: Path,
    name: str,
    scopes: Sequence[str],
    expires: datetime | None,
    rate: float | None = None,
    burst: int | None = None,
) -> tuple[str, str]:
    """Makes a key; returns it, and its id.

    Args:
        path: The file.
        name: Whose it is.
        scopes: What it allows.
        expires: When it ends to be taken.
        rate: Rows a second; the server's limit if there is none.
        burst: Rows at once.

    Raises:
        KeyFileError: The file is broken or cannot be written.
    """
    own_id = new_id()
    key = new_key(own_id)
    made = Key(
        id=own_id,
        name=name,
        sha256=digest(key),
        scopes=tuple(scopes),
        created=_now(),
        expires=expires,
        rate=rate,
        burst=burst,
    )
    change_key_file(path, lambda held: held.model_copy(update={"keys": (*held.keys, made)}))
    return key, own_id


def allow_certificate(
    path: Path, subject: str, name: str, scopes: Sequence[str], expires: datetime | None
) -> str:
    """Lets those ask who have a certificate of a name; returns the id of this.

    Raises:
        KeyFileError: The file is broken or cannot be written, or has this name already.
    """
    made = Certificate(
        id=new_id(),
        name=name,
        subject=subject,
        scopes=tuple(scopes),
        created=_now(),
        expires=expires,
    )

    def add(held: KeyFile) -> KeyFile:
        standing = (one for one in held.certificates if not one.revoked)
        if former := next((one for one in standing if one.subject == subject), None):
            raise KeyFileError(f"{path} allows {subject} as {former.id}; revoke that first")
        return held.model_copy(update={"certificates": (*held.certificates, made)})

    change_key_file(path, add)
    return made.id


def list_credentials(path: Path) -> list[dict[str, Any]]:
    """Returns what is known of each credential, by `COLUMNS`; times in ISO 8601.

    Raises:
        KeyFileError: The file is missing or broken.
    """
    return [
        {
            "id": one.id,
            "kind": one.subject if isinstance(one, Certificate) else "key",
            "name": one.name,
            "scopes": ",".join(one.scopes),
            "created": one.created.isoformat(),
            "expires": one.expires.isoformat() if one.expires else None,
            "state": _state(one),
        }
        for one in read_key_file(path).credentials
    ]


def revoke(path: Path, ids: Collection[str]) -> None:
    """Revokes credentials: all of these, or none.

    Raises:
        KeyFileError: The file is broken or cannot be written, or knows none of an id.
    """

    def mark(held: KeyFile) -> KeyFile:
        if unknown := set(ids) - {one.id for one in held.credentials}:
            raise KeyFileError(
                f"{path} has no {', '.join(sorted(unknown))}; `python -m security list` tells the "
                "ids. Nothing was revoked."
            )
        return KeyFile(keys=_revoked(held.keys, ids), certificates=_revoked(held.certificates, ids))

    change_key_file(path, mark)


def end_time(given: str) -> datetime:
    """Reads when something ends: `90d`, `12h`, a date (UTC, its beginning) or a time.

    Raises:
        ArgumentTypeError: It is none, or past.
    """
    if span := _SPAN.fullmatch(given):
        return _now() + timedelta(**{{"d": "days", "h": "hours"}[span[2]]: int(span[1])})
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given!r} is no time: 90d, 12h, 2027-01-31 or 2027-01-31T12:00Z"
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found <= _now():
        raise argparse.ArgumentTypeError(f"{given} is past")
    return found


def _revoked(held: tuple[C, ...], ids: Collection[str]) -> tuple[C, ...]:
    now = _now()
    return tuple(
        one.model_copy(update={"revoked": now}) if one.id in ids and not one.revoked else one
        for one in held
    )


def _state(one: Credential) -> str:
    if one.revoked:
        return f"revoked {one.revoked.isoformat()}"
    return "expired" if one.expires and one.expires <= _now() else "valid"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
