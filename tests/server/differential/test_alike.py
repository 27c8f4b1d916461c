"""A corpus, and whatever Hypothesis thinks of, is answered alike."""

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework import Model
from framework.discovery import find_models
from framework.fields import FieldSpec
from tests.contract.cases import apis, valid_values
from tests.server.asked import route_of
from tests.server.differential.corpus import CONTENT_TYPES, CORPUS
from tests.server.differential.meant import check
from tests.server.differential.pair import JSON, REAL, TOY, Pair, Sent


def test_the_corpus_is_answered_alike(pair: Pair, subtests: pytest.Subtests) -> None:
    for number, sent in enumerate(CORPUS):
        with subtests.test(number=number, path=sent.path, body=sent.body[:60]):
            check(pair, sent)


MODELS = find_models().values()
CATEGORIES = [
    str(value)
    for model in MODELS
    for values in model.encoder.categories.values()
    for value in values[:2]
]
ALIASES = [alias for model in MODELS for field in model.encoder.fields for alias in field.names[1:]]
JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**80), 2**80),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["", "0", "1.5", "\ud800", "\x00", "🤖", *CATEGORIES]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def values(model: Model[Any, Any], field: FieldSpec) -> st.SearchStrategy[Any]:
    """Values of a field: those at its limits, and whatever lies between."""
    one = value(field)
    if field.length is not None:
        one = st.lists(one, min_size=field.length, max_size=field.length)
    return st.one_of(st.sampled_from(valid_values(model, field)), one)


def value(field: FieldSpec) -> st.SearchStrategy[Any]:
    """One value of a field, or of its list; one at an exclusive limit is wrong."""
    if field.kind == "category":
        return st.sampled_from(field.categories)
    if field.kind == "bool":
        return st.booleans()
    if field.kind == "text":
        return st.text(max_size=60)
    if field.kind == "float":
        return st.floats(field.low, field.high, allow_nan=False)
    low, high = field.low, field.high
    # The next whole number is often wrong.
    return st.integers(
        None if low is None else math.ceil(low), None if high is None else math.floor(high) + 1
    )


def likely(model: Model[Any, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Records of a model, most of them right."""
    fields = model.encoder.fields
    return st.fixed_dictionaries(
        {field.name: values(model, field) for field in fields if field.required},
        optional={field.name: values(model, field) for field in fields if not field.required},
    )


ROWS_LIKELY = st.fixed_dictionaries(
    {"value": st.one_of(st.floats(), st.integers())}, optional={"name": st.text(max_size=10)}
)


@st.composite
def records(draw: st.DrawFn, usual: st.SearchStrategy[dict[str, Any]]) -> Any:
    """A record that is right, or has one thing wrong with it."""
    record = draw(usual)
    match draw(st.sampled_from(["right", "right", "right", "changed", "extra", "missing", "junk"])):
        case "changed":
            record[draw(st.sampled_from(sorted(record) or [""]))] = draw(JUNK)
        case "extra":
            extra = [*ALIASES, "no_such_field", "sleep", ""]
            record[draw(st.sampled_from(extra))] = draw(JUNK)
        case "missing" if record:
            del record[draw(st.sampled_from(sorted(record)))]
        case "junk":
            return draw(JUNK)
    return record


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """A request to any API of either service, right or wrong."""
    service, path, member, row = draw(
        st.sampled_from(
            [
                *(
                    (REAL, route_of(api), model.rows, records(likely(model)))
                    for model in MODELS
                    for api in apis(model)
                ),
                (TOY, "/double", "rows", records(ROWS_LIKELY)),
                (TOY, "/pick", "rows", records(ROWS_LIKELY)),
                (TOY, "/lengths", "", st.one_of(st.text(), st.text(), JUNK)),
                (TOY, "/negate", "numbers", st.one_of(st.integers(), st.integers(), JUNK)),
            ]
        )
    )
    items: Any = draw(st.lists(row, max_size=4))
    content: Any = {member: items} if member else items
    match draw(st.sampled_from(["right"] * 6 + ["extra", "junk"])):
        case "extra" if member:
            content[draw(st.text(max_size=5))] = draw(JUNK)
        case "junk":
            content = draw(JUNK)
    as_ascii = draw(st.booleans())
    body = json.dumps(content, ensure_ascii=as_ascii).encode(errors="surrogatepass")
    match draw(st.sampled_from(["whole"] * 8 + ["cut", "spoilt"])):
        case "cut":
            body = body[: draw(st.integers(0, len(body)))]
        case "spoilt":
            place = draw(st.integers(0, len(body)))
            body = body[:place] + draw(st.binary(min_size=1, max_size=3)) + body[place + 1 :]
    content_type = draw(st.sampled_from([JSON] * 12 + CONTENT_TYPES))
    return Sent(path, body, content_type, service)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(sent=requests())
def test_generated_requests_are_answered_alike(pair: Pair, sent: Sent) -> None:
    check(pair, sent)
