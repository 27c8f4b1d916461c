"""Which version of a model code sees: that of its batch or its request, else the current one."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

from framework import Bundle

Bundles = Mapping[str, Bundle[Any, Any]]


class _Seen(NamedTuple):
    """What code sees in place of the current versions.

    Attributes:
        versions: The versions, by name.
        are_all: Whether these are all that there are to it; if not, others are the current ones.
    """

    versions: Bundles
    are_all: bool


_CURRENT = _Seen(MappingProxyType({}), are_all=False)
_seen: ContextVar[_Seen] = ContextVar("versions", default=_CURRENT)


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
        self._names = tuple(loaded)

    def __getitem__(self, name: str) -> Bundle[Any, Any]:
        """Returns a model."""
        seen, are_all = _seen.get()
        return seen[name] if are_all or name in seen else self.current[name]

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names."""
        return iter(self._visible)

    def __len__(self) -> int:
        """Returns how many there are."""
        return len(self._visible)

    @property
    def _visible(self) -> Bundles:
        seen, are_all = _seen.get()
        return seen if are_all else {**self.current, **seen}

    @property
    def known(self) -> Mapping[str, Bundle[Any, Any] | None]:
        """The models, and None for each that is unloaded."""
        return {name: self.get(name) for name in self._names}

    def replace(self, name: str, bundle: Bundle[Any, Any] | None) -> None:
        """Makes another version the current one, or none."""
        # As a whole: those who see the earlier ones go on to.
        others = {one: found for one, found in self.current.items() if one != name}
        self.current = others if bundle is None else {**others, name: bundle}

    def keep_for_request(self) -> None:
        """Has what follows in this context see the versions of this moment."""
        _seen.set(_Seen(self.current, are_all=True))


def computed_by(bundle: Bundle[Any, Any], function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function that sees this version of a model, wherever it is run.

    Args:
        bundle: The version.
        function: A plain function or a coroutine function; so is what is returned.
    """
    seen = _Seen({bundle.model.name: bundle}, are_all=False)
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
