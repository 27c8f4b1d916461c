"""A conversation of Connect's own client for Python; run in an environment of its own.

Arguments: URL, module of the messages, full name of the service, name of its method. Standard
input: requests as protobuf's JSON. Standard output: of each, in each form, the answer as protobuf's
JSON or the refusal.
"""

import importlib.util
import json
import sys
from typing import Any

from connectrpc.client import ConnectClientSync
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo
from google.protobuf.json_format import MessageToDict, ParseDict

URL, MODULE, SERVICE, METHOD = sys.argv[1:]


def messages() -> Any:
    spec = importlib.util.spec_from_file_location("messages", MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(client: ConnectClientSync, method: MethodInfo[Any, Any], body: Any) -> dict[str, Any]:
    request = ParseDict(body, method.input())
    try:
        answer = client.execute_unary(request=request, method=method, timeout_ms=30_000)
    except ConnectError as error:
        return {"code": error.code.value, "message": error.message, "details": len(error.details)}
    return MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


module = messages()
name = SERVICE.rpartition(".")[2]
described = module.DESCRIPTOR.services_by_name[name].methods_by_name[METHOD]
asked = MethodInfo(
    name=METHOD,
    service_name=SERVICE,
    input=getattr(module, described.input_type.name),
    output=getattr(module, described.output_type.name),
    idempotency_level=IdempotencyLevel.UNKNOWN,
)
bodies = json.load(sys.stdin)
answers = []
for is_json in (False, True):
    with ConnectClientSync(URL, proto_json=is_json) as client:
        answers += [said(client, asked, body) for body in bodies]
print(json.dumps(answers))
