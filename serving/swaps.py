"""Versions put in each other's place, while requests come."""

from typing import Any

from framework import Bundle
from serving.deployment import Beside, Deployer
from serving.dispatch import Deployments
from serving.lifecycle import return_memory_after
from serving.metrics import Metrics
from serving.recording import Recording
from serving.versions import Models


class Swaps:
    """Has versions of models answer, each from one moment on; used on the event loop.

    What has begun ends with the version that it began with.

    Args:
        models: The models of the service.
        tags: Tags of what is served, by the models' names.
        deployer: Makes what answers.
        deployments: What answers at present.
        metrics: Told which versions serve.
        recording: Takes labels, if there is a record.
    """

    def __init__(
        self,
        models: Models,
        tags: dict[str, str],
        deployer: Deployer,
        deployments: Deployments,
        metrics: Metrics,
        recording: Recording | None,
    ) -> None:
        self._models = models
        self._tags = tags
        self._deployer = deployer
        self._deployments = deployments
        self._metrics = metrics
        self._recording = recording
        self._beside: dict[str, Beside] = {}

    @property
    def records(self) -> bool:
        """Whether there is a record, which a shadow's answers are kept in."""
        return self._recording is not None

    def serve(self, name: str, bundle: Bundle[Any, Any] | None) -> None:
        """Has another version of a model answer from now on, or none."""
        former = self._models.current.get(name)
        if bundle is None:
            self._deployments.take_out(name)
        else:
            self._deploy(name, bundle, self._beside.get(name, Beside()))
        self._models.replace(name, bundle)
        if former is not None:
            return_memory_after(former)
        tag = "" if bundle is None else bundle.tag
        self._metrics.swapped(name, self._tags[name], tag)
        self._tags[name] = tag
        if bundle is not None:
            self._metrics.computed(tag, bundle.computation)

    def serve_beside(self, name: str, beside: Beside) -> None:
        """Has versions of a model answer some requests beside it from now on."""
        if (bundle := self._models.current.get(name)) is not None:
            self._deploy(name, bundle, beside)
        # Not before it is known to work: the next champion is made with it.
        before, self._beside[name] = self._beside.get(name, Beside()), beside
        for former in (before.canary, before.shadow):
            if former is not None:
                return_memory_after(former[0])

    def _deploy(self, name: str, bundle: Bundle[Any, Any], beside: Beside) -> None:
        if name in self._deployer.names:
            before = self._deployments.get(name)
            self._deployments.put(self._deployer.deploy_beside(name, bundle, beside, before))
        if self._recording is not None:
            others = [] if beside.canary is None else [beside.canary[0]]
            self._recording.feedback.follow(bundle, *others)
