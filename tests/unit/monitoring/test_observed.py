"""Rows of the record become the records and answers that they were."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field

from framework import Binary, Bundle, MultiOutput
from framework.fields import Recorded
from framework.recipes.lightgbm import LightGBM
from monitoring.observed import Observed, observed
from monitoring.store import Store
from tests.unit.monitoring.conftest import Rows, staff
from tests.unit.monitoring.recorded import START, write, write_lines


class Everything(BaseModel):
    number: float | None
    whole: int
    flag: bool
    colour: Literal["red", "green"] | None
    size: Literal[1, 2]
    place: Annotated[list[float], Field(min_length=2, max_length=2)] | None


class Sure(BaseModel):
    probability: float
    yes: bool


class Several(BaseModel):
    values: list[float]


ROWS: list[dict[str, Any]] = [
    {"number": 1.5, "whole": 3, "flag": True, "colour": "red", "size": 2, "place": [1.0, 2.0]},
    {"number": None, "whole": 4, "flag": False, "colour": None, "size": 1, "place": None},
]


def read(bundle: Bundle[Any, Any], folder: Path) -> Observed:
    table = Store(folder).rows(bundle.model.name, bundle.version)
    return observed(bundle.model, bundle.card, table)


def test_records_and_answers_come_back(
    bundle: Bundle[Any, Any], known: Rows, tmp_path: Path
) -> None:
    records = staff(known, 20)
    write(tmp_path, bundle, records, rows_each=3)
    rows = read(bundle, tmp_path)
    assert rows.records == records
    assert rows.answers["probability"] == pytest.approx(
        [answer.probability for answer in bundle.predict(records)]
    )
    assert [one.row for one in rows.positions[:4]] == [0, 1, 2, 0]
    assert rows.positions == sorted(rows.positions)
    assert set(rows.columns) == set(bundle.card.reference.columns)  # type: ignore[union-attr]


def test_texts_and_probabilities_of_classes_come_back(
    texts: Bundle[Any, Any], tmp_path: Path
) -> None:
    assert texts.model.data is not None
    table = texts.model.data.load()
    records = texts.model.encoder.from_columns({"text": table["title"][:30]})
    write(tmp_path, texts, records)
    rows = read(texts, tmp_path)
    assert rows.records == records
    answers = texts.predict(records)
    expected = [list(answer.probabilities.values()) for answer in answers]
    assert np.allclose(rows.answers["probabilities"], expected)
    assert rows.answers["subject"].tolist() == [answer.subject for answer in answers]
    assert set(rows.columns) == set(texts.card.reference.columns)  # type: ignore[union-attr]


@pytest.mark.parametrize("answer", [Sure, Several])
def test_every_kind_of_field(answer: type[BaseModel], tmp_path: Path) -> None:
    is_sure = answer is Sure
    model = LightGBM[Any, Any](
        name="everything",
        record=Everything,
        answer=answer,
        target="yes" if is_sure else ["a", "b"],
        task=Binary() if is_sure else MultiOutput(),
        sample=ROWS,
    )
    answers = {"output.probability": 0.5, "output.yes": True, "output.values": [0.5, 1.5]}
    given = [{f"input.{name}": value for name, value in row.items()} | answers for row in ROWS]
    about = {"prediction_id": "a", "time": START}
    lines = [{**about, "row": at, **row} for at, row in enumerate(given)]
    write_lines(tmp_path, "everything", "v1", lines)
    card: Any = None
    rows = observed(model, card, Store(tmp_path).rows("everything", "v1"))
    assert [record.model_dump() for record in rows.records] == ROWS
    if not is_sure:
        assert rows.answers["values"].tolist() == [[0.5, 1.5]] * 2


def test_rows_whose_answers_lack_a_field_are_left_out(
    bundle: Bundle[Any, Any], known: Rows, tmp_path: Path
) -> None:
    write(tmp_path, bundle, staff(known, 3), name="one-1-1")
    write(tmp_path, bundle, staff(known, 2), name="two-1-1", drop=["output.leaves"])
    rows = read(bundle, tmp_path)
    assert (len(rows), rows.incomplete) == (3, 2)


def test_rows_that_lack_what_each_record_has_are_left_out(
    bundle: Bundle[Any, Any], known: Rows, tmp_path: Path
) -> None:
    write(tmp_path, bundle, staff(known, 3), name="one-1-1")
    write(tmp_path, bundle, staff(known, 2), name="two-1-1", drop=["input.salary"])
    rows = read(bundle, tmp_path)
    assert (len(rows), rows.incomplete) == (3, 2)


def test_fields_that_are_not_recorded(
    bundle: Bundle[Any, Any], known: Rows, tmp_path: Path
) -> None:
    drop = ["input.salary", "input.evaluation"]
    write(tmp_path, bundle, staff(known, 5), drop=drop)
    rows = read(bundle, tmp_path)
    assert rows.left_out == {"salary", "evaluation"}
    assert "salary" not in rows.columns
    assert "evaluation" not in rows.columns
    assert "department" in rows.columns


class Secret(BaseModel):
    badge: Annotated[int, Recorded("hash")]
    town: Annotated[Literal["here", "there"], Recorded("omit")]
    age: float


def test_fields_that_are_recorded_as_hashes_or_not_at_all(tmp_path: Path) -> None:
    model = LightGBM[Any, Any](
        name="secret",
        record=Secret,
        answer=Sure,
        target="yes",
        task=Binary(),
        sample=[{"badge": 7, "town": "here", "age": 1}],
    )
    line = {"prediction_id": "a", "row": 0, "time": START, "input.badge": "5fb", "input.age": 1.5}
    answer = {"output.probability": 0.5, "output.yes": True}
    write_lines(tmp_path, "secret", "v1", [{**line, **answer}])
    card: Any = None
    rows = observed(model, card, Store(tmp_path).rows("secret", "v1"))
    assert rows.left_out == {"badge", "town"}
    assert rows.records.columns["age"].tolist() == [1.5]


def test_an_empty_record(bundle: Bundle[Any, Any], tmp_path: Path) -> None:
    assert len(read(bundle, tmp_path)) == 0


def test_equal_records_have_equal_hashes(texts: Bundle[Any, Any], tmp_path: Path) -> None:
    said = ["ab", "a", "b", "ab", ""]
    records = texts.model.encoder.from_columns({"text": said})
    rows = Observed(texts.model, texts.card, records, {}, [], frozenset())
    hashes = rows.hashes()
    assert [hashes.index(one) for one in hashes] == [said.index(one) for one in said]
    assert rows.hashes(3) == hashes[3:]
