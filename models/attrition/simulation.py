"""Simulated employees, so that the whole system works before any real data is at hand.

The table has the structure that is published of the real one, and a seed of its own: it is the
same whatever the training seed. Numbers of a model trained on it say nothing about real people.
"""

from typing import Any, get_args

import numpy as np

from models.attrition.schema import Department, Salary

SEED = 20_240_229
EMPLOYEES = 8_000
# Employees who leave, or stay, against the pattern of their group.
NOISE = 0.015

# Share of rows, then mean and spread of: satisfaction, evaluation, projects, hours, years.
_GROUPS: list[tuple[float, bool, list[tuple[float, float]]]] = [
    # Content, ordinary workload.
    (0.70, False, [(0.70, 0.16), (0.70, 0.16), (3.8, 0.9), (200, 38), (3.2, 1.3)]),
    # Unhappy about many things, and staying all the same.
    (0.07, False, [(0.30, 0.12), (0.66, 0.17), (4.4, 1.1), (190, 42), (3.4, 1.3)]),
    # Under-used low performers.
    (0.10, True, [(0.41, 0.03), (0.51, 0.03), (2.0, 0.1), (144, 9), (3.0, 0.1)]),
    # Overworked high performers.
    (0.07, True, [(0.10, 0.02), (0.87, 0.06), (6.3, 0.5), (275, 18), (4.0, 0.2)]),
    # Long-serving and unsatisfied, although well rated.
    (0.06, True, [(0.45, 0.08), (0.90, 0.06), (4.6, 0.5), (244, 15), (5.4, 0.5)]),
]
_DEPARTMENT_SHARES = [0.08, 0.05, 0.05, 0.05, 0.04, 0.06, 0.06, 0.28, 0.15, 0.18]


def employees() -> dict[str, Any]:
    """Returns simulated employees and whether they left."""
    rng = np.random.default_rng(SEED)
    groups = rng.choice(len(_GROUPS), size=EMPLOYEES, p=[share for share, _, _ in _GROUPS])
    shapes = np.array([shape for _, _, shape in _GROUPS])[groups]
    satisfaction, evaluation, projects, hours, years = rng.normal(
        shapes[:, :, 0], shapes[:, :, 1]
    ).T
    left = np.array([leaves for _, leaves, _ in _GROUPS])[groups]
    left = left ^ (rng.random(EMPLOYEES) < NOISE)
    return {
        "satisfaction_level": satisfaction.clip(0.09, 1).round(2),
        "last_evaluation": evaluation.clip(0.36, 1).round(2),
        "number_project": projects.clip(2, 7).round().astype(int),
        "average_monthly_hours": hours.clip(96, 310).round().astype(int),
        "time_spend_company": years.clip(2, 10).round().astype(int),
        "work_accident": (rng.random(EMPLOYEES) < np.where(left, 0.05, 0.17)).astype(int),
        "left": left.astype(int),
        "promotion_last_5years": (rng.random(EMPLOYEES) < np.where(left, 0.005, 0.026)).astype(int),
        "department": rng.choice(get_args(Department), size=EMPLOYEES, p=_DEPARTMENT_SHARES),
        "salary": rng.choice(get_args(Salary), size=EMPLOYEES, p=[0.49, 0.43, 0.08]),
    }
