"""The drop-in BentoML service class."""

from typing import Any

import bentoml
from bentoml._internal.utils.uri import join_paths

from serving.gateway import Gateway
from serving.settings import load_settings


class ModelService(bentoml.Service[Any]):
    """A BentoML service whose ASGI application is guarded by the gateway.

    Use it as `@bentoml.service(service_class=ModelService)`; the service itself stays a plain
    BentoML service and runs with the stock class too.

    An API at `/<name>/…` is taken to be answered by the model stored under `<name>`: its answers
    carry that model's tag.
    """

    def to_asgi(self, is_main: bool = True) -> Any:
        """Returns the ASGI application: the gateway in front of BentoML's own."""
        tags = {model.tag.name: str(model.tag) for model in self.models}
        return Gateway(
            super().to_asgi(is_main=is_main),
            model_tags={
                join_paths(self.path_prefix or "", api.route): tags.get(_model_name(api.route), "")
                for api in self.apis.values()
            },
            settings=load_settings(),
        )


def _model_name(route: str) -> str:
    return route.split("/")[1]
