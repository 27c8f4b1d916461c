"""The gRPC server of one worker: its port, its health, its end."""

import asyncio
import contextlib
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving.errors import Code, ServingError
from serving.grpc.call import Call
from serving.grpc.calls import UNMATCHED, Calls
from serving.grpc.reflection import reflection_handlers
from serving.grpc.typed import RpcService, method_path
from serving.ports import address, disconnect, unlisten
from serving.settings import Settings

# What handlers have answered, gRPC writes a little later.
_ANSWERS_LEAVE_SECONDS = 0.2
_OPTIONS = {
    # Each worker listens for itself; the kernel shares out the connections.
    "grpc.so_reuseport": 1,
    # A client may ask every 10 s whether the connection lives, also between calls …
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    # … and the server asks every minute, to forget clients that have vanished.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
}


class RpcServer:
    """Offers services on the gRPC port, beside health (`grpc.health.v1`) and reflection.

    Made and used on the worker's event loop.

    Args:
        services: What to offer. Every handler is wrapped by `Calls`.
        calls: Makes the handlers.
        settings: Port and limits.
        credentials: By what connections are encrypted, if they are.
    """

    def __init__(
        self,
        services: Sequence[RpcService],
        calls: Calls,
        settings: Settings,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._calls = calls
        self._health = health.aio.HealthServicer()
        self._names = [service.descriptor.full_name for service in services]
        self._stopping: asyncio.Task[None] | None = None
        limit = ("grpc.max_receive_message_length", settings.max_body_bytes)
        self._server = grpc.aio.server(options=[*_OPTIONS.items(), limit])
        self._server.add_generic_rpc_handlers([_Guard(calls)])
        self._server.add_generic_rpc_handlers([self._generic(service) for service in services])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflected = reflection_handlers([*self._names, health.SERVICE_NAME], calls)
        self._server.add_generic_rpc_handlers(reflected)
        # Asked last, for whatever none of the others knows.
        self._server.add_generic_rpc_handlers([_Unknown(self._calls)])

    def _generic(self, service: RpcService) -> grpc.GenericRpcHandler:
        name = service.descriptor.full_name
        methods = {
            method.name: (self._calls.stream if method.server_streaming else self._calls.method)(
                method_path(method), service.methods
            )
            for method in service.descriptor.methods
        }
        return grpc.method_handlers_generic_handler(name, methods)

    async def start(self) -> None:
        """Listens, and reports every service healthy.

        Raises:
            RuntimeError: The port cannot be listened on; see `serving.ports.bind`.
        """
        settings = self._settings
        listening = address(settings.rpc_host, settings.grpc_port)
        if self._credentials is not None:
            self._server.add_secure_port(listening, self._credentials)
        else:
            self._server.add_insecure_port(listening)
        await self.report(healthy=True)
        await self._server.start()

    async def report(self, *, healthy: bool) -> None:
        """Reports every service, and the server as a whole, healthy or not."""
        status = health_pb2.HealthCheckResponse
        for name in ("", *self._names):
            await self._health.set(name, status.SERVING if healthy else status.NOT_SERVING)

    async def drain(self) -> None:
        """Reports every service unhealthy, while calls are still answered."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Refuses new calls and lets those under way end, as long as the time-out allows."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        await self.drain()
        self._calls.refuse()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._calls.ended(), self._settings.timeout_seconds)
        unlisten(self._settings.grpc_port)
        await asyncio.sleep(_ANSWERS_LEAVE_SECONDS)
        # A call that comes while gRPC's own server stops is answered CANCELLED, which no client
        # tries again; over a connection that has ended, UNAVAILABLE.
        disconnect(self._settings.grpc_port)
        await self._server.stop(None)


class _Guard(grpc.GenericRpcHandler):
    """Asked first, before a call's message is read: answers those that are not let in."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Returns what refuses a call, or leaves it to the others."""
        return self._calls.guard(handler_call_details)


class _Unknown(grpc.GenericRpcHandler):
    """Answers calls to methods that do not exist, in form and under one name in the metrics."""

    def __init__(self, calls: Calls) -> None:
        self._method = calls.refusal(UNMATCHED, _refuse_unknown)

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Returns the one handler, whatever the method's name."""
        return self._method


async def _refuse_unknown(_: bytes, __: Call) -> bytes:
    raise ServingError(
        Code.METHOD_NOT_ALLOWED, "There is no such method; reflection lists the services."
    )
