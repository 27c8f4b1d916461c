"""A service with one API of each kind that the server tells from the others."""

from collections.abc import Iterator
from typing import Annotated, Any

import bentoml
from pydantic import BaseModel, Field


class Rows(BaseModel):
    """A request type of the author's own."""

    rows: Annotated[list[int], Field(max_length=7)]


@bentoml.service(name="insides", workers=3, threads=2, traffic={"timeout": 9})
class Insides:
    """One API of each kind that the server tells from the others."""

    @bentoml.api(input_spec=Rows, batchable=True, max_batch_size=5, max_latency_ms=40)
    def declared(self, rows: list[int]) -> list[str]:
        """Has a declared request type."""
        return [str(row) for row in rows]

    @bentoml.api(route="/its/own", batchable=True)
    def root(self, numbers: list[int], /) -> list[int]:
        """Takes the list alone."""
        return numbers

    @bentoml.api
    def context(self, number: int, ctx: bentoml.Context) -> int:
        """Takes a context."""
        return number

    @bentoml.api
    def stream(self) -> Iterator[str]:
        """Streams."""
        yield ""

    @bentoml.task
    def later(self, number: int) -> int:
        """Answers later."""
        return number


# The decorated class is a `bentoml.Service`, which its type does not tell.
SERVICE: Any = Insides
APIS: dict[str, Any] = SERVICE.apis
