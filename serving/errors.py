"""The one table of errors, and the one envelope every surface answers them in."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from bentoml.exceptions import BentoMLException
from grpc import StatusCode
from pydantic import BaseModel, Field, ValidationError

from serving.logs import RouteLog
from serving.settings import load_settings

Loc = tuple[int | str, ...]
"""Where in a request: names of fields, positions in lists."""

Problem = dict[str, Any]
"""`loc`, `msg` and `type` of one thing that is wrong with a request."""

# What a client made up is told as far as it takes to recognize it: names, and sentences with them.
MAX_NAME, MAX_SENTENCE = 64, 2_048


class Code(Enum):
    """What went wrong: the code a client reads, its HTTP and gRPC status, and a sentence for it."""

    INVALID_INPUT = (
        "invalid_input",
        400,
        StatusCode.INVALID_ARGUMENT,
        "The request is not valid.",
    )
    UNAUTHENTICATED = (
        "unauthenticated",
        401,
        StatusCode.UNAUTHENTICATED,
        "The request does not say who asks.",
    )
    FORBIDDEN = ("forbidden", 403, StatusCode.PERMISSION_DENIED, "The request is not allowed.")
    NOT_FOUND = ("not_found", 404, StatusCode.NOT_FOUND, "There is nothing at this path.")
    METHOD_NOT_ALLOWED = (
        "method_not_allowed",
        405,
        StatusCode.UNIMPLEMENTED,
        "This path does not answer to this method.",
    )
    PAYLOAD_TOO_LARGE = (
        "payload_too_large",
        413,
        StatusCode.RESOURCE_EXHAUSTED,
        "The request is too large.",
    )
    UNSUPPORTED_MEDIA_TYPE = (
        "unsupported_media_type",
        415,
        # Over Connect; gRPC's own library refuses other content types.
        StatusCode.UNIMPLEMENTED,
        "The content type is not one that is understood here.",
    )
    RATE_LIMITED = (
        "rate_limited",
        429,
        StatusCode.RESOURCE_EXHAUSTED,
        "There were too many requests; try again later.",
    )
    REFUSED = (
        "refused",
        # In truth whatever status the service's own code chose, if none of the other rows has it.
        409,
        StatusCode.FAILED_PRECONDITION,
        "The request was refused.",
    )
    OVERLOADED = (
        "overloaded",
        503,
        # Not UNAVAILABLE: that, clients try again at once.
        StatusCode.RESOURCE_EXHAUSTED,
        "The server is too busy to answer in time; try again later.",
    )
    DEADLINE_EXCEEDED = (
        "deadline_exceeded",
        504,
        StatusCode.DEADLINE_EXCEEDED,
        "The request took longer than the time-out.",
    )
    UNAVAILABLE = (
        "unavailable",
        503,
        StatusCode.UNAVAILABLE,
        "The server is starting or stopping; try again later.",
    )
    INTERNAL = (
        "internal",
        500,
        StatusCode.INTERNAL,
        "An unexpected error occurred; the server's log has the details.",
    )

    def __init__(self, code: str, status: int, grpc_status: StatusCode, sentence: str) -> None:
        self.code = code
        self.status = status
        self.grpc_status = grpc_status
        self.sentence = sentence

    @classmethod
    def of(cls, status: int) -> "Code":
        """Returns the row for an HTTP status of 400 or more."""
        return _BY_STATUS.get(status, cls.REFUSED if status < 500 else cls.INTERNAL)


class ErrorDetail(BaseModel):
    """One problem of a request."""

    loc: list[str | int] = Field(description="Where in the request.")
    msg: str = Field(description="What is wrong there, and what is allowed.")
    type: str = Field(description="Kind of problem, for programs.")


class ErrorBody(BaseModel):
    """The envelope: the body of every answer that is not a success."""

    error: str = Field(description="One sentence.")
    code: str = Field(description=f"One of {', '.join(code.code for code in Code)}.")
    detail: list[ErrorDetail] = Field(description="Every single problem; may be empty.")
    request_id: str


class ServingError(Exception):
    """A request that is answered with an error of the table.

    Args:
        code: The table's row.
        message: One sentence for the client; the code's own if empty.
        detail: `loc`, `msg` and `type` of each single problem.
        headers: Further response headers, lower-case.
        status: HTTP status; the code's own if there is none.
    """

    def __init__(
        self,
        code: Code,
        message: str = "",
        detail: Sequence[Mapping[str, Any]] = (),
        headers: Sequence[tuple[str, str]] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(_cut(message, MAX_SENTENCE) or code.sentence)
        self.code = code
        self.status = status or code.status
        self.detail = [
            ErrorDetail(
                loc=[
                    _cut(part, MAX_NAME) if isinstance(part, str) else part for part in one["loc"]
                ],
                msg=_cut(one["msg"], MAX_SENTENCE),
                type=one["type"],
            )
            for one in detail
        ]
        self.headers = headers

    @classmethod
    def from_details(
        cls, details: Sequence[Mapping[str, Any]], *, complete: bool = True
    ) -> "ServingError":
        """Makes the error for the problems that pydantic found in an input.

        Args:
            details: `loc`, `msg` and `type` of each.
            complete: Whether these are all that there are.
        """
        first = details[0]
        path = ".".join(_cut(str(part), MAX_NAME) for part in first["loc"])
        message = f"{path}: {first['msg']}" if path else str(first["msg"])
        if more := len(details) - 1:
            least = "" if complete else "at least "
            message += f" (and {least}{more} more {'error' if more == 1 else 'errors'})"
        # The only lists at the top of an input are its rows: too many of them is a matter of
        # size, not of form.
        too_many_rows = first["type"] == "too_long" and len(first["loc"]) == 1
        code = Code.PAYLOAD_TOO_LARGE if too_many_rows else Code.INVALID_INPUT
        return cls(code, message, details[: load_settings().max_problems])

    @classmethod
    def too_many_rows(cls, limit: int) -> "ServingError":
        """Makes the error for a request of more rows than one may have."""
        return cls(Code.PAYLOAD_TOO_LARGE, f"The request has more than {limit} rows.")

    @classmethod
    def from_validation(
        cls, error: ValidationError, place: Callable[[Loc], Loc] = lambda loc: loc
    ) -> "ServingError":
        """Makes the error for an input that pydantic refused; the input is not echoed.

        Args:
            error: The refusal.
            place: Turns a place in what pydantic saw into one in the request.
        """
        return cls.from_details([{**one, "loc": place(one["loc"])} for one in problems_of(error)])

    @classmethod
    def from_bentoml(cls, raised: BentoMLException) -> "ServingError":
        """Makes the error for an exception by which a service's own code refuses a request.

        Its status stays, and its message as far as BentoML tells it: not of what goes wrong
        inside, nor of who may not ask.
        """
        status = int(raised.error_code)
        if not 400 <= status < 600:
            return cls(Code.INTERNAL)
        code = Code.of(status)
        is_told = status < 500 and code not in {Code.UNAUTHENTICATED, Code.FORBIDDEN}
        return cls(code, str(raised) if is_told else "", status=status)

    @classmethod
    def from_exception(cls, raised: Exception, request_id: str, route: RouteLog) -> "ServingError":
        """Finds the row of the table for an exception, and logs it in full if it is a bug.

        Args:
            raised: The exception.
            request_id: Id of the request that it failed.
            route: What the log says of such requests.
        """
        if isinstance(raised, ServingError):
            return raised
        error = cls(Code.INTERNAL)
        if isinstance(raised, BentoMLException):
            error = cls.from_bentoml(raised)
        if error.status >= 500:
            route.failed(request_id, error.code.code, raised)
        return error

    def body(self, request_id: str) -> bytes:
        """Returns the JSON envelope."""
        body = ErrorBody(
            error=str(self), code=self.code.code, detail=self.detail, request_id=request_id
        )
        return body.model_dump_json().encode()


_BY_STATUS: dict[int, Code] = {
    code.status: code for code in Code if code not in {Code.OVERLOADED, Code.REFUSED}
}


def problems_of(error: ValidationError) -> list[Problem]:
    """Returns what pydantic found wrong, without the input."""
    return [
        {"loc": one["loc"], "msg": one["msg"], "type": one["type"]}
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _cut(text: str, most: int) -> str:
    """Returns a text, of a longer one its beginning and its length."""
    return text if len(text) <= most else f"{text[:most]}… (of {len(text):,} characters)"
