"""One request and its answer: whose it is, and what is counted, logged and recorded of it."""

import logging
import time
from functools import partial

from framework.access.scopes import Need
from framework.adapters.uvicorn import peer_names
from serving.access.door import Door, NotAdmittedError
from serving.access.principal import NOBODY, Principal
from serving.counts import RouteMetrics
from serving.errors import ServingError
from serving.http.asgi import (
    CLIENT_CLOSED_REQUEST,
    PREDICTION_ID,
    Headers,
    Scope,
    Send,
    client_of,
    log_answer,
    request_id,
)
from serving.limits.allowance import Allowance
from serving.record.recorder import Recorder
from serving.spans import end_request

logger = logging.getLogger("bentoml.serving")


class Exchange:
    """A request that has come, until it has been answered.

    Args:
        scope: As ASGI has it.
        headers: Its headers; a codec is told more of the request by some beside.
        identity: Headers that every answer has.
        metrics: Counts of the route.
        recorder: What records the route's requests, if they are recorded.

    Attributes:
        own_id: The request id.
        identity: Headers that say whose the answer is.
        principal: Who asks, once they were let in.
        span: Its span, if it is traced.
    """

    __slots__ = (
        "_begun",
        "_metrics",
        "_prediction_id",
        "_recorder",
        "_scope",
        "_started",
        "headers",
        "identity",
        "own_id",
        "principal",
        "span",
    )

    def __init__(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        identity: Headers,
        metrics: RouteMetrics,
        recorder: Recorder | None,
    ) -> None:
        self._started = time.perf_counter()
        metrics.started()
        self._metrics = metrics
        self._scope = scope
        self.principal: Principal = NOBODY
        self._begun: Allowance | None = None
        self.headers = headers
        given = headers.get(b"x-request-id")
        self._recorder, self._prediction_id = None, ""
        if recorder is not None and (prediction_id := recorder.identify()):
            self._recorder, self._prediction_id = recorder, prediction_id
            # A request without an id needs but one.
            self.own_id = prediction_id if given is None else request_id(given)
            told = headers[PREDICTION_ID] = prediction_id.encode()
            own = told if given is None else self.own_id.encode()
            self.identity = [*identity, (b"x-request-id", own), (b"x-prediction-id", told)]
        else:
            self.own_id = request_id(given)
            self.identity = [*identity, (b"x-request-id", self.own_id.encode())]
        self.span = None
        if metrics.tracing is not None:
            parent = headers.get(b"traceparent")
            self.span = metrics.tracing.begin_request(metrics.log.fields, self.own_id, parent)

    def admit(self, door: Door, need: Need | None, send: Send) -> None:
        """Finds out who asks; whoever is not let in is not recorded either.

        Raises:
            NotAdmittedError: They are not let in.
        """
        try:
            self.principal = door.known(need, self.headers) or door.admit(
                need, self.headers, client_of(self._scope), partial(peer_names, send)
            )
        except NotAdmittedError as error:
            self.principal = error.principal
            # Nor told what there is here.
            self._recorder = None
            self.identity = [(b"x-request-id", self.own_id.encode())]
            raise
        if (allowance := self.principal.allowance) is not None:
            allowance.begin()
            self._begun = allowance

    def answered(self, body: bytes, content: bytes, usual_type: bytes) -> None:
        """Records the answer.

        Args:
            body: Of the request.
            content: Of the answer.
            usual_type: Content type of a request that tells none.
        """
        if self._recorder is not None:
            given = self.headers.get(b"content-type", usual_type).decode("latin-1")
            self._recorder.answered(
                self._prediction_id, self.own_id, given, body, content, self.headers
            )

    def left(self) -> None:
        """Records that the client has left."""
        logger.debug("Request %s: its client has left", self.own_id)
        if self._recorder is not None:
            self._recorder.left(self._prediction_id, self.own_id, CLIENT_CLOSED_REQUEST)

    def refusal(self, raised: Exception) -> ServingError:
        """Returns what the client is told of an error, and records it."""
        error = ServingError.from_exception(raised, self.own_id, self._metrics.log)
        if self._recorder is not None:
            self._recorder.refused(self._prediction_id, self.own_id, error)
        return error

    def ended(self, status: int, code: str = "") -> None:
        """Counts and logs it.

        Args:
            status: Of the answer; 499 if the client has left.
            code: Of the error, if it was one.
        """
        seconds = time.perf_counter() - self._started
        self._metrics.ended(status, seconds)
        if self._begun is not None:
            self._begun.end()
        log = self._metrics.log
        if status in log.told:
            log_answer(log, self.own_id, self._scope, self.principal.id, status, code, seconds)
        if self.span is not None:
            end_request(self.span, status, code)
