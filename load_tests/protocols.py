"""Measurements of the other protocols: typed gRPC, and bulk through Open Inference."""

import http.client
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import grpc
import numpy as np

from load_tests import h2load, wrk
from load_tests.matrix import Effort, Progress
from load_tests.reference import WrongAnswerError
from load_tests.results import Results
from load_tests.running import Running, Workload, started
from load_tests.scenarios import SCENARIOS, Rows
from load_tests.systems import SYSTEMS
from load_tests.systems.base import CONTRACT

CONNECTIONS = 32
CHECKED_CALLS = 20
BULK_ROWS = (1_000, 10_000)
_SCENARIO = SCENARIOS["turnover-1"]
_JSON = {"Content-Type": "application/json"}
_INFER = "/v2/models/attrition/infer"


def measure(
    names: list[str], workload: Workload, effort: Effort, results: Results, progress: Progress
) -> None:
    """Measures the systems that are named, one worker each, and adds to `results.extras`."""
    systems = [SYSTEMS[name] for name in names if name == "fastapi-tuned" or SYSTEMS[name].grpc]
    with started(systems, 1, workload) as running:
        results.extras["grpc"] = _grpc(list(running.values()), effort, progress)
        if "server" in running:
            progress("bulk: columns, records, and LightGBM alone")
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
                url, bodies = one.url(_SCENARIO), one.bodies(_SCENARIO)
                wrk.run(url, bodies, CONNECTIONS, effort.warm_up)
                seen = wrk.run(url, bodies, CONNECTIONS, effort.seconds)
                rates[name].append(seen.rate)
                problems += [f"{name}: {seen.failed} requests failed"] * bool(seen.failed)
                continue
            rows = one.workload.rows(_SCENARIO)[number]
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
        requests = running.workload.rows(_SCENARIO)
        for number in range(start, start + CHECKED_CALLS):
            rows = requests[number % len(requests)]
            try:
                answer = call(dialect.encode(rows), timeout=10)
                dialect.check(running.workload.reference, rows, answer)
            except (grpc.RpcError, WrongAnswerError) as error:
                problems.append(f"{running.system.name}: call {number}: {error}")
    return problems


def bulk(server: Running, workload: Workload, repeats: int) -> dict[str, Any]:
    """End-to-end times of large requests, in turn with LightGBM's own on the same rows."""
    reference = workload.reference
    employees = [row for rows in workload.rows(SCENARIOS["turnover-1000"]) for row in rows]
    found: dict[str, dict[str, Any]] = {}
    problems = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for count in BULK_ROWS:
        rows = employees[:count]
        matrix = reference.matrix(rows)
        columns, headers = _columns(rows)
        records = CONTRACT["attrition"].encode(rows).encode()
        measured: dict[str, Callable[[], Any]] = {
            "columns_ms": partial(_ask, connection, _INFER, columns, headers),
            "records_ms": partial(_ask, connection, CONTRACT["attrition"].path, records, _JSON),
            "booster_ms": partial(reference.predict, matrix),
        }
        found[str(count)] = _times(measured, repeats)
        answer, length = _ask(connection, _INFER, columns, headers)
        problems += _wrong_columns(answer, length, reference.predict(matrix))
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
    over = [a / b for a, b in zip(kept["columns_ms"], kept["booster_ms"], strict=True)]
    faster = [a / b for a, b in zip(kept["records_ms"], kept["columns_ms"], strict=True)]
    return {
        **{name: median(values) for name, values in kept.items()},
        "columns_over_booster": median(over),
        "records_over_columns": median(faster),
    }


def _columns(rows: Rows) -> tuple[bytes, dict[str, str]]:
    """One request in binary columns, as Triton's client writes it, and its headers."""
    from tritonclient.http import InferenceServerClient, InferInput

    inputs = []
    for name, first in rows[0].items():
        datatype = {str: "BYTES", int: "INT64", float: "FP64"}[type(first)]
        values = np.array([row[name] for row in rows], dtype=_DTYPES[datatype])
        tensor = InferInput(name, [len(rows)], datatype)
        tensor.set_data_from_numpy(values, binary_data=True)
        inputs.append(tensor)
    body, length = InferenceServerClient.generate_request_body(inputs)
    return body, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(length),
    }


_DTYPES: dict[str, Any] = {"BYTES": object, "INT64": np.int64, "FP64": np.float64}


def _ask(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> tuple[bytes, int]:
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}: {content[:300]!r}")
    return content, int(response.headers.get("Inference-Header-Content-Length", 0))


def _wrong_columns(answer: bytes, length: int, expected: Any) -> list[str]:
    from tritonclient.http import InferResult

    result = InferResult.from_response_body(answer, header_length=length)
    if np.allclose(result.as_numpy("probability"), expected, rtol=0, atol=1e-9):
        return []
    return [f"columns of {len(expected)} rows: a probability is wrong"]
