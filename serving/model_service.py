"""The drop-in BentoML service class."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FileDescriptor

from serving.grpc.typed import require_fitting
from serving.http.openapi import openapi_document
from serving.open_inference.routes import described_routes
from serving.ports import Listener
from serving.preflight import PlainService
from serving.settings import load_settings
from serving.worker import Worker

BATCHED: dict[str, Any] = {"batchable": True, "max_batch_size": 1_000, "max_latency_ms": 1_000}
"""Options of an API that the batcher answers: most rows in a batch, and the time in which a request
must be answered or refused."""


class ModelService(PlainService):
    """A BentoML service whose batchable APIs are answered by the fast path.

    Use it as `@bentoml.service(service_class=ModelService)`; the service itself stays a plain
    BentoML service and runs with the stock class too.

    An API at `/<name>/…` is taken to be answered by the model stored under `<name>`: its answers
    carry that model's tag.

    A class attribute `protos`, a sequence of file descriptors (`DESCRIPTOR` of the generated
    modules), offers their services over gRPC; see `serving.grpc.typed`.

    Raises:
        BentoMLConfigException: A `.proto` file does not fit the service's types.
    """

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_fitting(self.protos, self.apis)

    @property
    def protos(self) -> Sequence[FileDescriptor]:
        """Descriptors of the files whose services are offered over gRPC."""
        return getattr(self.inner, "protos", ())

    @property
    def further_listeners(self) -> list[Listener]:
        """The gRPC port."""
        settings = load_settings()
        remedy = "choose another port with GRPC_PORT, or switch gRPC off with GRPC_PORT=0"
        listener = Listener("gRPC", settings.grpc_host, settings.grpc_port, remedy, by_workers=True)
        return [listener] if settings.grpc_port else []

    def to_asgi(self, is_main: bool = True) -> Any:
        """Returns the ASGI application: the gateway in front of BentoML's own."""
        self.inject_config()
        return Worker(self, self.protos, is_main=is_main).gateway()

    @property
    def openapi_spec(self) -> dict[str, Any]:
        """What `bentoml build` writes to `apis/openapi.yaml`: the document of `/docs.json`.

        BentoML's own generator ends the build at a schema with examples.
        """
        resources = [route for app, *_ in self.mount_apps for route in getattr(app, "routes", [])]
        return openapi_document(self, [*resources, *described_routes()])
