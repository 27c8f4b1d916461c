"""Buckets that the replicas of a server share, in Redis."""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from serving.limits.bucket import GoneError, Grant, Rate

TIMEOUT_SECONDS = 0.25
"""How long Redis may take to answer, or to be reached."""

_PREFIX = "model-server:rows:"

# `serving.limits.bucket.take`, by the clock of Redis. Answers the rows taken, those left, and the
# microseconds until there are enough. A bucket that is full is of no account, and goes away.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local least, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local begin = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local available = burst - (begin - now) * rate
local whole = math.floor(available + 0.000001)
if whole < least then
    return {0, whole, math.ceil((least - available) / rate * 1000000)}
end
local rows = math.min(whole, most)
local full = begin + rows / rate
redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000))
return {rows, whole - rows, 0}
"""


class RedisBuckets:
    """Buckets in Redis; more than one client may take from each.

    Args:
        url: Where Redis is, `redis://` or `rediss://` with what it takes to be let in.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._take = self._redis.register_script(_TAKE)

    async def take(self, name: str, rate: Rate, least: int, most: int) -> Grant:
        """See `serving.limits.bucket.Buckets`.

        Raises:
            GoneError: Redis did not answer in time, or with an error.
        """
        arguments = (rate.rows, rate.burst, least, most)
        try:
            rows, left, microseconds = await self._take(keys=[_PREFIX + name], args=arguments)
        except (RedisError, OSError) as error:
            raise GoneError(f"Redis: {error}") from error
        return Grant(rows, left, microseconds / 1e6)

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()
