"""Several workers, and stopping."""

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.processes import Server
from tests.server import toy_pb2, toy_pb2_grpc
from tests.server.rpc.calling import NOT_SERVING, SERVING, Toy, health_of, refused, toy
from tests.server.watching import DEADLINE_SECONDS, wait


def test_two_workers_share_the_port(server: Server) -> None:
    workers = psutil.Process(server.process.pid).children(recursive=True)

    def listening() -> int:
        return sum(
            connection.status == psutil.CONN_LISTEN
            and connection.laddr.port == int(server.grpc.split(":")[1])
            for worker in workers
            for connection in worker.net_connections("tcp")
        )

    # The server is ready when one of them is.
    wait(lambda: listening() == 2, "only one worker listens")


def test_health_fails_first_and_calls_end_before_the_server_does() -> None:
    drain_seconds, call_seconds = 2.0, 3.5
    with toy(MODEL_SERVER_DRAIN_SECONDS=str(drain_seconds)) as started:
        names = ("", "toy.v1.ToyService")
        assert {health_of(started.channel, name) for name in names} == {SERVING}
        # One that watches has no end of its own, and must not hold the server up.
        watching = health_pb2_grpc.HealthStub(started.channel).Watch(
            health_pb2.HealthCheckRequest()
        )
        assert next(watching).status == SERVING
        sleeping = started.occupy(call_seconds)
        terminated = time.monotonic()
        started.server.process.send_signal(signal.SIGTERM)

        assert next(watching).status == NOT_SERVING
        assert {health_of(started.channel, name) for name in names} == {NOT_SERVING}
        called = started.sleep("while draining")
        assert time.monotonic() - terminated < drain_seconds

        assert sleeping.result().names
        assert called.result().names == ["while draining"]
        assert started.server.process.wait(DEADLINE_SECONDS) == 0
        assert drain_seconds <= time.monotonic() - terminated < 10
        late = refused(lambda: started.sleep("late", deadline=5).result())
        assert late.code() is grpc.StatusCode.UNAVAILABLE
        assert started.server.output().count("Traceback") == 0


def test_a_server_stops_without_draining(slow: Toy) -> None:
    with toy() as started:
        sleeping = started.occupy(1)
        started.server.process.send_signal(signal.SIGTERM)

        assert sleeping.result().names
        assert started.server.process.wait(DEADLINE_SECONDS) == 0


def test_clients_are_told_to_ask_elsewhere() -> None:
    codes: Counter[grpc.StatusCode] = Counter()
    with toy(MODEL_SERVER_DRAIN_SECONDS="0.5") as started, ThreadPoolExecutor() as pool:

        def ask() -> None:
            stub = toy_pb2_grpc.ToyServiceStub(started.channel)
            while not codes[grpc.StatusCode.UNAVAILABLE] > 100:
                try:
                    stub.Sleep(toy_pb2.RowsRequest(rows=[{"name": "any"}]), timeout=10)
                    codes[grpc.StatusCode.OK] += 1
                except grpc.RpcError as error:
                    codes[error.code()] += 1

        asking = [pool.submit(ask) for _ in range(8)]
        wait(lambda: codes[grpc.StatusCode.OK] > 50, "no call was answered")
        started.server.process.send_signal(signal.SIGTERM)
        for one in asking:
            one.result()

        assert started.server.process.wait(DEADLINE_SECONDS) == 0
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
