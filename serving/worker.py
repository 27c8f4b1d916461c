"""What a worker process holds: the composition of everything that serves."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import bentoml
from bentoml.models import BentoModel
from google.protobuf.descriptor import FileDescriptor

from framework import Bundle
from framework.adapters.bentoml import prefixed_path, service_configuration, worker_count
from framework.adapters.bentoml_server import write_access_log_in_lines
from framework.adapters.uvicorn_server import serve_by
from framework.record.folder import RecordFolder
from serving.access.door import Door, LockedDoor, OpenDoor
from serving.access.needs import PathNeeds, of_methods
from serving.audit import audit_of
from serving.deployment import Deployer, model_name
from serving.dispatch import Deployments
from serving.feedback.servicer import feedback_service
from serving.grpc.calls import Calls
from serving.grpc.server import RpcServer
from serving.grpc.typed import api_route, method_path, methods_of, typed_services
from serving.http.application import AppFactory
from serving.http.asgi import App, Scope
from serving.http.gateway import UNMATCHED, Gateway
from serving.http.resources import ResourcesApp, resources_path
from serving.lifecycle import ENCRYPTED_HEADER, Lifecycle, settle_memory
from serving.metrics import Metrics
from serving.open_inference.repository import Repository
from serving.open_inference.servicer import inference_service
from serving.optional import certificates_of, tracing_of
from serving.paths import Paths
from serving.recording import Recording
from serving.served import unloaded
from serving.settings import load_settings
from serving.swaps import Swaps
from serving.takeover import Takeover
from serving.versions import Models

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
        self._resources = resources_path(service)
        self._factory.owns_root = self._resources == prefixed_path(service, "/")
        self.settings = load_settings()
        # Services of one Bento trust each other.
        self._door: Door = (
            LockedDoor.of(self.settings) if self.settings.is_locked and is_main else OpenDoor()
        )
        self._need_of = PathNeeds(service, self._resources, methods_of(protos))
        self._certificates = certificates_of(self.settings)
        self._tracing = tracing_of(service.name, self.settings)
        # Services of one Bento are asked by each other.
        self._audit = audit_of(self.settings) if is_main else None
        self.metrics = Metrics(
            self._factory,
            accesses=self.settings.access_log,
            tracing=self._tracing,
            audit=self._audit,
        )
        if self._audit is not None:
            self._audit.on_drop = self.metrics.audit_dropped
        self._service = service
        self._protos = protos
        methods = {
            prefixed_path(service, method_path(method)): api_route(method)
            for method in methods_of(protos)
        }
        self._factory.own_paths = methods.keys()
        self._config = service_configuration(service.name)
        self._rpc: RpcServer | None = None
        self._recording: Recording | None = None
        self._watching: list[asyncio.Task[None]] = []
        self._draining = False
        self._models: Models | None = None
        self._deployer: Deployer | None = None
        self._takeover: Takeover | None = None
        stored = (model for model in service.models if isinstance(model, BentoModel))
        self._tags = {model.tag.name: str(model.tag) for model in stored}
        routes = {prefixed_path(service, api.route): api.route for api in service.apis.values()}
        self._names = {path: model_name(route) for path, route in (routes | methods).items()}
        """Path → name of the model that is asked there, whichever version of it is."""

    def gateway(self) -> App:
        """Makes the ASGI application: the gateway in front of BentoML's own."""
        self._factory.is_locked = isinstance(self._door, LockedDoor)
        app = self._factory()
        paths = Paths.of(
            self._service, self._tags.keys(), self._resources, is_main=self._factory.is_main
        )
        unheard = self.metrics.route(UNMATCHED)
        lifecycle = Lifecycle(
            self.settings.drain_seconds,
            self._config["traffic"]["timeout"],
            worker_count(self._service.name),
            on_drain=lambda: asyncio.ensure_future(self.drain()),
            on_stop=lambda: asyncio.ensure_future(self.end_calls()),
            hangs=self.hangs,
            probes=paths.probes,
            on_refuse=lambda status: unheard.answered(status, 0),
            limits=self.settings.connections,
        )
        if self._certificates is not None:
            lifecycle.tls = self._certificates.context
            lifecycle.headers.append(ENCRYPTED_HEADER)
        serve_by(lifecycle)
        is_wrapped = self._factory.is_wrapped
        self._deployments = Deployments(
            self._factory.endpoints, None if is_wrapped else lifecycle.direct
        )
        gateway = Gateway(
            app,
            paths=paths,
            endpoints={} if is_wrapped else self._factory.endpoints,
            begin_request=self.begin_request,
            require_loaded=self.require_loaded,
            start=self.start,
            end_calls=self.end_calls,
            close=self.close,
            is_ready=self.is_ready,
            lifecycle=lifecycle,
            metrics=self.metrics,
            settings=self.settings,
            door=self._door,
            need_of=self._need_of,
        )
        return self._factory.outside(gateway)

    def begin_request(self, scope: Scope) -> str:
        """Has what follows see the models of this moment; returns the tag of the one that is asked.

        It is empty if there is none.
        """
        if self._models is not None:
            self._models.keep_for_request()
        path = scope["path"]
        endpoint = self._factory.endpoints.get(path)
        return endpoint.tag_of(scope) if endpoint else self._tags.get(self._names.get(path, ""), "")

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
        return self._deployer is not None and self._deployer.hangs

    async def start(self) -> None:
        """Opens the gRPC port, and makes the endpoints that need no application.

        To be called when the service instance exists.
        """
        # Uvicorn prepares a line of its own access log for every request, and BentoML's logging
        # then drops it; a logger without handlers is not asked.
        logging.getLogger("uvicorn.access").propagate = False
        write_access_log_in_lines()
        if isinstance(self._door, LockedDoor):
            await self._door.start()
        models = getattr(self._factory.service_instance, "models", None)
        self._models = models if isinstance(models, Models) else None
        bundles = {
            name: model
            for name, model in (models if isinstance(models, Mapping) else {}).items()
            if isinstance(model, Bundle)
        }
        recording = self._recording = self._start_recording(bundles)
        self._deployer = Deployer(
            self._service,
            self._factory.service_instance,
            self._protos,
            self.settings,
            self.metrics,
            recording.record if recording else None,
            OpenDoor() if self._factory.is_wrapped else self._door,
            self._need_of,
            is_counted=not self._factory.is_wrapped,
        )
        for name in self._deployer.names:
            tag, bundle = self._tags.get(name, ""), bundles.get(name)
            self._deployments.put(self._deployer.deploy(name, tag, bundle))
        for bundle in bundles.values():
            self.metrics.computed(bundle.tag, bundle.computation)
        settle_memory()
        if self._models is not None:
            swaps = Swaps(
                self._models,
                self._tags,
                self._deployer,
                self._deployments,
                self.metrics,
                recording,
            )
            self._takeover = Takeover(self._models, swaps, self.metrics, self.settings.load_seconds)
        repository = self._offer_repository()
        await self._open_grpc(repository)
        self.metrics.serves(self._tags, worker_count(self._service.name))
        if self._takeover is not None:
            self._takeover.begin()
        if self._certificates is not None:
            self._watching.append(self._certificates.follow(counted=self._factory.enable_metrics))
        if isinstance(self._door, LockedDoor):
            self._watching.append(asyncio.create_task(self._door.watch()))
            self.metrics.count_callers(self._door.admitted)

    def require_loaded(self, path: str) -> None:
        """Refuses what asks a model that is unloaded.

        Raises:
            ServingError: `not_found`.
        """
        name = self._names.get(path, "")
        if self._models is not None and self._models.known.get(name, ...) is None:
            raise unloaded(name)

    async def drain(self) -> None:
        """Tells gRPC's clients to turn elsewhere."""
        self._draining = True
        if self._rpc:
            await self._rpc.drain()

    async def end_calls(self) -> None:
        """Refuses new gRPC calls and lets those under way end."""
        if self._takeover is not None:
            self._takeover.end()
        self._deployments.end()
        for watching in self._watching:
            watching.cancel()
        if self._rpc:
            await self._rpc.stop()

    def _offer_repository(self) -> Repository | None:
        """Has the resources of the service load and unload its models."""
        if self._takeover is None or self._models is None:
            return None
        repository = Repository(
            self._takeover,
            self._models.known,
            offered=self.settings.repository,
            seconds=self.settings.timeout_seconds,
        )
        for app, *_ in self._service.mount_apps:
            if isinstance(app, ResourcesApp):
                app.state.repository = repository
        return repository

    async def _open_grpc(self, repository: Repository | None) -> None:
        """Opens the gRPC port, if there is anything to offer there."""
        deployed = self._deployments
        if not (self.settings.grpc_port and self._factory.is_main):
            return
        if not (deployed.methods or deployed.asked):
            return
        feedback = self._recording.feedback if self._recording else None
        services = [
            *typed_services(self._protos, deployed.methods),
            inference_service(
                deployed.asked,
                self.is_ready,
                lambda: not self.hangs(),
                self.metrics.gather,
                repository,
            ),
            feedback_service(feedback),
        ]
        credentials = self._certificates.grpc_credentials() if self._certificates else None
        calls = Calls(
            self.metrics,
            self._door,
            of_methods(methods_of(self._protos)),
            has_certificates=self.settings.tls_client_ca is not None,
        )
        self._rpc = RpcServer(services, calls, self.settings, credentials)
        await self._rpc.start()
        self._watching.append(asyncio.create_task(self._watch_health(self._rpc)))

    def _start_recording(self, bundles: Mapping[str, Bundle[Any, Any]]) -> Recording | None:
        if self.settings.record is None or not self._factory.is_main:
            return None
        folder = RecordFolder(self.settings.record)
        counted = self._factory.enable_metrics
        recording = Recording(folder, self.settings, bundles, counted=counted)
        recording.take_labels_at(self._service)
        return recording

    def close(self) -> None:
        """Writes down what is left to tell, once everything has ended."""
        if self._recording is not None:
            self._recording.close()
        if self._audit is not None:
            self._audit.close()
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
