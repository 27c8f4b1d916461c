"""Messages over Connect: protobuf's bytes, or its JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor

from serving.batching.computation import Chunk
from serving.beside import SLICE_ROWS
from serving.codecs.finite import require_finite
from serving.codecs.json import JsonCodec, fast_decoder
from serving.codecs.json_parts import (
    DuplicateError,
    count_colons,
    may_exceed,
    require_unique,
)
from serving.codecs.problems import problem, too_many_keys, twice
from serving.codecs.struct_types import FastDecoder
from serving.connect.messages import DuplicateNameError, reader, writer
from serving.errors import ServingError
from serving.grpc.typed import TypedMethod
from serving.http.asgi import JSON, Headers

PROTO = b"application/proto"
# Values beside those of the rows, and what they may have too many before they are counted.
_FURTHER_VALUES = 100
# Keys that a row may have beside those of its fields: pydantic makes an object of each.
_FURTHER_KEYS = 1_000
# Fields of a row whose type does not tell.
_WIDTH = 10
# What msgspec raises for content that is no JSON.
_NO_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)


class ConnectCodec:
    """Reads the messages of requests to one method, and writes those of its answers.

    Rows are judged as over the other protocols. JSON has protobuf's names of the fields or their
    own; a field that is not known is refused, as the API's own JSON does.

    Args:
        method: The method.
        json: Reads and writes the JSON of its API.
    """

    content_types = (JSON, PROTO)

    def __init__(self, method: TypedMethod, json: JsonCodec) -> None:
        (rows,) = method.descriptor.input_type.fields
        (answers,) = method.descriptor.output_type.fields
        self._rows, self._names = rows.name, {rows.name, rows.json_name}
        self._answers = answers.json_name.encode()
        self._read_rows = reader(rows)
        self._write = writer(answers)
        self._messages = method.codec
        self._json = json
        self.large_bytes = json.large_bytes
        self.many_rows = method.codec.many_rows
        self._prediction = prediction = method.prediction
        fields = prediction.encoder.fields if prediction.encoder else ()
        self._decoder: FastDecoder | None = None
        # A `null` stands for the default, which msgspec does not know.
        if not any(one.nullable and one.default is not None for one in fields):
            self._decoder = fast_decoder(prediction, _json_names(rows))
        self._width = sum(field.length or 1 for field in fields) or _WIDTH
        self._lists = sum(1 for field in fields if field.length) if fields else _WIDTH

    def read(self, body: bytes, headers: dict[bytes, bytes]) -> tuple[Chunk, bytes]:
        """See `serving.http.endpoint.HttpCodec`; what was read is written."""
        if headers.get(b"content-type", JSON).lower().startswith(PROTO):
            return self._messages.read(body), PROTO
        self._require_few(body)
        if self._decoder is not None:
            records = self._decoder.from_json(body)
            if records is not None:
                return self._prediction.require_few(records), JSON
        return self._messages.rows(self._rows_of(body), len(body)), JSON

    def write(self, answers: Sequence[Any], asked: bytes) -> tuple[Headers, bytes]:
        """See `serving.http.endpoint.HttpCodec`.

        Raises:
            ValueError: A number is not finite, which no protocol here sends.
        """
        if asked is PROTO:
            content = self._messages.write(answers)
        else:
            content = b'{"%s":%s}' % (self._answers, self._written(answers))
        return [(b"content-type", asked)], content

    def _written(self, answers: Sequence[Any]) -> bytes:
        if self._write is None:
            return self._json.write(answers, None)[1]
        require_finite(answers)
        parts = [
            msgspec.json.encode(self._write(self._messages.plain(answers[at : at + SLICE_ROWS])))
            for at in range(0, len(answers), SLICE_ROWS)
        ]
        return b"[%s]" % b",".join(part[1:-1] for part in parts)

    def _rows_of(self, body: bytes) -> list[Any]:
        try:
            content = msgspec.json.decode(body)
        except _NO_JSON as error:
            raise _refused((), f"Invalid JSON: {error}", "json_invalid") from None
        if type(content) is not dict:
            raise _refused((), "Input should be an object", "model_type")
        for name in content:
            if name not in self._names:
                raise _refused((name,), "Extra inputs are not permitted", "extra_forbidden")
        # More than one is the field under both of its names.
        (rows, *others) = content.values() or [None]
        if others:
            raise ServingError.from_details([twice((self._rows,))])
        rows = [] if rows is None else rows
        if type(rows) is not list:
            raise _refused((self._rows,), "Input should be a valid list", "list_type")
        self._require_few_keys(rows)
        self._require_unique(body, rows)
        try:
            read: list[Any] = self._read_rows(rows) if self._read_rows else rows
        except DuplicateNameError as error:
            raise ServingError.from_details([twice((self._rows, *error.loc))]) from None
        return read

    def _require_few(self, body: bytes) -> None:
        """Refuses JSON of more values than the most rows have, before anything is made of it."""
        if len(body) < self.large_bytes:
            return
        rows = self._prediction.max_rows
        most = 2 * rows * (self._width + 1) + _FURTHER_VALUES
        most_lists = rows * (self._lists + 1) + _FURTHER_VALUES
        if may_exceed(body, self._width, most, most_lists):
            raise ServingError.too_many_rows(rows)

    def _require_few_keys(self, rows: list[Any]) -> None:
        most = self._width + _FURTHER_KEYS
        for number, row in enumerate(rows):
            if type(row) is dict and len(row) > most:
                raise ServingError.from_details([too_many_keys((self._rows, number), most)])

    @staticmethod
    def _require_unique(body: bytes, rows: list[Any]) -> None:
        keys = 1 + sum(len(row) for row in rows if type(row) is dict)
        if count_colons(body) == keys:
            return
        try:
            require_unique(body)
        except DuplicateError as error:
            raise ServingError.from_details([twice(error.loc)]) from None


def _json_names(rows: FieldDescriptor) -> dict[str, str]:
    """Returns the names in JSON of a list of messages and of their fields."""
    message = rows.message_type
    fields = [rows, *(message.fields if message else ())]
    return {field.name: field.json_name for field in fields}


def _refused(loc: tuple[str, ...], message: str, kind: str) -> ServingError:
    return ServingError.from_details([problem(loc, message, kind)])
