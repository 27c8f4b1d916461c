"""What the OpenAPI document of a locked server says of who may ask."""

from collections.abc import Callable
from typing import Any

from framework.access.scopes import Need

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


def describe_access(document: dict[str, Any], need_of: Callable[[str], Need | None]) -> None:
    """Adds how to show who asks, and which operations want it.

    Args:
        document: The document.
        need_of: What a path needs.
    """
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    document["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in document["paths"].items():
        if need_of(path) is None:
            for operation in operations.values():
                operation["security"] = []
