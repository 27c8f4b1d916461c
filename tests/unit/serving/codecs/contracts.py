"""Types of records, and of requests for them, with rules of every kind."""

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
    field_validator,
    model_validator,
)
from pydantic_core import SchemaError

NAMES = ("a", "b", "c")
ROWS = "rows"

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
    own = draw(st.sampled_from([{}] * 7 + list(map(_own_rule, ("after", "before", "model")))))
    return Contract(record, _made("Request", {"extra": extra}, requested, own))


def _own_rule(mode: Any) -> dict[str, Any]:
    """A rule of a request's author: an even number of rows is wanted."""

    def require_even(found: Any) -> Any:
        rows = getattr(found, ROWS, found)
        if isinstance(rows, list) and len(rows) % 2:
            raise ValueError("odd")
        return found

    of_model: Any = model_validator
    of_field: Any = field_validator
    decorate = of_model(mode="after") if mode == "model" else of_field(ROWS, mode=mode)
    return {"require_even": decorate(require_even)}


def _made(
    name: str, configuration: Any, fields: dict[str, Any], own: dict[str, Any] | None = None
) -> type[BaseModel]:
    try:
        made: type[BaseModel] = create_model(
            name, __config__=configuration, __validators__=own or {}, **fields
        )
    except (PydanticSchemaGenerationError, RuntimeError, SchemaError, TypeError):
        reject()  # pydantic knows no such type
    return made
