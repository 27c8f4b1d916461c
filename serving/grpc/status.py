"""Errors of the one table as gRPC statuses with details."""

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from serving.errors import ServingError

ERROR_DOMAIN = "model-server"
# A status travels in the trailers, of which clients take 8 KiB by default.
MAX_VIOLATION_BYTES = 4096


def details_of(error: ServingError) -> list[Message]:
    """Returns what programs are told of an error.

    That is an `ErrorInfo` (reason: the table's code), a `BadRequest` if single problems are known
    (their field's path, what is wrong there, and its kind as reason), and a `RetryInfo` if the
    error says when to try again.
    """
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.code.code, domain=ERROR_DOMAIN)
    ]
    if error.detail:
        details.append(_bad_request(error))
    for name, value in error.headers:
        if name == "retry-after":
            details.append(error_details_pb2.RetryInfo(retry_delay={"seconds": int(value)}))
    return details


def status_bytes(error: ServingError) -> bytes:
    """Returns the serialized `google.rpc.Status` of an error, with its details."""
    status = status_pb2.Status(code=error.code.grpc_status.value[0], message=str(error))
    for detail in details_of(error):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    content: bytes = status.SerializeToString()
    return content


def _bad_request(error: ServingError) -> error_details_pb2.BadRequest:
    """Tells as many problems, from the first, as there is room for."""
    bad_request = error_details_pb2.BadRequest()
    for detail in error.detail:
        bad_request.field_violations.add(
            field=".".join(str(part) for part in detail.loc),
            description=detail.msg,
            reason=detail.type,
        )
        if bad_request.ByteSize() > MAX_VIOLATION_BYTES:
            del bad_request.field_violations[-1]
            break
    return bad_request
