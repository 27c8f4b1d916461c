"""Which version of a model code sees: that of its batch or its request, else the current one."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from framework import Bundle

Bundles = Mapping[str, Bundle[Any, Any]]
_NONE: Bundles = MappingProxyType({})
_seen: ContextVar[Bundles] = ContextVar("versions", default=_NONE)


class Models(Mapping[str, Bundle[Any, Any]]):
    """The models of a service, by name, each in the version that answers what is being answered.

    A batch is computed by one version from its first row to its last, whatever is served
    meanwhile, and a request that BentoML answers sees the versions that there were when it came.
    To anything else, as to a thread of an author's own, a model is the current version.

    Args:
        loaded: The versions to begin with.
        followed: Names of the models that follow the registry; the others are pinned.
    """

    def __init__(self, loaded: Bundles, followed: frozenset[str] = frozenset()) -> None:
        self.current = dict(loaded)
        self.followed = followed

    def __getitem__(self, name: str) -> Bundle[Any, Any]:
        """Returns a model."""
        seen = _seen.get()
        return seen[name] if name in seen else self.current[name]

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names."""
        return iter({**self.current, **_seen.get()})

    def __len__(self) -> int:
        """Returns how many there are."""
        return len({**self.current, **_seen.get()})

    def replace(self, name: str, bundle: Bundle[Any, Any] | None) -> None:
        """Makes another version the current one, or none."""
        # As a whole: those who see the earlier ones go on to.
        others = {one: found for one, found in self.current.items() if one != name}
        self.current = others if bundle is None else {**others, name: bundle}

    def keep_for_request(self) -> None:
        """Has what follows in this context see the versions of this moment."""
        _seen.set(self.current)


def computed_by(bundle: Bundle[Any, Any], function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function that sees this version of a model, wherever it is run.

    Args:
        bundle: The version.
        function: A plain function or a coroutine function; so is what is returned.
    """
    seen = {bundle.model.name: bundle}
    if inspect.iscoroutinefunction(function):

        async def compute_async(rows: Any) -> Any:
            token = _seen.set(seen)
            try:
                return await function(rows)
            finally:
                _seen.reset(token)

        return compute_async

    def compute(rows: Any) -> Any:
        token = _seen.set(seen)
        try:
            return function(rows)
        finally:
            _seen.reset(token)

    return compute
