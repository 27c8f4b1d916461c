"""Which labels a task takes, as they come in JSON and as text."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import Model
from framework.discovery import find_models
from framework.labels import LabelKind, label_kind
from framework.record.frames import Entry, frame
from framework.record.labels import LabelEvent, entry_of, label_of

MODELS = find_models("tests.server.toy_models")
CLASSES = {"spans": ["no", "yes"], "kinds": ["large", "small", "vast"]}
Kind = Callable[[str], LabelKind]


@pytest.fixture
def kind() -> Kind:
    """Which labels a toy model takes."""

    def kind(name: str) -> LabelKind:
        model: Model[Any, Any] = MODELS[name]
        return label_kind(model, CLASSES.get(name, []))

    return kind


@pytest.mark.parametrize(
    ("model", "label", "value"),
    [
        ("spans", "yes", "yes"),
        ("spans", 1, "yes"),
        ("spans", 1.0, "yes"),
        ("spans", True, "yes"),
        ("spans", 0, "no"),
        ("spans", 0.5, None),
        ("spans", "Yes", None),
        ("spans", ["yes"], None),
        ("kinds", "vast", "vast"),
        ("kinds", 2, None),
        ("kinds", True, None),
        ("gauges", 2, 2.0),
        ("gauges", -0.5, -0.5),
        ("gauges", "2", None),
        ("gauges", True, None),
        ("gauges", float("nan"), None),
        ("gauges", 10**400, None),
        ("windows", [1, 2, 3], [1.0, 2.0, 3.0]),
        ("windows", [1, 2], None),
        ("windows", [1, 2, "3"], None),
        ("windows", 1, None),
    ],
)
def test_a_label_is_one_of_the_task(kind: Kind, model: str, label: Any, value: Any) -> None:
    assert kind(model).read(label) == value


@pytest.mark.parametrize(
    ("model", "text", "value"),
    [
        ("spans", "1", "yes"),
        ("spans", "TRUE", "yes"),
        ("spans", "1.5", None),
        ("kinds", "vast", "vast"),
        ("gauges", "2.5", 2.5),
        ("gauges", "two", None),
        ("gauges", "NaN", None),
        ("windows", "[1, 2, 3]", [1.0, 2.0, 3.0]),
        ("windows", "[" * 100_000, None),
    ],
)
def test_a_label_may_be_text(kind: Kind, model: str, text: str, value: Any) -> None:
    assert kind(model).read_text(text) == value


def test_a_label_has_its_place_among_the_classes(kind: Kind) -> None:
    assert [kind("kinds").truth(name) for name in CLASSES["kinds"]] == [0, 1, 2]
    assert kind("gauges").truth(2.5) == 2.5


@given(
    st.builds(
        LabelEvent,
        prediction_id=st.just("gauges-" + "0" * 24),
        row=st.integers(0, 2**31 - 1),
        label=st.text() | st.floats(allow_nan=False) | st.lists(st.floats(allow_nan=False)),
        time=st.none() | st.integers(-(2**62), 2**62),
        source=st.text(max_size=128),
        received=st.integers(0, 2**53),
    )
)
def test_an_entry_keeps_a_label(event: LabelEvent) -> None:
    entry = entry_of(event, "order-66", "/feedback", "http", "gauges:1")
    frame([entry])

    assert label_of(Entry(*entry)) == event
