"""Typed services: a service's APIs under the messages of its `.proto` files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pydantic
from bentoml.exceptions import BentoMLConfigException
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor

from framework.adapters.bentoml import APIMethod, declared_type
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction, is_batchable_list
from serving.beside import write_beside
from serving.codecs.protobuf import MessageCodec
from serving.grpc.calls import Call, Handler
from serving.grpc.conversion import misfits
from serving.grpc.wire import Parser
from serving.metrics import GRPC
from serving.record.recorder import Record, Recorder

Apis = Mapping[str, APIMethod[..., Any]]


@dataclass(frozen=True)
class RpcService:
    """A gRPC service to offer: what the server needs of it."""

    descriptor: ServiceDescriptor
    handlers: Mapping[str, Handler]
    """What answers each method, by its name in the descriptor."""

    model_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the models behind the methods, by name, where each has but one."""

    recorders: Mapping[str, Recorder | None] = field(default_factory=dict)
    """What records the calls of each method, by name, if they are recorded."""

    parsers: Mapping[str, Parser] = field(default_factory=dict)
    """What makes of a message's bytes what its handler takes, by name; by default the message."""


@dataclass(frozen=True)
class TypedMethod:
    """A method of a typed service, and the API that answers it."""

    descriptor: MethodDescriptor
    prediction: Prediction
    codec: MessageCodec

    @property
    def route(self) -> str:
        """Route of the API."""
        return api_route(self.descriptor)

    @property
    def path(self) -> str:
        """Where it is asked: `/wine.v1.WineService/Predict`."""
        return method_path(self.descriptor)

    def recorder(self, record: Record | None) -> Recorder | None:
        """Makes what records its calls over gRPC, if they are recorded."""
        if record is None:
            return None
        return record.recorder(
            self.prediction, self.path, GRPC, lambda body, _: self.codec.read(body)
        )

    async def answer(self, rows: Chunk, call: Call) -> bytes:
        """Answers a gRPC call."""
        answers = await self.prediction.submit(rows, span=call.span)
        if len(rows) < self.codec.many_rows:
            return self.codec.write(answers)
        return await write_beside(self.codec.write, answers)


def typed_methods(
    protos: Sequence[FileDescriptor], predictions: Mapping[str, Prediction]
) -> list[TypedMethod]:
    """Makes the methods of `.proto` files that `require_fitting` has found to fit.

    Args:
        protos: Descriptors of the files.
        predictions: What answers, by the route of its API.
    """
    return [
        TypedMethod(method, prediction, MessageCodec(method, prediction))
        for method in methods_of(protos)
        for prediction in [predictions[api_route(method)]]
    ]


def typed_services(methods: Sequence[TypedMethod], record: Record | None) -> list[RpcService]:
    """Makes gRPC services of their methods, whose calls are recorded if there is a record."""
    by_service: dict[ServiceDescriptor, list[TypedMethod]] = defaultdict(list)
    for method in methods:
        by_service[method.descriptor.containing_service].append(method)
    return [
        RpcService(
            service,
            {one.descriptor.name: one.answer for one in own},
            {one.descriptor.name: one.prediction.model_tag for one in own},
            {one.descriptor.name: one.recorder(record) for one in own},
            {one.descriptor.name: one.codec.read for one in own},
        )
        for service, own in by_service.items()
    ]


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
        for method in methods_of(protos)
        for problem in _problems(method, by_route.get(api_route(method)))
    ]
    if problems:
        raise BentoMLConfigException(
            f"The .proto files do not fit the service: {'; '.join(problems)}."
        )


def methods_of(protos: Sequence[FileDescriptor]) -> Iterator[MethodDescriptor]:
    """Yields the methods of the services of `.proto` files."""
    for proto in protos:
        for service in proto.services_by_name.values():
            yield from service.methods


def method_path(method: MethodDescriptor) -> str:
    """Returns where a method is asked: `/wine.v1.WineService/Predict`."""
    return f"/{method.containing_service.full_name}/{method.name}"


def api_route(method: MethodDescriptor) -> str:
    """Returns the route of the API that answers a method: `/wine/predict`."""
    return f"/{method.containing_service.file.package.split('.')[0]}/{method.name.lower()}"


def _problems(method: MethodDescriptor, api: APIMethod[..., Any] | None) -> Iterator[str]:
    if api is None or not is_batchable_list(api):
        yield f"{method.full_name} has no batchable API at {api_route(method)}"
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
