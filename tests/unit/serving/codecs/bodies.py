"""Requests of generated types: right, nearly right, and anything but."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.unit.serving.codecs.contracts import ROWS, Contract

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


_NEARLY = ["alias", "twice", "extra", "missing", "junk"]


@st.composite
def _record(draw: st.DrawFn, specs: Any) -> str:
    members = [(spec.name, draw(_value(spec))) for spec in specs]
    match draw(st.sampled_from(["right"] * 6 + ["spelt"] * 3 + _NEARLY)):
        case "spelt":
            members = [
                (draw(st.sampled_from(spec.names)), value)
                for spec, (_, value) in zip(specs, members, strict=True)
            ]
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
