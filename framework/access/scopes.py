"""Scopes: what a credential allows, `<model>:<action>` or one of a few areas of the server."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

AREAS = {
    "models:read": "what is told of every model",
    "feedback:write": "labels",
    "registry:write": "which version of a model serves",
    "metrics:read": "the metrics",
    "page:read": "the pages and the OpenAPI document",
}
"""Scopes that belong to no model, and what each allows."""

PREDICT, READ = "predict", "read"
"""Actions by which a model is asked, and asked about."""

USAGE = f"<model>:predict, <model>:explain, <model>:read, {', '.join(AREAS)}; * is any of them"
"""The scopes, for people."""

_SCOPE = re.compile(r"(\*|[a-z][a-z0-9_.-]*):(\*|[a-z][a-z0-9_./-]*)")
_MAX_LENGTH = 128
_EVERYTHING = "*:*"
# Held by everybody, and by whoever may read of any model; nobody can be given them.
_KNOWN, _READER = "somebody", "reader"
_MODEL = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Need:
    """What a request needs.

    Attributes:
        name: The least scope that allows it, as a refusal tells it.
        accepted: Scopes of which each allows it.
    """

    name: str
    accepted: frozenset[str]

    @classmethod
    def of(cls, scope: str) -> "Need":
        """Makes the need of an area's scope."""
        area, _, action = scope.partition(":")
        return cls(scope, frozenset({scope, f"{area}:*", f"*:{action}", _EVERYTHING}))

    @classmethod
    def to(cls, action: str, model: str) -> "Need":
        """Makes the need to do something with a model, `predict` or `read`.

        A name that no model can have is told to nobody: only whoever may ask for any is.
        """
        need = cls.of(f"{model if _MODEL.fullmatch(model) else '*'}:{action}")
        if action != READ:
            return need
        return cls(need.name, need.accepted | cls.of("models:read").accepted)

    @classmethod
    def of_route(cls, route: str) -> "Need":
        """Makes the need of an API or a mounted application: `/wine/predict` → `wine:predict`."""
        area, _, action = route.strip("/").partition("/")
        scope = f"{area}:{action or 'call'}"
        return cls.of(scope) if _SCOPE.fullmatch(scope) else EVERYTHING


EVERYTHING = Need(_EVERYTHING, frozenset({_EVERYTHING}))
"""What is needed for whatever nobody has thought of."""

READER = Need("models:read", frozenset({_READER}))
"""What is needed for lists of models, which hold no others than may be read."""

KNOWN = Need("", frozenset({_KNOWN}))
"""What everybody has who is known: the rest is decided when it is known what is asked for."""


def require_scope(scope: str) -> str:
    """Returns a scope that is one, `*` in full.

    Raises:
        ValueError: It is none.
    """
    if scope == "*":
        return _EVERYTHING
    if len(scope) > _MAX_LENGTH or not _SCOPE.fullmatch(scope):
        raise ValueError(f"{scope[:_MAX_LENGTH]!r} is no scope; there are {USAGE}")
    return scope


def granted(scopes: Iterable[str]) -> frozenset[str]:
    """Returns what a credential with these scopes has, to be compared with `Need.accepted`."""
    found = frozenset(scopes)
    reads = any(
        scope.endswith((":read", ":*")) and (scope not in AREAS or scope == "models:read")
        for scope in found
    )
    return found | {_KNOWN, _READER} if reads else found | {_KNOWN}
