"""How the model behaves: invariance, direction, minimum functionality.

Each test runs on a model trained on the simulation and, where the real data is at hand, on a real
one.
"""

import random

import numpy as np
import pytest

from framework import Bundle
from framework.recipes.text_pipeline import TextClassifier
from models.topics import Text, Topic
from models.topics.tests.cases import TEXTS

# The last bits of a sum may depend on how the processor's vector units divide a batch.
TOLERANCE = 1e-12


def test_a_texts_topic_does_not_depend_on_the_others(topics: Bundle[Text, Topic]) -> None:
    records = [Text.model_validate(record) for record in TEXTS] * 7
    order = random.Random(0).sample(range(len(records)), len(records))

    alone = np.array([list(topics.predict([r])[0].probabilities.values()) for r in records])
    shuffled = topics.predict([records[i] for i in order])

    np.testing.assert_allclose(
        [list(answer.probabilities.values()) for answer in shuffled],
        alone[order],
        atol=TOLERANCE,
        rtol=0,
    )


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("computer-vision", "Object detection and image segmentation with convolutional networks"),
        ("natural-language-processing", "Transformers and BERT for text classification"),
        ("graph-learning", "Graph neural networks for node embeddings"),
        ("reinforcement-learning", "Deep reinforcement learning agent with policy gradients"),
        ("time-series", "Time series forecasting of stock prices"),
    ],
)
def test_clear_texts_get_their_topic(topics: Bundle[Text, Topic], topic: str, text: str) -> None:
    assert topics.predict([Text(text=text)])[0].topic == topic


def test_probabilities_add_up_to_one(topics: Bundle[Text, Topic]) -> None:
    for answer in topics.predict([Text.model_validate(record) for record in TEXTS]):
        assert abs(sum(answer.probabilities.values()) - 1) < TOLERANCE
        assert answer.probability == max(answer.probabilities.values())


def test_it_scores_by_the_short_way(topics: Bundle[Text, Topic]) -> None:
    assert type(topics.estimator) is TextClassifier
