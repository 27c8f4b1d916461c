"""Finished models that are brought in: measured and stored, or refused with a sentence."""

from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import pandas as pd
import pytest
import skops.io
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from framework import Bundle, ModelCard, MultiOutput
from framework.recipes.lightgbm import LightGBM
from tests.unit.training.boosters import QUIET, booster, written
from tests.unit.training.conftest import TOYS, Files, Toys
from training import TrainingError, import_model, rows
from training.__main__ import main
from training.data import load
from training.files import REPORT_FILE


def test_a_booster_is_measured_and_stored(
    toys: Toys, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["Amount", *toys["loans"].feature_names[1:]]
    # The file's own spelling of a field is as good as ours.
    path = written(booster(toys, files, feature_name=names), tmp_path / "theirs.txt")
    report = tmp_path / "report.html"
    arguments = ["import", "loans", "--file", str(path), "--data", str(files["loans"])]
    more = ["--threshold", "0.4", "--name", "theirs", "--report", str(report)]
    assert main([*arguments, *more], package=TOYS) == 0
    assert "loans:theirs" in capsys.readouterr().out
    stored = bentoml.models.get("loans:theirs")
    assert Path(stored.path_of("model.txt")).read_bytes() == path.read_bytes()
    card = Bundle.load(toys["loans"], stored).card
    assert card.threshold == 0.4
    assert (card.data.rows, card.data.test_rows, card.data.train_rows) == (600, 600, 0)
    assert card.performance["overall"]["roc_auc"] > 0.95
    assert card.parameters["num_leaves"] == 31
    assert card.parameters["best_iteration"] == 20
    assert card.parameters["imported_from"] == "theirs.txt"
    assert "fitted elsewhere" in report.read_text(encoding="utf-8")


def test_a_target_may_have_another_name(toys: Toys, files: Files, tmp_path: Path) -> None:
    path = written(booster(toys, files, "houses"), tmp_path / "model.txt")
    renamed = tmp_path / "renamed.csv"
    pd.read_csv(files["houses"]).rename(columns={"price": "sold_for"}).to_csv(renamed, index=False)
    stored = import_model(toys["houses"], files=[path], data=str(renamed), target=["sold_for"])
    card = Bundle.load(toys["houses"], stored).card
    assert card.target == ["price"]
    assert list(card.target_profile) == ["price"]
    assert card.performance["overall"]["r2"] > 0.9
    with pytest.raises(TrainingError, match="column sold is missing"):
        import_model(toys["houses"], files=[path], data=str(renamed), target=["sold"])


def test_a_pipeline_is_measured_and_stored(toys: Toys, files: Files, tmp_path: Path) -> None:
    read = rows.read(toys["notes"], load(str(files["notes"])))
    texts = read.records.texts["text"]
    subjects = [read.classes[at] for at in read.target]
    path = tmp_path / "theirs.skops"
    skops.io.dump(make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, subjects), path)
    stored = import_model(toys["notes"], files=[path], data=str(files["notes"]))
    card = Bundle.load(toys["notes"], stored).card
    assert card.classes == ["garden", "kitchen", "music"]
    assert card.performance["overall"]["accuracy"] > 0.9
    assert card.parameters["pipeline"] == ["TfidfVectorizer", "MultinomialNB"]
    # Nobody knows which words it was fitted on.
    assert card.reference is not None
    assert list(card.reference.features) == ["text.length"]


def test_a_pipeline_fitted_on_a_data_frame_answers_a_matrix(
    toys: Toys, files: Files, tmp_path: Path
) -> None:
    frame = pd.read_csv(files["plants"])
    path = tmp_path / "theirs.skops"
    theirs = Ridge().fit(frame[["water", "light"]], frame[["height", "leaves"]])
    skops.io.dump(theirs, path)
    # scikit-learn would warn of each batch without names, and warnings are errors here.
    stored = import_model(toys["plants"], files=[path], data=str(files["plants"]))
    assert ModelCard.read(stored).performance["overall"]["r2"] > 0.9
    skops.io.dump(theirs.fit(frame[["light", "water"]], frame[["height", "leaves"]]), path)
    with pytest.raises(TrainingError, match="2 features in another order"):
        import_model(toys["plants"], files=[path], data=str(files["plants"]))


class Growth(BaseModel):
    height: float
    leaves: float


def test_boosters_of_several_outputs_are_a_file_each(
    toys: Toys, files: Files, tmp_path: Path
) -> None:
    model = LightGBM[Any, Growth](
        name="trees",
        record=toys["plants"].record,
        answer=Growth,
        target=["height", "leaves"],
        task=MultiOutput(),
        sample=toys["plants"].sample,
    )
    frame = pd.read_csv(files["plants"])
    paths = []
    for target in model.target:
        data = lightgbm.Dataset(frame[["water", "light"]], frame[target])
        one = lightgbm.train({"objective": "regression", **QUIET}, data, 30)
        paths.append(written(one, tmp_path / f"{target}.txt"))
    stored = import_model(model, files=paths, data=str(files["plants"]))
    assert Bundle.load(model, stored).card.performance["overall"]["r2"] > 0.8
    with pytest.raises(TrainingError, match=r"2 files are wanted, one for each target \(height"):
        import_model(model, files=paths[:1], data=str(files["plants"]))


@pytest.mark.filterwarnings("ignore:.*bentoml.lightgbm.*:DeprecationWarning")
def test_a_model_that_bentoml_saved_is_taken_from_the_store(
    toys: Toys, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = bentoml.lightgbm.save_model("theirs", booster(toys, files))
    arguments = ["import", "loans", "--from-store", str(theirs.tag), "--data", str(files["loans"])]
    assert main([*arguments, "--name", "taken"], package=TOYS) == 0
    card = Bundle.load(toys["loans"], bentoml.models.get("loans:taken")).card
    assert card.threshold == 0.5
    assert card.parameters["imported_from"] == str(theirs.tag)
    # And one of our own, as it lies there.
    assert main([*arguments[:3], "loans:taken", *arguments[4:]], package=TOYS) == 0
    capsys.readouterr()
    assert main([*arguments[:3], "theirs:absent", *arguments[4:]], package=TOYS) == 1
    assert "theirs:absent: is not in the model store" in capsys.readouterr().err


def test_the_report_is_stored_too(toys: Toys, files: Files, tmp_path: Path) -> None:
    path = written(booster(toys, files), tmp_path / "model.txt")
    stored = import_model(toys["loans"], files=[path], data=str(files["loans"]))
    page = Path(stored.path_of(REPORT_FILE)).read_text(encoding="utf-8")
    assert "imported from model.txt" in page
