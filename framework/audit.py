"""The audit log: who did what, when, and how it ended; one line of JSON each, only ever added.

It holds who was refused, and what changed what is served or who may ask: never an input, an answer
or a secret. Commands write it themselves; a server has a thread that does.
"""

import contextlib
import getpass
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

import msgspec
from concurrent_log_handler import ConcurrentRotatingFileHandler

VARIABLE = "MODEL_SERVER_AUDIT"
"""Environment variable that names the file; nothing is written where it is not set."""

_USER_IN_URL = re.compile(r"//[^/\s]*@")

FILE_BYTES, FILES = 16 * 2**20, 9
"""Size at which the file begins anew, and how many older ones are kept (`FILE.1` the newest)."""

Outcome = Literal["done", "refused", "failed"]


class AuditError(Exception):
    """The audit log cannot be written; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """What happened.

    Attributes:
        who: Who acted: id of a key, or user and host; empty if nobody knows.
        action: What was done or asked for: `promote`, `create-key`, `NAME:predict`.
        subject: To what: the tag of a model, the id of a key, a path.
        outcome: How it ended.
        reason: Why, by a person's words or an error's code.
        address: Address that it came from, over a network.
        protocol: Protocol that it came by.
        request_id: Id of the request.
        count: How many of the kind this line stands for.
    """

    who: str
    action: str
    subject: str = ""
    outcome: Outcome
    reason: str = ""
    address: str = ""
    protocol: str = ""
    request_id: str = ""
    count: int = 1


class AuditLog:
    """A file that several processes add lines to.

    Args:
        path: The file; it is made with mode 0600.

    Raises:
        AuditError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        try:
            self._path.touch(0o600)
            self._file = _File(
                str(self._path),
                maxBytes=FILE_BYTES,
                backupCount=FILES,
                encoding="utf-8",
                chmod=0o600,
            )
        except OSError as error:
            raise self._failure(error) from None

    @classmethod
    def of_environment(cls) -> Self | None:
        """Opens the file that the environment names, if it names one.

        Raises:
            AuditError: It cannot be written.
        """
        path = os.environ.get(VARIABLE)
        return cls(Path(path)) if path else None

    def write(self, event: AuditEvent) -> None:
        """Adds a line.

        Raises:
            AuditError: It cannot be written.
        """
        told: dict[str, object] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        for field in fields(event):
            value = getattr(event, field.name)
            if value not in ("", field.default):
                told[field.name] = value
        line = msgspec.json.encode(told).decode()
        try:
            self._file.emit(logging.LogRecord("", logging.INFO, "", 0, line, None, None))
        except OSError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Closes the file."""
        # What there is no room for was told as such.
        with contextlib.suppress(OSError):
            self._file.close()

    def _failure(self, error: OSError) -> AuditError:
        return AuditError(
            f"The audit log {self._path} cannot be written ({error.strerror or error}): name "
            f"another file in {VARIABLE}, or make room there."
        )


@dataclass
class Deed:
    """What somebody does here, while they do it.

    Attributes:
        subject: To what; it may become known only then.
        reason: Why.
    """

    subject: str
    reason: str = ""


@contextlib.contextmanager
def audited(
    action: str, subject: str, reason: str = "", *, refusals: tuple[type[Exception], ...]
) -> Iterator[Deed]:
    """Tells the audit log that the environment names, if any, how what somebody does here ends.

    Args:
        action: What it is.
        subject: To what it is done; user and password of a URL are left out.
        reason: Why.
        refusals: Errors that say why it cannot be done; it has failed for any other.

    Raises:
        AuditError: The log cannot be written; nothing was done if it could not be opened.
    """
    deed = Deed(subject, reason)
    log = AuditLog.of_environment()
    if log is None:
        yield deed
        return

    def tell(outcome: Outcome, reason: str) -> None:
        log.write(
            AuditEvent(
                who=acting_user(),
                action=action,
                subject=_without_user(deed.subject),
                outcome=outcome,
                reason=_without_user(reason),
            )
        )

    try:
        yield deed
    except refusals as error:
        tell("refused", str(error))
        raise
    except BaseException as error:
        tell("failed", type(error).__name__)
        raise
    else:
        tell("done", deed.reason)
    finally:
        log.close()


def _without_user(text: str) -> str:
    return _USER_IN_URL.sub("//", text)


def acting_user() -> str:
    """Returns user and host of this process, as far as the system knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


class _File(ConcurrentRotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name in logging
        """Lets the writer hear of it, who decides what follows."""
        error = sys.exception()
        if error is not None:
            raise error
