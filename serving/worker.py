"""What a worker process holds: the composition of everything that serves."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import bentoml
from bentoml.models import BentoModel
from google.protobuf.descriptor import FileDescriptor

from framework import Bundle, FieldError
from framework.adapters.bentoml import (
    APIMethod,
    prefixed_path,
    service_configuration,
    worker_count,
)
from framework.adapters.bentoml_server import write_access_log_in_lines
from framework.adapters.uvicorn_server import serve_by
from framework.record.folder import RecordFolder
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.prediction import Prediction, is_batchable_list
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.endpoints import Endpoints
from serving.errors import Code
from serving.feedback.servicer import feedback_service
from serving.grpc.server import RpcServer
from serving.grpc.typed import (
    api_route,
    method_path,
    methods_of,
    typed_methods,
    typed_services,
)
from serving.http.application import AppFactory
from serving.http.endpoint import Endpoint
from serving.http.gateway import UNMATCHED, Gateway
from serving.http.resources import ResourcesApp
from serving.lifecycle import Lifecycle, settle_memory
from serving.metrics import Metrics
from serving.open_inference.model import InferenceModel
from serving.open_inference.routes import infer_paths
from serving.open_inference.servicer import inference_service
from serving.paths import Paths
from serving.recording import Recording
from serving.settings import load_settings

if TYPE_CHECKING:
    from serving.tracing import Tracing

logger = logging.getLogger("bentoml.serving")

# How old what gRPC's health service tells may be.
HEALTH_SECONDS = 1.0


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
        self._factory = AppFactory(service, is_main=is_main)
        self._resources = next(
            (path for app, path, _ in service.mount_apps if isinstance(app, ResourcesApp)), None
        )
        self._factory.owns_root = self._resources == prefixed_path(service, "/")
        self.settings = load_settings()
        self._tracing = _tracing(service.name, self.settings.trace_share)
        self.metrics = Metrics(
            self._factory, accesses=self.settings.access_log, tracing=self._tracing
        )
        self._service = service
        self._protos = protos
        self._methods = {
            prefixed_path(service, method_path(method)): api_route(method)
            for method in methods_of(protos)
        }
        self._factory.own_paths = self._methods.keys()
        self._config = service_configuration(service.name)
        self._threads = Threads(self._config.get("threads") or 1)
        self._rpc: RpcServer | None = None
        self._recording: Recording | None = None
        self._watching: asyncio.Task[None] | None = None
        self._draining = False
        self.predictions: dict[str, Prediction] = {}
        """What answers each batchable API, by its route, once the worker has started."""
        stored = (model for model in service.models if isinstance(model, BentoModel))
        self._tags = {model.tag.name: str(model.tag) for model in stored}

    def gateway(self) -> Gateway:
        """Makes the ASGI application: the gateway in front of BentoML's own."""
        paths = Paths.of(
            self._service, self._tags.values(), self._resources, is_main=self._factory.is_main
        )
        unheard = self.metrics.route(UNMATCHED)
        lifecycle = Lifecycle(
            self.settings.drain_seconds,
            self._config["traffic"]["timeout"],
            worker_count(self._service.name),
            on_drain=lambda: asyncio.ensure_future(self.drain()),
            on_stop=lambda: asyncio.ensure_future(self.end_calls()),
            hangs=self.hangs,
            probes={*paths.live, *paths.ready, *paths.metrics},
            on_refuse=lambda: unheard.answered(Code.OVERLOADED.status, 0),
        )
        serve_by(lifecycle)
        return Gateway(
            self._factory(),
            paths=paths,
            model_tags=self.model_tags,
            start=self.start,
            end_calls=self.end_calls,
            close=self.close,
            is_ready=self.is_ready,
            lifecycle=lifecycle,
            metrics=self.metrics,
            settings=self.settings,
        )

    @property
    def model_tags(self) -> dict[str, str]:
        """Path → tag of the model behind it, of the APIs and of Open Inference."""
        routes = {_path(self._service, api): api.route for api in self._service.apis.values()}
        routes |= self._methods
        tags = {path: self._model_tag(route) for path, route in routes.items()}
        return tags | {
            prefixed_path(self._service, path): tag
            for tag in self._tags.values()
            for path in infer_paths(tag)
        }

    async def is_ready(self) -> bool:
        """Whether new requests are welcome: by the worker's account, and by the service's own."""
        if self._draining:
            return False
        try:
            return await self._factory.is_ready()
        except Exception:
            logger.exception("The service cannot tell whether it is ready")
            return False

    def hangs(self) -> bool:
        """Whether a model has been computing one batch for too long."""
        return any(one.hangs for one in self.predictions.values())

    def _model_tag(self, route: str) -> str:
        """Tag of the model behind an API; empty if none is stored under its route's first part."""
        return self._tags.get(_model_name(route), "")

    async def start(self) -> Mapping[str, Endpoint]:
        """Opens the gRPC port, and makes the endpoints that need no application, by path.

        To be called when the service instance exists.
        """
        # Uvicorn prepares a line of its own access log for every request, and BentoML's logging
        # then drops it; a logger without handlers is not asked.
        logging.getLogger("uvicorn.access").propagate = False
        write_access_log_in_lines()
        self.predictions = {
            api.route: self._prediction(api)
            for api in self._service.apis.values()
            if is_batchable_list(api)
        }
        for bundle in self._bundles.values():
            self.metrics.computed(bundle.tag, bundle.computation)
        models = self._inference_models()
        settle_memory()
        recording = self._recording = self._start_recording()
        record = recording.record if recording else None
        methods = typed_methods(self._protos, self.predictions)
        if self.settings.grpc_port and self._factory.is_main and (methods or models):
            services = typed_services(methods, record)
            services.append(
                inference_service(
                    models,
                    self.is_ready,
                    lambda: not self.hangs(),
                    self.metrics.gather,
                    record,
                )
            )
            services.append(feedback_service(recording.feedback if recording else None))
            self._rpc = RpcServer(services, self.metrics, self.settings)
            await self._rpc.start()
            self._watching = asyncio.create_task(self._watch_health(self._rpc))
        is_wrapped = self._factory.is_wrapped
        made = Endpoints(
            self._service, self.settings, self.metrics, record, is_counted=not is_wrapped
        )
        self._factory.endpoints.update(made.make(self.predictions, models.values(), methods))
        self.metrics.serves(self._tags, worker_count(self._service.name))
        return {} if is_wrapped else self._factory.endpoints

    async def drain(self) -> None:
        """Tells gRPC's clients to turn elsewhere."""
        self._draining = True
        if self._rpc:
            await self._rpc.drain()

    async def end_calls(self) -> None:
        """Refuses new gRPC calls and lets those under way end."""
        if self._watching:
            self._watching.cancel()
        if self._rpc:
            await self._rpc.stop()

    def _start_recording(self) -> Recording | None:
        if self.settings.record is None or not self._factory.is_main:
            return None
        folder = RecordFolder(self.settings.record)
        counted = self._factory.enable_metrics
        recording = Recording(folder, self.settings, self._bundles, counted=counted)
        recording.take_labels_at(self._service)
        return recording

    def close(self) -> None:
        """Writes down what is left to tell, once everything has ended."""
        if self._recording is not None:
            self._recording.close()
        self.metrics.flush()
        if self._tracing is not None:
            self._tracing.close()

    async def _watch_health(self, rpc: RpcServer) -> None:
        """Has gRPC's health service, whose clients wait for news, tell what HTTP is asked.

        It has but one answer to those who ask whether the worker lives, and whether it is ready.
        """
        while True:
            await rpc.report(healthy=not self.hangs() and await self.is_ready())
            await asyncio.sleep(HEALTH_SECONDS)

    def _prediction(self, api: APIMethod[..., Any]) -> Prediction:
        path, tag = _path(self._service, api), self._model_tag(api.route)
        bundle = self._bundles.get(_model_name(api.route))
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


def _tracing(service: str, share: float) -> "Tracing | None":
    if not share:
        return None
    # What sends spans takes memory, and is needed by those alone who look at them.
    from serving.tracing import Tracing

    return Tracing(service, share)


def _path(service: bentoml.Service[Any], api: APIMethod[..., Any]) -> str:
    return prefixed_path(service, api.route)


def _model_name(route: str) -> str:
    """The first part of an API's route: the name of the model behind it, if there is one."""
    return route.split("/")[1]
