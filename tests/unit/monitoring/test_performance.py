"""What answers were worth: labels of every kind, intervals, and when a model is called worse."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from framework import Binary, Bundle, Multiclass, MultiOutput, Regression
from framework.discovery import find_model
from framework.evaluation.regression import RegressionEvaluation
from framework.labels import label_kind
from monitoring.observed import Observed, observed
from monitoring.performance.measures import LEAST_ROWS, Measure, estimate, measures
from monitoring.performance.truth import Labelled, labelled
from monitoring.store import Store
from tests.unit.monitoring.conftest import Check, Rows, staff
from tests.unit.monitoring.recorded import START, write
from tests.unit.training.conftest import plants
from tests.unit.training.toys.notes import MODEL as NOTES
from training import rows as training_rows
from training import train
from training.data import load, of_source

DAY = timedelta(days=1)


def labels(ids: list[str], values: list[Any], time: datetime = START + DAY) -> pa.Table:
    return pa.table(
        {
            "prediction_id": ids,
            "row": [0] * len(ids),
            "label": values,
            "time": pa.array([time] * len(ids), pa.timestamp("us", "UTC")),
        }
    )


@pytest.fixture
def rows(bundle: Bundle[Any, Any], known: Rows, tmp_path: Path) -> Observed:
    """Answered rows of the staff."""
    write(tmp_path, bundle, staff(known, 1_000))
    return observed(bundle.model, bundle.card, Store(tmp_path).rows("staff", bundle.version))


@pytest.fixture
def truth(known: Rows) -> list[str]:
    """Whether these people left."""
    chosen = known.take(np.random.default_rng(0).permutation(len(known))[:1_000])
    return ["leaves" if one else "stays" for one in chosen.target.tolist()]


def ids_of(rows: Observed) -> list[str]:
    return [one.prediction_id for one in rows.positions]


@pytest.mark.parametrize(
    ("task", "classes", "given", "expected"),
    [
        (
            Binary(classes=("stays", "leaves"), labels=(0, 1)),
            ("stays", "leaves"),
            ["leaves", "Stays", 1, 0, "1", True, "false", "gone", 2, None],
            [1, 0, 1, 0, 1, 1, 0, None, None, None],
        ),
        (Multiclass(), ("a", "B"), ["a", "B", "b", "c"], [0, 1, 1, None]),
        (Multiclass(), ("3", "5"), [3, "5", 4], [0, 1, None]),
        (Regression(), (), [1, "2.5", "x", None, float("inf")], [1.0, 2.5, None, None, None]),
        (
            MultiOutput(),
            (),
            [[1, 2], "[1, 2.5]", [1], "[1", [1, "x"], 3],
            [[1.0, 2.0], [1.0, 2.5], None, None, None, None],
        ),
    ],
)
def test_labels_are_read_as_the_task_has_them(
    task: Any, classes: tuple[str, ...], given: list[Any], expected: list[Any]
) -> None:
    model: Any = SimpleNamespace(task=task, target=["x", "y"])
    kind = label_kind(model, classes)
    read = map(kind.read_cell, given)
    assert [None if one is None else kind.truth(one) for one in read] == expected


def test_the_last_label_of_a_row_holds(rows: Observed) -> None:
    ids = ids_of(rows)
    early = labels(ids[:3], ["stays", "stays", "odd"])
    late = labels([ids[1], "another"], ["leaves", "leaves"], START + 2 * DAY)
    found = labelled(rows, pa.concat_tables([late, early]))
    assert found.truth.tolist() == [0, 1]
    assert [one.prediction_id for one in found.rows.positions] == ids[:2]
    assert (found.unfit, found.elsewhere) == (1, 1)
    assert found.delays.tolist() == [86_400.0, 2 * 86_400.0 - 1]


def test_times_without_a_zone_are_in_utc(rows: Observed) -> None:
    told = labels(ids_of(rows)[:1], ["stays"])
    at = told.column_names.index("time")
    told = told.set_column(at, "time", pa.array([(START + DAY).replace(tzinfo=None)]))
    assert labelled(rows, told).delays.tolist() == [86_400.0]


def test_metrics_are_the_tasks_own(rows: Observed, truth: list[str]) -> None:
    found = {
        (one.part, one.metric): one for one in measures(labelled(rows, labels(ids_of(rows), truth)))
    }
    area = found["overall", "roc_auc"]
    expected = roc_auc_score([one == "leaves" for one in truth], rows.answers["probability"])
    assert area.value == pytest.approx(expected)
    assert area.card == rows.card.performance["overall"]["roc_auc"]
    assert area.low is not None
    assert area.high is not None
    assert area.low < area.value < area.high
    low = found["salary=low", "brier"]
    is_low = rows.records.columns["salary"] == 0
    left = np.array([one == "leaves" for one in truth])
    errors = (rows.answers["probability"] - left)[is_low] ** 2
    assert low.rows == is_low.sum()
    assert low.value == pytest.approx(errors.mean())
    assert not any(one.worse for one in found.values())
    judged = {metric for (_, metric), one in found.items() if one.limit is not None}
    assert judged == {"roc_auc", "brier"}


def test_a_model_that_has_become_worse_is_told(rows: Observed, truth: list[str]) -> None:
    wrong = [*truth[:700], *("stays" if one == "leaves" else "leaves" for one in truth[700:])]
    found = measures(labelled(rows, labels(ids_of(rows), wrong)))
    worse = {(one.part, one.metric) for one in found if one.worse}
    assert {("overall", "roc_auc"), ("overall", "brier")} <= worse
    # A margin that allows for it.
    found = measures(labelled(rows, labels(ids_of(rows), wrong)), margin=0.999)
    assert not [one for one in found if one.worse and one.metric == "roc_auc"]


def test_few_labels_are_shown_and_not_judged(rows: Observed, truth: list[str]) -> None:
    count = LEAST_ROWS - 1
    found = measures(labelled(rows, labels(ids_of(rows)[:count], truth[:count])))
    assert found
    assert not [one for one in found if one.limit is not None or one.worse]
    (one,) = [
        one
        for one in measures(labelled(rows, labels(ids_of(rows)[:1], truth[:1])))
        if (one.part, one.metric) == ("overall", "accuracy")
    ]
    assert (one.rows, one.low, one.high) == (1, None, None)


def test_the_interval_of_a_mean_is_the_usual_one() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, 4_000)
    evaluation = RegressionEvaluation({}, "x", truth, np.zeros(4_000), 0.0)
    value, error = estimate(evaluation, np.ones(4_000, dtype=np.bool_))["mae"]
    assert value == pytest.approx(np.abs(truth).mean())
    assert error == pytest.approx(np.abs(truth).std() / np.sqrt(4_000), rel=0.4)


def test_intervals_cover_what_they_promise() -> None:
    rng = np.random.default_rng(2)
    whole = np.ones(300, dtype=np.bool_)
    hits = 0
    for _ in range(200):
        truth = rng.normal(0, 2, 300)
        value, error = estimate(RegressionEvaluation({}, "x", truth, 0 * truth, 0.0), whole)["rmse"]
        hits += abs(value - 2) < 2.06 * error
    assert 180 <= hits <= 199


def test_texts_and_classes(texts: Bundle[Any, Any], tmp_path: Path) -> None:
    assert NOTES.data is not None
    read = training_rows.read(NOTES, of_source(NOTES.data)).distinct()
    ids = write(tmp_path, texts, read.records)
    rows = observed(NOTES, texts.card, Store(tmp_path).rows("notes", texts.version))
    told = [read.classes[at] for at in read.target]
    found = {
        one.metric: one
        for one in measures(labelled(rows, labels(ids, told)))
        if one.part == "overall"
    }
    assert found["accuracy"].value > 0.9
    assert {"log_loss", "macro_f1", "brier"} <= found.keys()


@pytest.mark.parametrize("name", ["houses", "plants"])
def test_numbers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 24 held-out plants would be too few to judge by.
    monkeypatch.setattr("monitoring.performance.measures.LEAST_ROWS", 20)
    model = find_model(name, "tests.unit.training.toys")
    path = tmp_path / "plants.csv"
    plants().to_csv(path, index=False)
    bundle = Bundle.load(model, train(model, data=None if model.data else str(path)))
    read = training_rows.read(
        model, of_source(model.data) if model.data else load(str(path))
    ).distinct()
    ids = write(tmp_path, bundle, read.records)
    rows = observed(model, bundle.card, Store(tmp_path).rows(name, bundle.version))
    told = labels(ids, read.target.tolist())
    overall = {one.metric: one for one in measures(labelled(rows, told)) if one.part == "overall"}
    answered = np.column_stack(list(rows.answers.values()))
    errors = answered - read.target.reshape(answered.shape)
    assert overall["rmse"].value == pytest.approx(np.sqrt((errors**2).mean(axis=0)).mean())
    assert overall["r2"].value > 0.9
    assert overall["baseline_rmse"].value == pytest.approx(
        bundle.card.performance["overall"]["baseline_rmse"], rel=0.3
    )
    assert not overall["rmse"].worse
    wrong = labels(ids, (read.target[::-1]).tolist())
    found = measures(labelled(rows, wrong))
    assert [one.metric for one in found if one.worse] == ["rmse"]


def test_without_labels_for_any_row_nothing_is_measured(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    ids = write(store.folder, bundle, staff(known, 600))
    result = checked(labels=labels(["another"], ["leaves"]))
    assert result.performance is not None
    assert result.performance.measures == []
    assert result.performance.sentence == "0 of 600 rows have a label (0%). Too few to judge."
    assert result.performance.median_delay_seconds is None
    odd = checked(labels=labels(ids, ["odd"] * 600)).performance
    assert odd is not None
    assert odd.unfit == 600


def test_a_worse_model_is_an_alarm_though_nothing_drifts(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check, truth: list[str]
) -> None:
    ids = write(store.folder, bundle, staff(known, 1_000))
    result = checked(labels=labels(ids[:500], truth[500:]))
    assert result.drift.state == "steady"
    assert result.performance is not None
    assert result.performance.sentence.startswith("500 of 1,000 rows have a label (50%). Worse")
    assert result.performance.median_delay_seconds == pytest.approx(86_400 - 249.5)
    assert result.exit_code == 1


def test_what_is_measured_can_be_written_down() -> None:
    one = Measure(
        part="overall",
        metric="r2",
        rows=3,
        value=1,
        low=None,
        high=None,
        card=None,
        limit=None,
        worse=False,
    )
    assert Measure.model_validate_json(one.model_dump_json()) == one


def test_classes_without_their_probabilities(texts: Bundle[Any, Any], tmp_path: Path) -> None:
    from pydantic import BaseModel

    from framework.recipes.pipeline import Pipeline

    class Bare(BaseModel):
        subject: str

    model: Any = Pipeline[Any, Any](
        name="bare",
        record=NOTES.record,
        answer=Bare,
        target="subject",
        task=Multiclass(),
        sample=NOTES.sample,
        pipeline=lambda: None,
    )
    records = model.encoder.from_columns({"text": ["a", "b", "c"]})
    named = {
        "subject": np.array(list(texts.card.classes)[:2] + list(texts.card.classes)[:1], object)
    }
    rows = Observed(model, texts.card, records, named, [], frozenset())
    found = measures(Labelled(rows, np.array([0, 1, 1]), np.zeros(3), 0, 0))
    overall = {one.metric: one.value for one in found if one.part == "overall"}
    assert overall["accuracy"] == pytest.approx(2 / 3)
    assert not {"log_loss", "brier", "roc_auc"} & overall.keys()
