"""Measurements of the other protocols: typed gRPC, and bulk through Open Inference."""

import http.client
import math
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import grpc
import numpy as np

from framework.fields import FieldSpec
from load_tests import h2load, wrk
from load_tests.matrix import Effort, Progress
from load_tests.reference import TOLERANCE, Expected, WrongAnswerError
from load_tests.results import Results
from load_tests.roles import ASSIGNED, PRIMARY
from load_tests.running import Running, Workload, started
from load_tests.scenarios import ONE, SCENARIOS, Rows
from load_tests.systems import SYSTEMS
from load_tests.systems.base import CONTRACT
from serving.open_inference.tensors import BYTES, DTYPES

CONNECTIONS = 32
CHECKED_CALLS = 20
BULK_ROWS = (1_000, 10_000)
_JSON = {"Content-Type": "application/json"}
_INFER = f"/v2/models/{PRIMARY.name}/infer"


def measure(
    names: list[str], workload: Workload, effort: Effort, results: Results, progress: Progress
) -> None:
    """Measures the systems that are named, one worker each, and adds to `results.extras`."""
    systems = [SYSTEMS[name] for name in names if name == "fastapi-tuned" or SYSTEMS[name].grpc]
    with started(systems, 1, workload) as running:
        results.extras["grpc"] = _grpc(list(running.values()), effort, progress)
        if "server" in running and ASSIGNED["table"]:
            progress("bulk: columns, records, and the library alone")
            results.extras["bulk"] = bulk(running["server"], workload, effort.bulk_repeats)


def _grpc(systems: list[Running], effort: Effort, progress: Progress) -> dict[str, Any]:
    """Calls a second over gRPC, beside requests a second of the tuned baseline over HTTP."""
    rates: dict[str, list[float]] = {one.system.name: [] for one in systems}
    problems = []
    for number in range(effort.rounds):
        for one in systems[number % len(systems) :] + systems[: number % len(systems)]:
            name = one.system.name
            progress(f"round {number + 1}: {name}, {'gRPC' if one.system.grpc else 'HTTP'}")
            if one.system.grpc is None:
                url, bodies = one.url(ONE), one.bodies(ONE)
                wrk.run(url, bodies, CONNECTIONS, effort.warm_up)
                seen = wrk.run(url, bodies, CONNECTIONS, effort.seconds)
                rates[name].append(seen.rate)
                problems += [f"{name}: {seen.failed} requests failed"] * bool(seen.failed)
                continue
            rows = one.workload.rows(ONE)[number]
            called = h2load.run(
                one.grpc_port,
                one.system.grpc.path,
                one.system.grpc.encode(rows),
                one.workload.folder,
                effort.seconds,
            )
            rates[name].append(called.rate)
            problems += [f"{name}: {called.failed} calls failed"] * bool(called.failed)
            problems += _wrong_calls(one, number * CHECKED_CALLS)
    return {"rates": rates, "checked": effort.rounds * CHECKED_CALLS, "problems": problems}


def _wrong_calls(running: Running, start: int) -> list[str]:
    """Calls with different rows, and tells of wrong answers."""
    dialect = running.system.grpc
    assert dialect is not None
    problems = []
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
        call: Callable[..., bytes] = channel.unary_unary(dialect.path)
        requests = running.workload.rows(ONE)
        for number in range(start, start + CHECKED_CALLS):
            rows = requests[number % len(requests)]
            try:
                answer = call(dialect.encode(rows), timeout=10)
                dialect.check(running.workload.reference, rows, answer)
            except (grpc.RpcError, WrongAnswerError) as error:
                problems.append(f"{running.system.name}: call {number}: {error}")
    return problems


def bulk(server: Running, workload: Workload, repeats: int) -> dict[str, Any]:
    """End-to-end times of large requests, in turn with the library's own on the same rows."""
    expected, dialect = workload.reference[PRIMARY.name], CONTRACT[PRIMARY.name]
    blocks = workload.rows(SCENARIOS[f"{PRIMARY.name}-1000"])
    rows = [row for block in blocks for row in block]
    found: dict[str, dict[str, Any]] = {}
    problems = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for count in BULK_ROWS:
        features = expected.features(rows[:count])
        columns, headers = _columns(rows[:count])
        records = dialect.encode(rows[:count]).encode()
        measured: dict[str, Callable[[], Any]] = {
            "columns_ms": partial(_ask, connection, _INFER, columns, headers),
            "records_ms": partial(_ask, connection, dialect.path, records, _JSON),
            "library_ms": partial(expected.scores, features),
        }
        found[str(count)] = _times(measured, repeats)
        answer, length = _ask(connection, _INFER, columns, headers)
        problems += _wrong_columns(answer, length, expected, rows[:count])
    connection.close()
    return {"rows": found, "repeats": repeats, "problems": problems}


def _times(measured: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Any]:
    """Medians in milliseconds, and of the ratios that are wanted, each within one repeat."""
    times: dict[str, list[float]] = {name: [] for name in measured}
    for name, work in list(measured.items()) * (repeats + 1):
        began = time.perf_counter()
        work()
        times[name].append(1_000 * (time.perf_counter() - began))
    kept = {name: values[1:] for name, values in times.items()}  # the first one warms up
    over = [a / b for a, b in zip(kept["columns_ms"], kept["library_ms"], strict=True)]
    faster = [a / b for a, b in zip(kept["records_ms"], kept["columns_ms"], strict=True)]
    return {
        **{name: median(values) for name, values in kept.items()},
        "columns_over_library": median(over),
        "records_over_columns": median(faster),
    }


def _columns(rows: Rows) -> tuple[bytes, dict[str, str]]:
    """One request in binary columns, as Triton's client writes it, and its headers."""
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
    return body, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(length),
    }


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


def _ask(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> tuple[bytes, int]:
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}: {content[:300]!r}")
    return content, int(response.headers.get("Inference-Header-Content-Length", 0))


def _wrong_columns(answer: bytes, length: int, expected: Expected, rows: Rows) -> list[str]:
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
