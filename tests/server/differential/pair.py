"""Each service with our class and with the stock one, and whether both answer alike."""

import math
from dataclasses import dataclass, field
from typing import Any

import httpx

TOLERANCE = 1e-9
MAX_ROWS = 10_000
JSON = "application/json"
TOY, REAL = "tests.server.toy_service:Toy", "service:ModelServer"


@dataclass(frozen=True)
class Sent:
    """One request, to be sent to both servers."""

    path: str
    body: bytes
    content_type: str | None = JSON
    service: str = TOY
    method: str = "POST"


@dataclass(frozen=True)
class Exchange:
    """One request with both answers."""

    sent: Sent
    ours: httpx.Response
    stock: httpx.Response

    @property
    def statuses(self) -> tuple[int, int]:
        """Status of our answer, and of the stock class's."""
        return self.ours.status_code, self.stock.status_code

    @property
    def is_same(self) -> bool:
        """Whether both are the same error, or the same content of the same type."""
        if self.statuses != (200, 200):
            return self.ours.status_code == self.stock.status_code
        return self.ours.headers["content-type"] == self.stock.headers["content-type"] and (
            same(content(self.ours), content(self.stock))
        )


def content(response: httpx.Response) -> Any:
    """JSON value, or text, of a valid answer."""
    return response.json() if response.headers["content-type"] == JSON else response.text


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers as far as matters."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)


@dataclass
class Pair:
    """Each service with our class and with the stock one."""

    ours: dict[str, httpx.Client] = field(default_factory=dict)
    stock: dict[str, httpx.Client] = field(default_factory=dict)

    def send(self, sent: Sent) -> Exchange:
        """Sends one request to both."""
        headers = {} if sent.content_type is None else {"Content-Type": sent.content_type}
        ours, stock = (
            clients[sent.service].request(
                sent.method, sent.path, content=sent.body, headers=headers
            )
            for clients in (self.ours, self.stock)
        )
        return Exchange(sent, ours, stock)
