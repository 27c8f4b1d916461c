"""`empty`: an ASGI application that does nothing, on the same web server: the limit."""

from collections.abc import Awaitable, Callable
from typing import Any

from load_tests.systems.base import Dialect, System, nothing, uvicorn

_BODY = b'[{"probability":0.5,"leaves":true}]'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
    ],
}
_REST = {"type": "http.response.body", "body": _BODY}


async def app(
    _scope: dict[str, Any], _receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answers every request alike, without reading it."""
    await send(_START)
    await send(_REST)


def _encode(rows: list[dict[str, Any]]) -> str:
    import json

    return json.dumps({"employees": rows})


def _check(_reference: Any, _rows: Any, answer: Any) -> None:
    assert answer == [{"probability": 0.5, "leaves": True}]


SYSTEM = System(
    name="empty",
    what="an empty ASGI app on the same uvicorn: the limit",
    command=uvicorn(
        "load_tests.systems.empty:app",
        *("--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log"),
    ),
    environment=nothing,
    dialects={"attrition": Dialect("/attrition/predict", _encode, _check)},
    most_rows=1,
)
