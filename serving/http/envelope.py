"""Gives the answers of any application an identity, and this server's refusals the one envelope."""

from starlette.responses import Response

from serving.errors import ServingError
from serving.http.asgi import JSON, Headers, Message, Scope, Send, request_id
from serving.http.response import answer_error

_ENVELOPE = "model_server.envelope"


class Envelope:
    """Stands between an application and `send` for one request.

    What the application answers passes as it is, an error too; it only gets headers that name the
    request and the model.

    Args:
        send: Where the answer goes.
        identity: Headers that name the request and the model.
        request_id: Id of the request.

    Attributes:
        status: Status of the answer, once there is one.
        code: Code of the error that it is, if it is one of this server's.
    """

    def __init__(self, send: Send, identity: Headers, request_id: str) -> None:
        self.request_id = request_id
        self.status: int | None = None
        self.code = ""
        self._send = send
        self._identity = identity

    async def send(self, message: Message) -> None:
        """Takes a message of the application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message["headers"]}
            own = [header for header in self._identity if header[0] not in given]
            message["headers"] = [*message["headers"], *own]
        await self._send(message)

    async def fail(self, error: ServingError) -> None:
        """Answers with an error, unless an answer is already on its way."""
        if self.status is None:
            self.code = error.code.code
            self.status = await answer_error(self._send, error, self._identity, self.request_id)


def enveloped(scope: Scope, envelope: Envelope) -> Scope:
    """Tells the applications behind the gateway of the envelope around a request."""
    return {**scope, _ENVELOPE: envelope}


def note_code(scope: Scope, code: str) -> None:
    """Tells the envelope around a request, if there is one, the code of the error it ends with."""
    if (envelope := scope.get(_ENVELOPE)) is not None:
        envelope.code = code


def own_request_id(scope: Scope) -> str:
    """Returns the id that the envelope around a request has given it, or makes one."""
    envelope: Envelope | None = scope.get(_ENVELOPE)
    if envelope is None:
        return request_id(dict(scope["headers"]).get(b"x-request-id"))
    return envelope.request_id


def refusal(scope: Scope, error: ServingError) -> Response:
    """Makes the answer of an application of this server's own to a request it refuses."""
    own_id = own_request_id(scope)
    note_code(scope, error.code.code)
    headers = {"X-Request-ID": own_id, **dict(error.headers)}
    return Response(error.body(own_id), error.status, headers, JSON.decode())
