"""The limits that the settings want."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from framework.access.key_file import Credential
from serving.limits.allowance import Allowance
from serving.limits.bucket import Buckets, OwnBuckets, Rate
from serving.limits.limiter import Limiter
from serving.limits.shared import SharedBuckets
from serving.settings import Settings

if TYPE_CHECKING:
    from serving.limits.replicas import RedisBuckets

_FILE = "limits"


class Limits:
    """How much may be asked for, in this worker.

    Args:
        settings: What they say of it.

    Raises:
        OSError: The file that workers share cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        clock = time.monotonic
        buckets: Buckets = OwnBuckets(clock)
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if settings.workers > 1 and folder:
            buckets = SharedBuckets(Path(folder) / _FILE, clock)
        self._redis = _redis_of(settings)
        self._limiter = Limiter(buckets, settings.workers, clock, self._redis, settings.replicas)
        self._usual = Rate.of(settings.rate, settings.burst)
        self._most_requests = settings.client_requests
        attempts = settings.failed_attempts
        self._attempts = Rate.of(attempts / 60, attempts) if attempts else None
        # Guesses cost next to nothing, and are counted where they are made.
        self._failures = Limiter(OwnBuckets(clock), 1, clock, what="failed attempts")

    def allow(self, one: Credential) -> Allowance | None:
        """Returns how much the owner of a credential may ask for; None: as much as they want."""
        return self._allowance(one.id, Rate.of(one.rate, one.burst) or self._usual)

    def allow_usual(self, own_id: str) -> Allowance | None:
        """Returns how much a caller may ask for that has no limits of its own."""
        return self._allowance(own_id, self._usual)

    def _allowance(self, own_id: str, rate: Rate | None) -> Allowance | None:
        if rate is None and not self._most_requests:
            return None
        return Allowance(self._limiter, own_id, rate, self._most_requests)

    def fail(self, address: str) -> None:
        """Counts an attempt to be let in that failed.

        Raises:
            ServingError: `rate_limited`: there were too many from this address.
        """
        if self._attempts is not None:
            self._failures.charge_at_once(address, self._attempts, 1)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        if self._redis is not None:
            await self._redis.close()


def _redis_of(settings: Settings) -> "RedisBuckets | None":
    if not settings.redis:
        return None
    # Its client takes memory.
    from serving.limits.replicas import RedisBuckets

    return RedisBuckets(settings.redis)
