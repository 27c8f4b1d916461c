"""A share of the requests is answered by a canary: always the same callers' ones."""

import random
import zlib
from collections.abc import Callable
from dataclasses import replace

from serving.grpc.call import Context, RpcMethod, given
from serving.http.asgi import Receive, Scope, Send
from serving.http.endpoint import Endpoint

KEY, _REQUEST_ID = "x-canary-key", "x-request-id"
"""Header, or metadata of a call: all requests of one value go to one side. Without it those of one
request id do, and a request without either goes anywhere."""

_SIDE = "model_server.canary"
_KEYS = (KEY.encode(), _REQUEST_ID.encode())


def is_chosen(key: bytes | None, share: float) -> bool:
    """Whether a request of a key is the canary's; with a larger share it still is."""
    if key is None:
        return random.random() < share  # noqa: S311 - a share, not a secret
    return zlib.crc32(key) < share * 2**32


def key_of(find: Callable[[str], bytes | None]) -> bytes | None:
    """Returns the key of a request, by its headers or metadata."""
    found = find(KEY)
    return find(_REQUEST_ID) if found is None else found


class CanaryEndpoint:
    """Stands in the place of an endpoint, and chooses between two.

    Args:
        usual: Answers most requests.
        canary: Answers a share of them.
        share: That share.
    """

    def __init__(self, usual: Endpoint, canary: Endpoint, share: float) -> None:
        self._usual = usual
        self._canary = canary
        self._share = share

    def chosen(self, scope: Scope) -> Endpoint:
        """Returns the one of the two that is to answer a request."""
        if _SIDE not in scope:
            headers = dict(scope["headers"])
            key = key_of(lambda name: headers.get(name.encode()))
            scope[_SIDE] = is_chosen(key, self._share)
        return self._canary if scope[_SIDE] else self._usual

    def tag_of(self, scope: Scope) -> str:
        """Returns the tag of the model that is to answer a request."""
        return self.chosen(scope).model_tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request (ASGI)."""
        await self.chosen(scope)(scope, receive, send)

    def take(self, scope: Scope, body: bytearray, receive: Receive, send: Send) -> bool:
        """See `Endpoint.take`."""
        return self.chosen(scope).take(scope, body, receive, send)


AnyEndpoint = Endpoint | CanaryEndpoint


def canary_method(usual: RpcMethod, canary: RpcMethod, share: float) -> RpcMethod:
    """Returns what answers a gRPC method by one or the other."""

    def choose(context: Context) -> RpcMethod:
        return canary if is_chosen(key_of(lambda name: given(context, name)), share) else usual

    return replace(usual, choose=choose)
