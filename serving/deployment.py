"""What answers for one version of a model, over every protocol."""

import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import bentoml
from google.protobuf.descriptor import FileDescriptor

from framework import Bundle, FieldError
from framework.access.scopes import Need
from framework.adapters.bentoml import APIMethod, prefixed_path, service_configuration
from serving.access.door import Door
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.prediction import Prediction, is_batchable_list
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.canary import AnyEndpoint, CanaryEndpoint, canary_method
from serving.counts import BatchMetrics
from serving.endpoints import Endpoints
from serving.grpc.call import RpcMethod
from serving.grpc.typed import typed_methods
from serving.http.endpoint import Endpoint
from serving.metrics import Metrics
from serving.open_inference.model import InferenceModel
from serving.open_inference.servicer import AskedModel
from serving.record.recorder import Record, Recorders
from serving.settings import Settings
from serving.shadow import Shadow, ShadowedRecord
from serving.versions import computed_by

logger = logging.getLogger("bentoml.serving")


def model_name(route: str) -> str:
    """The first part of an API's route: the name of the model behind it, if there is one."""
    return route.split("/")[1]


@dataclass(frozen=True)
class Beside:
    """Versions that are served beside a model's champion, each with its share of the requests.

    Attributes:
        canary: Answers some.
        shadow: Answers some once more, unseen.
    """

    canary: tuple[Bundle[Any, Any], float] | None = None
    shadow: tuple[Bundle[Any, Any], float] | None = None


@dataclass(frozen=True)
class Deployment:
    """What answers for one version of a model.

    Attributes:
        name: Name of the model: the first part of the routes of its APIs.
        predictions: What answers each API, by its route.
        endpoints: What answers over HTTP, by path.
        methods: What answers over gRPC, by the path of the method.
        asked: The model as Open Inference has it over gRPC, if it has.
        shadow: A version that answers some requests once more.
    """

    name: str
    predictions: Mapping[str, Prediction]
    endpoints: Mapping[str, AnyEndpoint]
    methods: Mapping[str, RpcMethod]
    asked: AskedModel | None
    shadow: Shadow | None = None

    def with_canary(self, canary: "Deployment", share: float) -> "Deployment":
        """Returns this with a share of the requests answered by another one."""
        endpoints = {**canary.endpoints, **self.endpoints}
        for path in canary.endpoints.keys() & self.endpoints:
            usual, other = self.endpoints[path], canary.endpoints[path]
            assert isinstance(usual, Endpoint)
            assert isinstance(other, Endpoint)
            endpoints[path] = CanaryEndpoint(usual, other, share)
        methods = {
            path: canary_method(method, canary.methods[path], share)
            for path, method in self.methods.items()
        }
        asked = self.asked
        if asked is not None and canary.asked is not None:
            asked = replace(asked, canary=(canary.asked, share))
        return replace(self, endpoints=endpoints, methods=methods, asked=asked)


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
        self._make_endpoints = partial(
            Endpoints, service, settings, metrics, door, need_of, is_counted=is_counted
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

    def is_busy(self) -> bool:
        """Whether a batch waits or runs."""
        return any(one.busy or one.queued_rows for one in self._batchers)

    def deploy_beside(
        self,
        name: str,
        bundle: Bundle[Any, Any],
        beside: Beside,
        before: Deployment | None,
    ) -> Deployment:
        """Makes what answers for a model, with versions beside it; see `deploy`."""
        shadow = None
        if beside.shadow is not None and self._record is not None:
            shadow = self._shadow(name, *beside.shadow, self._record)
        deployment = self.deploy(name, bundle.tag, bundle, before, shadow)
        if beside.canary is None:
            return deployment
        canary, share = beside.canary
        return deployment.with_canary(self.deploy(name, canary.tag, canary), share)

    def _shadow(
        self, name: str, bundle: Bundle[Any, Any], share: float, record: Record
    ) -> Shadow | None:
        """Makes a shadow, which is asked what the model itself is."""
        for api in self._apis[name]:
            answer = computation(computed_by(bundle, partial(api.func, self._instance)))
            # Its batches are not the metrics' affair, nor what it waits for itself.
            batcher = Batcher(answer, self._limits(api), self._threads, BatchMetrics())
            made = Prediction(api, batcher, bundle.tag, self._settings.max_rows, bundle)
            if made.answers_as_model and made.encoder is not None:
                return Shadow(made, share, record, self.is_busy, self._metrics)
        return None

    def deploy(
        self,
        name: str,
        tag: str,
        bundle: Bundle[Any, Any] | None,
        before: Deployment | None = None,
        shadow: Shadow | None = None,
    ) -> Deployment:
        """Makes what answers for a model; on the event loop, where it does not answer yet.

        Args:
            name: Its name.
            tag: Its exact tag; empty if there is no model of this name.
            bundle: It, if it is one of the framework's.
            before: What answers for another version of it.
            shadow: A version that answers some requests once more.
        """
        record: Recorders | None = self._record
        if shadow is not None and self._record is not None:
            record = ShadowedRecord(self._record, shadow)
        predictions = {}
        for api in self._apis[name]:
            batcher = self._batcher(api, tag, bundle, before)
            predictions[api.route] = Prediction(api, batcher, tag, self._settings.max_rows, bundle)
        typed = typed_methods(self._protos, predictions)
        model = bundle and _inference_model(bundle, predictions.get(f"/{name}/predict"))
        return Deployment(
            name,
            predictions,
            self._make_endpoints(record).make(predictions, [model] if model else [], typed),
            {method.path: method.over_grpc(record) for method in typed},
            AskedModel.of(model, record) if model else None,
            shadow,
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
            # A model only computes. What else a method does, BentoML lets it do in a thread.
            inline = bundle is not None and not self._service.dependencies
            limits = self._limits(api)
            batcher = Batcher(compute, limits, self._threads, metrics, inline=inline)
        self._batchers.add(batcher)
        return batcher

    def _limits(self, api: APIMethod[..., Any]) -> Limits:
        return Limits(
            max_batch_rows=api.max_batch_size,
            max_queue_rows=self._settings.max_queue_rows,
            max_latency=api.max_latency_ms / 1000,
            timeout=self._config["traffic"]["timeout"],
        )


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
