"""What is stored of a trained model: its card, its golden examples, its report."""

import re
from pathlib import Path

import pytest

from framework import Bundle, ModelCard
from framework.card import CategoryProfile
from tests.unit.training.conftest import NAMES, Files, Stored, Toys, sha256
from training.files import REPORT_FILE

LABELS = {"simulated": "simulation", "file": "file", "builtin": "builtin"}


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_complete(name: str, toys: Toys, models: Stored, files: Files) -> None:
    model, stored = toys[name], models[name]
    card = ModelCard.read(stored)
    data = card.data
    kind = model.data.kind if model.data else "file"
    assert data.kind == kind
    assert data.source == (model.data.name if model.data else str(files[name]))
    assert data.sha256 == sha256(files[name])
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


@pytest.mark.parametrize("name", NAMES)
def test_the_card_counts_the_held_out_rows(name: str, models: Stored) -> None:
    card = ModelCard.read(models[name])
    assert card.reference is not None
    assert card.reference.rows == card.data.test_rows
    for bins in card.reference.columns.values():
        assert bins.reference.sum() == card.data.test_rows


def test_each_feature_and_answer_has_a_reference(models: Stored) -> None:
    references = {name: ModelCard.read(stored).reference for name, stored in models.items()}
    columns = {name: list(one.columns) for name, one in references.items() if one}
    assert columns == {
        "houses": ["area", "place_0", "place_1", "side", "answer.price"],
        "loans": [*("amount", "income", "rate", "owner", "band", "grade"), "answer.probability"],
        "notes": [
            *("text.length", "text.unknown_words"),
            *("answer.subject", "answer.probabilities.highest"),
        ],
        "plants": ["water", "light", "answer.height", "answer.leaves"],
    }


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", NAMES)
def test_the_report_needs_nothing_else_and_tells_its_data(name: str, models: Stored) -> None:
    page = Path(models[name].path_of(REPORT_FILE)).read_text(encoding="utf-8")
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
        name: Path(stored.path_of(REPORT_FILE)).read_text(encoding="utf-8")
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
