"""Attrition features: by record and by column, one encoding."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attrition.features import FEATURES, matrix, matrix_from_columns
from models.attrition.schema import DEPARTMENTS, SALARIES, Employee

share = st.floats(0, 1)
flag = st.integers(0, 1)
employees = st.builds(
    Employee.model_construct,
    satisfaction_level=share,
    last_evaluation=share,
    number_project=st.integers(0, 50),
    average_monthly_hours=st.integers(0, 744),
    time_spend_company=st.integers(0, 60),
    work_accident=flag,
    promotion_last_5years=flag,
    department=st.sampled_from(DEPARTMENTS),
    salary=st.sampled_from(SALARIES),
)


@given(st.lists(employees, max_size=20))
def test_records_and_columns_are_encoded_alike(rows: list[Employee]) -> None:
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in FEATURES
    }

    by_record, by_column = matrix(rows), matrix_from_columns(columns)

    assert by_record.dtype == by_column.dtype == np.float64
    assert by_record.shape == (len(rows), len(FEATURES))
    np.testing.assert_array_equal(by_record, by_column)


def test_categories_get_their_position_as_code() -> None:
    columns: dict[str, Any] = {name: [0, 0, 0] for name in FEATURES}
    columns |= {"department": ["IT", "technical", "sales"], "salary": ["low", "medium", "high"]}

    encoded = matrix_from_columns(columns)

    assert encoded[:, FEATURES.index("department")].tolist() == [0, 9, 7]
    assert encoded[:, FEATURES.index("salary")].tolist() == [0, 1, 2]


def test_an_unknown_category_is_an_error() -> None:
    columns: dict[str, Any] = {name: [0] for name in FEATURES}
    columns |= {"department": ["catering"], "salary": ["low"]}

    with pytest.raises(KeyError, match="catering"):
        matrix_from_columns(columns)
