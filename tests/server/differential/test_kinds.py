"""Services of every kind are answered as by the stock class."""

import dataclasses

import bentoml
import httpx
import pytest

from serving import ModelService, load_settings
from tests.server.differential.kinds import KINDS, answers, content_of, lacking
from tests.server.differential.services import Kind, post


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_service_is_answered_as_by_the_stock_class(kind: Kind, subtests: pytest.Subtests) -> None:
    ours, stock = answers(kind, ModelService), answers(kind, bentoml.Service)

    for number, (asked, mine, theirs) in enumerate(zip(kind.asks, ours, stock, strict=True)):
        with subtests.test(number=number, method=asked.method, path=asked.path):
            assert mine.status_code == theirs.status_code, mine.text
            if asked.path in kind.fast:
                check_fast(mine, theirs)
            else:
                assert content_of(mine) == content_of(theirs)
                assert lacking(mine, theirs) == {}


def check_fast(ours: httpx.Response, stock: httpx.Response) -> None:
    """Compares answers to an API on the fast path, with the differences that are meant there."""
    # BentoML's own name, and its request id, which `x-request-id` takes the place of.
    assert lacking(ours, stock).keys() <= {"server"}
    own, told = content_of(ours), content_of(stock)
    if "x-request-id" in ours.headers and isinstance(own, dict) and "code" in own:
        assert own.keys() == {"error", "code", "detail", "request_id"}
        match told:
            case [{"error": reason}]:
                # What the service's own code says, the envelope says.
                assert own["error"] == reason
            case {"detail": details} if isinstance(details, list):
                assert [one["loc"] for one in own["detail"]] == [one["loc"] for one in details]
            case _:
                assert "secret" not in ours.text
    else:
        assert own == told


def test_a_body_above_the_limit_is_refused_whoever_would_answer() -> None:
    (kind,) = [kind for kind in KINDS if kind.name == "files"]
    big = {"file": ("big", b"x" * (load_settings().max_body_bytes + 1))}
    too_big = dataclasses.replace(kind, asks=[post("/size", files=big)])

    (ours,), (stock,) = answers(too_big, ModelService), answers(too_big, bentoml.Service)

    assert (ours.status_code, ours.json()["code"]) == (413, "payload_too_large")
    assert stock.status_code == 200
