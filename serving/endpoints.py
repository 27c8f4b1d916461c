"""The paths that are answered ahead of BentoML, and what answers at each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import bentoml

from framework.access.scopes import Need
from framework.adapters.bentoml import prefixed_path
from serving.access.door import Door
from serving.batching.prediction import Prediction
from serving.codecs.json import JsonCodec
from serving.codecs.tensors import TensorCodec
from serving.connect.codec import ConnectCodec
from serving.connect.endpoint import ConnectEndpoint
from serving.counts import RouteMetrics
from serving.grpc.typed import TypedMethod
from serving.http.endpoint import Endpoint, HttpCodec
from serving.logs import RouteLog
from serving.metrics import Metrics
from serving.open_inference.model import InferenceModel
from serving.open_inference.routes import infer_paths
from serving.record.recorder import Recorders
from serving.settings import Settings


class Endpoints:
    """Makes the endpoints of a service.

    Args:
        service: The service.
        settings: Limits.
        metrics: Counts of every route.
        door: Lets in who may ask.
        need_of: What a path needs.
        record: What records predictions, if they are recorded.
        is_counted: Whether the endpoints are to count; not if the gateway, which passes their
            requests on, does.
    """

    def __init__(
        self,
        service: bentoml.Service[Any],
        settings: Settings,
        metrics: Metrics,
        door: Door,
        need_of: Callable[[str], Need | None],
        record: Recorders | None,
        *,
        is_counted: bool,
    ) -> None:
        self._prefixed = partial(prefixed_path, service)
        self._settings = settings
        self._metrics = metrics
        self._door = door
        self._need_of = need_of
        self._record = record
        self._is_counted = is_counted

    def make(
        self,
        predictions: Mapping[str, Prediction],
        models: Iterable[InferenceModel],
        methods: Sequence[TypedMethod],
    ) -> dict[str, Endpoint]:
        """Returns the endpoints by path.

        Args:
            predictions: What answers, by the route of its API.
            models: The models that are asked in columns.
            methods: The methods of typed services.
        """
        endpoints: dict[str, Endpoint] = {}
        codecs = {route: JsonCodec(prediction) for route, prediction in predictions.items()}
        for route, prediction in predictions.items():
            path = self._prefixed(route)
            endpoints[path] = self._endpoint(path, prediction, codecs[route], path)
        for model in models:
            for infer_path, template in infer_paths(model.bundle.tag).items():
                path = self._prefixed(infer_path)
                endpoints[path] = self._endpoint(
                    path, model.prediction, TensorCodec(model), self._prefixed(template)
                )
        for method in methods:
            path, codec = self._prefixed(method.path), ConnectCodec(method, codecs[method.route])
            endpoints[path] = self._endpoint(path, method.prediction, codec, path, ConnectEndpoint)
        return endpoints

    def _endpoint(
        self,
        path: str,
        prediction: Prediction,
        codec: HttpCodec,
        route: str,
        kind: type[Endpoint] = Endpoint,
    ) -> Endpoint:
        if self._is_counted:
            metrics = self._metrics.route(route, prediction.model_tag, kind.protocol)
        else:
            log = RouteLog(route, prediction.model_tag, kind.protocol, accesses=False)
            metrics = RouteMetrics((), lambda: None, log, self._metrics.tracing)
        recorder = None
        if self._record is not None:
            recorder = self._record.recorder(
                prediction, route, kind.protocol, lambda body, headers: codec.read(body, headers)[0]
            )
        return kind(
            prediction,
            codec,
            self._settings,
            metrics,
            self._door,
            self._need_of(path),
            recorder,
        )
