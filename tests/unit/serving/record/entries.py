"""Entries, and what became of them."""

from pathlib import Path

from framework.record.folder import RecordFolder
from framework.record.frames import EntryTuple, Frames


def entry(number: int, size: int = 10) -> EntryTuple:
    """One entry, told by its time."""
    body, answer = b"x" * size, b"[]"
    return (0, number, f"m-{number}", "r", "/m", "http", "m:1", 200, "json", body, answer)


def numbers(root: Path) -> list[int]:
    """Which entries are in the files."""
    return [
        one.ns
        for file in RecordFolder(root).spool_files()
        for entries in Frames(file.path)
        for one in entries
    ]
