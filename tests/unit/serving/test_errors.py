"""Every error of BentoML, Starlette and FastAPI becomes a row of the table."""

import json

import pytest
from pydantic import BaseModel, Field, ValidationError

from serving.errors import MAX_NAME, MAX_SENTENCE, Code, ServingError


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
        "not_found": (404, "NOT_FOUND"),
        "method_not_allowed": (405, "UNIMPLEMENTED"),
        "payload_too_large": (413, "RESOURCE_EXHAUSTED"),
        "unsupported_media_type": (415, "UNKNOWN"),
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
    ("status", "body", "code", "message"),
    [
        (404, b"Not Found", Code.NOT_FOUND, Code.NOT_FOUND.sentence),
        (405, b"Method Not Allowed", Code.METHOD_NOT_ALLOWED, Code.METHOD_NOT_ALLOWED.sentence),
        (404, {"detail": "There is no such thing."}, Code.NOT_FOUND, "There is no such thing."),
        (
            400,
            [{"error": "the image must be square"}],
            Code.INVALID_INPUT,
            "the image must be square",
        ),
        (500, {"error": "secret of the implementation"}, Code.INTERNAL, Code.INTERNAL.sentence),
        (503, b"", Code.UNAVAILABLE, Code.UNAVAILABLE.sentence),
        (504, {"error": "Not able in 60 seconds"}, Code.DEADLINE_EXCEEDED, None),
        (429, {"error": "Too many requests"}, Code.OVERLOADED, Code.OVERLOADED.sentence),
        (418, b"teapot", Code.INVALID_INPUT, None),
        (502, b"\xff", Code.INTERNAL, None),
    ],
)
def test_foreign_errors_are_translated(
    status: int, body: object, code: Code, message: str | None
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    error = ServingError.from_response(status, raw)

    assert error.code is code
    assert message is None or str(error) == message


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
