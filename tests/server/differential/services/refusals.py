"""Services that refuse: by BentoML's exceptions, by others, by their probes."""

from http import HTTPStatus
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException, NotFound, ServiceUnavailable, UnprocessableEntity
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from tests.server.differential.services import Decorate, Kind, get, post

CODES = [400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 418, 422, 429, 451, 500, 501, 502]
CODES += [503, 504, 507]


class Teapot(BentoMLException):
    """An exception class of the author's own."""

    error_code = HTTPStatus.IM_A_TEAPOT


class Strict(BaseModel):
    """Something to be wrong about."""

    number: int


def fail(how: str) -> None:
    """Raises what is asked for."""
    if how.isdigit():
        raise BentoMLException("the reason why this was refused", error_code=HTTPStatus(int(how)))
    raise {
        "not_found": NotFound("there is no such thing here"),
        "unavailable": ServiceUnavailable("secrets of the machine room"),
        "unprocessable": UnprocessableEntity("a word that is not understood"),
        "teapot": Teapot("short and stout"),
        "http": HTTPException(409, "a conflict of interests"),
        "value": ValueError("a secret of the implementation"),
    }[how]


def exceptions(service: Decorate) -> Any:
    """Whatever a method raises, in batches and out of them."""

    @service()
    class Exceptions:
        @bentoml.api
        def plain(self, how: str) -> str:
            fail(how)
            return how

        @bentoml.api
        async def asynchronous(self, how: str) -> str:
            fail(how)
            return how

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def batched(self, hows: list[str]) -> list[str]:
            for how in hows:
                fail(how)
            return hows

        @bentoml.api
        def invalid(self, value: Any) -> int:
            return Strict.model_validate(value).number

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def invalid_rows(self, values: list[Any]) -> list[int]:
            return [Strict.model_validate(value).number for value in values]

    return Exceptions


def probes(service: Decorate) -> Any:
    """Probes and metrics of the author's own."""

    @service()
    class Probes:
        @bentoml.api
        def greet(self) -> str:
            return "hello"

        def __is_alive__(self) -> bool:
            return False

        async def __is_ready__(self) -> bool:
            return False

    return Probes


def endings(service: Decorate) -> Any:
    """APIs whose paths end as those of probes do."""

    @service()
    class Endings:
        @bentoml.api(route="/oven/ready")
        def ready(self) -> str:
            return "nearly"

        @bentoml.api(route="/oven/metrics")
        def metrics(self) -> str:
            return "220"

    return Endings


HOWS = [*map(str, CODES), "not_found", "unavailable", "unprocessable", "teapot", "http", "value"]
KINDS = [
    Kind(
        exceptions,
        [
            *(
                post(path, json={"how": how})
                for path in ("/plain", "/asynchronous")
                for how in HOWS
            ),
            *(post("/batched", json={"hows": [how]}) for how in HOWS),
            post("/invalid", json={"value": {"number": "x"}}),
            post("/invalid_rows", json={"values": [{"number": "x"}]}),
        ],
        fast=["/batched", "/invalid_rows"],
    ),
    Kind(probes, [post("/greet"), get("/livez"), get("/readyz"), get("/healthz")]),
    Kind(endings, [post("/oven/ready"), post("/oven/metrics"), get("/readyz"), get("/oven/ready")]),
]
