"""Training as a whole: what is stored, that it is reproducible, and what is refused."""

import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import bentoml
import numpy as np
import pandas as pd
import pytest
import skops.io

from framework import Bundle, ModelCard
from framework.card import CategoryProfile
from framework.discovery import find_models
from framework.recipes import skops_archive
from tests.unit.training.conftest import Files, Toys
from training import TrainingError, store, train

ROOT = Path(__file__).parents[3]
TOYS = ["houses", "loans", "notes", "plants"]
LABELS = {"simulated": "simulation", "file": "file", "builtin": "builtin"}
Stored = dict[str, bentoml.Model]


@pytest.fixture(scope="module")
def models(toys: Toys, files: Files, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Each small model, trained on what it brings along, with its report beside it."""
    folder = tmp_path_factory.mktemp("reports")
    return {
        name: train(
            model,
            data=None if model.data else str(files[name]),
            tag="base",
            report=folder / f"{name}.html",
        )
        for name, model in toys.items()
    }


@pytest.mark.parametrize("name", TOYS)
def test_the_card_is_complete(name: str, toys: Toys, models: Stored, files: Files) -> None:
    model, stored = toys[name], models[name]
    card = ModelCard.read(stored)
    data = card.data
    kind = model.data.kind if model.data else "file"
    assert data.kind == kind
    assert data.source == (model.data.name if model.data else str(files[name]))
    assert data.sha256 == _hash(files[name])
    assert stored.info.labels == {"data": LABELS[kind]}
    assert stored.info.metadata["data_sha256"] == data.sha256
    assert data.train_rows + data.validation_rows + data.test_rows == data.distinct_rows
    assert data.holdout_rows is None
    assert card.versions[card.framework] == stored.info.context.framework_versions[card.framework]
    assert {"python", "numpy", "bentoml"} < card.versions.keys()
    assert card.task == model.task.kind
    assert card.target == model.target
    assert card.features == model.feature_names
    assert card.performance["overall"]["rows"] == data.test_rows
    for part in card.classes or (model.target if len(model.target) > 1 else []):
        assert card.performance[part]
    for profile in [*card.profile.values(), *card.target_profile.values()]:
        assert 0 <= profile.missing < 1
        if isinstance(profile, CategoryProfile):
            assert sum(profile.shares.values()) == pytest.approx(1)
        else:
            assert list(profile.quantiles.values()) == sorted(profile.quantiles.values())


def test_profiles_tell_lists_computed_columns_texts_and_gaps(models: Stored) -> None:
    cards = {name: ModelCard.read(stored) for name, stored in models.items()}
    assert list(cards["houses"].profile) == ["area", "place_0", "place_1", "side"]
    assert cards["houses"].profile["place_1"].missing == pytest.approx(0.1, abs=0.05)
    assert list(cards["notes"].profile) == ["text_length"]
    assert cards["loans"].profile["income"].missing == pytest.approx(1 / 9, abs=0.05)
    grades = cards["loans"].profile["grade"]
    assert isinstance(grades, CategoryProfile)
    assert list(grades.shares) == ["1", "2", "3"]
    assert grades.missing == pytest.approx(1 / 4, abs=0.08)
    assert list(cards["loans"].target_profile) == ["repaid"]
    assert list(cards["plants"].target_profile) == ["height", "leaves"]


@pytest.mark.parametrize("name", TOYS)
def test_golden_examples_are_reproduced(name: str, toys: Toys, models: Stored) -> None:
    bundle = Bundle.load(toys[name], models[name])
    assert 5 <= len(bundle.card.golden) <= 10


def test_golden_examples_are_varied(models: Stored) -> None:
    golden = {
        name: [(one.record, one.prediction) for one in ModelCard.read(stored).golden]
        for name, stored in models.items()
    }
    assert {prediction["repaid"] for _, prediction in golden["loans"]} == {True, False}
    subjects = {prediction["subject"] for _, prediction in golden["notes"]}
    assert subjects == {"garden", "kitchen", "music"}
    prices = [prediction["price"] for _, prediction in golden["houses"]]
    assert min(prices) < 120_000  # type: ignore[type-var, operator]
    assert max(prices) > 500_000  # type: ignore[type-var, operator]
    assert sum(record["place"] is None for record, _ in golden["houses"]) >= 2
    assert sum(None in record.values() for record, _ in golden["loans"]) >= 2


def test_the_small_models_learn(models: Stored) -> None:
    overall = {n: ModelCard.read(stored).performance["overall"] for n, stored in models.items()}
    assert overall["loans"]["roc_auc"] > 0.9
    assert overall["notes"]["f1"] > 0.9
    assert overall["houses"]["rmse"] < overall["houses"]["baseline_rmse"] / 4
    assert overall["plants"]["r2"] > 0.9


@pytest.mark.parametrize("name", TOYS)
def test_the_report_needs_nothing_else_and_tells_its_data(name: str, models: Stored) -> None:
    page = Path(models[name].path_of(store.REPORT_FILE)).read_text(encoding="utf-8")
    references = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", page)
    assert references
    assert all(reference.startswith("data:") for reference in references)
    assert "<script" not in page
    assert str(models[name].tag) in page
    kind = ModelCard.read(models[name]).data.kind
    assert ("Simulated data." in page) == (kind == "simulated")
    assert ("Built-in data." in page) == (kind == "builtin")


def test_reports_show_what_the_task_asks(models: Stored) -> None:
    pages = {
        name: Path(stored.path_of(store.REPORT_FILE)).read_text(encoding="utf-8")
        for name, stored in models.items()
    }
    assert "in euro" in pages["houses"]
    assert "height (cm)" in pages["plants"]
    for name, titles in {
        "loans": ["ROC curve", "Confusion matrix", "“repaid”, from a probability of"],
        "notes": ["Calibration", "kitchen"],
        "houses": ["Predicted and true", "Residuals", "Baseline RMSE"],
        "plants": ["height: predicted and true", "leaves: errors", "Targets"],
    }.items():
        assert all(title in pages[name] for title in titles)
    assert "ROC" not in pages["houses"]


def test_a_copy_of_the_report_is_written(toys: Toys, files: Files, tmp_path: Path) -> None:
    report = tmp_path / "deep" / "report.html"
    model = train(toys["loans"], data=str(files["loans"]), report=report)
    assert model.info.labels == {"data": "file"}
    page = report.read_bytes()
    assert b"Simulated data." not in page
    assert page == Path(model.path_of(store.REPORT_FILE)).read_bytes()
    assert list(report.parent.iterdir()) == [report]


@pytest.mark.parametrize("name", [name for name, one in find_models().items() if one.data])
def test_two_processes_write_the_same_files(name: str, tmp_path: Path) -> None:
    once = train(find_models()[name], tag="once")
    # Another hash seed, another number of threads: neither may show in the file.
    environment = os.environ | {
        "BENTOML_HOME": str(tmp_path),
        "PYTHONHASHSEED": "123",
        "OMP_NUM_THREADS": "2",
    }
    completed = subprocess.run(
        [sys.executable, "-m", "training", name, "--name", "again"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert f"{name}:again" in completed.stdout
    assert completed.stderr == ""
    written = _files(Path(once.path))
    assert written
    assert _files(tmp_path / "models" / name / "again") == written


@pytest.mark.parametrize("name", TOYS)
def test_the_same_seed_gives_the_same_files(
    name: str, toys: Toys, models: Stored, files: Files
) -> None:
    again = train(toys[name], data=str(files[name]))
    assert _files(Path(again.path)) == _files(Path(models[name].path))
    cards = [ModelCard.read(stored) for stored in (again, models[name])]
    assert cards[0].performance == cards[1].performance
    assert cards[0].golden == cards[1].golden
    other = train(toys[name], data=str(files[name]), seed=1)
    assert _files(Path(other.path)) != _files(Path(models[name].path))


def test_the_skops_file_is_canonical_and_trusted(models: Stored) -> None:
    for name in ("notes", "plants"):
        content = Path(models[name].path_of("model.skops")).read_bytes()
        assert skops_archive.canonical(content) == content
        assert skops.io.get_untrusted_types(data=content) == []
        with ZipFile(io.BytesIO(content)) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {skops_archive.EPOCH}
        assert skops_archive.dumps(skops.io.loads(content)) == content


@pytest.mark.parametrize("name", TOYS)
def test_duplicates_are_removed_before_splitting(
    name: str, toys: Toys, files: Files, tmp_path: Path
) -> None:
    frame = pd.read_csv(files[name])
    path = tmp_path / "twice.csv"
    pd.concat([frame, frame]).to_csv(path, index=False)
    summary = ModelCard.read(train(toys[name], data=str(path))).data
    assert (summary.rows, summary.distinct_rows) == (2 * len(frame), len(frame))


@pytest.mark.parametrize("name", TOYS)
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
    assert card.parameters["holdout_sha256"] == _hash(holdout)
    page = Path(stored.path_of(store.REPORT_FILE)).read_text(encoding="utf-8")
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
    toys: Toys, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework import Binary

    model = toys["loans"]
    chosen = ModelCard.read(train(model, data=str(files["loans"]))).threshold
    assert chosen is not None
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


def _files(folder: Path) -> dict[str, str]:
    """The hashes of the model's own files."""
    return {path.name: _hash(path) for path in folder.glob("model*") if path.suffix != ".yaml"}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
