"""The paths of which this server, not BentoML's application alone, decides what is answered."""

import re
from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Any, Self

import bentoml

from framework.adapters.bentoml import (
    LIVE_PATHS,
    METRICS_PATH,
    READY_PATH,
    join_paths,
    prefixed_path,
)
from serving.batching.prediction import is_batchable_list
from serving.feedback.routes import PATH as FEEDBACK_PATH


@dataclass(frozen=True)
class Paths:
    """The paths at which this server has a say in what BentoML's application answers.

    Attributes:
        live: Liveness.
        ready: Readiness, of the server and of each model.
        own_ready: Those of them that BentoML knows nothing of, and never refuses itself.
        metrics: Where metrics are read.
        limited: APIs that BentoML answers, whose bodies have a limit all the same.
    """

    live: Container[str]
    ready: Container[str]
    own_ready: Container[str]
    metrics: Container[str]
    limited: Container[str]

    @property
    def probes(self) -> Container[str]:
        """Paths that are answered whatever else is asked."""
        return _Paths(self.live, self.ready, self.metrics)

    @classmethod
    def of(
        cls,
        service: bentoml.Service[Any],
        names: Collection[str],
        resources: str | None,
        *,
        is_main: bool,
    ) -> Self:
        """Finds those of a service.

        Args:
            service: The service.
            names: Names of its models.
            resources: Where the resources are mounted, if they are.
            is_main: Whether the service is the one that clients ask.
        """
        own_live, own_ready, statistics, own_limited = set[str](), _Paths(), _Paths(), _Paths()
        apis = {
            prefixed_path(service, api.route) + ending
            for api in service.apis.values()
            if not is_batchable_list(api)
            for ending in (["", "/submit"] if api.is_task else [""])
        }
        if resources is not None:
            own_live = {join_paths(resources, "/v2/health/live")}
            # Of any version: which there are, changes.
            below = re.escape(join_paths(resources, "/v2/models"))
            of_model = rf"{below}/(?:{'|'.join(map(re.escape, names))})(?:/versions/[^/]+)?"
            own_ready = _Paths({join_paths(resources, "/v2/health/ready")}, f"{of_model}/ready")
            statistics = _Paths({join_paths(resources, "/v2/models/stats")}, f"{of_model}/stats")
            repository = re.escape(join_paths(resources, "/v2/repository"))
            own_limited = _Paths(
                {join_paths(resources, FEEDBACK_PATH)},
                rf"{repository}/(?:index|models/[^/]+/(?:un)?load)",
            )
        return cls(
            live={*own_live, *(prefixed_path(service, path) for path in LIVE_PATHS)},
            ready=_Paths(own_ready, {prefixed_path(service, READY_PATH)}),
            own_ready=own_ready,
            metrics=_Paths(statistics, {prefixed_path(service, METRICS_PATH)}),
            # Services of one Bento trust each other.
            limited=_Paths(apis, own_limited) if is_main else _Paths(),
        )


class _Paths(Container[str]):
    """Paths of several kinds.

    Args:
        kinds: Collections of paths, or patterns of them.
    """

    def __init__(self, *kinds: Container[str] | str) -> None:
        self._kinds = [re.compile(one) if isinstance(one, str) else one for one in kinds]

    def __contains__(self, path: object) -> bool:
        """Whether a path is one of them."""
        return any(
            bool(kind.fullmatch(str(path))) if isinstance(kind, re.Pattern) else path in kind
            for kind in self._kinds
        )
