"""Linear pipelines of texts, scored by a dictionary and one matrix product.

scikit-learn makes, checks and converts a sparse matrix in each of a pipeline's steps, which for one
text takes many times as long as finding its terms.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from framework.recipes.text_terms import terms_of

Numbers = NDArray[np.float64]
Texts = Sequence[str]

_TOLERANCE = 1e-9
_PROBED = 100


def quickened(pipeline: Any) -> Any:
    """Returns a pipeline that scores as a fitted one of scikit-learn's does, in less time.

    That is for pipelines that count terms, may weigh them by TF-IDF, and are linear in the outcome.
    Any other is returned as it is, and so is one whose scores would not be the same.
    """
    if type(pipeline) is not Pipeline:
        return pipeline
    *before, linear = [step for _, step in pipeline.steps]
    quick_type = _QUICK.get(type(linear))
    if quick_type is None or tuple(map(type, before)) not in _BEFORE:
        return pipeline
    vectorizer, weighting = before[0], before[-1]
    if not _are_known(vectorizer, weighting, linear):
        return pipeline
    quick = quick_type.of(pipeline, LinearTexts(vectorizer, weighting, linear))
    return quick if quick.agrees(pipeline) else pipeline


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


class _Quick(Pipeline):  # type: ignore[misc]
    """A fitted pipeline of which one method takes the short way; all else is scikit-learn's."""

    _linear_texts: LinearTexts
    _method: str

    @classmethod
    def of(cls, pipeline: Pipeline, linear_texts: LinearTexts) -> Self:
        quick = cls(pipeline.steps)
        quick._linear_texts = linear_texts
        return quick

    def agrees(self, pipeline: Pipeline) -> bool:
        """Whether both ways come to the same for texts made of some of its own terms."""
        terms = [str(term) for term in pipeline[0].vocabulary_]
        some = terms[:: 1 + len(terms) // _PROBED]
        texts = [" ".join(some), " ".join(some[::2] + some[::3]), ""]
        expected = getattr(pipeline, self._method)(texts)
        return all(
            np.allclose(getattr(self, self._method)(one), right, rtol=_TOLERANCE, atol=_TOLERANCE)
            for one, right in [(texts, expected), (texts[1:2], expected[1:2])]
        )


class TextClassifier(_Quick):
    """Its probabilities take the short way."""

    _method = "predict_proba"

    def predict_proba(self, X: Texts) -> Numbers:  # noqa: N803 - scikit-learn's name
        """Returns the probability of each class, shape `[N, classes]`."""
        scores = self._linear_texts(X)
        if scores.shape[1] == 1:
            second = expit(scores)
            return np.hstack([1 - second, second])
        # The functions behind `max` and `sum`, whose own cost shows with a single text.
        scores -= np.maximum.reduce(scores, axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= np.add.reduce(scores, axis=1, keepdims=True)
        return scores


class TextRegressor(_Quick):
    """Its predictions take the short way."""

    _method = "predict"

    def predict(self, X: Texts) -> Numbers:  # noqa: N803 - scikit-learn's name
        """Returns the value of each text, shape `[N]`, or `[N, outputs]`."""
        values = self._linear_texts(X)
        return values[:, 0] if self[-1].coef_.ndim == 1 else values


_BEFORE = [(CountVectorizer,), (CountVectorizer, TfidfTransformer), (TfidfVectorizer,)]
_QUICK: dict[type, type[_Quick]] = {
    LogisticRegression: TextClassifier,
    Ridge: TextRegressor,
    LinearRegression: TextRegressor,
}


def _are_known(vectorizer: Any, weighting: Any, linear: Any) -> bool:
    """Whether fitted steps compute on texts, in 64 bits, with finite numbers that fit together."""
    numbers = [linear.coef_, linear.intercept_, getattr(weighting, "idf_", 1.0)]
    terms = len(vectorizer.vocabulary_)
    return (
        vectorizer.input == "content"
        and vectorizer.dtype in (np.int64, np.float64)
        and all(np.asarray(one).dtype == np.float64 for one in numbers)
        and all(np.isfinite(one).all() for one in numbers)
        and np.shape(linear.coef_)[-1] == terms
        and set(vectorizer.vocabulary_.values()) == set(range(terms))
    )
