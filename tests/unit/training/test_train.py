"""Training as a whole: which rows it learns from, and what it keeps of the task."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from framework import Bundle, ModelCard
from tests.unit.training.conftest import NAMES, Files, Stored, Toys, sha256
from training import TrainingError, rows, train
from training.data import load as of_file
from training.files import REPORT_FILE
from training.held_out import with_recorded


@pytest.mark.parametrize("name", NAMES)
def test_duplicates_are_removed_before_splitting(
    name: str, toys: Toys, files: Files, tmp_path: Path
) -> None:
    frame = pd.read_csv(files[name])
    path = tmp_path / "twice.csv"
    pd.concat([frame, frame]).to_csv(path, index=False)
    summary = ModelCard.read(train(toys[name], data=str(path))).data
    assert (summary.rows, summary.distinct_rows) == (2 * len(frame), len(frame))


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_holdout_are_not_trained_on(
    name: str,
    toys: Toys,
    files: Files,
    tmp_path: Path,
) -> None:
    frame = pd.read_csv(files[name])
    held = frame.tail(40)
    holdout = tmp_path / "holdout.csv"
    pd.concat([held, held.head(3)]).to_csv(holdout, index=False)
    stored = train(toys[name], data=str(files[name]), holdout=str(holdout))
    card = ModelCard.read(stored)
    data = card.data
    assert (data.rows, data.distinct_rows) == (len(frame), len(frame))
    assert (data.holdout_rows, data.test_rows) == (43, 40)
    assert data.train_rows + data.validation_rows == len(frame) - 40
    assert card.parameters["holdout"] == str(holdout)
    assert card.parameters["holdout_sha256"] == sha256(holdout)
    page = Path(stored.path_of(REPORT_FILE)).read_text(encoding="utf-8")
    assert "Rows of the hold-out" in page
    assert "40 of the rows of the data were also there" in page


def test_classes_that_are_given_keep_their_order(
    toys: Toys, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework import Multiclass

    model = toys["notes"]
    monkeypatch.setattr(model, "task", Multiclass(classes=("music", "garden", "kitchen")))
    stored = train(model, data=str(files["notes"]))
    card = ModelCard.read(stored)
    assert card.classes == ["music", "garden", "kitchen"]
    assert card.performance["overall"]["f1"] > 0.9
    (answer,) = Bundle.load(model, stored).predict([model.record(text="drum tune bass")])
    assert answer.subject == "music"
    assert list(answer.probabilities) == card.classes


def test_the_threshold_of_the_task_is_kept(
    toys: Toys, models: Stored, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework import Binary

    model = toys["loans"]
    assert ModelCard.read(models["loans"]).threshold not in (None, 0.9)
    fixed = Binary(classes=model.task.classes, labels=model.task.labels, threshold=0.9)  # type: ignore[attr-defined]
    monkeypatch.setattr(model, "task", fixed)
    stored = train(model, data=str(files["loans"]))
    assert ModelCard.read(stored).threshold == 0.9
    for example in ModelCard.read(stored).golden:
        sure = example.prediction["probability"]
        assert example.prediction["repaid"] == (sure >= 0.9)  # type: ignore[operator]


def test_records_with_rules_of_their_own_are_judged_and_kept(files: Files, tmp_path: Path) -> None:
    from pydantic import BaseModel, model_validator

    from framework import Regression
    from framework.recipes.lightgbm import LightGBM

    class Span(BaseModel):
        low: float
        high: float

        @model_validator(mode="after")
        def _ordered(self) -> "Span":
            if self.low > self.high:
                raise ValueError("low should not be above high")
            return self

    class Width(BaseModel):
        width: float

    model = LightGBM[Span, Width](
        name="spans",
        record=Span,
        answer=Width,
        target="width",
        task=Regression(),
        sample=[{"low": 0, "high": 1}],
    )
    low = np.arange(60.0)
    frame = pd.DataFrame({"low": low, "high": low + low % 7, "width": low % 7})
    frame.to_csv(tmp_path / "spans.csv", index=False)
    Bundle.load(model, train(model, data=str(tmp_path / "spans.csv")))
    frame.loc[4, "low"] = 99
    frame.to_csv(tmp_path / "spans.csv", index=False)
    with pytest.raises(TrainingError, match=r"low should not be above high: line 6\."):
        train(model, data=str(tmp_path / "spans.csv"))


def test_a_copy_of_the_report_is_written(toys: Toys, files: Files, tmp_path: Path) -> None:
    report = tmp_path / "deep" / "report.html"
    model = train(toys["loans"], data=str(files["loans"]), report=report)
    assert model.info.labels == {"data": "file"}
    page = report.read_bytes()
    assert b"Simulated data." not in page
    assert page == Path(model.path_of(REPORT_FILE)).read_bytes()
    assert list(report.parent.iterdir()) == [report]


def test_recorded_classes_are_taken_by_their_names(
    toys: Toys, files: Files, tmp_path: Path
) -> None:
    model = toys["notes"]
    # Whoever answered knew fewer classes, in another order.
    known = ("music", "garden")
    frame = pd.read_csv(files["notes"])
    told = frame[frame[model.target[0]].isin(known)]
    told.to_csv(tmp_path / "told.csv", index=False)
    recorded = rows.read(model, of_file(str(tmp_path / "told.csv")), classes=known)

    read, held = with_recorded(rows.read(model, of_file(str(files["notes"]))), recorded)

    names = [recorded.classes[at] for at in recorded.target]
    assert [held.rows.classes[at] for at in held.rows.target] == names[len(names) // 2 :]
    learnt = [read.classes[at] for at in read.target]
    assert learnt == [*frame[model.target[0]], *names[: len(names) // 2]]
    assert ModelCard.read(train(model, data=str(files["notes"]), recorded=recorded)).classes == [
        "garden",
        "kitchen",
        "music",
    ]
