"""What a server has recorded, converted: the same rows and answers, whichever protocol."""

import math
from pathlib import Path
from typing import Any

import pytest

from framework.discovery import find_models
from framework.record.folder import RecordFolder
from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.record.converter import Converter
from monitoring.store import Store
from tests.contract.cases import edge_records
from tests.contract.fixtures import SURFACES
from tests.contract.surfaces import RefusedError
from tests.server.record.conftest import Start

MODELS = find_models("tests.server.toy_models")
SERVED = [name for name in SURFACES if name != "local"]
Asked = list[tuple[str, dict[str, Any], dict[str, Any]]]
"""Model, row and answer of all that was asked."""


def converted(folder: Path) -> Store:
    """Converts all, and returns where it is."""
    labels = LabelStore(Database(folder), Store(folder))
    Converter(RecordFolder(folder), MODELS, labels).run()
    assert RecordFolder(folder).spool_files() == []
    assert not (folder / "unread").exists()
    return Store(folder)


def line(row: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A line of the table, as it should be."""
    found = {f"input.{name}": value for name, value in row.items()}
    for name, value in answer.items():
        if isinstance(value, dict):
            found |= {f"output.{name}.{label}": one for label, one in value.items()}
        else:
            found[f"output.{name}"] = value
    return found


def same(value: Any, other: Any) -> bool:
    if isinstance(value, list):
        return len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, float):
        return math.isclose(value, other, rel_tol=1e-12)
    return bool(value == other)


def test_rows_and_answers_are_those_of_every_protocol(start: Start, folder: Path) -> None:
    expected: dict[str, list[dict[str, Any]]] = {name: [] for name in MODELS}
    with start() as server:
        for surface in SERVED:
            for name, model in MODELS.items():
                for record in edge_records(model):
                    try:
                        answers = SURFACES[surface](lambda _: server, "").call(
                            f"predict_{name}", [record, record]
                        )
                    except (RefusedError, pytest.skip.Exception):
                        continue
                    row = model.record.model_validate(record).model_dump()
                    expected[name] += [line(row, answer) for answer in answers]

    store = converted(folder)

    for name, lines in expected.items():
        (version,) = store.versions(name)
        found = store.rows(name, version)
        assert len(found) == len(lines)
        private = {f.name for f in MODELS[name].encoder.fields if f.recorded != "keep"}
        for told, wanted in zip(found.to_pylist(), lines, strict=True):
            for column, value in wanted.items():
                if column.removeprefix("input.") not in private:
                    assert same(told[column], value), (column, told, wanted)
        assert set(found["protocol"].to_pylist()) == {"http", "grpc", "connect"}
        assert set(found["row"].to_pylist()) == {0, 1}
