"""One method over Connect: its deadline, its version, its form of errors."""

import asyncio
from collections.abc import Mapping

from serving.connect.errors import error_body, http_status
from serving.errors import Code, ServingError
from serving.http.asgi import CLIENT_CLOSED_REQUEST, Headers, Receive, Send
from serving.http.endpoint import Endpoint
from serving.http.exchange import Exchange
from serving.http.response import send_error
from serving.metrics import CONNECT

# By the protocol, a number of milliseconds has no more digits.
_MAX_DIGITS = 10


class ConnectEndpoint(Endpoint):
    """Answers the requests to one method as the Connect protocol has it; see `Endpoint`.

    They are counted under the statuses of the table of errors, as gRPC calls are; the protocol has
    fewer of its own.
    """

    protocol = CONNECT

    def _takes(self, headers: Mapping[bytes, bytes]) -> bool:
        is_usual = headers.get(b"connect-protocol-version", b"1") == b"1"
        return is_usual and b"connect-timeout-ms" not in headers and super()._takes(headers)

    async def _predict(
        self, body: bytes, receive: Receive, exchange: Exchange
    ) -> tuple[Headers, bytes]:
        headers = exchange.headers
        _require_version(headers.get(b"connect-protocol-version", b"1"))
        given = headers.get(b"connect-timeout-ms")
        if given is None:
            return await super()._predict(body, receive, exchange)
        try:
            async with asyncio.timeout(_seconds(given)):
                return await super()._predict(body, receive, exchange)
        except TimeoutError:
            raise ServingError(Code.DEADLINE_EXCEEDED) from None

    async def _refuse(
        self, send: Send, error: ServingError, identity: Headers, own_id: str
    ) -> tuple[int, str]:
        has_come = await send_error(send, http_status(error), error, identity, error_body(error))
        return error.status if has_come else CLIENT_CLOSED_REQUEST, error.code.code


def _require_version(given: bytes) -> None:
    if given != b"1":
        raise ServingError(Code.INVALID_INPUT, "Connect-Protocol-Version must be 1.")


def _seconds(given: bytes) -> float:
    if not given.isdigit() or len(given) > _MAX_DIGITS:
        message = f"Connect-Timeout-Ms must be a whole number of at most {_MAX_DIGITS} digits."
        raise ServingError(Code.INVALID_INPUT, message)
    return int(given) / 1000
