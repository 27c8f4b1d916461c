"""Record types, and requests for them: right, nearly right, and anything but."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from hypothesis import reject
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PydanticSchemaGenerationError,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import SchemaError

NAMES = ("a", "b", "c")
ROWS = "rows"
# More digits than Python makes an int of, and than a float or 64 bits can hold.
_LONG = "9" * 4_400
NUMBERS = [
    *("0", "1", "-1", "2", "3", "7", "-0", "0.0", "-0.0", "1.0", "2.5", "1e0", "1E+2", "25e-1"),
    *("1e400", "-1e400", "1e-400", "5e-324", "1.7976931348623159e308", "0.1", "1" + "0" * 30),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "1" + "0" * 400, _LONG, f"0.{_LONG}"),
    *("NaN", "Infinity", "-Infinity", "nan", "01", "+1", "1.", ".5", "1e", "0x1", "1_000", "--1"),
    *("0.30000000000000004", "2.2250738585072011e-308", "123456789012345678901234567890.5"),
]
TEXTS = [
    *('""', '"x"', '" x "', '"xy"', '"low"', '"high"', '"LOW"', '"1"', '"1.5"', '"true"', '"\\n"'),
    *('"\\u0000"', '"\\ud83e\\udd16"', '"\\ud800"', '"\\udd16\\ud83e"', '"\\x"', '"\\u12"', '"\t"'),
    *('"🤖"', '"é"', '"e\u0301"', '"\u2028"', '"', '"x', '"1e400"', '" 1 "', '"\ufeff"'),
]
OTHERS = [
    *("null", "true", "false", "[]", "{}", "[1]", "[1, 2]", "[1.5, null]", '{"a": 1}', "tru", ""),
    *("[" * 150 + "]" * 150, "[" * 300 + "]" * 300, "[" * 2_000 + "]" * 2_000, "[1,]", "None"),
    *('{"k":' * 150 + "1" + "}" * 150, '{"k":' * 300 + "1" + "}" * 300),
]
FRAGMENTS = st.sampled_from([*NUMBERS, *TEXTS, *OTHERS])

_WHOLE = [0, 1, -1, 3, -(2**63), 2**63, 2**70]
_LIMITS = {
    int: st.sampled_from(_WHOLE),
    float: st.sampled_from([*_WHOLE, 2.5, 0.1, 1e300, float("inf")]),
}


@st.composite
def _numbers(draw: st.DrawFn, kind: Any) -> Any:
    bounds: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("ge", "gt", "le", "lt"), _LIMITS[kind])
    )
    rules: dict[str, Any] = draw(st.one_of(st.just({}), bounds))
    if draw(st.integers(0, 5)) == 0:
        rules["multiple_of"] = draw(st.sampled_from([1, 2, 0.5] if kind is float else [1, 2]))
    if kind is float and draw(st.integers(0, 3)) == 0:
        rules["allow_inf_nan"] = draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        rules["strict"] = draw(st.booleans())
    found = Annotated[kind, Field(**rules)] if rules else kind
    if draw(st.integers(0, 5)) == 0:  # the same rule once more, further out
        return Annotated[found | None, Field(**draw(bounds))]
    return found


@st.composite
def _texts(draw: st.DrawFn) -> Any:
    rules: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "min_length": st.integers(0, 2),
                "max_length": st.integers(0, 3),
                "pattern": st.sampled_from([r"\S", "^x", "^[a-z]*$"]),
            },
        )
    )
    changes: dict[str, Any] = draw(
        st.sampled_from([{}, {}, {}, {"strip_whitespace": True}, {"to_upper": True}])
    )
    if changes:
        return Annotated[str, StringConstraints(**rules, **changes)]
    return Annotated[str, Field(**rules)] if rules else str


_CATEGORIES = st.sampled_from(
    [Literal["low", "high"], Literal["x"], Literal["1", "true"], Literal[0, 1], Literal[1, 2, 3]]
)


@st.composite
def _annotations(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["float", "int", "number", "bool", "text", "category", "list"]))
    found: Any
    match kind:
        case "float" | "int":
            found = draw(_numbers({"float": float, "int": int}[kind]))
        case "number":
            found = draw(st.sampled_from([int | float, float | int]))
        case "bool":
            found = bool
        case "text":
            found = draw(_texts())
        case "category":
            found = draw(_CATEGORIES)
        case _:
            element: Any = draw(st.one_of(_numbers(float), _numbers(int), st.just(bool)))
            size = draw(st.integers(1, 2))
            found = Annotated[list[element], Field(min_length=size, max_length=size)]
    return found | None if draw(st.integers(0, 3)) == 0 else found


_DEFAULTS = [None, 0, 1.5, "x", "low", [1], [1, 2], [0.5], True]


def _is_valid(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError:
        return False
    return True


@st.composite
def _fields(draw: st.DrawFn, name: str) -> tuple[Any, Any]:
    annotation = draw(_annotations())
    options: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        defaults = [one for one in _DEFAULTS if _is_valid(annotation, one)]
        if defaults:
            options["default"] = draw(st.sampled_from(defaults))
    match draw(st.sampled_from(["plain"] * 5 + ["alias", "first", "last"])):
        case "alias":
            options["validation_alias"] = f"{name}_alias"  # `contracts` keeps the name beside it
        case "first":
            options["validation_alias"] = AliasChoices(f"{name}_alias", name)
        case "last":
            options["validation_alias"] = AliasChoices(name, f"{name}_alias")
    if draw(st.integers(0, 5)) == 0:
        options["strict"] = draw(st.booleans())
    return annotation, Field(**options)


_CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "strict": st.booleans(),
        "extra": st.sampled_from(["forbid", "forbid", "ignore", "allow"]),
        "str_max_length": st.integers(0, 3),
        "str_min_length": st.integers(0, 2),
        "str_strip_whitespace": st.just(True),
        "allow_inf_nan": st.booleans(),
        "validate_by_name": st.just(True),
        "validate_default": st.just(True),
        "coerce_numbers_to_str": st.just(True),
    },
)


@dataclass(frozen=True)
class Contract:
    """A generated API: the type of its records, and of a request unless it is the list alone."""

    record: type[BaseModel]
    request: type[BaseModel] | None

    @property
    def declared(self) -> Any:
        """What pydantic validates."""
        return list[self.record] if self.request is None else self.request  # type: ignore[name-defined]


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Contracts whose record types have at least one field."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    configuration: Any = draw(_CONFIGURATIONS)
    # Most have none of the rarer rules, so that they are not all pydantic's alone.
    if draw(st.booleans()):
        configuration = {
            name: value for name, value in configuration.items() if name in ("strict", "extra")
        }
    fields: dict[str, Any] = {name: draw(_fields(name)) for name in names}
    if any(type(field.validation_alias) is str for _, field in fields.values()):
        configuration["validate_by_name"] = True
    record = _made("Record", configuration, fields)
    if draw(st.integers(0, 2)) == 0:
        return Contract(record, None)
    rules: dict[str, Any] = draw(
        st.fixed_dictionaries({}, optional={"min_length": st.just(1), "max_length": st.just(2)})
    )
    requested: dict[str, Any] = {ROWS: (list[record], Field(**rules))}  # type: ignore[valid-type]
    extra = draw(st.sampled_from(["forbid", "ignore"]))
    return Contract(record, _made("Request", {"extra": extra}, requested))


def _made(name: str, configuration: Any, fields: dict[str, Any]) -> type[BaseModel]:
    try:
        made: type[BaseModel] = create_model(name, __config__=configuration, **fields)
    except (PydanticSchemaGenerationError, RuntimeError, SchemaError, TypeError):
        reject()  # pydantic knows no such type
    return made


_LIKELY: dict[str, list[str]] = {
    "float": ["0.5", "1", "0", "2.0", "1e0", "3"],
    "int": ["1", "0", "2", "3"],
    "bool": ["true", "false"],
    "text": ['"x"', '"xy"', '"low"'],
}


@st.composite
def _value(draw: st.DrawFn, spec: Any) -> str:
    """JSON of a value that is probably one of a field's."""
    if draw(st.integers(0, 7)) == 0:
        return draw(FRAGMENTS)
    if spec.nullable and draw(st.booleans()):
        return "null"
    if spec.categories:
        return json.dumps(draw(st.sampled_from(spec.categories)))
    one = st.sampled_from(_LIKELY[spec.kind])
    if spec.length is None:
        return draw(one)
    return f"[{', '.join(draw(one) for _ in range(spec.length))}]"


@st.composite
def _record(draw: st.DrawFn, specs: Any) -> str:
    members = [(spec.name, draw(_value(spec))) for spec in specs]
    match draw(st.sampled_from(["right"] * 6 + ["alias", "twice", "extra", "missing", "junk"])):
        case "alias":
            place = draw(st.integers(0, len(members) - 1))
            members[place] = (f"{members[place][0]}_alias", members[place][1])
        case "twice":
            name, _ = draw(st.sampled_from(members))
            spec = next(one for one in specs if one.name == name)
            spelt = draw(st.sampled_from([name, f"{name}_alias"]))
            members.insert(draw(st.integers(0, len(members))), (spelt, draw(_value(spec))))
        case "extra":
            name = draw(st.sampled_from(["other", "", "A", "a ", "\\u0061", "é", "\\ud800", "\\x"]))
            members.insert(draw(st.integers(0, len(members))), (name, draw(FRAGMENTS)))
        case "missing":
            del members[draw(st.integers(0, len(members) - 1))]
        case "junk":
            return draw(FRAGMENTS)
    return "{" + ", ".join(f'"{name}": {value}' for name, value in members) + "}"


@st.composite
def bodies(draw: st.DrawFn, contract: Contract, specs: Any) -> bytes:
    """Bodies of requests, most of them JSON, many of them valid."""
    rows = "[" + ",".join(draw(st.lists(_record(specs), max_size=3))) + "]"
    body = rows if contract.request is None else f'{{"{ROWS}": {rows}}}'
    match draw(
        st.sampled_from(["right"] * 8 + ["extra", "twice", "spoilt", "cut", "space", "raw"])
    ):
        case "extra" if contract.request is not None:
            body = f'{{"other": {draw(FRAGMENTS)}, "{ROWS}": {rows}}}'
        case "twice" if contract.request is not None:
            body = f'{{"{ROWS}": {draw(FRAGMENTS)}, "{ROWS}": {rows}}}'
        case "space":
            around = draw(
                st.sampled_from([" ", "\n\t\r", "\ufeff", "\x0b", "\u00a0", "\x00", "//"])
            )
            body = draw(st.sampled_from([around + body, body + around, body + body]))
        case "cut":
            body = body[: draw(st.integers(0, len(body)))]
        case "spoilt":
            raw = body.encode()
            place = draw(st.integers(0, len(raw)))
            return raw[:place] + draw(st.binary(min_size=1, max_size=3)) + raw[place + 1 :]
        case "raw":
            return draw(st.binary(max_size=40))
    return body.encode()


_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "float": st.one_of(st.floats(), st.integers(), st.sampled_from([0.5, 1, 0.0])),
    "int": st.one_of(st.integers(), st.integers(0, 3), st.sampled_from([2**63, 1.0, 2**70])),
    "bool": st.booleans(),
    "text": st.one_of(st.text(max_size=4), st.sampled_from(["low", "high", "x", " x "])),
}
_ANY = st.one_of(*_PLAIN.values(), st.none(), st.lists(st.integers(0, 3), max_size=3))


@st.composite
def plain_rows(draw: st.DrawFn, specs: Any) -> list[dict[str, Any]]:
    """Rows as messages bring them: plain Python, fields left out, numbers of any size, NaN."""

    def value(spec: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(_ANY)
        if spec.categories:
            return draw(st.sampled_from(spec.categories))
        one = _PLAIN[spec.kind]
        return draw(one) if spec.length is None else [draw(one) for _ in range(spec.length)]

    return [
        {spec.name: value(spec) for spec in specs if draw(st.integers(0, 9))}
        for _ in range(draw(st.integers(1, 3)))
    ]
