"""Which records a version has learnt from: on them it is not compared with another.

A split depends on its seed and on all rows of its table, so nobody can tell from a later table
which of its rows an earlier model has seen. Hence each version keeps 32 bits of a hash of every
record that it was fitted on or chosen by: enough to leave the record out. One that happens to
share its hash with another is left out as well, which does no harm.
"""

import hashlib
import json
from itertools import chain
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from numpy.typing import NDArray

from framework.records import Records
from training.files import LEARNT_FILE

Hashes = NDArray[np.uint32]
_STORED = np.dtype("<u4")


def hashes_of(*parts: Records[Any]) -> Hashes:
    """Returns a hash of each record, shape `[N]`, those of several tables one after the other."""
    found = bytearray()
    for row, *texts in chain.from_iterable(records.keys() for records in parts):
        found += hashlib.blake2b(row + json.dumps(texts).encode(), digest_size=4).digest()
    return np.frombuffer(bytes(found), dtype=_STORED)


def unknown_to(learnt: Hashes | None, records: Records[Any]) -> int:
    """Returns how many of some records a version has not learnt from, as far as is known."""
    hashes = hashes_of(records)
    return len(hashes) if learnt is None else int((~np.isin(hashes, learnt)).sum())


def content_of(hashes: Hashes) -> bytes:
    """Returns what a version keeps of the records that it has learnt from."""
    return np.unique(hashes).astype(_STORED).tobytes()


def learnt_of(stored: bentoml.Model) -> Hashes | None:
    """Returns what a stored version has kept; None if nobody knows what it has learnt from.

    That is so of models that were fitted elsewhere, and of those stored by earlier versions.
    """
    path = Path(stored.path_of(LEARNT_FILE))
    return np.frombuffer(path.read_bytes(), dtype=_STORED) if path.is_file() else None
