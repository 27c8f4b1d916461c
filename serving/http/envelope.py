"""Gives the answers of any application an identity, and this server's refusals the one envelope."""

from starlette.responses import Response

from serving.errors import ServingError
from serving.http.asgi import JSON, Headers, Message, Scope, Send, request_id
from serving.http.response import answer_error

_REQUEST_ID = "model_server.request_id"


class Envelope:
    """Stands between an application and `send` for one request.

    What the application answers passes as it is, an error too; it only gets headers that name the
    request and the model.

    Args:
        send: Where the answer goes.
        identity: Headers that name the request and the model.
        request_id: Id of the request.
    """

    def __init__(self, send: Send, identity: Headers, request_id: str) -> None:
        self.request_id = request_id
        self.status: int | None = None
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
            self.status = await answer_error(self._send, error, self._identity, self.request_id)


def identified(scope: Scope, own_id: str) -> Scope:
    """Tells the applications behind the gateway the id of a request."""
    return {**scope, _REQUEST_ID: own_id}


def refusal(scope: Scope, error: ServingError) -> Response:
    """Makes the answer of an application of this server's own to a request it refuses."""
    own_id = scope.get(_REQUEST_ID) or request_id(dict(scope["headers"]).get(b"x-request-id"))
    headers = {"X-Request-ID": own_id, **dict(error.headers)}
    return Response(error.body(own_id), error.status, headers, JSON.decode())
