"""What is decoded fast is what pydantic would have accepted, with the values it would give."""

import json
import math
from typing import Annotated, Any, Literal, cast

import numpy as np
import pydantic
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, create_model

from framework import FieldError, Records
from framework.encoder import Encoder, EncodingError
from serving.codecs.struct_types import FastDecoder
from tests.unit.serving.codecs.bodies import bodies, plain_rows
from tests.unit.serving.codecs.contracts import ROWS, Contract, contracts


def fast(contract: Contract) -> tuple[Encoder[Any], FastDecoder]:
    """Encoder and decoder of a contract; one that msgspec is not trusted with is no example."""
    try:
        encoder = Encoder(contract.record)
        return encoder, FastDecoder(encoder, contract.request, ROWS)
    except FieldError:
        assume(False)
        raise


def by_pydantic(contract: Contract, encoder: Encoder[Any], content: Any) -> Records[Any] | None:
    """What pydantic alone makes of a body or of rows; None if it refuses them."""
    adapter = pydantic.TypeAdapter(contract.declared)
    try:
        if isinstance(content, bytes):
            found = adapter.validate_json(content)
        else:
            found = adapter.validate_python(
                content if contract.request is None else {ROWS: content}
            )
        rows = found if contract.request is None else getattr(found, ROWS)
        return encoder.from_records(rows)
    except (pydantic.ValidationError, EncodingError):
        return None


def require_same(found: Records[Any] | None, expected: Records[Any] | None) -> None:
    """Whatever was decoded fast is what was to be expected."""
    if found is None:
        return
    assert expected is not None, "pydantic refuses it"
    np.testing.assert_array_equal(found.matrix, expected.matrix, strict=True)
    assert found.texts == expected.texts
    assert [dump(record) for record in found] == [dump(record) for record in expected]


def compare(found: Records[Any] | None, expected: Records[Any] | None) -> None:
    """The same, within a property test."""
    event(f"decoded: {found is not None}, valid: {expected is not None}")
    require_same(found, expected)


def dump(record: BaseModel) -> dict[str, Any]:
    """A record's values, of which NaN equals itself."""
    return {
        name: "NaN" if isinstance(value, float) and math.isnan(value) else value
        for name, value in vars(record).items()
    }


many = settings(suppress_health_check=[HealthCheck.filter_too_much])


@many
@given(contract=contracts(), data=st.data())
def test_a_body_is_decoded_as_pydantic_does(contract: Contract, data: st.DataObject) -> None:
    encoder, decoder = fast(contract)
    for _ in range(8):
        body = data.draw(bodies(contract, encoder.fields))
        try:
            found = decoder.from_json(body)
        except EncodingError:
            found = None
        compare(found, by_pydantic(contract, encoder, body))


@many
@given(contract=contracts(), data=st.data())
def test_rows_are_decoded_as_pydantic_does(contract: Contract, data: st.DataObject) -> None:
    encoder, decoder = fast(contract)
    for _ in range(8):
        rows = data.draw(plain_rows(encoder.fields))
        try:
            found = decoder.from_list(rows, 0)
        except EncodingError:
            found = None
        compare(found, by_pydantic(contract, encoder, rows))


@many
@given(contract=contracts(), data=st.data())
def test_fields_with_other_names_in_json_are_decoded_alike(
    contract: Contract, data: st.DataObject
) -> None:
    encoder, _ = fast(contract)
    renamed = {name: f"{name}In Json" for name in [ROWS, *encoder.names]}
    decoder = FastDecoder(encoder, contract.request, ROWS, renamed)
    for _ in range(4):
        rows = data.draw(plain_rows(encoder.fields))
        given = [{renamed.get(name, name): one for name, one in row.items()} for row in rows]
        bodies = [
            json.dumps(listed if contract.request is None else {name: listed}).encode()
            for listed, name in ((given, renamed[ROWS]), (rows, ROWS))
        ]
        compare(decoder.from_json(bodies[0]), by_pydantic(contract, encoder, bodies[1]))


NARROW = Field(min_length=1, max_length=1)
ALIASED = AliasChoices("other", "a")
PECULIAR: dict[str, tuple[Any, dict[str, Any], str]] = {
    "an alias that nobody need give": (
        (float, Field(default=0, validation_alias=AliasChoices("a", "other"))),
        {},
        '[{"other": 1}]',
    ),
    "an alias that comes first": (
        (float, Field(validation_alias=ALIASED)),
        {},
        '[{"a": 1, "other": 2}]',
    ),
    "broken text in a field that is ignored": ((float, ...), {}, '[{"a": 1, "b": "\\ud800"}]'),
    "nesting in a field that is ignored": (
        (float, ...),
        {},
        f'[{{"a": 1, "b": {"[" * 300}{"]" * 300}}}]',
    ),
    "a limit of all texts": ((str, ...), {"str_max_length": 1}, '[{"a": "xy"}]'),
    "a text that is changed": (
        (Annotated[str, StringConstraints(strip_whitespace=True)], ...),
        {},
        '[{"a": " x "}]',
    ),
    "a rule inside and outside": (
        (Annotated[Annotated[float, Field(ge=1)] | None, Field(ge=5)], ...),
        {},
        '[{"a": 2}]',
    ),
    "two limits of a kind": ((float, Field(ge=0, gt=1)), {}, '[{"a": 1}]'),
}


@pytest.mark.parametrize("name", PECULIAR)
def test_peculiar_rules_are_pydantics_to_judge(name: str) -> None:
    field, configuration, body = PECULIAR[name]
    record = create_model("Record", __config__=cast(ConfigDict, configuration), a=field)
    contract = Contract(record, None)
    try:
        encoder = Encoder(record)
        decoder = FastDecoder(encoder, None, ROWS)
    except FieldError:
        return

    require_same(decoder.from_json(body.encode()), by_pydantic(contract, encoder, body.encode()))


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("rule", [{}, {"ge": 0}, {"gt": 0}, {"le": 0}, {"lt": 0}])
def test_a_message_may_bring_numbers_that_are_not_finite(
    number: float, rule: dict[str, Any]
) -> None:
    field: Any = (float, Field(allow_inf_nan=False, **rule))
    encoder = Encoder(create_model("Record", a=field))

    assert FastDecoder(encoder, None, ROWS).from_list([{"a": number}], 0) is None


def test_a_message_may_have_no_more_rows_than_a_request() -> None:
    record = create_model("Record", a=float)
    request = create_model("Request", rows=(Annotated[list[record], NARROW], ...))
    decoder = FastDecoder(Encoder(record), request, ROWS)

    assert decoder.from_list([{"a": 1}], 0) is not None
    assert decoder.from_list([{"a": 1}] * 2, 0) is None


class Usual(BaseModel):
    """A record of every kind that models have."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    level: float = Field(ge=0, le=1, allow_inf_nan=False)
    count: int | None = Field(ge=0)
    flag: bool = False
    kind: Literal["low", "high"] = Field(validation_alias=AliasChoices("kind", "sort"))
    window: list[float] | None = Field(default=None, min_length=2, max_length=2)
    text: str = Field(min_length=1, max_length=10, pattern=r"\S")


class Spelt(BaseModel):
    """A record with other names."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    level: float = Field(validation_alias=AliasChoices("level", "Level", "height"))
    kind: Literal["low", "high"] = Field(default="low", alias="Kind")
    window: list[float] = Field(default=[0, 1], min_length=2, max_length=2)


SPELT = [
    {"level": 1, "kind": "high", "window": [2, 3]},
    {"Level": 1},
    {"height": 1, "Kind": "low"},
    {"Level": 1, "kind": "high", "window": [2, 3]},
]


def test_any_spelling_is_decoded_fast() -> None:
    contract = Contract(Spelt, None)
    encoder, decoder = fast(contract)
    for rows in (SPELT, SPELT[1:2], SPELT[2:]):
        body = json.dumps(rows).encode()
        found = decoder.from_json(body)

        assert found is not None
        require_same(found, by_pydantic(contract, encoder, body))
    found = decoder.from_json(json.dumps(SPELT).encode())
    assert found is not None
    # Each row has a default of its own.
    assert found[1].window is not found[2].window


@pytest.mark.parametrize(
    "row",
    [
        {"level": 1, "Level": 1},
        {"level": 1, "kind": "low", "Kind": "low"},
        {"kind": "low"},
        {"level": 1, "LEVEL": 1},
    ],
)
def test_two_spellings_of_a_field_are_pydantics_to_judge(row: dict[str, Any]) -> None:
    decoder = fast(Contract(Spelt, None))[1]

    assert decoder.from_json(json.dumps([SPELT[0], row]).encode()) is None


def test_an_alias_that_is_switched_off_is_none() -> None:
    record = create_model(
        "Record",
        __config__=ConfigDict(validate_by_alias=False, validate_by_name=True),
        a=(float, Field(alias="b")),
    )
    contract = Contract(record, None)
    encoder, decoder = fast(contract)

    assert decoder.from_json(b'[{"a": 1}]') is not None
    assert decoder.from_json(b'[{"b": 1}]') is None
    assert by_pydantic(contract, encoder, b'[{"b": 1}]') is None


def test_fields_that_share_a_name_are_pydantics_to_judge() -> None:
    record = create_model(
        "Record", a=(float, Field(validation_alias=AliasChoices("b", "a"))), b=(float, ...)
    )

    with pytest.raises(FieldError, match="two fields of one name"):
        FastDecoder(Encoder(record), None, ROWS)


def test_usual_records_are_decoded_fast() -> None:
    request = create_model(
        "Request", __config__=ConfigDict(extra="forbid"), rows=(list[Usual], ...)
    )
    contract = Contract(Usual, request)
    encoder, decoder = fast(contract)
    row = '{"level": 1, "count": null, "kind": "low", "window": [1, 2.5], "text": "日本"}'
    body = f'{{"rows": [{row}, {row.replace("null", "7")}]}}'.encode()

    found = decoder.from_json(body)

    assert found is not None
    require_same(found, by_pydantic(contract, encoder, body))
    assert found[1] == Usual(level=1, count=7, kind="low", window=[1, 2.5], text="日本")
