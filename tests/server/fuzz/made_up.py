"""Requests that nobody would send: structures with something wrong in them, and bytes with less."""

import json
from typing import Any

from hypothesis import strategies as st

NAMES = ["gauges", "inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "id"]
FIELDS = ["pressure", "binary_data_size", "content_type", "binary_data", "", "é", "a" * 100]
NUMBERS = ["0", "-1", "1.5", "1e400", "NaN", "Infinity", "9" * 30, "9" * 4_400, "01", "2", "-0"]
TEXTS = [
    '"FP64"',
    '"BYTES"',
    '"INT64"',
    '"base64"',
    '"\\ud800"',
    '"x:y"',
    '"\\u003a"',
    '"',
    '"\x00"',
]

_MOST_CHARACTERS = 300_000
_leaves = st.sampled_from([*NUMBERS, *TEXTS, "null", "true", "false", "[]", "{}", "[" * 300])
_names = st.sampled_from([*NAMES, *FIELDS])


def _listed(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(values, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
    # Many of one kind: what costs by number.
    many = st.builds(_repeated, values, st.integers(0, 3000))
    return some | many


def _repeated(one: str, times: int) -> str:
    # Lists of lists of lists would be thousands of millions.
    times = min(times, _MOST_CHARACTERS // (len(one) + 1))
    return f"[{','.join([one] * times)}]"


def _objects(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> Any:
    members = st.builds(lambda name, value: f"{json.dumps(name)}:{value}", names, values)
    return st.lists(members, max_size=5).map(lambda parts: f"{{{','.join(parts)}}}")


STRUCTURES = st.recursive(
    _leaves, lambda inner: _listed(inner) | _objects(_names, inner), max_leaves=12
)


@st.composite
def changed(draw: st.DrawFn, content: bytes) -> bytes:
    """Content with some bytes taken out, put in, or doubled."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        to = draw(st.integers(at, min(len(content), at + 20)))
        new = draw(st.binary(max_size=6) | st.just(content[at:to] * 2))
        content = content[:at] + new + content[to:]
    return content


@st.composite
def json_like(draw: st.DrawFn, valid: dict[str, Any]) -> bytes:
    """A valid request with a value exchanged, a structure of these names, or its bytes changed."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return draw(STRUCTURES).encode("utf-8", "surrogatepass")
    content = json.dumps(valid)
    if kind == 2:
        values = [part for part in content.replace("[", ",").split(",") if part.strip()]
        content = content.replace(draw(st.sampled_from(values)), draw(STRUCTURES), 1)
        return content.encode("utf-8", "surrogatepass")
    return draw(changed(content.encode()))
