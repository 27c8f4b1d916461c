"""What the workers of running servers serve: told in files below BentoML's home.

Each worker has a file of its own in the folder of its server, and a lock that ends with its
process, however that ends. `python -m registry` waits by them until a promotion has been taken
over, a worker by them for its siblings.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from framework.pointer import Alias

FOLDER = "servers"
_STATE, _LOCK, _ORDERS = ".json", ".lock", "orders"
# What a server leaves behind that was killed; one whose only worker is being replaced does not wait
# so long.
_FORGOTTEN_SECONDS = 86_400.0


Progress = Literal["READY", "LOADING", "UNAVAILABLE"]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(_Written):
    """What a worker should serve of a model, and who says so.

    Attributes:
        tag: Exact tag in the BentoML store; None: nothing, the model is to be unloaded.
        event: Number of the event in the registry's history that it follows from; 0 if none does.
        order: Number of the order, given to the server itself, that it follows from; 0 if none
            does.
    """

    tag: str | None
    event: int = 0
    order: int = 0


class BesideState(_Written):
    """What has become of a canary or shadow.

    Attributes:
        event: Number of the event in the registry's history that it follows from.
        reason: Why it answers nothing; empty if it does, or has no share.
    """

    event: int
    reason: str = ""


class ModelState(_Written):
    """What a worker serves of a model that is not pinned.

    Attributes:
        tag: Exact tag in the BentoML store; None if it is unloaded.
        target: What it should serve, as far as it knows; None if nobody has told.
        state: Whether that has come about: `READY`, `LOADING`, or `UNAVAILABLE`: it cannot, and
            what has been served before still is.
        reason: Why it cannot.
        beside: Alias → the version that answers some requests beside it.
    """

    tag: str | None
    target: Target | None = None
    state: Progress = "READY"
    reason: str = ""
    beside: dict[Alias, BesideState] = {}


class WorkerState(_Written):
    """What a worker serves.

    Attributes:
        models: Name → its state.
    """

    models: dict[str, ModelState] = {}


class Orders(_Written):
    """What a server was told to serve, whatever the registry said at that time.

    Attributes:
        models: Name → what to serve, as long as the registry's event stays what it was.
    """

    models: dict[str, Target] = {}


class ServerFolder:
    """The files of one server.

    Args:
        path: Their folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_worker(cls, home: Path, shared: Path | None) -> "ServerFolder | None":
        """Makes the folder of this worker's server.

        Args:
            home: BentoML's home.
            shared: What the workers of the server share; None: nothing, it has but one.

        Returns:
            It lies in the home or, if that cannot be written, in `shared`, where only the siblings
            find it; None if neither can be written.
        """
        name = f"worker-{os.getpid()}" if shared is None else shared.name
        for path in (home / FOLDER / name, *([] if shared is None else [shared / FOLDER])):
            with contextlib.suppress(OSError):
                path.mkdir(parents=True, exist_ok=True)
                if os.access(path, os.W_OK):
                    return cls(path)
        return None

    def join(self, name: str) -> int:
        """Enters a worker, for as long as its process lives; returns what keeps it in.

        Args:
            name: Its name, of which the server has no other.

        Raises:
            OSError: The folder cannot be written.
        """
        beside = self.path / f"{name}.new"
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Not before it is locked is it there for others.
        beside.rename(self.path / f"{name}{_LOCK}")
        return descriptor

    def write(self, name: str, state: WorkerState) -> None:
        """Tells what a worker serves.

        Raises:
            OSError: It cannot be written.
        """
        self._replace(f"{name}{_STATE}", state)

    def living(self) -> dict[str, WorkerState]:
        """Returns what the workers that live have told, by their names."""
        return {name: state for name, state in self._told() if self._lives(name)}

    def states(self, name: str) -> list[ModelState]:
        """Returns what the workers that live serve of a model, of those that follow the registry.

        Args:
            name: Name of the model.
        """
        return [one.models[name] for one in self.living().values() if name in one.models]

    def latest(self) -> list[WorkerState]:
        """Returns what workers have told: those that live first, then the last to write."""
        found = [(self._lives(name), self._written(name), state) for name, state in self._told()]
        return [state for *_, state in sorted(found, key=lambda one: one[:2], reverse=True)]

    @property
    def orders_file(self) -> Path:
        """Where it is written what the server was told to serve."""
        return self.path / f"{_ORDERS}{_STATE}"

    def orders(self) -> Orders:
        """Returns what the server was told to serve."""
        try:
            return Orders.model_validate_json(self.orders_file.read_bytes())
        except (OSError, ValidationError):
            return Orders()

    def order(self, name: str, tag: str | None, event: int) -> Target:
        """Orders what is to be served of a model.

        Args:
            name: Name of the model.
            tag: Exact tag; None to unload it.
            event: Number of the registry's event that the champion of this moment follows from.

        Raises:
            OSError: It cannot be written.
        """
        with (self.path / f"{_ORDERS}{_LOCK}").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.orders().models
            number = 1 + max((one.order for one in before.values()), default=0)
            target = Target(tag=tag, event=event, order=number)
            self._replace(f"{_ORDERS}{_STATE}", Orders(models={**before, name: target}))
        return target

    def remove_if_forgotten(self) -> None:
        """Removes the folder if its server was killed long ago."""
        with contextlib.suppress(OSError):
            old = time.time() - self.path.stat().st_mtime > _FORGOTTEN_SECONDS
            if old and not any(self._lives(path.stem) for path in self.path.glob(f"*{_LOCK}")):
                for path in self.path.iterdir():
                    path.unlink()
                self.path.rmdir()

    def _told(self) -> Iterator[tuple[str, WorkerState]]:
        for path in self.path.glob(f"*{_STATE}"):
            # Removed at this moment, or another version's.
            with contextlib.suppress(OSError, ValidationError):
                if path.stem != _ORDERS:
                    yield path.stem, WorkerState.model_validate_json(path.read_bytes())

    def _lives(self, name: str) -> bool:
        try:
            with (self.path / f"{name}{_LOCK}").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _written(self, name: str) -> float:
        with contextlib.suppress(OSError):
            return (self.path / f"{name}{_STATE}").stat().st_mtime
        return 0.0

    def _replace(self, name: str, content: BaseModel) -> None:
        beside = self.path / f"{name}.new"
        beside.write_text(content.model_dump_json(), encoding="utf-8")
        beside.replace(self.path / name)


def server_folders(home: Path) -> list[ServerFolder]:
    """Returns the folders of the servers of a BentoML home, of those that ended too."""
    return [ServerFolder(path) for path in sorted((home / FOLDER).glob("*/"))]
