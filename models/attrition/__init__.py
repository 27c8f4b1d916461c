"""Who is about to leave, and why: LightGBM on nine features of an employee.

The data set behind it is public (Kaggle "HR analytics"); without its file the model is trained on
a simulation.
"""

from typing import Any

from framework import Binary, Source
from framework.recipes.lightgbm import LightGBM
from models.attrition.schema import Attrition, AttritionExplanation, Employee

__all__ = ["MODEL", "Attrition", "AttritionExplanation", "Employee"]


def _simulated() -> dict[str, Any]:
    from models.attrition import simulation

    return simulation.employees()


MODEL = LightGBM[Employee, Attrition](
    name="attrition",
    record=Employee,
    rows="employees",
    answer=Attrition,
    explanation=AttritionExplanation,
    target="left",
    task=Binary(classes=("stays", "leaves")),
    sample=Employee.model_config["json_schema_extra"]["examples"],  # type: ignore[index]
    data=Source("simulated", "simulation", _simulated),
    # Salary bands are ordered, so their codes are numbers to the model; departments are not.
    ordered=["salary"],
)
