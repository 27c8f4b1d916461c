"""Asks over the Open Inference Protocol, with Triton's HTTP client.

Usage: .venv/bin/python examples/with_triton_http.py [HOST:PORT]. Needs tritonclient[http] and numpy
(`make dev`). Whole columns go in and come out, in binary
form; the `aio` client sends two requests at a time.
"""

import asyncio
import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferResult
from tritonclient.http.aio import InferenceServerClient as AioClient

ADDRESS = (sys.argv[1] if len(sys.argv) > 1 else "localhost:3000").removeprefix("http://")
EMPLOYEES = {
    "satisfaction_level": np.array([0.38, 0.92]),
    "last_evaluation": np.array([0.53, 0.85]),
    "number_project": np.array([2, 4]),
    "average_monthly_hours": np.array([157, 200]),
    "time_spend_company": np.array([3, 2]),
    "work_accident": np.array([0, 0]),
    "promotion_last_5years": np.array([0, 1]),
    "department": np.array(["sales", "management"], dtype=object),
    "salary": np.array(["low", "high"], dtype=object),
}
DATATYPES = {"f": "FP64", "i": "INT64", "O": "BYTES"}


def tensors(columns: dict[str, np.ndarray]) -> list[InferInput]:
    """Makes one tensor of each column."""
    inputs = []
    for name, values in columns.items():
        tensor = InferInput(name, values.shape, DATATYPES[values.dtype.kind])
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    return inputs


def show(result: InferResult) -> None:
    """Prints the answers, and which model gave them."""
    version = result.get_response()["model_version"]
    print(f"attrition:{version}: leave with {result.as_numpy('probability').round(2)}")


async def two_at_a_time() -> None:
    """Sends two requests at once over the same client."""
    async with AioClient(ADDRESS) as client:
        inputs = tensors(EMPLOYEES)
        for result in await asyncio.gather(
            client.infer("attrition", inputs), client.infer("attrition", inputs)
        ):
            show(result)


with InferenceServerClient(ADDRESS) as client:
    metadata = client.get_model_metadata("attrition")
    print(", ".join(f"{one['name']} {one['datatype']}" for one in metadata["inputs"]))
    show(client.infer("attrition", tensors(EMPLOYEES)))

asyncio.run(two_at_a_time())
