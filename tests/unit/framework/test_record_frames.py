"""Frames: what is written can be read, and what is torn is told."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.record.frames import Entry, EntryTuple, Frames, count_entries, frame

TEXTS = st.text(max_size=20)
NUMBERS = st.integers(0, 2**63 - 1)
ENTRIES: st.SearchStrategy[EntryTuple] = st.tuples(
    st.sampled_from([0, 1]),
    NUMBERS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.integers(200, 599),
    TEXTS,
    st.binary(max_size=70_000),
    st.binary(max_size=50),
)
FRAMES = st.lists(st.lists(ENTRIES, max_size=20), max_size=4)


def entry(number: int) -> EntryTuple:
    return (0, number, f"m-{number}", "r", "/m/predict", "http", "m:1", 200, "json", b"{}", b"[]")


def written(path: Path, frames: list[list[EntryTuple]]) -> bytes:
    content = b"".join(bytes(part) for one in frames for part in frame(one)[:2])
    path.write_bytes(content)
    return content


@given(FRAMES)
def test_what_is_written_is_read_and_counted(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[EntryTuple]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "frames.log"
    written(path, frames)

    read = Frames(path)

    assert list(read) == [[Entry(*one) for one in entries] for entries in frames]
    assert read.torn_bytes == 0
    assert count_entries(path) == sum(map(len, frames))


@pytest.mark.parametrize("count", [1, 15, 16, 65_535, 65_536])
def test_entries_are_counted_whatever_their_number(tmp_path: Path, count: int) -> None:
    path = tmp_path / "frames.log"
    written(path, [[entry(0)] * count, [entry(1)]])

    assert count_entries(path) == count + 1


def test_a_tail_is_torn_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "frames.log"
    first = len(written(path, [[entry(1)]]))
    content = written(path, [[entry(1)], [entry(2), entry(3)]])

    for size in range(first, len(content)):
        os.truncate(path, size)
        read = Frames(path)
        assert [one.ns for entries in read for one in entries] == [1]
        assert read.torn_bytes == size - first
        path.write_bytes(content)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "frames.log"
    first = len(written(path, [[entry(1)]]))
    content = bytearray(written(path, [[entry(1)], [entry(2)], [entry(3)]]))
    content[first + 20] ^= 1
    path.write_bytes(content)

    read = Frames(path)

    assert [one.ns for entries in read for one in entries] == [1]
    assert read.torn_bytes == len(content) - first
