"""The Open Inference Protocol over gRPC: `inference.GRPCInferenceService`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from framework.access.scopes import PREDICT, READ, Need
from framework.open_inference import inference_pb2 as pb
from serving.batching.computation import Chunk
from serving.beside import LARGE_BYTES, MANY_ROWS, read_beside, write_beside
from serving.canary import is_chosen, key_of
from serving.grpc.call import Call, Handler, RpcMethod
from serving.grpc.typed import RpcService, method_path
from serving.metrics import GRPC
from serving.open_inference.json_body import require_supported
from serving.open_inference.messages import given, response_of, tensors_of
from serving.open_inference.model import InferenceModel
from serving.open_inference.parsing import question_parser, request_parser
from serving.open_inference.repository import (
    LoadRequest,
    Repository,
    UnloadRequest,
    read,
    required,
)
from serving.open_inference.routes import server_metadata
from serving.open_inference.triton import ModelIndex, configuration, statistics
from serving.record.recorder import Recorder, Recorders
from serving.served import find_model

_SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_INFER, _STREAM_INFER = "ModelInfer", "ModelStreamInfer"
# By it Triton's client tells the last answer to a request; here each has one.
_LAST_OF_REQUEST = "triton_final_response"


@dataclass(frozen=True)
class AskedModel:
    """A model as this service asks it.

    Attributes:
        model: The model.
        recorders: What records its requests, by method, if they are recorded.
        canary: Another version, and the share of the requests that it answers, if there is one.
    """

    model: InferenceModel
    recorders: Mapping[str, Recorder | None]
    canary: "tuple[AskedModel, float] | None" = None

    @classmethod
    def of(cls, model: InferenceModel, record: Recorders | None) -> Self:
        """Has the requests to a model recorded, if there is a record."""
        recorders = {
            method: record.recorder(
                model.prediction,
                f"/{_SERVICE.full_name}/{method}",
                GRPC,
                lambda body, _: _rows(model, pb.ModelInferRequest.FromString(body)),
            )
            for method in (_INFER, _STREAM_INFER)
            if record is not None
        }
        return cls(model, recorders)

    @property
    def version(self) -> str:
        """Version part of the model's exact tag."""
        return self.model.version


def inference_service(
    models: Mapping[str, AskedModel | None],
    is_ready: Callable[[], Awaitable[bool]],
    is_live: Callable[[], bool],
    gather: Callable[[], None],
    repository: Repository | None = None,
) -> RpcService:
    """Makes the service.

    Args:
        models: The models that are served at present, by name; None for one that is unloaded.
        is_ready: Whether the worker takes new calls, and the service, too.
        is_live: Whether the worker need not be started anew.
        gather: Brings the metrics up to date, as far as this worker can.
        repository: What loads and unloads models; None where all are pinned.
    """
    servicer = _Servicer(models, is_ready, is_live, gather, repository)
    told: dict[str, Callable[[Any, Call], Awaitable[Message]]] = {
        "ServerLive": servicer.server_live,
        "ServerReady": servicer.server_ready,
        "ModelReady": servicer.model_ready,
        "ServerMetadata": servicer.server_metadata,
        "ModelMetadata": servicer.model_metadata,
        "ModelConfig": servicer.model_config,
        "ModelStatistics": servicer.model_statistics,
        "RepositoryIndex": servicer.repository_index,
        "RepositoryModelLoad": servicer.repository_model_load,
        "RepositoryModelUnload": servicer.repository_model_unload,
    }
    parser = request_parser([one.model for one in models.values() if one])
    infer = {_INFER: servicer.model_infer, _STREAM_INFER: servicer.model_stream_infer}
    methods = {name: RpcMethod(parser, handler) for name, handler in infer.items()}
    for name, handler in told.items():
        message = GetMessageClass(_SERVICE.methods_by_name[name].input_type)
        methods[name] = RpcMethod(question_parser(message), _serialized(handler))
    by_path = {method_path(one): methods[one.name] for one in _SERVICE.methods}
    return RpcService(_SERVICE, by_path)


class _Servicer:
    def __init__(
        self,
        models: Mapping[str, AskedModel | None],
        is_ready: Callable[[], Awaitable[bool]],
        is_live: Callable[[], bool],
        gather: Callable[[], None],
        repository: Repository | None,
    ) -> None:
        self._models = models
        self._is_ready = is_ready
        self._is_live = is_live
        self._gather = gather
        self._repository = repository

    async def server_live(self, _: pb.ServerLiveRequest, __: Call) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=self._is_live())

    async def server_ready(self, _: pb.ServerReadyRequest, __: Call) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=await self._is_ready())

    async def model_ready(self, request: pb.ModelReadyRequest, call: Call) -> pb.ModelReadyResponse:
        self._model(request.name, request.version, call)
        return pb.ModelReadyResponse(ready=await self._is_ready())

    async def server_metadata(
        self, _: pb.ServerMetadataRequest, __: Call
    ) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(**server_metadata().model_dump())

    async def model_metadata(
        self, request: pb.ModelMetadataRequest, call: Call
    ) -> pb.ModelMetadataResponse:
        model = self._model(request.name, request.version, call)
        signature = model.signature
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=[model.version],
            platform=model.bundle.card.framework,
            inputs=[
                {"name": column.name, "datatype": column.datatype, "shape": column.shape}
                for column in signature.inputs.values()
            ],
            outputs=[
                {"name": column.name, "datatype": column.datatype, "shape": column.shape}
                for column in signature.outputs.values()
            ],
        )

    async def model_infer(self, request: pb.ModelInferRequest, call: Call) -> bytes:
        return await self._infer(request, call, _INFER, _alone)

    async def model_stream_infer(self, request: pb.ModelInferRequest, call: Call) -> bytes:
        try:
            return await self._infer(request, call, _STREAM_INFER, _in_stream)
        except Exception as raised:  # noqa: BLE001 - told in the message, the stream goes on
            answer = pb.ModelInferResponse(model_name=request.model_name, id=request.id)
            return _in_stream(answer, str(call.failed(raised)))

    async def _infer(
        self,
        request: pb.ModelInferRequest,
        call: Call,
        method: str,
        written: Callable[[pb.ModelInferResponse], bytes],
    ) -> bytes:
        asked_model = self._asked(request.model_name, request.model_version, call, PREDICT)
        model = asked_model.model
        call.record_by(asked_model.recorders.get(method))
        require_supported(
            given(request.parameters),
            [(tensor.name, given(tensor.parameters)) for tensor in request.inputs],
            [(output.name, given(output.parameters)) for output in request.outputs],
        )
        asked = model.outputs([one.name for one in request.outputs])
        if call.size < LARGE_BYTES:
            rows = _rows(model, request)
        else:
            rows = await read_beside(call.size, _rows, model, request)
        answers = await model.prediction.submit(
            rows, span=call.span, allowance=call.principal.allowance
        )

        def write() -> bytes:
            response = response_of(model, request, model.write(answers, asked))
            if call.prediction_id:
                response.parameters["prediction_id"].string_param = call.prediction_id
            return written(response)

        return write() if len(rows) < MANY_ROWS else await write_beside(write)

    async def model_config(
        self, request: pb.ModelConfigRequest, call: Call
    ) -> pb.ModelConfigResponse:
        model = self._model(request.name, request.version, call)
        config = configuration(model.bundle, model.signature, model.prediction.max_rows)
        return pb.ModelConfigResponse(config=config.model_dump())

    async def model_statistics(
        self, request: pb.ModelStatisticsRequest, call: Call
    ) -> pb.ModelStatisticsResponse:
        models = self._seen_by(call)
        if request.name:
            models = [self._model(request.name, request.version, call)]
        self._gather()
        found = await asyncio.to_thread(statistics, [model.bundle for model in models])
        return pb.ModelStatisticsResponse(**found.model_dump())

    async def repository_index(
        self, request: pb.RepositoryIndexRequest, call: Call
    ) -> pb.RepositoryIndexResponse:
        index = [ModelIndex.of(model.bundle) for model in self._seen_by(call)]
        if self._repository is not None and not request.ready:
            index += self._repository.others(call.principal)
        return pb.RepositoryIndexResponse(models=[one.model_dump() for one in index])

    async def repository_model_load(
        self, request: pb.RepositoryModelLoadRequest, call: Call
    ) -> pb.RepositoryModelLoadResponse:
        call.subject = request.model_name
        asked = read(LoadRequest, {"parameters": _parameters(request)})
        repository = required(self._repository)
        await repository.load(request.model_name, asked, call.principal.id)
        return pb.RepositoryModelLoadResponse()

    async def repository_model_unload(
        self, request: pb.RepositoryModelUnloadRequest, call: Call
    ) -> pb.RepositoryModelUnloadResponse:
        call.subject = request.model_name
        asked = read(UnloadRequest, {"parameters": _parameters(request)})
        await required(self._repository).unload(request.model_name, asked)
        return pb.RepositoryModelUnloadResponse()

    def _seen_by(self, call: Call) -> list[InferenceModel]:
        return [
            asked.model
            for name, asked in self._models.items()
            if asked and call.principal.sees(name)
        ]

    def _asked(self, name: str, version: str, call: Call, action: str) -> AskedModel:
        call.require(Need.to(action, name))
        asked = self._models.get(name)
        canary = asked.canary if asked else None
        if canary and (version == canary[0].version or (not version and _is_for(call, canary[1]))):
            asked = canary[0]
        else:
            asked = find_model(self._models, name, version)
        call.model_tag = asked.model.bundle.tag
        return asked

    def _model(self, name: str, version: str, call: Call) -> InferenceModel:
        return self._asked(name, version, call, READ).model


def _is_for(call: Call, share: float) -> bool:
    return is_chosen(key_of(call.given), share)


def _parameters(
    request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("parameter_choice") or "", None)
        for name, value in request.parameters.items()
    }


def _serialized(handler: Callable[[Any, Call], Awaitable[Message]]) -> Handler:
    async def handle(request: Any, call: Call) -> bytes:
        content: bytes = (await handler(request, call)).SerializeToString()
        return content

    return handle


def _alone(answer: pb.ModelInferResponse) -> bytes:
    content: bytes = answer.SerializeToString()
    return content


def _in_stream(answer: pb.ModelInferResponse, error: str = "") -> bytes:
    answer.parameters[_LAST_OF_REQUEST].bool_param = True
    content: bytes = pb.ModelStreamInferResponse(
        error_message=error, infer_response=answer
    ).SerializeToString()
    return content


def _rows(model: InferenceModel, request: pb.ModelInferRequest) -> Chunk:
    return model.read(tensors_of(request))
