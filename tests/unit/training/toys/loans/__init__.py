"""Whether a loan is paid back: two classes, missing values, truth values and other spellings."""

from typing import Any, Literal

import numpy as np
from pydantic import AliasChoices, BaseModel, Field

from framework import Binary, Source
from framework.recipes.lightgbm import LightGBM


class Loan(BaseModel):
    amount: int = Field(ge=1, le=50_000, validation_alias=AliasChoices("amount", "Amount"))
    income: float | None = Field(ge=0, allow_inf_nan=False)
    rate: float = Field(gt=0, lt=1, allow_inf_nan=False)
    owner: bool
    band: Literal["low", "high"]
    grade: Literal[1, 2, 3] | None = None


class Repayment(BaseModel):
    probability: float
    repaid: bool


def _loans() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    amount = rng.integers(1, 50_000, 600)
    income = rng.integers(10_000, 90_000, 600).astype(float)
    income[::9] = np.nan
    return {
        "amount": amount,
        "income": income,
        "rate": rng.uniform(0.01, 0.2, 600).round(3),
        "owner": rng.random(600) < 0.5,
        "band": rng.choice(["low", "high"], 600),
        "grade": [None if n == 0 else int(n) for n in rng.integers(0, 4, 600)],
        "repaid": np.where(amount + rng.normal(0, 5_000, 600) < 25_000, "yes", "no"),
    }


MODEL = LightGBM[Loan, Repayment](
    name="loans",
    record=Loan,
    answer=Repayment,
    target="repaid",
    task=Binary(classes=("lost", "repaid"), labels=("no", "yes")),
    sample=[{"amount": 9, "income": None, "rate": 0.1, "owner": True, "band": "low"}],
    data=Source("simulated", "simulation", _loans),
)
