"""Large requests through Open Inference, beside JSON and the library alone, on the same rows."""

import http.client
import math
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from framework.fields import FieldSpec
from framework.open_inference.tensors import BYTES, DTYPES
from load_tests.reference import TOLERANCE, Expected
from load_tests.roles import PRIMARY
from load_tests.running import HOST, Running, Workload
from load_tests.scenarios import SCENARIOS, Rows
from load_tests.systems.base import CONTRACT
from load_tests.wrk import JSON

COUNTS = (1_000, 10_000)
"""Numbers of rows in a request."""

INFER = f"/v2/models/{PRIMARY.name}/infer"
"""Where columns go."""

Headers = dict[str, str]
_TIMEOUT_SECONDS = 60


def measure(server: Running, workload: Workload, repeats: int) -> dict[str, Any]:
    """End-to-end times of large requests, in turn with the library's own on the same rows."""
    expected, rows = workload.reference[PRIMARY.name], many_rows(workload)
    found: dict[str, dict[str, Any]] = {}
    problems = []
    connection = http.client.HTTPConnection(HOST, server.port, timeout=_TIMEOUT_SECONDS)
    for count in COUNTS:
        features = expected.features(rows[:count])
        sent = columns(rows[:count])
        measured: dict[str, Callable[[], Any]] = {
            "columns_ms": partial(ask, connection, *sent),
            "records_ms": partial(ask, connection, *records(rows[:count])),
            "library_ms": partial(expected.scores, features),
        }
        found[str(count)] = _times(measured, repeats)
        problems += _wrong(*ask(connection, *sent), expected, rows[:count])
    connection.close()
    return {"rows": found, "repeats": repeats, "problems": problems}


def many_rows(workload: Workload) -> Rows:
    """The rows of large requests, of the primary model."""
    return [row for block in workload.rows(SCENARIOS[f"{PRIMARY.name}-1000"]) for row in block]


def _times(measured: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Any]:
    """Medians in milliseconds, and of the ratio that is wanted, taken within one repeat."""
    times: dict[str, list[float]] = {name: [] for name in measured}
    for name, work in list(measured.items()) * (repeats + 1):
        began = time.perf_counter()
        work()
        times[name].append(1_000 * (time.perf_counter() - began))
    kept = {name: values[1:] for name, values in times.items()}  # the first one warms up
    over = [a / b for a, b in zip(kept["columns_ms"], kept["library_ms"], strict=True)]
    return {
        **{name: median(values) for name, values in kept.items()},
        "columns_over_library": median(over),
    }


def records(rows: Rows) -> tuple[str, bytes, Headers]:
    """One request of records in JSON: path, body and headers."""
    dialect = CONTRACT[PRIMARY.name]
    return dialect.path, dialect.encode(rows).encode(), {"Content-Type": JSON}


def columns(rows: Rows) -> tuple[str, bytes, Headers]:
    """One request in binary columns, as Triton's client writes it: path, body and headers."""
    from tritonclient.http import InferenceServerClient, InferInput

    inputs = []
    for spec in PRIMARY.encoder.fields:
        datatype = _datatype(spec)
        missing = "" if datatype == BYTES else math.nan
        cells = [row.get(spec.name, spec.default) for row in rows]
        values = np.array(
            [missing if cell is None else cell for cell in cells],
            dtype=DTYPES.get(datatype, object),
        )
        tensor = InferInput(spec.name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=True)
        inputs.append(tensor)
    body, length = InferenceServerClient.generate_request_body(inputs)
    return (
        INFER,
        body,
        {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(length),
        },
    )


def _datatype(spec: FieldSpec) -> str:
    """The datatype that the server offers for a field: a missing number is a NaN of FP64."""
    kind = spec.kind
    if kind == "category":
        kind = "text" if type(spec.categories[0]) is str else "int"
    if kind == "text":
        return BYTES
    if kind == "float" or spec.nullable:
        return "FP64"
    return {"int": "INT64", "bool": "BOOL"}[kind]


def ask(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Headers
) -> tuple[bytes, int]:
    """Sends a request; returns its answer, and the length of the JSON before its tensors.

    Raises:
        RuntimeError: It was not answered 200.
    """
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}: {content[:300]!r}")
    return content, int(response.headers.get("Inference-Header-Content-Length", 0))


def _wrong(answer: bytes, length: int, expected: Expected, rows: Rows) -> list[str]:
    from tritonclient.http import InferResult

    result = InferResult.from_response_body(answer, header_length=length)
    problems = []
    for name, values in expected.answers(rows).columns.items():
        told = result.as_numpy(name)
        if values.dtype.kind == "f":
            right = np.allclose(told, values, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        elif values.dtype.kind == "O":
            right = [text.decode() for text in told] == values.tolist()
        else:
            right = bool((told == values).all())
        problems += [f"columns of {len(rows)} rows: `{name}` is wrong"] * (not right)
    return problems
