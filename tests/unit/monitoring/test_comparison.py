"""Two versions of models of each kind, on the rows that both answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from framework import Bundle
from framework.discovery import find_model
from framework.record.shadow import ShadowAnswers
from monitoring.observed import positions_of
from monitoring.pairs import Pairs, pairs
from monitoring.performance.comparison import Comparison, compare
from monitoring.record.converter import write_table
from monitoring.record.tables import Rendering
from monitoring.store import Store
from tests.unit.monitoring.recorded import write
from tests.unit.training.conftest import plants
from training import rows, train
from training.data import load, of_source


class Both:
    """Two versions of a model, one of which has answered all that there is to learn.

    Args:
        name: Of the model.
        folder: Where they are recorded.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.model = model = find_model(name, "tests.unit.training.toys")
        path = folder / "plants.csv"
        plants().to_csv(path, index=False)
        data = None if model.data else str(path)
        self.first, self.second = (
            Bundle.load(model, train(model, data=data, seed=seed)) for seed in (0, 1)
        )
        table = of_source(model.data) if model.data else load(str(path))
        self.known = rows.read(model, table).distinct()
        self.store = Store(folder)
        self.ids = write(folder, self.first, self.known.records)

    def shadow(self, begin: int = 0, name: str = "replay") -> None:
        """Keeps what the second version says to the rows from one on."""
        records = self.known.records[begin:]
        answers: Any = self.second.predict(records)
        said = ShadowAnswers(answers.dicts(), 4e-6, self.first.version, 2e-6)
        table = self.store.rows(self.model.name, self.first.version).slice(begin)
        places = [(one.prediction_id, one.row, one.time) for one in positions_of(table)]
        versions = f"model={self.model.name}/version={self.second.version}/day=2026-11-02"
        path = self.store.folder / "shadow" / versions / f"{name}.parquet"
        write_table(path, Rendering(self.model).shadow_table(places, [said]))

    def pairs(self) -> Pairs:
        """What both said."""
        return pairs(self.store, self.model, self.first.version, self.second.version)

    def labels(self, told: list[Any]) -> pa.Table:
        """What is true of all rows."""
        time = pa.array([1_800_000_000_000_000] * len(told)).cast(pa.timestamp("us", "UTC"))
        columns = {"prediction_id": self.ids, "row": [0] * len(told), "label": told, "time": time}
        return pa.table(columns)

    def compared(self, told: list[Any]) -> Comparison:
        """Both, beside each other."""
        return compare("first", "second", self.pairs(), self.labels(told))


@pytest.fixture
def of_classes(tmp_path: Path) -> Both:
    """A model of several classes."""
    return Both("notes", tmp_path)


def test_classes(of_classes: Both) -> None:
    of_classes.shadow()
    names = of_classes.known.classes
    found = of_classes.compared([names[at] for at in of_classes.known.target])

    answers = [
        one.predict(of_classes.known.records) for one in (of_classes.first, of_classes.second)
    ]
    assert found.rows == found.labelled == len(of_classes.known)
    assert {f"probabilities.{name}" for name in names} <= {one.name for one in found.shifts}
    assert found.agreement is not None
    chosen = [[next(iter(one.model_dump().values())) for one in said] for said in answers]
    same = np.mean([one == other for one, other in zip(*chosen, strict=True)])
    assert found.agreement.value == pytest.approx(same)
    assert found.seconds == (2e-6, 4e-6)
    assert {"accuracy", "log_loss"} <= {one.metric for one in found.metrics}


@pytest.mark.parametrize("name", ["houses", "plants"])
def test_numbers(name: str, tmp_path: Path) -> None:
    both = Both(name, tmp_path)
    both.shadow()
    found = both.compared([str(one) for one in both.known.target.tolist()])

    said: list[Any] = [one.predict(both.known.records) for one in (both.first, both.second)]
    columns = [one.columns for one in said]
    apart = np.column_stack(list(columns[1].values())) - np.column_stack(list(columns[0].values()))
    assert found.agreement is None
    assert [one.difference.value for one in found.shifts] == pytest.approx(apart.mean(axis=0))
    assert [one.absolute for one in found.shifts] == pytest.approx(np.abs(apart).mean(axis=0))
    assert found.labelled == len(both.known)
    assert found.metrics


def test_a_row_counts_once_and_only_if_both_answered_it(of_classes: Both) -> None:
    of_classes.shadow(begin=5)
    of_classes.shadow(begin=9, name="live")
    found = of_classes.pairs()
    assert len(found.first) == len(found.second) == len(of_classes.known) - 5
    assert found.unpaired == 5
    assert [one[1:] for one in found.first.positions] == [one[1:] for one in found.second.positions]
