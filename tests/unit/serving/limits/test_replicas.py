import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from serving.errors import Code, ServingError
from serving.limits.bucket import OwnBuckets, Rate
from serving.limits.limiter import Limiter
from serving.limits.replicas import RedisBuckets
from tests.redis import RedisServer, running
from tests.unit.serving.batching.bench import until
from tests.unit.serving.loops import run

SLOW = Rate(rows=0.01, burst=40)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


class Replica:
    """One machine of four, with one worker."""

    def __init__(self, url: str) -> None:
        self.buckets = RedisBuckets(url)
        own = OwnBuckets(time.monotonic)
        self.limiter = Limiter(own, 1, time.monotonic, self.buckets, replicas=4)

    async def admitted(self, name: str, rate: Rate, requests: int, rows: int = 1) -> int:
        count = 0
        for _ in range(requests):
            with contextlib.suppress(ServingError):
                await self.limiter.charge(name, rate, rows)
                count += 1
        return count


@contextlib.asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[list[Replica]]:
    made = [Replica(url) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            await one.buckets.close()


def test_replicas_together_let_no_more_through(redis: RedisServer) -> None:
    async def check() -> None:
        async with replicas(redis.url, 4) as all_:
            counts = await asyncio.gather(*(one.admitted("a", SLOW, 30) for one in all_))
            assert sum(counts) == SLOW.burst

    run(check)


def test_many_requests_at_once_are_each_charged(redis: RedisServer) -> None:
    async def check() -> None:
        async with replicas(redis.url, 2) as all_:
            asking = [one.admitted("b", SLOW, 1, rows=3) for one in all_ for _ in range(20)]
            assert sum(await asyncio.gather(*asking)) == SLOW.burst // 3

    run(check)


def test_at_a_steady_rate_all_of_it_is_used(redis: RedisServer) -> None:
    rate, seconds = Rate(rows=2_000, burst=100), 1.0

    async def keep_asking(replica: Replica, end: float) -> int:
        count = 0
        while time.monotonic() < end:
            count += await replica.admitted("c", rate, 1)
            await asyncio.sleep(0.000_2)
        return count

    async def check() -> None:
        async with replicas(redis.url, 3) as all_:
            start = time.monotonic()
            counts = await asyncio.gather(*(keep_asking(one, start + seconds) for one in all_))
            elapsed = time.monotonic() - start
            assert sum(counts) <= rate.burst + rate.rows * elapsed + 1
            # What leases lost, and a busy machine did not ask for.
            assert sum(counts) >= 0.5 * rate.rows * seconds

    run(check)


def test_without_redis_each_keeps_to_its_part(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with replicas(redis.url, 2) as all_:
            first, second = all_
            assert await first.admitted("d", SLOW, 5) == 5
            redis.kill()
            try:
                # A quarter each, whatever was used before: nobody can tell.
                assert await first.admitted("d", SLOW, 60) == SLOW.burst // 4
                assert await second.admitted("d", SLOW, 60) == SLOW.burst // 4
                assert not first.limiter.is_shared
            finally:
                redis.start()
            await until(lambda: first.limiter.is_shared)
            assert await first.admitted("e", SLOW, 60) == SLOW.burst
            assert await second.admitted("e", SLOW, 60) == 0

    run(check)

    assert "for itself" in caplog.text


def test_a_request_larger_than_the_part_waits_for_redis(redis: RedisServer) -> None:
    async def check() -> None:
        async with replicas(redis.url, 1) as (one,):
            redis.kill()
            try:
                with pytest.raises(ServingError) as refused:
                    await one.limiter.charge("f", SLOW, 30)
                assert refused.value.code is Code.RATE_LIMITED
            finally:
                redis.start()

    run(check)


def test_a_bucket_that_is_full_leaves_nothing_behind(redis: RedisServer, tmp_path: Path) -> None:
    async def check() -> None:
        buckets = RedisBuckets(redis.url)
        await buckets.take("gone", Rate(rows=1_000, burst=10), 10, 10)
        async with asyncio.timeout(10):
            while await buckets._redis.exists("model-server:rows:gone"):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await buckets.close()

    run(check)
