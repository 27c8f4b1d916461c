"""What the models reach on the public data, where it is at hand."""

from pathlib import Path

import pytest

from models.attrition.predictor import AttritionPredictor
from models.card import ModelCard
from models.predictor import require_golden
from models.topics.predictor import TopicsPredictor
from training import train

pytestmark = pytest.mark.real_data


def test_turnover(real_data: Path) -> None:
    model = train("attrition", data=str(real_data / "hr_turnover.csv"))
    card = ModelCard.read(model)
    assert (card.data.rows, card.data.distinct_rows) == (14_999, 11_991)
    assert card.performance["overall"]["roc_auc"] >= 0.985
    assert not card.data.simulated
    require_golden(AttritionPredictor.load(model))


def test_topics(real_data: Path) -> None:
    model = train(
        "topics",
        data=str(real_data / "ml_projects.csv"),
        holdout=str(real_data / "ml_projects_holdout.csv"),
    )
    card = ModelCard.read(model)
    assert (card.data.train_rows, card.data.test_rows) == (764, 191)
    assert card.performance["overall"]["f1"] >= 0.90
    require_golden(TopicsPredictor.load(model))
