"""Simulated training data, so that the whole system works before any real data is at hand.

Both tables have the structure that is published of the real ones, and a seed of their own: they
are the same whatever the training seed. What is trained on them is labelled as simulated
everywhere, and its numbers say nothing about real people or projects.
"""

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from models.attrition.schema import DEPARTMENTS, SALARIES
from training.data import Table, from_csv

SOURCE = "simulation"
SEED = 20_240_229
EMPLOYEES = 8_000
PROJECTS = 900
# Employees who leave, or stay, against the pattern of their group.
NOISE = 0.015

# Share of rows, then mean and spread of: satisfaction, evaluation, projects, hours, years.
_GROUPS: list[tuple[float, bool, list[tuple[float, float]]]] = [
    # Content, ordinary workload.
    (0.70, False, [(0.70, 0.16), (0.70, 0.16), (3.8, 0.9), (200, 38), (3.2, 1.3)]),
    # Unhappy about many things, and staying all the same.
    (0.07, False, [(0.30, 0.12), (0.66, 0.17), (4.4, 1.1), (190, 42), (3.4, 1.3)]),
    # Under-used low performers.
    (0.10, True, [(0.41, 0.03), (0.51, 0.03), (2.0, 0.1), (144, 9), (3.0, 0.1)]),
    # Overworked high performers.
    (0.07, True, [(0.10, 0.02), (0.87, 0.06), (6.3, 0.5), (275, 18), (4.0, 0.2)]),
    # Long-serving and unsatisfied, although well rated.
    (0.06, True, [(0.45, 0.08), (0.90, 0.06), (4.6, 0.5), (244, 15), (5.4, 0.5)]),
]
_DEPARTMENT_SHARES = [0.08, 0.05, 0.05, 0.05, 0.04, 0.06, 0.06, 0.28, 0.15, 0.18]

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


def attrition() -> Table:
    """Returns simulated employees and whether they left."""
    rng = np.random.default_rng(SEED)
    groups = rng.choice(len(_GROUPS), size=EMPLOYEES, p=[share for share, _, _ in _GROUPS])
    shapes = np.array([shape for _, _, shape in _GROUPS])[groups]
    satisfaction, evaluation, projects, hours, years = rng.normal(
        shapes[:, :, 0], shapes[:, :, 1]
    ).T
    left = np.array([leaves for _, leaves, _ in _GROUPS])[groups]
    left = left ^ (rng.random(EMPLOYEES) < NOISE)
    frame = pd.DataFrame(
        {
            "satisfaction_level": satisfaction.clip(0.09, 1).round(2),
            "last_evaluation": evaluation.clip(0.36, 1).round(2),
            "number_project": projects.clip(2, 7).round().astype(int),
            "average_monthly_hours": hours.clip(96, 310).round().astype(int),
            "time_spend_company": years.clip(2, 10).round().astype(int),
            "work_accident": (rng.random(EMPLOYEES) < np.where(left, 0.05, 0.17)).astype(int),
            "left": left.astype(int),
            "promotion_last_5years": (rng.random(EMPLOYEES) < np.where(left, 0.005, 0.026)).astype(
                int
            ),
            "department": rng.choice(DEPARTMENTS, size=EMPLOYEES, p=_DEPARTMENT_SHARES),
            "salary": rng.choice(SALARIES, size=EMPLOYEES, p=[0.49, 0.43, 0.08]),
        }
    )
    return _table(frame)


def topics() -> Table:
    """Returns simulated projects and their topics."""
    rng = np.random.default_rng(SEED)
    names = list(_WORDS)
    tags = rng.choice(len(names), size=PROJECTS, p=[0.32, 0.08, 0.34, 0.10, 0.09, 0.07])
    words = [np.array(text.split()) for text in _WORDS.values()]
    frame = pd.DataFrame(
        {
            "title": [_sentence(rng, words, tag, 3, 7).capitalize() for tag in tags],
            "description": [_sentence(rng, words, tag, 6, 28) for tag in tags],
            "tag": [names[tag] for tag in tags],
        }
    )
    return _table(frame)


def _sentence(
    rng: Generator, words: list[NDArray[np.str_]], topic: int, shortest: int, longest: int
) -> str:
    """Mixes words of the topic with common ones, and a few of another topic."""
    other = int(rng.integers(len(words)))
    lists = [words[topic], np.array(_COMMON.split()), words[other]]
    picks = rng.choice(3, size=int(rng.integers(shortest, longest)), p=[0.33, 0.57, 0.10])
    return " ".join(str(rng.choice(lists[pick])) for pick in picks)


def _table(frame: pd.DataFrame) -> Table:
    content = frame.to_csv(index=False, lineterminator="\n").encode()
    return from_csv(content, SOURCE, simulated=True)
