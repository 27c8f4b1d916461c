"""Missing values, lists, and rules and logic of an author's own: alike on every protocol."""

import math
from typing import Any

import pytest

from tests.contract.cases import edge_records
from tests.contract.surfaces import RefusedError, Surface
from tests.server.raised import BY_METHOD, BY_NUMBER, RAISED, SECRET
from tests.server.toy_models import gauges, kinds, spans, windows
from tests.server.toy_models.kinds import NONE


def gauge(**changes: Any) -> dict[str, Any]:
    """A gauge that is answered with 1 + 0.5 + 0.5 + 0.5 + 2 + 3 = 7.5 if nothing is changed."""
    return {"level": 1.0, "count": None, "flag": None, "grade": None, "pressure": 3.0, **changes}


GAUGES: list[tuple[dict[str, Any], float | None]] = [
    (gauge(), 7.5),
    (gauge(count=0, flag=False, grade="low"), 6.0),
    (gauge(count=100, flag=True, grade="high", step=5), 111.0),
    (gauge(pressure=None), None),
    (gauge(pressure=-10, note=None), -5.5),
    (gauge(level=0, note="日本"), 6.5),
]


def test_values_may_be_missing(surface: Surface) -> None:
    answers = surface.call("predict_gauges", [record for record, _ in GAUGES])

    assert answers == [{"value": value} for _, value in GAUGES]


@pytest.mark.parametrize(("record", "value"), GAUGES)
def test_one_value_may_be_missing(
    surface: Surface, record: dict[str, Any], value: float | None
) -> None:
    assert surface.call("predict_gauges", [record]) == [{"value": value}]


WINDOWS: list[tuple[dict[str, Any], list[float]]] = [
    ({"readings": [1, 2.5, 4], "steps": [1, 2], "flags": [False, True]}, [7.5, 3.0, 3.0]),
    ({"readings": [0.0, 0.0, -8.0], "steps": None}, [-8.0, 8.0, 2.0]),
    ({"readings": [1.0, 1.0, 1.0], "steps": [0, 0]}, [3.0, 0.0, 1.0]),
]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fields_and_answers_may_be_lists(surface: Surface, count: int) -> None:
    answers = surface.call("predict_windows", [record for record, _ in WINDOWS[:count]])

    assert answers == [{"values": values} for _, values in WINDOWS[:count]]


@pytest.mark.parametrize(
    ("records", "loc", "sentence"),
    [
        ([{"low": 0.0, "high": 1.0}, {"low": 3.0, "high": 1.0}], ("spans", 1), "low must not"),
        ([{"low": 0.0, "high": 1.0, "name": " "}], ("spans", 0, "name"), "needs a name"),
    ],
)
def test_an_authors_own_rules_hold(
    surface: Surface, records: list[dict[str, Any]], loc: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        surface.call("predict_spans", records)

    assert refused.value.code == "invalid_input"
    assert tuple(refused.value.detail[0].loc)[: len(loc)] == loc
    assert sentence in str(refused.value)


def test_what_an_authors_validators_made_is_what_the_method_sees(surface: Surface) -> None:
    span = {"low": 0.0, "high": 3.0}
    records = [span, {**span, "name": " SHUT "}, {**span, "name": "Open"}]

    answers = surface.call("predict_spans", records)

    wide = {"probability": 0.75, "wide": True}
    assert answers == [wide, {"probability": 0.0, "wide": False}, wide]


def test_a_method_may_choose_and_change(surface: Surface) -> None:
    sizes = [1.0, -1.0, 600.0, -0.5, 10.0]

    answers = surface.call("predict_kinds", [{"size": size} for size in sizes])

    small, none, vast, none_too, large = answers
    assert none == none_too == NONE.model_dump()
    assert (vast["kind"], vast["probability"]) == ("vast", 1.0)
    assert math.isclose(sum(vast["probabilities"].values()), 1)
    assert (small["kind"], large["kind"]) == ("small", "large")
    assert small["probability"] == small["probabilities"]["small"] == 9 / 10.01


def test_a_method_may_ask_the_model_nothing(surface: Surface) -> None:
    assert surface.call("predict_kinds", [{"size": -1.0}]) == [NONE.model_dump()]


@pytest.mark.parametrize("model", [gauges, kinds, spans, windows])
def test_all_protocols_answer_alike(surfaces: dict[str, Surface], model: Any) -> None:
    records = edge_records(model.MODEL)

    answers = {
        name: one.call(f"predict_{model.MODEL.name}", records) for name, one in surfaces.items()
    }

    assert all(given == answers["http"] for given in answers.values())
    assert len(answers["http"]) == len(records)


BROKEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("predict_gauges", gauge(level=gauges.BROKEN), gauge()),
    ("predict_windows", {"readings": [0, 0, 0], "steps": [windows.BROKEN, 0]}, WINDOWS[0][0]),
    ("predict_kinds", {"size": kinds.BROKEN}, {"size": 1.0, "name": "null"}),
    ("predict_spans", {"low": -1e308, "high": 1e308}, {"low": 0.0, "high": 0.0}),
    ("explain_spans", {"low": -1.0, "high": 0.0}, {"low": 0.0, "high": 1.0, "name": "null"}),
]


@pytest.mark.parametrize(("api", "broken", "whole"), BROKEN, ids=[api for api, _, _ in BROKEN])
def test_an_answer_that_is_not_finite_is_an_error_of_the_server(
    surface: Surface, api: str, broken: dict[str, Any], whole: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError) as refused:
        surface.call(api, [whole, broken])

    assert refused.value.code == "internal"
    assert surface.call(api, [whole])


@pytest.mark.parametrize("by_model", [False, True], ids=["method", "model"])
@pytest.mark.parametrize("name", RAISED)
def test_what_is_raised_is_told_alike_on_every_protocol(
    surfaces: dict[str, Surface], name: str, by_model: bool
) -> None:
    code = RAISED[name][1]
    span: dict[str, Any] = {"low": 0.0, "high": 1.0, "name": BY_METHOD + name}
    if by_model:
        span = {"low": BY_NUMBER[name], "high": 1.0}

    told = set()
    for surface in surfaces.values():
        with pytest.raises(RefusedError) as refused:
            surface.call("predict_spans", [span])
        told.add((refused.value.code, str(refused.value)))

    ((found, message),) = told
    assert found == code.code
    assert SECRET not in message
