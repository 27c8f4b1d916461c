"""Fields that are left out of the record, or only their hashes kept in it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

from framework.fields import FieldSpec
from framework.record.frames import REDACTED, EntryTuple
from serving.batching.computation import Chunk

KEY_FILE = "hash.key"
_KEY_BYTES, _HASH_BYTES = 32, 16
_encode = msgspec.msgpack.Encoder().encode


def hash_key(folder: Path) -> bytes:
    """Returns the key of a record's hashes: without it, nobody can try which value has which hash.

    It is made once, whichever process comes first.

    Raises:
        OSError: It can neither be read nor be made.
    """
    path = folder / KEY_FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        descriptor, name = tempfile.mkstemp(prefix=f"{KEY_FILE}.", dir=folder)
        made = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_bytes()


class Redaction:
    """What is left of the records of a model that has private fields.

    Args:
        fields: The fields of a record.
        folder: Where the record lies, and the key of its hashes.
    """

    def __init__(self, fields: Sequence[FieldSpec], folder: Path) -> None:
        self._folder = folder
        self._omitted = {field.name for field in fields if field.recorded == "omit"}
        self._hashed = [field.name for field in fields if field.recorded == "hash"]
        self._key = b""

    def of(self, rows: Chunk) -> list[dict[str, Any]]:
        """Returns records as dictionaries, without the fields to omit.

        Raises:
            OSError: There is no key.
        """
        if self._hashed and not self._key:
            self._key = hash_key(self._folder)
        return [self._row(row) for row in rows]

    def _row(self, row: BaseModel) -> dict[str, Any]:
        content = row.model_dump(mode="json", exclude=self._omitted)
        for name in self._hashed:
            if content.get(name) is not None:
                value = _encode(content[name])
                hashed = blake2b(value, key=self._key, digest_size=_HASH_BYTES)
                content[name] = hashed.hexdigest()
        return content


@dataclass(frozen=True)
class Unread:
    """A request with private fields, before they have been taken out.

    Attributes:
        body: As it came.
        headers: With it.
        read: Returns its rows.
        redaction: What is left of them.
    """

    body: bytes
    headers: dict[bytes, bytes]
    read: Callable[[bytes, dict[bytes, bytes]], Chunk]
    redaction: Redaction

    def __len__(self) -> int:
        return len(self.body)


def redacted(entries: Sequence[EntryTuple]) -> list[EntryTuple]:
    """Returns entries without what is private."""
    return list(_redacted(entries))


def _redacted(entries: Sequence[EntryTuple]) -> Iterator[EntryTuple]:
    for entry in entries:
        *head, content_type, body, answer = entry
        if isinstance(body, Unread):
            rows = _encode(body.redaction.of(body.read(body.body, body.headers)))
            yield (*head, f"{content_type}{REDACTED}", rows, answer)  # type: ignore[misc]
        else:
            yield entry
