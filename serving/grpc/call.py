"""One gRPC call as its handler sees it, and what answers the calls of a method."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import grpc
from opentelemetry.trace import Span

from framework.access.scopes import Need
from serving.access.door import CREDENTIALS, Door, NotAdmittedError, forbidden
from serving.access.principal import NOBODY, Principal
from serving.errors import ServingError
from serving.grpc.wire import Parser
from serving.http.asgi import CLIENT_CLOSED_REQUEST
from serving.limits.allowance import Allowance
from serving.logs import RouteLog
from serving.metrics import GRPC
from serving.record.recorder import Recorder

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Metadata = Iterable[tuple[str, str | bytes]]

PROTO = "application/proto"

_CREDENTIALS = {name.decode() for name in CREDENTIALS}
_NO_HEADERS: dict[bytes, bytes] = {}


class Call:
    """A call under way, as its handler sees it.

    Attributes:
        request_id: Id of the request, from the client's metadata or made.
        route: Name of the method in metrics and log.
        size: Bytes of the request message.
        principal: Who asks, once they were let in.
        is_admitted: Whether they were.
        model_tag: Tag of the model that answers, told to the client and to the metrics. A handler
            that serves several models sets it, to the tag of a model that exists.
        subject: Name of what is to be changed, where something is.
        status: HTTP status of the outcome.
        prediction_id: Told to the client; empty if the call is not recorded.
        span: Its span, if it is traced.
    """

    __slots__ = (
        "_begun",
        "_context",
        "_recorder",
        "is_admitted",
        "model_tag",
        "prediction_id",
        "principal",
        "request_id",
        "route",
        "size",
        "span",
        "status",
        "subject",
    )

    def __init__(
        self,
        request_id: str,
        route: str,
        model_tag: str,
        size: int = 0,
        context: "Context | None" = None,
    ) -> None:
        self._context = context
        self.request_id = request_id
        self.route = route
        self.size = size
        self.model_tag = model_tag
        self.principal: Principal = NOBODY
        self.subject = ""
        self.is_admitted = False
        self._begun: Allowance | None = None
        self.status = 200
        self.prediction_id = ""
        self.span: Span | None = None
        self._recorder: Recorder | None = None

    def given(self, name: str) -> bytes | None:
        """Returns what the call's metadata have under a name."""
        return None if self._context is None else given(self._context, name)

    def record_by(self, recorder: Recorder | None) -> None:
        """Has the call recorded, if it is one of the sample. A handler may decide so."""
        if recorder is not None and (prediction_id := recorder.identify()):
            self.prediction_id, self._recorder = prediction_id, recorder

    def admit(self, door: Door, need: Need | None, context: Context) -> None:
        """Finds out who asks, and takes the call on.

        Raises:
            NotAdmittedError: They are not let in.
            ServingError: `rate_limited`.
        """
        address, _, _port = context.peer().rpartition(":")
        try:
            shown = shown_in(context.invocation_metadata())
            self.principal = door.admit(need, shown, address, partial(_peer_names, context))
        except NotAdmittedError as error:
            self.principal = error.principal
            raise
        self.is_admitted = True
        if (allowance := self.principal.allowance) is not None:
            allowance.begin()
            self._begun = allowance

    def end(self) -> None:
        """Takes note of the end of the call, however it came."""
        if self._begun is not None:
            self._begun.end()

    def require(self, need: Need) -> None:
        """Makes sure that whoever asks may, once it is known for what.

        Raises:
            ServingError: `forbidden`.
        """
        if not self.principal.may(need):
            raise forbidden(need, self.principal)

    def failed(self, raised: Exception) -> ServingError:
        """Takes note of an exception; returns the error that it is told as."""
        log = RouteLog(self.route, self.model_tag, GRPC, accesses=False)
        error = ServingError.from_exception(raised, self.request_id, log)
        self.status = error.status
        if self._recorder is not None:
            self._recorder.refused(self.prediction_id, self.request_id, error)
            self._recorder = None
        return error

    def answered(self, body: bytes, answer: bytes) -> None:
        """Takes note of an answer, unless it tells an error."""
        if self._recorder is not None:
            self._recorder.answered(
                self.prediction_id, self.request_id, PROTO, body, answer, _NO_HEADERS
            )

    def left(self) -> None:
        """Takes note of a client that left before it had its answer."""
        if self._recorder is not None:
            self._recorder.left(self.prediction_id, self.request_id, CLIENT_CLOSED_REQUEST)


# Answers a request with the bytes of a message, or raises; a `ServingError` is told in full.
Handler = Callable[[Any, Call], Awaitable[bytes]]


@dataclass(frozen=True)
class RpcMethod:
    """What answers the calls of one method.

    Attributes:
        parse: Makes of a message's bytes what the handler takes; `Message.FromString`.
        handler: What answers.
        model_tag: Tag of the model behind it, if there is but one.
        recorder: What records its calls, if they are recorded and there is but one model.
        choose: Returns what answers a call instead, if that depends on the call.
    """

    parse: Parser
    handler: Handler
    model_tag: str = ""
    recorder: Recorder | None = None
    choose: "Callable[[Context], RpcMethod] | None" = None


Methods = Mapping[str, RpcMethod]
"""Route of each method, `/wine.v1.WineService/Predict`, → what answers it."""


def given(context: Context, wanted: str) -> bytes | None:
    """Returns what a call's metadata have under a name."""
    for name, value in context.invocation_metadata() or ():
        if name == wanted:
            return value.encode() if isinstance(value, str) else value
    return None


def shown_in(metadata: Metadata | None) -> dict[bytes, bytes]:
    """Returns what a call's metadata shows of who asks, as headers have it."""
    return {
        name.encode(): value.encode() if isinstance(value, str) else value
        for name, value in metadata or ()
        if name in _CREDENTIALS
    }


def _peer_names(context: Context) -> list[str]:
    """Returns the names in the client's certificate, if it has shown one; see `peer_names`."""
    told = context.auth_context()
    return [
        name.decode("utf-8", "replace")
        for kind in ("x509_subject_alternative_name", "x509_common_name")
        for name in told.get(kind, ())
    ]
