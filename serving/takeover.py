"""What a worker should serve, taken over without a restart."""

import asyncio
import contextlib
import logging
import os
from typing import Any

from framework import Bundle, ModelRefusedError
from framework.adapters.bentoml import home_folder
from framework.files import file_state
from framework.pointer import CHAMPION, FILE, SHARED, Alias, Pointer, Standing, read_pointer
from framework.servers import (
    BesideState,
    ModelState,
    Orders,
    Progress,
    Target,
    WorkerState,
    server_folders,
)
from serving.champions import pointer
from serving.deployment import Beside
from serving.loading import load_beside
from serving.metrics import Metrics
from serving.siblings import server_folder
from serving.swaps import Swaps
from serving.versions import Models

logger = logging.getLogger("bentoml.serving")

LOOK_SECONDS = 0.25
"""Time between two looks at what the registry, and the server itself, are told to serve."""


class Takeover:
    """Has a worker serve what it should, which may change at any time.

    A version is loaded and checked in a thread, while the one before serves. One that is refused
    leaves that one serving. What a worker serves and what it was refused for, it tells in a file
    (`framework.servers`).

    Args:
        models: The models of the service.
        swaps: Has versions answer; used on the event loop.
        metrics: Counts what was taken over and what refused.
        load_seconds: How long loading a version may take.

    Attributes:
        states: What is served of each model that is not pinned, by name.
        folder: Where the workers tell; None if they cannot.
    """

    def __init__(self, models: Models, swaps: Swaps, metrics: Metrics, load_seconds: float) -> None:
        self._models = models
        self._load_seconds = load_seconds
        self._swaps = swaps
        self._beside: dict[str, dict[Alias, Standing]] = {}
        self._metrics = metrics
        self._followed = {
            name: bundle.model for name, bundle in models.current.items() if name in models.followed
        }
        for name in self._followed:
            metrics.follows(name)
        self.states = {name: ModelState(tag=models.current[name].tag) for name in self._followed}
        self._latest = {name: str(state.tag) for name, state in self.states.items()}
        self._pointer, self._orders = Pointer(), Orders()
        self._seen: list[tuple[int, ...]] = []
        self._home = home_folder()
        self._name = str(os.getpid())
        self.folder = server_folder()
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watches from now on; to be called on the event loop."""
        if not self._followed:
            return
        for one in server_folders(self._home):
            one.remove_if_forgotten()
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self.folder.join(self._name)
        self._tell()
        self._watching = asyncio.create_task(self._watch())

    def pinned(self, name: str) -> str:
        """Returns the tag of a model that is pinned."""
        return self._models.current[name].tag

    def event(self, name: str) -> int:
        """Returns the number of the registry's event that has made a model's champion; 0: none."""
        champion = pointer().standing(name, CHAMPION)
        return champion.event if champion else 0

    def champion(self, name: str) -> str:
        """Returns the tag of a model's champion, or of what was served last if there is none."""
        champion = pointer().standing(name, CHAMPION)
        return champion.tag if champion else self._latest[name]

    def end(self) -> None:
        """Takes nothing over any more."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            self._read_news()
            for name in self._followed:
                target, state = self._target(name), self.states[name]
                # What was given up while it was loaded may be wanted again.
                is_new = target != state.target or state.state == "LOADING"
                if target is not None and is_new:
                    await self._follow(name, target)
                await self._follow_beside(name)
            await asyncio.sleep(LOOK_SECONDS)

    def _read_news(self) -> None:
        """Reads what the registry and the server are told, if that has changed."""
        paths = [self._home / FILE]
        if self.folder is not None:
            paths.append(self.folder.orders_file)
        seen = [file_state(path) for path in paths]
        if seen == self._seen:
            return
        self._seen = seen
        if self.folder is not None:
            self._orders = self.folder.orders()
        try:
            self._pointer = read_pointer(self._home)
        except ModelRefusedError as error:
            logger.warning("What was served before still is: %s", error)

    def _target(self, name: str) -> Target | None:
        """What is to be served of a model; None as long as nobody says."""
        champion = self._pointer.standing(name, CHAMPION)
        event = champion.event if champion else 0
        order = self._orders.models.get(name)
        if order is not None and order.event == event:
            return order
        if champion is None:
            return self.states[name].target
        return Target(tag=champion.tag, event=event)

    async def _follow(self, name: str, target: Target) -> None:
        served = self.states[name].tag
        if target.tag is None:
            self._swaps.serve(name, None)
            logger.info("Model %s is unloaded", served)
        elif target.tag != served:
            self._tell_of(name, served, target, "LOADING")
            try:
                bundle = await load_beside(self._followed[name], target.tag, self._load_seconds)
                self._read_news()
                if self._target(name) != target:
                    # Something else is wanted by now, and is looked at next.
                    return
                self._swaps.serve(name, bundle)
            except ModelRefusedError as error:
                self._refuse(name, target, str(error))
                return
            except Exception as error:
                logger.exception("Model %s cannot be taken over", target.tag)
                self._refuse(name, target, f"{target.tag}: {type(error).__name__}: {error}")
                return
            self._latest[name] = target.tag
            self._metrics.tried(name, "taken_over")
            logger.info("Model %s serves in place of %s", target.tag, served)
        self._tell_of(name, target.tag, target)

    async def _follow_beside(self, name: str) -> None:
        """Has a canary and a shadow answer their share, if the registry says so."""
        standings = {alias: self._pointer.standing(name, alias) for alias in SHARED}
        wanted = {alias: found for alias, found in standings.items() if found is not None}
        if wanted == self._beside.get(name, {}):
            return
        self._beside[name] = wanted
        loaded: dict[Alias, tuple[Bundle[Any, Any], float]] = {}
        reasons: dict[Alias, str] = {}
        for alias, standing in wanted.items():
            if not standing.share:
                continue
            try:
                bundle = await self._load_beside(name, alias, standing.tag)
                loaded[alias] = bundle, standing.share
            # Whatever it is, the champion goes on.
            except Exception as error:  # noqa: BLE001
                reasons[alias] = str(error) or type(error).__name__
                self._metrics.tried(name, "refused")
                logger.error("%s answers nothing beside the champion: %s", standing.tag, error)
        try:
            self._swaps.serve_beside(name, Beside(loaded.get("canary"), loaded.get("shadow")))
        except Exception as error:
            logger.exception("Nothing can be served beside %s", name)
            reasons |= dict.fromkeys(loaded, f"{type(error).__name__}: {error}")
        told = {
            alias: BesideState(event=standing.event, reason=reasons.get(alias, ""))
            for alias, standing in wanted.items()
        }
        self._tell(name, self.states[name].model_copy(update={"beside": told}))

    async def _load_beside(self, name: str, alias: Alias, tag: str) -> Bundle[Any, Any]:
        if alias == "shadow" and not self._swaps.records:
            raise ModelRefusedError(
                "Its answers need a record to be kept in (MODEL_SERVER_RECORD)."
            )
        bundle = await load_beside(self._followed[name], tag, self._load_seconds)
        self._metrics.tried(name, "taken_over")
        return bundle

    def _refuse(self, name: str, target: Target, reason: str) -> None:
        served = self.states[name].tag
        self._metrics.tried(name, "refused")
        logger.error("%s still serves: %s", served, reason)
        self._tell_of(name, served, target, "UNAVAILABLE", reason)

    def _tell_of(
        self,
        name: str,
        tag: str | None,
        target: Target,
        state: Progress = "READY",
        reason: str = "",
    ) -> None:
        beside = self.states[name].beside
        told = ModelState(tag=tag, target=target, state=state, reason=reason, beside=beside)
        self._tell(name, told)

    def _tell(self, name: str = "", state: ModelState | None = None) -> None:
        if state is not None:
            self.states[name] = state
        if self.folder is not None:
            try:
                self.folder.write(self._name, WorkerState(models=self.states))
            except OSError as error:
                logger.warning("Nobody is told what this worker serves: %s", error)
