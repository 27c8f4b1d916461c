"""The feature matrix, whose columns stored models rely upon."""

from typing import Any, get_args

import pytest

from models.attrition import MODEL
from models.attrition.schema import Department, Salary


def test_features_and_categories_are_in_the_order_of_stored_models() -> None:
    assert MODEL.feature_names == [
        "satisfaction_level",
        "last_evaluation",
        "number_project",
        "average_monthly_hours",
        "time_spend_company",
        "work_accident",
        "promotion_last_5years",
        "department",
        "salary",
    ]
    assert MODEL.encoder.categories == {
        "department": list(get_args(Department)),
        "salary": list(get_args(Salary)),
    }


def test_categories_get_their_position_as_code() -> None:
    columns: dict[str, Any] = {name: [0, 0, 0] for name in MODEL.feature_names}
    columns |= {"department": ["IT", "technical", "sales"], "salary": ["low", "medium", "high"]}

    encoded = MODEL.encoder.from_columns(columns).matrix

    assert encoded[:, MODEL.feature_names.index("department")].tolist() == [0, 9, 7]
    assert encoded[:, MODEL.feature_names.index("salary")].tolist() == [0, 1, 2]


def test_salaries_are_in_order_and_departments_are_not() -> None:
    assert MODEL.unordered == ["department"]


def test_an_unknown_category_is_an_error() -> None:
    columns: dict[str, Any] = {name: [0] for name in MODEL.feature_names}
    columns |= {"department": ["catering"], "salary": ["low"]}

    with pytest.raises(KeyError, match="catering"):
        MODEL.encoder.from_columns(columns)
