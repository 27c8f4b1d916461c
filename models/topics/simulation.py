"""Simulated projects, so that the whole system works before any real data is at hand.

The table has the structure that is published of the real one, and a seed of its own: it is the
same whatever the training seed. Numbers of a model trained on it say nothing about real projects.
"""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SEED = 20_240_229
PROJECTS = 900

_WORDS = {
    "computer-vision": "image images pixel segmentation detection object yolo camera video gan "
    "convolutional resnet face pose depth mask style transfer rendering augmentation scene optical",
    "graph-learning": "graph graphs node nodes edge edges embedding neighborhood message passing "
    "link community knowledge molecule attention adjacency spectral gcn subgraph network walk",
    "natural-language-processing": "text language bert transformer transformers token tokens "
    "translation sentiment question answering summarization corpus word words sentence gpt "
    "entity dialogue speech pretrained vocabulary",
    "mlops": "deploy deployment pipeline docker kubernetes monitoring serving production "
    "experiment tracking versioning workflow orchestration ci drift registry feature store "
    "logging api reproducible infrastructure",
    "reinforcement-learning": "agent agents reward policy environment exploration gym atari "
    "q-learning actor critic episode control game play bandit trajectory imitation planning state",
    "time-series": "forecast forecasting series temporal seasonality trend anomaly lstm arima "
    "prophet demand stock window lag horizon sensor daily hourly prices signal",
}
_COMMON = (
    "a an the of for with and in on using learning deep model models data neural network training "
    "open source library implementation paper tutorial guide introduction simple fast pytorch "
    "tensorflow python how to build your from scratch state art code project examples method"
)


def projects() -> dict[str, Any]:
    """Returns simulated projects and their topics."""
    rng = np.random.default_rng(SEED)
    names = list(_WORDS)
    tags = rng.choice(len(names), size=PROJECTS, p=[0.32, 0.08, 0.34, 0.10, 0.09, 0.07])
    words = [np.array(text.split()) for text in _WORDS.values()]
    return {
        "title": [_sentence(rng, words, tag, 3, 7).capitalize() for tag in tags],
        "description": [_sentence(rng, words, tag, 6, 28) for tag in tags],
        "tag": [names[tag] for tag in tags],
    }


def _sentence(
    rng: Generator, words: list[NDArray[np.str_]], topic: int, shortest: int, longest: int
) -> str:
    """Mixes words of the topic with common ones, and a few of another topic."""
    other = int(rng.integers(len(words)))
    lists = [words[topic], np.array(_COMMON.split()), words[other]]
    picks = rng.choice(3, size=int(rng.integers(shortest, longest)), p=[0.33, 0.57, 0.10])
    return " ".join(str(rng.choice(lists[pick])) for pick in picks)
