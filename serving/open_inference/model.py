"""One served model as the Open Inference Protocol sees it, whatever the transport."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from serving.errors import ServingError
from serving.open_inference.columns import read_columns
from serving.open_inference.signature import OutputColumn, Signature
from serving.open_inference.tensors import Tensor
from serving.served import ServedModel

Submit = Callable[[NDArray[Any]], Awaitable[Mapping[str, NDArray[Any]]]]
Output = tuple[OutputColumn, NDArray[Any]]


@dataclass(frozen=True)
class InferenceModel:
    """Answers columns with columns, in the same batches as the model's typed API.

    Raises:
        TypeError: The model's records or predictions are not made of columns.

    Attributes:
        name: Its name in the protocol.
        served: The model.
        max_rows: Most rows in a request.
        submit: Takes a feature matrix, returns the predictions' fields as arrays.
    """

    name: str
    served: ServedModel
    max_rows: int
    submit: Submit

    def __post_init__(self) -> None:
        """Has the tensors derived, which not every model has."""
        _ = self.signature

    @property
    def version(self) -> str:
        """Version part of the model's exact tag."""
        return self.served.version

    @property
    def signature(self) -> Signature:
        """Its tensors."""
        return self.served.signature

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
