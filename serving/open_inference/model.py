"""One served model as the Open Inference Protocol sees it, whatever the transport."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from framework import Answers, Bundle
from framework.open_inference.tensors import Tensor
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.codecs.finite import require_finite
from serving.errors import Loc, ServingError
from serving.open_inference.column import listed
from serving.open_inference.columns import read_columns
from serving.open_inference.signature import OutputColumn, Signature

Output = tuple[OutputColumn, NDArray[Any]]


@dataclass(frozen=True)
class InferenceModel:
    """A served model, its tensors, and the API that answers them.

    Attributes:
        bundle: The model.
        prediction: Its typed API, whose method and batches answer the tensors too.
        signature: Its tensors.
    """

    bundle: Bundle[Any, Any]
    prediction: Prediction
    signature: Signature

    @classmethod
    def of(cls, bundle: Bundle[Any, Any], prediction: Prediction) -> "InferenceModel":
        """Derives a model's tensors.

        Raises:
            FieldError: Its records or answers are not made of columns.
        """
        signature = Signature.of(prediction.row_type, prediction.answer_type, prediction.labels)
        return cls(bundle, prediction, signature)

    @property
    def name(self) -> str:
        """Its name in the protocol."""
        return self.bundle.model.name

    @property
    def version(self) -> str:
        """Version part of the model's exact tag."""
        return self.bundle.version

    @property
    def most_values(self) -> int:
        """Most values that an input of a request may have."""
        return self.prediction.max_rows * max(self._lengths, default=1)

    @property
    def most_numbers(self) -> int:
        """Most values that all inputs of a request may have together."""
        return self.prediction.max_rows * sum(self._lengths)

    @property
    def _lengths(self) -> list[int]:
        return [column.spec.length or 1 for column in self.signature.inputs.values()]

    def read(self, tensors: Sequence[Tensor]) -> Chunk:
        """Returns the records that tensors hold, column by column.

        Raises:
            ServingError: `invalid_input`, which names tensor and row, or `payload_too_large`.
        """
        columns = read_columns(self.signature, tensors, self.prediction.max_rows)
        encoder = self.prediction.encoder
        if encoder is not None and not self.signature.by_rows:
            return encoder.from_columns(columns)
        values = {name: listed(self.signature.inputs[name], columns[name]) for name in columns}
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return self.prediction.rows_from_list(rows, self._place)

    def _place(self, loc: Loc) -> Loc:
        """Turns a place in a request of rows, `(rows, 1, name, …)`, into one among tensors."""
        loc = loc if self.prediction.request_type is None else loc[1:]
        return ("inputs", *loc[1:2], *loc[:1], *loc[2:])

    def write(self, answers: Sequence[Any], asked: Sequence[OutputColumn]) -> list[Output]:
        """Returns the outputs asked for as arrays, in that order.

        Raises:
            ValueError: A number is not finite, which no protocol here sends.
        """
        require_finite(answers)
        if not isinstance(answers, Answers):
            answers = Answers.of(self.signature.answer_type, answers, self.signature.labels)
        return [(output, answers.columns[output.name]) for output in asked]

    def outputs(self, names: Sequence[str]) -> list[OutputColumn]:
        """Returns the outputs of these names, or all of them if there is none.

        Raises:
            ServingError: `invalid_input`, for a name that is none, or comes more than once.
        """
        known = self.signature.outputs
        if not names:
            return list(known.values())
        found = {name: known[name] for name in names if name in known}
        if len(found) < len(names):
            raise ServingError.from_details(list(self._output_problems(names)))
        return list(found.values())

    def _output_problems(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        known = self.signature.outputs
        for name, count in Counter(names).items():
            if name not in known:
                message = f"There is no output of this name; there are: {', '.join(known)}"
            elif count > 1:
                # Each time would be another copy: an answer without bound to a small request.
                message = "The output is asked for more than once"
            else:
                continue
            yield {"loc": ("outputs", name), "msg": message, "type": "extra_forbidden"}
