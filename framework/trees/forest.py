"""Boosted trees as such, whichever library has fitted them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Objective = Literal["identity", "signed_square", "exponential", "sigmoid", "softmax", "softplus"]
"""What turns the sum of a row's leaves into its score."""

MAX_LEAVES = 100_000
"""Most leaves of a forest that is worth laying out when a worker starts: a second, 3 MB."""


class UnfitForestError(ValueError):
    """Trees that are left to the library that fitted them; the message says why."""


@dataclass(frozen=True, slots=True)
class NumericalSplit:
    """Sends a row to the left if a value is not above a threshold.

    Attributes:
        column: Where in the row the value is.
        threshold: Not NaN.
        missing_left: Whether NaN goes to the left; None where it goes as zero does.
        zero_left: The same of what the library takes for zero; None where the threshold decides.
    """

    column: int
    threshold: float
    missing_left: bool | None = None
    zero_left: bool | None = None


@dataclass(frozen=True, slots=True)
class CategoricalSplit:
    """Sends a row to the left if a value, cut to an integer, is one of some categories.

    Attributes:
        column: Where in the row the value is.
        categories: Those that go to the left, ascending. All other values go to the right.
    """

    column: int
    categories: tuple[int, ...]


Split = NumericalSplit | CategoricalSplit


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree. A child that is negative is a leaf: `~child` is its position.

    Attributes:
        splits: The root first, and every split before those below it.
        left: Left child of each.
        right: Right child of each.
        leaves: The values that are added up.
    """

    splits: Sequence[Split]
    left: Sequence[int]
    right: Sequence[int]
    leaves: Sequence[float]


@dataclass(frozen=True)
class Forest:
    """Trees whose leaves are added up, each output's in their order.

    Attributes:
        features: Numbers of a row.
        outputs: Scores of a row; the trees take turns.
        trees: The trees.
        objective: What turns a sum into a score.
        sigmoid: Its steepness, where it is a sigmoid.
        divisor: What the sums are divided by before that.
    """

    features: int
    outputs: int
    trees: Sequence[Tree]
    objective: Objective
    sigmoid: float = 1.0
    divisor: float = 1.0
