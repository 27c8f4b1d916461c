"""What a server has recorded, read as its converter would."""

from pathlib import Path

from framework.record.folder import RecordFolder
from framework.record.frames import Entry, Frames


def recorded(folder: Path) -> list[Entry]:
    """All entries of the spool, in the order of their files."""
    return [
        entry
        for file in RecordFolder(folder).spool_files()
        for entries in Frames(file.path)
        for entry in entries
    ]


def spooled(folder: Path) -> bytes:
    """All bytes of the spool."""
    return b"".join(file.path.read_bytes() for file in RecordFolder(folder).spool_files())
