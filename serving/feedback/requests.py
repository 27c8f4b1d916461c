"""What requests that bring labels look like, as JSON and as messages."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.struct_pb2 import Value
from pydantic import BaseModel, ConfigDict, Field

from framework.record.labels import Label
from serving.codecs.judge import Judge
from serving.feedback.feedback_pb2 import SendRequest
from serving.feedback.taking import MAX_LABELS
from serving.grpc.wire import Inside, counted, too_many_fields

# A label has five values; one of several targets a number for each.
_MOST_VALUES = 20 * MAX_LABELS
# Of the message, a label's value, its list, and the items of that.
_SIMPLE = {"bool_value", "number_value", "string_value"}
_INSIDE: Inside = {1: {3: {6: {1: {}}}}}


class FeedbackRequest(BaseModel):
    """What became true of rows that were predicted."""

    model_config = ConfigDict(extra="forbid")

    labels: list[Label] = Field(min_length=1, max_length=MAX_LABELS)


class FeedbackAnswer(BaseModel):
    """The labels are written."""

    accepted: int = Field(description="How many there are.")


_judge = Judge(FeedbackRequest, Label, "labels", MAX_LABELS)


def labels_of_json(body: bytes) -> Sequence[Label]:
    """Returns the labels of a request in JSON.

    Raises:
        ServingError: `invalid_input` or `payload_too_large`.
    """
    return _judge.of_json(body)


def _labels_of_message(body: bytes) -> Sequence[Label]:
    return _judge.of_list([_plain(label) for label in SendRequest.FromString(body).labels])


labels_of_message = counted(
    _labels_of_message, _MOST_VALUES, lambda: too_many_fields(_MOST_VALUES), _INSIDE
)
"""Returns the labels of a request as a message; raises as `labels_of_json` does."""


def _plain(label: Any) -> dict[str, Any]:
    found = {"prediction_id": label.prediction_id, "source": label.source}
    if label.HasField("row"):
        found["row"] = label.row
    if label.HasField("label"):
        found["label"] = _value(label.label)
    if label.HasField("time"):
        found["time"] = _time(label.time)
    return found


def _value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_value(one) for one in value.list_value.values]
    # An object is no label, whatever is in it, nor is nothing.
    return getattr(value, kind) if kind in _SIMPLE else None


def _time(time: Any) -> Any:
    try:
        return time.ToJsonString()
    except ValueError:
        # Out of range, and so is this.
        return ""
