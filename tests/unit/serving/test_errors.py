"""Every error of BentoML, Starlette and FastAPI becomes a row of the table."""

import json
from http import HTTPStatus

import pytest
from bentoml.exceptions import BentoMLException
from pydantic import BaseModel, Field, ValidationError

from serving.errors import MAX_NAME, MAX_SENTENCE, Code, ServingError
from serving.logs import RouteLog

LOG = RouteLog("/wine/predict", "wine:1", "http", accesses=False)


class Request(BaseModel):
    """An input with a list of rows."""

    rows: list[float] = Field(min_length=1, max_length=2)


def refuse(content: object) -> ServingError:
    """Makes the error for an invalid input."""
    with pytest.raises(ValidationError) as invalid:
        Request.model_validate(content)
    return ServingError.from_validation(invalid.value)


def test_codes_and_statuses_are_the_contracts() -> None:
    assert {code.code: (code.status, code.grpc_status.name) for code in Code} == {
        "invalid_input": (400, "INVALID_ARGUMENT"),
        "unauthenticated": (401, "UNAUTHENTICATED"),
        "forbidden": (403, "PERMISSION_DENIED"),
        "not_found": (404, "NOT_FOUND"),
        "method_not_allowed": (405, "UNIMPLEMENTED"),
        "payload_too_large": (413, "RESOURCE_EXHAUSTED"),
        "unsupported_media_type": (415, "UNIMPLEMENTED"),
        "rate_limited": (429, "RESOURCE_EXHAUSTED"),
        "refused": (409, "FAILED_PRECONDITION"),
        "overloaded": (503, "RESOURCE_EXHAUSTED"),
        "deadline_exceeded": (504, "DEADLINE_EXCEEDED"),
        "unavailable": (503, "UNAVAILABLE"),
        "internal": (500, "INTERNAL"),
    }


def test_one_problem_is_told_with_its_path() -> None:
    error = refuse({"rows": ["a"]})

    assert error.code is Code.INVALID_INPUT
    assert str(error).startswith("rows.0: Input should be a valid number")
    assert "more" not in str(error)


@pytest.mark.parametrize(
    ("wrong", "ending"), [(2, "(and 1 more error)"), (3, "(and 2 more errors)")]
)
def test_further_problems_are_counted(wrong: int, ending: str) -> None:
    class Wide(BaseModel):
        rows: list[float]

    with pytest.raises(ValidationError) as invalid:
        Wide.model_validate({"rows": ["a"] * wrong})

    assert str(ServingError.from_validation(invalid.value)).endswith(ending)


def test_too_many_rows_are_a_matter_of_size() -> None:
    assert refuse({"rows": [1, 2, 3]}).code is Code.PAYLOAD_TOO_LARGE
    assert refuse({"rows": []}).code is Code.INVALID_INPUT


@pytest.mark.parametrize(
    ("status", "code", "is_told"),
    [
        (400, Code.INVALID_INPUT, True),
        (401, Code.UNAUTHENTICATED, False),
        (403, Code.FORBIDDEN, False),
        (404, Code.NOT_FOUND, True),
        (409, Code.REFUSED, True),
        (418, Code.REFUSED, True),
        (422, Code.REFUSED, True),
        (429, Code.RATE_LIMITED, True),
        (500, Code.INTERNAL, False),
        (502, Code.INTERNAL, False),
        (503, Code.UNAVAILABLE, False),
        (504, Code.DEADLINE_EXCEEDED, False),
    ],
)
def test_an_exception_of_bentomls_keeps_its_status_and_what_it_may_say(
    status: int, code: Code, is_told: bool
) -> None:
    raised = BentoMLException("no luck", error_code=HTTPStatus(status))

    error = ServingError.from_exception(raised, "id-1", LOG)

    assert (error.code, error.status) == (code, status)
    assert str(error) == ("no luck" if is_told else code.sentence)


def test_an_exception_whose_status_is_no_error_is_a_bug() -> None:
    raised = BentoMLException("all is well", error_code=HTTPStatus.OK)

    assert ServingError.from_exception(raised, "id-1", LOG).status == 500


def test_the_envelope_has_the_contracts_fields() -> None:
    body = json.loads(refuse({"rows": ["a", "b"]}).body("id-1"))

    assert list(body) == ["error", "code", "detail", "request_id"]
    assert body["request_id"] == "id-1"
    assert body["detail"][1]["loc"] == ["rows", 1]
    assert "input" not in body["detail"][1]


def test_what_a_client_made_up_is_not_echoed_whole() -> None:
    problem = {"loc": ("rows", 0, "k" * 10_000), "msg": "m" * 10_000, "type": "extra_forbidden"}

    error = ServingError.from_details([problem])

    assert error.detail[0].loc == ["rows", 0, "k" * MAX_NAME + "… (of 10,000 characters)"]
    assert str(error).startswith("rows.0.kkk")
    assert len(error.body("id")) < 3 * MAX_SENTENCE
