"""What a worker that records holds: the record, its metrics, and what takes labels for it."""

from collections.abc import Mapping
from typing import Any

import bentoml

from framework import Bundle
from framework.record.folder import RecordFolder
from serving.feedback.metrics import LabelMetrics
from serving.feedback.taking import Feedback
from serving.http.resources import ResourcesApp
from serving.record.metrics import RecordMetrics
from serving.record.recorder import Record
from serving.settings import Settings


class Recording:
    """The record of a worker, and the labels that clients tell for it.

    Args:
        folder: Where it is.
        settings: How much is recorded, and kept.
        models: The served models, by name.
        counted: Whether there is anybody to count for.

    Attributes:
        record: What records predictions.
        feedback: What takes labels.
    """

    def __init__(
        self,
        folder: RecordFolder,
        settings: Settings,
        models: Mapping[str, Bundle[Any, Any]],
        *,
        counted: bool,
    ) -> None:
        self.record = Record(folder, settings)
        self._metrics = RecordMetrics(self.record) if counted else None
        if self._metrics is not None:
            self._metrics.start()
        metrics = LabelMetrics(models, enabled=counted)
        self.feedback = Feedback(self.record, models, metrics, settings.timeout_seconds)

    def take_labels_at(self, service: bentoml.Service[Any]) -> None:
        """Has the resources of a service take labels."""
        for app, *_ in service.mount_apps:
            if isinstance(app, ResourcesApp):
                app.state.feedback = self.feedback

    def close(self) -> None:
        """Writes what is left, and hands on the last counts."""
        self.record.close()
        if self._metrics is not None:
            self._metrics.stop()
