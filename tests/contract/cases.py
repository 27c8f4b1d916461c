"""Records that every surface must answer or refuse, made for any model from its record type."""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from framework import Model
from framework.fields import FieldSpec

_TEXTS = ("x", "Convolutions for pictures", "日本語 и русский, ¡también! 🤖")
_FAR = 1_000_000
"""As far as a number without a limit is taken."""


@dataclass(frozen=True)
class Refused:
    """A request to be refused as `invalid_input`.

    Attributes:
        name: What is wrong.
        api: API the request goes to.
        records: The rows sent.
        loc: Where the first problem is reported.
    """

    name: str
    api: str
    records: list[Any]
    loc: tuple[str | int, ...]


def apis(model: Model[Any, Any]) -> list[str]:
    """Names of the APIs of a model."""
    verbs = ["predict", *(["explain"] if model.explanation else [])]
    return [f"{verb}_{model.name}" for verb in verbs]


def valid_values(model: Model[Any, Any], field: FieldSpec) -> list[Any]:
    """Values of a field that its record type allows: its limits, what lies between, missing."""
    first = model.sample[0]
    found = [
        value
        for value in _likely(field)
        if _problem(model.record, {**first, field.name: value}) is None
    ]
    return found or [first.get(field.name, field.default)]


def edge_records(model: Model[Any, Any]) -> list[dict[str, Any]]:
    """Valid records in which every value of `valid_values` occurs, the model's samples first."""
    values = {field.name: valid_values(model, field) for field in model.encoder.fields}
    made = []
    for row in range(3 * max(map(len, values.values()))):
        record = {}
        for place, (name, them) in enumerate(values.items(), 1):
            # All in turn, then all again against other values of the other fields.
            record[name] = them[(row + row // len(them) * place) % len(them)]
        made.append(record)
    valid = [one for one in made if _problem(model.record, one) is None]
    return [*map(dict, model.sample), *valid]


def random_records(model: Model[Any, Any], count: int) -> list[dict[str, Any]]:
    """Valid records, hardly one like another."""
    rng = random.Random(count)
    values = [(field, valid_values(model, field)) for field in model.encoder.fields]
    drawn = (
        {field.name: _drawn(rng, field, them) for field, them in values} for _ in range(20 * count)
    )
    valid = (record for record in drawn if _problem(model.record, record) is None)
    made = list(itertools.islice(valid, count))
    assert len(made) == count, f"too few records of {model.name} are valid"
    return made


def refused(model: Model[Any, Any]) -> list[Refused]:
    """Requests that pydantic, the authority, refuses, at the first field that each fits."""
    first, rows = dict(model.sample[0]), model.rows
    found: dict[str, Refused] = {}
    for name, records, place in _wrong_requests(model, first):
        loc = _problem(model.request, {rows: records})
        if name not in found and loc is not None and loc[: len(place)] == place:
            found[name] = Refused(name, f"predict_{model.name}", records, loc)
    return [
        *found.values(),
        *(
            Refused(f"{what} ({api.split('_')[0]})", api, records, loc)
            for api in apis(model)
            for what, records, loc in [
                ("no rows", [], (rows,)),
                ("row that is no object", [1], (rows, 0)),
            ]
        ),
    ]


def _wrong_requests(
    model: Model[Any, Any], first: dict[str, Any]
) -> Iterator[tuple[str, list[Any], tuple[str | int, ...]]]:
    """What is wrong, the rows, and the field that is to be blamed."""
    rows = model.rows
    for field in model.encoder.fields:
        for name, value in _wrong_values(field, first.get(field.name)):
            records = [first, {**first, field.name: value}]
            yield f"{name} ({field.kind})", records, (rows, 1, field.name)
        # A message has no null: there, what is not given is missing.
        if field.required and not field.nullable:
            left = {name: value for name, value in first.items() if name != field.name}
            yield "missing field", [left], (rows, 0, field.name)
        for alias in field.names[1:]:
            both = {**first, alias: first.get(field.name)}
            yield "field in both spellings", [both], (rows, 0, alias)
    yield "unknown field", [first, {**first, "no_such_field": 1}], (rows, 1, "no_such_field")


def _problem(record_type: type[BaseModel], value: Any) -> tuple[str | int, ...] | None:
    """Where pydantic finds the first problem; None if there is none."""
    try:
        record_type.model_validate(value)
    except ValidationError as error:
        return error.errors()[0]["loc"]
    return None


def _likely(field: FieldSpec) -> list[Any]:
    values = _single(field)
    if field.length is not None:
        turned = [values[start:] + values[:start] for start in range(len(values))]
        values = [list(itertools.islice(itertools.cycle(one), field.length)) for one in turned]
    return [*values, None] if field.nullable else values


def _single(field: FieldSpec) -> list[Any]:
    if field.kind == "category":
        return list(field.categories)
    if field.kind == "bool":
        return [False, True]
    if field.kind == "text":
        shortest, longest = field.lengths[0] or 0, field.lengths[1] or 100
        return [*_TEXTS, "m" * shortest, "w" * longest]
    low = -_FAR if field.low is None else field.low
    high = _FAR if field.high is None else field.high
    middle = (low + high) / 2
    if field.kind == "int":
        low, high = math.ceil(low), math.floor(high)
        return list(dict.fromkeys([low, low + 1, int(middle), high - 1, high]))
    inside = [math.nextafter(low, high), low + (high - low) / 7, middle, math.nextafter(high, low)]
    # A whole number is a number, too.
    return [*inside, low, high, math.ceil(middle)]


def _drawn(rng: random.Random, field: FieldSpec, values: list[Any]) -> Any:
    value = rng.choice(values)
    if value is not None and field.kind == "text":
        longer = f"{value[:50]} {rng.random()}"
        return longer if len(longer) <= (field.lengths[1] or math.inf) else value
    if value is None or field.kind not in ("int", "float"):
        return value
    lists = [one if isinstance(one, list) else [one] for one in values if one is not None]
    low, high = (extreme(itertools.chain(*lists)) for extreme in (min, max))
    draw = rng.randint if field.kind == "int" else rng.uniform
    drawn = [draw(low, high) for _ in range(field.length or 1)]
    return drawn[0] if field.length is None else drawn


def _wrong_values(field: FieldSpec, value: Any) -> Iterator[tuple[str, Any]]:
    """Wrong values of a field, by what is wrong; some may be right for a lenient record type."""
    if field.length is None:
        yield from _wrong(field, value)
        yield "list for a value", [value]
    elif value is not None:
        for name, wrong in _wrong(field, value[-1]):
            yield f"{name} in a list", [*value[:-1], wrong]
        yield "list that is too short", value[:-1]
        yield "list that is too long", [*value, value[-1]]
        yield "value for a list", value[0]
    if not field.nullable:
        yield "null", None


def _wrong(field: FieldSpec, value: Any) -> Iterator[tuple[str, Any]]:
    if field.kind == "category":
        yield "category in other case", str(value).swapcase()
        is_text = type(field.categories[0]) is str
        yield "unknown category", "no such category" if is_text else max(field.categories) + 1
    elif field.kind == "bool":
        yield "number for a truth value", 2
        yield "truth value as text", "true"
    elif field.kind == "text":
        longest = field.lengths[1]
        yield "text that is a number", 1
        if longest is not None:
            yield "text too long", "x" * (longest + 1)
        # Tensors say "missing" so, where a text may be.
        if not field.nullable:
            yield "empty text", ""
            yield "blank text", " \n"
    else:
        yield from _wrong_numbers(field, value)


def _wrong_numbers(field: FieldSpec, value: Any) -> Iterator[tuple[str, Any]]:
    step = 1 if field.kind == "int" else 0.01
    if field.low is not None:
        yield "below the range", field.low - step
    if field.high is not None:
        yield "above the range", field.high + step
    yield "number as text", str(value)
    yield "truth value for a number", True
    if field.kind == "int":
        yield "fraction for a whole number", 2.5
        yield "beyond 64 bits", 2**70
    else:
        yield "infinite", math.inf
        # Tensors say "missing" so, where a number may be.
        if not field.nullable:
            yield "not a number", math.nan
