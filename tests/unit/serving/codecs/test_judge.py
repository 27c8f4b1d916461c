"""Rows are judged some at a time as pydantic judges the whole request, and twice is told."""

from typing import Any, Self

import pydantic
import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator, model_validator

from framework import FieldError
from framework.encoder import Encoder
from framework.fields import fields_of
from serving.codecs.json_parts import DuplicateError, require_unique
from serving.codecs.judge import Judge
from serving.codecs.struct_types import FastDecoder
from serving.errors import Code, ServingError
from serving.settings import load_settings
from tests.unit.serving.codecs.bodies import bodies, plain_rows
from tests.unit.serving.codecs.contracts import ROWS, Contract, contracts
from tests.unit.serving.codecs.test_same_verdict import dump

MOST = 100


def judge(contract: Contract) -> Judge:
    """The judge of a contract's requests, who looks at two rows at a time."""
    field = None if contract.request is None else ROWS
    made = Judge(contract.declared, contract.record, field, MOST)
    made._slice, made._most_problems = 2, 0
    return made


def whole(contract: Contract, content: Any) -> tuple[Any, ServingError | None]:
    """What pydantic makes of a whole request: its rows, or why it refuses them."""
    adapter = pydantic.TypeAdapter(contract.declared)
    try:
        if isinstance(content, bytes):
            found = adapter.validate_json(content)
        else:
            found = adapter.validate_python(
                content if contract.request is None else {ROWS: content}
            )
    except pydantic.ValidationError as error:
        return None, ServingError.from_validation(error)
    return found if contract.request is None else getattr(found, ROWS), None


def compare(
    found: Any, refusal: ServingError | None, expected: Any, wanted: Any, *, by_rows: bool
) -> None:
    """Both accept the same, or refuse it in the same words."""
    event(f"accepted: {refusal is None}")
    if wanted is None:
        assert refusal is None
        assert [dump(row) for row in found] == [dump(row) for row in expected]
        return
    assert refusal is not None, str(wanted)
    if wanted.detail[0].type == "json_invalid" and refusal.code is Code.PAYLOAD_TOO_LARGE:
        # Rows are counted before they are read.
        return
    assert refusal.code is wanted.code
    if wanted.code is Code.INVALID_INPUT and len(wanted.detail) < load_settings().max_problems:
        if not by_rows:
            # Of a request that looks at its rows first, the first wrong row is told.
            assert refusal.detail[0] == wanted.detail[0]
            assert [one for one in wanted.detail if one in refusal.detail] == refusal.detail
        else:
            assert refusal.detail == wanted.detail
            assert str(refusal) == str(wanted)


# Contracts shrink too slowly to wait for.
many = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.filter_too_much],
)


def verdict(contract: Contract, content: Any) -> tuple[Any, ServingError | None]:
    """What the judge makes of a request's body, or of its rows: they, or why they are refused."""
    judging = judge(contract)
    try:
        if isinstance(content, bytes):
            return judging.of_json(content), None
        return judging.of_list(content), None
    except ServingError as error:
        return None, error


@pytest.mark.parametrize("form", ["body", "rows"])
@many
@given(contract=contracts(), data=st.data())
def test_a_request_is_judged_as_pydantic_judges_the_whole(
    form: str, contract: Contract, data: st.DataObject
) -> None:
    try:
        fields = fields_of(contract.record)
    except FieldError:
        assume(False)
    for _ in range(8):
        content: Any = data.draw(bodies(contract, fields) if form == "body" else plain_rows(fields))
        rows, wanted = whole(contract, content)
        found, refusal = verdict(contract, content)
        if refusal and any(one.type == "duplicate_key" for one in refusal.detail):
            with pytest.raises(DuplicateError):
                require_unique(content)
            continue
        compare(found, refusal, rows, wanted, by_rows=judge(contract)._rules.by_rows)


class Usual(BaseModel):
    """A record with a text and a list."""

    model_config = ConfigDict(strict=True, extra="forbid")

    level: float = Field(ge=0, le=1)
    text: str
    window: list[float] = Field(default=[0, 0], min_length=2, max_length=2)


class Asked(BaseModel):
    """A request of such records."""

    model_config = ConfigDict(strict=True, extra="forbid")

    rows: list[Usual] = Field(min_length=1)


class Counted(Asked):
    """A request with a rule of its own, about rows that have been judged."""

    @model_validator(mode="after")
    def require_even(self) -> Self:
        """Wants an even number of rows."""
        if len(self.rows) % 2:
            raise ValueError("odd")
        return self


class Prepared(Asked):
    """A request that looks at rows before they are judged."""

    @model_validator(mode="before")
    @classmethod
    def prepare(cls, given: Any) -> Any:
        """Changes nothing."""
        return given


CONTRACT = Contract(Usual, Asked)
ROW = b'{"level": 0.5, "text": "x: y"}'
# Beyond what pydantic is given at once.
MANY = 3_000


def refused(body: bytes, request: type[BaseModel] = Asked) -> ServingError:
    """Why a body is refused."""
    with pytest.raises(ServingError) as refusal:
        judge(Contract(Usual, request)).of_json(body)
    return refusal.value


def body_of(*rows: bytes) -> bytes:
    """A request of rows."""
    return b'{"rows": [' + b", ".join(rows) + b"]}"


TWICE = {
    "in a row": (body_of(ROW, ROW[:-1] + b', "text": "x"}'), ["rows", 1, "text"]),
    "in other spelling": (body_of(ROW[:-1] + b', "te\\u0078t": ""}'), ["rows", 0, "text"]),
    "at the top": (b'{"rows": [], ' + body_of(ROW)[1:], ["rows"]),
    "again and again": (
        body_of(ROW[:-1] + b', "text": "x"' * MANY + b"}"),
        ["rows", 0, "text"],
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_key_given_twice_is_refused(name: str) -> None:
    body, loc = TWICE[name]
    decoder = FastDecoder(Encoder(Usual), Asked, ROWS)

    assert decoder.from_json(body) is None
    (problem,) = refused(body).detail
    assert (problem.loc, problem.type) == (loc, "duplicate_key")


@pytest.mark.parametrize("row", [ROW, ROW[:-1] + b', "window": [1, 2]}'])
def test_colons_in_texts_are_no_keys(row: bytes) -> None:
    decoder = FastDecoder(Encoder(Usual), Asked, ROWS)

    assert decoder.from_json(body_of(ROW, row, ROW)) is not None
    assert decoder.from_json(body_of(row, ROW.replace(b":", b"\\u003a"))) is None
    assert len(judge(CONTRACT).of_json(body_of(row, ROW.replace(b"y", b"\\u003a")))) == 2


LARGE: dict[str, tuple[bytes, list[str | int], str]] = {
    "keys of a row": (
        body_of(ROW, b"{" + b", ".join(b'"k%d": 1' % at for at in range(MANY)) + b"}"),
        ["rows", 1],
        "too_many_keys",
    ),
    "keys of the request": (
        b"{" + b", ".join(b'"k%d": 1' % at for at in range(MANY)) + b"}",
        [],
        "too_many_keys",
    ),
    "a list for a number": (
        body_of(ROW.replace(b"0.5", b"[" + b"[], " * 10 * MANY + b"1]")),
        ["rows", 0, "level"],
        "float_type",
    ),
    "an object in an unknown key": (
        body_of(ROW[:-1] + b', "k": [' + b"{}, " * 10 * MANY + b"1]}"),
        ["rows", 0, "k"],
        "extra_forbidden",
    ),
    "a list that is too long": (
        body_of(ROW[:-1] + b', "window": [' + b"1, " * 10 * MANY + b"1]}"),
        ["rows", 0, "window"],
        "too_long",
    ),
    "text that is no JSON": (body_of(*[ROW] * MANY)[:-2], [], "json_invalid"),
    "a list for the request": (b"[" + b"{}, " * MANY + b"{}]", [], "model_type"),
}


@pytest.mark.parametrize("request_type", [Asked, Counted])
@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_without_reason_is_refused_by_its_outline(
    name: str, request_type: type[BaseModel]
) -> None:
    body, loc, kind = LARGE[name]

    first = refused(body, request_type).detail[0]

    assert (first.loc, first.type) == (loc, kind)


class Ruled(Usual):
    """Rows with a rule of their own, which may look at any value."""

    @field_validator("text")
    @classmethod
    def _as_it_is(cls, text: str) -> str:
        return text


@pytest.mark.parametrize(
    ("value", "count", "kind"),
    [
        (b"1", 24_000, "too_long"),
        (b"1", 25_000, "too_many_values"),
        (b"[1]", 12_500, "too_many_values"),
    ],
)
def test_a_row_with_a_rule_of_its_own_has_no_more_values_than_pydantic_can_hold(
    value: bytes, count: int, kind: str
) -> None:
    content = body_of(ROW, ROW[:-1] + b', "window": [' + (value + b", ") * count + b"1]}")

    with pytest.raises(ServingError) as refusal:
        Judge(list[Ruled], Ruled, None, MOST).of_json(content[content.index(b"[") : -1])

    assert refusal.value.detail[0].type == kind


class Strict(BaseModel):
    """Rows of other fields than a record's."""

    model_config = ConfigDict(extra="forbid")

    sizes: dict[str, int] = {}


class Lenient(Strict):
    """The same, with any others."""

    model_config = ConfigDict(extra="allow")


@pytest.mark.parametrize("row_type", [Lenient, RootModel[dict[str, int]], dict[str, int]])
def test_keys_are_counted_where_each_further_one_is_a_problem(row_type: Any) -> None:
    row = b"{" + b", ".join(b'"key %d": 1' % at for at in range(MANY)) + b"}"

    assert len(Judge(list[row_type], row_type, None, MOST).of_json(b"[" + row + b"]")) == 1
    with pytest.raises(ServingError) as refusal:
        Judge(list[Strict], Strict, None, MOST).of_json(b"[" + row + b"]")

    assert [one.type for one in refusal.value.detail] == ["too_many_keys"]


@pytest.mark.parametrize("row", [b"{}", b"[]", b"1", b'","', b"NaN", b"{}, 1"])
def test_rows_are_counted_before_they_are_made(row: bytes) -> None:
    assert refused(body_of(*[row] * (100 * MOST))).code is Code.PAYLOAD_TOO_LARGE


def test_the_first_problems_are_told_wherever_they_are() -> None:
    rows = [ROW] * (MOST - 1)

    assert refused(body_of(*rows, b"{}")).detail[0].loc == ["rows", MOST - 1, "level"]
    error = refused(body_of(*[b"{}"] * MOST))
    assert len(error.detail) == load_settings().max_problems
    assert str(error) == "rows.0.level: Field required (and at least 51 more errors)"


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity"])
def test_what_only_python_calls_a_number_is_pydantics_to_judge(number: bytes) -> None:
    text = ROW.replace(b"x: y", b'NaN \\" Infinity 0E+000')
    rows = [text, ROW.replace(b"0.5", number)]

    assert judge(CONTRACT).of_json(body_of(text, text, text))[2].text == 'NaN " Infinity 0E+000'
    assert refused(body_of(*rows)).detail[0].loc == ["rows", 1, "level"]


def test_a_requests_own_rules_are_judged_after_its_rows() -> None:
    judging = judge(Contract(Usual, Counted))

    assert len(judging.of_json(body_of(*[ROW] * 4))) == 4
    assert str(refused(body_of(*[ROW] * 3), Counted)) == "Value error, odd"
    assert [one.loc for one in refused(body_of(ROW, ROW, b"{}"), Counted).detail] == [
        ["rows", 2, "level"],
        ["rows", 2, "text"],
    ]
    assert len(refused(body_of(*[b"{}"] * MOST), Counted).detail) == load_settings().max_problems


def test_what_a_request_looks_at_first_has_no_more_values_than_the_most_rows() -> None:
    texts = ROW.replace(b"y", b'{,\\"' * MANY)

    assert len(judge(Contract(Usual, Prepared)).of_json(body_of(*[texts] * MOST))) == MOST
    for name in ("keys of a row", "a list for a number"):
        assert refused(LARGE[name][0], Prepared).code is Code.PAYLOAD_TOO_LARGE
    assert refused(body_of(*[b"{}"] * 10 * MOST), Prepared).code is Code.PAYLOAD_TOO_LARGE


def test_of_many_rows_that_a_request_looks_at_first_the_first_wrong_one_is_told() -> None:
    refusal = refused(body_of(*[ROW] * 20, *[b"{}"] * (MOST - 20)), Prepared)

    assert [one.loc for one in refusal.detail] == [["rows", 20, "level"], ["rows", 20, "text"]]
    assert str(refusal).endswith("(and at least 1 more error)")
    # Few of them are judged to the end.
    with pytest.raises(ServingError) as few:
        Judge(Prepared, Usual, "rows", MOST).of_json(body_of(ROW, b"{}", b"{}"))
    assert [one.loc[1] for one in few.value.detail] == [1, 1, 2, 2]
