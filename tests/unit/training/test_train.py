"""Training as a whole: what is stored, that it is reproducible, and what is refused."""

import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args
from zipfile import ZipFile

import bentoml
import pytest
import skops.io

from models.attrition import predictor as attrition
from models.card import CategoryProfile, ModelCard
from models.predictor import Predictor, require_golden
from models.topics import predictor as topics
from tests.unit.training.conftest import entries
from training import ModelName, TrainingError, data, simulation, skops_archive, store, train
from training.__main__ import main

ROOT = Path(__file__).parents[3]
NAMES: tuple[ModelName, ...] = get_args(ModelName)
MODEL_FILES = {"attrition": attrition.MODEL_FILE, "topics": topics.MODEL_FILE}
PREDICTORS: dict[str, type[Predictor[Any, Any]]] = {
    "attrition": attrition.AttritionPredictor,
    "topics": topics.TopicsPredictor,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[ModelName, bentoml.Model]:
    """One model of each kind, trained on the simulation, with its report beside it."""
    folder = tmp_path_factory.mktemp("reports")
    return {name: train(name, tag="base", report=folder / f"{name}.html") for name in NAMES}


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest, models: dict[ModelName, bentoml.Model]) -> bentoml.Model:
    return models[request.param]


def test_the_card_is_complete(model: bentoml.Model) -> None:
    card = ModelCard.read(model)
    assert card.data.simulated
    assert card.data.source == "simulation"
    assert model.info.labels == {"data": "simulation"}
    assert model.info.metadata["data_sha256"] == card.data.sha256
    assert (
        card.data.train_rows + card.data.validation_rows + card.data.test_rows
        == card.data.distinct_rows
    )
    assert card.versions[card.framework] == model.info.context.framework_versions[card.framework]
    assert {"python", "numpy", "bentoml"} < card.versions.keys()
    assert "best_iteration" in card.parameters
    assert card.performance["overall"]["rows"] == card.data.test_rows
    for name in card.classes:
        assert card.performance[name].keys() == {"precision", "recall", "f1", "rows"}
    slices = [name for name in card.performance if "=" in name]
    assert slices
    for prefix in {name.partition("=")[0] for name in slices}:
        rows = [card.performance[name]["rows"] for name in slices if name.startswith(prefix)]
        assert sum(rows) == card.data.test_rows
    assert 5 <= len(card.golden) <= 8
    for profile in card.profile.values():
        if isinstance(profile, CategoryProfile):
            assert sum(profile.shares.values()) == pytest.approx(1)
        else:
            assert list(profile.quantiles.values()) == sorted(profile.quantiles.values())


def test_golden_examples_are_varied_and_reproduced(model: bentoml.Model) -> None:
    predictor = PREDICTORS[model.tag.name].load(model)
    require_golden(predictor)
    decided = {
        example.prediction.get("topic", example.prediction.get("leaves"))
        for example in predictor.card.golden
    }
    assert len(decided) == len(predictor.card.classes)


def test_models_learn_the_simulation(models: dict[ModelName, bentoml.Model]) -> None:
    performance = {name: ModelCard.read(model).performance for name, model in models.items()}
    assert performance["attrition"]["overall"]["roc_auc"] > 0.95
    assert performance["topics"]["overall"]["f1"] > 0.9


def test_the_report_needs_nothing_else_and_is_marked(model: bentoml.Model, tmp_path: Path) -> None:
    page = Path(model.path_of(store.REPORT_FILE)).read_text(encoding="utf-8")
    references = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", page)
    assert references
    assert all(reference.startswith("data:") for reference in references)
    assert "<script" not in page
    assert "Simulated data." in page
    assert str(model.tag) in page


def test_a_report_of_a_file_is_not_marked_as_simulated(
    projects: data.Table, tmp_path: Path
) -> None:
    path, report = tmp_path / "projects.csv", tmp_path / "deep" / "report.html"
    path.write_bytes(projects.content)
    model = train("topics", data=str(path), report=report)
    assert model.info.labels == {"data": "file"}
    page = report.read_bytes()
    assert b"Simulated data." not in page
    assert page == Path(model.path_of(store.REPORT_FILE)).read_bytes()
    assert list(report.parent.iterdir()) == [report]


def test_two_processes_write_the_same_model_file(model: bentoml.Model, tmp_path: Path) -> None:
    name = model.tag.name
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
    assert "SIMULATED DATA" in completed.stdout
    assert completed.stderr == ""
    again = tmp_path / "models" / name / "again" / MODEL_FILES[name]
    assert _hash(again) == _hash(Path(model.path_of(MODEL_FILES[name])))


def test_another_seed_gives_another_model(models: dict[ModelName, bentoml.Model]) -> None:
    file = attrition.MODEL_FILE
    other = train("attrition", seed=1)
    assert _hash(Path(other.path_of(file))) != _hash(Path(models["attrition"].path_of(file)))


def test_the_skops_file_is_canonical_and_trusted(
    models: dict[ModelName, bentoml.Model],
) -> None:
    content = Path(models["topics"].path_of(topics.MODEL_FILE)).read_bytes()
    assert skops_archive.canonical(content) == content
    assert skops.io.get_untrusted_types(data=content) == []
    with ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {skops_archive.EPOCH}
    assert skops_archive.dumps(skops.io.loads(content)) == content


def test_duplicates_are_removed_before_splitting(employees: data.Table, tmp_path: Path) -> None:
    frame = employees.frame.head(1000)
    path = tmp_path / "twice.csv"
    frame.iloc[[*range(1000), *range(1000)]].to_csv(path, index=False)
    summary = ModelCard.read(train("attrition", data=str(path))).data
    assert summary.rows == 2000
    assert summary.distinct_rows == len(frame.drop_duplicates())


def test_texts_of_the_holdout_are_not_trained_on(projects: data.Table, tmp_path: Path) -> None:
    path, holdout = tmp_path / "data.csv", tmp_path / "holdout.csv"
    path.write_bytes(projects.content)
    projects.frame.tail(100).to_csv(holdout, index=False)
    card = ModelCard.read(train("topics", data=str(path), holdout=str(holdout)))
    assert card.data.test_rows == 100
    assert card.data.train_rows == len(projects.frame) - 100
    assert card.parameters["holdout"] == str(holdout)


@pytest.mark.parametrize(
    "tag",
    ["latest", "attrition:latest", "topics:v1", "V1", "a b", "", "attrition:", "-x", "x" * 64],
)
def test_invalid_tags_are_refused(tag: str, store: Path) -> None:
    before = entries(store)
    with pytest.raises(TrainingError, match=r"is not a tag for this model; give attrition:VERSION"):
        train("attrition", tag=tag)
    assert entries(store) == before


def test_an_existing_tag_is_never_overwritten(model: bentoml.Model, store: Path) -> None:
    before = entries(store)
    with pytest.raises(TrainingError, match="exists already"):
        train(model.tag.name, tag=str(model.tag))  # type: ignore[arg-type]
    assert entries(store) == before


def test_an_unwritable_report_is_refused_before_anything_is_stored(
    store: Path, tmp_path: Path
) -> None:
    before = entries(store)
    (tmp_path / "file").touch()
    for report in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(TrainingError, match="the report cannot be written"):
            train("attrition", report=report)
    assert entries(store) == before


def test_a_failed_run_leaves_an_earlier_report_alone(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("earlier")
    with pytest.raises(TrainingError):
        train("attrition", data=str(tmp_path / "absent.csv"), report=report)
    assert report.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_store_leaves_no_part_behind(
    error: BaseException,
    models: dict[ModelName, bentoml.Model],
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = entries(store)

    def copy(source: Path, target: Path, **options: object) -> None:
        (target / "model.txt").write_text("half")
        raise error

    monkeypatch.setattr("bentoml._internal.models.model.shutil.copytree", copy)
    with pytest.raises((TrainingError, KeyboardInterrupt)):
        train("attrition", tag="half")
    assert entries(store) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["churn"],
        ["all", "--data", "a.csv"],
        ["all", "--name", "v1"],
        ["all", "--report", "a.html"],
        ["attrition", "--data", "a.csv", "--holdout", "b.csv"],
        ["topics", "--holdout", "b.csv"],
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = entries(store)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: python -m training" in capsys.readouterr().err
    assert entries(store) == before


def test_all_trains_both(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["all", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    for name in NAMES:
        newest = bentoml.models.get(f"{name}:latest")
        assert ModelCard.read(newest).seed == 3
        assert str(newest.tag) in printed


def test_no_table_is_simulated_unless_it_says_so(projects: data.Table) -> None:
    assert not data.from_csv(projects.content, simulation.SOURCE).simulated


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
