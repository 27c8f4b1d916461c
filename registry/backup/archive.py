"""Archives: a folder or a tar, on a disk or behind a URL, that tells of damage.

The last file of an archive, `SHA256SUMS`, lists all others; `sha256sum --check` reads it, too. An
archive without it was interrupted.
"""

import contextlib
import hashlib
import io
import os
import sys
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, cast

import fsspec
from rich.console import Console
from rich.progress import FileSizeColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from registry.errors import RegistryError

SUMS = "SHA256SUMS"
_TARS = (".tar", ".tar.gz", ".tgz")
_PART = ".part"
_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, EOFError, zlib.error)


class _Sink(Protocol):
    def put(self, name: str, size: int, file: IO[bytes]) -> None:
        """Writes a file of a size."""


class Writer:
    """Takes the files of an archive that is being made.

    Args:
        sink: Where they go.
        progress: Shows how many bytes there were.
    """

    def __init__(self, sink: _Sink, progress: Progress) -> None:
        self._sink = sink
        self._progress = progress
        self._task = progress.add_task("written")
        self.sums: dict[str, str] = {}
        self.size = 0

    def add(self, name: str, path: Path) -> None:
        """Copies a file, as it is now.

        Raises:
            OSError: It cannot be read, or the archive not be written.
        """
        with path.open("rb") as file:
            self._put(name, os.fstat(file.fileno()).st_size, file)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Adds a file of this content; see `add`."""
        self._put(name, len(content), io.BytesIO(content))

    def finish(self) -> None:
        """Adds the list of all files, which makes the archive whole."""
        self.add_bytes(SUMS, _listed(self.sums))

    def _put(self, name: str, size: int, file: IO[bytes]) -> None:
        reading = _Hashed(file, self._progress, self._task)
        self._sink.put(_safe(name), size, cast(IO[bytes], reading))
        self.sums[name] = reading.digest.hexdigest()
        self.size += size


@contextlib.contextmanager
def writing(target: str) -> Iterator[Writer]:
    """Makes an archive, which is there as a whole or is known to be in part.

    Args:
        target: A file whose name ends in `.tar`, `.tar.gz` or `.tgz`; any other name is that of a
            folder. Either a path, or a URL of those that fsspec knows.

    Raises:
        RegistryError: There is something already, or it cannot be written.
    """
    with _told(target), _private(), _progress() as shown:
        system, path, is_there = _located(target)
        if is_there and (not system.isdir(path) or system.ls(path, detail=False)):
            raise RegistryError(f"{target} is there already; name a new file, or an empty folder.")
        is_tar = path.endswith(_TARS)
        written = path + _PART if is_tar else path
        try:
            with _sink(system, written, is_tar=is_tar, is_packed=not path.endswith(".tar")) as sink:
                yield (writer := Writer(sink, shown))
                writer.finish()
        except BaseException:
            with contextlib.suppress(OSError):
                system.rm(written, recursive=True)
            raise
        if is_tar:
            system.mv(written, path)


def extract(source: str, folder: Path) -> dict[str, str]:
    """Copies the files of an archive into a folder of their own, once sure of each.

    Args:
        source: The archive, as for `writing`.
        folder: Where they go, which nobody looks at before this has returned.

    Returns:
        File → SHA-256.

    Raises:
        RegistryError: It cannot be read, is no archive, or has been damaged.
    """
    found: dict[str, str] = {}
    sums = b""
    with _told(source), _progress() as shown:
        task = shown.add_task("read")
        for name, file in _entries(source):
            if name in found or (name == SUMS and sums):
                raise _damaged(source, f"{name} is in it twice")
            if name == SUMS:
                sums = file.read()
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            reading = _Hashed(file, shown, task)
            with path.open("xb") as written:
                while chunk := reading.read(_CHUNK):
                    written.write(chunk)
            found[name] = reading.digest.hexdigest()
    if not sums:
        raise _damaged(source, f"it has no {SUMS}, which is written last")
    # Compared as text: any other spelling of the same list is damage, too.
    if sums != _listed(found):
        listed = {line[66:]: line[:64] for line in sums.decode(errors="replace").splitlines()}
        wrong = sorted(dict(found.items() ^ listed.items())) or [SUMS]
        raise _damaged(source, f"{', '.join(wrong[:5])} changed")
    return found


def _progress() -> Progress:
    """Shows bytes and speed to whoever looks at a terminal."""
    columns = (TextColumn("{task.description}"), FileSizeColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())


@contextlib.contextmanager
def _sink(
    system: fsspec.AbstractFileSystem, path: str, *, is_tar: bool, is_packed: bool
) -> Iterator[_Sink]:
    if not is_tar:
        yield _Folder(system, path)
        return
    system.makedirs(path.rpartition("/")[0] or ".", exist_ok=True)
    mode: Any = "w|gz" if is_packed else "w|"
    with system.open(path, "wb") as file, tarfile.open(fileobj=file, mode=mode) as tar:
        yield _Tar(tar)


class _Folder:
    def __init__(self, system: fsspec.AbstractFileSystem, root: str) -> None:
        self._system = system
        self._root = root

    def put(self, name: str, size: int, file: IO[bytes]) -> None:
        path = f"{self._root}/{name}"
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self._system.open(path, "wb") as written:
            while size and (chunk := file.read(min(size, _CHUNK))):
                written.write(chunk)
                size -= len(chunk)
        if size:
            raise OSError(f"{name} has become shorter while it was copied")


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def put(self, name: str, size: int, file: IO[bytes]) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mode = size, 0o600
        self._tar.addfile(about, file)


class _Hashed:
    """Reads a file, and knows the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes], shown: Progress, task: TaskID) -> None:
        self._file = file
        self._shown = shown
        self._task = task
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        self._shown.advance(self._task, len(chunk))
        return chunk


def _entries(source: str) -> Iterator[tuple[str, IO[bytes]]]:
    system, path, is_there = _located(source)
    if not is_there:
        raise RegistryError(f"{source}: there is nothing of this name.")
    if system.isdir(path):
        root = path.rstrip("/") + "/"
        for name in sorted(system.find(path)):
            with system.open(name, "rb") as file:
                yield _safe(name.removeprefix(root)), file
        return
    with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|*") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise _damaged(source, f"{member.name!r} is no plain file")
            yield _safe(member.name), content


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    if str(path) != name or path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise RegistryError(
            f"{name!r} cannot be the name of a file in an archive: it should be a plain relative "
            "path. Nothing was changed."
        )
    return name


def _located(target: str) -> tuple[fsspec.AbstractFileSystem, str, bool]:
    try:
        system, path = fsspec.url_to_fs(target)
        # `exists` would take every failure for a no.
        with contextlib.suppress(FileNotFoundError):
            system.info(path)
            return system, path, True
        return system, path, False
    # A driver that is missing, or lacks credentials: each has errors of its own.
    except Exception as error:
        raise RegistryError(f"{target} cannot be used: {error}") from error


def _listed(sums: Mapping[str, str]) -> bytes:
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()


def _damaged(source: str, how: str) -> RegistryError:
    return RegistryError(
        f"{source} is no whole archive: {how}. Nothing was changed; take another copy."
    )


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise _damaged(where, str(error) or type(error).__name__) from error
    except OSError as error:
        raise RegistryError(f"{where}: {error}") from error


@contextlib.contextmanager
def _private() -> Iterator[None]:
    """Has files be their owner's alone: what was recorded may be about people."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
