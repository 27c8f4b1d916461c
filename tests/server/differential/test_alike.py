"""A corpus, and whatever Hypothesis thinks of, is answered alike."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.attrition.schema import DEPARTMENTS, SALARIES
from tests.server.differential.corpus import CONTENT_TYPES, CORPUS
from tests.server.differential.meant import check
from tests.server.differential.pair import JSON, REAL, TOY, Pair, Sent


def test_the_corpus_is_answered_alike(pair: Pair, subtests: pytest.Subtests) -> None:
    for number, sent in enumerate(CORPUS):
        with subtests.test(number=number, path=sent.path, body=sent.body[:60]):
            check(pair, sent)


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**80), 2**80),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["", "0", "1.5", "low", "sales", "\ud800", "\x00", "🤖"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
EMPLOYEES_LIKELY = st.fixed_dictionaries(
    {
        "satisfaction_level": st.floats(0, 1),
        "last_evaluation": st.one_of(st.floats(0, 1), st.integers(0, 1)),
        "number_project": st.integers(0, 51),
        "average_monthly_hours": st.integers(0, 744),
        "time_spend_company": st.integers(0, 60),
        "work_accident": st.integers(0, 1),
        "promotion_last_5years": st.integers(0, 1),
        "department": st.sampled_from(DEPARTMENTS),
        "salary": st.sampled_from(SALARIES),
    }
)
TEXTS_LIKELY = st.fixed_dictionaries({"text": st.text(max_size=60)})
ROWS_LIKELY = st.fixed_dictionaries(
    {"value": st.one_of(st.floats(), st.integers())}, optional={"name": st.text(max_size=10)}
)


@st.composite
def records(draw: st.DrawFn, likely: st.SearchStrategy[dict[str, Any]]) -> Any:
    """A record that is right, or has one thing wrong with it."""
    record = draw(likely)
    match draw(st.sampled_from(["right", "right", "right", "changed", "extra", "missing", "junk"])):
        case "changed":
            record[draw(st.sampled_from(sorted(record)))] = draw(JUNK)
        case "extra":
            extra = ["Work_accident", "sales", "average_montly_hours", "age", "sleep", ""]
            record[draw(st.sampled_from(extra))] = draw(JUNK)
        case "missing":
            del record[draw(st.sampled_from(sorted(record)))]
        case "junk":
            return draw(JUNK)
    return record


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """A request to any API of either service, right or wrong."""
    service, path, member, likely = draw(
        st.sampled_from(
            [
                (REAL, "/attrition/predict", "employees", records(EMPLOYEES_LIKELY)),
                (REAL, "/attrition/explain", "employees", records(EMPLOYEES_LIKELY)),
                (REAL, "/topics/predict", "texts", records(TEXTS_LIKELY)),
                (TOY, "/double", "rows", records(ROWS_LIKELY)),
                (TOY, "/pick", "rows", records(ROWS_LIKELY)),
                (TOY, "/lengths", "", st.one_of(st.text(), st.text(), JUNK)),
                (TOY, "/negate", "numbers", st.one_of(st.integers(), st.integers(), JUNK)),
            ]
        )
    )
    items: Any = draw(st.lists(likely, max_size=4))
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


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(sent=requests())
def test_generated_requests_are_answered_alike(pair: Pair, sent: Sent) -> None:
    check(pair, sent)
