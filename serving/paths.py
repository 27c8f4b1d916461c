"""The paths of which this server, not BentoML's application alone, decides what is answered."""

from collections.abc import Collection
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
from serving.open_inference.routes import model_paths


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

    live: Collection[str]
    ready: Collection[str]
    own_ready: Collection[str]
    metrics: Collection[str]
    limited: Collection[str]

    @classmethod
    def of(
        cls,
        service: bentoml.Service[Any],
        tags: Collection[str],
        resources: str | None,
        *,
        is_main: bool,
    ) -> Self:
        """Finds those of a service.

        Args:
            service: The service.
            tags: Tags of its models.
            resources: Where the resources are mounted, if they are.
            is_main: Whether the service is the one that clients ask.
        """
        own_ready, own_live, statistics = set[str](), set[str](), set[str]()
        limited = {
            prefixed_path(service, api.route) + ending
            for api in service.apis.values()
            if not is_batchable_list(api)
            for ending in (["", "/submit"] if api.is_task else [""])
        }
        if resources is not None:
            below = [path for tag in tags for path in model_paths(tag)]
            own_live = {join_paths(resources, "/v2/health/live")}
            own_ready = {join_paths(resources, path, "ready") for path in ["/v2/health", *below]}
            statistics = {join_paths(resources, path, "stats") for path in ["/v2/models", *below]}
            limited.add(join_paths(resources, FEEDBACK_PATH))
        return cls(
            live={*own_live, *(prefixed_path(service, path) for path in LIVE_PATHS)},
            ready={*own_ready, prefixed_path(service, READY_PATH)},
            own_ready=own_ready,
            metrics={*statistics, prefixed_path(service, METRICS_PATH)},
            # Services of one Bento trust each other.
            limited=limited if is_main else frozenset(),
        )
