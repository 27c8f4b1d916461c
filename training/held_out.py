"""Rows for the final test that are no part of the table to train on."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from framework.model import Model
from training import data as tables
from training import rows
from training.learnt import hashes_of
from training.rows import Rows

RECORDED = "recorded_sha256"
"""Parameter of a card: which recorded rows the version was made with."""


@dataclass(frozen=True)
class HeldOut:
    """Rows for the final test that are no part of the table.

    Attributes:
        rows: The rows.
        source: Where they came from, for people.
        sha256: Hash of them.
    """

    rows: Rows
    source: str
    sha256: str

    @classmethod
    def of_file(cls, model: Model[Any, Any], read: Rows, path: str) -> Self:
        """Reads them from a file; their classes are those of the rows that are learnt from."""
        table = tables.load(path)
        return cls(rows.read(model, table, classes=read.classes), table.source, table.sha256)


def digest_of(recorded: Rows) -> str:
    """Returns the SHA-256 of some rows: what was asked, and what became true of it."""
    content = hashes_of(recorded.records).tobytes() + recorded.target.tobytes()
    return hashlib.sha256(content).hexdigest()


def with_recorded(read: Rows, recorded: Rows) -> tuple[Rows, HeldOut]:
    """Returns the rows to learn from, and the newer half of the recorded ones."""
    if read.classes:
        read, recorded = _of_one_order(read, recorded)
    half = len(recorded) // 2
    newer = recorded.take(np.arange(half, len(recorded)))
    source = f"the newest {len(newer):,} labelled rows of the record"
    held = HeldOut(newer, source, digest_of(newer))
    return read.joined(recorded.take(np.arange(half))), held


def _of_one_order(read: Rows, recorded: Rows) -> tuple[Rows, Rows]:
    """Has the same classes stand for the same positions: a table may know others than the record.

    Recorded classes of which there is no row are left out.
    """
    occurring, positions = np.unique(recorded.target, return_inverse=True)
    names = tuple(recorded.classes[at] for at in occurring)
    classes = tuple(dict.fromkeys([*read.classes, *names]))
    told = replace(recorded, target=positions, classes=names)
    return read.with_classes(classes), told.with_classes(classes)
