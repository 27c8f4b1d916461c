"""Who asks."""

import math
from collections.abc import Iterable
from contextvars import ContextVar

from framework.access.scopes import READ, Need, granted
from serving.limits.allowance import Allowance


class UnknownCallerError(Exception):
    """What was shown tells of nobody; the message says why, and holds nothing of it."""


class Principal:
    """Somebody who has shown who they are.

    The same object as long as a key file and a token say the same of them: limits of a caller may
    be kept by its id.

    Args:
        own_id: Id, for logs and limits; no secret.
        series: What metrics call it: one of a bounded set.
        scopes: What it may do.
        expires: When it ends to be, in seconds since 1970.
        allowance: How much it may ask for; None: without limit.
    """

    __slots__ = ("allowance", "expires", "id", "scopes", "series")

    def __init__(
        self,
        own_id: str,
        series: str,
        scopes: Iterable[str],
        expires: float = math.inf,
        allowance: Allowance | None = None,
    ) -> None:
        self.id = own_id
        self.series = series
        self.scopes = granted(scopes)
        self.expires = expires
        self.allowance = allowance

    def may(self, need: Need) -> bool:
        """Whether its scopes allow something."""
        return not need.accepted.isdisjoint(self.scopes)

    def sees(self, model: str) -> bool:
        """Whether it may be told of a model."""
        return self.may(Need.to(READ, model))


ANYBODY = Principal("", "", ["*:*"])
"""Who asks a server that is open."""

NOBODY = Principal("", "", [])
"""Who asks where nobody need say who they are."""

asking: ContextVar[Principal] = ContextVar("asking", default=ANYBODY)
"""Who asks for what is being answered, for applications behind the gateway."""
