"""Asks over the Open Inference Protocol, with Triton's gRPC client.

Usage: .venv/bin/python examples/with_triton_grpc.py [HOST:PORT]. Needs tritonclient[grpc] and numpy
(`make dev`). A request that is refused says where it is
wrong; the `aio` client sends two requests at a time.
"""

import asyncio
import sys

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferResult
from tritonclient.grpc.aio import InferenceServerClient as AioClient
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "localhost:3001"
TEXTS = ["Object detection in videos", "Forecasting stock prices with an LSTM"]


def tensor(texts: list[str]) -> InferInput:
    """Makes the one tensor of the topics model."""
    column = InferInput("text", [len(texts)], "BYTES")
    column.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object))
    return column


def show(result: InferResult) -> None:
    """Prints the answers."""
    topics, sure = result.as_numpy("topic"), result.as_numpy("probability")
    for text, topic, probability in zip(TEXTS, topics, sure, strict=True):
        print(f"{topic.decode()} ({probability:.2f}): {text}")


async def two_at_a_time() -> None:
    """Sends two requests at once over the same client."""
    async with AioClient(ADDRESS) as client:
        for result in await asyncio.gather(
            client.infer("topics", [tensor(TEXTS)]), client.infer("topics", [tensor(TEXTS)])
        ):
            show(result)


with InferenceServerClient(ADDRESS) as client:
    show(client.infer("topics", [tensor(TEXTS)]))
    try:
        client.infer("topics", [tensor(["", " "])])
    except InferenceServerException as refused:
        print(f"{refused.status()}: {refused.message()}")

asyncio.run(two_at_a_time())
