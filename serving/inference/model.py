"""One served model as the Open Inference Protocol sees it, whatever the transport."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from serving.errors import Code, ServingError
from serving.inference.columns import read_columns
from serving.inference.signature import OutputColumn, Signature
from serving.inference.tensors import Tensor
from serving.models import ServedModel

Submit = Callable[[NDArray[Any]], Awaitable[Mapping[str, NDArray[Any]]]]
Output = tuple[OutputColumn, NDArray[Any]]


@dataclass(frozen=True)
class InferenceModel:
    """Answers columns with columns, in the same batches as the model's typed API.

    Attributes:
        name: Its name in the protocol.
        served: The model.
        signature: Its tensors.
        max_rows: Most rows in a request.
        submit: Takes a feature matrix, returns the predictions' fields as arrays.
    """

    name: str
    served: ServedModel
    signature: Signature
    max_rows: int
    submit: Submit

    @classmethod
    def of(
        cls,
        name: str,
        served: ServedModel,
        max_rows: int,
        submit: Submit,
    ) -> "InferenceModel":
        """Derives what the protocol needs.

        Raises:
            TypeError: Its records or predictions are not made of columns.
        """
        predictor = served.predictor
        signature = Signature.of(predictor.record_type, predictor.prediction_type, predictor.labels)
        return cls(name, served, signature, max_rows, submit)

    @property
    def version(self) -> str:
        """Version part of the model's exact tag."""
        return self.served.tag.partition(":")[2]

    def require_version(self, version: str) -> None:
        """Refuses another version than the one served; an empty one means any.

        Raises:
            ServingError: `not_found`.
        """
        if version not in ("", self.version):
            raise ServingError(
                Code.NOT_FOUND,
                f"Model {self.name} has no version of this name; there is: {self.version}.",
            )

    async def infer(
        self, tensors: Sequence[Tensor], outputs: Sequence[str] | None = None
    ) -> list[Output]:
        """Returns the outputs asked for, in that order, or all of them.

        Raises:
            ServingError: Any of the table's; `invalid_input` names tensor and row.
        """
        asked = self._outputs(outputs)
        columns = read_columns(self.signature, tensors, self.max_rows)
        found = await self.submit(self.served.predictor.features_from_columns(columns))
        return [(output, found[output.name]) for output in asked]

    def _outputs(self, names: Sequence[str] | None) -> list[OutputColumn]:
        known = self.signature.outputs
        problems = [
            {
                "loc": ("outputs", name),
                "msg": f"There is no output of this name; there are: {', '.join(known)}",
                "type": "extra_forbidden",
            }
            for name in names or ()
            if name not in known
        ]
        if problems:
            raise ServingError.from_details(problems)
        return [known[name] for name in names] if names else list(known.values())
