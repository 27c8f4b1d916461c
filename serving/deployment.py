"""What answers for one version of a model, over every protocol; and what does so at present."""

import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import bentoml
from google.protobuf.descriptor import FileDescriptor

from framework import Bundle, FieldError
from framework.access.scopes import Need
from framework.adapters.bentoml import APIMethod, prefixed_path, service_configuration
from framework.adapters.uvicorn_connection import Direct
from serving.access.door import Door
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.prediction import Prediction, is_batchable_list
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.endpoints import Endpoints
from serving.grpc.calls import Call, RpcMethod
from serving.grpc.typed import typed_methods
from serving.http.endpoint import Endpoint
from serving.metrics import Metrics
from serving.open_inference.model import InferenceModel
from serving.open_inference.servicer import AskedModel
from serving.record.recorder import Record
from serving.served import unloaded
from serving.settings import Settings
from serving.versions import computed_by

logger = logging.getLogger("bentoml.serving")


def model_name(route: str) -> str:
    """The first part of an API's route: the name of the model behind it, if there is one."""
    return route.split("/")[1]


@dataclass(frozen=True)
class Deployment:
    """What answers for one version of a model.

    Attributes:
        name: Name of the model: the first part of the routes of its APIs.
        predictions: What answers each API, by its route.
        endpoints: What answers over HTTP, by path.
        methods: What answers over gRPC, by the path of the method.
        asked: The model as Open Inference has it over gRPC, if it has.
    """

    name: str
    predictions: Mapping[str, Prediction]
    endpoints: Mapping[str, Endpoint]
    methods: Mapping[str, RpcMethod]
    asked: AskedModel | None


class Deployer:
    """Makes the deployments of a service.

    Args:
        service: The service.
        instance: Its instance, whose methods answer.
        protos: Descriptors of the files whose services are offered over gRPC.
        settings: Limits.
        metrics: Counts of everything.
        record: What records predictions, if they are recorded.
        door: Lets in who may ask.
        need_of: What a path needs.
        is_counted: Whether endpoints are to count; see `Endpoints`.
    """

    def __init__(
        self,
        service: bentoml.Service[Any],
        instance: Any,
        protos: Sequence[FileDescriptor],
        settings: Settings,
        metrics: Metrics,
        record: Record | None,
        door: Door,
        need_of: Callable[[str], Need | None],
        *,
        is_counted: bool,
    ) -> None:
        self._service = service
        self._instance = instance
        self._protos = protos
        self._settings = settings
        self._metrics = metrics
        self._record = record
        self._endpoints = Endpoints(
            service, settings, metrics, door, need_of, record, is_counted=is_counted
        )
        self._config = service_configuration(service.name)
        self._threads = Threads(self._config.get("threads") or 1)
        self._batchers: weakref.WeakSet[Batcher] = weakref.WeakSet()
        self._apis: dict[str, list[APIMethod[..., Any]]] = {}
        for api in service.apis.values():
            if is_batchable_list(api):
                self._apis.setdefault(model_name(api.route), []).append(api)

    @property
    def names(self) -> list[str]:
        """What the routes of the batchable APIs begin with: the names of the models behind them."""
        return list(self._apis)

    @property
    def hangs(self) -> bool:
        """Whether a model has been computing one batch for too long, of any version."""
        return any(batcher.hangs for batcher in self._batchers)

    def deploy(
        self, name: str, tag: str, bundle: Bundle[Any, Any] | None, before: Deployment | None = None
    ) -> Deployment:
        """Makes what answers for a model; on the event loop, where it does not answer yet.

        Args:
            name: Its name.
            tag: Its exact tag; empty if there is no model of this name.
            bundle: It, if it is one of the framework's.
            before: What answers for another version of it.
        """
        predictions = {}
        for api in self._apis[name]:
            batcher = self._batcher(api, tag, bundle, before)
            predictions[api.route] = Prediction(api, batcher, tag, self._settings.max_rows, bundle)
        typed = typed_methods(self._protos, predictions)
        model = bundle and _inference_model(bundle, predictions.get(f"/{name}/predict"))
        return Deployment(
            name,
            predictions,
            self._endpoints.make(predictions, [model] if model else [], typed),
            {method.path: method.over_grpc(self._record) for method in typed},
            AskedModel.of(model, self._record) if model else None,
        )

    def _batcher(
        self,
        api: APIMethod[..., Any],
        tag: str,
        bundle: Bundle[Any, Any] | None,
        before: Deployment | None,
    ) -> Batcher:
        answer = partial(api.func, self._instance)
        compute = computation(answer if bundle is None else computed_by(bundle, answer))
        path = prefixed_path(self._service, api.route)
        metrics = self._metrics.batcher(path, tag, api.name)
        if before is not None:
            batcher = before.predictions[api.route].batcher.successor(compute, metrics)
        else:
            limits = Limits(
                max_batch_rows=api.max_batch_size,
                max_queue_rows=self._settings.max_queue_rows,
                max_latency=api.max_latency_ms / 1000,
                timeout=self._config["traffic"]["timeout"],
            )
            # A model only computes. What else a method does, BentoML lets it do in a thread.
            inline = bundle is not None and not self._service.dependencies
            batcher = Batcher(compute, limits, self._threads, metrics, inline=inline)
        self._batchers.add(batcher)
        return batcher


class Deployments:
    """What answers at present.

    A deployment that is replaced goes on until what it has begun with is answered: requests hold
    on to it, and nothing else does.

    Attributes:
        endpoints: What answers over HTTP, by path.
        direct: Path → who may answer what is posted to it, ahead of the application.
        methods: What answers over gRPC, by the path of the method.
        asked: The models that Open Inference asks over gRPC, by name; None for one that is
            unloaded.
    """

    def __init__(self, endpoints: dict[str, Endpoint], direct: dict[str, Direct] | None) -> None:
        """Fills what others look into.

        Args:
            endpoints: Endpoints by path.
            direct: See the attribute; None if all requests have to go through the application.
        """
        self._current: dict[str, Deployment] = {}
        self.endpoints = endpoints
        self._direct = direct
        self.methods: dict[str, RpcMethod] = {}
        self.asked: dict[str, AskedModel | None] = {}

    def get(self, name: str) -> Deployment | None:
        """Returns what answers for a model, if anything does."""
        return self._current.get(name)

    def put(self, new: Deployment) -> None:
        """Has a deployment answer from now on, in place of the one of the same model."""
        self.take_out(new.name)
        self._current[new.name] = new
        self.endpoints.update(new.endpoints)
        if self._direct is not None:
            self._direct.update({path: one.take for path, one in new.endpoints.items()})
        self.methods.update(new.methods)
        if new.asked is None:
            self.asked.pop(new.name, None)
        else:
            self.asked[new.name] = new.asked

    def take_out(self, name: str) -> None:
        """Has nothing answer for a model from now on; its paths are left to the application."""
        before = self._current.pop(name, None)
        if before is None:
            return
        for path in before.endpoints:
            del self.endpoints[path]
            if self._direct is not None:
                del self._direct[path]

        async def refuse(_: bytes, __: Call) -> bytes:
            raise unloaded(name)

        self.methods.update(dict.fromkeys(before.methods, RpcMethod(bytes, refuse)))
        if before.asked is not None:
            self.asked[name] = None


def _inference_model(
    bundle: Bundle[Any, Any], prediction: Prediction | None
) -> InferenceModel | None:
    """Makes a model that can be asked in columns, if it can."""
    if prediction is None:
        return None
    try:
        return InferenceModel.of(bundle, prediction)
    except FieldError as error:
        logger.warning("Model %s is not served over Open Inference: %s", bundle.model.name, error)
        return None
