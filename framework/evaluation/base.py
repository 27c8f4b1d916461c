"""What the evaluations of all tasks have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Metrics = dict[str, float]
Flags = NDArray[np.bool_]
Plot = tuple[str, str]
"""Title and image, as a data URI."""

ERRORS = frozenset({"log_loss", "brier", "rmse", "mae", "median_ae", "baseline_rmse"})
"""Metrics of which less is better, down to 0; of all others more is, up to 1."""

GOLDEN = 8
"""Golden examples of a model, unless it has more classes than that."""


@dataclass(frozen=True)
class Evaluation(ABC):
    """What a model answered to rows that it has not seen, and what was true.

    Attributes:
        slices: Slice name (`feature=value`) → which rows belong to it.
    """

    slices: Mapping[str, Flags]

    headings: ClassVar[Mapping[str, str]]
    """Metric → its heading, in the order in which they are read."""

    judged: ClassVar[tuple[str, ...]]
    """The metrics by which it is decided whether a model has become worse."""

    loss: ClassVar[str]
    """What `losses` are, for people."""

    parts_title: ClassVar[str] = ""
    """What `parts` are: classes, targets."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    @abstractmethod
    def metrics(self, rows: Flags) -> Metrics:
        """Returns the metrics of some of the rows, `rows` (how many) among them."""

    @property
    @abstractmethod
    def losses(self) -> NDArray[np.float64]:
        """How wrong the answer to each row is, shape `[N]`: by it two models are compared."""

    @abstractmethod
    def varied_rows(self) -> list[int]:
        """Returns some rows whose answers differ as much as the answers do."""

    @abstractmethod
    def plots(self) -> list[Plot]:
        """Draws what the model gets right and wrong."""

    @property
    @abstractmethod
    def reading(self) -> str:
        """How the metrics are to be read, in a sentence or two."""

    @property
    @abstractmethod
    def target_facts(self) -> list[tuple[str, str]]:
        """What is true of the rows, for the report: name and value."""

    def parts(self) -> dict[str, Metrics]:
        """Returns the metrics of each class or target; none where there is but one."""
        return {}

    def performance(self) -> dict[str, Metrics]:
        """Returns the metrics of all rows, of each part, and of each slice that has rows."""
        result = {"overall": self.metrics(np.ones(len(self), dtype=bool))} | self.parts()
        return result | {
            name: self.metrics(rows) for name, rows in self.slices.items() if rows.any()
        }


def spread(order: NDArray[Any], count: int) -> list[int]:
    """Returns up to `count` of some rows in an order, evenly, the first and the last among them."""
    steps = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    found: list[int] = order[steps].tolist()
    return found
