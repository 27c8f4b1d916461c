"""Services of every kind that people write with BentoML, each with requests to it.

A module holds services of one kind. A service is a function that makes it, from whatever
`bentoml.service` it is given, so that one text is served by either class.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

Decorate = Callable[..., Callable[[type], Any]]
"""`bentoml.service`, its class already chosen."""


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        path: Path and query.
        options: What `httpx.request` takes beside.
        method: HTTP method.
    """

    path: str
    options: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"


def post(path: str, **options: Any) -> Ask:
    """A request to an API."""
    return Ask(path, options)


def get(path: str, **options: Any) -> Ask:
    """A request for a page."""
    return Ask(path, options, "GET")


@dataclass(frozen=True)
class Kind:
    """A service and what it is asked.

    Attributes:
        make: Makes it.
        asks: What it is asked, in this order.
        fast: Paths that the fast path answers, by its own rules (`meant.py`, docs/drop-in.md).
    """

    make: Callable[[Decorate], Any]
    asks: Sequence[Ask]
    fast: Collection[str] = ()

    @property
    def name(self) -> str:
        """For the test's name."""
        return self.make.__name__
