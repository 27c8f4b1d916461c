"""Protobuf requests and answers of a typed API."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from framework import Answers
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.beside import MANY_NESTED_ROWS, MANY_ROWS, SLICE_ROWS
from serving.codecs.finite import require_finite
from serving.codecs.json import fast_decoder
from serving.errors import ServingError
from serving.grpc.conversion import is_map, reader, writer
from serving.grpc.wire import Parser, counted, number_lists, parsed, too_many_fields

# Fields of a request message that the server may not know.
_UNKNOWN_FIELDS = 100


class MessageCodec:
    """Reads the request messages of one API, and writes its response messages.

    Args:
        method: The gRPC method, whose messages fit the API (`serving.grpc.typed`).
        prediction: The API.
    """

    def __init__(self, method: MethodDescriptor, prediction: Prediction) -> None:
        (rows,), (answers,) = method.input_type.fields, method.output_type.fields
        self._rows, self._answers = rows.name, answers.name
        self._read, self._prepare = reader(rows), writer(answers)
        # Fields that only newer clients know are no rows.
        self._parse = counted(
            _with_short_lists(method.input_type, prediction),
            prediction.max_rows + _UNKNOWN_FIELDS,
            lambda: ServingError.too_many_rows(prediction.max_rows),
            {},
        )
        self.many_rows = many_rows(answers)
        self._slice_rows = min(SLICE_ROWS, self.many_rows)
        self._response_type = GetMessageClass(method.output_type)
        self._prediction = prediction
        self._decoder = fast_decoder(prediction)
        fields = prediction.encoder.fields if prediction.encoder else ()
        # A message has no null: what is not there is missing.
        self._missing = {field.name: None for field in fields if field.nullable and field.required}

    def read(self, body: bytes) -> Chunk:
        """Returns the rows of a request message.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        return self.rows(self._read(getattr(parsed(self._parse, body), self._rows)), len(body))

    def rows(self, rows: list[Any], size: int) -> Chunk:
        """Returns the rows that a request message holds, each as a dictionary of its fields.

        Args:
            rows: The rows.
            size: Bytes of the message.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        if self._missing:
            rows = [
                {**self._missing, **row} if isinstance(row, dict) else row  # JSON's may be none
                for row in rows
            ]
        if self._decoder is not None and rows:
            records = self._decoder.from_list(rows, size)
            if records is not None:
                return self._prediction.require_few(records)
        return self._prediction.rows_from_list(rows)

    def write(self, answers: Sequence[Any]) -> bytes:
        """Returns the response message of the answers.

        Raises:
            ValueError: A number is not finite, which no protocol here sends.
        """
        require_finite(answers)
        if len(answers) <= self._slice_rows:
            return self._written(answers)
        # A message of all is those of the parts, one after the other.
        size = self._slice_rows
        starts = range(0, len(answers), size)
        return b"".join(self._written(answers[at : at + size]) for at in starts)

    def plain(self, answers: Sequence[Any]) -> list[dict[str, Any]]:
        """Returns answers as dictionaries."""
        if type(answers) is Answers:
            return answers.dicts()
        made: list[dict[str, Any]] = self._prediction.answers.serializer.to_python(list(answers))
        return made

    def _written(self, answers: Sequence[Any]) -> bytes:
        made = self.plain(answers)
        message = self._response_type(
            **{self._answers: self._prepare(made) if self._prepare else made}
        )
        content: bytes = message.SerializeToString()
        return content


def _with_short_lists(request: Descriptor, prediction: Prediction) -> Parser:
    """Makes a parser that refuses rows whose lists of numbers are longer than those of any rows."""
    parse: Parser = GetMessageClass(request).FromString
    (rows,) = request.fields
    fields = prediction.encoder.fields if prediction.encoder else ()
    lists = number_lists(rows.message_type) if rows.message_type else {}
    if not (fields and lists):
        return parse
    # A row, and of each field, known or not, tag and values.
    of_row = 1 + 2 * sum(1 + (field.length or 1) for field in fields)
    most = prediction.max_rows * of_row + _UNKNOWN_FIELDS
    return counted(parse, most, lambda: too_many_fields(most), {rows.number: lists})


def many_rows(answers: FieldDescriptor) -> int:
    """Returns from how many answers on a message of them is written beside the event loop."""
    message = answers.message_type
    fields = message.fields if message else ()
    is_nested = any(one.is_repeated and one.message_type and not is_map(one) for one in fields)
    return MANY_NESTED_ROWS if is_nested else MANY_ROWS
