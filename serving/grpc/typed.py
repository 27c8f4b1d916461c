"""Typed services: a service's APIs under the messages of its `.proto` files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic
from bentoml.exceptions import BentoMLConfigException
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor

from framework.adapters.bentoml import APIMethod, declared_type
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction, is_batchable_list
from serving.beside import write_beside
from serving.codecs.protobuf import MessageCodec
from serving.grpc.call import Call, Methods, RpcMethod
from serving.grpc.conversion import misfits
from serving.metrics import GRPC
from serving.record.recorder import Recorders

Apis = Mapping[str, APIMethod[..., Any]]


@dataclass(frozen=True)
class RpcService:
    """A gRPC service to offer: what the server needs of it.

    Attributes:
        descriptor: Its descriptor.
        methods: What answers its methods at present, and maybe those of others.
    """

    descriptor: ServiceDescriptor
    methods: Methods


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

    def over_grpc(self, record: Recorders | None) -> RpcMethod:
        """Makes what answers its calls over gRPC, which are recorded if there is a record."""
        recorder = None
        if record is not None:
            recorder = record.recorder(
                self.prediction, self.path, GRPC, lambda body, _: self.codec.read(body)
            )
        return RpcMethod(self.codec.read, self._answer, self.prediction.model_tag, recorder)

    async def _answer(self, rows: Chunk, call: Call) -> bytes:
        answers = await self.prediction.submit(
            rows, span=call.span, allowance=call.principal.allowance
        )
        if len(rows) < self.codec.many_rows:
            return self.codec.write(answers)
        return await write_beside(self.codec.write, answers)


def typed_methods(
    protos: Sequence[FileDescriptor], predictions: Mapping[str, Prediction]
) -> list[TypedMethod]:
    """Makes the methods of `.proto` files that some APIs answer.

    Args:
        protos: Descriptors of the files, which `require_fitting` has found to fit.
        predictions: What answers, by the route of its API.
    """
    return [
        TypedMethod(method, prediction, MessageCodec(method, prediction))
        for method in methods_of(protos)
        for prediction in [predictions.get(api_route(method))]
        if prediction is not None
    ]


def typed_services(protos: Sequence[FileDescriptor], methods: Methods) -> list[RpcService]:
    """Makes the gRPC services of `.proto` files, whose methods are among others."""
    return [
        RpcService(service, methods)
        for proto in protos
        for service in proto.services_by_name.values()
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
