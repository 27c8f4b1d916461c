"""The fast path: one batchable API, from the socket through the batcher and back."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, get_origin

import pydantic
from _bentoml_sdk.io_models import IORootModel
from _bentoml_sdk.method import APIMethod
from bentoml.exceptions import BentoMLException

from serving.asgi import (
    ClientGoneError,
    Receive,
    Scope,
    Send,
    answer,
    answer_error,
    read_body,
    request_id,
    require_json,
)
from serving.batcher import Batcher
from serving.errors import Code, ServingError
from serving.metrics import RouteMetrics
from serving.openapi import declared_type
from serving.settings import Settings

logger = logging.getLogger("bentoml.serving")

# What the metrics call a request whose client left: the custom of nginx.
CLIENT_CLOSED_REQUEST = 499


def is_batchable_list(api: APIMethod[..., Any]) -> bool:
    """Whether an API can be answered here: batchable, one list of rows in, one list out, JSON.

    The other APIs of a service (tensors, files, streams, tasks, those that take a context) are
    left to BentoML.
    """
    if not api.batchable or api.ctx_param or api.is_stream or api.is_task:
        return False
    inputs, outputs = api.input_spec, api.output_spec
    return (
        len(inputs.model_fields) == 1
        and all(get_origin(field.annotation) is list for field in inputs.model_fields.values())
        and issubclass(outputs, IORootModel)
        and get_origin(outputs.model_fields["root"].annotation) is list
        and inputs.mime_type() == outputs.mime_type() == "application/json"
        and api.batch_dim == (0, 0)
    )


class Endpoint:
    """Answers the requests to one API.

    Args:
        api: The API, of which `is_batchable_list` is true.
        batcher: Joins its rows with those of other requests.
        model_tag: Tag of the model behind it; empty if there is none.
        settings: Limits.
        metrics: Counts of its route.
    """

    def __init__(
        self,
        api: APIMethod[..., Any],
        batcher: Batcher,
        model_tag: str,
        settings: Settings,
        metrics: RouteMetrics,
    ) -> None:
        self._batcher = batcher
        self._settings = settings
        self._metrics = metrics
        self._parse = _row_parser(api)
        outputs: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(declared_type(api.output_spec))
        self._validate_output = outputs.validator.validate_python
        self._to_json = outputs.serializer.to_json
        self.identity = [(b"x-model-tag", model_tag.encode())] if model_tag else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request (ASGI)."""
        started = time.perf_counter()
        self._metrics.started()
        headers = dict(scope["headers"])
        own_id = request_id(headers)
        identity = [*self.identity, (b"x-request-id", own_id.encode())]
        status = CLIENT_CLOSED_REQUEST
        try:
            try:
                require_json(headers)
                body = await read_body(headers, receive, self._settings.max_body_bytes)
                content = await self._predict(body, receive)
                response_headers = [(b"content-type", b"application/json"), *identity]
                status = 200
                await answer(send, 200, response_headers, content)
            except ClientGoneError:
                logger.debug("Request %s: its client has left", own_id)
            except Exception as raised:  # noqa: BLE001 - every one is answered and told apart here
                # Not kept in a variable: a frame that refers to an exception which has passed
                # through it is garbage that only the collector finds (docs/decisions.md).
                status = await answer_error(send, self._error(raised, own_id), identity, own_id)
        finally:
            self._metrics.ended(status, time.perf_counter() - started)

    async def _predict(self, body: bytes, receive: Receive) -> bytes:
        rows = self._parse(body)
        if len(rows) > self._settings.max_rows:
            raise ServingError(
                Code.PAYLOAD_TOO_LARGE, f"The request has more than {self._settings.max_rows} rows."
            )
        answers = self._batcher.submit(rows)
        if self._batcher.busy:
            # It has to wait, for a batch that is dear or whose cost is not known yet.
            answers = _unless_client_leaves(answers, receive)
        return self._to_json(self._validate_output(await answers))

    def _error(self, raised: Exception, own_id: str) -> ServingError:
        """Finds the row of the error table for an exception, and logs it if it is a bug."""
        if isinstance(raised, ServingError):
            return raised
        error = ServingError(Code.INTERNAL)
        if isinstance(raised, BentoMLException):
            error = ServingError.from_status(raised.error_code, str(raised))
        if error.code.status >= 500:
            logger.error("Request %s failed", own_id, exc_info=raised)
        return error


def _row_parser(api: APIMethod[..., Any]) -> Callable[[bytes], Sequence[Any]]:
    """Makes the function that turns a request body into the API's rows."""
    declared = declared_type(api.input_spec)
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(declared)
    validate = adapter.validator.validate_json
    is_list = get_origin(declared) is list
    (field,) = api.input_spec.model_fields

    def parse(body: bytes) -> Sequence[Any]:
        try:
            content = validate(body)
        except pydantic.ValidationError as error:
            raise ServingError.from_validation(error) from None
        rows: Sequence[Any] = content if is_list else getattr(content, field)
        return rows

    return parse


async def _unless_client_leaves(
    answers: Coroutine[Any, Any, list[Any]], receive: Receive
) -> list[Any]:
    """Awaits the answers, and gives them up when the client closes the connection.

    Raises:
        ClientGoneError: It did.
    """
    working = asyncio.ensure_future(answers)
    leaving = asyncio.ensure_future(_client_leaves(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGoneError
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        # A failed task, its exception, this frame and back to the task: a cycle, cut here.
        del working, leaving


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
