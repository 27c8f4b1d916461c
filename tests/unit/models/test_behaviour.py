"""How the models behave: invariance, direction, minimum functionality.

Each test runs on models trained on the simulation and, where the real data is at hand, on real
models.
"""

import random
from typing import Any

import bentoml
import numpy as np
import pytest

from models.attrition.predictor import AttritionPredictor
from models.attrition.schema import Employee
from models.topics.predictor import TopicsPredictor
from models.topics.schema import Text
from tests.contract.cases import EMPLOYEE, EMPLOYEES, TEXTS

# The last bits of a sum may depend on how the processor's vector units divide a batch.
TOLERANCE = 1e-12


@pytest.fixture(
    scope="module", params=["simulation", pytest.param("real", marks=pytest.mark.real_data)]
)
def models(request: pytest.FixtureRequest) -> dict[str, bentoml.Model]:
    """Models trained on the simulation and on the real data."""
    if request.param == "simulation":
        trained: dict[str, bentoml.Model] = request.getfixturevalue("stored_models")
        return trained
    import training

    data = request.getfixturevalue("real_data")
    return {
        "attrition": training.train("attrition", data=str(data / "hr_turnover.csv"), tag="real"),
        "topics": training.train("topics", data=str(data / "ml_projects.csv"), tag="real"),
    }


@pytest.fixture(scope="module")
def attrition(models: dict[str, bentoml.Model]) -> AttritionPredictor:
    """The attrition predictor."""
    return AttritionPredictor.load(models["attrition"])


@pytest.fixture(scope="module")
def topics(models: dict[str, bentoml.Model]) -> TopicsPredictor:
    """The topics predictor."""
    return TopicsPredictor.load(models["topics"])


def employee(**changes: Any) -> Employee:
    """An employee who differs from the example in some fields."""
    return Employee.model_validate({**EMPLOYEE, **changes})


def test_an_employees_judgement_does_not_depend_on_the_others(
    attrition: AttritionPredictor,
) -> None:
    records = [Employee.model_validate(record) for record in EMPLOYEES] * 20
    order = random.Random(0).sample(range(len(records)), len(records))

    alone = [attrition.predict([record])[0].probability for record in records]
    together = [answer.probability for answer in attrition.predict(records)]
    shuffled = [answer.probability for answer in attrition.predict([records[i] for i in order])]

    assert together == alone
    assert shuffled == [alone[i] for i in order]


def test_a_texts_topic_does_not_depend_on_the_others(topics: TopicsPredictor) -> None:
    records = [Text.model_validate(record) for record in TEXTS] * 7
    order = random.Random(0).sample(range(len(records)), len(records))

    alone = np.array([list(topics.predict([r])[0].probabilities.values()) for r in records])
    shuffled = topics.predict([records[i] for i in order])

    np.testing.assert_allclose(
        [list(answer.probabilities.values()) for answer in shuffled],
        alone[order],
        atol=TOLERANCE,
        rtol=0,
    )


def test_dissatisfaction_of_an_overworked_employee_raises_the_risk(
    attrition: AttritionPredictor,
) -> None:
    overworked = {
        "number_project": 6,
        "average_monthly_hours": 280,
        "last_evaluation": 0.9,
        "time_spend_company": 4,
    }

    unhappy, happy = attrition.predict(
        [
            employee(**overworked, satisfaction_level=0.1),
            employee(**overworked, satisfaction_level=0.9),
        ]
    )

    assert unhappy.probability > happy.probability


@pytest.mark.parametrize(
    ("leaves", "changes"),
    [
        (
            True,
            {
                "satisfaction_level": 0.1,
                "number_project": 7,
                "average_monthly_hours": 290,
                "last_evaluation": 0.9,
                "time_spend_company": 4,
            },
        ),
        (
            True,
            {
                "satisfaction_level": 0.4,
                "number_project": 2,
                "average_monthly_hours": 140,
                "last_evaluation": 0.5,
                "time_spend_company": 3,
            },
        ),
        (
            False,
            {
                "satisfaction_level": 0.8,
                "number_project": 4,
                "average_monthly_hours": 200,
                "last_evaluation": 0.7,
                "time_spend_company": 3,
            },
        ),
    ],
    ids=["overworked", "under-used", "content"],
)
def test_clear_cases_are_judged_right(
    attrition: AttritionPredictor, leaves: bool, changes: dict[str, Any]
) -> None:
    assert attrition.predict([employee(**changes)])[0].leaves is leaves


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("computer-vision", "Object detection and image segmentation with convolutional networks"),
        ("natural-language-processing", "Transformers and BERT for text classification"),
        ("graph-learning", "Graph neural networks for node embeddings"),
        ("reinforcement-learning", "Deep reinforcement learning agent with policy gradients"),
        ("time-series", "Time series forecasting of stock prices"),
    ],
)
def test_clear_texts_get_their_topic(topics: TopicsPredictor, topic: str, text: str) -> None:
    assert topics.predict([Text(text=text)])[0].topic == topic


def test_probabilities_add_up_to_one(topics: TopicsPredictor) -> None:
    for answer in topics.predict([Text.model_validate(record) for record in TEXTS]):
        assert abs(sum(answer.probabilities.values()) - 1) < TOLERANCE
        assert answer.probability == max(answer.probabilities.values())
