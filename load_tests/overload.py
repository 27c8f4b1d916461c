"""Overload: three times what a slow service can do, for long, and what it is like afterwards."""

import http.client
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from deploy.processes import free_port
from load_tests import open_loop, wrk
from load_tests.matrix import Progress
from load_tests.open_loop import LOST, Opened
from load_tests.processes import Process
from load_tests.results import MIB, quantiles
from load_tests.watch import Watched, watching

PATH = "/slowed/predict"
FACTOR = 3
CONNECTIONS = 96
# The concurrency of clients that do not wait; connections of refused requests are free at once.
MOST_CONNECTIONS = 1_500
CLOSED_SECONDS = 5
RECOVERY_SECONDS = 2.0
BODIES = 500
STEPS = 3
"""How often `measure` reports progress."""


def measure(folder: Path, seconds: int, progress: Progress, closed: int = 0) -> dict[str, Any]:
    """Starts the slowed service, finds its maximum, overloads it, and looks at it afterwards.

    Args:
        folder: For the prepared bodies.
        seconds: Length of the overload.
        progress: Told what goes on.
        closed: Seconds of each closed-loop run; a default if not given.
    """
    closed = closed or CLOSED_SECONDS
    bodies = folder / "slowed.jsonl"
    lines = [json.dumps({"items": [{"number": number}]}) for number in range(BODIES)]
    bodies.write_text("\n".join(lines) + "\n", encoding="utf-8")
    port = free_port()
    serve = [sys.executable, "-m", "bentoml", "serve", "load_tests.slowed:Slowed"]
    serve += ["--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}{PATH}"
    with Process(serve, _ENVIRONMENT) as process:
        process.wait_ready(lambda: _answers(port))
        progress("overload: the maximum of the slowed service")
        wrk.run(url, bodies, CONNECTIONS, 1)
        before = wrk.run(url, bodies, CONNECTIONS, closed)
        rate = FACTOR * before.rate
        progress(f"overload: {rate:,.0f}/s offered to {before.rate:,.0f}/s, for {seconds} s")
        interval = min(1.0, seconds / 10)
        with watching(process, port, PATH, interval) as watched:
            encoded = [line.encode() for line in lines]
            seen = open_loop.run(url, encoded, rate, seconds, MOST_CONNECTIONS)
        process.require_running()
        progress("overload: afterwards")
        # The generator has waited for its last answers already: this can only be later.
        time.sleep(max(0.0, RECOVERY_SECONDS - _tail(seen)))
        after = wrk.run(url, bodies, CONNECTIONS, closed)
        process.require_running()
    return _found(before, seen, watched, after)


_ENVIRONMENT = {
    "BENTOML_DO_NOT_TRACK": "True",
    "MODEL_SERVER_WORKERS": "1",
    "MODEL_SERVER_GRPC_PORT": "0",
}


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(
            "POST", PATH, '{"items": [{"number": 1}]}', {"Content-Type": "application/json"}
        )
        answered: list[dict[str, int]] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    else:
        return answered == [{"doubled": 2}]
    finally:
        connection.close()


def _tail(seen: Opened) -> float:
    """How long after the last request was due the last answer came."""
    return max(one.due + one.seconds for one in seen.answers) - seen.seconds


def _found(before: wrk.Closed, seen: Opened, watched: Watched, after: wrk.Closed) -> dict[str, Any]:
    refused = [one for one in seen.answers if one.status == 503]
    bare = sum(not one.retry_after for one in refused)
    other = {name: n for name, n in seen.statuses().items() if name not in ("200", "503")}
    # Answers that came while requests were offered: what was still queued then is no goodput.
    good = sum(one.status == 200 and one.due + one.seconds <= seen.seconds for one in seen.answers)
    half = len(watched.resident) // 2
    early = max(watched.resident[: max(1, half)], default=0)
    late = max(watched.resident[half:], default=0)
    problems = [f"{bare} refusals without Retry-After"] * bool(bare)
    problems += [f"answers other than 200 and 503: {other}"] * bool(other)
    problems += [f"failed afterwards: {after.errors}"] * bool(after.failed)
    return {
        "seconds": seen.seconds,
        "maximum": before.rate,
        "offered": seen.rate,
        "goodput": good / seen.seconds,
        "goodput_share": good / seen.seconds / before.rate,
        "statuses": seen.statuses(),
        "refused": len(refused),
        "refused_without_retry_after": bare,
        "lost": seen.count(LOST),
        "refusal_ms": quantiles([one.seconds for one in refused]),
        "answer_ms": quantiles(seen.latencies(200)),
        "good_by_second": _by_second(seen, 200),
        "resident_first_half_mib": early / MIB,
        "resident_second_half_mib": late / MIB,
        "resident_growth": late / early - 1 if early else float("nan"),
        "queue_rows_max": float(np.max(watched.queue_rows, initial=0.0)),
        "recovered_rate": after.rate,
        "recovered_share": after.rate / before.rate,
        "problems": problems,
    }


def _by_second(seen: Opened, status: int) -> list[int]:
    """Number of answers with a status that arrived in each second of a run."""
    arrivals = [int(one.due + one.seconds) for one in seen.answers if one.status == status]
    return np.bincount(arrivals, minlength=int(seen.seconds)).tolist() if arrivals else []
