"""How much a key may ask for: counted once for all workers, protocols and replicas."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bentoml
import grpc
import httpx
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from security.commands import create_key
from tests.plugin import pinned
from tests.processes import Server
from tests.redis import RedisServer, running
from tests.server.security.conftest import TARGET, Keys
from tests.server.security.test_scopes import CONNECT, GAUGES

BURST, ROWS = 60, 10
# Nothing comes in while a test lasts.
RATE = 0.001
TYPES = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}
REQUEST = {GAUGES.rows: [GAUGES.sample[0]] * ROWS}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("limits") / "keys.json")


def limited(keys: Keys) -> str:
    """A key of its own for a test; it has to be made before the servers start."""
    key, _ = create_key(keys.path, "limited", ["*"], None, rate=RATE, burst=BURST)
    return key


@pytest.fixture(scope="module")
def made(keys: Keys) -> Mapping[str, str]:
    """Test → its key."""
    names = ("workers", "shape", "too large", "replicas", "alone")
    return {name: limited(keys) for name in names}


@contextlib.contextmanager
def served(models: dict[str, bentoml.Model], keys: Keys, **settings: str) -> Iterator[Server]:
    environment = {"MODEL_SERVER_KEYS": str(keys.path), "MODEL_SERVER_FAILED_ATTEMPTS": "3"}
    workers = int(settings.pop("workers", "1"))
    with contextlib.ExitStack() as stack:
        with pinned(models):
            start = Server.start(TARGET, workers=workers, environment={**environment, **settings})
            server = stack.enter_context(start)
        yield server


@pytest.fixture(scope="module")
def alone(
    toy_models: dict[str, bentoml.Model], keys: Keys, made: Mapping[str, str]
) -> Iterator[Server]:
    """A server of two workers, and no others."""
    with served(toy_models, keys, workers="2") as server:
        yield server


@pytest.fixture(scope="module")
def replicas(
    toy_models: dict[str, bentoml.Model],
    keys: Keys,
    made: Mapping[str, str],
    redis: RedisServer,
) -> Iterator[tuple[Server, Server]]:
    """Two servers that share a Redis."""
    settings = {"MODEL_SERVER_REDIS": redis.url, "MODEL_SERVER_REPLICAS": "2"}
    with (
        served(toy_models, keys, **settings) as one,
        served(toy_models, keys, **settings) as other,
    ):
        yield one, other


def post(server: Server, path: str, key: str, body: Any = None) -> httpx.Response:
    """Asks over a connection of its own."""
    headers = {"X-API-Key": key}
    return httpx.post(server.url + path, json=body or REQUEST, headers=headers, timeout=30)


def over_tensors(server: Server, key: str) -> int:
    tensors = [
        {"name": name, "datatype": TYPES[type(value)], "shape": [ROWS], "data": [value] * ROWS}
        for name, value in GAUGES.sample[0].items()
    ]
    return post(server, "/v2/models/gauges/infer", key, {"inputs": tensors}).status_code


def call(server: Server, key: str) -> grpc.RpcError | bytes:
    assert GAUGES.descriptor is not None
    method = GAUGES.descriptor.services_by_name["GaugesService"].methods_by_name["Predict"]
    message = ParseDict(REQUEST, GetMessageClass(method.input_type)()).SerializeToString()
    with grpc.insecure_channel(server.grpc) as channel:
        try:
            asked: Any = channel.unary_unary(CONNECT)
            answer: bytes = asked(message, timeout=30, metadata=[("x-api-key", key)])
        except grpc.RpcError as error:
            return error
    return answer


def over_grpc(server: Server, key: str) -> int:
    ended = call(server, key)
    if isinstance(ended, bytes):
        return 200
    assert ended.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return 429


def test_all_protocols_and_workers_charge_one_account(
    alone: Server, made: Mapping[str, str]
) -> None:
    key = made["workers"]
    ways = [
        lambda: post(alone, "/gauges/predict", key).status_code,
        lambda: post(alone, CONNECT, key).status_code,
        lambda: over_tensors(alone, key),
        lambda: over_grpc(alone, key),
    ]

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(way) for _ in range(5) for way in ways]
        found = Counter(one.result() for one in asked)

    assert found == {200: BURST // ROWS, 429: 20 - BURST // ROWS}


def test_a_refusal_says_how_much_and_when(alone: Server, made: Mapping[str, str]) -> None:
    key = made["shape"]
    while (refused := post(alone, "/gauges/predict", key)).status_code == 200:
        pass

    assert refused.json()["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) > 1
    assert refused.headers["RateLimit-Policy"] == f'"rows";q={BURST};w={int(BURST / RATE)}'
    assert refused.headers["RateLimit"].startswith('"rows";r=0;t=')
    status = rpc_status.from_call(call(alone, key))
    wait = RetryInfo()
    assert any(detail.Unpack(wait) for detail in status.details)
    assert wait.retry_delay.seconds > 1


def test_a_batch_cannot_walk_round_it(alone: Server, made: Mapping[str, str]) -> None:
    body = {GAUGES.rows: [GAUGES.sample[0]] * (BURST + 1)}

    assert post(alone, "/gauges/predict", made["too large"], body).status_code == 413


def test_who_guesses_keys_is_slowed_down(alone: Server, made: Mapping[str, str]) -> None:
    found = Counter(post(alone, "/gauges/predict", "ms_guess").status_code for _ in range(20))

    # Each worker counts for itself.
    assert 3 <= found[401] <= 6
    assert found[429] == 20 - found[401]
    assert post(alone, "/gauges/predict", made["too large"]).status_code == 200


def test_replicas_charge_one_account(
    replicas: tuple[Server, Server], made: Mapping[str, str]
) -> None:
    key = made["replicas"]
    with ThreadPoolExecutor(6) as threads:
        asked = [
            threads.submit(post, server, "/gauges/predict", key)
            for _ in range(8)
            for server in replicas
        ]
        found = Counter(one.result().status_code for one in asked)

    assert found == {200: BURST // ROWS, 429: 16 - BURST // ROWS}


def test_without_redis_each_replica_keeps_to_its_part(
    replicas: tuple[Server, Server], redis: RedisServer, made: Mapping[str, str]
) -> None:
    key = made["alone"]
    redis.kill()
    try:
        for server in replicas:
            found = Counter(post(server, "/gauges/predict", key).status_code for _ in range(6))
            assert found == {200: BURST // ROWS // 2, 429: 6 - BURST // ROWS // 2}
    finally:
        redis.start()
