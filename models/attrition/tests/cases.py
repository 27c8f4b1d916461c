"""Requests every surface must answer alike, and requests every surface must refuse alike."""

from typing import Any

import numpy as np

from models.attrition import MODEL
from tests.contract.cases import Refused

EMPLOYEE: dict[str, Any] = {
    "satisfaction_level": 0.38,
    "last_evaluation": 0.53,
    "number_project": 2,
    "average_monthly_hours": 157,
    "time_spend_company": 3,
    "work_accident": 0,
    "promotion_last_5years": 0,
    "department": "sales",
    "salary": "low",
}

EMPLOYEES: list[dict[str, Any]] = [
    EMPLOYEE,
    {**EMPLOYEE, "satisfaction_level": 0.92, "salary": "high", "department": "management"},
    {**EMPLOYEE, "number_project": 7, "average_monthly_hours": 287, "last_evaluation": 0.93},
    {**EMPLOYEE, "time_spend_company": 5, "work_accident": 1, "promotion_last_5years": 1},
    {**EMPLOYEE, "satisfaction_level": 0, "last_evaluation": 1, "department": "RandD"},
    {**EMPLOYEE, "number_project": 0, "average_monthly_hours": 744, "time_spend_company": 60},
]


def encode(employees: list[dict[str, Any]]) -> np.ndarray:
    """Encodes records independently of the code under test."""
    categories = MODEL.encoder.categories
    return np.array(
        [
            [
                categories[name].index(record[name]) if name in categories else record[name]
                for name in MODEL.feature_names
            ]
            for record in employees
        ],
        dtype=float,
    )


def _employee(name: str, field: str, value: Any) -> Refused:
    record = {**EMPLOYEE, field: value}
    return Refused(name, "predict_attrition", [EMPLOYEE, record], ("employees", 1, field))


REFUSED = [
    _employee("below the range", "satisfaction_level", -0.01),
    _employee("above the range", "last_evaluation", 1.01),
    _employee("not a number", "satisfaction_level", float("nan")),
    _employee("infinite", "last_evaluation", float("inf")),
    _employee("number as text", "number_project", "2"),
    _employee("fraction for a whole number", "number_project", 2.5),
    _employee("truth value for a number", "work_accident", True),
    _employee("null", "average_monthly_hours", None),
    _employee("above the hours of a month", "average_monthly_hours", 745),
    _employee("beyond 64 bits", "time_spend_company", 2**70),
    _employee("unknown category", "department", "catering"),
    _employee("category in other case", "salary", "LOW"),
    _employee("list for a value", "salary", ["low"]),
    _employee("unknown field", "age", 40),
    Refused(
        "missing field",
        "predict_attrition",
        [{name: value for name, value in EMPLOYEE.items() if name != "salary"}],
        ("employees", 0, "salary"),
    ),
    Refused(
        "field in both spellings",
        "predict_attrition",
        [{**EMPLOYEE, "Work_accident": 1}],
        ("employees", 0, "Work_accident"),
    ),
    Refused("no rows", "predict_attrition", [], ("employees",)),
    Refused("no rows to explain", "explain_attrition", [], ("employees",)),
    Refused("row that is no object", "explain_attrition", [1], ("employees", 0)),
]
