"""What a worker process holds: the composition of everything that serves."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import bentoml
from google.protobuf.descriptor import FileDescriptor
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.middleware import Middleware

from framework import Bundle, FieldError
from framework.adapters.bentoml import (
    APIMethod,
    available_cores,
    join_paths,
    service_configuration,
    tracing_is_exported,
)
from framework.adapters.bentoml_server import (
    BentoAppFactory,
    RequestMetricsMiddleware,
    TimeoutMiddleware,
)
from framework.adapters.uvicorn_server import serve_by
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.prediction import Prediction, is_batchable_list
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.codecs.json import JsonCodec
from serving.codecs.tensors import TensorCodec
from serving.grpc.server import RpcServer
from serving.grpc.typed import typed_services
from serving.http.asgi import App
from serving.http.endpoint import Endpoint, HttpCodec
from serving.http.gateway import Gateway
from serving.lifecycle import Lifecycle, settle_memory
from serving.metrics import Metrics, RouteMetrics
from serving.open_inference.model import InferenceModel
from serving.open_inference.routes import infer_paths
from serving.open_inference.servicer import inference_service
from serving.settings import load_settings

logger = logging.getLogger("bentoml.serving")


class Worker:
    """What a worker process holds for one service.

    Args:
        service: The service, its configuration injected.
        protos: Descriptors of the files whose services are offered over gRPC.
        is_main: Whether the service is the one that clients ask.
    """

    def __init__(
        self, service: bentoml.Service[Any], protos: Sequence[FileDescriptor], *, is_main: bool
    ) -> None:
        self._factory = _AppFactory(service, is_main=is_main)
        self.settings = load_settings()
        self.metrics = Metrics(self._factory)
        self._service = service
        self._protos = protos
        self._config = service_configuration(service.name)
        self._threads = Threads(self._config.get("threads") or 1)
        self._rpc: RpcServer | None = None
        self._draining = False
        self.predictions: dict[str, Prediction] = {}
        """What answers each batchable API, by its route, once the worker has started."""
        self._tags = {model.tag.name: str(model.tag) for model in service.models}

    def gateway(self) -> Gateway:
        """Makes the ASGI application: the gateway in front of BentoML's own."""
        lifecycle = Lifecycle(
            self.settings.drain_seconds,
            self._config["traffic"]["timeout"],
            self.count,
            on_drain=lambda: asyncio.ensure_future(self.drain()),
            on_stop=lambda: asyncio.ensure_future(self.end_calls()),
        )
        serve_by(lifecycle)
        return Gateway(
            self._factory(),
            apis={_path(self._service, api) for api in self._service.apis.values()},
            model_tags=self.model_tags,
            start=self.start,
            end_calls=self.end_calls,
            lifecycle=lifecycle,
            metrics=self.metrics,
            settings=self.settings,
        )

    @property
    def count(self) -> int:
        """How many workers the service has."""
        workers = self._config.get("workers") or 1
        return available_cores() if workers == "cpu_count" else int(workers)

    @property
    def model_tags(self) -> dict[str, str]:
        """Path → tag of the model behind it, of the APIs and of Open Inference."""
        apis = self._service.apis.values()
        tags = {_path(self._service, api): self.model_tag(api) for api in apis}
        return tags | {path: tag for tag in self._tags.values() for path in infer_paths(tag)}

    def model_tag(self, api: APIMethod[..., Any]) -> str:
        """Tag of the model behind an API; empty if none is stored under its route's first part."""
        return self._tags.get(_model_name(api), "")

    async def start(self) -> dict[str, App]:
        """Makes the endpoints, by path, and opens the gRPC port.

        To be called when the service instance exists.
        """
        # Uvicorn prepares a line of its own access log for every request, and BentoML's logging
        # then drops it; a logger without handlers is not asked.
        logging.getLogger("uvicorn.access").propagate = False
        self.predictions = {
            api.route: self._prediction(api)
            for api in self._service.apis.values()
            if is_batchable_list(api)
        }
        models = self._inference_models()
        settle_memory()
        if self.settings.grpc_port:
            services = typed_services(self._protos, self.predictions)
            services.append(
                inference_service(models, lambda: not self._draining, self.metrics.gather)
            )
            self._rpc = RpcServer(services, self.metrics, self.settings)
            await self._rpc.start()
        endpoints = {}
        for api in self._service.apis.values():
            if prediction := self.predictions.get(api.route):
                path = _path(self._service, api)
                endpoints[path] = self._endpoint(prediction, JsonCodec(prediction), path)
        for model in models.values():
            for path, template in infer_paths(model.bundle.tag).items():
                endpoints[path] = self._endpoint(model.prediction, TensorCodec(model), template)
        return endpoints

    async def drain(self) -> None:
        """Tells gRPC's clients to turn elsewhere."""
        self._draining = True
        if self._rpc:
            await self._rpc.drain()

    async def end_calls(self) -> None:
        """Refuses new gRPC calls and lets those under way end."""
        if self._rpc:
            await self._rpc.stop()

    def _prediction(self, api: APIMethod[..., Any]) -> Prediction:
        path, tag = _path(self._service, api), self.model_tag(api)
        bundle = self._bundles.get(_model_name(api))
        batcher = Batcher(
            computation(partial(api.func, self._factory.service_instance)),
            Limits(
                max_batch_rows=api.max_batch_size,
                max_queue_rows=self.settings.max_queue_rows,
                max_latency=api.max_latency_ms / 1000,
                timeout=self._config["traffic"]["timeout"],
            ),
            self._threads,
            self.metrics.batcher(path, tag, api.name),
            # A model only computes. What else a method does, BentoML lets it do in a thread.
            inline=bundle is not None and not self._service.dependencies,
        )
        return Prediction(api, batcher, tag, self.settings.max_rows, bundle)

    @property
    def _bundles(self) -> Mapping[str, Bundle[Any, Any]]:
        """The models of the framework that the service has loaded, by name."""
        models = getattr(self._factory.service_instance, "models", None)
        if not isinstance(models, Mapping):
            return {}
        return {name: model for name, model in models.items() if isinstance(model, Bundle)}

    def _inference_models(self) -> dict[str, InferenceModel]:
        """Returns the models that can be asked in columns, by name."""
        models = {}
        for name, bundle in self._bundles.items():
            prediction = self.predictions.get(f"/{name}/predict")
            if prediction is None:
                continue
            try:
                models[name] = InferenceModel.of(bundle, prediction)
            except FieldError as error:
                logger.warning("Model %s is not served over Open Inference: %s", name, error)
        return models

    def _endpoint(self, prediction: Prediction, codec: HttpCodec, route: str) -> App:
        metrics = self.metrics.route(route, prediction.model_tag)
        if self._factory.fast_middlewares:
            # The gateway guards a wrapped endpoint and counts its requests: not twice.
            metrics = RouteMetrics((), changed=lambda: None)
        return self._wrapped(Endpoint(prediction, codec, self.settings, metrics))

    def _wrapped(self, endpoint: App) -> App:
        for middleware in reversed(self._factory.fast_middlewares):
            endpoint = middleware.cls(endpoint, *middleware.args, **middleware.kwargs)
        return endpoint


class _AppFactory(BentoAppFactory):
    """BentoML's application, less its request metrics: the gateway counts for all routes.

    BentoML's label is the raw path, so that anybody could make it grow without bound.
    """

    @property
    def middlewares(self) -> list[Middleware]:
        """What BentoML wraps its application in."""
        return [
            middleware
            for middleware in super().middlewares
            if middleware.cls is not RequestMetricsMiddleware
        ]

    @property
    def fast_middlewares(self) -> list[Middleware]:
        """Those the fast path is wrapped in too: what the configuration or the service asks for.

        Time-outs are the batcher's; tracing is left out unless its spans go somewhere, because
        it costs more than the rest of the request.
        """
        left_out: set[Any] = {TimeoutMiddleware}
        if not tracing_is_exported():
            left_out.add(OpenTelemetryMiddleware)
        # The last one gives the request to methods that take a context; none is answered here.
        return [
            middleware for middleware in self.middlewares[:-1] if middleware.cls not in left_out
        ]


def _path(service: bentoml.Service[Any], api: APIMethod[..., Any]) -> str:
    path: str = join_paths(service.path_prefix or "", api.route)
    return path


def _model_name(api: APIMethod[..., Any]) -> str:
    """The first part of an API's route: the name of the model behind it, if there is one."""
    name: str = api.route.split("/")[1]
    return name
