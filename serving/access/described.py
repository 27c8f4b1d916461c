"""What the OpenAPI document of a locked server says of who may ask."""

from collections.abc import Callable
from typing import Any

from framework.access.scopes import Need
from serving.errors import Code

_SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a token of the issuer that the server trusts.",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same, where a proxy needs the other header for itself.",
    },
}


_REFUSALS = (Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.RATE_LIMITED)


def describe_access(document: dict[str, Any], need_of: Callable[[str], Need | None]) -> None:
    """Adds how to show who asks, which operations want it, and how they refuse.

    Args:
        document: The document.
        need_of: What a path needs.
    """
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    document["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in document["paths"].items():
        is_public = need_of(path) is None
        for operation in operations.values():
            if is_public:
                operation["security"] = []
            else:
                operation["responses"] |= _refusals(operation["responses"])


def _refusals(responses: dict[str, Any]) -> dict[str, Any]:
    """Returns the answers to whoever is not let in, in the form of an operation's other errors."""
    content = responses.get("default", {}).get("content")
    told = {"content": content} if content else {}
    return {str(one.status): {"description": one.sentence, **told} for one in _REFUSALS}
