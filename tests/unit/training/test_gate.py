"""The gate: what passes it, on which rows, and what it says of the others."""

from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pandas as pd
import pytest

from framework import Budget, ModelCard
from framework.evaluation.binary import BinaryEvaluation
from framework.evaluation.paired import difference
from framework.gate import GateReport
from framework.model import Model
from tests.unit.training.conftest import Files, Stored, Toys
from training import rows, train
from training.data import load
from training.gate.candidate import Candidate, Champion
from training.gate.comparison import compare
from training.gate.judge import judge, judge_stored
from training.learnt import hashes_of, learnt_of

ROWS = 400


def answered(wrong: Any, groups: int = 4) -> BinaryEvaluation:
    """Answers that are off by so much, each group of rows a slice."""
    truth = np.arange(ROWS) % 2
    slices = {f"group={at}": np.arange(ROWS) * groups // ROWS == at for at in range(groups)}
    probability = np.abs(truth - wrong)
    return BinaryEvaluation(slices, ("no", "yes"), truth, probability, 0.5)


def noise(seed: int) -> Any:
    return np.random.default_rng(seed).uniform(0.2, 0.4, ROWS)


def failed(report: GateReport) -> dict[str, str]:
    return {check.name: check.sentence for check in report.checks if not check.passed}


def test_the_interval_is_students() -> None:
    found = difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))

    assert (found.rows, found.mean) == (3, 2.0)
    assert found.error == pytest.approx(1 / np.sqrt(3))
    # The quantile of Student's t with two degrees of freedom, from a table.
    assert found.at_least(0.05) == pytest.approx(2 - 2.92 / np.sqrt(3), abs=1e-3)
    assert found.at_most(0.05) == pytest.approx(2 + 2.92 / np.sqrt(3), abs=1e-3)


def test_a_better_model_passes_and_its_mirror_image_does_not() -> None:
    better, champion = answered(noise(0) - 0.05), answered(noise(1))

    passed, refused = compare(better, champion, "one:1"), compare(champion, better, "one:1")

    assert [check.passed for check in passed.checks] == [True, True]
    assert passed.loss == "Brier score"
    assert passed.parts[0].low > 0
    assert [part.rows for part in passed.parts] == [400, 100, 100, 100, 100]
    assert [check.passed for check in refused.checks] == [False, False]
    assert "worse in group=0" in refused.checks[1].sentence


@pytest.mark.parametrize("other", [0, 2], ids=["the same", "as good"])
def test_an_equal_model_does_not_pass(other: int) -> None:
    found = compare(answered(noise(other)), answered(noise(0)), "one:1")

    assert [check.passed for check in found.checks] == [False, True]


def test_a_model_that_is_better_but_for_one_slice_does_not_pass() -> None:
    wrong = noise(0) - 0.15
    wrong[:100] += 0.3

    found = compare(answered(wrong), answered(noise(1)), "one:1")

    assert [check.passed for check in found.checks] == [True, False]
    assert found.checks[1].sentence.startswith("worse in group=0 (")
    assert "group=1" not in found.checks[1].sentence


def test_slices_of_few_rows_are_not_judged_and_that_is_said() -> None:
    found = compare(answered(noise(0) - 0.1, 20), answered(noise(1), 20), "one:1")

    assert [part.name for part in found.parts] == ["overall"]
    assert "20 of fewer than 30 rows not judged" in found.checks[1].sentence


@pytest.fixture(scope="module")
def smaller(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with a sixth of the loans, the truth of a third of them turned round."""
    frame = pd.read_csv(files["loans"]).head(100)
    frame.loc[::3, "repaid"] = frame.loc[::3, "repaid"].map({"yes": "no", "no": "yes"})
    path = tmp_path_factory.mktemp("smaller") / "loans.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def poor(toys: Toys, smaller: Path) -> bentoml.Model:
    """A version that has learnt from them."""
    return train(toys["loans"], data=str(smaller), tag="poor")


@pytest.mark.usefixtures("models")
def test_both_are_judged_on_rows_that_neither_has_learnt_from(
    toys: Toys, models: Stored, poor: bentoml.Model, files: Files, smaller: Path
) -> None:
    model = toys["loans"]

    report = judge_stored(model, models["loans"], Champion.named("loans:poor"), str(files["loans"]))

    assert report.passed, report.summary
    assert "better by" in report.summary
    table = rows.read(model, load(str(files["loans"]))).distinct()
    learnt = _learnt(models["loans"]) | _learnt(poor)
    untouched = [one for one in hashes_of(table.records).tolist() if one not in learnt]
    assert report.rows == len(untouched)
    assert 100 <= report.rows < ModelCard.read(models["loans"]).data.test_rows
    assert {part.name for part in report.parts} == {"overall", "band=low", "band=high"}
    assert report.costs.keys() == {"champion", "challenger"}
    again = judge_stored(model, poor, Champion.named("loans:base"), str(files["loans"]))
    assert not again.passed
    assert failed(again)["better"].startswith("not better: Brier score")


def _learnt(stored: bentoml.Model) -> set[int]:
    hashes = learnt_of(stored)
    assert hashes is not None
    return set(hashes.tolist())


def test_a_version_keeps_what_it_was_fitted_on_and_chosen_by(models: Stored) -> None:
    for name in ("loans", "notes"):
        data = ModelCard.read(models[name]).data
        assert len(_learnt(models[name])) == data.train_rows + data.validation_rows


def _judged(model: Model[Any, Any], challenger: Candidate, champion: str, path: Path) -> GateReport:
    table = load(str(path))
    read = rows.read(model, table, classes=challenger.bundle.card.classes)
    return judge(model, challenger, Champion.named(champion), table, read)


def test_what_else_fails_is_said(
    toys: Toys,
    models: Stored,
    poor: bentoml.Model,
    files: Files,
    smaller: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = toys["loans"]
    challenger = Candidate.of(model, models["loans"])
    imported = Candidate(challenger.bundle, None, challenger.size)
    assert (
        "nobody knows"
        in failed(_judged(model, imported, "loans:poor", files["loans"]))["untouched"]
    )

    monkeypatch.setattr(model, "budget", Budget(milliseconds=1e-4, megabytes=1e-4))
    report = _judged(model, challenger, "loans:poor", files["loans"])
    assert failed(report).keys() == {"latency", "size"}
    assert "of 0.0001 ms allowed" in report.summary
    monkeypatch.undo()

    few = _judged(model, challenger, "loans:poor", smaller)
    assert "at least 100 are needed" in failed(few)["better"]

    gone = _judged(model, challenger, "loans:gone", files["loans"])
    assert failed(gone)["champion"].endswith("loans:gone is not in the model store")
    assert gone.champion_sha256 == ""


def test_a_class_that_the_champion_does_not_know_counts_against_it(
    toys: Toys, models: Stored, files: Files, tmp_path: Path
) -> None:
    model = toys["notes"]
    frame = pd.read_csv(files["notes"])
    known = frame[frame["subject"] != frame["subject"].max()]
    known.to_csv(tmp_path / "fewer.csv", index=False)
    train(model, data=str(tmp_path / "fewer.csv"), tag="fewer")
    frame["body"] += " again"
    frame.to_csv(tmp_path / "fresh.csv", index=False)

    report = judge_stored(
        model, models["notes"], Champion.named("notes:fewer"), str(tmp_path / "fresh.csv")
    )

    assert report.passed, report.summary
    assert report.parts[0].champion_loss > report.parts[0].loss


@pytest.mark.parametrize("name", ["houses", "plants"])
def test_numbers_are_compared_by_their_squared_errors(
    name: str, toys: Toys, models: Stored, files: Files, tmp_path: Path
) -> None:
    model = toys[name]
    frame = pd.read_csv(files[name])
    for target in model.target:
        frame[target] = frame[target].sample(frac=1, random_state=0).to_numpy()
    frame.to_csv(tmp_path / "shuffled.csv", index=False)
    stored = train(model, data=str(tmp_path / "shuffled.csv"), tag="shuffled")
    assert learnt_of(stored) is not None
    fresh = pd.read_csv(files[name])
    numeric = next(column for column in fresh if column not in model.target)
    fresh[numeric] += 0.001
    fresh.to_csv(tmp_path / "fresh.csv", index=False)

    report = judge_stored(
        model, models[name], Champion.named(f"{name}:shuffled"), str(tmp_path / "fresh.csv")
    )

    assert report.passed, report.summary
    assert report.loss.startswith("mean squared error")


def test_a_report_is_read_as_it_was_written(
    toys: Toys, models: Stored, poor: bentoml.Model, files: Files
) -> None:
    report = judge_stored(toys["loans"], poor, Champion.named("loans:base"), str(files["loans"]))

    assert GateReport.model_validate_json(report.model_dump_json()) == report
    assert report.model_dump(mode="json")["passed"] is False
