"""`empty-grpc`: a `grpc.aio` service that does nothing: the limit of the library."""

import asyncio
import os
import sys
from typing import Any

import bentoml
import grpc
import uvloop

from framework import ModelCard
from load_tests.roles import PRIMARY
from load_tests.systems.base import GrpcDialect, Launch, System, nothing
from load_tests.systems.typed import response_type, typed


async def serve(port: int, dialect: GrpcDialect, answer: bytes) -> None:
    """Answers every call alike, without reading it, until it is ended."""

    async def answered(_request: bytes, _context: Any) -> bytes:
        return answer

    service, _, method = dialect.path.strip("/").partition("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(answered)}
    # As the worker listens, whose connections the kernel may share out.
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def _command(launch: Launch) -> list[str]:
    return [sys.executable, "-m", "load_tests.systems.empty_grpc", str(launch.grpc_port)]


def _dialect() -> GrpcDialect | None:
    if (asked := typed(PRIMARY)) is None:
        return None

    def check(_reference: Any, rows: Any, content: bytes) -> None:
        assert len(response_type(PRIMARY).FromString(content).predictions) == len(rows)

    return GrpcDialect(asked.path, asked.encode, check)


SYSTEM = System(
    name="empty-grpc",
    what="a `grpc.aio` service on uvloop that answers at once, with messages as large: the limit",
    command=_command,
    environment=nothing,
    dialects={},
    grpc=_dialect(),
)


def _main() -> None:
    assert SYSTEM.grpc is not None
    card = ModelCard.read(bentoml.models.get(os.environ[f"{PRIMARY.name.upper()}_MODEL"]))
    answer = response_type(PRIMARY)(predictions=[card.golden[0].prediction])
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(int(sys.argv[1]), SYSTEM.grpc, answer.SerializeToString()))


if __name__ == "__main__":
    _main()
