"""Names for fields, types and models."""

import pytest

from framework.scaffold.errors import ScaffoldError
from framework.scaffold.naming import identifier, require_name, singular, type_name


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("size", "size"),
        ("sepal length (cm)", "sepal_length_cm"),
        ("MonthlyIncome", "monthly_income"),
        ("HTTPStatus", "http_status"),
        ("Größe", "groe"),
        ("2nd floor", "column_2nd_floor"),
        ("€", "column"),
        ("class", "class_"),
        ("json", "json_"),
        ("model_config", "model_config_"),
        ("l", "l_"),
    ],
)
def test_a_column_becomes_a_field(column: str, name: str) -> None:
    assert identifier(column) == name


def test_a_name_is_given_once() -> None:
    assert identifier("Size", ["size", "size_2"]) == "size_3"


@pytest.mark.parametrize(
    ("rows", "one"),
    [("flowers", "flower"), ("cities", "city"), ("glasses", "glass"), ("boxes", "box")],
)
def test_rows_have_a_singular(rows: str, one: str) -> None:
    assert singular(rows) == one


def test_a_type_is_spelt_like_one() -> None:
    assert type_name("red_wine2") == "RedWine2"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Wine", "such as 'wine'"),
        ("red-wine", "such as 'red_wine'"),
        ("../wine", "such as 'wine'"),
        ("2wines", "such as 'column_2wines'"),
        ("class", "means something else in Python"),
        ("all", "means something else in Python"),
        ("import", "means something else in Python"),
        ("models", "or in the server"),
        ("taken", "is taken"),
    ],
)
def test_what_is_no_name_is_refused(name: str, message: str) -> None:
    with pytest.raises(ScaffoldError) as refused:
        require_name(name, "a model", ["taken"])

    assert message in str(refused.value)
