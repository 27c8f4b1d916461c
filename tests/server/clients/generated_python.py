"""Calls operations by a client that openapi-python-client generated; run in its environment.

Reads from standard input what to call, and writes what came back.
"""

import importlib
import inspect
import json
import sys
from typing import Any, get_type_hints

URL, FOLDER = sys.argv[1:3]
sys.path.insert(0, FOLDER)

Client: Any = importlib.import_module("generated").Client


def called(client: Any, operation: dict[str, Any]) -> list[Any]:
    module = importlib.import_module(f"generated.api.{operation['tag']}.{operation['id']}")
    taken = inspect.signature(module.sync_detailed).parameters
    given = {**operation["path"], **operation["query"]}
    # Python's own names get an underscore.
    arguments = {name if name in taken else f"{name}_": one for name, one in given.items()}
    if operation["body"] is not None:
        body_type = get_type_hints(module.sync_detailed)["body"]
        arguments["body"] = body_type.from_dict(operation["body"])
    answer = module.sync_detailed(client=client, **arguments)
    return [int(answer.status_code), plain(answer.parsed)]


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


with Client(base_url=URL) as connected:
    json.dump([called(connected, one) for one in json.load(sys.stdin)], sys.stdout)
