"""One row asked for over every protocol, and whether the answer is of the version that it names."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import grpc
import httpx

from framework.open_inference import inference_pb2, inference_pb2_grpc
from tests.processes import Server
from tests.server.swap.models.levels import levels_pb2, levels_pb2_grpc

HEIGHT = 1.5
JSON = {"levels": [{"height": HEIGHT}]}
TENSOR = {"name": "height", "datatype": "FP64", "shape": [1]}
Ask = Callable[[], tuple[str, float]]
"""Asks, and returns the tag that the answer names, and the datum that it adds."""


def asks(server: Server, stack: ExitStack, key: str = "") -> dict[str, Ask]:
    """Ways to ask, by name, each over a connection of its own that the stack closes.

    Args:
        server: Who is asked.
        stack: Closes the connections.
        key: What a canary chooses by; nothing if it is empty.
    """
    headers = {"x-canary-key": key} if key else {}

    def over_http(path: str, body: Any, value: Callable[[Any], float]) -> Ask:
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=30))

        def ask() -> tuple[str, float]:
            answer = client.post(path, json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.headers["x-model-tag"], value(answer.json()) - HEIGHT

        return ask

    def over_grpc(stub: Any, method: str, request: Any, value: Callable[[Any], float]) -> Ask:
        channel = stack.enter_context(grpc.insecure_channel(server.grpc))
        call = getattr(stub(channel), method).with_call

        def ask() -> tuple[str, float]:
            answer, done = call(
                request, timeout=30, wait_for_ready=True, metadata=list(headers.items())
            )
            tag = dict(done.trailing_metadata())["x-model-tag"]
            return tag, value(answer) - HEIGHT

        return ask

    columns = inference_pb2.ModelInferRequest(model_name="levels")
    columns.inputs.add(**TENSOR).contents.fp64_contents.append(HEIGHT)
    tensors = {"inputs": [{**TENSOR, "data": [HEIGHT]}]}
    typed = levels_pb2.LevelsRequest(levels=[{"height": HEIGHT}])
    return {
        "http": over_http("/levels/predict", JSON, lambda told: told[0]["value"]),
        "connect": over_http(
            "/levels.v1.LevelsService/Predict", JSON, lambda told: told["predictions"][0]["value"]
        ),
        "v2": over_http("/v2/models/levels/infer", tensors, lambda t: t["outputs"][0]["data"][0]),
        "grpc": over_grpc(
            levels_pb2_grpc.LevelsServiceStub,
            "Predict",
            typed,
            lambda told: told.predictions[0].value,
        ),
        "v2 grpc": over_grpc(
            inference_pb2_grpc.GRPCInferenceServiceStub,
            "ModelInfer",
            columns,
            lambda told: told.outputs[0].contents.fp64_contents[0],
        ),
    }


@dataclass
class Asked:
    """What was answered over one protocol.

    Attributes:
        answers: Tag and datum of each answer.
        errors: What else happened.
    """

    answers: list[tuple[str, float]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def tags(self) -> list[str]:
        """The tags that were named, each time another one came."""
        tags = [tag for tag, _ in self.answers]
        return [tag for at, tag in enumerate(tags) if not at or tags[at - 1] != tag]


def all_named(found: Mapping[str, Asked], tag: str) -> bool:
    """Whether the latest answer over every protocol names a tag."""
    return all(asked.tags[-1:] == [tag] for asked in found.values())


@contextmanager
def asking(server: Server) -> Iterator[dict[str, Asked]]:
    """Asks without a pause over every protocol, as long as the context lasts."""
    ended = Event()
    with ExitStack() as stack:
        ways = asks(server, stack)
        found = {name: Asked() for name in ways}

        def go_on(ask: Ask, asked: Asked) -> None:
            while not ended.is_set():
                try:
                    asked.answers.append(ask())
                except Exception as error:  # noqa: BLE001 - told by the test
                    asked.errors.append(error)

        threads = [Thread(target=go_on, args=(ways[name], found[name])) for name in ways]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            ended.set()
            for thread in threads:
                thread.join()
