"""`empty`: an ASGI application that does nothing, on the same web server: the limit."""

from collections.abc import Awaitable, Callable
from typing import Any

from load_tests.roles import PRIMARY
from load_tests.systems.base import CONTRACT, Dialect, System, nothing, uvicorn

_BODY = b'[{"number":0.5,"reached":true}]'
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


def _check(_reference: Any, _rows: Any, answer: Any) -> None:
    assert answer == [{"number": 0.5, "reached": True}]


_ASKED = CONTRACT[PRIMARY.name]
SYSTEM = System(
    name="empty",
    what="an empty ASGI app on the same uvicorn: the limit",
    command=uvicorn(
        "load_tests.systems.empty:app",
        *("--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log"),
    ),
    environment=nothing,
    dialects={PRIMARY.name: Dialect(_ASKED.path, _ASKED.encode, _check)},
)
