"""The file that says who may ask: written by `python -m security`, read by every worker."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from framework.access.scopes import require_scope
from framework.files import alone, write_whole

VARIABLE = "MODEL_SERVER_KEYS"
"""Environment variable that names the file."""

MOST = 1_000
"""Credentials that a file may hold: each has metrics of its own."""

_WRITABLE_BY_OTHERS = 0o022


class KeyFileError(Exception):
    """The file cannot be used; the message names it and says why and what to do."""


class Credential(BaseModel):
    """Who may ask, and what.

    Attributes:
        id: What lists, logs and metrics call it.
        name: Whose it is, for people.
        scopes: What it allows.
        created: When it was made.
        expires: When it ends to be taken; never if there is no time.
        revoked: When somebody revoked it, if somebody did.
        rate: Rows a second that it may ask for; the server's own limit if there is none.
        burst: Rows that it may ask for at once; what comes in ten seconds if there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]{8}$")
    name: str = Field(min_length=1, max_length=128)
    scopes: tuple[Annotated[str, AfterValidator(require_scope)], ...] = Field(min_length=1)
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    rate: float | None = Field(default=None, gt=0, le=1e9, allow_inf_nan=False)
    burst: int | None = Field(default=None, gt=0, le=10**9)

    @model_validator(mode="after")
    def _burst_has_a_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError(f"{self.id} has a burst without a rate")
        return self


class Key(Credential):
    """An API key.

    Attributes:
        sha256: Its digest; the key itself is kept nowhere.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Certificate(Credential):
    """A client's certificate, as the server's authorities have signed it.

    Attributes:
        subject: A name that the certificate bears: an alternative name (URI, DNS, e-mail), or
            else its common name.
    """

    subject: str = Field(min_length=1, max_length=512)


class KeyFile(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[Key, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """All of them."""
        return (*self.keys, *self.certificates)

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        if len(self.credentials) > MOST:
            raise ValueError(f"there are more than {MOST:,} keys and certificates")
        ids = [one.id for one in self.credentials]
        if twice := {one for one in ids if ids.count(one) > 1}:
            raise ValueError(f"the id {min(twice)} is there twice")
        return self


def read_key_file(path: Path) -> KeyFile:
    """Reads the file.

    Raises:
        KeyFileError: It is missing or broken, or others may write it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except FileNotFoundError:
        raise KeyFileError(
            f"{path} is missing: `python -m security create-key --keys {path} --name NAME "
            "--scopes SCOPES` makes it"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read ({error.strerror})") from None
    if mode & _WRITABLE_BY_OTHERS:
        raise KeyFileError(f"{path} can be written by others than its owner: chmod 600 {path}")
    try:
        return KeyFile.model_validate_json(content)
    except ValidationError as error:
        raise KeyFileError(f"{path} is not a key file ({_problem(error)})") from None


def change_key_file(path: Path, change: Callable[[KeyFile], KeyFile]) -> None:
    """Changes the file, which is made if it is missing; a reader finds it as before, or after.

    It stays whose it was: a server that runs as another user than whoever changes it goes on
    reading it. Whoever changes it at the same time waits.

    Args:
        path: The file.
        change: Returns what it is to hold, of what it holds.

    Raises:
        KeyFileError: It is broken, or cannot be written; it is as before.
    """
    try:
        with alone(path.parent):
            changed = change(read_key_file(path) if path.exists() else KeyFile())
            # Checked as a reader will: nobody shall find it broken.
            content = KeyFile.model_validate(changed.model_dump()).model_dump_json(
                indent=2, exclude_none=True
            )

            def write(file: IO[bytes]) -> None:
                file.write(f"{content}\n".encode())
                if path.exists():
                    _share(file.fileno(), path.stat())

            write_whole(path, write)
    except ValidationError as error:
        raise KeyFileError(f"{path} is left as it is: {_problem(error)}") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written ({error.strerror})") from None


def _share(descriptor: int, former: os.stat_result) -> None:
    """Gives a file to the owner and the group of a former one; the group reads it if it did."""
    os.fchown(descriptor, former.st_uid, former.st_gid)
    os.fchmod(descriptor, 0o600 | (former.st_mode & 0o040))


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
