"""What the server asks of every predictor, and the check it runs before it trusts one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

import bentoml
from numpy.typing import NDArray
from pydantic import BaseModel

from models.card import ModelCard, ModelRefusedError

# Golden examples were computed by the same code on the same numbers: only the last bits of a
# double may differ, between processors.
GOLDEN_TOLERANCE = 1e-9

RecordT = TypeVar("RecordT", bound=BaseModel)
PredictionT = TypeVar("PredictionT", bound=BaseModel)


class Predictor(Protocol[RecordT, PredictionT]):
    """Turns validated records into predictions, one each, in order."""

    tag: str
    card: ModelCard
    record_type: type[RecordT]
    prediction_type: type[PredictionT]
    labels: Mapping[str, Sequence[str]]
    """Field of a prediction that is a mapping → its keys, in the order of the array's columns."""

    @classmethod
    def load(cls, model: bentoml.Model) -> Self: ...

    def predict(self, records: Sequence[RecordT]) -> list[PredictionT]: ...

    def features_from_columns(self, columns: Mapping[str, Any]) -> NDArray[Any]:
        """Returns what the model computes on, one row per record.

        Args:
            columns: Field of a record → its values in all of them, as an array; of a `Literal`
                field, their positions among its values.
        """
        ...

    def predict_features(self, features: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Returns the fields of the predictions as arrays, one row per row of the features."""
        ...


PredictorT = TypeVar("PredictorT", bound=Predictor[Any, Any])


def load_trusted(predictor_type: type[PredictorT], model: bentoml.Model) -> PredictorT:
    """Loads a predictor and has it reproduce its golden examples.

    Raises:
        ModelRefusedError: The model must not be served; the message says why and what to do.
    """
    predictor = predictor_type.load(model)
    require_golden(predictor)
    return predictor


def require_golden(predictor: Predictor[Any, Any]) -> None:
    """Checks that a loaded predictor reproduces the golden examples of its card.

    Raises:
        ModelRefusedError: A prediction differs; the message names the example and both values.
    """
    golden = predictor.card.golden
    records = [predictor.record_type.model_validate(example.record) for example in golden]
    for index, (example, prediction) in enumerate(
        zip(golden, predictor.predict(records), strict=True)
    ):
        expected, actual = example.prediction, prediction.model_dump(mode="json")
        if not _close(expected, actual):
            raise ModelRefusedError(
                f"Model {predictor.tag} does not reproduce golden example {index}: "
                f"expected {expected}, got {actual}. The stored files or the libraries have "
                "changed since training; retrain with `python -m training`."
            )


def _close(expected: object, actual: object) -> bool:
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(
            _close(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=GOLDEN_TOLERANCE, abs_tol=GOLDEN_TOLERANCE)
    return expected == actual
