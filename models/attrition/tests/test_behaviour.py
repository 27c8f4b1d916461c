"""How the model behaves: invariance, direction, minimum functionality.

Each test runs on a model trained on the simulation and, where the real data is at hand, on a real
one.
"""

import random
from typing import Any

import pytest

from framework import Bundle
from models.attrition import Attrition, Employee
from models.attrition.tests.cases import EMPLOYEE, EMPLOYEES


def employee(**changes: Any) -> Employee:
    """An employee who differs from the example in some fields."""
    return Employee.model_validate({**EMPLOYEE, **changes})


def test_an_employees_judgement_does_not_depend_on_the_others(
    attrition: Bundle[Employee, Attrition],
) -> None:
    records = [Employee.model_validate(record) for record in EMPLOYEES] * 20
    order = random.Random(0).sample(range(len(records)), len(records))

    alone = [attrition.predict([record])[0].probability for record in records]
    together = [answer.probability for answer in attrition.predict(records)]
    shuffled = [answer.probability for answer in attrition.predict([records[i] for i in order])]

    assert together == alone
    assert shuffled == [alone[i] for i in order]


def test_dissatisfaction_of_an_overworked_employee_raises_the_risk(
    attrition: Bundle[Employee, Attrition],
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
    attrition: Bundle[Employee, Attrition], leaves: bool, changes: dict[str, Any]
) -> None:
    assert attrition.predict([employee(**changes)])[0].leaves is leaves
