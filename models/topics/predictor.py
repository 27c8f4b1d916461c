"""The topics predictor: a scikit-learn pipeline stored by skops, no pickle."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import bentoml
import numpy as np
from numpy.typing import NDArray

from framework.imports import without
from models.card import ModelCard, ModelRefusedError
from models.topics.features import FEATURES, documents
from models.topics.schema import Text, Topic

# skops trusts scikit-learn's test helpers too, which import pytest where it is installed.
with without("pytest"):
    import skops.io

MODEL_FILE = "model.skops"


class TopicsPredictor:
    """Classifies texts with one stored scikit-learn pipeline."""

    record_type = Text
    prediction_type = Topic

    def __init__(self, tag: str, card: ModelCard, pipeline: Any) -> None:
        self.tag = tag
        self.card = card
        self.topics = [str(topic) for topic in pipeline.classes_]
        self.labels: Mapping[str, Sequence[str]] = {"probabilities": self.topics}
        self._pipeline = pipeline

    @classmethod
    def load(cls, model: bentoml.Model) -> Self:
        """Loads the predictor from a model that `python -m training topics` stored.

        Raises:
            models.card.ModelRefusedError: The model cannot be served by this code.
        """
        card = ModelCard.read(model)
        card.require_compatible(model.tag, FEATURES, {})
        path = model.path_of(MODEL_FILE)
        if unknown := skops.io.get_untrusted_types(file=path):
            raise ModelRefusedError(
                f"Model {model.tag} holds types that are not scikit-learn's own: {unknown}; "
                "they are not loaded, because loading them could run code."
            )
        return cls(str(model.tag), card, skops.io.load(path))

    def predict(self, texts: Sequence[Text]) -> list[Topic]:
        """Classifies texts, one answer each, in order."""
        probabilities = self.probabilities(documents(texts))
        best = probabilities.argmax(axis=1).tolist()
        return [
            Topic(
                topic=self.topics[index],
                probability=row[index],
                probabilities=dict(zip(self.topics, row, strict=True)),
            )
            for index, row in zip(best, probabilities.tolist(), strict=True)
        ]

    @staticmethod
    def features_from_columns(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.object_]:
        """Returns one document per text, in order, from the column `text`."""
        return columns["text"].astype(object)

    def predict_features(self, features: NDArray[np.object_]) -> dict[str, NDArray[Any]]:
        """Classifies documents; returns the fields of the answers as columns.

        `probabilities` has the shape `[len(features), len(self.topics)]`.
        """
        probabilities = self.probabilities(features.tolist())
        best = probabilities.argmax(axis=1)
        return {
            "topic": np.array(self.topics, dtype=object)[best],
            "probability": probabilities[np.arange(len(best)), best],
            "probabilities": probabilities,
        }

    def probabilities(self, texts: list[str]) -> NDArray[np.float64]:
        """Probability of every topic for every text, shape `[len(texts), len(self.topics)]`."""
        return cast(NDArray[np.float64], self._pipeline.predict_proba(texts))
