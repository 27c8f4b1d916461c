"""Typed services: a service's APIs under the messages of its `.proto` files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pydantic
from bentoml.exceptions import BentoMLConfigException
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from framework.adapters.bentoml import APIMethod, declared_type
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction, is_batchable_list
from serving.beside import MANY_ROWS, write_beside
from serving.codecs.protobuf import MessageCodec
from serving.errors import ServingError
from serving.grpc.calls import Call, Handler
from serving.grpc.conversion import misfits
from serving.grpc.wire import Parser, counted

# Fields of a request message that the server may not know.
_UNKNOWN_FIELDS = 100
Apis = Mapping[str, APIMethod[..., Any]]


@dataclass(frozen=True)
class RpcService:
    """A gRPC service to offer: what the server needs of it."""

    descriptor: ServiceDescriptor
    handlers: Mapping[str, Handler]
    """What answers each method, by its name in the descriptor."""

    model_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the models behind the methods, by name, where each has but one."""

    parsers: Mapping[str, Parser] = field(default_factory=dict)
    """What makes of a message's bytes what its handler takes, by name; by default the message."""


def typed_services(
    protos: Sequence[FileDescriptor], predictions: Mapping[str, Prediction]
) -> list[RpcService]:
    """Makes the services of `.proto` files that `require_fitting` has found to fit.

    Args:
        protos: Descriptors of the files.
        predictions: What answers, by the route of its API.
    """
    return [_service(one, predictions) for one in _services(protos)]


def _service(service: ServiceDescriptor, predictions: Mapping[str, Prediction]) -> RpcService:
    asked = {method.name: predictions[_route(method)] for method in service.methods}
    codecs = {method.name: MessageCodec(method, asked[method.name]) for method in service.methods}
    return RpcService(
        service,
        {name: _handler(codecs[name], prediction) for name, prediction in asked.items()},
        {name: prediction.model_tag for name, prediction in asked.items()},
        {name: _parser(codecs[name], prediction) for name, prediction in asked.items()},
    )


def require_fitting(protos: Sequence[FileDescriptor], apis: Apis) -> None:
    """Makes sure that every method of the files has an API, and that its messages fit it.

    A method is answered by the API at `/<first part of the package>/<method in lower case>`:
    `wine.v1.WineService/Predict` by `/wine/predict`. Its request has one repeated field of
    the name that the API's parameter has, its response one of any name.

    Raises:
        BentoMLConfigException: The message names every difference.
    """
    by_route = {api.route: api for api in apis.values()}
    problems = [
        problem
        for service in _services(protos)
        for method in service.methods
        for problem in _problems(method, by_route.get(_route(method)))
    ]
    if problems:
        raise BentoMLConfigException(
            f"The .proto files do not fit the service: {'; '.join(problems)}."
        )


def _services(protos: Sequence[FileDescriptor]) -> Iterator[ServiceDescriptor]:
    for proto in protos:
        yield from proto.services_by_name.values()


def _route(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.file.package.split('.')[0]}/{method.name.lower()}"


def _problems(method: MethodDescriptor, api: APIMethod[..., Any] | None) -> Iterator[str]:
    if api is None or not is_batchable_list(api):
        yield f"{method.full_name} has no batchable API at {_route(method)}"
        return
    messages = (method.input_type, method.output_type)
    for message in messages:
        if len(message.fields) != 1 or not message.fields[0].is_repeated:
            yield f"{message.full_name} must have one field, a repeated one"
            return
    rows, answers = (message.fields[0] for message in messages)
    (parameter,) = api.input_spec.model_fields
    if rows.name != parameter:
        yield f"{rows.full_name} must be named {parameter}"
    declared = pydantic.TypeAdapter(declared_type(api.input_spec)).json_schema()
    schema = declared["properties"][parameter] if "properties" in declared else declared
    yield from misfits(rows, schema, declared.get("$defs", {}), is_request=True)
    schema = pydantic.TypeAdapter(declared_type(api.output_spec)).json_schema(mode="serialization")
    yield from misfits(answers, schema, schema.get("$defs", {}), is_request=False)


def _parser(codec: MessageCodec, prediction: Prediction) -> Parser:
    # Fields that only newer clients know are no rows.
    most = prediction.max_rows + _UNKNOWN_FIELDS
    return counted(codec.read, most, lambda: ServingError.too_many_rows(prediction.max_rows), {})


def _handler(codec: MessageCodec, prediction: Prediction) -> Handler:
    async def handle(rows: Chunk, call: Call) -> Message:
        answers = await prediction.submit(rows)
        if len(rows) < MANY_ROWS:
            return codec.write(answers)
        return await write_beside(codec.write, answers)

    return handle
