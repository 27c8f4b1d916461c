"""Parsers of the messages of `inference.GRPCInferenceService`, which count before they make."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from framework.open_inference import inference_pb2 as pb
from serving.grpc.wire import Inside, Parser, counted, number_lists, too_many_fields
from serving.open_inference.model import InferenceModel

# Tensors, raw ones, outputs and parameters; each element of a tensor of texts is a field, too.
_MOST_PARTS, _TEXTS_OF_ROW = 10_000, 4
# What there is to ask beside predictions takes a name, or some parameters.
_FIELDS_OF_QUESTION = 1_000

_REQUEST: Any = pb.ModelInferRequest.DESCRIPTOR
_INPUT: Any = pb.ModelInferRequest.InferInputTensor.DESCRIPTOR
_TYPED: Any = pb.InferTensorContents.DESCRIPTOR
_INPUTS, _OUTPUTS = (_REQUEST.fields_by_name[name].number for name in ("inputs", "outputs"))
_CONTENTS = _INPUT.fields_by_name["contents"].number
_FIELDS: Inside = {_INPUTS: {_CONTENTS: {}}, _OUTPUTS: {}}
_NUMBERS: Inside = {_INPUTS: {**number_lists(_INPUT), _CONTENTS: number_lists(_TYPED)}}


def request_parser(models: Sequence[InferenceModel]) -> Parser:
    """Makes the parser of requests to some models.

    They have no more fields than the texts of some tensors, and no more numbers than there are in
    all inputs of the widest model.
    """
    rows = max((model.prediction.max_rows for model in models), default=0)
    fields = _MOST_PARTS + _TEXTS_OF_ROW * rows
    numbers = max((model.most_numbers for model in models), default=0)
    parse = _counted(pb.ModelInferRequest.FromString, fields + numbers, _NUMBERS)
    parse = _counted(parse, fields, _FIELDS)
    return _counted(parse, _MOST_PARTS, {})


def question_parser(message: type[Message]) -> Parser:
    """Makes the parser of messages that ask for anything but a prediction."""
    return _counted(message.FromString, _FIELDS_OF_QUESTION, {})


def _counted(parse: Parser, most: int, inside: Inside) -> Parser:
    return counted(parse, most, lambda: too_many_fields(most), inside)
