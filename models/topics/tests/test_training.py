"""What training makes of projects: the texts, and the quality it reaches."""

from pathlib import Path

import bentoml
import pytest

from framework import Bundle, ModelCard
from models.topics import MODEL
from training import TrainingError, rows, train
from training.data import load, of_source

SEEDS = range(5)
FILES = ("ml_projects.csv", "ml_projects_holdout.csv")


def test_a_text_is_title_and_description(tmp_path: Path) -> None:
    path = tmp_path / "projects.csv"
    path.write_text("title,description,tag\nNA,,mlops\nnull,None,mlops\na,b,mlops\n")
    assert rows.read(MODEL, load(str(path))).records.texts["text"] == ["NA", "null None", "a b"]


def test_texts_that_are_too_long_are_refused(tmp_path: Path) -> None:
    assert MODEL.data is not None
    frame = of_source(MODEL.data).frame
    frame.loc[6, "description"] = "word " * 3000
    frame.to_csv(tmp_path / "projects.csv", index=False)
    expected = r"text \(of title \+ description\): .* from 1 to 10,000 characters: line 8"
    with pytest.raises(TrainingError, match=expected):
        train(MODEL, data=str(tmp_path / "projects.csv"))


def test_the_simulation_is_learnt(stored_models: dict[str, bentoml.Model]) -> None:
    card = ModelCard.read(stored_models[MODEL.name])
    assert card.performance["overall"]["f1"] > 0.9
    assert card.parameters["best_iteration"]
    lengths = [name for name in card.performance if name.startswith("length=")]
    assert sum(card.performance[name]["rows"] for name in lengths) == card.data.test_rows


@pytest.fixture(scope="module")
def trained(real_data: Path) -> list[bentoml.Model]:
    """The models of the real data, one for each seed."""
    data, holdout = (str(real_data / name) for name in FILES)
    return [train(MODEL, data=data, holdout=holdout, seed=seed) for seed in SEEDS]


@pytest.mark.real_data
def test_the_holdout_is_told_whatever_the_seed(trained: list[bentoml.Model]) -> None:
    scores = []
    for stored in trained:
        card = Bundle.load(MODEL, stored).card
        assert (card.data.rows, card.data.holdout_rows) == (764, 191)
        assert (card.data.train_rows, card.data.test_rows) == (764, 191)
        scores.append(card.performance["overall"]["f1"])
    print("weighted F1:", " ".join(f"{score:.4f}" for score in scores))
    assert min(scores) >= 0.90


@pytest.mark.real_data
def test_training_again_gives_the_same_bytes(real_data: Path, trained: list[bentoml.Model]) -> None:
    data, holdout = (str(real_data / name) for name in FILES)
    again = Path(train(MODEL, data=data, holdout=holdout, seed=SEEDS[0]).path_of("model.skops"))
    once = Path(trained[0].path_of("model.skops"))
    assert once.read_bytes() == again.read_bytes()
