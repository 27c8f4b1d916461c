"""Finished models that do not fit: refused with a sentence, and nothing stored."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from framework import ModelCard
from tests.unit.training.boosters import QUIET, booster, written
from tests.unit.training.conftest import Files, Toys, entries
from training import TrainingError, import_model, rows
from training.data import load

Make = Callable[[Toys, Files, Path], Any]


def _with(**parameters: Any) -> Make:
    return lambda toys, files, path: written(booster(toys, files, **parameters), path)


def _pandas(categories: list[str]) -> Make:
    def make(toys: Toys, files: Files, path: Path) -> None:
        frame = pd.read_csv(files["loans"])
        features = frame.drop(columns="repaid")
        features["band"] = pd.Categorical(features["band"], categories)
        data = lightgbm.Dataset(features, frame["repaid"] == "yes")
        written(lightgbm.train({"objective": "binary", **QUIET}, data, 5), path)

    return make


def _skops(estimator: Callable[[Any, Any], Any]) -> Make:
    def make(toys: Toys, files: Files, path: Path) -> None:
        read = rows.read(toys["notes"], load(str(files["notes"])))
        subjects = [read.classes[at] for at in read.target]
        skops.io.dump(estimator(read.records.texts["text"], subjects), path)

    return make


def _noise(texts: Any) -> Any:
    return texts


def _pipeline(*steps: Any) -> Callable[[Any, Any], Any]:
    return lambda texts, subjects: make_pipeline(TfidfVectorizer(), *steps).fit(texts, subjects)


def _bytes(content: bytes) -> Make:
    return lambda toys, files, path: path.write_bytes(content)


REFUSED: dict[str, tuple[str, Make, str]] = {
    "a pickle": ("loans", _bytes(pickle.dumps([1])), "is a pickle .*booster.save_model"),
    "joblib": ("notes", lambda t, f, path: joblib.dump([1], path), "is a pickle .*skops.io.dump"),
    "compressed joblib": (
        "notes",
        lambda t, f, path: joblib.dump([1], path, compress=("gzip", 3)),
        "is a pickle",
    ),
    "joblib compressed as by default": (
        "notes",
        lambda t, f, path: joblib.dump([1], path, compress=True),
        "is a pickle",
    ),
    "an empty file": ("loans", _bytes(b""), "not in LightGBM's text format"),
    "half a text": ("loans", _bytes(b"tree\nversion=v4\n"), "the file is broken or cut short"),
    "skops for a booster": (
        "loans",
        _skops(_pipeline(LogisticRegression())),
        "not in LightGBM's text format; write it by",
    ),
    "text for a pipeline": ("notes", _with(), "the file is no skops archive; write it by"),
    "a zip of something else": ("notes", _bytes(b"PK\x05\x06" + bytes(18)), "no skops archive"),
    "no folder": ("loans", lambda t, f, path: path.mkdir(), "is a folder; give the model's file"),
    "nothing there": ("loans", lambda t, f, path: None, "cannot be read: No such file"),
    "fewer features": (
        "loans",
        _with(change=lambda matrix: matrix[:, 1:]),
        "fitted on 5 features .* but the model computes 6",
    ),
    "other features": (
        "loans",
        _with(feature_name=["a", "b", "c", "d", "e", "f"]),
        "6 features .a, b, c, d, e, f., but",
    ),
    "features in another order": (
        "loans",
        _with(feature_name=["income", "amount", "rate", "owner", "band", "grade"]),
        "6 features in another order",
    ),
    "another objective": (
        "loans",
        _with(objective="regression"),
        "objective is regression, but a binary model wants binary or cross_entropy",
    ),
    "categories in another order": (
        "loans",
        _pandas(["high", "low"]),
        r"fitted on categories \['high', 'low'\]",
    ),
    "no probabilities": (
        "notes",
        _skops(_pipeline(LinearSVC())),
        "gives no probabilities",
    ),
    "types that could run code": (
        "notes",
        _skops(
            lambda texts, subjects: make_pipeline(
                FunctionTransformer(_noise), TfidfVectorizer(), LogisticRegression()
            ).fit(texts, subjects)
        ),
        "not scikit-learn's own: .*_noise",
    ),
    "texts that name files": (
        "notes",
        _skops(
            lambda texts, subjects: _pipeline(LogisticRegression())(texts, subjects).set_params(
                tfidfvectorizer__input="filename"
            )
        ),
        "takes texts for names of files",
    ),
    "other classes": (
        "notes",
        _skops(
            lambda texts, subjects: _pipeline(LogisticRegression())(
                texts, ["other" if one == "music" else one for one in subjects]
            )
        ),
        "is not one of garden, kitchen, other|are not one of garden, kitchen, other",
    ),
    "no estimator of texts": (
        "notes",
        _skops(lambda texts, subjects: LogisticRegression().fit(np.ones((150, 1)), subjects)),
        "cannot answer the rows of the data",
    ),
}


@pytest.mark.parametrize(("name", "make", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(
    name: str,
    make: Make,
    expected: str,
    toys: Toys,
    files: Files,
    store: Path,
    tmp_path: Path,
) -> None:
    path = tmp_path / "theirs"
    make(toys, files, path)
    before = entries(store)
    with pytest.raises(TrainingError, match=expected) as caught:
        import_model(toys[name], files=[path], data=str(files[name]))
    assert "theirs" in str(caught.value) or str(files[name]) in str(caught.value)
    assert entries(store) == before


def test_categories_in_the_order_of_the_field_are_taken(
    toys: Toys, files: Files, tmp_path: Path
) -> None:
    path = tmp_path / "model.txt"
    _pandas(["low", "high"])(toys, files, path)
    stored = import_model(toys["loans"], files=[path], data=str(files["loans"]))
    assert ModelCard.read(stored).performance["overall"]["roc_auc"] > 0.9


def test_options_that_do_not_fit_are_refused(toys: Toys, files: Files, tmp_path: Path) -> None:
    path = written(booster(toys, files), tmp_path / "model.txt")
    for name, options, expected in (
        ("houses", {"threshold": 0.5}, "houses is not one"),
        ("loans", {"threshold": 1.0}, "threshold 1.0 is out of range"),
        ("plants", {"target": ["height"]}, "targets height, leaves; name a column for each"),
        ("plants", {}, "plants brings no data along|no skops archive"),
        ("loans", {"from_store": "loans:x"}, "either files"),
    ):
        with pytest.raises(TrainingError, match=expected):
            import_model(toys[name], files=[path], **options)


def test_a_store_entry_of_several_files_is_not_guessed_at(
    toys: Toys, files: Files, store: Path
) -> None:
    with bentoml.models.create("several") as entry:
        for name in ("a.txt", "b.txt"):
            Path(entry.path_of(name)).write_text("tree\n")
    with pytest.raises(TrainingError, match=r"holds 2 files \(a.txt, b.txt\); give the one"):
        import_model(toys["loans"], from_store=str(entry.tag), data=str(files["loans"]))
