"""The drop-in BentoML service class."""

from collections.abc import Sequence
from typing import Any

from bentoml.models import BentoModel
from google.protobuf.descriptor import FileDescriptor

from serving.batching.prediction import is_batchable_list
from serving.grpc.typed import require_fitting
from serving.http.openapi import Document
from serving.http.resources import service_document
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
        """The gRPC port, if there is anything to offer there."""
        settings = load_settings()
        remedy = "choose another port with GRPC_PORT, or switch gRPC off with GRPC_PORT=0"
        listener = Listener("gRPC", settings.rpc_host, settings.grpc_port, remedy, by_workers=True)
        return [listener] if settings.grpc_port and self.offers_grpc else []

    @property
    def offers_grpc(self) -> bool:
        """Whether there is anything to ask over gRPC: a `.proto` file's service, or a model."""
        names = {model.tag.name for model in self.models if isinstance(model, BentoModel)}
        return bool(self.protos) or any(
            is_batchable_list(api) and api.route.split("/")[1] in names
            for api in self.apis.values()
        )

    def to_asgi(self, is_main: bool = True) -> Any:
        """Returns the ASGI application: the gateway in front of BentoML's own."""
        self.inject_config()
        return Worker(self, self.protos, is_main=is_main).gateway()

    @property
    def openapi_spec(self) -> Document:
        """What `/docs.json` answers, and `bentoml build` writes to `apis/openapi.yaml`.

        BentoML's own generator ends the build at a schema with examples.
        """
        return service_document(self)
