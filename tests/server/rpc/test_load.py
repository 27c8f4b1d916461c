"""Batches shared with HTTP, deadlines, overload."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from tests.contract.surfaces import refused_call
from tests.server.rpc.calling import QUEUE_ROWS, Toy, refused
from tests.server.watching import Scrape, wait


def test_http_and_grpc_share_batches_and_each_gets_its_own(slow: Toy) -> None:
    # Long enough for eight clients to be made on a busy machine.
    sleeping = slow.occupy(4)
    names = [f"shared-{number}" for number in range(8)]

    def post(name: str) -> list[str]:
        body = {"rows": [{"name": name}]}
        answers: list[str] = httpx.post(
            f"{slow.server.url}/toy/sleep", json=body, timeout=30
        ).json()
        return answers

    with ThreadPoolExecutor(8) as threads:
        over_http = {name: threads.submit(post, name) for name in names[::2]}
        over_grpc = {name: slow.sleep(name) for name in names[1::2]}
        wait(lambda: slow.queued_rows() == len(names), "the rows were not queued")
        assert not sleeping.done()
        for name, posted in over_http.items():
            assert posted.result() == [name]
        for name, called in over_grpc.items():
            assert called.result().names == [name]

    assert sorted(names) in [sorted(batch) for batch in slow.batches()]


def test_a_call_whose_deadline_passes_leaves_the_queue(slow: Toy) -> None:
    sleeping = slow.occupy(2)

    late = refused(lambda: slow.sleep("late", deadline=0.3).result())

    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait(lambda: slow.queued_rows() == 0, "the call stayed in the queue")
    assert not sleeping.done()
    assert sleeping.result().names
    assert slow.sleep("after").result().names == ["after"]
    assert not slow.computed("late")
    labels = {"route": "/toy.v1.ToyService/Sleep", "status": "504"}
    wait(
        lambda: Scrape(slow.server).total("model_server_requests_total", **labels) > 0,
        "the call was not counted",
    )


def test_a_cancelled_call_leaves_the_queue(slow: Toy) -> None:
    sleeping = slow.occupy(2)
    cancelled = slow.sleep("cancelled")
    wait(lambda: slow.queued_rows() == 1, "the call was not queued")

    cancelled.cancel()

    wait(lambda: slow.queued_rows() == 0, "the call stayed in the queue")
    assert not sleeping.done()
    assert sleeping.result().names
    assert slow.sleep("after").result().names == ["after"]
    assert not slow.computed("cancelled")


def test_overload_says_when_to_try_again(slow: Toy) -> None:
    sleeping = slow.occupy(1)
    accepted = slow.sleep("accepted", rows=QUEUE_ROWS)
    wait(lambda: slow.queued_rows() == QUEUE_ROWS, "the queue was not full")

    error = refused(lambda: slow.sleep("one too many").result())

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused_call(error).code == "overloaded"
    status, retry = rpc_status.from_call(error), RetryInfo()
    assert status is not None
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.seconds >= 1
    assert sleeping.result().names
    assert accepted.result().names == ["accepted"] * QUEUE_ROWS
