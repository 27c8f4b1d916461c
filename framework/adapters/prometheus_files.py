"""prometheus_client's shared files, with their room on the disk taken before it is written to.

Apart from `framework.adapters.prometheus`, because prometheus_client is imported here.
"""

import contextlib
import logging
import os
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import _INITIAL_MMAP_SIZE, MmapedDict

__all__ = ["AllocatedDict", "use_allocated_files"]

logger = logging.getLogger("bentoml.serving")


class AllocatedDict(MmapedDict):
    """A file of metrics that is mapped into memory, and for which the disk has room.

    prometheus_client makes such a file larger without asking for room. On a full disk the kernel
    then ends the process (SIGBUS) at the first write to its memory: no exception, not a line in
    the log. Here the room is asked for. Where there is none, the process keeps these metrics to
    itself and goes on.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        memory = None
        if not read_mode and not Path(filename).exists():
            try:
                _make(Path(filename))
            except OSError as error:
                memory = _memory_instead(filename, error)
        try:
            super().__init__(_path(memory) if memory else filename, read_mode)  # type: ignore[no-untyped-call]
        finally:
            if memory:
                os.close(memory)
        self._file_name = filename
        self._f = _AllocatedFile(self._f, self)  # type: ignore[assignment]

    def move_to_memory(self, error: OSError) -> None:
        """Has the file's descriptor stand for memory with the same content from now on."""
        memory = _memory_instead(self._file_name, error)
        os.write(memory, self._m[:])
        os.dup2(memory, self._f.fileno())
        os.close(memory)


class _AllocatedFile:
    """The file of an `AllocatedDict`: it grows by room, not by name alone."""

    def __init__(self, file: Any, owner: AllocatedDict) -> None:
        self._owner = owner
        self.fileno = file.fileno
        self.close = file.close

    def truncate(self, size: int) -> None:
        try:
            os.posix_fallocate(self.fileno(), 0, size)
        except OSError as error:
            self._owner.move_to_memory(error)
            os.truncate(self.fileno(), size)


def use_allocated_files() -> None:
    """Has all metrics that are declared from now on share such files."""
    values.MmapedDict = AllocatedDict  # type: ignore[attr-defined]


def _make(path: Path) -> None:
    """Makes a file of the first size; no reader meets it half-made."""
    unready = path.with_suffix(".new")
    try:
        with unready.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _INITIAL_MMAP_SIZE)
        unready.replace(path)
    except OSError:
        unready.unlink(missing_ok=True)
        raise


def _memory_instead(filename: str, error: OSError) -> int:
    """Says so in the log, once, and returns the descriptor of a file in memory.

    What is on the disk goes: metrics that are absent mislead less than metrics that stand still.
    """
    if not _told:
        _told.append(filename)
        logger.error(
            "There is no room for the metrics of this worker in %s (%s): until it is replaced, "
            "/metrics lacks them.",
            Path(filename).parent,
            error.strerror,
        )
    with contextlib.suppress(OSError):
        Path(filename).unlink()
    return os.memfd_create("metrics")


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


_told: list[str] = []
"""Why it was said; at most one entry."""
