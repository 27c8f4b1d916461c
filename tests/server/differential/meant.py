"""The differences that are meant, each with its reason."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.server.differential.pair import JSON, MAX_ROWS, Exchange, Pair, Sent


@dataclass(frozen=True)
class Difference:
    """An answer that differs on purpose.

    Attributes:
        reason: What differs, and why.
        example: A request that shows it; when it no longer does, the entry is stale.
        covers: Whether an exchange differs in this way.
    """

    reason: str
    example: Sent
    covers: Callable[[Exchange], bool]


def rows(count: int, row: str = '{"value": 1}') -> bytes:
    """Body with this many rows for the toy."""
    return f'{{"rows": [{", ".join([row] * count)}]}}'.encode()


# Error bodies are not compared: that ours are one envelope is what the contract suite shows. Nor
# is `overloaded` for the stock class's masked 503: that takes a load, as in `test_load.py`.
MEANT = [
    Difference(
        "415: only JSON is taken, as documented; stock takes every unknown type for JSON, and "
        "forms for a request with other fields.",
        Sent("/double", rows(1), "text/plain"),
        lambda exchange: (
            exchange.ours.status_code == 415
            and (exchange.sent.content_type or "").split(";")[0].strip().lower() != JSON
        ),
    ),
    Difference(
        "413: too many rows are a matter of size, not of form, and are counted for every API; "
        "stock says 400 where the schema has a limit, else computes them.",
        Sent("/double", rows(MAX_ROWS + 1)),
        lambda exchange: exchange.statuses in {(413, 400), (413, 200)},
    ),
    Difference(
        "500: an answer that is not finite is the model's fault, and logged, on every protocol; "
        "stock writes NaN and Infinity, which are no JSON, and which most parsers refuse.",
        Sent("/divide", rows(1, '{"value": 0}')),
        lambda exchange: (
            exchange.statuses == (500, 200)
            and re.search(r"\b(NaN|Infinity)\b", exchange.stock.text) is not None
        ),
    ),
    Difference(
        "400: half of a surrogate pair is no character; stock lets it through to the model, where "
        "it can be neither encoded nor printed.",
        Sent("/lengths", rb'["\ud800"]'),
        lambda exchange: (
            exchange.ours.status_code == 400
            and exchange.stock.status_code in {200, 500}
            and re.search(rb"\\u[dD][89a-fA-F]", exchange.sent.body) is not None
        ),
    ),
    Difference(
        "400: malformed JSON is the client's mistake everywhere; stock says 500 where an API takes "
        "its list alone.",
        Sent("/lengths", b'["a"'),
        lambda exchange: (
            exchange.statuses == (400, 500)
            and exchange.sent.path == "/lengths"
            and exchange.ours.json()["detail"][0]["type"] == "json_invalid"
        ),
    ),
    Difference(
        "500: an answer of a wrong type is the model's fault, and logged; stock says 400.",
        Sent("/mistype", rows(1, '{"value": 1, "name": "x"}')),
        lambda exchange: exchange.sent.path == "/mistype" and exchange.statuses == (500, 400),
    ),
    Difference(
        "500: answers that are not one for each row cannot be told apart; stock passes them on.",
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
