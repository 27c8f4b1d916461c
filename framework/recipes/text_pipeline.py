"""Linear pipelines of texts, scored by a dictionary and one matrix product.

scikit-learn makes, checks and converts a sparse matrix in each of a pipeline's steps, which for one
text takes many times as long as finding its terms.
"""

from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from framework.recipes.text_linear import LinearTexts, Numbers, Texts, probabilities

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
    return quick if agree(quick, pipeline, quick.method) else pipeline


class Quick(Pipeline):  # type: ignore[misc]
    """A fitted pipeline of which one method takes the short way; all else is scikit-learn's."""

    _linear_texts: LinearTexts
    method: str

    @classmethod
    def of(cls, pipeline: Pipeline, linear_texts: LinearTexts) -> Self:
        """Makes one of a fitted pipeline, and what scores its texts."""
        quick = cls(pipeline.steps)
        quick._linear_texts = linear_texts
        return quick


def agree(quick: Any, pipeline: Pipeline, method: str) -> bool:
    """Whether both come to the same for texts made of some of a pipeline's own terms."""
    terms = [str(term) for term in pipeline[0].vocabulary_]
    some = terms[:: 1 + len(terms) // _PROBED]
    texts = [" ".join(some), " ".join(some[::2] + some[::3]), ""]
    expected = getattr(pipeline, method)(texts)
    return all(
        np.allclose(getattr(quick, method)(one), right, rtol=_TOLERANCE, atol=_TOLERANCE)
        for one, right in [(texts, expected), (texts[1:2], expected[1:2])]
    )


class TextClassifier(Quick):
    """Its probabilities take the short way."""

    method = "predict_proba"

    def predict_proba(self, X: Texts) -> Numbers:  # noqa: N803 - scikit-learn's name
        """Returns the probability of each class, shape `[N, classes]`."""
        return probabilities(self._linear_texts(X))


class TextRegressor(Quick):
    """Its predictions take the short way."""

    method = "predict"

    def predict(self, X: Texts) -> Numbers:  # noqa: N803 - scikit-learn's name
        """Returns the value of each text, shape `[N]`, or `[N, outputs]`."""
        values = self._linear_texts(X)
        return values[:, 0] if self[-1].coef_.ndim == 1 else values


_BEFORE = [(CountVectorizer,), (CountVectorizer, TfidfTransformer), (TfidfVectorizer,)]
_QUICK: dict[type, type[Quick]] = {
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
