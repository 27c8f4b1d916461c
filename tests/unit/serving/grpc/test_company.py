"""Concurrent calls wait for each other; a few calls wait for nobody."""

import asyncio

import pytest

from serving.grpc import company as company_module
from serving.grpc.company import COMPANY, VAIN_WAITS, Company


async def wave(company: Company, size: int) -> None:
    """Has calls come at once."""
    await asyncio.gather(*(company.wait() for _ in range(size)))


def test_concurrent_calls_go_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_module, "JOIN_SECONDS", 0.05)
    gone_on: list[int] = []

    async def run() -> None:
        company, came = Company(), 0

        async def call(turns: int) -> None:
            nonlocal came
            for _ in range(turns):
                await asyncio.sleep(0)
            came += 1
            await company.wait()
            gone_on.append(came)

        for _ in range(VAIN_WAITS + 1):
            came = 0
            await asyncio.gather(*(call(turns) for turns in range(COMPANY)))

    asyncio.run(run())
    assert gone_on == [COMPANY] * COMPANY * (VAIN_WAITS + 1)


@pytest.mark.parametrize("size", [1, 2, COMPANY - 1])
def test_a_few_calls_wait_for_nobody(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    async def run() -> None:
        company = Company()
        monkeypatch.setattr(company_module, "JOIN_SECONDS", 0.001)
        for _ in range(VAIN_WAITS):
            await wave(company, size)
        monkeypatch.setattr(company_module, "JOIN_SECONDS", 3_600)
        for _ in range(10):
            await asyncio.wait_for(wave(company, size), 10)

    asyncio.run(run())


def test_it_is_looked_for_again_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_module, "JOIN_SECONDS", 0.001)
    monkeypatch.setattr(company_module, "CALLS_BETWEEN_LOOKS", 3)

    async def run() -> None:
        company = Company()
        for _ in range(VAIN_WAITS):
            await wave(company, 1)
        await wave(company, 3)
        again = asyncio.ensure_future(company.wait())
        await asyncio.sleep(0)
        assert not again.done()
        await again

    asyncio.run(run())


def test_a_call_that_is_cancelled_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_module, "JOIN_SECONDS", 0.01)

    async def run() -> None:
        company = Company()
        first, second = (asyncio.ensure_future(company.wait()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait_for(second, 10)
        assert first.cancelled()

    asyncio.run(run())
