"""The model repository: what a server is told to serve."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from framework.servers import ModelState, ServerFolder, Target
from serving.access.principal import Principal
from serving.errors import Code, ServingError
from serving.open_inference.promotion import promote
from serving.open_inference.triton import ModelIndex
from serving.served import find, pin_of
from serving.settings.spelling import PREFIX

if TYPE_CHECKING:
    # Which makes endpoints, of routes that have this one among them.
    from serving.takeover import Takeover

OFFERED_BY = f"{PREFIX}REPOSITORY"
_LOOK_SECONDS = 0.05
T = TypeVar("T", bound=BaseModel)


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LoadParameters(_Parameters):
    """What is to be loaded."""

    version: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$",
        max_length=63,
        description="Exact version, which is promoted; if none is given, the champion is loaded.",
    )

    @field_validator("version")
    @classmethod
    def _is_exact(cls, version: str | None) -> str | None:
        if version == "latest":
            raise ValueError("an exact version is wanted")
        return version


class UnloadParameters(_Parameters):
    """What Triton's client says beside."""

    unload_dependents: bool = Field(
        default=False, description="Has no meaning: models do not depend on each other."
    )


class LoadRequest(BaseModel):
    """What is to be loaded."""

    parameters: LoadParameters = LoadParameters()


class UnloadRequest(BaseModel):
    """That a model is to be unloaded."""

    parameters: UnloadParameters = UnloadParameters()


class IndexRequest(BaseModel):
    """Which models are to be listed."""

    ready: bool = Field(default=False, description="Only those that are ready.")


def read(kind: type[T], content: bytes | Mapping[str, Any]) -> T:
    """Returns a request, of JSON or of a message's parameters; nothing stands for an empty one.

    Raises:
        ServingError: `invalid_input`.
    """
    try:
        if isinstance(content, bytes):
            return kind.model_validate_json(content or b"{}")
        return kind.model_validate(content)
    except ValidationError as error:
        raise ServingError.from_validation(error) from None


class Repository:
    """Loads and unloads models in all workers of a server; used on one worker's event loop.

    An order holds until the next one, or until the registry's champion changes.

    Args:
        takeover: What this worker serves.
        names: The service's models.
        offered: Whether orders are taken.
        seconds: How long workers may take.
    """

    def __init__(
        self, takeover: "Takeover", names: Mapping[str, object], *, offered: bool, seconds: float
    ) -> None:
        self._takeover = takeover
        self._names = names
        self._offered = offered
        self._seconds = seconds
        self._promoting = asyncio.Lock()

    def others(self, principal: Principal) -> list[ModelIndex]:
        """Versions that are loaded or were refused, and models that are unloaded.

        Args:
            principal: Who asks, and is told of no others than they may be.
        """
        found = []
        for name, state in self._takeover.states.items():
            if not principal.sees(name):
                continue
            wanted = str(state.target.tag) if state.target else ""
            index = ModelIndex(
                name=name,
                version=wanted.partition(":")[2],
                state=state.state,
                reason=state.reason,
            )
            if state.state != "READY":
                found.append(index)
            elif state.tag is None:
                gone = {"version": "", "state": "UNAVAILABLE", "reason": "unloaded"}
                found.append(index.model_copy(update=gone))
        return found

    async def load(self, name: str, request: LoadRequest, who: str) -> None:
        """Has all workers serve a version of a model, and waits until they do.

        Another version than the champion becomes it, if the registry lets it.

        Args:
            name: Name of the model.
            request: Which version.
            who: Id of who asks, for the history; empty if nobody knows.

        Raises:
            ServingError: They do not; what was served before still is.
        """
        folder = self._folder(name)
        version = request.parameters.version
        if name not in self._takeover.states:
            self._require_pinned(name, version)
            return
        champion = self._takeover.champion(name)
        if version in (None, champion.partition(":")[2]):
            await self._order(folder, name, champion)
        else:
            await self._promote(f"{name}:{version}", who)

    async def _promote(self, tag: str, who: str) -> None:
        # Each is a process of its own.
        if self._promoting.locked():
            raise ServingError(
                Code.REFUSED, "Another version is being promoted here; wait for what becomes of it."
            )
        async with self._promoting:
            by = f" by {who}" if who else ""
            await promote(tag, f"loaded over Open Inference{by}", self._seconds)

    async def unload(self, name: str, _: UnloadRequest) -> None:
        """Has no worker serve a model, and waits until none does.

        Raises:
            ServingError: Some still do.
        """
        folder = self._folder(name)
        if name not in self._takeover.states:
            raise ServingError(
                Code.REFUSED, f"Model {name} is pinned: {pin_of(name)} has to be taken away first."
            )
        await self._order(folder, name, None)

    def _folder(self, name: str) -> ServerFolder:
        if not self._offered:
            raise ServingError(
                Code.FORBIDDEN, f"Loading and unloading is switched off: {OFFERED_BY} allows it."
            )
        find(self._names, name, "model")
        if self._takeover.folder is None:
            raise ServingError(
                Code.UNAVAILABLE, "The workers cannot be told: BentoML's home cannot be written."
            )
        return self._takeover.folder

    def _require_pinned(self, name: str, version: str | None) -> None:
        """Lets a model that is pinned be loaded as what it is."""
        served = self._takeover.pinned(name)
        if version not in (None, served.partition(":")[2]):
            raise ServingError(
                Code.REFUSED,
                f"Model {name} is pinned to {served}: {pin_of(name)} has to be taken away first.",
            )

    async def _order(self, folder: ServerFolder, name: str, tag: str | None) -> None:
        event = self._takeover.event(name)
        target = folder.order(name, tag, event)
        try:
            async with asyncio.timeout(self._seconds):
                while (refused := _refused(states := folder.states(name), target)) is None:
                    if all(_follows(state, target) for state in states):
                        return
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            late = sum(not _follows(state, target) for state in states)
            message = (
                f"{late} of {len(states)} workers have not followed within {self._seconds:g} s; "
                "they still try."
            )
            raise ServingError(Code.DEADLINE_EXCEEDED, message) from None
        folder.order(name, refused.tag, event)
        raise ServingError(Code.REFUSED, refused.reason)


def _refused(states: list[ModelState], target: Target) -> ModelState | None:
    told = (one for one in states if one.target == target and one.state == "UNAVAILABLE")
    return next(told, None)


def _follows(state: ModelState, target: Target) -> bool:
    """Whether a worker has done what it was told, or something later."""
    now = state.target
    if now is None or state.state == "LOADING":
        return False
    return now.order >= target.order or now.event > target.event


def required(repository: Repository | None) -> Repository:
    """Returns what loads and unloads.

    Raises:
        ServingError: `forbidden`: nothing does.
    """
    if repository is None:
        raise ServingError(Code.FORBIDDEN, "The models of this service are pinned.")
    return repository
