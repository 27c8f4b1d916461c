"""Entries as tables: one line for each answered row, or for each request that was refused."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from framework.answers import AnswerField, answer_fields
from framework.fields import FieldError, FieldSpec
from framework.model import Model
from framework.record.frames import Entry, Refusal
from framework.record.shadow import ShadowAnswers
from monitoring.record.decoding import Decoder, Rows

TIME = pa.timestamp("us", "UTC")
Place = tuple[str, int, int]
"""Of a row: prediction id, number in the request, and time in microseconds since 1970."""

_NS = 1_000
_TYPES: dict[str, pa.DataType] = {
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "text": pa.string(),
}
_IDENTITY = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("row", pa.int32()),
        ("time", TIME),
        ("protocol", pa.string()),
        ("route", pa.string()),
        ("request_id", pa.string()),
        ("status", pa.int16()),
    ]
)
_SHADOW = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("row", pa.int32()),
        ("time", TIME),
        ("answered_by", pa.string()),
        ("seconds", pa.float64()),
        ("answered_seconds", pa.float64()),
    ]
)
_FAILED = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("time", TIME),
        ("model", pa.string()),
        ("version", pa.string()),
        ("protocol", pa.string()),
        ("route", pa.string()),
        ("request_id", pa.string()),
        ("status", pa.int16()),
        ("code", pa.string()),
        ("place", pa.string()),
        ("type", pa.string()),
    ]
)


class Rendering:
    """Makes tables of a model's entries.

    Args:
        model: The model.
    """

    def __init__(self, model: Model[Any, Any]) -> None:
        self._decoder = Decoder(model)
        self._inputs = {
            field.name: _input_type(field)
            for field in model.encoder.fields
            if field.recorded != "omit"
        }
        self._outputs: dict[str, AnswerField] = {}
        kinds: list[Any] = [model.explanation, model.answer]
        for kind in kinds:
            # An explanation may have fields that are no columns.
            with contextlib.suppress(FieldError):
                fields = answer_fields(kind) if kind is not None else ()
                self._outputs |= {field.name: field for field in fields}

    def read(self, entry: Entry) -> tuple[Rows, Rows]:
        """Returns the rows and the answers of an entry, as many of the one as of the other.

        Raises:
            UnreadableError: They cannot be told.
        """
        rows = self._decoder.rows(entry)
        answers = self._decoder.answers(entry) or [{} for _ in rows]
        return rows, answers

    def table(self, read: Sequence[tuple[Entry, Rows, Rows]]) -> pa.Table:
        """Returns the table of entries that have been read."""
        identity = [
            (one.prediction_id, at, one.ns // _NS, one.protocol, one.route, one.request_id, 200)
            for one, rows, _ in read
            for at in range(len(rows))
        ]
        rows = [row for _, rows, _ in read for row in rows]
        answers = [answer for _, _, answers in read for answer in answers]
        columns = dict(_columns(_IDENTITY, identity))
        for name, kind in self._inputs.items():
            columns[f"input.{name}"] = pa.array([_fit(row.get(name)) for row in rows], kind)
        return pa.table(columns | self._answered(answers))

    def shadow_table(self, places: Sequence[Place], said: Sequence[ShadowAnswers]) -> pa.Table:
        """Returns the table of shadow answers.

        Args:
            places: Of the rows that were answered.
            said: What was said to some of them each, in their order.
        """
        told = [
            (one.answered_by, one.seconds, one.answered_seconds)
            for one in said
            for _ in one.answers
        ]
        lines = [(*place, *rest) for place, rest in zip(places, told, strict=True)]
        answers = [answer for one in said for answer in one.answers]
        return pa.table(dict(_columns(_SHADOW, lines)) | self._answered(answers))

    def _answered(self, answers: Rows) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for name in dict.fromkeys(name for answer in answers for name in answer):
            values = [answer.get(name) for answer in answers]
            columns |= _output(f"output.{name}", self._outputs.get(name), values)
        return columns


def failures(entries: Iterable[Entry]) -> pa.Table:
    """Returns the table of requests that were refused, or whose clients left."""
    lines = []
    for one in entries:
        refusal = msgspec.json.decode(one.answer, type=Refusal)
        model, _, version = one.model_tag.partition(":")
        place = ".".join(map(str, refusal.loc))
        lines.append(
            (
                one.prediction_id,
                one.ns // _NS,
                model,
                version,
                one.protocol,
                one.route,
                one.request_id,
                one.status,
                refusal.code,
                place,
                refusal.type,
            )
        )
    return pa.table(dict(_columns(_FAILED, lines)))


def _columns(schema: pa.Schema, lines: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, pa.Array]]:
    for at, field in enumerate(schema):
        yield field.name, pa.array([line[at] for line in lines], field.type)


def _input_type(field: FieldSpec) -> pa.DataType:
    if field.recorded == "hash":
        return pa.string()
    kind = field.kind
    if kind == "category":
        kind = "text" if type(field.categories[0]) is str else "int"
    return _TYPES[kind] if field.length is None else pa.list_(_TYPES[kind])


def _output(name: str, field: AnswerField | None, values: Sequence[Any]) -> dict[str, pa.Array]:
    """Returns the columns of an answer's field: one, or one for each label of a mapping."""
    present = [value for value in values if value is not None]
    if any(isinstance(value, dict) for value in present):
        labels = dict.fromkeys(label for value in present for label in value)
        return {
            f"{name}.{label}": pa.array(
                [None if value is None else value.get(label) for value in values], pa.float64()
            )
            for label in labels
        }
    if field is not None:
        kind = _TYPES[field.kind]
        kind = pa.list_(kind) if field.shape == "list" else kind
        return {name: pa.array([_fit(value) for value in values], kind)}
    if all(isinstance(value, (int, float)) for value in present):
        return {name: pa.array([_fit(value) for value in values], pa.float64())}
    texts = [
        value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
        for value in values
    ]
    return {name: pa.array(texts, pa.string())}


def _fit(value: Any) -> Any:
    """Returns a value; none of a number that is missing, or that no column of its kind holds."""
    if type(value) is float:
        return None if math.isnan(value) else value
    return None if type(value) is int and not -(2**63) <= value < 2**63 else value
