"""One path that is answered ahead of BentoML: from the socket through the batcher and back."""

import logging
import time
from functools import partial
from typing import Any, Protocol

from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.beside import MANY_ROWS, read_in_turn, write_beside
from serving.errors import ServingError
from serving.http.asgi import (
    CLIENT_CLOSED_REQUEST,
    PREDICTION_ID,
    ClientGoneError,
    Headers,
    Receive,
    Scope,
    Send,
    client_leaves,
    in_time,
    log_answer,
    read_decoded_body,
    request_id,
    require_content_type,
)
from serving.http.envelope import note_code
from serving.http.intake import Intake
from serving.http.response import answer, answer_error
from serving.metrics import HTTP, RouteMetrics
from serving.record.recorder import Recorder
from serving.settings import Settings
from serving.turn import TURN_BYTES, may_be_large, require_place

logger = logging.getLogger("bentoml.serving")


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
        recorder: What records its requests, if they are recorded.

    Attributes:
        protocol: What its requests are counted under.
    """

    protocol = HTTP

    def __init__(
        self,
        prediction: Prediction,
        codec: HttpCodec,
        settings: Settings,
        metrics: RouteMetrics,
        recorder: Recorder | None = None,
    ) -> None:
        self._prediction = prediction
        self._codec = codec
        self._settings = settings
        self._metrics = metrics
        self._recorder = recorder
        tag = prediction.model_tag
        self.identity = [(b"x-model-tag", tag.encode())] if tag else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request (ASGI)."""
        started = time.perf_counter()
        self._metrics.started()
        headers = dict(scope["headers"])
        own_id = request_id(headers.get(b"x-request-id"))
        identity = [*self.identity, (b"x-request-id", own_id.encode())]
        recorder, prediction_id = self._recorder, ""
        if recorder is not None:
            if prediction_id := recorder.identify():
                headers[PREDICTION_ID] = prediction_id.encode()
                identity.append((b"x-prediction-id", headers[PREDICTION_ID]))
            else:
                recorder = None
        status, code = CLIENT_CLOSED_REQUEST, ""
        try:
            try:
                require_content_type(headers, *self._codec.content_types)
                timed = in_time(receive, self._settings.timeout_seconds)
                if timed is not receive and may_be_large(headers):
                    timed = Intake(timed, self._prediction.require_room)
                body = await read_decoded_body(headers, timed, self._settings.max_body_bytes)
                if timed is receive and len(body) >= TURN_BYTES:
                    require_place()
                response_headers, content = await self._predict(body, headers, receive)
                await answer(send, 200, [*response_headers, *identity], content)
                status = 200
                if recorder is not None:
                    given = headers.get(b"content-type", self._codec.content_types[0])
                    recorder.answered(
                        prediction_id, own_id, given.decode("latin-1"), body, content, headers
                    )
            except ClientGoneError:
                logger.debug("Request %s: its client has left", own_id)
                if recorder is not None:
                    recorder.left(prediction_id, own_id, status)
            except Exception as raised:  # noqa: BLE001 - every one is answered and told apart here
                # Not kept in a variable: a frame that refers to an exception which has passed
                # through it is garbage that only the collector finds (docs/decisions.md).
                status, code = await self._fail(
                    send,
                    ServingError.from_exception(raised, own_id, self._metrics.log),
                    identity,
                    own_id,
                    prediction_id,
                )
                note_code(scope, code)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.ended(status, seconds)
            if self._metrics.log.accesses:
                log_answer(self._metrics.log, own_id, scope, status, code, seconds)

    async def _fail(
        self,
        send: Send,
        error: ServingError,
        identity: Headers,
        own_id: str,
        prediction_id: str,
    ) -> tuple[int, str]:
        if prediction_id and self._recorder is not None:
            self._recorder.refused(prediction_id, own_id, error)
        return await self._refuse(send, error, identity, own_id)

    async def _refuse(
        self, send: Send, error: ServingError, identity: Headers, own_id: str
    ) -> tuple[int, str]:
        """Answers with an error; returns the status to count it under, and its code."""
        return await answer_error(send, error, identity, own_id), error.code.code

    async def _predict(
        self, body: bytes, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[Headers, bytes]:
        codec = self._codec
        if len(body) < TURN_BYTES:
            rows, asked = codec.read(body, headers)
        else:
            rows, asked = await read_in_turn(
                len(body), codec.large_bytes, codec.read, body, headers
            )
        answers = await self._prediction.submit(rows, partial(client_leaves, receive))
        if len(rows) < MANY_ROWS:
            return codec.write(answers, asked)
        return await write_beside(codec.write, answers, asked)
