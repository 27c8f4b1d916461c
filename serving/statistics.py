"""What the metrics say of single models, added up over all workers."""

from collections.abc import Sequence
from dataclasses import dataclass

from framework.adapters.bentoml_server import metric_samples
from serving.series import NAMESPACE

# Asking about a model is no prediction, though it is counted under the model's tag.
_INFERENCE = "/inference.GRPCInferenceService/"
_PREDICTS = "Infer"
# Name of a sample → the field it adds to, of requests that were answered and of others.
_OF_ANSWERED = {
    "request_seconds_count": "answered",
    "request_seconds_sum": "answered_seconds",
    "queue_wait_seconds_count": "queued",
    "queue_wait_seconds_sum": "queued_seconds",
    "batch_rows_count": "batches",
    "batch_rows_sum": "rows",
    "last_batch_timestamp_seconds": "last_batch",
}
_OF_FAILED = {"request_seconds_count": "failed", "request_seconds_sum": "failed_seconds"}


@dataclass
class Totals:
    """What one model has done since the server started."""

    answered: float = 0
    answered_seconds: float = 0
    failed: float = 0
    failed_seconds: float = 0
    queued: float = 0
    queued_seconds: float = 0
    batches: float = 0
    rows: float = 0
    last_batch: float = 0
    """When it was computed, in seconds since 1970; 0 for never."""


def totals(tags: Sequence[str]) -> dict[str, Totals]:
    """Adds up what was counted of models, by their tags; some milliseconds of reading files."""
    found = {tag: Totals() for tag in tags}
    for sample in metric_samples():
        total = found.get(sample.labels.get("model", ""))
        if total is None or not sample.name.startswith(NAMESPACE):
            continue
        route = sample.labels.get("route", "")
        fields = _OF_ANSWERED if sample.labels.get("status", "200") == "200" else _OF_FAILED
        field = fields.get(sample.name.removeprefix(f"{NAMESPACE}_"))
        if field and (not route.startswith(_INFERENCE) or route.endswith(_PREDICTS)):
            setattr(total, field, getattr(total, field) + sample.value)
    return found
