"""Uvicorn's insides: a connection that declines upgrades, never waits for ever, and saves tasks."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import httptools
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

_OFFER = (b"upgrade", b"http2-settings")
_REQUEST_TIMEOUT = STATUS_LINE[408] + b"content-length: 0\r\nconnection: close\r\n\r\n"
_HEAD_TOO_LARGE = STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"

Waiting = Literal["idle", "head", "body", "reader"]
"""For what a connection waits: a request, the rest of its head or of its body, or the client's
taking what was written."""


Direct = Callable[[Any, bytearray, Callable[[], Any], Callable[..., Any]], bool]
"""Given scope, whole body, `receive` and `send` of a request, sees to its answer, or declines: it
returns whether it does. It raises nothing."""


class _Discarded(list[tuple[bytes, bytes]]):
    """Headers that are none: whatever is added goes away."""

    def append(self, item: tuple[bytes, bytes]) -> None:
        """Keeps nothing."""


class Connection(HttpToolsProtocol):
    """Uvicorn's connection, mended where a client could lose a request or hold the server.

    - A request that offers an upgrade which is not taken is answered as if it did not. Uvicorn
      loses its body, and what of it comes in a packet of its own is read as another request.
    - When the client leaves, every request under way on its connection is told, also those that
      came before the last.
    - `check` ends what waits for its client too long; it is called for every connection once in a
      while, so that no request needs a timer of its own. It keeps the keep-alive time, too.
    - What comes behind a body in chunks is no header: uvicorn adds such trailers to the headers,
      where they would say who asks, or change what a proxy has seen.
    - Chunks in HTTP/1.0, or of what is coded further, are refused: others read them differently.
    - A request whose body has come with its head is offered to who may answer it directly, ahead of
      the application: a task, its coroutines and ASGI's messages cost more than a prediction.

    Args:
        direct: Path → who may answer what is posted to it.
        most_head_bytes: Bytes that a request's head may have after the packet that it began in.
        kinds: What uvicorn's own connection is made of.
    """

    def __init__(
        self,
        direct: Mapping[str, Direct] = MappingProxyType({}),
        most_head_bytes: int = 65_536,
        **kinds: Any,
    ) -> None:
        super().__init__(**kinds)
        self._most_head_bytes = most_head_bytes
        self._direct = direct
        self._held: tuple[RequestResponseCycle, Direct] | None = None

    _answering: RequestResponseCycle | None = None
    # The head that was not whole after the last packet, and how much of it has come since.
    _partial_head: HTTPScope | None = None
    _head_bytes = 0
    # What `check` saw the last time: for what of which request it waited, and since when.
    _waiting: Waiting | None = None
    _awaited: object = None
    _since = 0.0

    def data_received(self, data: bytes) -> None:
        """Reads what the client has sent."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as offer:
            self._upgrade(memoryview(data)[offer.args[0] :])
        if self._held is not None:
            self._begin(*self._held)
        elif self._waits_for_head():
            self._bound_head(len(data))

    def _waits_for_head(self) -> bool:
        head: HTTPScope | None = self.scope
        cycle: RequestResponseCycle | None = self.cycle
        return head is not None and (cycle is None or cycle.scope is not head)

    def _bound_head(self, packet_bytes: int) -> None:
        """Counts what came of a head that is not whole yet, and refuses one that is too large."""
        if self._partial_head is not self.scope:
            # What came before it in this packet are other requests, and their bodies.
            self._partial_head, self._head_bytes = self.scope, 0
            return
        self._head_bytes += packet_bytes
        if self._head_bytes > self._most_head_bytes:
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._give_up()
        if not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_chunk_header(self) -> None:
        """Keeps the headers as they are: what comes from now on that is like one is a trailer.

        Raises:
            ValueError: Another reader might find the body's end elsewhere; `data_received` refuses
                the request.
        """
        if isinstance(self.headers, _Discarded):
            return
        named = [value for name, value in self.headers if name == b"transfer-encoding"]
        codings = [value.strip(b" \t").lower() for value in named]
        if self.scope["http_version"] == "1.0" or codings != [b"chunked"]:
            raise ValueError("chunks are for HTTP/1.1, and of no other coding")
        self.headers = _Discarded()

    def _should_upgrade(self) -> bool:
        # Asked about requests that offer an upgrade alone; told so, uvicorn leaves them to
        # `data_received`, after their heads.
        return True

    def _upgrade(self, rest: memoryview) -> None:
        """Takes the offer of the request whose head was just read, or reads it without.

        Args:
            rest: What came after the head.
        """
        # A loop: what follows may be another request with an offer, and another one.
        while not super()._should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self.send_400_response("This is not a proxy.")
                return
            head = self._head_without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            try:
                self.parser.feed_data(head)
                self.parser.feed_data(rest)
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                continue
            return
        self.handle_websocket_upgrade()

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            kept = value
            if name == b"connection":
                options = [option.strip() for option in value.split(b",")]
                kept = b", ".join(option for option in options if option.lower() not in _OFFER)
            if name not in _OFFER:
                lines.append(name + b": " + kept)
        return b"\r\n".join([*lines, b"", b""])

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        scope = cycle.scope
        direct = self._direct.get(scope["path"]) if scope["method"] == "POST" else None
        if direct is not None and app is self.app:
            # Its body may come next, from what is being read.
            self._held = cycle, direct
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, direct: Direct) -> None:
        """Has a request answered, of which all that has come so far is read."""
        self._held = None
        is_whole = not (cycle.more_body or cycle.disconnected)
        if not (is_whole and direct(cycle.scope, cycle.body, cycle.receive, cycle.send)):
            super()._start_asgi_task(cycle, self.app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells every request under way that its client has left."""
        self._give_up()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        # Uvicorn tells the last request that came, which may be waiting for the one before it, and
        # tells none whose connection it closes itself: the answer's write would raise.
        if (cycle := self._answering) is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is not HTTP, and with it the requests before that are not answered yet."""
        self._give_up()
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        """Goes on with the next request; `check` watches how long there is none."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._answering, app = self.pipeline.pop()
            super()._start_asgi_task(self._answering, app)

    def check(self, now: float, seconds: float) -> None:
        """Ends the connection if it has waited for its client too long.

        A body that does not come is the application's to answer; the connection ends if it has
        answered, or does not.

        Args:
            now: Time of a clock that only goes forward, in seconds.
            seconds: How long it may wait; between requests it is uvicorn's keep-alive time.
        """
        waiting, awaited = self._waits_for()
        if waiting is None or waiting != self._waiting or awaited is not self._awaited:
            self._waiting, self._awaited, self._since = waiting, awaited, now
            return
        if waiting == "idle" and awaited is not None:
            seconds = self.timeout_keep_alive
        elif isinstance(awaited, RequestResponseCycle) and not awaited.response_complete:
            seconds *= 2
        if now - self._since <= seconds:
            return
        self._give_up()
        if waiting == "head":
            self.transport.write(_REQUEST_TIMEOUT)
        if waiting in ("idle", "head"):
            self.transport.close()
        else:
            self.transport.abort()

    def _waits_for(self) -> tuple[Waiting | None, object]:
        """For what of its client it waits, and of which request."""
        cycle: RequestResponseCycle | None = self.cycle
        if self.flow.write_paused or self.transport.is_closing():
            return "reader", None
        if cycle is not None and not cycle.response_complete:
            # What came has to be taken, and those before it answered, before more is read.
            reads = cycle.more_body and not self.flow.read_paused and not self.pipeline
            return ("body", cycle) if reads else (None, None)
        if cycle is not None and cycle.more_body:
            return "body", cycle
        if self._waits_for_head():
            return "head", self.scope
        return "idle", cycle
