"""Whether somebody on the staff leaves."""

from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, Field

from framework import Binary, Source
from framework.recipes.lightgbm import LightGBM

Department = Literal["sales", "support", "technical", "hr"]
Salary = Literal["low", "medium", "high"]
ROWS = 6_000


class Person(BaseModel):
    satisfaction: float = Field(ge=0, le=1)
    evaluation: float = Field(ge=0, le=1)
    hours: int = Field(ge=0, le=744)
    years: int = Field(ge=0, le=60)
    accident: bool
    department: Department
    salary: Salary


class Leaving(BaseModel):
    probability: float
    leaves: bool


def _staff() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    satisfaction, evaluation = rng.beta(3, 2, (2, ROWS)).round(3)
    hours = rng.normal(200, 40, ROWS).clip(90, 320).astype(int)
    salary = rng.choice(get_args(Salary), ROWS, p=[0.5, 0.4, 0.1])
    score = 4 * (0.5 - satisfaction) + (hours - 200) / 60 + (salary == "low") - 1.5
    return {
        "satisfaction": satisfaction,
        "evaluation": evaluation,
        "hours": hours,
        "years": rng.integers(2, 9, ROWS),
        "accident": rng.random(ROWS) < 0.15,
        "department": rng.choice(get_args(Department), ROWS, p=[0.4, 0.3, 0.2, 0.1]),
        "salary": salary,
        "leaves": np.where(rng.random(ROWS) < 1 / (1 + np.exp(-2 * score)), "yes", "no"),
    }


MODEL = LightGBM[Person, Leaving](
    name="staff",
    record=Person,
    answer=Leaving,
    target="leaves",
    task=Binary(classes=("stays", "leaves"), labels=("no", "yes")),
    sample=[
        {
            "satisfaction": 0.5,
            "evaluation": 0.5,
            "hours": 200,
            "years": 3,
            "accident": False,
            "department": "sales",
            "salary": "low",
        }
    ],
    data=Source("simulated", "simulation", _staff),
)
