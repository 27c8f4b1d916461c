"""Errors of the one table as the Connect protocol tells them."""

from base64 import b64encode
from typing import Any

import msgspec
from grpc import StatusCode

from serving.errors import Code, ServingError
from serving.grpc.status import details_of

_STATUSES = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.INTERNAL: 500,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}
"""The protocol's own table; its codes are gRPC's, in lower case."""


def http_status(error: ServingError) -> int:
    """Returns the HTTP status that the protocol has for an error."""
    if error.code in (Code.UNSUPPORTED_MEDIA_TYPE, Code.METHOD_NOT_ALLOWED):
        # Refused before the protocol is spoken.
        return error.code.status
    return _STATUSES[error.code.grpc_status]


def error_body(error: ServingError) -> bytes:
    """Returns the JSON of an error; its details are those of a gRPC status."""
    details = [
        {"type": one.DESCRIPTOR.full_name, "value": _base64(one.SerializeToString())}
        for one in details_of(error)
    ]
    body: dict[str, Any] = {"code": error.code.grpc_status.name.lower(), "message": str(error)}
    return msgspec.json.encode({**body, "details": details})


def _base64(content: bytes) -> str:
    return b64encode(content).decode().rstrip("=")
