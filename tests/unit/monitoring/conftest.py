"""A stored model, and rows that it has not seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from framework import Bundle, Records
from monitoring.checking import check
from monitoring.result import Result
from monitoring.store import Store
from tests.unit.monitoring.toys.staff import MODEL, Person
from tests.unit.training.toys.notes import MODEL as NOTES
from training import rows, train
from training.data import of_source

Rows = rows.Rows
Check = Callable[..., Result]


@pytest.fixture(scope="session")
def bundle() -> Bundle[Any, Any]:
    """The model of the staff, trained on some of its rows."""
    return Bundle.load(MODEL, train(MODEL))


@pytest.fixture(scope="session")
def texts() -> Bundle[Any, Any]:
    """A model of texts."""
    return Bundle.load(NOTES, train(NOTES))


@pytest.fixture(scope="session")
def known(bundle: Bundle[Any, Any]) -> Rows:
    """All the staff, and who left."""
    assert MODEL.data is not None
    return rows.read(MODEL, of_source(MODEL.data)).distinct()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty record."""
    return Store(tmp_path)


@pytest.fixture
def checked(store: Store) -> Check:
    """Checks the model of the staff."""

    def checked(labels: pa.Table | None = None, **options: Any) -> Result:
        return check(store, MODEL, labels=labels and (lambda _: labels), **options)

    return checked


def staff(known: Rows, count: int, seed: int = 0, **changes: Any) -> Records[Person]:
    """Some of the staff, in random order; `changes` are values that all of them have."""
    chosen = known.take(np.random.default_rng(seed).permutation(len(known))[:count])
    columns = chosen.records.columns
    for name, value in changes.items():
        columns[name] = value(columns[name]) if callable(value) else [value] * count
    return MODEL.encoder.from_columns(columns)
