"""What the rows looked like that a model was measured on: bins and how many rows fell into each.

The card keeps them, so that monitoring can tell by counts alone whether the rows of today come from
elsewhere. They are of held-out rows: a model is surer of rows that it has learnt, and no word of
its own training texts is new to it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

MOST_BINS = 10
Counts = NDArray[np.int64]
Hashes = NDArray[np.uint32]


@dataclass(frozen=True)
class Column:
    """Something that is watched, one value for each row.

    Attributes:
        values: Numbers, or positions in `categories`; NaN where a value is missing; shape `[N]`.
        categories: Names of the categories, if they are categories.
    """

    values: NDArray[np.float64]
    categories: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NumberBins(_Frozen):
    """A number: tenths of the rows, or its values where it has ten or fewer."""

    kind: Literal["number"] = "number"
    starts: list[float] = Field(
        max_length=MOST_BINS, description="Where each bin begins; it ends where the next begins."
    )
    high: float | None = Field(description="Largest value, with which the last bin ends.")
    exact: bool = Field(description="Whether each bin had a single value.")
    counts: list[int] = Field(description="Rows in each bin.")
    missing: int = Field(description="Rows without a value.")

    @classmethod
    def of(cls, column: Column) -> Self:
        """Lays bins through the values of a column, and counts them."""
        finite = column.values[np.isfinite(column.values)]
        starts = np.unique(finite)
        exact = len(starts) <= MOST_BINS
        if not exact:
            shares = np.arange(MOST_BINS) / MOST_BINS
            starts = np.unique(np.quantile(finite, shares, method="higher"))
        bins = cls(
            starts=starts.tolist(),
            high=float(finite.max()) if len(finite) else None,
            exact=exact,
            counts=[0] * len(starts),
            missing=0,
        )
        counted = bins.count(Column(finite)).tolist()
        missing = int(np.isnan(column.values).sum())
        return bins.model_copy(update={"counts": counted[1:-2], "missing": missing})

    @property
    def labels(self) -> list[str]:
        """Names of what `count` counts."""
        if self.high is None:
            return ["any value", "above", "missing"]
        ends = [*self.starts[1:], self.high]
        inside = [
            f"{start:.4g}" if self.exact else f"{start:.4g} to {end:.4g}"
            for start, end in zip(self.starts, ends, strict=True)
        ]
        return [f"below {self.starts[0]:.4g}", *inside, f"above {self.high:.4g}", "missing"]

    @property
    def reference(self) -> Counts:
        """What `count` would count in the reference rows."""
        return np.array([0, *self.counts, 0, self.missing], dtype=np.int64)

    def count(self, column: Column) -> Counts:
        """Counts the rows below all bins, in each, above all, and those without a value."""
        present = column.values[~np.isnan(column.values)]
        places = np.searchsorted(self.starts, present, side="right")
        if self.high is not None:
            places[present > self.high] = len(self.starts) + 1
        counts = np.bincount(places, minlength=len(self.starts) + 2)
        return np.append(counts, len(column) - len(present)).astype(np.int64)

    def unseen(self, column: Column) -> int:
        """Counts the rows whose value lies outside the range of the reference rows."""
        counts = self.count(column)
        return int(counts[0] + counts[-2])


class CategoryBins(_Frozen):
    """Categories, and how many rows are of each."""

    kind: Literal["category"] = "category"
    counts: dict[str, int] = Field(description="Category → rows, also of those without any.")
    missing: int = Field(description="Rows without a value.")

    @classmethod
    def of(cls, column: Column) -> Self:
        """Counts the categories of a column."""
        bins = cls(counts=dict.fromkeys(column.categories, 0), missing=0)
        *counts, missing = bins.count(column).tolist()
        named = dict(zip(column.categories, counts, strict=True))
        return cls(counts=named, missing=missing)

    @property
    def labels(self) -> list[str]:
        """Names of what `count` counts."""
        return [*self.counts, "missing"]

    @property
    def reference(self) -> Counts:
        """What `count` would count in the reference rows."""
        return np.array([*self.counts.values(), self.missing], dtype=np.int64)

    def count(self, column: Column) -> Counts:
        """Counts the rows of each category, and those without a value."""
        present = column.values[~np.isnan(column.values)].astype(np.intp)
        counts = np.bincount(present, minlength=len(self.counts))
        return np.append(counts, len(column) - len(present)).astype(np.int64)

    def unseen(self, column: Column) -> int:
        """Counts the rows of categories that no reference row is of."""
        *known, _ = self.reference.tolist()
        return int(self.count(column)[:-1][np.array(known, dtype=np.int64) == 0].sum())


Bins = Annotated[NumberBins | CategoryBins, Field(discriminator="kind")]


def bins_of(column: Column) -> NumberBins | CategoryBins:
    """Lays the bins that suit a column, and counts its rows."""
    return CategoryBins.of(column) if column.categories else NumberBins.of(column)


class Words(_Frozen):
    """Which words the training texts have, as hashes: the words themselves are not kept."""

    hashes: str = Field(description="Sorted CRC-32 of each word, little-endian, in Base64.")

    @classmethod
    def of(cls, hashes: Sequence[int]) -> Self:
        """Keeps the hashes of words."""
        packed = np.array(sorted(hashes), dtype="<u4").tobytes()
        return cls(hashes=base64.b64encode(packed).decode())

    @cached_property
    def known(self) -> frozenset[int]:
        """The hashes."""
        return frozenset(np.frombuffer(base64.b64decode(self.hashes), dtype="<u4").tolist())


class Reference(_Frozen):
    """Bins and counts of the held-out rows."""

    rows: int = Field(description="How many rows they are.")
    features: dict[str, Bins] = Field(description="Column of the records → its bins.")
    answers: dict[str, Bins] = Field(description="Column of the answers → its bins.")
    words: dict[str, Words] = Field(
        default={}, description="Text field → the most frequent words of the training texts."
    )

    @property
    def columns(self) -> dict[str, NumberBins | CategoryBins]:
        """All of them; those of the answers under `answer.<name>`."""
        return {**self.features, **{f"answer.{name}": bins for name, bins in self.answers.items()}}
