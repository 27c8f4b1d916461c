"""What one caller is allowed."""

from serving.errors import Code, ServingError
from serving.limits.bucket import Rate
from serving.limits.limiter import Limiter

_RETRY_SECONDS = "1"


class Allowance:
    """How many rows a caller may ask for, and how many requests at the same time.

    Args:
        limiter: Charges for rows.
        name: Name of the caller's bucket.
        rate: What it allows; None: rows without limit.
        most_requests: Requests that a worker answers at the same time; 0: any number.
    """

    __slots__ = ("_limiter", "_most_requests", "_name", "_rate", "_under_way")

    def __init__(
        self, limiter: Limiter, name: str, rate: Rate | None, most_requests: int = 0
    ) -> None:
        self._limiter = limiter
        self._name = name
        self._rate = rate
        self._most_requests = most_requests
        self._under_way = 0

    def begin(self) -> None:
        """Takes a request on, which has to be ended with `end`.

        Raises:
            ServingError: `rate_limited`: there are too many at the same time.
        """
        if self._most_requests and self._under_way >= self._most_requests:
            raise ServingError(
                Code.RATE_LIMITED,
                f"{self._most_requests} requests of this key are being answered, the most at the "
                "same time; try again when one has been.",
                headers=[("retry-after", _RETRY_SECONDS)],
            )
        self._under_way += 1

    def end(self) -> None:
        """Ends a request."""
        self._under_way -= 1

    def charge_at_once(self, rows: int) -> bool:
        """Charges for rows, if that needs no waiting; see `Limiter.charge_at_once`."""
        return self._rate is None or self._limiter.charge_at_once(self._name, self._rate, rows)

    async def charge(self, rows: int) -> None:
        """Charges for rows; see `Limiter.charge`."""
        if self._rate is not None:
            await self._limiter.charge(self._name, self._rate, rows)
