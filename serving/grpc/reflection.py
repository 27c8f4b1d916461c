"""Reflection in both its versions, which differ in nothing but their names.

Clients ask the newer one first. grpcio-reflection has the older one alone, so the newer one is its
servicer once more, under the other name.
"""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2

from serving.grpc.calls import Calls

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA: str = reflection.SERVICE_NAME
METHOD = "ServerReflectionInfo"


def reflection_handlers(services: Sequence[str], calls: Calls) -> list[grpc.GenericRpcHandler]:
    """Makes what answers the two reflection services.

    Args:
        services: Full names of the services to tell, beside these two; their descriptors are in
            the default pool.
        calls: Lets in who may ask.
    """
    servicer = reflection.aio.ReflectionServicer([*services, V1, V1ALPHA])

    def method(name: str) -> "grpc.RpcMethodHandler[Any, Any]":
        return grpc.stream_stream_rpc_method_handler(
            calls.passed(f"/{name}/{METHOD}", servicer.ServerReflectionInfo),
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )

    return [
        grpc.method_handlers_generic_handler(name, {METHOD: method(name)}) for name in (V1, V1ALPHA)
    ]


def _describe_v1() -> None:
    """Adds the descriptors of the newer version, for clients that ask for those too."""
    described = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(described)
    text = text_format.MessageToString(described).replace("v1alpha", "v1")
    renamed = text_format.Parse(text, FileDescriptorProto())
    descriptor_pool.Default().AddSerializedFile(renamed.SerializeToString())


_describe_v1()
