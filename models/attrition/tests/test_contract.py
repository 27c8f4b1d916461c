"""What every surface promises, tested alike on each."""

import math

import lightgbm
import numpy as np
import pytest

from models.attrition.tests.cases import EMPLOYEE, EMPLOYEES, REFUSED, encode
from tests.contract.cases import Refused
from tests.contract.surfaces import RefusedError, Surface

TOLERANCE = 1e-9


@pytest.mark.parametrize("count", [1, 2, len(EMPLOYEES)])
def test_attrition_equals_the_frameworks_own_prediction(
    surface: Surface, booster: lightgbm.Booster, threshold: float, count: int
) -> None:
    answers = surface.call("predict_attrition", EMPLOYEES[:count])

    expected = booster.predict(encode(EMPLOYEES[:count]))
    np.testing.assert_allclose([a["probability"] for a in answers], expected, atol=TOLERANCE)
    assert [a["leaves"] for a in answers] == [bool(p >= threshold) for p in expected]
    assert all(answer.keys() == {"probability", "leaves"} for answer in answers)


def test_explanations_add_up_to_the_score_exactly(
    surface: Surface, booster: lightgbm.Booster
) -> None:
    answers = surface.call("explain_attrition", EMPLOYEES)

    raw_scores = booster.predict(encode(EMPLOYEES), raw_score=True)
    for answer, employee, raw_score in zip(answers, EMPLOYEES, raw_scores, strict=True):
        contributions = answer["contributions"]
        total = answer["base_value"]
        for item in contributions:
            total += item["contribution"]
        assert total == answer["raw_score"]
        assert math.isclose(total, raw_score, abs_tol=TOLERANCE)
        assert math.isclose(
            answer["probability"], 1 / (1 + math.exp(-raw_score)), abs_tol=TOLERANCE
        )
        sizes = [abs(item["contribution"]) for item in contributions]
        assert sizes == sorted(sizes, reverse=True)
        assert {item["feature"]: item["value"] for item in contributions} == employee


def test_the_data_sets_own_spellings_are_accepted(surface: Surface) -> None:
    spelt = {"average_monthly_hours": "average_montly_hours", "work_accident": "Work_accident"}
    spelt["department"] = "sales"
    original = {spelt.get(name, name): value for name, value in EMPLOYEE.items()}

    assert surface.call("predict_attrition", [original]) == surface.call(
        "predict_attrition", [EMPLOYEE]
    )


def test_a_large_request_is_answered_in_order(surface: Surface) -> None:
    employees = [
        {**EMPLOYEE, "average_monthly_hours": 96 + row % 215, "number_project": row % 7}
        for row in range(1_000)
    ]

    answers = surface.call("predict_attrition", employees)

    for row in (0, 1, 499, 998, 999):
        assert surface.call("predict_attrition", [employees[row]]) == [answers[row]]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_invalid_input_is_refused_with_its_place(surface: Surface, case: Refused) -> None:
    with pytest.raises(RefusedError) as refused:
        surface.call(case.api, case.records)

    assert refused.value.code == "invalid_input"
    assert tuple(refused.value.detail[0].loc) == case.loc
    assert str(refused.value).startswith(".".join(str(part) for part in case.loc) + ": ")


def test_too_many_rows_are_refused_for_their_number(surface: Surface) -> None:
    with pytest.raises(RefusedError) as refused:
        surface.call("predict_attrition", [EMPLOYEE] * 10_001)

    assert refused.value.code == "payload_too_large"
