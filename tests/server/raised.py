"""What a model or a service's method may raise, and what a client is told."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from bentoml.exceptions import BentoMLException, InvalidArgument, NotFound
from pydantic import TypeAdapter

from serving.errors import Code, ServingError

SECRET = "a secret of the implementation"
TOLD = "not this one"


def _with_status(status: HTTPStatus) -> BentoMLException:
    return BentoMLException(TOLD, error_code=status)


def _invalid() -> Exception:
    try:
        TypeAdapter(int).validate_python(SECRET)
    except ValueError as error:
        return error
    raise AssertionError("unreachable")


RAISED: dict[str, tuple[Callable[[], BaseException], Code]] = {
    "invalid argument": (lambda: InvalidArgument(TOLD), Code.INVALID_INPUT),
    "not found": (lambda: NotFound(TOLD), Code.NOT_FOUND),
    **{
        status.phrase.lower(): (lambda status=status: _with_status(status), code)  # type: ignore[misc]
        for status, code in [
            (HTTPStatus.UNAUTHORIZED, Code.UNAUTHENTICATED),
            (HTTPStatus.FORBIDDEN, Code.FORBIDDEN),
            (HTTPStatus.CONFLICT, Code.REFUSED),
            (HTTPStatus.TOO_MANY_REQUESTS, Code.RATE_LIMITED),
            (HTTPStatus.BAD_GATEWAY, Code.INTERNAL),
            (HTTPStatus.SERVICE_UNAVAILABLE, Code.UNAVAILABLE),
        ]
    },
    "serving error": (lambda: ServingError(Code.INVALID_INPUT, TOLD), Code.INVALID_INPUT),
    "validation error": (_invalid, Code.INVALID_INPUT),
    "value error": (lambda: ValueError(SECRET), Code.INTERNAL),
    "key error": (lambda: KeyError(SECRET), Code.INTERNAL),
    "runtime error": (lambda: RuntimeError(SECRET), Code.INTERNAL),
    "time-out": (lambda: TimeoutError(SECRET), Code.INTERNAL),
    "recursion": (lambda: RecursionError(SECRET), Code.INTERNAL),
    "memory": (MemoryError, Code.INTERNAL),
    "stop iteration": (lambda: StopIteration(SECRET), Code.INTERNAL),
    "stop async iteration": (lambda: StopAsyncIteration(SECRET), Code.INTERNAL),
    "system exit": (lambda: SystemExit(SECRET), Code.INTERNAL),
    "keyboard interrupt": (lambda: KeyboardInterrupt(SECRET), Code.INTERNAL),
    "generator exit": (lambda: GeneratorExit(SECRET), Code.INTERNAL),
    "cancelled": (lambda: asyncio.CancelledError(SECRET), Code.INTERNAL),
}
"""Name → what is raised, and the code that all protocols tell of it."""

BY_METHOD = "the method raises "
BY_NUMBER = {name: -98_765.4375 - number for number, name in enumerate(RAISED)}
"""Name → the low end of a span for which the model raises it."""


def raise_by_name(names: list[str]) -> None:
    """Raises what the first name says that says something."""
    for name in names:
        if name.startswith(BY_METHOD):
            make, _ = RAISED[name.removeprefix(BY_METHOD)]
            raise make()


def raise_by_number(numbers: list[float]) -> None:
    """Raises what the first number says that says something."""
    for name, number in BY_NUMBER.items():
        if number in numbers:
            make, _ = RAISED[name]
            raise make()
