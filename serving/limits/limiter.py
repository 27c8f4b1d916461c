"""Charges whoever asks for the rows of their requests."""

import asyncio
import logging
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from serving.errors import Code, ServingError
from serving.limits.bucket import Buckets, Clock, GoneError, Grant, Rate

if TYPE_CHECKING:
    # Which loads Redis's client.
    from serving.limits.replicas import RedisBuckets

# A worker takes as many rows in advance as its part of what comes in so many seconds, so that most
# requests are charged without asking others, …
_AHEAD_SECONDS, _AHEAD_SECONDS_REPLICAS = 0.02, 0.05
# … and what it does not use in this time is lost.
_KEPT_SECONDS = 0.2
# Where Redis did not answer it is not asked again for so long.
_GONE_SECONDS = 1.0

logger = logging.getLogger("bentoml.serving")


@dataclass(slots=True)
class _Lease:
    """What a worker has taken of a bucket in advance.

    Attributes:
        rows: Rows.
        until: When they are lost.
        lacking: As many rows or more the bucket does not have …
        lacking_until: … until then.
        asking: Held by who asks for more.
    """

    rows: int = 0
    until: float = 0.0
    lacking: int = 0
    lacking_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Limiter:
    """Charges by name, in advance where buckets are shared.

    What workers take in advance has left the bucket: together they never let through more than it
    allows. It can be less by what they have taken and not used: 2 % of what comes in a second or,
    with replicas, 5 % for each.

    Args:
        buckets: The buckets of this machine.
        workers: How many workers share them.
        clock: Tells the time in seconds.
        shared: The buckets of all replicas, if there are more than this machine.
        replicas: How many machines there are: each keeps to its part where `shared` does not
            answer.
        what: What is counted, for people.
    """

    # As many as there may be names.
    _MOST_LEASES = 10_000

    def __init__(
        self,
        buckets: Buckets,
        workers: int,
        clock: Clock,
        shared: "RedisBuckets | None" = None,
        replicas: int = 1,
        what: str = "rows",
    ) -> None:
        self._buckets = buckets
        self._clock = clock
        self._shared = shared
        self._replicas = replicas
        self._what = what
        self._ahead = _AHEAD_SECONDS / workers if workers > 1 else 0.0
        if shared is not None:
            self._ahead = _AHEAD_SECONDS_REPLICAS / workers
        self._leases: dict[str, _Lease] = {}
        self._gone_until = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether the buckets of all replicas are there, as far as is known."""
        return self._shared is not None and self._clock() >= self._gone_until

    def charge_at_once(self, name: str, rate: Rate, rows: int) -> bool:
        """Takes the rows of a request from the bucket of whoever asks, if it needs no waiting.

        Args:
            name: Name of the bucket.
            rate: What it allows.
            rows: Rows; one at least is charged.

        Returns:
            Whether it did: if not, `charge` has to be awaited.

        Raises:
            ServingError: `rate_limited`, with the seconds to wait, or `payload_too_large`: more
                rows than the bucket ever holds.
        """
        rows = max(rows, 1)
        now = self._clock()
        lease = self._leases.get(name)
        if lease is None:
            lease = self._begin_lease(name)
        if now >= lease.until:
            lease.rows = 0
        if lease.rows >= rows:
            lease.rows -= rows
            return True
        if rows > rate.burst:
            raise _too_many(rate)
        if now < lease.lacking_until and rows - lease.rows >= lease.lacking:
            raise self._limited(rate, lease.rows, lease.lacking_until - now)
        if self.is_shared:
            return False
        part = rate if self._shared is None else self._part(rate)
        if rows > part.burst:
            raise self._limited(rate, lease.rows, _GONE_SECONDS)
        missing = rows - lease.rows
        grant = self._buckets.take(name, part, missing, missing + self._most_ahead(part))
        self._settle(lease, rate, missing, grant)
        lease.rows -= rows
        return True

    async def charge(self, name: str, rate: Rate, rows: int) -> None:
        """Does what `charge_at_once` does, and asks Redis where it must."""
        while not self.charge_at_once(name, rate, rows):
            lease = self._leases[name]
            async with lease.asking:
                # Whoever asked before may have taken enough for this one, too.
                if self.charge_at_once(name, rate, rows):
                    return
                await self._ask(lease, name, rate, max(rows, 1))

    async def _ask(self, lease: _Lease, name: str, rate: Rate, rows: int) -> None:
        """Has a lease hold as many rows, of those that replicas share."""
        assert self._shared is not None
        missing = rows - lease.rows
        try:
            grant = await self._shared.take(name, rate, missing, missing + self._most_ahead(rate))
        except GoneError as error:
            self._gone_until = self._clock() + _GONE_SECONDS
            logger.warning("Limits are kept by each replica for itself: %s", error)
        else:
            self._settle(lease, rate, missing, grant)

    def _settle(self, lease: _Lease, rate: Rate, missing: int, grant: Grant) -> None:
        """Adds to a lease what was taken.

        Raises:
            ServingError: `rate_limited`: there was less than is missing.
        """
        now = self._clock()
        if not grant.rows:
            lease.lacking, lease.lacking_until = missing, now + grant.wait
            raise self._limited(rate, grant.left + lease.rows, grant.wait)
        lease.rows += grant.rows
        lease.until = now + _KEPT_SECONDS

    def _limited(self, rate: Rate, left: int, wait: float) -> ServingError:
        """Makes the refusal, with the headers of draft-ietf-httpapi-ratelimit-headers.

        The window of the policy is the time in which an empty bucket fills.
        """
        seconds = max(1, math.ceil(wait))
        window = max(1, math.ceil(rate.burst / rate.rows))
        return ServingError(
            Code.RATE_LIMITED,
            f"The limit of {rate.rows:,.4g} {self._what} a second is reached; try again in "
            f"{wait:.3g} s.",
            headers=[
                ("retry-after", str(seconds)),
                ("ratelimit-policy", f'"rows";q={rate.burst};w={window}'),
                ("ratelimit", f'"rows";r={left};t={seconds}'),
            ],
        )

    def _begin_lease(self, name: str) -> _Lease:
        if len(self._leases) >= self._MOST_LEASES:
            self._leases.clear()
        lease = self._leases[name] = _Lease()
        return lease

    def _part(self, rate: Rate) -> Rate:
        burst = max(1, rate.burst // self._replicas)
        return replace(rate, rows=rate.rows / self._replicas, burst=burst)

    def _most_ahead(self, rate: Rate) -> int:
        return int(rate.rows * self._ahead)


def _too_many(rate: Rate) -> ServingError:
    return ServingError(
        Code.PAYLOAD_TOO_LARGE,
        f"The request has more than {rate.burst:,} rows, the most that whoever asks may send at "
        "once.",
    )
