"""Versions that are loaded while others serve, for as long as that may take."""

import asyncio
from concurrent.futures import Future
from threading import Thread
from typing import Any

from framework import Bundle, Model, ModelRefusedError
from serving.served import load_version
from serving.settings.spelling import PREFIX


async def load_beside(model: Model[Any, Any], tag: str, seconds: float) -> Bundle[Any, Any]:
    """Loads a version in a thread of its own; see `load_version`.

    Nothing ends a thread from outside: one that never returns keeps what it holds, but nobody waits
    for it, here or when the worker ends.

    Args:
        model: The definition.
        tag: Exact tag of the version.
        seconds: How long it may take.

    Raises:
        ModelRefusedError: It must not serve, or it takes longer.
    """
    loaded: Future[Bundle[Any, Any]] = Future()

    def load() -> None:
        # From now on it is not cancelled, however long others wait.
        loaded.set_running_or_notify_cancel()
        try:
            loaded.set_result(load_version(model, tag))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is its caller's
            loaded.set_exception(error)

    Thread(target=load, name=f"load {tag}", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(loaded)
    except TimeoutError:
        raise ModelRefusedError(
            f"Model {tag} was not loaded within {seconds:g} s ({PREFIX}LOAD_SECONDS): promote it "
            "again once what it waits for is there, or with more time."
        ) from None
