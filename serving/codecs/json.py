"""JSON requests and answers of a typed API."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from pydantic import BaseModel

from framework import Answers, FieldError
from framework.answers import answer_fields
from framework.records import EncodingError
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.codecs.struct_types import FastDecoder, answer_struct
from serving.http.asgi import JSON, Headers


class JsonCodec:
    """Reads the JSON of one API's requests, and writes that of its answers.

    Requests are decoded by msgspec where its types can tell the API's rules; what it refuses, and
    every API whose rules it cannot tell, is pydantic's to judge and to word.

    Args:
        prediction: The API.
    """

    content_types = (JSON,)

    def __init__(self, prediction: Prediction) -> None:
        self._prediction = prediction
        self._decoder = fast_decoder(prediction)
        self._encode = msgspec.json.Encoder().encode
        self._struct: type[msgspec.Struct] | None = None
        if prediction.encoder is not None and is_written_plainly(prediction.answer_type):
            fields = answer_fields(prediction.answer_type)
            self._struct = answer_struct([field.name for field in fields])
            self._has_nulls = any(field.nullable for field in fields)

    def read(self, body: bytes, _: dict[bytes, bytes]) -> tuple[Chunk, None]:
        """See `serving.http.endpoint.HttpCodec`."""
        if self._decoder is not None:
            try:
                rows = self._decoder.from_json(body)
            except EncodingError:
                rows = None
            if rows is not None:
                return self._prediction.require_few(rows), None
        return self._prediction.rows_from_json(body), None

    def write(self, answers: Sequence[Any], _: None) -> tuple[Headers, bytes]:
        """See `serving.http.endpoint.HttpCodec`.

        Raises:
            ValueError: A number is not finite, for which JSON has no form.
        """
        return [(b"content-type", JSON)], self._content(answers)

    def _content(self, answers: Sequence[Any]) -> bytes:
        if type(answers) is not Answers or self._struct is None:
            content: bytes = self._prediction.answers.serializer.to_json(list(answers))
            return content
        content = self._encode(list(map(self._struct, *answers.values())))
        # Msgspec writes `null` for what is not finite; a text may hold the word, too.
        if not self._has_nulls and b"null" in content:
            require_finite(answers)
        return content


def fast_decoder(prediction: Prediction) -> FastDecoder | None:
    """Makes the fast decoder of an API's records, if msgspec can tell their rules."""
    if prediction.encoder is None:
        return None
    try:
        return FastDecoder(prediction.encoder, prediction.request_type, prediction.field)
    except FieldError:
        return None


def is_written_plainly(answer_type: Any) -> bool:
    """Whether the fields of an answer are its JSON: no computed ones, aliases or serializers."""
    decorators = answer_type.__pydantic_decorators__
    try:
        answer_fields(answer_type)
    except FieldError:
        return False
    return not (
        decorators.field_serializers
        or decorators.model_serializers
        or decorators.computed_fields
        or answer_type.model_config.get("ser_json_inf_nan")
        or any(
            info.serialization_alias or info.exclude for info in answer_type.model_fields.values()
        )
    )


def require_finite(answers: Answers[Any]) -> None:
    """Makes sure that no number of the answers is infinite or NaN.

    Raises:
        ValueError: One is; the message names its field and row.
    """
    answer_type: type[BaseModel] = answers.answer_type
    fields = {field.name: field for field in answer_fields(answer_type)}
    for name, column in answers.columns.items():
        # A sum is finite if all are, and quickly made; it may also overflow.
        if column.dtype.kind != "f" or fields[name].nullable or math.isfinite(column.sum()):
            continue
        finite = np.isfinite(column.reshape(len(column), -1)).all(axis=1)
        if not finite.all():
            raise ValueError(f"The model's {name} is not finite in row {int(finite.argmin())}")
