"""gRPC calls, whatever they ask for: identity, metrics, errors, deadlines."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import grpc

from framework.access.scopes import EVERYTHING, Need
from serving.access.door import Door, NotAdmittedError
from serving.beside import LARGE_BYTES, read_in_turn
from serving.errors import Code, ServingError
from serving.grpc.call import Call, Context, Handler, Methods, RpcMethod, given, shown_in
from serving.grpc.company import Company
from serving.grpc.status import status_bytes
from serving.grpc.wire import parsed
from serving.http.asgi import CLIENT_CLOSED_REQUEST, request_id
from serving.metrics import GRPC, Metrics
from serving.spans import end_request
from serving.turn import TURN_BYTES, require_place

Trailers = list[tuple[str, str | bytes]]

UNMATCHED = "unmatched"
"""What the metrics call all methods that do not exist."""


class Calls:
    """Makes gRPC's method handlers, and knows how many calls are under way.

    Every answer, an error too, carries `x-request-id` and, once the model is known, `x-model-tag`
    in its trailing metadata. Every call is counted, with the HTTP status of the same outcome. A
    call that its client cancels, or whose deadline passes, is cancelled inside the handler.

    Args:
        metrics: Counts of every method.
        door: Lets in who may ask.
        needs: What each method needs, by its path; what is not there needs all.
        has_certificates: Whether clients show certificates.
    """

    def __init__(
        self,
        metrics: Metrics,
        door: Door,
        needs: Mapping[str, Need | None],
        *,
        has_certificates: bool = False,
    ) -> None:
        self._metrics = metrics
        self._door = door
        self._needs = needs
        self._has_certificates = has_certificates
        self._refusing = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._company = Company()

    def refuse(self) -> None:
        """Answers every further call UNAVAILABLE."""
        self._refusing = True

    async def ended(self) -> None:
        """Waits until no call is under way."""
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()

    def method(self, route: str, methods: Methods) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Makes the handler of a unary method.

        Args:
            route: Name of the method in the metrics.
            methods: What answers it; each call is answered by what is there when it begins.
        """

        async def answer(body: bytes, context: Context) -> bytes | None:
            method = methods[route]
            if method.choose is not None:
                method = method.choose(context)
            call = self._begun(context, _request_id(context), route, method.model_tag, len(body))
            return await self._answer(method, body, call, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    def stream(self, route: str, methods: Methods) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Makes the handler of a method whose messages are answered one by one, in order.

        A handler that raises ends the stream with that error. Every message is counted; see
        `method`.
        """

        async def answer(bodies: AsyncIterator[bytes], context: Context) -> None:
            own_id = _request_id(context)
            async for body in bodies:
                method = methods[route]
                call = self._begun(context, own_id, route, method.model_tag, len(body))
                content = await self._answer(method, body, call, context)
                if content is None:
                    return
                await context.write(content)

        return grpc.stream_stream_rpc_method_handler(answer)

    def refusal(self, route: str, handler: Handler) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Wraps a handler that refuses calls of any kind, whose messages are not read.

        The status comes alone: the client of a stream would take an empty message for an answer.
        """
        method = RpcMethod(bytes, handler)

        async def answer(_: AsyncIterator[bytes], context: Context) -> None:
            call = self._begun(context, _request_id(context), route)
            await self._answer(method, b"", call, context)

        return grpc.stream_stream_rpc_method_handler(answer)

    def passed(
        self, route: str, behaviour: Callable[[Any, Context], AsyncIterator[Any]]
    ) -> Callable[[Any, Context], AsyncIterator[Any]]:
        """Lets those alone who may ask reach a streaming handler of another library."""

        async def admitted(requests: Any, context: Context) -> AsyncIterator[Any]:
            call = Call(_request_id(context), route, "")
            try:
                call.admit(self._door, self._needs.get(route, EVERYTHING), context)
                async for answer in behaviour(requests, context):
                    yield answer
            except ServingError as error:
                status, code, trailers = _refuse(context, error)
                context.set_trailing_metadata((*trailers, ("x-request-id", call.request_id)))
                self._tell(call, context, status, code, 0)
            finally:
                call.end()

        return admitted

    def guard(
        self, details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Returns what refuses a call whose messages need not be read for it, if any does.

        Whoever is not refused is let in, and counted, by the method's own handler.
        """
        need = self._needs.get(details.method, EVERYTHING)
        shown = shown_in(details.invocation_metadata)
        if self._has_certificates and not shown:
            # Of the client's certificate, a call's context alone can tell.
            return None
        try:
            self._door.look(need, shown, tuple)
        except NotAdmittedError:
            # Its handler is refused the same, and can answer.
            route = details.method if details.method in self._needs else UNMATCHED
            return self.refusal(route, _refuse_twice)
        return None

    def _begun(
        self, context: Context, own_id: str, route: str, model_tag: str = "", size: int = 0
    ) -> Call:
        call = Call(own_id, route, model_tag, size, context)
        if self._metrics.tracing is not None:
            fields = {"route": route, "model": model_tag, "protocol": GRPC}
            parent = given(context, "traceparent")
            call.span = self._metrics.tracing.begin_request(fields, own_id, parent)
        return call

    async def _answer(
        self, method: RpcMethod, body: bytes, call: Call, context: Context
    ) -> bytes | None:
        """Returns the answer to one message, or None: it was refused, with the call's status."""
        started = time.perf_counter()
        status, code = CLIENT_CLOSED_REQUEST, ""
        trailers: Trailers = []
        self._under_way += 1
        content: bytes | None = None
        try:
            if self._refusing:
                raise ServingError(Code.UNAVAILABLE)
            call.admit(self._door, self._needs.get(call.route, EVERYTHING), context)
            call.record_by(method.recorder)
            if self._under_way > 1 and call.size < LARGE_BYTES:
                await self._company.wait()
            if call.size < TURN_BYTES:
                request = parsed(method.parse, body)
            else:
                require_place()
                request = await read_in_turn(call.size, LARGE_BYTES, parsed, method.parse, body)
            content = await method.handler(request, call)
            call.answered(body, content)
            status = call.status
        except Exception as raised:  # noqa: BLE001 - every one is answered and told apart here
            # Not kept in a variable, nor given to `abort`, which keeps its own exception: a
            # frame that refers to one which has passed through it is garbage that only the
            # collector finds (docs/decisions.md).
            status, code, trailers = _refuse(context, call.failed(raised))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
            call.end()
            if status == CLIENT_CLOSED_REQUEST:
                call.left()
                if context.time_remaining() == 0:
                    status = Code.DEADLINE_EXCEEDED.status
            if call.model_tag and call.is_admitted:
                trailers.append(("x-model-tag", call.model_tag))
            if call.prediction_id:
                trailers.append(("x-prediction-id", call.prediction_id))
            context.set_trailing_metadata((*trailers, ("x-request-id", call.request_id)))
            self._tell(call, context, status, code, time.perf_counter() - started)
        return content

    def _tell(self, call: Call, context: Context, status: int, code: str, seconds: float) -> None:
        """Tells metrics and log how a call has ended."""
        metrics = self._metrics.route(call.route, call.model_tag, GRPC)
        metrics.answered(status, seconds)
        log = metrics.log
        if status in log.told:
            what = f"{call.route} {call.subject}".rstrip()
            log.answered(
                call.request_id, what, context.peer(), call.principal.id, status, code, seconds
            )
        if call.span is not None:
            call.span.set_attribute("model_server.model", call.model_tag)
            end_request(call.span, status, code)


async def _refuse_twice(_: bytes, __: Call) -> bytes:
    # Reached only if what it lacked has come in between.
    raise ServingError(Code.UNAVAILABLE)


def _request_id(context: Context) -> str:
    return request_id(given(context, "x-request-id"))


def _refuse(context: Context, error: ServingError) -> tuple[int, str, Trailers]:
    """Sets the call's status; returns the HTTP status, the code and the trailer with details."""
    context.set_code(error.code.grpc_status)
    context.set_details(str(error))
    return error.status, error.code.code, [("grpc-status-details-bin", status_bytes(error))]
