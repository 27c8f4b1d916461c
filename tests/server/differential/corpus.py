"""A corpus of requests: right, wrong, and in between."""

import json
from collections.abc import Iterator
from typing import Any

from framework import MAX_ROWS, Model
from framework.discovery import find_models
from tests.contract.cases import apis, edge_records, random_records, refused
from tests.server.asked import route_of
from tests.server.differential.meant import rows
from tests.server.differential.pair import REAL, Sent

BODIES: dict[str, list[bytes]] = {
    "/double": [
        rows(1),
        rows(7),
        rows(8),
        rows(9),
        rows(50),
        b'{"rows": []}',
        b"{}",
        b"[]",
        b"null",
        b"",
        b" ",
        b'{"rows": [{"value": 1}], "more": 1}',
        b'{"rows": [{"value": 1, "more": 1}]}',
        b'{"rows": [{"value": "1.5"}, {"value": true}, {"value": 3}]}',
        b'{"rows": [{"value": null}]}',
        b'{"rows": [{"value": [1]}]}',
        b'{"rows": [{"value": Infinity}, {"value": -Infinity}]}',
        b'{"rows": [{"value": 1e308}]}',
        b'{"rows": [{"value": 1e-400}, {"value": -0.0}, {"value": 0.1e+2}]}',
        b'{"rows": [{"value": 1, "name": "\xc3\xa9\xf0\x9f\xa4\x96 \\ud83e\\udd16 \\u0000"}]}',
        b'{"rows": [{"value": 1, "name": "\xff"}]}',
        b'{"rows": [{"value": 1, "name": "\n"}]}',
        b'{"rows": [{"value": 1, "value": 2}]}',
        b'{"rows": {"value": 1}}',
        b'{"rows": {"0": {"value": 1}}}',
        b'{"rows": [{"value": 1,}]}',
        b'{"rows": [{"value": 1}]} {}',
        b'{"rows": [{"value": 1}]',
        b"{'rows': []}",
        b'{"rows": [{"value": 01}]}',
        b'{"rows": [{"value": +1}]}',
        b'{"rows": [{"value": 1, "sleep": -1}]}',
        b'\xef\xbb\xbf{"rows": []}',
    ],
    "/lengths": [
        b'["", "a", "bc", "\xe6\x97\xa5"]',
        b"[]",
        b'"abc"',
        b"[1]",
        b'{"texts": ["a"]}',
        b"[null]",
        b'["\\ud83e\\udd16"]',
        b'[["a"]]',
    ],
    "/negate": [
        b'{"numbers": [1, -2, 0]}',
        b'{"numbers": [9223372036854775808, -1180591620717411303424]}',
        b'{"numbers": [%s]}' % (b"9" * 4_000),
        b'{"numbers": [%s]}' % (b"9" * 5_000),
        b'{"numbers": ["3", 2.0, true]}',
        b'{"numbers": ["x"]}',
        b'{"numbers": [2.5]}',
        b'{"numbers": [NaN]}',
        b'{"numbers": [1e400]}',
        b'{"numbers": %s%s}' % (b"[" * 150, b"]" * 150),
        b'{"numbers": %s%s}' % (b"[" * 500, b"]" * 500),
        b'{"numbers": [1], "numbers": [2]}',
    ],
    "/pick": [rows(2), rows(1, '{"value": 1, "fail": true}'), rows(1, '{"value":1,"name":"bad"}')],
    "/number": [rows(3), b"{}"],
    "/greet": [b'{"name": "Ann"}', b'{"name": "Ann", "times": 2}', b'{"name": 1}', b"{}", b""],
    "/crash": [b'{"name": "Ann"}'],
    "/recorded": [b"{}", b""],
    "/nowhere": [b"{}"],
}
CONTENT_TYPES = [
    None,
    "",
    "application/json; charset=utf-8",
    "Application/JSON",
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/vnd.bentoml+pickle",
    "image/png",
]


def dumped(value: Any) -> bytes:
    """JSON of a value, with the constants that only careless clients send."""
    return json.dumps(value).encode()


def of_model(model: Model[Any, Any]) -> Iterator[Sent]:
    """Requests to the APIs of a model: few rows and many, all spellings, and what is refused."""

    def sent(api: str, records: list[Any]) -> Sent:
        return Sent(route_of(api), dumped({model.rows: records}), service=REAL)

    edges, first = edge_records(model), dict(model.sample[0])
    aliases = {field.name: field.names[-1] for field in model.encoder.fields}
    for api in apis(model):
        yield sent(api, edges)
        yield sent(api, [edges[-1]])
        yield sent(api, [{aliases[name]: value for name, value in first.items()}])
        yield sent(api, random_records(model, 1_000))
    for count in (1_001, MAX_ROWS + 1):
        yield sent(apis(model)[0], [first] * count)
    for case in refused(model):
        yield sent(case.api, case.records)


CORPUS = [
    *(Sent(path, body) for path, bodies in BODIES.items() for body in bodies),
    *(Sent("/double", rows(2), content_type) for content_type in CONTENT_TYPES),
    *(Sent("/greet", b'{"name": "Ann"}', content_type) for content_type in CONTENT_TYPES),
    *(Sent("/double", rows(1), method=method) for method in ("GET", "PUT", "DELETE", "OPTIONS")),
    *(sent for model in find_models().values() for sent in of_model(model)),
]
