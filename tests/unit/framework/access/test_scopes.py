"""Scopes, and what each allows."""

import pytest

from framework.access.scopes import (
    AREAS,
    EVERYTHING,
    KNOWN,
    READER,
    Need,
    granted,
    require_scope,
)


def allows(scope: str, need: Need) -> bool:
    return not need.accepted.isdisjoint(granted([require_scope(scope)]))


@pytest.mark.parametrize(
    ("scope", "need", "allowed"),
    [
        ("wine:predict", Need.to("predict", "wine"), True),
        ("wine:predict", Need.to("explain", "wine"), False),
        ("wine:predict", Need.to("predict", "wines"), False),
        ("wine:*", Need.to("predict", "wine"), True),
        ("*:predict", Need.to("predict", "wine"), True),
        ("*", Need.to("predict", "wine"), True),
        ("*", EVERYTHING, True),
        ("*:predict", EVERYTHING, False),
        ("models:*", EVERYTHING, False),
        ("models:read", Need.to("read", "wine"), True),
        ("wine:read", Need.to("read", "wine"), True),
        ("wine:read", Need.to("read", "beer"), False),
        ("wine:read", READER, True),
        ("wine:*", READER, True),
        ("models:read", READER, True),
        ("*:*", READER, True),
        ("wine:predict", READER, False),
        ("page:read", READER, False),
        ("metrics:read", READER, False),
        ("wine:read", Need.of("metrics:read"), False),
        ("wine:predict", KNOWN, True),
        ("wine:predict", Need.of_route("/wine/predict"), True),
        ("greet:call", Need.of_route("/greet"), True),
        ("own:a/b", Need.of_route("/own/a/b"), True),
        ("own:call", Need.of_route("/"), False),
        ("*:read", Need.to("read", "../x"), True),
        ("wine:read", Need.to("read", "../x"), False),
    ],
)
def test_a_scope_allows_what_it_names(scope: str, need: Need, allowed: bool) -> None:
    assert allows(scope, need) is allowed


@pytest.mark.parametrize("name", ["a\r\nb", 'a"b', "é", "A", "", "a" * 65, "*"])
def test_a_name_that_no_model_has_is_not_told(name: str) -> None:
    assert Need.to("predict", name).name == "*:predict"


@pytest.mark.parametrize(
    "scope", ["", "wine", "wine:", ":predict", "Wine:predict", "a b:c", "a:b:c", "x:" + "y" * 200]
)
def test_what_is_no_scope_is_refused_with_those_there_are(scope: str) -> None:
    with pytest.raises(ValueError, match="is no scope; there are <model>:predict"):
        require_scope(scope)


@pytest.mark.parametrize("scope", [*AREAS, "wine:predict", "*:read", "wine:*", "a-b.c_1:x/y"])
def test_a_scope_is_itself(scope: str) -> None:
    assert require_scope(scope) == scope


def test_nobody_can_be_given_what_everybody_has() -> None:
    for one in KNOWN.accepted | READER.accepted:
        with pytest.raises(ValueError):
            require_scope(one)
