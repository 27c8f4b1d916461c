"""The windows that were judged of each version of a model, kept beside the record."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from framework.files import write_whole
from monitoring.drift.verdict import Window
from monitoring.errors import MonitoringError

KEPT = 12
"""Windows that are kept."""


class Judged(BaseModel):
    """What was judged.

    Attributes:
        windows: The windows, the last one last.
        known: Hashes of the records of the last one: sent again, they are nothing new.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: list[Window] = []
    known: frozenset[int] = frozenset()


@dataclass(frozen=True)
class History:
    """The file of one version of a model.

    Attributes:
        path: The file.
    """

    path: Path

    @classmethod
    def of(cls, record: Path, model: str, version: str) -> "History":
        """Returns the history in the folder of a record."""
        return cls(record / "drift" / model / f"{version}.json")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps others from judging the same windows meanwhile.

        Raises:
            MonitoringError: The folder cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise MonitoringError(
                f"{self.path.parent} cannot be written ({error.strerror}): what was found is kept "
                "there from one check to the next."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> Judged:
        """Returns what was judged.

        Raises:
            MonitoringError: The file cannot be read.
        """
        try:
            return Judged.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Judged()
        except ValidationError as error:
            raise MonitoringError(
                f"{self.path} cannot be read ({error.error_count()} faults): remove it, and the "
                "next check begins anew."
            ) from error

    def keep(self, judged: Judged) -> None:
        """Keeps what was judged, but for old windows: all of it or nothing is written."""
        kept = judged.model_copy(update={"windows": judged.windows[-KEPT:]})
        write_whole(self.path, lambda file: file.write(kept.model_dump_json().encode()))
