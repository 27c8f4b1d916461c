"""Gives the answers of any application an identity, and its errors the one envelope."""

import logging

from serving.errors import ServingError
from serving.http.asgi import Headers, Message, Send
from serving.http.response import answer_error

logger = logging.getLogger("bentoml.serving")

# Headers of an error response that stay true when its body is replaced.
_KEPT = {
    b"access-control-allow-credentials",
    b"access-control-allow-origin",
    b"access-control-expose-headers",
    b"allow",
    b"retry-after",
    b"vary",
    b"www-authenticate",
}


class Envelope:
    """Stands between an application and `send` for one request.

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
        self._error_status = 0
        self._error_body = bytearray()

    async def send(self, message: Message) -> None:
        """Takes a message of the application."""
        if message["type"] == "http.response.start":
            headers = message["headers"]
            if message["status"] >= 400 and not _identified(headers):
                self._error_status = message["status"]
                self._identity += [header for header in headers if header[0].lower() in _KEPT]
                return
            self.status = message["status"]
            if not _identified(headers):
                message["headers"] = [*headers, *self._identity]
        elif self._error_status:
            self._error_body += message.get("body", b"")
            if not message.get("more_body"):
                if self._error_status == 500:
                    # The application has logged the exception, but does not know the request.
                    logger.error("Request %s failed, as logged above", self.request_id)
                await self.fail(
                    ServingError.from_response(self._error_status, bytes(self._error_body))
                )
            return
        await self._send(message)

    async def fail(self, error: ServingError) -> None:
        """Answers with an error, unless an answer is already on its way."""
        if self.status is None:
            self.status = error.code.status
            await answer_error(self._send, error, self._identity, self.request_id)


def _identified(headers: Headers) -> bool:
    """Whether the application itself has named the request: then its answer is in form."""
    return any(name.lower() == b"x-request-id" for name, _ in headers)
