"""Labels: what clients tell to have become true of the rows of a prediction."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from framework.labels import LabelKind, LabelValue
from framework.record.frames import LABEL, Entry, EntryTuple
from framework.record.ids import model_of

MSGPACK = "application/msgpack"
_MAX_ROW = 2**31 - 1
# Clocks differ, and a label of the future would outlast all that come after it.
_AHEAD = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LABEL_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "number"}},
    ]
}


class Label(BaseModel):
    """What became true of one row of a prediction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prediction_id: str = Field(description="As the answer told it in `X-Prediction-ID`.")
    row: int = Field(ge=0, le=_MAX_ROW, strict=True, description="In the request, counted from 0.")
    label: Annotated[JsonValue, WithJsonSchema(_LABEL_SCHEMA)] = Field(
        description="A class by its name, of two classes also by 0 and 1 or false and true; a "
        "number; or a list of numbers, one for each target."
    )
    time: AwareDatetime | None = Field(
        default=None, description="When it became known; when it came, if not given."
    )
    source: str = Field(default="", max_length=128, description="Who says so.")


class LabelEvent(NamedTuple):
    """A label that was found to fit its model, as it is kept.

    Attributes:
        prediction_id: Of which prediction.
        row: Of which of its rows.
        label: What is true of that.
        time: When it became known, in microseconds since 1970; None if it was not said.
        source: Who says so.
        received: When it came, in microseconds since 1970.
    """

    prediction_id: str
    row: int
    label: LabelValue
    time: int | None
    source: str
    received: int

    @property
    def model(self) -> str:
        """Name of the model that made the prediction."""
        return model_of(self.prediction_id) or ""


class UnfitLabelError(Exception):
    """A label that cannot be one; the message says what is allowed.

    Attributes:
        field: Which field of it is wrong.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def event_of(
    label: Label, kind_of: Callable[[str], LabelKind | None], received: datetime
) -> LabelEvent:
    """Judges a label.

    Args:
        label: What was told.
        kind_of: Returns which labels a model takes, by its name; None if there is none.
        received: When it came.

    Raises:
        UnfitLabelError: It is none.
    """
    model = model_of(label.prediction_id)
    if model is None:
        raise UnfitLabelError(
            "prediction_id", "This is no prediction id, such as X-Prediction-ID tells."
        )
    kind = kind_of(model)
    if kind is None:
        raise UnfitLabelError("prediction_id", "There is no model of the name that it begins with.")
    value = kind.read(label.label)
    if value is None:
        raise UnfitLabelError("label", f"The label should be {kind.allowed}.")
    if label.time is not None and label.time > received + _AHEAD:
        raise UnfitLabelError("time", "The time should not lie in the future.")
    time = None if label.time is None else microseconds(label.time)
    return LabelEvent(
        label.prediction_id, label.row, value, time, label.source, microseconds(received)
    )


def microseconds(time: datetime) -> int:
    """Returns a time in microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


class _Body(msgspec.Struct, array_like=True, frozen=True):
    row: int
    label: LabelValue
    time: int | None
    source: str


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Body)


def entry_of(
    event: LabelEvent, request_id: str, route: str, protocol: str, model_tag: str
) -> EntryTuple:
    """Returns the entry of the record that keeps a label.

    Args:
        event: The label.
        request_id: Of the request that brought it.
        route: Of that request.
        protocol: Of that request.
        model_tag: The model that it was judged by.
    """
    body = _encode(_Body(event.row, event.label, event.time, event.source))
    ns = event.received * 1_000
    told = (event.prediction_id, request_id, route, protocol, model_tag)
    return (LABEL, ns, *told, 200, MSGPACK, body, b"")


def label_of(entry: Entry) -> LabelEvent:
    """Returns the label that an entry keeps.

    Raises:
        msgspec.MsgspecError: It keeps none.
    """
    body = _decoder.decode(entry.body)
    return LabelEvent(
        entry.prediction_id, body.row, body.label, body.time, body.source, entry.ns // 1_000
    )
