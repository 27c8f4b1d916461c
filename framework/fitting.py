"""What fitting a model takes and gives, and where it may take it from."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from framework.card import DataKind

Ranking = list[tuple[str, float]]
Progress = Callable[[int, str], AbstractContextManager[Any]]
"""Makes a progress bar of so many steps under a label; `update()` takes a step."""


@dataclass(frozen=True)
class Source:
    """Rows that a model can be trained on without a file.

    Attributes:
        kind: `simulated`, or `builtin` for a public data set that a library ships.
        name: What it is, for people: `simulation`, `scikit-learn: diabetes`.
        load: Returns the columns of the table: name → values.
    """

    kind: DataKind
    name: str
    load: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Examples:
    """Records with what is true of them.

    Attributes:
        records: The records (`framework.records.Records`).
        features: Their feature matrix.
        target: What is true: positions of classes (shape `[N]`), values (`[N]`), or several
            values each (`[N, outputs]`).
        classes: Names of the classes, in the order of their positions; empty for numbers.
    """

    records: Any
    features: NDArray[Any]
    target: NDArray[Any]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator, not yet measured or stored.

    Attributes:
        files: Name → content of the files to store.
        estimator: The estimator, loaded from that content: what serves is what is measured.
        parameters: For the card.
        rankings_title: What `rankings` shows.
        rankings: Group (a class, an output, or empty) → features with their weight, largest first.
        notes: Sentences about the fit that a report should tell.
        classes: Classes in the order of the scores, where the files themselves name them.
    """

    files: dict[str, bytes]
    estimator: Any
    parameters: dict[str, Any]
    rankings_title: str = ""
    rankings: dict[str, Ranking] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    classes: tuple[str, ...] = ()
