"""One path that is answered ahead of BentoML: from the socket through the batcher and back."""

import asyncio
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any, Protocol

from framework.access.scopes import Need
from serving.access.door import Door
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.batching.ticket import Ticket
from serving.beside import read_in_turn, write_beside
from serving.counts import RouteMetrics
from serving.errors import ServingError
from serving.http.asgi import (
    CLIENT_CLOSED_REQUEST,
    ClientGoneError,
    Headers,
    Receive,
    Scope,
    Send,
    client_leaves,
    in_time,
    read_decoded_body,
    require_content_type,
)
from serving.http.envelope import note_code
from serving.http.exchange import Exchange
from serving.http.intake import Intake
from serving.http.response import answer, answer_error, answered_at_once
from serving.metrics import HTTP
from serving.record.recorder import Recorder
from serving.settings import Settings
from serving.turn import TURN_BYTES, may_be_large, require_place


class HttpCodec(Protocol):
    """The form in which an endpoint's requests come and its answers go."""

    @property
    def content_types(self) -> tuple[bytes, ...]:
        """Those it reads; a request without any is taken for the first."""
        ...

    @property
    def large_bytes(self) -> int:
        """Size from which on bodies are read beside the event loop."""
        ...

    @property
    def many_rows(self) -> int:
        """Rows from which on answers are written beside the event loop."""
        ...

    def read(self, body: bytes, headers: dict[bytes, bytes]) -> tuple[Chunk, Any]:
        """Returns the rows of a request, and what `write` must know of it.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        ...

    def write(self, answers: Any, asked: Any) -> tuple[Headers, bytes]:
        """Returns headers (the content type among them) and body of the answer."""
        ...


class Endpoint:
    """Answers the requests to one path: identity, limits, errors, a leaving client, metrics.

    Args:
        prediction: What it does with the rows.
        codec: How it reads and writes them.
        settings: Limits.
        metrics: Counts of its route.
        door: Lets in who may ask.
        need: What they need.
        recorder: What records its requests, if they are recorded.

    Attributes:
        protocol: What its requests are counted under.
        model_tag: Tag of the model behind it; empty if there is none.
    """

    protocol = HTTP

    def __init__(
        self,
        prediction: Prediction,
        codec: HttpCodec,
        settings: Settings,
        metrics: RouteMetrics,
        door: Door,
        need: Need | None,
        recorder: Recorder | None = None,
    ) -> None:
        self._prediction = prediction
        self._codec = codec
        self._settings = settings
        self._metrics = metrics
        self._door = door
        self._need = need
        self._recorder = recorder
        self.model_tag = tag = prediction.model_tag
        # What is told of somebody is kept by nobody on the way.
        self.identity = [(b"cache-control", b"no-store")]
        if tag:
            self.identity.append((b"x-model-tag", tag.encode()))
        self._finishing: set[asyncio.Task[None]] = set()

    def tag_of(self, _: Scope) -> str:
        """Returns the tag of the model that is to answer a request; empty if there is none."""
        return self.model_tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request (ASGI)."""
        headers = dict(scope["headers"])
        exchange = Exchange(scope, headers, self.identity, self._metrics, self._recorder)
        status, code = CLIENT_CLOSED_REQUEST, ""
        try:
            try:
                exchange.admit(self._door, self._need, send)
                body = await self._body(headers, receive)
                own, content = await self._predict(body, receive, exchange)
                await answer(send, 200, [*own, *exchange.identity], content)
                status = 200
                exchange.answered(body, content, self._codec.content_types[0])
            except ClientGoneError:
                exchange.left()
            except Exception as raised:  # noqa: BLE001 - every one is answered and told apart here
                # Not kept in a variable: a frame that refers to an exception which has passed
                # through it is garbage that only the collector finds (docs/decisions.md).
                status, code = await self._refuse(
                    send, exchange.refusal(raised), exchange.identity, exchange.own_id
                )
                note_code(scope, code)
        finally:
            exchange.ended(status, code)

    def take(self, scope: Scope, body: bytearray, receive: Receive, send: Send) -> bool:
        """Sees to the answer of a small request whose body has come, without a task for it.

        Args:
            scope: As ASGI has it.
            body: All of it.
            receive: For use once the body has been read.
            send: As ASGI has it.

        Returns:
            Whether it does; if not, nothing was done, and the application is to be asked.
        """
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(body) >= TURN_BYTES or not self._takes(headers):
            return False
        exchange = Exchange(scope, headers, self.identity, self._metrics, self._recorder)
        content = bytes(body)
        try:
            exchange.admit(self._door, self._need, send)
            require_content_type(headers, *self._codec.content_types)
            rows, asked = self._codec.read(content, headers)
            leaving = partial(client_leaves, receive)
            allowance = exchange.principal.allowance
            ticket = self._prediction.enter(rows, leaving, exchange.span, allowance)
        except Exception as raised:  # noqa: BLE001 - as above
            self._refuse_later(exchange, send, raised)
            return True
        if ticket is None:
            later = self._answer_later(exchange, rows, asked, content, receive, send)
            self._finish(exchange, later)
        else:
            ticket.future.add_done_callback(
                partial(self._answer, exchange, ticket, asked, content, send)
            )
        return True

    def _takes(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether there is nothing more to do about a request than to read and answer it."""
        return b"content-encoding" not in headers and b"expect" not in headers

    def _answer(
        self, exchange: Exchange, ticket: Ticket, asked: Any, body: bytes, send: Send, _: object
    ) -> None:
        """Answers what was taken, now that there are answers."""
        try:
            headers, content = self._codec.write(self._prediction.leave(ticket), asked)
            headers = [*headers, *exchange.identity]
            if not answered_at_once(send, 200, headers, content):
                self._finish(exchange, self._send(exchange, send, headers, content, body))
                return
            exchange.answered(body, content, self._codec.content_types[0])
            exchange.ended(200)
        except ClientGoneError:
            exchange.left()
            exchange.ended(CLIENT_CLOSED_REQUEST)
        except Exception as raised:  # noqa: BLE001 - as above
            self._refuse_later(exchange, send, raised)
        finally:
            # As in `Batcher.submit`.
            del ticket, _

    async def _answer_later(
        self,
        exchange: Exchange,
        rows: Chunk,
        asked: Any,
        body: bytes,
        receive: Receive,
        send: Send,
    ) -> tuple[int, str]:
        """Answers what was taken, once its caller's limit is known."""
        try:
            headers, content = await self._answers(rows, asked, receive, exchange)
            headers = [*headers, *exchange.identity]
            return await self._send(exchange, send, headers, content, body)
        except ClientGoneError:
            raise
        except Exception as raised:  # noqa: BLE001 - as above
            error = exchange.refusal(raised)
            return await self._refuse(send, error, exchange.identity, exchange.own_id)

    async def _send(
        self, exchange: Exchange, send: Send, headers: Headers, content: bytes, body: bytes
    ) -> tuple[int, str]:
        await answer(send, 200, headers, content)
        exchange.answered(body, content, self._codec.content_types[0])
        return 200, ""

    def _refuse_later(self, exchange: Exchange, send: Send, raised: Exception) -> None:
        error = exchange.refusal(raised)
        self._finish(exchange, self._refuse(send, error, exchange.identity, exchange.own_id))

    def _finish(self, exchange: Exchange, answering: Coroutine[Any, Any, tuple[int, str]]) -> None:
        """Sends what was not written at once, in a task."""

        async def finish() -> None:
            status, code = CLIENT_CLOSED_REQUEST, ""
            try:
                status, code = await answering
            except ClientGoneError:
                exchange.left()
            finally:
                exchange.ended(status, code)

        task = asyncio.ensure_future(finish())
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _refuse(
        self, send: Send, error: ServingError, identity: Headers, own_id: str
    ) -> tuple[int, str]:
        """Answers with an error; returns the status to count it under, and its code."""
        return await answer_error(send, error, identity, own_id), error.code.code

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Reads the body of a request, in its turn."""
        require_content_type(headers, *self._codec.content_types)
        timed = in_time(receive, self._settings.timeout_seconds)
        if timed is not receive and may_be_large(headers):
            timed = Intake(timed, self._prediction.require_room)
        body = await read_decoded_body(headers, timed, self._settings.max_body_bytes)
        if timed is receive and len(body) >= TURN_BYTES:
            require_place()
        return body

    async def _predict(
        self, body: bytes, receive: Receive, exchange: Exchange
    ) -> tuple[Headers, bytes]:
        codec, headers = self._codec, exchange.headers
        if len(body) < TURN_BYTES:
            rows, asked = codec.read(body, headers)
        else:
            rows, asked = await read_in_turn(
                len(body), codec.large_bytes, codec.read, body, headers
            )
        return await self._answers(rows, asked, receive, exchange)

    async def _answers(
        self, rows: Chunk, asked: Any, receive: Receive, exchange: Exchange
    ) -> tuple[Headers, bytes]:
        codec, allowance = self._codec, exchange.principal.allowance
        leaving = partial(client_leaves, receive)
        answers = await self._prediction.submit(rows, leaving, exchange.span, allowance)
        if len(rows) < codec.many_rows:
            return codec.write(answers, asked)
        return await write_beside(codec.write, answers, asked)
