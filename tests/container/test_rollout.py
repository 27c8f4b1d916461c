"""Replacing one version by another, and back, under load, without a failed request."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial

import bentoml
import numpy as np
import pytest

from deploy.engine import Engine
from deploy.processes import wait_until
from deploy.running import Container
from tests.container.conftest import IMAGE_NAME, Measured, deploy, reported, train_again
from tests.container.load import Load, grpc_load, http_load
from tests.container.proxy import Proxy
from tests.contract.cases import random_records
from tests.contract.expected import expected_answers
from tests.plugin import pins
from tests.server.asked import MODEL, MODELS

REQUESTS = 20_000
LOAD_DEADLINE_SECONDS = 120
AFTERWARDS = 100
CALIBRATION_SECONDS = 3
# HAProxy asks four times a second, so it has turned away long before the sockets close.
DRAIN_SECONDS = 2
# For each replica: they are what is measured, not the clients, and one that starts takes nothing
# from those that answer.
CPUS = 0.4
ROWS = random_records(MODEL, 100)


@pytest.fixture(scope="module")
def other_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bentoml.Model]:
    """The models, trained with another seed."""
    folder = tmp_path_factory.mktemp("tables")
    return {name: train_again(model, folder, seed=1) for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def other_image(
    engine: Engine, image: str, other_models: dict[str, bentoml.Model]
) -> Iterator[str]:
    """The image of the other models."""
    tags = pins(other_models)
    name = reported(deploy("image", "--name", IMAGE_NAME, environment=tags), "image ")
    yield name
    engine.run("rmi", "--force", name)


def answers(load: Load, least: int) -> bool:
    return load.tags.total() >= least


async def wait_for(condition: Callable[[], bool]) -> None:
    """Polls a condition on the load, up to a deadline."""
    await asyncio.to_thread(wait_until, condition, LOAD_DEADLINE_SECONDS, "the load fell behind")


class Replicas:
    """Containers in the places behind a proxy."""

    def __init__(self, engine: Engine, proxy: Proxy) -> None:
        self._engine = engine
        self._proxy = proxy
        self._stacks: dict[str, contextlib.ExitStack] = {}
        self._containers: dict[str, Container] = {}

    def start(self, place: str, image: str) -> None:
        """Starts an image in a place, and waits until it is ready."""
        stack = self._stacks[place] = contextlib.ExitStack()
        self._containers[place] = stack.enter_context(
            Container.start(
                self._engine,
                image,
                ports=self._proxy.places[place],
                environment={"MODEL_SERVER_DRAIN_SECONDS": str(DRAIN_SECONDS)},
                cpus=CPUS,
            )
        )
        self._containers[place].wait_until_ready()

    def stop(self, place: str) -> None:
        """Stops what runs in a place, as Kubernetes does: SIGTERM, and time."""
        assert self._containers.pop(place).stop() == 0
        self._stacks.pop(place).close()

    def close(self) -> None:
        """Removes whatever still runs."""
        for stack in self._stacks.values():
            stack.close()


def test_a_roll_out_and_its_roll_back_fail_no_request(
    engine: Engine,
    image: str,
    other_image: str,
    stored_models: dict[str, bentoml.Model],
    other_models: dict[str, bentoml.Model],
    measured: Measured,
) -> None:
    expected = {
        str(models[MODEL.name].tag): expected_answers(MODEL, models[MODEL.name], ROWS)
        for models in (stored_models, other_models)
    }
    old, new = expected
    assert expected[old] != expected[new], "what answers must be told from the answer"
    proxy = Proxy()
    replicas = Replicas(engine, proxy)

    async def replace(place: str, by: str, image: str) -> None:
        await asyncio.to_thread(replicas.start, by, image)
        await asyncio.to_thread(replicas.stop, place)

    async def roll() -> tuple[list[Load], float, float]:
        async with (
            http_load(proxy.url, MODEL, ROWS, expected) as http,
            grpc_load(proxy.grpc, MODEL, ROWS, expected) as grpc,
        ):
            # Half of the capacity, one half of it over each protocol.
            rates = [await load.capacity(CALIBRATION_SECONDS) / 4 for load in (http, grpc)]
            started = time.monotonic()
            async with http.constant(rates[0]), grpc.constant(rates[1]):
                await replace("blue-1", "green-1", other_image)
                await replace("blue-2", "green-2", other_image)
                for load in (http, grpc):
                    load.tags.clear()
                    await wait_for(partial(answers, load, AFTERWARDS))
                    assert load.tags.keys() == {new}, "the old version is gone"
                await replace("green-1", "blue-1", image)
                await replace("green-2", "blue-2", image)
                await wait_for(lambda: http.sent + grpc.sent >= REQUESTS)
            return [http, grpc], sum(rates), time.monotonic() - started

    try:
        with proxy.running():
            replicas.start("blue-1", image)
            replicas.start("blue-2", image)
            proxy.wait_until_ready()
            loads, rate, seconds = asyncio.run(roll())
    finally:
        replicas.close()

    sent, failures = sum(load.sent for load in loads), [f for load in loads for f in load.failures]
    slowest = np.percentile([one for load in loads for one in load.latencies], 99) * 1_000
    measured(
        "roll-out and roll-back, HTTP and gRPC",
        f"{sent:,} requests of {len(ROWS)} rows sent, {len(failures)} failed; {rate:.0f}/s for "
        f"{seconds:.0f} s, p99 {slowest:.0f} ms",
    )
    assert failures == []
    assert sent >= REQUESTS
    assert [load.tags.keys() for load in loads] == [{old, new}] * 2
