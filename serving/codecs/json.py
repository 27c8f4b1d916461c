"""JSON requests and answers of a typed API."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from framework import Answers, FieldError
from framework.answers import answer_fields
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.beside import LARGE_BYTES, MANY_ROWS, SLICE_ROWS, SLOW_BYTES
from serving.codecs.finite import require_finite
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
    many_rows = MANY_ROWS

    def __init__(self, prediction: Prediction) -> None:
        self._prediction = prediction
        self._decoder = fast_decoder(prediction)
        self.large_bytes = SLOW_BYTES if self._decoder is None else LARGE_BYTES
        self._most_values: int | None = None
        if prediction.encoder is not None and any(f.length for f in prediction.encoder.fields):
            width = sum(field.length or 1 for field in prediction.encoder.fields)
            self._most_values = prediction.max_rows * width
        self._encode = msgspec.json.Encoder().encode
        self._struct: type[msgspec.Struct] | None = None
        if prediction.encoder is not None and is_written_plainly(prediction.answer_type):
            fields = answer_fields(prediction.answer_type)
            self._struct = answer_struct([field.name for field in fields])

    def read(self, body: bytes, _: dict[bytes, bytes]) -> tuple[Chunk, None]:
        """See `serving.http.endpoint.HttpCodec`."""
        if self._decoder is not None and not self._may_be_too_much(body):
            rows = self._decoder.from_json(body)
            if rows is not None:
                return self._prediction.require_few(rows), None
        return self._prediction.rows_from_json(body), None

    def _may_be_too_much(self, body: bytes) -> bool:
        """Whether there may be too many rows, or values in lists, to make anything of them."""
        if len(body) < self.large_bytes:
            return False
        return body.count(b"{") > self._prediction.max_rows + 1 or (
            self._most_values is not None and body.count(b",") > self._most_values
        )

    def write(self, answers: Sequence[Any], _: None) -> tuple[Headers, bytes]:
        """See `serving.http.endpoint.HttpCodec`.

        Raises:
            ValueError: A number is not finite, for which JSON has no form.
        """
        if len(answers) <= SLICE_ROWS:
            return [(b"content-type", JSON)], self._content(answers)
        starts = range(0, len(answers), SLICE_ROWS)
        parts = [self._content(answers[at : at + SLICE_ROWS], at)[1:-1] for at in starts]
        return [(b"content-type", JSON)], b"[" + b",".join(parts) + b"]"

    def _content(self, answers: Sequence[Any], first: int = 0) -> bytes:
        if type(answers) is Answers and self._struct is not None:
            content = self._encode(list(map(self._struct, *answers.values())))
        else:
            content = self._prediction.answers.serializer.to_json(list(answers))
        # What is not finite is written as `null`; other things are, too.
        if b"null" in content:
            require_finite(answers, first)
        return content


def fast_decoder(prediction: Prediction, renamed: Mapping[str, str] = {}) -> FastDecoder | None:
    """Makes the fast decoder of an API's records, if msgspec can tell their rules.

    Args:
        prediction: The API.
        renamed: Names in JSON of fields that have others there.
    """
    if prediction.encoder is None:
        return None
    try:
        return FastDecoder(prediction.encoder, prediction.request_type, prediction.field, renamed)
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
