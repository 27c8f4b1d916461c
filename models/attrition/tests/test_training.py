"""What training makes of employees: the public file's spelling, and the quality it reaches."""

from pathlib import Path

import bentoml
import pytest

from framework import Bundle, ModelCard
from models.attrition import MODEL
from training import rows, train
from training.data import load, of_source

SEEDS = range(5)


def test_the_public_spelling_gives_the_same_rows(tmp_path: Path) -> None:
    assert MODEL.data is not None
    ours = of_source(MODEL.data)
    respelt = {
        "average_monthly_hours": "average_montly_hours",
        "work_accident": "Work_accident",
        "department": "sales",
    }
    path = tmp_path / "employees.csv"
    ours.frame.rename(columns=respelt).to_csv(path, index=False)
    assert rows.read(MODEL, load(str(path))).records.keys() == rows.read(MODEL, ours).records.keys()


def test_the_simulation_is_learnt(stored_models: dict[str, bentoml.Model]) -> None:
    card = ModelCard.read(stored_models[MODEL.name])
    assert card.performance["overall"]["roc_auc"] > 0.95
    assert card.parameters["best_iteration"]


@pytest.mark.real_data
def test_the_public_data_is_learnt(real_data: Path) -> None:
    areas = []
    for seed in SEEDS:
        stored = train(MODEL, data=str(real_data / "hr_turnover.csv"), seed=seed)
        card = Bundle.load(MODEL, stored).card
        assert (card.data.rows, card.data.distinct_rows) == (14_999, 11_991)
        assert card.data.kind == "file"
        areas.append(card.performance["overall"]["roc_auc"])
    print("ROC AUC:", " ".join(f"{area:.4f}" for area in areas))
    # Which rows test is a matter of the seed, and some 400 leavers among them leave it to chance:
    # the area is 0.9828 with seed 4, so the bar is for the mean, and for the seed by default.
    assert areas[0] >= 0.985
    assert sum(areas) / len(areas) >= 0.985


@pytest.mark.real_data
def test_training_again_gives_the_same_bytes(real_data: Path) -> None:
    source = str(real_data / "hr_turnover.csv")
    once, again = (Path(train(MODEL, data=source).path_of("model.txt")) for _ in range(2))
    assert once.read_bytes() == again.read_bytes()
