"""Tensors over HTTP: the JSON of the Open Inference Protocol, with or without raw data behind."""

from typing import Any

from serving.batching.computation import Chunk
from serving.beside import LARGE_BYTES, MANY_ROWS
from serving.http.asgi import JSON, PREDICTION_ID, Headers
from serving.open_inference.json_body import HEADER_LENGTH, Request, render
from serving.open_inference.model import InferenceModel
from serving.open_inference.signature import OutputColumn

_BINARY = b"application/octet-stream"
_HEADER_LENGTH = HEADER_LENGTH.encode()
_Asked = tuple[Request, list[OutputColumn], str]


class TensorCodec:
    """Reads the tensors of requests to one model, and writes those of its answers.

    Args:
        model: The model.
    """

    content_types = (JSON, _BINARY)
    large_bytes = LARGE_BYTES
    many_rows = MANY_ROWS

    def __init__(self, model: InferenceModel) -> None:
        self._model = model

    def read(self, body: bytes, headers: dict[bytes, bytes]) -> tuple[Chunk, _Asked]:
        """See `serving.http.endpoint.HttpCodec`."""
        length = headers.get(_HEADER_LENGTH)
        given = length.decode("latin-1") if length else None
        request = Request(body, given, self._model.most_values)
        asked = self._model.outputs(request.outputs)
        prediction_id = headers.get(PREDICTION_ID, b"").decode()
        return self._model.read(request.tensors), (request, asked, prediction_id)

    def write(self, answers: Any, asked: _Asked) -> tuple[Headers, bytes]:
        """See `serving.http.endpoint.HttpCodec`."""
        request, outputs, prediction_id = asked
        written = self._model.write(answers, outputs)
        content, json_length = render(self._model, request, written, prediction_id)
        if not json_length:
            return [(b"content-type", JSON)], content
        return [(b"content-type", _BINARY), (_HEADER_LENGTH, b"%d" % json_length)], content
