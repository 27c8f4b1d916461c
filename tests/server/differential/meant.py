"""The differences that are meant on the fast path; docs/drop-in.md tells why."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.server.differential.pair import JSON, MAX_ROWS, Exchange, Pair, Sent


@dataclass(frozen=True)
class Difference:
    """An answer that differs on purpose.

    Attributes:
        name: Of the difference in docs/drop-in.md, where it is told what differs, and why.
        example: A request that shows it; when it no longer does, the entry is stale.
        covers: Whether an exchange differs in this way.
    """

    name: str
    example: Sent
    covers: Callable[[Exchange], bool]


def rows(count: int, row: str = '{"value": 1}') -> bytes:
    """Body with this many rows for the toy."""
    return f'{{"rows": [{", ".join([row] * count)}]}}'.encode()


# Error bodies are not compared: that ours are one envelope is what the contract suite shows. Nor
# is `overloaded` for the stock class's masked 503: that takes a load, as in `test_load.py`.
MEANT = [
    Difference(
        "only-json",
        Sent("/double", rows(1), "text/plain"),
        lambda exchange: (
            exchange.ours.status_code == 415
            and (exchange.sent.content_type or "").split(";")[0].strip().lower() != JSON
        ),
    ),
    Difference(
        "too-many-rows",
        Sent("/double", rows(MAX_ROWS + 1)),
        lambda exchange: exchange.statuses in {(413, 400), (413, 200)},
    ),
    Difference(
        "not-finite",
        Sent("/divide", rows(1, '{"value": 0}')),
        lambda exchange: (
            exchange.statuses == (500, 200)
            and re.search(r"\b(NaN|Infinity)\b", exchange.stock.text) is not None
        ),
    ),
    Difference(
        "key-given-twice",
        Sent("/double", b'{"rows": [{"value": 1, "value": 2}]}'),
        lambda exchange: exchange.statuses == (400, 200) and "more than once" in exchange.ours.text,
    ),
    Difference(
        "half-a-surrogate",
        Sent("/lengths", rb'["\ud800"]'),
        lambda exchange: (
            exchange.ours.status_code == 400
            and exchange.stock.status_code in {200, 500}
            and re.search(rb"\\u[dD][89a-fA-F]", exchange.sent.body) is not None
        ),
    ),
    Difference(
        "malformed-json",
        Sent("/lengths", b'["a"'),
        lambda exchange: (
            exchange.statuses == (400, 500)
            and exchange.sent.path == "/lengths"
            and exchange.ours.json()["detail"][0]["type"] == "json_invalid"
        ),
    ),
    Difference(
        "wrong-type",
        Sent("/mistype", rows(1, '{"value": 1, "name": "x"}')),
        lambda exchange: exchange.sent.path == "/mistype" and exchange.statuses == (500, 400),
    ),
    Difference(
        "wrong-count",
        Sent("/lose", rows(2)),
        lambda exchange: exchange.sent.path == "/lose" and exchange.statuses == (500, 200),
    ),
]


def check(pair: Pair, sent: Sent) -> None:
    """Sends one request to both, and compares the answers."""
    exchange = pair.send(sent)
    if exchange.is_same:
        return
    assert any(difference.covers(exchange) for difference in MEANT), (
        f"{sent}: {exchange.statuses}\n{exchange.ours.text}\n{exchange.stock.text}"
    )
