"""The fast path: one batchable API, from the socket through the batcher and back."""

import logging
import time

from serving.batching.prediction import Prediction
from serving.errors import ServingError
from serving.http.asgi import (
    JSON,
    ClientGoneError,
    Receive,
    Scope,
    Send,
    read_body,
    request_id,
    require_content_type,
    unless_client_leaves,
)
from serving.http.response import answer, answer_error
from serving.metrics import RouteMetrics
from serving.settings import Settings

logger = logging.getLogger("bentoml.serving")

# What the metrics call a request whose client left: the custom of nginx.
CLIENT_CLOSED_REQUEST = 499


class Endpoint:
    """Answers the requests to one API.

    Args:
        prediction: What it does with the rows.
        settings: Limits.
        metrics: Counts of its route.
    """

    def __init__(self, prediction: Prediction, settings: Settings, metrics: RouteMetrics) -> None:
        self._prediction = prediction
        self._settings = settings
        self._metrics = metrics
        tag = prediction.model_tag
        self.identity = [(b"x-model-tag", tag.encode())] if tag else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request (ASGI)."""
        started = time.perf_counter()
        self._metrics.started()
        headers = dict(scope["headers"])
        own_id = request_id(headers.get(b"x-request-id"))
        identity = [*self.identity, (b"x-request-id", own_id.encode())]
        status = CLIENT_CLOSED_REQUEST
        try:
            try:
                require_content_type(headers, JSON)
                body = await read_body(headers, receive, self._settings.max_body_bytes)
                content = await self._predict(body, receive)
                response_headers = [(b"content-type", JSON), *identity]
                status = 200
                await answer(send, 200, response_headers, content)
            except ClientGoneError:
                logger.debug("Request %s: its client has left", own_id)
            except Exception as raised:  # noqa: BLE001 - every one is answered and told apart here
                # Not kept in a variable: a frame that refers to an exception which has passed
                # through it is garbage that only the collector finds (docs/decisions.md).
                status = await answer_error(
                    send, ServingError.from_exception(raised, own_id), identity, own_id
                )
        finally:
            self._metrics.ended(status, time.perf_counter() - started)

    async def _predict(self, body: bytes, receive: Receive) -> bytes:
        prediction = self._prediction
        answers = prediction.submit(prediction.rows_from_json(body))
        if prediction.busy:
            # It has to wait for a batch in the thread pool: a long one, or one not measured yet.
            answers = unless_client_leaves(answers, receive)
        return prediction.to_json(await answers)
