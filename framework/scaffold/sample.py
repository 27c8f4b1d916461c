"""Sample records: made up of middling values, and no rows of the table."""

import itertools
from collections.abc import Sequence
from typing import Any

from framework.scaffold.features import Feature

SAMPLES = 3
_ATTEMPTS = 10_000
_TEXTS = (
    "a few words about the {}",
    "some more words, in place of the {}",
    "and this is another {} that nobody wrote",
)


def samples(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Returns some valid records, none of them a row of the table.

    Values that may be missing are so in one of them. There are fewer records, but at least one,
    where nearly every record that is possible stands in the table.
    """
    rows = set(zip(*(feature.values for feature in features), strict=True))
    found: list[tuple[Any, ...]] = []
    for first in (*range(SAMPLES - 1), -1):
        choices = [_rotated(_examples(feature), first) for feature in features]
        candidates = itertools.islice(itertools.product(*choices), _ATTEMPTS)
        record = next((one for one in candidates if one not in rows and one not in found), None)
        if record is not None:
            found.append(record)
    found = found or [tuple(_examples(feature)[0] for feature in features)]
    names = [feature.name for feature in features]
    return [dict(zip(names, record, strict=True)) for record in found]


def _examples(feature: Feature) -> list[Any]:
    """Returns values that a field may have, the last of them missing if one may."""
    values = _present_examples(feature)
    return [*values[: SAMPLES - 1], None] if feature.nullable else values


def _present_examples(feature: Feature) -> list[Any]:
    if feature.kind == "bool":
        return [False, True]
    if feature.kind == "category":
        return list(feature.categories[:SAMPLES])
    if feature.kind == "text":
        return [text.format(feature.name.replace("_", " ")) for text in _TEXTS]
    ordered = sorted(value for value in feature.values if value is not None)
    quartiles = [ordered[len(ordered) * at // 4] for at in (2, 1, 3)]
    if feature.kind == "int":
        return list(dict.fromkeys(quartiles))
    # Three digits, like a value that a person would make up.
    return list(dict.fromkeys(float(f"{value:.3g}") for value in quartiles))


def _rotated(values: list[Any], by: int) -> list[Any]:
    by %= len(values)
    return [*values[by:], *values[:by]]
