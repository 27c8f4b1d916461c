"""Linear functions of the terms of texts: nothing here needs scikit-learn."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from framework.recipes.text_terms import terms_of

Numbers = NDArray[np.float64]
Texts = Sequence[str]


class LinearTexts:
    """A linear function of the terms of texts; may be called from several threads.

    Args:
        vectorizer: Fitted; finds and counts the terms.
        weighting: What weighs the counts: a TF-IDF step, or the vectorizer itself.
        linear: Fitted; has a coefficient for each term and output.
    """

    def __init__(self, vectorizer: Any, weighting: Any, linear: Any) -> None:
        self._terms = terms_of(vectorizer)
        self._place = vectorizer.vocabulary_.get
        self._is_binary: bool = vectorizer.binary
        self._is_sublinear: bool = getattr(weighting, "sublinear_tf", False)
        self._norm: str | None = getattr(weighting, "norm", None)
        self._idf: Numbers | None = getattr(weighting, "idf_", None)
        # A row for each term, in one piece.
        self._weights = np.ascontiguousarray(np.atleast_2d(linear.coef_).T)
        self._intercept = linear.intercept_

    def __call__(self, texts: Texts) -> Numbers:
        """Returns what each text comes to, shape `[N, outputs]`."""
        if len(texts) == 1:
            return self._one(texts[0])[np.newaxis]
        found: list[int] = []
        counts: list[int] = []
        ends = [0]
        for text in texts:
            counted = self._counted(text)
            found += counted
            counts += counted.values()
            ends.append(len(found))
        places, values = self._weighed(found, counts)
        shape = len(texts), len(self._weights)
        sums = cast(Numbers, csr_array((values, places, ends), shape=shape) @ self._weights)
        if self._norm is not None:
            rows = np.repeat(np.arange(len(texts)), np.diff(ends))
            sizes = np.abs(values) if self._norm == "l1" else values * values
            lengths = np.bincount(rows, sizes, len(texts))
            lengths = lengths if self._norm == "l1" else np.sqrt(lengths)
            sums /= np.where(lengths, lengths, 1)[:, np.newaxis]
        sums += self._intercept
        return sums

    def _one(self, text: str) -> Numbers:
        """The same of a single text, for which a sparse matrix would take longer to make."""
        counted = self._counted(text)
        places, values = self._weighed([*counted], [*counted.values()])
        sums: Numbers = values @ self._weights.take(places, axis=0)
        if self._norm is not None:
            is_l1 = self._norm == "l1"
            length = np.abs(values).sum() if is_l1 else math.sqrt(values @ values)
            sums /= length or 1
        sums += self._intercept
        return sums

    def _counted(self, text: str) -> Counter[int]:
        """Returns how often each term that is known is there, by its place."""
        counted = Counter(map(self._place, self._terms(text)))
        counted.pop(None, None)
        return counted

    def _weighed(self, found: list[int], counts: list[int]) -> tuple[NDArray[np.intp], Numbers]:
        places = np.array(found, dtype=np.intp)
        values = np.ones(len(counts)) if self._is_binary else np.array(counts, dtype=np.float64)
        if self._is_sublinear:
            np.log(values, out=values)
            values += 1
        if self._idf is not None:
            values *= self._idf.take(places)
        return places, values


def probabilities(scores: Numbers) -> Numbers:
    """Returns the probability of each class, shape `[N, classes]`, as logistic regression has it.

    Args:
        scores: Shape `[N, classes]`, or `[N, 1]` of two classes; they are changed.
    """
    if scores.shape[1] == 1:
        second = expit(scores)
        return np.hstack([1 - second, second])
    # The functions behind `max` and `sum`, whose own cost shows with a single text.
    scores -= np.maximum.reduce(scores, axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, axis=1, keepdims=True)
    return scores
