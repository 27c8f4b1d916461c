"""Which version of a model code sees, wherever it runs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from serving.versions import Models, computed_by
from tests.unit.serving.http.test_endpoint import BUNDLE

NAME = BUNDLE.model.name
OLD, NEW = (replace(BUNDLE, tag=f"{NAME}:{version}") for version in ("old", "new"))


@pytest.fixture
def models() -> Models:
    """The models, of which the old version is the current one."""
    return Models({NAME: OLD})


def test_a_batch_is_computed_by_its_own_version(models: Models) -> None:
    def tag(_: Any) -> str:
        return models[NAME].tag

    async def tags(_: Any) -> list[str]:
        before = models[NAME].tag
        await asyncio.sleep(0)
        return [before, models[NAME].tag]

    async def run(compute: Callable[[Any], Any]) -> list[str]:
        waiting = asyncio.create_task(compute([]))
        await asyncio.sleep(0)
        models.replace(NAME, NEW)
        found: list[str] = await waiting
        return found

    assert computed_by(NEW, tag)([]) == NEW.tag
    assert models[NAME] is OLD
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(computed_by(NEW, tag), []).result() == NEW.tag
        assert threads.submit(tag, []).result() == OLD.tag
    assert asyncio.run(run(computed_by(OLD, tags))) == [OLD.tag, OLD.tag]
    assert models[NAME] is NEW


def test_a_failing_batch_leaves_nothing_behind(models: Models) -> None:
    def fail(_: Any) -> None:
        raise ValueError(models[NAME].tag)

    with pytest.raises(ValueError, match="new"):
        computed_by(NEW, fail)([])
    assert models[NAME] is OLD


def test_a_request_sees_the_versions_of_its_begin(models: Models) -> None:
    async def request() -> list[str]:
        models.keep_for_request()
        models.replace(NAME, NEW)
        inside = await asyncio.to_thread(lambda: models[NAME].tag)
        # A batch that it waits for is another one's affair.
        return [models[NAME].tag, inside, computed_by(NEW, lambda _: models[NAME].tag)([])]

    async def run() -> None:
        assert await asyncio.create_task(request()) == [OLD.tag, OLD.tag, NEW.tag]
        assert models[NAME] is NEW

    asyncio.run(run())


def test_a_request_that_began_without_a_model_goes_on_without(models: Models) -> None:
    async def request() -> None:
        models.keep_for_request()
        models.replace(NAME, NEW)
        assert NAME not in models
        assert list(models) == []

    async def run() -> None:
        models.replace(NAME, None)
        await asyncio.create_task(request())
        assert models[NAME] is NEW

    asyncio.run(run())


def test_what_is_unloaded_is_not_there(models: Models) -> None:
    models.replace(NAME, None)

    assert list(models) == []
    assert len(models) == 0
    assert NAME not in models
    assert computed_by(OLD, lambda _: list(models))([]) == [NAME]
